/**
 * @file api_caller.h
 * @brief Who asks, and what they may: found by a token or a session, and kept for a while.
 */
#ifndef HTTP_API_CALLER_H
#define HTTP_API_CALLER_H

#include "api/operators.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct api_caller {
    uint8_t hash[32]; /**< SHA-256 of the token or cookie */
    char name[FERRY_IDENT_MAX + 1];
    char actor[AUDIT_ACTOR_SIZE]; /**< "token/NAME", "user/NAME"; "" for nobody */
    operator_role role;
    char scope[SCOPE_SIZE]; /**< products, "" for all */
    bool by_session;
    uint64_t expires_ms; /**< 0: never */
    uint64_t used_ms;    /**< when that was last written down */
};

/**
 * @brief The last callers, so that few requests read the store for it.
 *
 * An entry counts only as long as the engine's generation is the one that was read BEFORE the store: a token that is
 * revoked is dead when the revocation is answered. Any thread.
 */
struct api_callers;

FERRY_MUST_CHECK ferry_err api_callers_new(struct api_callers **ret_callers);
void api_callers_free(struct api_callers *callers);
/** @brief False when the caller is not there or not of that generation. */
bool api_callers_get(struct api_callers *callers, const uint8_t hash[32], uint64_t generation,
                     struct api_caller *ret_caller);
void api_callers_put(struct api_callers *callers, uint64_t generation, const struct api_caller *caller);

#endif
