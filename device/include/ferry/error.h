/**
 * @file error.h
 * @brief The one error list of the device library. 0 is success; numbers are never reused.
 *
 * The third column is the `result_msg` of a `fail` report: short, for an operator's eyes. The last
 * is for the person at the device. Freestanding.
 */
#ifndef FERRY_ERROR_H
#define FERRY_ERROR_H

/* name, number, on the wire, for people */
#define FERRY_DEVICE_ERR_LIST(X)                                                                                     \
    X(FERRY_DEVICE_OK, 0, "", "success")                                                                             \
    X(FERRY_DEVICE_E_ARG, 1, "argument", "an argument is outside its legal range")                                   \
    X(FERRY_DEVICE_E_MEMORY, 2, "memory", "the memory given is too small")                                           \
    X(FERRY_DEVICE_E_STATE, 3, "state", "not possible in the present state")                                         \
    X(FERRY_DEVICE_E_SNAPSHOT, 4, "snapshot", "the saved state is damaged, of another version or of another device") \
    X(FERRY_DEVICE_E_UNWANTED, 5, "unwanted", "this answer is not wanted: close the connection")                     \
    X(FERRY_DEVICE_E_NETWORK, 6, "network", "the network or the other side failed again and again")                  \
    X(FERRY_DEVICE_E_SILENT, 7, "silence", "the platform does not answer")                                           \
    X(FERRY_DEVICE_E_REFUSED, 8, "refused", "the platform refused")                                                  \
    X(FERRY_DEVICE_E_CREDENTIAL, 9, "credential", "the broker refused this device's credential")                     \
    X(FERRY_DEVICE_E_TLS, 10, "tls", "the other side's certificate could not be trusted")                            \
    X(FERRY_DEVICE_E_URL, 11, "sign invalid", "the object URL was refused, also a fresh one")                        \
    X(FERRY_DEVICE_E_HTTP, 12, "http", "the object store gave an answer that makes no sense here")                   \
    X(FERRY_DEVICE_E_DIGEST, 13, "md5sum not matched", "the bytes do not have the announced MD5")                    \
    X(FERRY_DEVICE_E_SOURCE, 14, "file_not_exist", "the file cannot be read, or changed meanwhile")                  \
    X(FERRY_DEVICE_E_STORE, 15, "cannot write", "the file cannot be written")                                        \
    X(FERRY_DEVICE_E_SPACE, 16, "no space", "there is not enough free space")                                        \
    X(FERRY_DEVICE_E_NAME, 17, "name refused",                                                                       \
      "the name cannot be used here: a path, a hidden file, or a file that is not Ferry's")                          \
    X(FERRY_DEVICE_E_CANCELLED, 18, "cancelled", "the platform cancelled the transfer")                              \
    X(FERRY_DEVICE_E_STOPPED, 19, "stopped by device", "the transfer was cancelled here")                            \
    X(FERRY_DEVICE_E_NO_TASK, 20, "no task", "there is nothing to fetch")                                            \
    X(FERRY_DEVICE_E_UNCONFIRMED, 21, "unconfirmed", "the platform has not confirmed the result yet")                \
    X(FERRY_DEVICE_E_TIMEOUT, 22, "time_out", "time ran out")                                                        \
    X(FERRY_DEVICE_E_SYSTEM, 23, "system", "the operating system refused a resource")                                \
    X(FERRY_DEVICE_E_BUSY, 24, "busy", "another process works as this device")

typedef enum {
#define X(name, number, wire, text) name = (number),
    FERRY_DEVICE_ERR_LIST(X)
#undef X
} ferry_device_err;

/** Marks a function whose status must be looked at; a deliberate drop is written (void). */
#define FERRY_DEVICE_MUST_CHECK __attribute__((warn_unused_result))

/** @brief The sentence for people; never null. Static storage, any thread. */
const char *ferry_device_err_text(ferry_device_err err);

#endif
