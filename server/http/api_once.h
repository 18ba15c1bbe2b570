/**
 * @file api_once.h
 * @brief Idempotency-Key: of the same requests with one key the first makes something, and its answer is given again.
 *
 * The answer is kept in the transaction that made the thing, so neither is there without the other. While the first request
 * is under way, others with its key hear so. Only what was done is kept: a request that was refused may come again.
 */
#ifndef HTTP_API_ONCE_H
#define HTTP_API_ONCE_H

#include "api_request.h"

/** @brief The keys that are being used now, by any thread. */
FERRY_MUST_CHECK ferry_err api_claims_new(struct api_claims **ret_claims);
void api_claims_free(struct api_claims *claims);

/** @brief True: go on (also without a key). False with a reply: the kept answer, or why not. Once its body is there, or begins. */
bool api_once_begin(struct api_request *r);
/** @brief The command that the request became keeps its answer. */
void api_once_command(struct api_request *r);
/** @brief Every answer with a value comes by here; borrowed, may be null. */
void api_once_answered(struct api_request *r, json_t *value);
/** @brief Gives the key free. Accepts a request without one. */
void api_once_end(struct api_request *r);

#endif
