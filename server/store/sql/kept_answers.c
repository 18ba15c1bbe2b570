/* What requests were answered, for when they come again. */
#include "store/sql/ops.h"
#include "store/sql/query.h"

static ferry_err put(struct store_conn *c, const struct kept_answer *a)
{
    query_auto q = sql_query_begin(c, STMT_KEPT_PUT);

    sql_query_bytes(&q, a->key, sizeof(a->key));
    sql_query_bytes(&q, a->request, sizeof(a->request));
    sql_query_u64(&q, a->made_ms);
    sql_query_int(&q, a->status);
    sql_query_text(&q, a->location);
    sql_query_text(&q, a->body);
    sql_query_text(&q, a->secret_name);
    for (size_t i = 0; i < KEPT_SECRET_PARTS; i++)
        sql_query_bytes(&q, a->secret[i].bytes, a->secret[i].len);
    return sql_query_run(&q, NULL);
}

ferry_err sql_kept_answer_put(struct store_conn *c, const struct kept_answer *a)
{
    ferry_err err;

    for (size_t i = 0; i < KEPT_SECRET_PARTS; i++) {
        if (a->secret[i].len > SEALED_MAX)
            return FERRY_E_ARG;
    }
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put(c, a));
}

/* A column of exactly so many bytes. */
static void read_digest(struct query *q, uint8_t out[KEPT_DIGEST_BYTES])
{
    size_t len = 0;

    sql_query_get_bytes(q, out, KEPT_DIGEST_BYTES, &len);
    if (q->err == FERRY_OK && len != KEPT_DIGEST_BYTES)
        q->err = FERRY_E_CORRUPT;
}

static void read_kept(struct query *q, void *row)
{
    struct kept_answer *a = row;

    read_digest(q, a->key);
    read_digest(q, a->request);
    a->made_ms = sql_query_get_u64(q);
    a->status = sql_query_get_u32(q);
    sql_query_get_text(q, a->location, sizeof(a->location));
    sql_query_get_text(q, a->body, sizeof(a->body));
    sql_query_get_text(q, a->secret_name, sizeof(a->secret_name));
    for (size_t i = 0; i < KEPT_SECRET_PARTS; i++) {
        size_t len = 0;
        sql_query_get_bytes(q, a->secret[i].bytes, sizeof(a->secret[i].bytes), &len);
        a->secret[i].len = (uint32_t)len;
    }
}

ferry_err sql_kept_answer_get(struct store_conn *c, const uint8_t key[KEPT_DIGEST_BYTES], struct kept_answer *ret)
{
    query_auto q = sql_query_begin(c, STMT_KEPT_GET);

    sql_query_bytes(&q, key, KEPT_DIGEST_BYTES);
    return sql_query_one(&q, read_kept, sizeof(*ret), ret);
}

static ferry_err prune(struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed)
{
    query_auto q = sql_query_begin(c, STMT_KEPT_PRUNE);
    int changes = 0;
    ferry_err err;

    sql_query_bound(&q, before_ms);
    sql_query_bound(&q, keep);
    sql_query_int(&q, (int64_t)cap);
    err = sql_query_run(&q, &changes);
    if (err == FERRY_OK)
        *ret_removed = (size_t)changes;
    return err;
}

ferry_err sql_kept_answer_prune(struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed)
{
    ferry_err err;

    if (cap < 1 || cap > FERRY_PAGE_MAX)
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, prune(c, before_ms, keep, cap, ret_removed));
}
