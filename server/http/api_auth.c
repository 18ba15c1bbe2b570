#include "api_auth.h"

#include "base/alloc.h"
#include "base/encode.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOUCH_EVERY_MS = 60 * 1000 }; /* "last used" is written down that often: a commit a request would be too dear */

/* --- pure parts --------------------------------------------------------------------------------------- */

const char *api_auth_token(const char *header)
{
    if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    const char *token = header + 7;
    size_t len = strlen(token);
    return len >= 1 && len <= API_TOKEN_MAX ? token : NULL;
}

ferry_err api_auth_hash(const char *text, uint8_t ret_hash[32])
{
    return EVP_Digest(text, strlen(text), ret_hash, NULL, EVP_sha256(), NULL) == 1 ? FERRY_OK : FERRY_E_NOMEM;
}

ferry_err api_auth_csrf(const char *cookie, char ret_csrf[API_CSRF_SIZE])
{
    char text[API_TOKEN_MAX + 16];
    uint8_t hash[32];

    (void)snprintf(text, sizeof text, "csrf:%s", cookie);
    ferry_err err = api_auth_hash(text, hash);
    explicit_bzero(text, sizeof text);
    if (err == FERRY_OK)
        ferry_hex_encode(hash, sizeof hash, ret_csrf);
    return err;
}

bool api_auth_foreign(const char *origin, const char *fetch_site, const char *host)
{
    if (fetch_site != NULL && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
        return true;
    if (origin == NULL)
        return false;
    const char *authority = strstr(origin, "://");
    return authority == NULL || host == NULL || strcasecmp(authority + 3, host) != 0;
}

bool api_auth_from_elsewhere(const struct api_request *r)
{
    return api_auth_foreign(api_header(r, "Origin"), api_header(r, "Sec-Fetch-Site"),
                            api_header(r, MHD_HTTP_HEADER_HOST));
}

/* --- finding the caller --------------------------------------------------------------------------------- */

static void name_caller(struct api_caller *caller, const char *kind, const char *name, const char *role,
                        const char *scope)
{
    (void)snprintf(caller->name, sizeof caller->name, "%s", name);
    (void)snprintf(caller->actor, sizeof caller->actor, "%s/%s", kind, name);
    (void)snprintf(caller->scope, sizeof caller->scope, "%s", scope);
    caller->role = operator_role_parse(role);
}

static ferry_err read_token(struct api_request *r, struct store_conn *conn, struct api_caller *caller)
{
    struct token token;
    ferry_err err = r->shared->store->ops->token_find(conn, caller->hash, &token);

    /* The store's look-up need not be in constant time, this is. */
    if (err == FERRY_OK && !ferry_equal_constant_time(caller->hash, token.hash, sizeof token.hash))
        err = FERRY_E_NOT_FOUND;
    if (err != FERRY_OK)
        return err;
    name_caller(caller, "token", token.name, token.role, token.products);
    caller->expires_ms = token.expires_ms;
    caller->used_ms = token.used_ms;
    return FERRY_OK;
}

static ferry_err read_session(struct api_request *r, struct store_conn *conn, struct api_caller *caller)
{
    const struct store_ops *ops = r->shared->store->ops;
    struct session session;
    struct user user;
    ferry_err err = ops->session_find(conn, caller->hash, &session);

    if (err == FERRY_OK && !ferry_equal_constant_time(caller->hash, session.hash, sizeof session.hash))
        err = FERRY_E_NOT_FOUND;
    if (err == FERRY_OK)
        err = ops->user_get(conn, session.user, &user);
    if (err != FERRY_OK)
        return err;
    name_caller(caller, "user", user.name, user.role, user.products);
    caller->expires_ms = session.expires_ms;
    caller->used_ms = session.used_ms;
    return FERRY_OK;
}

static ferry_err find_caller(struct api_request *r, const char *text, bool by_session, struct api_caller *caller)
{
    uint64_t generation = engine_operators_generation(r->shared->engine);

    *caller = (struct api_caller){.by_session = by_session};
    ferry_err err = api_auth_hash(text, caller->hash);
    if (err != FERRY_OK)
        return err;
    if (api_callers_get(r->shared->callers, caller->hash, generation, caller))
        return caller->by_session == by_session ? FERRY_OK : FERRY_E_NOT_FOUND;
    struct store_conn *conn = api_reader(r);
    if (conn == NULL)
        return FERRY_E_CLOSED;
    err = by_session ? read_session(r, conn, caller) : read_token(r, conn, caller);
    if (err == FERRY_OK)
        api_callers_put(r->shared->callers, generation, caller);
    return err;
}

bool api_auth_holds(struct api_request *r, struct store_conn *conn)
{
    const struct api_caller *was = &r->caller;
    struct api_caller now = {.by_session = was->by_session};
    uint64_t now_ms = engine_now_ms(r->shared->engine);

    memcpy(now.hash, was->hash, sizeof now.hash);
    ferry_err err = was->by_session ? read_session(r, conn, &now) : read_token(r, conn, &now);
    return err == FERRY_OK && now.role == was->role && strcmp(now.scope, was->scope) == 0 &&
           (now.expires_ms == 0 || now.expires_ms > now_ms) &&
           (!now.by_session || now.used_ms + r->shared->session_idle_ms > now_ms);
}

/* --- "last used" ---------------------------------------------------------------------------------------- */

static void touch_done(struct command *command, void *arg)
{
    (void)arg;
    free(command);
}

/* Nobody waits for it, and what is lost with a full inbox comes with the next request. */
static void touch(struct api_request *r, uint64_t now_ms)
{
    struct api_caller *caller = &r->caller;
    uint64_t every_ms = TOUCH_EVERY_MS;

    if (caller->by_session && r->shared->session_idle_ms / 4 < every_ms)
        every_ms = r->shared->session_idle_ms / 4;
    if (now_ms < caller->used_ms + every_ms)
        return;
    struct command *command = ferry_calloc(1, sizeof *command);
    if (command == NULL)
        return;
    command->kind = CMD_TOUCH;
    command->done = touch_done;
    if (caller->by_session)
        memcpy(command->session.hash, caller->hash, sizeof caller->hash);
    else
        memcpy(command->token.name, caller->name, sizeof caller->name);
    uint64_t generation = engine_operators_generation(r->shared->engine);
    if (engine_submit(r->shared->engine, command) != FERRY_OK) {
        free(command);
        return;
    }
    caller->used_ms = now_ms;
    struct api_caller kept;
    if (api_callers_get(r->shared->callers, caller->hash, generation, &kept))
        api_callers_put(r->shared->callers, generation, caller);
}

/* --- judging -------------------------------------------------------------------------------------------- */

static bool is_change(const struct api_request *r)
{
    return strcmp(r->route->method, "GET") != 0;
}

/* A cookie is sent by the browser on its own; that the user means it, the page must show. */
static bool check_session(struct api_request *r, const char *cookie, uint64_t now_ms)
{
    const char *given = api_header(r, API_CSRF_HEADER);
    char csrf[API_CSRF_SIZE];

    if (r->caller.used_ms + r->shared->session_idle_ms <= now_ms) {
        api_reply_problem(r, API_UNAUTHORIZED, "The session is over. Log in again.");
        return false;
    }
    if (!is_change(r))
        return true;
    ferry_err err = api_auth_csrf(cookie, csrf);
    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    else if (api_auth_from_elsewhere(r))
        api_reply_problem(r, API_FOREIGN_ORIGIN, NULL);
    else if (given == NULL || strlen(given) != strlen(csrf) ||
             !ferry_equal_constant_time(given, csrf, strlen(csrf)))
        api_reply_problem(r, API_CSRF, NULL);
    return !api_replied(r);
}

static bool check_scope(struct api_request *r)
{
    const char *product = api_route_param(&r->params, "product");

    if (r->route->scope == API_SCOPE_PLATFORM && r->caller.scope[0] != '\0') {
        api_reply_problem(r, API_FORBIDDEN, "This needs a role for all products.");
        return false;
    }
    if (product == NULL || api_sees(r, product))
        return true;
    api_reply_err(r, FERRY_E_NOT_FOUND,
                  api_route_param(&r->params, "device") != NULL ? "such device" : "such product");
    return false;
}

static bool check_caller(struct api_request *r, const char *cookie, api_role least)
{
    uint64_t now_ms = engine_now_ms(r->shared->engine);

    if (r->caller.expires_ms != 0 && r->caller.expires_ms <= now_ms)
        api_reply_problem(r, r->caller.by_session ? API_UNAUTHORIZED : API_TOKEN_EXPIRED, NULL);
    else if (r->caller.by_session && !check_session(r, cookie, now_ms))
        return false;
    else if (least == API_ROLE_UNSET || (int)r->caller.role < (int)least)
        api_reply_problem(r, API_FORBIDDEN, NULL);
    if (api_replied(r))
        return false;
    touch(r, now_ms);
    return check_scope(r);
}

static bool check_credential(struct api_request *r, api_role least)
{
    const char *header = api_header(r, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *cookie = header == NULL ? MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, API_COOKIE) : NULL;
    const char *text = header != NULL ? api_auth_token(header) : cookie;

    if (text == NULL || strlen(text) > API_TOKEN_MAX) {
        api_reply_problem(r, API_UNAUTHORIZED, NULL);
        return false;
    }
    ferry_err err = find_caller(r, text, cookie != NULL, &r->caller);
    if (api_replied(r))
        return false;
    if (err == FERRY_E_NOT_FOUND) {
        api_reply_problem(r, API_UNAUTHORIZED, NULL);
        return false;
    }
    return api_store_ok(r, err, NULL) && check_caller(r, cookie, least);
}

bool api_auth_check(struct api_request *r)
{
    return r->route->role == API_ROLE_OPEN || check_credential(r, r->route->role);
}

bool api_auth_check_role(struct api_request *r, api_role least)
{
    if (check_credential(r, least) && r->caller.scope[0] != '\0')
        api_reply_problem(r, API_FORBIDDEN, "This needs a role for all products.");
    return !api_replied(r);
}
