/**
 * @file error.h
 * @brief The one error list of the hosted code: server, broker plugin and tools.
 *
 * 0 is success. Numbers are never reused: they appear in logs. The device library and the wire
 * have lists of their own (ferry/error.h, proto/result.h) that are never mixed into this one.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define FERRY_ERR_LIST(X)                                                                         \
    X(FERRY_OK, 0, "success")                                                                     \
    X(FERRY_E_NOMEM, 1, "out of memory")                                                          \
    X(FERRY_E_ARG, 2, "an argument is outside its legal range")                                   \
    X(FERRY_E_IO, 3, "input or output failed")                                                    \
    X(FERRY_E_FULL, 4, "no space left")                                                           \
    X(FERRY_E_BUSY, 5, "busy, try again later")                                                   \
    X(FERRY_E_NOT_FOUND, 6, "not found")                                                          \
    X(FERRY_E_EXISTS, 7, "exists already")                                                        \
    X(FERRY_E_LIMIT, 8, "a limit is reached")                                                     \
    X(FERRY_E_FORMAT, 9, "malformed input")                                                       \
    X(FERRY_E_DIGEST, 10, "the digest of the bytes is not the expected one")                      \
    X(FERRY_E_SIZE, 11, "the number of bytes is not the expected one")                            \
    X(FERRY_E_STATE, 12, "not allowed in the present state")                                      \
    X(FERRY_E_DENIED, 13, "permission denied")                                                    \
    X(FERRY_E_EXPIRED, 14, "expired")                                                             \
    X(FERRY_E_READONLY, 15, "the medium is read-only")                                            \
    X(FERRY_E_CORRUPT, 16, "stored data is damaged")                                              \
    X(FERRY_E_CLOSED, 17, "shut down")                                                            \
    X(FERRY_E_TIMEOUT, 18, "time ran out")                                                        \
    X(FERRY_E_NETWORK, 19, "the network failed")                                                  \
    X(FERRY_E_UNSUPPORTED, 20, "not supported")                                                   \
    X(FERRY_E_VERSION, 21, "made by a newer version of the program")                              \
    X(FERRY_E_QUOTA, 22, "the quota is used up")                                                  \
    X(FERRY_E_STALE, 23, "it has changed meanwhile")                                              \
    X(FERRY_E_AGAIN, 24, "nothing was done, and it is to be tried again")

typedef enum {
#define X(name, number, text) name = (number),
    FERRY_ERR_LIST(X)
#undef X
} ferry_err;

/** Marks a function whose status must be looked at; a deliberate drop is written ferry_drop(...). */
#define FERRY_MUST_CHECK __attribute__((warn_unused_result))

/** @brief Drops a status on purpose: GCC warns even when the result is cast to void. Say why beside it. */
static inline void ferry_drop(ferry_err err)
{
    (void)err;
}

/** @brief The name of an error ("FERRY_E_IO"), or "FERRY_E_UNKNOWN". Static storage. Any thread. */
const char *ferry_err_name(ferry_err err);

/** @brief A short English sentence about the error, never null. Static storage. Any thread. */
const char *ferry_err_text(ferry_err err);

/** @brief Maps errno: ENOSPC and EDQUOT to FULL, EACCES and EPERM to DENIED, ENOENT to NOT_FOUND,
 *  EROFS to READONLY, ENOMEM to NOMEM, EEXIST to EXISTS, ETIMEDOUT to TIMEOUT, else IO. */
ferry_err ferry_err_from_errno(int errnum);

#endif
