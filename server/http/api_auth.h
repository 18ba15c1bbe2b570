/**
 * @file api_auth.h
 * @brief Who asks (by bearer token or session cookie), and whether they may.
 */
#ifndef HTTP_API_AUTH_H
#define HTTP_API_AUTH_H

#include "api_request.h"

enum {
    API_TOKEN_MAX = 256, /**< characters of a token; ours have less than 50 */
    API_CSRF_SIZE = 65,
};
#define API_COOKIE "ferry_session"
#define API_CSRF_HEADER "X-CSRF-Token"

/** @brief The token in an Authorization value ("Bearer TOKEN"), or null. Pure. */
const char *api_auth_token(const char *header);

/** @brief The word that a request of a session must carry when it changes something: only who knows the cookie or
 *  was told at the login has it. Pure but for memory. */
FERRY_MUST_CHECK ferry_err api_auth_csrf(const char *cookie, char ret_csrf[API_CSRF_SIZE]);

/**
 * @brief Does the browser say that the request comes from a page of another origin? Header values may be null. Pure.
 * A program that is no browser says nothing, and is not foreign.
 */
bool api_auth_foreign(const char *origin, const char *fetch_site, const char *host);

/** @brief Does the request come from a page of another origin? */
bool api_auth_from_elsewhere(const struct api_request *r);

/** @brief SHA-256 of a token or cookie. */
FERRY_MUST_CHECK ferry_err api_auth_hash(const char *text, uint8_t ret_hash[32]);

/**
 * @brief Finds the caller and judges: true when role and products allow the route, else the reply says why.
 * Waits at most for one read of the store.
 */
bool api_auth_check(struct api_request *r);
/** @brief The same for another role than the route's. */
bool api_auth_check_role(struct api_request *r, api_role least);
/** @brief Does the caller of a request that goes on for long still have the role and the products that it had? Reads the store. */
bool api_auth_holds(struct api_request *r, struct store_conn *conn);

#endif
