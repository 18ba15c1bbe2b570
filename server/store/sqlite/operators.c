#include "ops.h"
#include "page.h"
#include "query.h"

/* A change: one row, run in a transaction of its own when none is open. */
#define IN_CHANGE(c, change)                                                                      \
    __extension__({                                                                               \
        ferry_err in_change_err = sq_conn_change_begin(c);                                        \
        in_change_err != FERRY_OK ? in_change_err : sq_conn_change_end(c, change);                \
    })

static ferry_err run_named(struct store_conn *c, statement which, const char *name)
{
    query_auto q = sq_query_begin(c, which);

    sq_query_text(&q, name);
    return sq_query_run_one(&q);
}

/* A hash of 32 bytes, or a name, and a time for it. */
static ferry_err touch(struct store_conn *c, statement which, const char *name, const uint8_t *hash, uint64_t ms)
{
    query_auto q = sq_query_begin(c, which);

    if (name != NULL)
        sq_query_text(&q, name);
    else
        sq_query_bytes(&q, hash, 32);
    sq_query_u64(&q, ms);
    return sq_query_run_one(&q);
}

static void get_hash(struct query *q, uint8_t hash[32])
{
    size_t len = 0;

    sq_query_get_bytes(q, hash, 32, &len);
    if (len != 32 && q->err == FERRY_OK)
        q->err = FERRY_E_CORRUPT;
}

/* --- tokens ------------------------------------------------------------------------------------ */

static void read_token(struct query *q, void *row)
{
    struct token *t = row;

    sq_query_get_text(q, t->name, sizeof(t->name));
    sq_query_get_text(q, t->role, sizeof(t->role));
    get_hash(q, t->hash);
    t->created_ms = sq_query_get_u64(q);
    t->expires_ms = sq_query_get_u64(q);
    sq_query_get_text(q, t->products, sizeof(t->products));
    t->used_ms = sq_query_get_u64(q);
}

static ferry_err put_token(struct store_conn *c, const struct token *t)
{
    query_auto q = sq_query_begin(c, STMT_TOKEN_PUT);

    sq_query_text(&q, t->name);
    sq_query_text(&q, t->role);
    sq_query_bytes(&q, t->hash, sizeof(t->hash));
    sq_query_u64(&q, t->created_ms);
    sq_query_u64(&q, t->expires_ms);
    sq_query_text(&q, t->products);
    sq_query_u64(&q, t->used_ms);
    return sq_query_run(&q, NULL);
}

ferry_err sq_token_put(struct store_conn *c, const struct token *t)
{
    return IN_CHANGE(c, put_token(c, t));
}

ferry_err sq_token_find(struct store_conn *c, const uint8_t hash[32], struct token *ret)
{
    query_auto q = sq_query_begin(c, STMT_TOKEN_FIND);

    sq_query_bytes(&q, hash, sizeof(ret->hash));
    return sq_query_one(&q, read_token, sizeof(*ret), ret);
}

ferry_err sq_token_get(struct store_conn *c, const char *name, struct token *ret)
{
    query_auto q = sq_query_begin(c, STMT_TOKEN_GET);

    sq_query_text(&q, name);
    return sq_query_one(&q, read_token, sizeof(*ret), ret);
}

ferry_err sq_token_remove(struct store_conn *c, const char *name)
{
    return IN_CHANGE(c, run_named(c, STMT_TOKEN_REMOVE, name));
}

ferry_err sq_token_touch(struct store_conn *c, const char *name, uint64_t used_ms)
{
    return IN_CHANGE(c, touch(c, STMT_TOKEN_TOUCH, name, NULL, used_ms));
}

ferry_err sq_token_list(struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count)
{
    struct page_names names;
    query_auto q = sq_query_begin(c, page->descending ? STMT_TOKEN_LIST_DESC : STMT_TOKEN_LIST);

    sq_page_bind_names(&q, page, NULL, &names);
    return sq_query_many(&q, read_token, sizeof(*out), out, page->limit, ret_count);
}

/* --- users ------------------------------------------------------------------------------------- */

static void read_user(struct query *q, void *row)
{
    struct user *u = row;

    sq_query_get_text(q, u->name, sizeof(u->name));
    sq_query_get_text(q, u->role, sizeof(u->role));
    sq_query_get_text(q, u->products, sizeof(u->products));
    sq_query_get_text(q, u->password, sizeof(u->password));
    u->created_ms = sq_query_get_u64(q);
    u->changed_ms = sq_query_get_u64(q);
}

static ferry_err put_user(struct store_conn *c, const struct user *u)
{
    query_auto q = sq_query_begin(c, STMT_USER_PUT);

    sq_query_text(&q, u->name);
    sq_query_text(&q, u->role);
    sq_query_text(&q, u->products);
    sq_query_text(&q, u->password);
    sq_query_u64(&q, u->created_ms);
    sq_query_u64(&q, u->changed_ms);
    return sq_query_run(&q, NULL);
}

ferry_err sq_user_put(struct store_conn *c, const struct user *u)
{
    return IN_CHANGE(c, put_user(c, u));
}

ferry_err sq_user_get(struct store_conn *c, const char *name, struct user *ret)
{
    query_auto q = sq_query_begin(c, STMT_USER_GET);

    sq_query_text(&q, name);
    return sq_query_one(&q, read_user, sizeof(*ret), ret);
}

ferry_err sq_user_remove(struct store_conn *c, const char *name)
{
    return IN_CHANGE(c, run_named(c, STMT_USER_REMOVE, name));
}

ferry_err sq_user_list(struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count)
{
    struct page_names names;
    query_auto q = sq_query_begin(c, page->descending ? STMT_USER_LIST_DESC : STMT_USER_LIST);

    sq_page_bind_names(&q, page, NULL, &names);
    return sq_query_many(&q, read_user, sizeof(*out), out, page->limit, ret_count);
}

/* --- sessions ---------------------------------------------------------------------------------- */

static void read_session(struct query *q, void *row)
{
    struct session *s = row;

    get_hash(q, s->hash);
    sq_query_get_text(q, s->user, sizeof(s->user));
    sq_query_get_text(q, s->from, sizeof(s->from));
    s->created_ms = sq_query_get_u64(q);
    s->used_ms = sq_query_get_u64(q);
    s->expires_ms = sq_query_get_u64(q);
}

static ferry_err put_session(struct store_conn *c, const struct session *s)
{
    query_auto q = sq_query_begin(c, STMT_SESSION_PUT);

    sq_query_bytes(&q, s->hash, sizeof(s->hash));
    sq_query_text(&q, s->user);
    sq_query_text(&q, s->from);
    sq_query_u64(&q, s->created_ms);
    sq_query_u64(&q, s->used_ms);
    sq_query_u64(&q, s->expires_ms);
    return sq_query_run(&q, NULL);
}

ferry_err sq_session_put(struct store_conn *c, const struct session *s)
{
    return IN_CHANGE(c, put_session(c, s));
}

ferry_err sq_session_find(struct store_conn *c, const uint8_t hash[32], struct session *ret)
{
    query_auto q = sq_query_begin(c, STMT_SESSION_FIND);

    sq_query_bytes(&q, hash, sizeof(ret->hash));
    return sq_query_one(&q, read_session, sizeof(*ret), ret);
}

static ferry_err remove_session(struct store_conn *c, const uint8_t hash[32])
{
    query_auto q = sq_query_begin(c, STMT_SESSION_REMOVE);

    sq_query_bytes(&q, hash, 32);
    return sq_query_run_one(&q);
}

ferry_err sq_session_remove(struct store_conn *c, const uint8_t hash[32])
{
    return IN_CHANGE(c, remove_session(c, hash));
}

ferry_err sq_session_touch(struct store_conn *c, const uint8_t hash[32], uint64_t used_ms)
{
    return IN_CHANGE(c, touch(c, STMT_SESSION_TOUCH, NULL, hash, used_ms));
}

static ferry_err trim_sessions(struct store_conn *c, const char *user, uint32_t keep)
{
    query_auto q = sq_query_begin(c, STMT_SESSION_TRIM);

    sq_query_text(&q, user);
    sq_query_int(&q, keep);
    return sq_query_run(&q, NULL);
}

ferry_err sq_session_trim(struct store_conn *c, const char *user, uint32_t keep)
{
    return IN_CHANGE(c, trim_sessions(c, user, keep));
}

static ferry_err prune_sessions(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms)
{
    query_auto q = sq_query_begin(c, STMT_SESSION_PRUNE);

    sq_query_bound(&q, used_before_ms);
    sq_query_bound(&q, now_ms);
    return sq_query_run(&q, NULL);
}

ferry_err sq_session_prune(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms)
{
    return IN_CHANGE(c, prune_sessions(c, used_before_ms, now_ms));
}

/* --- lockouts ---------------------------------------------------------------------------------- */

static void read_lockout(struct query *q, void *row)
{
    struct lockout *l = row;

    sq_query_get_text(q, l->name, sizeof(l->name));
    l->failures = sq_query_get_u32(q);
    l->until_ms = sq_query_get_u64(q);
    l->updated_ms = sq_query_get_u64(q);
}

ferry_err sq_lockout_get(struct store_conn *c, const char *name, struct lockout *ret)
{
    query_auto q = sq_query_begin(c, STMT_LOCKOUT_GET);

    sq_query_text(&q, name);
    return sq_query_one(&q, read_lockout, sizeof(*ret), ret);
}

static ferry_err put_lockout(struct store_conn *c, const struct lockout *l)
{
    query_auto q = sq_query_begin(c, STMT_LOCKOUT_PUT);

    sq_query_text(&q, l->name);
    sq_query_int(&q, l->failures);
    sq_query_u64(&q, l->until_ms);
    sq_query_u64(&q, l->updated_ms);
    return sq_query_run(&q, NULL);
}

static ferry_err put_and_trim(struct store_conn *c, const struct lockout *l, uint32_t cap)
{
    ferry_err err = put_lockout(c, l);
    query_auto q = sq_query_begin(c, STMT_LOCKOUT_TRIM);

    sq_query_int(&q, cap);
    return err == FERRY_OK ? sq_query_run(&q, NULL) : err;
}

ferry_err sq_lockout_put(struct store_conn *c, const struct lockout *l, uint32_t cap)
{
    return IN_CHANGE(c, put_and_trim(c, l, cap));
}

ferry_err sq_lockout_remove(struct store_conn *c, const char *name)
{
    return IN_CHANGE(c, run_named(c, STMT_LOCKOUT_REMOVE, name));
}
