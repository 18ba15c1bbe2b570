/**
 * @file error.h
 * @brief The one error list of the device library. 0 is success; numbers are never reused.
 *
 * The third column is for a `fail` report: the digit of its negative `result_code`, then its
 * `result_msg`, short, for an operator's eyes; errors that are never reported have no words. The
 * last is for the person at the device. Freestanding.
 */
#ifndef FERRY_ERROR_H
#define FERRY_ERROR_H

/* name, number, on the wire, for people */
#define FERRY_DEVICE_ERR_LIST(X)                                                                                     \
    X(FERRY_DEVICE_OK, 0, "0", "success")                                                                             \
    X(FERRY_DEVICE_E_ARG, 1, "1", "an argument is outside its legal range")                                   \
    X(FERRY_DEVICE_E_MEMORY, 2, "1", "the memory given is too small")                                           \
    X(FERRY_DEVICE_E_STATE, 3, "1", "not possible in the present state")                                         \
    X(FERRY_DEVICE_E_SNAPSHOT, 4, "1", "the saved state is damaged, of another version or of another device") \
    X(FERRY_DEVICE_E_UNWANTED, 5, "1", "this answer is not wanted: close the connection")                     \
    X(FERRY_DEVICE_E_NETWORK, 6, "1", "the network or the other side failed again and again")                  \
    X(FERRY_DEVICE_E_SILENT, 7, "1", "the platform does not answer")                                           \
    X(FERRY_DEVICE_E_REFUSED, 8, "1refused", "the platform refused")                                                  \
    X(FERRY_DEVICE_E_CREDENTIAL, 9, "1", "the broker refused this device's credential")                     \
    X(FERRY_DEVICE_E_TLS, 10, "1tls", "the other side's certificate could not be trusted")                            \
    X(FERRY_DEVICE_E_URL, 11, "3sign invalid", "the object URL was refused, also a fresh one")                        \
    X(FERRY_DEVICE_E_HTTP, 12, "1http", "the object store gave an answer that makes no sense here")                   \
    X(FERRY_DEVICE_E_DIGEST, 13, "4md5sum not matched", "the bytes do not have the announced MD5")                    \
    X(FERRY_DEVICE_E_SOURCE, 14, "2file_not_exist", "the file cannot be read, or changed meanwhile")                  \
    X(FERRY_DEVICE_E_STORE, 15, "1cannot write", "the file cannot be written")                                        \
    X(FERRY_DEVICE_E_SPACE, 16, "1no space", "there is not enough free space")                                        \
    X(FERRY_DEVICE_E_NAME, 17, "1bad name",                                                                       \
      "the name cannot be used here: a path, a hidden file, or a file that is not Ferry's")                          \
    X(FERRY_DEVICE_E_CANCELLED, 18, "1", "the platform cancelled the transfer")                              \
    X(FERRY_DEVICE_E_STOPPED, 19, "1stopped", "the transfer was cancelled here")                            \
    X(FERRY_DEVICE_E_NO_TASK, 20, "1", "there is nothing to fetch")                                            \
    X(FERRY_DEVICE_E_UNCONFIRMED, 21, "1", "the platform has not confirmed the result yet")                \
    X(FERRY_DEVICE_E_TIMEOUT, 22, "1", "time ran out")                                                        \
    X(FERRY_DEVICE_E_SYSTEM, 23, "1", "the operating system refused a resource")                                \
    X(FERRY_DEVICE_E_BUSY, 24, "1", "another process works as this device")

typedef enum {
#define X(name, number, wire, text) name = (number),
    FERRY_DEVICE_ERR_LIST(X)
#undef X
} ferry_device_err;

/** Marks a function whose status must be looked at; a deliberate drop is written (void). */
#define FERRY_DEVICE_MUST_CHECK __attribute__((warn_unused_result))
/** Marks what libferry.so exports; everything else stays inside. */
#define FERRY_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/** @brief The sentence for people; never null. Static storage, any thread. */
FERRY_API const char *ferry_device_err_text(ferry_device_err err);

#ifdef __cplusplus
}
#endif

#endif
