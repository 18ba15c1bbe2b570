/**
 * @file identity.h
 * @brief What a CONNECT says about who it is: user names, passwords, client ids. Pure; any thread.
 *
 * Three kinds of user name, which can never be mistaken for one another (product and device are of
 * A-Z a-z 0-9 _ : - only):
 *   {product}{device};{application};{random};{expiry}   the vendor's; the password is an HMAC (docs/protocol.md)
 *   {product}/{device}                                  the password is the secret itself, in base64
 *   ferryd                                              the platform; the password is random for each start
 */
#ifndef ACCESS_IDENTITY_H
#define ACCESS_IDENTITY_H

#include "api/model.h"
#include "proto/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    IDENTITY_TEXT_MAX = 512,                 /* bytes of a user name or password that is looked at */
    IDENTITY_JOINED_MAX = 2 * FERRY_IDENT_MAX,
};

#define IDENTITY_SERVICE_USER "ferryd"
/** The platform's client ids begin so; '@' can be in no device's client id. */
#define IDENTITY_SERVICE_CLIENT_PREFIX "ferryd@"

typedef enum { USER_UNKNOWN, USER_VENDOR, USER_PLAIN, USER_SERVICE } user_kind;

/** @brief A user name taken apart; texts point into it. */
struct user_name {
    user_kind kind;
    ferry_text joined;          /**< USER_VENDOR: product and device, one after the other */
    uint64_t expires_s;         /**< USER_VENDOR: Unix seconds; UINT64_MAX: never */
    ferry_text product, device; /**< USER_PLAIN */
};

/** @brief Takes a user name apart; USER_UNKNOWN when it is none of the three kinds. */
struct user_name identity_parse_user(ferry_text username);

/** @brief Is this the vendor's password for the user name, with this secret? HMAC-SHA1 or HMAC-SHA256. */
bool identity_vendor_password_ok(ferry_text username, ferry_text password, const uint8_t *secret, size_t secret_len);

/** @brief Is this the secret in base64? */
bool identity_plain_password_ok(ferry_text password, const uint8_t *secret, size_t secret_len);

/**
 * @brief May the device connect under this client id?
 *
 * It names the session, so nobody may use another's: {product}{device} or {product}/{device}, either
 * followed by '.' and anything for a further connection of the same device.
 */
bool identity_device_client_id_ok(const struct device_key *key, ferry_text client_id);

bool identity_service_client_id_ok(ferry_text client_id);

#endif
