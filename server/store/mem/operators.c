#include "conn.h"
#include "ops.h"

#include "base/encode.h"

#include <string.h>

/* "get" of a row whose key is a name. */
#define GET_BY_NAME(c, table, type, key, ret)                                                     \
    __extension__({                                                                               \
        type get_probe = {.name = ""};                                                            \
        smem_set_text(get_probe.name, sizeof(get_probe.name), key)                                \
            ? smem_get(c, table, &get_probe, ret, sizeof(*(ret)))                                 \
            : FERRY_E_NOT_FOUND;                                                                  \
    })
#define REMOVE_BY_NAME(c, table, type, key)                                                       \
    __extension__({                                                                               \
        type remove_probe = {.name = ""};                                                         \
        smem_set_text(remove_probe.name, sizeof(remove_probe.name), key)                          \
            ? smem_change_remove(c, table, &remove_probe)                                         \
            : FERRY_E_NOT_FOUND;                                                                  \
    })

/* --- tokens ------------------------------------------------------------------------------------ */

ferry_err smem_token_put(struct store_conn *c, const struct token *t)
{
    return smem_change_put(c, SMEM_TOKENS, t);
}

static smem_verdict token_filter(const void *data, const void *arg)
{
    const struct token *t = data;

    return memcmp(t->hash, arg, sizeof(t->hash)) == 0 ? SMEM_TAKE : SMEM_SKIP;
}

ferry_err smem_token_find(struct store_conn *c, const uint8_t hash[32], struct token *ret)
{
    const struct token probe = {.created_ms = 0};
    const struct smem_walk walk = {.table = SMEM_TOKENS, .index = TOKEN_BY_NAME, .probe = &probe};
    struct token found;
    smem_auto_reading reading = smem_read_begin(c);

    if (smem_collect(reading.db, reading.view, &walk, token_filter, hash, &found, sizeof(found), 1) == 0)
        return FERRY_E_NOT_FOUND;
    *ret = found;
    return FERRY_OK;
}

ferry_err smem_token_get(struct store_conn *c, const char *name, struct token *ret)
{
    return GET_BY_NAME(c, SMEM_TOKENS, struct token, name, ret);
}

ferry_err smem_token_remove(struct store_conn *c, const char *name)
{
    return REMOVE_BY_NAME(c, SMEM_TOKENS, struct token, name);
}

ferry_err smem_token_touch(struct store_conn *c, const char *name, uint64_t used_ms)
{
    struct token token;
    ferry_err err = smem_token_get(c, name, &token);

    if (err != FERRY_OK)
        return err;
    token.used_ms = used_ms;
    return smem_change_put(c, SMEM_TOKENS, &token);
}

ferry_err smem_token_list(struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count)
{
    struct token probe = {.created_ms = 0};
    struct smem_walk walk = {.table = SMEM_TOKENS, .index = TOKEN_BY_NAME, .probe = &probe};
    ferry_err err = smem_page_name(page, NULL, probe.name, sizeof(probe.name), &walk);
    smem_auto_reading reading = smem_read_begin(c);

    if (err == FERRY_OK)
        *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return err;
}

/* --- users ------------------------------------------------------------------------------------- */

ferry_err smem_user_put(struct store_conn *c, const struct user *u)
{
    return smem_change_put(c, SMEM_USERS, u);
}

ferry_err smem_user_get(struct store_conn *c, const char *name, struct user *ret)
{
    return GET_BY_NAME(c, SMEM_USERS, struct user, name, ret);
}

ferry_err smem_user_remove(struct store_conn *c, const char *name)
{
    return REMOVE_BY_NAME(c, SMEM_USERS, struct user, name);
}

ferry_err smem_user_list(struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count)
{
    struct user probe = {.created_ms = 0};
    struct smem_walk walk = {.table = SMEM_USERS, .index = USER_BY_NAME, .probe = &probe};
    ferry_err err = smem_page_name(page, NULL, probe.name, sizeof(probe.name), &walk);
    smem_auto_reading reading = smem_read_begin(c);

    if (err == FERRY_OK)
        *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return err;
}

/* --- sessions ---------------------------------------------------------------------------------- */

static struct row_session row_of(const uint8_t hash[32])
{
    struct row_session row = {.key = ""};

    memcpy(row.session.hash, hash, sizeof(row.session.hash));
    ferry_hex_encode(hash, 32, row.key);
    return row;
}

ferry_err smem_session_put(struct store_conn *c, const struct session *s)
{
    struct row_session row = row_of(s->hash);

    row.session = *s;
    return smem_change_put(c, SMEM_SESSIONS, &row);
}

ferry_err smem_session_find(struct store_conn *c, const uint8_t hash[32], struct session *ret)
{
    struct row_session probe = row_of(hash);

    return smem_get(c, SMEM_SESSIONS, &probe, ret, sizeof(*ret));
}

ferry_err smem_session_remove(struct store_conn *c, const uint8_t hash[32])
{
    struct row_session probe = row_of(hash);

    return smem_change_remove(c, SMEM_SESSIONS, &probe);
}

ferry_err smem_session_touch(struct store_conn *c, const uint8_t hash[32], uint64_t used_ms)
{
    struct row_session row = row_of(hash);
    ferry_err err = smem_get(c, SMEM_SESSIONS, &row, &row, sizeof(row));

    if (err != FERRY_OK)
        return err;
    row.session.used_ms = used_ms;
    return smem_change_put(c, SMEM_SESSIONS, &row);
}

/* The first row behind skip of them, until there is none. */
static ferry_err remove_all(struct smem_db *db, const struct smem_walk *walk, smem_filter *filter, const void *arg,
                            uint32_t skip)
{
    for (;;) {
        struct row_session rows[SESSIONS_LOOK_MAX];
        size_t count = smem_collect(db, SMEM_WORK, walk, filter, arg, rows, sizeof(rows[0]), SESSIONS_LOOK_MAX);
        ferry_err err;

        if (count <= skip)
            return FERRY_OK;
        err = smem_remove(db, SMEM_SESSIONS, &rows[count - 1]);
        if (err != FERRY_OK)
            return err;
    }
}

ferry_err smem_session_trim(struct store_conn *c, const char *user, uint32_t keep)
{
    struct row_session probe = {.key = SMEM_LAST, .session.created_ms = UINT64_MAX};
    const struct smem_walk walk = {
        .table = SMEM_SESSIONS, .index = SESSION_BY_USER, .probe = &probe, .same_fields = 1, .descending = true};
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    if (keep >= SESSIONS_LOOK_MAX)
        err = FERRY_E_ARG;
    else if (smem_set_text(probe.session.user, sizeof(probe.session.user), user))
        err = remove_all(&c->store->db, &walk, NULL, NULL, keep);
    return smem_change_end(c, err);
}

struct over_since {
    uint64_t used_before_ms, now_ms;
};

static smem_verdict over_filter(const void *data, const void *arg)
{
    const struct row_session *row = data;
    const struct over_since *since = arg;

    return row->session.used_ms < since->used_before_ms || row->session.expires_ms <= since->now_ms ? SMEM_TAKE
                                                                                                      : SMEM_SKIP;
}

ferry_err smem_session_prune(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms)
{
    const struct row_session probe = {.key = ""};
    const struct smem_walk walk = {.table = SMEM_SESSIONS, .index = SESSION_BY_HASH, .probe = &probe};
    const struct over_since since = {used_before_ms, now_ms};
    ferry_err err = smem_change_begin(c);

    return err != FERRY_OK ? err : smem_change_end(c, remove_all(&c->store->db, &walk, over_filter, &since, 0));
}

/* --- lockouts ---------------------------------------------------------------------------------- */

ferry_err smem_lockout_get(struct store_conn *c, const char *name, struct lockout *ret)
{
    return GET_BY_NAME(c, SMEM_LOCKOUTS, struct lockout, name, ret);
}

static smem_verdict stranger_filter(const void *data, const void *arg)
{
    const struct lockout *l = data;
    struct user probe = {.name = ""};

    (void)smem_set_text(probe.name, sizeof(probe.name), l->name);
    return smem_find(arg, SMEM_WORK, SMEM_USERS, &probe) == NULL ? SMEM_TAKE : SMEM_SKIP;
}

static ferry_err trim_lockouts(struct smem_db *db, uint32_t cap)
{
    const struct lockout probe = {.name = ""};
    const struct smem_walk oldest = {.table = SMEM_LOCKOUTS, .index = LOCKOUT_BY_TIME, .probe = &probe};
    struct lockout gone;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && db->tables[SMEM_LOCKOUTS].count[SMEM_WORK] > cap &&
           smem_collect(db, SMEM_WORK, &oldest, stranger_filter, db, &gone, sizeof(gone), 1) == 1)
        err = smem_remove(db, SMEM_LOCKOUTS, &gone);
    return err;
}

ferry_err smem_lockout_put(struct store_conn *c, const struct lockout *l, uint32_t cap)
{
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    err = smem_put(&c->store->db, SMEM_LOCKOUTS, l);
    if (err == FERRY_OK)
        err = trim_lockouts(&c->store->db, cap);
    return smem_change_end(c, err);
}

ferry_err smem_lockout_remove(struct store_conn *c, const char *name)
{
    return REMOVE_BY_NAME(c, SMEM_LOCKOUTS, struct lockout, name);
}
