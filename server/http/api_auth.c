#include "api_auth.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    api_role role;
} roles[] = {
    {"viewer", API_ROLE_VIEWER},
    {"operator", API_ROLE_OPERATOR},
    {"admin", API_ROLE_ADMIN},
};

static api_role role_of(const char *name)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].role;
    }
    return API_ROLE_OPEN;
}

const char *api_auth_token(const char *header)
{
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    const char *token = header + 7;
    size_t len = strlen(token);
    return len >= 1 && len <= API_TOKEN_MAX ? token : NULL;
}

static ferry_err find_token(struct api_request *r, const char *text, struct token *ret_token)
{
    uint8_t hash[32];
    ferry_err err;

    if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1)
        return FERRY_E_NOMEM;
    struct store_conn *conn = api_reader(r);
    if (conn == NULL)
        return FERRY_E_CLOSED;
    err = r->shared->store->ops->token_find(conn, hash, ret_token);
    /* The store's look-up need not be in constant time, this is. */
    if (err == FERRY_OK && !ferry_equal_constant_time(hash, ret_token->hash, sizeof hash))
        err = FERRY_E_NOT_FOUND;
    return err;
}

bool api_auth_check(struct api_request *r)
{
    const char *text;
    struct token token;

    if (r->route->role == API_ROLE_OPEN)
        return true;
    text = api_auth_token(api_header(r, MHD_HTTP_HEADER_AUTHORIZATION));
    if (text == NULL) {
        api_reply_problem(r, API_UNAUTHORIZED, NULL);
        return false;
    }
    ferry_err err = find_token(r, text, &token);
    if (api_replied(r))
        return false;
    if (err == FERRY_E_NOT_FOUND)
        api_reply_problem(r, API_UNAUTHORIZED, NULL);
    else if (!api_store_ok(r, err, NULL))
        return false;
    else if (token.expires_ms != 0 && token.expires_ms <= engine_now_ms(r->shared->engine))
        api_reply_problem(r, API_TOKEN_EXPIRED, NULL);
    else if (role_of(token.role) < r->route->role)
        api_reply_problem(r, API_FORBIDDEN, NULL);
    return !api_replied(r);
}
