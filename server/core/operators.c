/* Tokens, users and their sessions. Whatever changes who may do what lets the readers' caches know after the commit. */
#include "engine_internal.h"

#include "core/lockout.h"

#include <string.h>

enum { SESSIONS_PER_USER = 32 };

/* --- tokens ------------------------------------------------------------------------------------------------- */

static ferry_err token_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct token other;
    ferry_err err = e->store->token_get(e->conn, cmd->token.name, &other);

    if (err == FERRY_OK)
        return engine_fail(cmd, FERRY_E_EXISTS, "token %s exists already: revoke it first or take another name",
                           cmd->token.name);
    cmd->token.created_ms = now_ms;
    cmd->token.used_ms = 0;
    return err == FERRY_E_NOT_FOUND ? e->store->token_put(e->conn, &cmd->token) : err;
}

static ferry_err token_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    ferry_err err = e->store->token_remove(e->conn, cmd->token.name);
    return err == FERRY_E_NOT_FOUND ? engine_fail(cmd, err, "there is no token %s", cmd->token.name) : err;
}

/* --- users -------------------------------------------------------------------------------------------------- */

static ferry_err no_user(struct command *cmd, ferry_err err)
{
    return err == FERRY_E_NOT_FOUND ? engine_fail(cmd, err, "there is no user %s", cmd->user.name) : err;
}

static ferry_err forget_failures(struct engine *e, const char *name)
{
    ferry_err err = e->store->lockout_remove(e->conn, name);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

static ferry_err user_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct user other;
    ferry_err err = e->store->user_get(e->conn, cmd->user.name, &other);

    if (err == FERRY_OK)
        return engine_fail(cmd, FERRY_E_EXISTS, "user %s exists already", cmd->user.name);
    if (err != FERRY_E_NOT_FOUND)
        return err;
    cmd->user.created_ms = cmd->user.changed_ms = now_ms;
    return e->store->user_put(e->conn, &cmd->user);
}

/* An empty role or password stays as it is. Whoever is logged in with what was changed is no longer. */
static ferry_err user_change(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct user user;
    ferry_err err = e->store->user_get(e->conn, cmd->user.name, &user);

    if (err != FERRY_OK)
        return no_user(cmd, err);
    if (cmd->user.role[0] != '\0')
        memcpy(user.role, cmd->user.role, sizeof user.role);
    if (cmd->user.password[0] != '\0')
        memcpy(user.password, cmd->user.password, sizeof user.password);
    if (cmd->user_scope_given)
        memcpy(user.products, cmd->user.products, sizeof user.products);
    user.changed_ms = now_ms;
    err = e->store->user_put(e->conn, &user);
    if (err == FERRY_OK)
        err = e->store->session_trim(e->conn, user.name, 0);
    if (err == FERRY_OK && cmd->user.password[0] != '\0')
        err = forget_failures(e, user.name);
    cmd->user = user;
    return err;
}

static ferry_err user_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    ferry_err err = e->store->user_remove(e->conn, cmd->user.name);
    if (err != FERRY_OK)
        return no_user(cmd, err);
    err = e->store->session_trim(e->conn, cmd->user.name, 0);
    return err == FERRY_OK ? forget_failures(e, cmd->user.name) : err;
}

/* --- sessions ------------------------------------------------------------------------------------------------ */

static ferry_err login_failed(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct lockout l = {.failures = 0};
    ferry_err err = e->store->lockout_get(e->conn, cmd->user.name, &l);

    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return err;
    memcpy(l.name, cmd->user.name, sizeof l.name);
    lockout_fail(&l, LOCKOUT_FREE, now_ms);
    cmd->login.failures = l.failures;
    cmd->login.until_ms = l.until_ms;
    return e->store->lockout_put(e->conn, &l, LOCKOUT_NAMES_MAX);
}

static ferry_err login_accepted(struct engine *e, struct command *cmd, const struct user *user, uint64_t now_ms)
{
    struct session *s = &cmd->session;

    cmd->user = *user;
    memcpy(s->user, user->name, sizeof s->user);
    s->created_ms = s->used_ms = now_ms;
    s->expires_ms = now_ms + 1000ull * e->settings.session_life_s;
    uint64_t idle_ms = 1000ull * e->settings.session_idle_s;
    ferry_err err = e->store->session_prune(e->conn, now_ms > idle_ms ? now_ms - idle_ms : 0, now_ms);
    if (err == FERRY_OK)
        err = e->store->session_put(e->conn, s);
    if (err == FERRY_OK)
        err = e->store->session_trim(e->conn, user->name, SESSIONS_PER_USER);
    return err == FERRY_OK ? forget_failures(e, user->name) : err;
}

/* The password was looked at outside: what it was compared with must still be the user's. */
static ferry_err login(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct user user;
    ferry_err err = e->store->user_get(e->conn, cmd->user.name, &user);

    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return err;
    cmd->login.accepted = cmd->login.matched && err == FERRY_OK && strcmp(user.password, cmd->user.password) == 0;
    cmd->login.decided = true;
    return cmd->login.accepted ? login_accepted(e, cmd, &user, now_ms) : login_failed(e, cmd, now_ms);
}

static ferry_err logout(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    return e->store->session_remove(e->conn, cmd->session.hash);
}

/* "Last used" of a token (by name) or a session; one that is gone meanwhile is no failure. */
static ferry_err touch(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    ferry_err err = cmd->token.name[0] != '\0' ? e->store->token_touch(e->conn, cmd->token.name, now_ms)
                                               : e->store->session_touch(e->conn, cmd->session.hash, now_ms);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

/* A page that shows them is to be read again. Sessions are on none. */
static void tell_of(struct engine *e, const struct command *cmd)
{
    bool of_user = cmd->kind == CMD_USER_ADD || cmd->kind == CMD_USER_CHANGE || cmd->kind == CMD_USER_REMOVE;

    if (of_user)
        events_topic(e, ENGINE_TOPIC_USERS);
    else if (cmd->token.name[0] != '\0')
        events_topic(e, ENGINE_TOPIC_TOKENS);
}

ferry_err operators_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    typedef ferry_err handler(struct engine *, struct command *, uint64_t);
    static handler *const handlers[] = {
        [CMD_TOKEN_ADD] = token_add,     [CMD_TOKEN_REMOVE] = token_remove, [CMD_USER_ADD] = user_add,
        [CMD_USER_CHANGE] = user_change, [CMD_USER_REMOVE] = user_remove,   [CMD_LOGIN] = login,
        [CMD_LOGOUT] = logout,           [CMD_TOUCH] = touch,
    };
    ferry_err err = handlers[cmd->kind](e, cmd, now_ms);
    if (err == FERRY_OK)
        tell_of(e, cmd);
    return err == FERRY_OK && cmd->kind != CMD_TOUCH ? effects_operators_changed(&e->effects) : err;
}
