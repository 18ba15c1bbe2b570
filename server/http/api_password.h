/**
 * @file api_password.h
 * @brief Passwords by argon2id (libsodium): slow and large on purpose, so only on the thread that is there for it.
 */
#ifndef HTTP_API_PASSWORD_H
#define HTTP_API_PASSWORD_H

#include "api/operators.h"
#include "base/error.h"

#include <stdbool.h>

enum {
    API_PASSWORD_MIN = 10,  /**< bytes of a new password */
    API_PASSWORD_MAX = 256, /**< bytes of any */
    API_PASSWORD_PASSES = 2, /**< with the memory below: libsodium's advice for people who wait */
    API_PASSWORD_MEMORY = 64 << 20, /**< bytes that one look at a password takes */
};

/** @brief Once, before the others. @retval FERRY_E_UNSUPPORTED */
FERRY_MUST_CHECK ferry_err api_password_init(void);
/** @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err api_password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE]);
/**
 * @brief Is it the password of that hash? A null hash, for a user who is none, takes as long and gives false.
 * Blocking: about a tenth of a second.
 */
bool api_password_check(const char *password, const char *hash);

#endif
