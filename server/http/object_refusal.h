/**
 * @file object_refusal.h
 * @brief Every way in which the object plane says no: one table of status, S3 code and sentence. Pure.
 *
 * Devices on the vendor's SDK understand 403 and 404 only, and hang on a GET that is answered otherwise
 * (docs/protocol.md): what such a device must not have is refused with one of these.
 */
#ifndef HTTP_OBJECT_REFUSAL_H
#define HTTP_OBJECT_REFUSAL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define OBJECT_REFUSAL_LIST(X)                                                                                \
    X(REFUSED_PATH, 404, "NoSuchKey", "There is nothing here.")                                               \
    X(REFUSED_URL, 403, "AccessDenied", "The URL is not as it was given out.")                                \
    X(REFUSED_SIGNATURE, 403, "SignatureDoesNotMatch", "The URL is not as it was given out.")                 \
    X(REFUSED_EXPIRED, 403, "AccessDenied", "The URL has expired: ask for a new one.")                        \
    X(REFUSED_METHOD, 403, "AccessDenied", "The URL was given out for another method.")                       \
    X(REFUSED_TASK, 404, "NoSuchKey", "There is no such task.")                                               \
    X(REFUSED_CANCELLED, 404, "NoSuchKey", "The task was cancelled or has ended.")                            \
    X(REFUSED_GONE, 404, "NoSuchKey", "The object is not there.")                                             \
    X(REFUSED_DAMAGED, 404, "NoSuchKey", "The object is damaged: the operator must send it again.")           \
    X(REFUSED_NOT_NOW, 404, "NoSuchKey", "The object cannot be given now: ask again later.")                  \
    X(REFUSED_REGISTER, 403, "AccessDenied", "The device cannot register itself: wrong signature, or it is known.") \
    X(REFUSED_HEAD_SIZE, 431, "RequestHeaderSectionTooLarge", "The head of the request is too long.")         \
    X(REFUSED_FRAMING, 400, "InvalidRequest", "The head of the request can be read in more than one way.")    \
    X(REFUSED_NO_LENGTH, 411, "MissingContentLength", "Content-Length is required.")                          \
    X(REFUSED_LENGTH, 400, "IncompleteBody", "Content-Length is less than the announced size.")               \
    X(REFUSED_BAD_LENGTH, 400, "InvalidArgument", "Content-Length is not one plain number.")                  \
    X(REFUSED_TOO_LARGE, 413, "EntityTooLarge", "The body is longer than the announced size.")                \
    X(REFUSED_MD5_FORM, 400, "InvalidDigest", "Content-MD5 is not the base64 form of 16 bytes.")              \
    X(REFUSED_MD5, 400, "BadDigest", "The MD5 is not the announced one.")                                     \
    X(REFUSED_FULL, 507, "InsufficientStorage", "There is no space left: try again later.")                   \
    X(REFUSED_QUOTA, 507, "QuotaExceeded", "The quota is used up: remove files or ask the operator.")         \
    X(REFUSED_BUSY, 503, "SlowDown", "Too much at once: try again later.")                                    \
    X(REFUSED_RATE, 503, "SlowDown", "Too many requests in a minute: try again later.")                       \
    X(REFUSED_SHARE, 503, "SlowDown", "This device has too much under way: try again when some of it is done.") \
    X(REFUSED_UNAVAILABLE, 503, "ServiceUnavailable", "The platform cannot do this now: try again later.")    \
    X(REFUSED_TUS_VERSION, 412, "PreconditionFailed", "Tus-Resumable must be 1.0.0.")                         \
    X(REFUSED_TUS_FORM, 400, "InvalidArgument", "Upload-Offset and Content-Length must be numbers.")          \
    X(REFUSED_TUS_TYPE, 415, "UnsupportedMediaType", "Content-Type must be application/offset+octet-stream.") \
    X(REFUSED_TUS_OFFSET, 409, "InvalidOffset", "Upload-Offset is not where the upload stands.")              \
    X(REFUSED_TUS_LOCKED, 423, "Locked", "Another request is sending to this upload: try again.")

typedef enum {
    REFUSED_NOT = 0,
#define X(name, status, code, message) name,
    OBJECT_REFUSAL_LIST(X)
#undef X
        OBJECT_REFUSAL_COUNT,
} object_refusal;

struct object_refusal_text {
    unsigned status;
    const char *body; /**< the S3 form; static storage */
    size_t body_len;
    bool retry_after; /**< worth trying again soon */
};

/** @brief The entry of the table; not for REFUSED_NOT. */
const struct object_refusal_text *object_refusal_text(object_refusal refusal);

/** @brief What to say when an upload could not be begun, written or finished. One place decides. */
object_refusal object_refusal_of_upload(ferry_err err);

/** @brief What to say when an object could not be opened. */
object_refusal object_refusal_of_download(ferry_err err);

/** @brief The form of a refusal that does not hang a vendor device at a GET. */
object_refusal object_refusal_for_vendor_get(object_refusal refusal);

#endif
