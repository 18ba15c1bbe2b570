/**
 * @file result.h
 * @brief The result codes of the wire: what `result_code` means in each direction. One list.
 *
 * Negative codes are the vendor's and come from devices. Positive ones are ours and come from the
 * platform. Numbers are never reused: devices in the field and databases hold them.
 */
#ifndef PROTO_RESULT_H
#define PROTO_RESULT_H

/* name, number, what result_msg says (short, what to do; without " \ { } [ ], see docs/protocol.md) */
#define FERRY_RESULT_LIST(X)                                                                      \
    X(FERRY_RESULT_MD5_MISMATCH, -4, "the MD5 of the bytes is not the announced one")             \
    X(FERRY_RESULT_URL_REFUSED, -3, "the object URL was refused")                                 \
    X(FERRY_RESULT_FILE_MISSING, -2, "the file does not exist")                                   \
    X(FERRY_RESULT_TIME_OUT, -1, "time out or other failure")                                     \
    X(FERRY_RESULT_OK, 0, "ok")                                                                   \
    X(FERRY_RESULT_BAD_JSON, 1, "the message is not valid JSON: check quotes and commas")         \
    X(FERRY_RESULT_BAD_NAME, 2, "name must be 1 to 255 bytes of UTF-8 without control characters") \
    X(FERRY_RESULT_BAD_SIZE, 3, "size must be a whole number of bytes from 1")                    \
    X(FERRY_RESULT_TOO_LARGE, 4, "the file is larger than the platform accepts")                  \
    X(FERRY_RESULT_BAD_MD5, 5, "md5sum must be 32 hexadecimal digits")                            \
    X(FERRY_RESULT_QUOTA, 6, "the storage quota is used up: remove files or ask the operator")    \
    X(FERRY_RESULT_BUSY, 7, "the platform is busy: try again in some seconds")                    \
    X(FERRY_RESULT_NO_TASK, 8, "there is no such task")                                           \
    X(FERRY_RESULT_NO_OBJECT, 9, "the platform has no complete file: send it again")              \
    X(FERRY_RESULT_CANCELLED, 10, "the task was cancelled")                                       \
    X(FERRY_RESULT_EXPIRED, 11, "the task expired: ask again")                                    \
    X(FERRY_RESULT_TOO_MANY_TASKS, 12, "too many open uploads: finish one first")                 \
    X(FERRY_RESULT_UNKNOWN_DEVICE, 13, "this device is not registered or is disabled")            \
    X(FERRY_RESULT_INTERNAL, 14, "the platform could not keep the answer: try again later")       \
    X(FERRY_RESULT_FINISHED, 15, "the task has ended already")

typedef enum {
#define X(name, number, text) name = (number),
    FERRY_RESULT_LIST(X)
#undef X
} ferry_result;

#ifdef __cplusplus
extern "C" {
#endif

/** @brief What the list says about a code; "unknown result" for a number that is not in it. */
const char *ferry_result_text(int code);

#ifdef __cplusplus
}
#endif

#endif
