/**
 * @file api_auth.h
 * @brief Who asks: the bearer token of a request and the role that it gives.
 */
#ifndef HTTP_API_AUTH_H
#define HTTP_API_AUTH_H

#include "api_request.h"

enum { API_TOKEN_MAX = 256 }; /**< characters of a token; ours have 49 */

/** @brief The token in an Authorization value ("Bearer TOKEN"), or null. Pure. */
const char *api_auth_token(const char *header);

/**
 * @brief Looks at the token of the request; true when its role is at least that of the route, else the reply
 * says why. Waits for one read of the store.
 */
bool api_auth_check(struct api_request *r);

#endif
