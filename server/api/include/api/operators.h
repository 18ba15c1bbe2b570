/**
 * @file operators.h
 * @brief Who directs the platform, what each may do, and the record of what was done. Plain values, as in model.h.
 */
#ifndef API_OPERATORS_H
#define API_OPERATORS_H

#include "base/chain.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief Each role may do what the ones before it may. */
typedef enum { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN } operator_role;

enum {
    ROLE_NAME_SIZE = 16,
    SCOPE_SIZE = 1025, /**< names of products, "a,b,c": room for 15 of the longest */
    PASSWORD_HASH_SIZE = 128,
    ADDRESS_TEXT_SIZE = 48,
};

/** @brief An API token; only the SHA-256 of its text is kept: it has 256 random bits, so nothing slower is needed. */
struct token {
    char name[FERRY_IDENT_MAX + 1];
    char role[ROLE_NAME_SIZE]; /**< "viewer", "operator", "admin" */
    uint8_t hash[32];
    uint64_t created_ms;
    uint64_t expires_ms; /**< 0: never */
    uint64_t used_ms;    /**< about when it was last used (coarse); 0: never */
    char products[SCOPE_SIZE]; /**< "" for all */
};

/** @brief Somebody who comes in with a password. */
struct user {
    char name[FERRY_IDENT_MAX + 1];
    char role[ROLE_NAME_SIZE];
    char products[SCOPE_SIZE];
    char password[PASSWORD_HASH_SIZE]; /**< argon2id, in its text form */
    uint64_t created_ms;
    uint64_t changed_ms;
};

/** @brief A user who is logged in; only the SHA-256 of the cookie is kept. */
struct session {
    uint8_t hash[32];
    char user[FERRY_IDENT_MAX + 1];
    char from[ADDRESS_TEXT_SIZE];
    uint64_t created_ms;
    uint64_t used_ms;    /**< coarse, as of a token */
    uint64_t expires_ms;
};

/** @brief Wrong passwords for one name, be it a user's or nobody's. */
struct lockout {
    char name[FERRY_IDENT_MAX + 1];
    uint32_t failures;   /**< since the last success */
    uint64_t until_ms;   /**< no attempt is looked at before */
    uint64_t updated_ms;
};

enum {
    AUDIT_ACTOR_SIZE = sizeof "device/" + FERRY_IDENT_MAX + 1 + FERRY_IDENT_MAX,
    AUDIT_ACTION_SIZE = 32,
    AUDIT_OBJECT_SIZE = 160,
    AUDIT_STATE_SIZE = 2049,
};

/** @brief One change. Records are chained (base/chain.h) over everything above prev, in this order. */
struct audit_record {
    uint64_t seq; /**< 1, 2, 3, … without gaps */
    uint64_t time_ms;
    char actor[AUDIT_ACTOR_SIZE];   /**< "token/NAME", "user/NAME", "device/P/D", "system" */
    char from[ADDRESS_TEXT_SIZE];   /**< address; "" for none */
    char action[AUDIT_ACTION_SIZE]; /**< "device.disable" */
    char object[AUDIT_OBJECT_SIZE]; /**< "device/P/D" */
    char product[FERRY_IDENT_MAX + 1]; /**< that it belongs to; "" for none */
    char before[AUDIT_STATE_SIZE];  /**< a JSON object without secrets; "" when there was nothing */
    char after[AUDIT_STATE_SIZE];
    uint8_t prev[FERRY_CHAIN_BYTES]; /**< hash of the record before; zeros for the first */
    uint8_t hash[FERRY_CHAIN_BYTES];
};

/** @brief Where the audit log ends. */
struct audit_head {
    uint64_t seq; /**< of the last record; 0 for none */
    uint8_t hash[FERRY_CHAIN_BYTES];
    uint64_t cut; /**< records up to this one were removed on purpose */
};

/** @brief The role of that name; ROLE_NONE, which may do nothing, for any other. */
operator_role operator_role_parse(const char *name);
/** @brief "viewer", …; "" for ROLE_NONE. */
const char *operator_role_name(operator_role role);

/** @brief Is the product in the scope ("" has every product)? */
bool scope_has(const char *scope, const char *product);
/** @brief Has the outer scope everything that the inner one has? */
bool scope_within(const char *inner, const char *outer);
/** @brief Adds a valid product name, once. False when there is no room. */
bool scope_add(char scope[SCOPE_SIZE], const char *product);

#endif
