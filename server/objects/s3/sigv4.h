/**
 * @file sigv4.h
 * @brief AWS Signature Version 4, as S3 wants it: in the query of a URL (presigned) or in a header. Pure; any thread.
 */
#ifndef OBJECTS_S3_SIGV4_H
#define OBJECTS_S3_SIGV4_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIGV4_PAIRS_MAX = 16,          /**< parameters of a query with the signature's own, or headers with host */
    SIGV4_LIFE_MAX_S = 7 * 86400,  /**< what S3 accepts */
    SIGV4_TIME_SIZE = 17,          /**< "20130524T000000Z" and its NUL */
    SIGV4_PAIR_TEXT_MAX = 8192,    /**< characters of all parameters or headers together */
};

#define SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/** @brief A parameter or a header; names of headers in lower case. Texts as they are, not yet encoded. */
struct sigv4_pair {
    const char *name, *value;
};

/** @brief Who signs, for which place. */
struct sigv4_signer {
    const char *access_key, *secret_key;
    const char *session_token; /**< null: none */
    const char *region;
};

/** @brief What is signed. */
struct sigv4_request {
    const char *method;
    const char *path; /**< encoded, begins with a slash */
    const char *host; /**< as the Host header will say it */
    const struct sigv4_pair *query;
    size_t query_count;
    const struct sigv4_pair *headers; /**< those that are signed, without host */
    size_t headers_count;
    const char *payload; /**< SHA-256 in hexadecimal, or SIGV4_UNSIGNED_PAYLOAD */
};

/** @brief Appends text as a URL holds it: everything is %XX but letters, digits, -._~ and, with keep_slash, slashes. */
FERRY_MUST_CHECK ferry_err sigv4_encode(struct ferry_buf *out, const char *text, bool keep_slash);

/** @brief The time as S3 writes it. @retval FERRY_E_ARG after the year 9999 */
FERRY_MUST_CHECK ferry_err sigv4_time(uint64_t unix_s, char out[SIGV4_TIME_SIZE]);

/**
 * @brief Appends "path?query" with the signature, which is good for life_s from unix_s on.
 * @retval FERRY_E_ARG life_s is 0 or more than SIGV4_LIFE_MAX_S | FERRY_E_LIMIT too many pairs, or longer than out may be |
 *         FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err sigv4_presign(const struct sigv4_signer *signer, const struct sigv4_request *request,
                                         uint64_t unix_s, uint64_t life_s, struct ferry_buf *out);

/**
 * @brief Appends the value of the Authorization header. The request must carry x-amz-date (sigv4_time) and x-amz-content-sha256,
 *        with a session token x-amz-security-token, all among the headers that are signed.
 * @retval FERRY_E_LIMIT | FERRY_E_NOMEM | FERRY_E_ARG
 */
FERRY_MUST_CHECK ferry_err sigv4_authorize(const struct sigv4_signer *signer, const struct sigv4_request *request,
                                           uint64_t unix_s, struct ferry_buf *out);

#endif
