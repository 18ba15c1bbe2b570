/**
 * @file api_problem.h
 * @brief The errors of the API: one list of stable codes, each with its HTTP status (RFC 9457). Pure.
 */
#ifndef HTTP_API_PROBLEM_H
#define HTTP_API_PROBLEM_H

#include "base/error.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* name, code in the answer, HTTP status, what it says when nothing better is known */
#define API_PROBLEM_LIST(X)                                                                       \
    X(API_BAD_REQUEST, "bad_request", 400, "The request cannot be understood.")                   \
    X(API_INVALID_JSON, "invalid_json", 400, "The body is not one JSON object.")                  \
    X(API_UNKNOWN_FIELD, "unknown_field", 400, "The body has a field that this route does not know.") \
    X(API_MISSING_FIELD, "missing_field", 400, "A required field is missing.")                    \
    X(API_INVALID_FIELD, "invalid_field", 400, "A field has a value that is not allowed.")        \
    X(API_UNKNOWN_PARAMETER, "unknown_parameter", 400, "The query has a parameter that this route does not know.") \
    X(API_MISSING_PARAMETER, "missing_parameter", 400, "A required parameter of the query is missing.") \
    X(API_INVALID_PARAMETER, "invalid_parameter", 400, "A parameter of the query has a value that is not allowed.") \
    X(API_INVALID_HEADER, "invalid_header", 400, "A header has a value that is not allowed.")     \
    X(API_BAD_DIGEST, "bad_digest", 400, "The bytes do not have the announced digest. Nothing was kept: send them again.") \
    X(API_BAD_LENGTH, "bad_length", 400, "The number of bytes is not the announced one. Nothing was kept: send them again.") \
    X(API_UNAUTHORIZED, "unauthorized", 401, "Send a valid token: Authorization: Bearer ...")     \
    X(API_TOKEN_EXPIRED, "token_expired", 401, "The token has expired. Ask for a new one.")       \
    X(API_LOGIN_FAILED, "login_failed", 401, "There is no such user, or the password is another.") \
    X(API_FORBIDDEN, "forbidden", 403, "The role does not allow this.")                           \
    X(API_CSRF, "csrf", 403, "Send the session's csrf_token as X-CSRF-Token with every change.")  \
    X(API_FOREIGN_ORIGIN, "foreign_origin", 403, "The request comes from a page of another origin.") \
    X(API_NO_ROUTE, "no_route", 404, "There is no such path. See /api/v1/openapi.yaml.")          \
    X(API_NOT_FOUND, "not_found", 404, "There is no such thing.")                                 \
    X(API_NO_CONTENT, "no_content", 404, "The platform has no complete file for this task.")      \
    X(API_METHOD_NOT_ALLOWED, "method_not_allowed", 405, "This path does not know the method.")   \
    X(API_EXISTS, "exists", 409, "It exists already.")                                            \
    X(API_CONFLICT, "conflict", 409, "This is not possible in the present state.")                \
    X(API_KEY_BUSY, "idempotency_key_busy", 409, "A request with this Idempotency-Key is under way. Try again in a second.") \
    X(API_OFFSET, "offset_conflict", 409, "Upload-Offset is not where the upload stands. HEAD says where that is.") \
    X(API_DAMAGED, "object_damaged", 410, "The file is not what was stored, and is given to nobody. Restore it, or remove it and send it again.") \
    X(API_PRECONDITION, "precondition_failed", 412, "It has changed since: read it again. Nothing was done.") \
    X(API_TUS_VERSION, "tus_version", 412, "Send Tus-Resumable: 1.0.0.")                         \
    X(API_TOO_LARGE, "too_large", 413, "The body is larger than this route takes.")               \
    X(API_URI_TOO_LONG, "uri_too_long", 414, "The path and query are too long.")                  \
    X(API_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415, "Send the body as application/json.") \
    X(API_RANGE_NOT_SATISFIABLE, "range_not_satisfiable", 416, "The range begins past the last byte.") \
    X(API_KEY_REUSED, "idempotency_key_reused", 422, "This Idempotency-Key was sent with another request: take a new one.") \
    X(API_LOCKED, "upload_locked", 423, "Another connection is sending to this upload. It is cut: try again in a second.") \
    X(API_TOO_MANY_ATTEMPTS, "too_many_attempts", 429, "Too many wrong passwords. Retry-After says how many seconds to wait.") \
    X(API_TOO_MANY, "too_many_requests", 429, "Too many requests in a minute. Try again in some seconds.") \
    X(API_INTERNAL, "internal", 500, "The platform could not answer. Its log says why.")          \
    X(API_BUSY, "busy", 503, "The platform is busy. Try again in a second.")                      \
    X(API_UNAVAILABLE, "unavailable", 503, "The platform is ending or cannot reach its store. Try again soon.") \
    X(API_QUOTA, "quota_exceeded", 507, "The quota of the product is used up.")                   \
    X(API_STORAGE_FULL, "storage_full", 507, "There is no space left on the platform.")

typedef enum {
#define X(name, code, status, text) name,
    API_PROBLEM_LIST(X)
#undef X
    API_PROBLEM_COUNT,
} api_problem;

struct api_problem_info {
    const char *code;
    unsigned status;
    const char *text;
};

enum { API_DETAIL_SIZE = 256 };

/** @brief One thing that is wrong with a request, found by a pure part. */
struct api_fault {
    api_problem problem;
    char field[FERRY_IDENT_MAX + 1]; /**< which field, parameter or header; "" when none */
    char detail[API_DETAIL_SIZE];    /**< one sentence; "": the one of the list */
    uint64_t retry_after_s;          /**< with 429 and 503: when it is worth trying again; 0: soon */
};

/** @brief Fills a fault; a longer field or detail is cut at a character. Returns false, for "return api_fault_set(…)". */
bool api_fault_set(struct api_fault *fault, api_problem problem, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** @brief The row of the list. Static storage. */
const struct api_problem_info *api_problem_info(api_problem problem);
/** @brief The problem that an error of engine, store or objects becomes. err is not FERRY_OK. */
api_problem api_problem_of(ferry_err err);
/** @brief "Bad Request" for 400, and so on for every status of the list. Static storage. */
const char *api_status_phrase(unsigned status);

#endif
