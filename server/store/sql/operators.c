#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

/* A change: one row, run in a transaction of its own when none is open. */
#define IN_CHANGE(c, change)                                                                      \
    __extension__({                                                                               \
        ferry_err in_change_err = sql_conn_change_begin(c);                                        \
        in_change_err != FERRY_OK ? in_change_err : sql_conn_change_end(c, change);                \
    })

static ferry_err run_named(struct store_conn *c, statement which, const char *name)
{
    query_auto q = sql_query_begin(c, which);

    sql_query_text(&q, name);
    return sql_query_run_one(&q);
}

/* A hash of 32 bytes, or a name, and a time for it. */
static ferry_err touch(struct store_conn *c, statement which, const char *name, const uint8_t *hash, uint64_t ms)
{
    query_auto q = sql_query_begin(c, which);

    if (name != NULL)
        sql_query_text(&q, name);
    else
        sql_query_bytes(&q, hash, 32);
    sql_query_u64(&q, ms);
    return sql_query_run_one(&q);
}

static void get_hash(struct query *q, uint8_t hash[32])
{
    size_t len = 0;

    sql_query_get_bytes(q, hash, 32, &len);
    if (len != 32 && q->err == FERRY_OK)
        q->err = FERRY_E_CORRUPT;
}

/* --- tokens ------------------------------------------------------------------------------------ */

static void read_token(struct query *q, void *row)
{
    struct token *t = row;

    sql_query_get_text(q, t->name, sizeof(t->name));
    sql_query_get_text(q, t->role, sizeof(t->role));
    get_hash(q, t->hash);
    t->created_ms = sql_query_get_u64(q);
    t->expires_ms = sql_query_get_u64(q);
    sql_query_get_text(q, t->products, sizeof(t->products));
    t->used_ms = sql_query_get_u64(q);
}

static ferry_err put_token(struct store_conn *c, const struct token *t)
{
    query_auto q = sql_query_begin(c, STMT_TOKEN_PUT);

    sql_query_text(&q, t->name);
    sql_query_text(&q, t->role);
    sql_query_bytes(&q, t->hash, sizeof(t->hash));
    sql_query_u64(&q, t->created_ms);
    sql_query_u64(&q, t->expires_ms);
    sql_query_text(&q, t->products);
    sql_query_u64(&q, t->used_ms);
    return sql_query_run(&q, NULL);
}

ferry_err sql_token_put(struct store_conn *c, const struct token *t)
{
    return IN_CHANGE(c, put_token(c, t));
}

ferry_err sql_token_find(struct store_conn *c, const uint8_t hash[32], struct token *ret)
{
    query_auto q = sql_query_begin(c, STMT_TOKEN_FIND);

    sql_query_bytes(&q, hash, sizeof(ret->hash));
    return sql_query_one(&q, read_token, sizeof(*ret), ret);
}

ferry_err sql_token_get(struct store_conn *c, const char *name, struct token *ret)
{
    query_auto q = sql_query_begin(c, STMT_TOKEN_GET);

    sql_query_text(&q, name);
    return sql_query_one(&q, read_token, sizeof(*ret), ret);
}

ferry_err sql_token_remove(struct store_conn *c, const char *name)
{
    return IN_CHANGE(c, run_named(c, STMT_TOKEN_REMOVE, name));
}

ferry_err sql_token_touch(struct store_conn *c, const char *name, uint64_t used_ms)
{
    return IN_CHANGE(c, touch(c, STMT_TOKEN_TOUCH, name, NULL, used_ms));
}

ferry_err sql_token_list(struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count)
{
    struct page_names names;
    query_auto q = sql_query_begin(c, page->descending ? STMT_TOKEN_LIST_DESC : STMT_TOKEN_LIST);

    sql_page_bind_names(&q, page, NULL, &names);
    return sql_query_many(&q, read_token, sizeof(*out), out, page->limit, ret_count);
}

/* --- users ------------------------------------------------------------------------------------- */

static void read_user(struct query *q, void *row)
{
    struct user *u = row;

    sql_query_get_text(q, u->name, sizeof(u->name));
    sql_query_get_text(q, u->role, sizeof(u->role));
    sql_query_get_text(q, u->products, sizeof(u->products));
    sql_query_get_text(q, u->password, sizeof(u->password));
    u->created_ms = sql_query_get_u64(q);
    u->changed_ms = sql_query_get_u64(q);
}

static ferry_err put_user(struct store_conn *c, const struct user *u)
{
    query_auto q = sql_query_begin(c, STMT_USER_PUT);

    sql_query_text(&q, u->name);
    sql_query_text(&q, u->role);
    sql_query_text(&q, u->products);
    sql_query_text(&q, u->password);
    sql_query_u64(&q, u->created_ms);
    sql_query_u64(&q, u->changed_ms);
    return sql_query_run(&q, NULL);
}

ferry_err sql_user_put(struct store_conn *c, const struct user *u)
{
    return IN_CHANGE(c, put_user(c, u));
}

ferry_err sql_user_get(struct store_conn *c, const char *name, struct user *ret)
{
    query_auto q = sql_query_begin(c, STMT_USER_GET);

    sql_query_text(&q, name);
    return sql_query_one(&q, read_user, sizeof(*ret), ret);
}

ferry_err sql_user_remove(struct store_conn *c, const char *name)
{
    return IN_CHANGE(c, run_named(c, STMT_USER_REMOVE, name));
}

ferry_err sql_user_list(struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count)
{
    struct page_names names;
    query_auto q = sql_query_begin(c, page->descending ? STMT_USER_LIST_DESC : STMT_USER_LIST);

    sql_page_bind_names(&q, page, NULL, &names);
    return sql_query_many(&q, read_user, sizeof(*out), out, page->limit, ret_count);
}

/* --- sessions ---------------------------------------------------------------------------------- */

static void read_session(struct query *q, void *row)
{
    struct session *s = row;

    get_hash(q, s->hash);
    sql_query_get_text(q, s->user, sizeof(s->user));
    sql_query_get_text(q, s->from, sizeof(s->from));
    s->created_ms = sql_query_get_u64(q);
    s->used_ms = sql_query_get_u64(q);
    s->expires_ms = sql_query_get_u64(q);
}

static ferry_err put_session(struct store_conn *c, const struct session *s)
{
    query_auto q = sql_query_begin(c, STMT_SESSION_PUT);

    sql_query_bytes(&q, s->hash, sizeof(s->hash));
    sql_query_text(&q, s->user);
    sql_query_text(&q, s->from);
    sql_query_u64(&q, s->created_ms);
    sql_query_u64(&q, s->used_ms);
    sql_query_u64(&q, s->expires_ms);
    return sql_query_run(&q, NULL);
}

ferry_err sql_session_put(struct store_conn *c, const struct session *s)
{
    return IN_CHANGE(c, put_session(c, s));
}

ferry_err sql_session_find(struct store_conn *c, const uint8_t hash[32], struct session *ret)
{
    query_auto q = sql_query_begin(c, STMT_SESSION_FIND);

    sql_query_bytes(&q, hash, sizeof(ret->hash));
    return sql_query_one(&q, read_session, sizeof(*ret), ret);
}

static ferry_err remove_session(struct store_conn *c, const uint8_t hash[32])
{
    query_auto q = sql_query_begin(c, STMT_SESSION_REMOVE);

    sql_query_bytes(&q, hash, 32);
    return sql_query_run_one(&q);
}

ferry_err sql_session_remove(struct store_conn *c, const uint8_t hash[32])
{
    return IN_CHANGE(c, remove_session(c, hash));
}

ferry_err sql_session_touch(struct store_conn *c, const uint8_t hash[32], uint64_t used_ms)
{
    return IN_CHANGE(c, touch(c, STMT_SESSION_TOUCH, NULL, hash, used_ms));
}

static ferry_err trim_sessions(struct store_conn *c, const char *user, uint32_t keep)
{
    query_auto q = sql_query_begin(c, STMT_SESSION_TRIM);

    sql_query_text(&q, user);
    sql_query_int(&q, keep);
    return sql_query_run(&q, NULL);
}

ferry_err sql_session_trim(struct store_conn *c, const char *user, uint32_t keep)
{
    return IN_CHANGE(c, trim_sessions(c, user, keep));
}

static ferry_err prune_sessions(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms)
{
    query_auto q = sql_query_begin(c, STMT_SESSION_PRUNE);

    sql_query_bound(&q, used_before_ms);
    sql_query_bound(&q, now_ms);
    return sql_query_run(&q, NULL);
}

ferry_err sql_session_prune(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms)
{
    return IN_CHANGE(c, prune_sessions(c, used_before_ms, now_ms));
}

/* --- lockouts ---------------------------------------------------------------------------------- */

static void read_lockout(struct query *q, void *row)
{
    struct lockout *l = row;

    sql_query_get_text(q, l->name, sizeof(l->name));
    l->failures = sql_query_get_u32(q);
    l->until_ms = sql_query_get_u64(q);
    l->updated_ms = sql_query_get_u64(q);
}

ferry_err sql_lockout_get(struct store_conn *c, const char *name, struct lockout *ret)
{
    query_auto q = sql_query_begin(c, STMT_LOCKOUT_GET);

    sql_query_text(&q, name);
    return sql_query_one(&q, read_lockout, sizeof(*ret), ret);
}

static ferry_err put_lockout(struct store_conn *c, const struct lockout *l)
{
    query_auto q = sql_query_begin(c, STMT_LOCKOUT_PUT);

    sql_query_text(&q, l->name);
    sql_query_int(&q, l->failures);
    sql_query_u64(&q, l->until_ms);
    sql_query_u64(&q, l->updated_ms);
    return sql_query_run(&q, NULL);
}

static ferry_err put_and_trim(struct store_conn *c, const struct lockout *l, uint32_t cap)
{
    ferry_err err = put_lockout(c, l);
    query_auto q = sql_query_begin(c, STMT_LOCKOUT_TRIM);

    sql_query_int(&q, cap);
    return err == FERRY_OK ? sql_query_run(&q, NULL) : err;
}

ferry_err sql_lockout_put(struct store_conn *c, const struct lockout *l, uint32_t cap)
{
    return IN_CHANGE(c, put_and_trim(c, l, cap));
}

ferry_err sql_lockout_remove(struct store_conn *c, const char *name)
{
    return IN_CHANGE(c, run_named(c, STMT_LOCKOUT_REMOVE, name));
}
