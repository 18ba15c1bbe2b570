/* Logging in to the console and out again. */
#include "api_handlers.h"

#include "api_auth.h"
#include "api_guard.h"
#include "api_json.h"
#include "api_password.h"
#include "base/encode.h"
#include "base/system.h"
#include "core/lockout.h"

#include <stdio.h>
#include <string.h>

enum {
    COOKIE_BYTES = 32,
    COOKIE_SIZE = 2 * COOKIE_BYTES + 1,
    HEADER_SIZE = 256,
};

struct login_body {
    char user[FERRY_IDENT_MAX + 1];
    char password[API_PASSWORD_MAX + 1];
};

/* --- who am I ------------------------------------------------------------------------------------------ */

static json_t *caller_json(const struct api_caller *caller, const char *csrf)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s?}", "kind", caller->by_session ? "user" : "token", "name",
                     caller->name, "role", operator_role_name(caller->role), "products",
                     api_json_scope(caller->scope), "expires_at", api_json_time(caller->expires_ms), "csrf_token",
                     csrf);
}

void api_session_get(struct api_request *r)
{
    const char *cookie = MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, API_COOKIE);
    char csrf[API_CSRF_SIZE];
    ferry_err err = r->caller.by_session ? api_auth_csrf(cookie, csrf) : FERRY_OK;

    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    else
        api_reply_json(r, MHD_HTTP_OK, caller_json(&r->caller, r->caller.by_session ? csrf : NULL));
}

/* --- the cookie ------------------------------------------------------------------------------------------ */

/* TLS here, or at a proxy that says so: who lies about it only spoils his own cookie. */
static bool is_secure(struct api_request *r)
{
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const char *forwarded = api_header(r, "X-Forwarded-Proto");

    return (tls != NULL && tls->tls_session != NULL) || (forwarded != NULL && strcmp(forwarded, "https") == 0);
}

static void set_cookie(struct api_request *r, const char *value, uint64_t life_s)
{
    char header[HEADER_SIZE];

    (void)snprintf(header, sizeof header, API_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%llu%s", value,
                   (unsigned long long)life_s, is_secure(r) ? "; Secure" : "");
    if (r->response != NULL)
        (void)MHD_add_response_header(r->response, MHD_HTTP_HEADER_SET_COOKIE, header);
    explicit_bzero(header, sizeof header);
}

/* --- logging in: on the thread for passwords, which nobody else waits for -------------------------------------- */

static void say_wait(struct api_request *r, uint64_t until_ms, uint64_t now_ms)
{
    struct api_fault fault;

    (void)api_fault_set(&fault, API_TOO_MANY_ATTEMPTS, "", "%s", "");
    fault.retry_after_s = (until_ms - now_ms + 999) / 1000;
    api_reply_fault(r, &fault);
}

/* True when an attempt may be looked at. */
static bool check_lockouts(struct api_request *r, struct store_conn *conn, const char *name, uint64_t now_ms)
{
    uint64_t address_ms = api_guard_until_ms(r->shared->guard, r->from);
    struct lockout lockout = {.until_ms = 0};
    ferry_err err = r->shared->store->ops->lockout_get(conn, name, &lockout);

    if (err != FERRY_E_NOT_FOUND && !api_store_ok(r, err, NULL))
        return false;
    uint64_t until_ms = lockout.until_ms > address_ms ? lockout.until_ms : address_ms;
    if (until_ms > now_ms)
        say_wait(r, until_ms, now_ms);
    return until_ms <= now_ms;
}

/* A name that is nobody's takes the same way and the same time. */
static bool look_at_password(struct api_request *r, struct store_conn *conn, const struct login_body *body)
{
    struct command *cmd = &r->command;
    struct user user;
    ferry_err err = r->shared->store->ops->user_get(conn, body->user, &user);

    if (err != FERRY_E_NOT_FOUND && !api_store_ok(r, err, NULL))
        return false;
    cmd->login.matched = api_password_check(body->password, err == FERRY_OK ? user.password : NULL);
    memcpy(cmd->user.name, body->user, sizeof cmd->user.name);
    memcpy(cmd->user.password, err == FERRY_OK ? user.password : "", err == FERRY_OK ? sizeof user.password : 1);
    return true;
}

static void answer_login(struct api_request *r, const char *cookie)
{
    const struct command *cmd = &r->command;
    uint64_t now_ms = engine_now_ms(r->shared->engine);
    struct api_caller caller = {.by_session = true, .role = operator_role_parse(cmd->user.role),
                                .expires_ms = cmd->session.expires_ms};
    char csrf[API_CSRF_SIZE];

    if (!cmd->login.accepted) {
        api_guard_failed(r->shared->guard, r->from, now_ms);
        api_reply_problem(r, API_LOGIN_FAILED, NULL);
        return;
    }
    api_guard_succeeded(r->shared->guard, r->from);
    memcpy(caller.name, cmd->user.name, sizeof caller.name);
    memcpy(caller.scope, cmd->user.products, sizeof caller.scope);
    ferry_err err = api_auth_csrf(cookie, csrf);
    if (err != FERRY_OK) {
        api_reply_err(r, err, NULL);
        return;
    }
    api_reply_json(r, MHD_HTTP_OK, caller_json(&caller, csrf));
    set_cookie(r, cookie, (caller.expires_ms - now_ms) / 1000);
}

static void make_cookie(char out[COOKIE_SIZE])
{
    uint8_t bytes[COOKIE_BYTES];

    ferry_random_bytes(bytes, sizeof bytes);
    ferry_hex_encode(bytes, sizeof bytes, out);
    explicit_bzero(bytes, sizeof bytes);
}

/* The engine is waited for here, so that the next attempt sees the count of this one. */
static void try_login(struct api_request *r, const struct login_body *body)
{
    struct command *cmd = &r->command;
    struct store_conn *conn = api_reader(r);
    char cookie[COOKIE_SIZE];

    if (conn == NULL || !check_lockouts(r, conn, body->user, engine_now_ms(r->shared->engine)) ||
        !look_at_password(r, conn, body))
        return;
    make_cookie(cookie);
    cmd->kind = CMD_LOGIN;
    (void)snprintf(cmd->origin.actor, sizeof cmd->origin.actor, cmd->login.matched ? "user/%s" : "nobody", body->user);
    memcpy(cmd->origin.from, r->from, sizeof cmd->origin.from);
    memcpy(cmd->session.from, r->from, sizeof cmd->session.from);
    ferry_err err = api_auth_hash(cookie, cmd->session.hash);
    if (err == FERRY_OK)
        err = engine_call(r->shared->engine, cmd);
    if (err == FERRY_OK)
        answer_login(r, cookie);
    else
        api_reply_err(r, err, NULL);
    explicit_bzero(cookie, sizeof cookie);
}

void api_session_add(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"user", API_FIELD_IDENT, offsetof(struct login_body, user), true, 0, 0},
        {"password", API_FIELD_PASSWORD, offsetof(struct login_body, password), true, 1, API_PASSWORD_MAX},
    };
    struct login_body body = {.user = ""};

    if (api_auth_from_elsewhere(r))
        api_reply_problem(r, API_FOREIGN_ORIGIN, NULL);
    else if (api_body_read(r, fields, sizeof fields / sizeof fields[0], &body))
        try_login(r, &body);
    explicit_bzero(&body, sizeof body);
}

/* --- logging out -------------------------------------------------------------------------------------------- */

static void finish_remove(struct api_request *r)
{
    api_reply_nothing(r);
    set_cookie(r, "", 0);
}

void api_session_remove(struct api_request *r)
{
    if (!r->caller.by_session) {
        api_reply_problem(r, API_CONFLICT, "A token has no session to end: it is revoked with DELETE /api/v1/tokens.");
        return;
    }
    memcpy(r->command.session.hash, r->caller.hash, sizeof r->caller.hash);
    memcpy(r->command.session.user, r->caller.name, sizeof r->caller.name);
    api_command(r, CMD_LOGOUT, finish_remove);
}
