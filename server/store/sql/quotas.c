/* Quotas, and what counts against them: each database keeps that beside the rows. */
#include "store/sql/known.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

#include <string.h>

static ferry_err put_quota(struct store_conn *c, const struct quota *q)
{
    query_auto query = sql_query_begin(c, STMT_QUOTA_PUT);

    sql_query_text(&query, q->product);
    sql_query_u64(&query, q->limits.product_bytes);
    sql_query_u64(&query, q->limits.product_files);
    sql_query_u64(&query, q->limits.device_bytes);
    sql_query_u64(&query, q->limits.device_files);
    return sql_query_run_one(&query);
}

ferry_err sql_quota_put(struct store_conn *c, const struct quota *q)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, put_quota(c, q));
}

static void read_quota(struct query *query, void *row)
{
    struct quota *q = row;

    sql_query_get_text(query, q->product, sizeof(q->product));
    q->limits.product_bytes = sql_query_get_u64(query);
    q->limits.product_files = sql_query_get_u64(query);
    q->limits.device_bytes = sql_query_get_u64(query);
    q->limits.device_files = sql_query_get_u64(query);
}

static ferry_err look_quota_up(struct store_conn *c, const char *product, struct quota *ret)
{
    query_auto query = sql_query_begin(c, STMT_QUOTA_GET);

    sql_query_text(&query, product);
    return sql_query_one(&query, read_quota, sizeof(*ret), ret);
}

static void note_none(struct sql_known *known, const char *product)
{
    struct quota none = {.product = ""};
    size_t len = strnlen(product, sizeof(none.product));

    if (len == sizeof(none.product))
        return;
    memcpy(none.product, product, len);
    sql_known_note_quota(known, &none, FERRY_E_NOT_FOUND);
}

ferry_err sql_quota_get(struct store_conn *c, const char *product, struct quota *ret)
{
    struct sql_known *known = sql_conn_known(c);
    ferry_err err;

    if (sql_known_quota(known, product, ret, &err))
        return err;
    err = look_quota_up(c, product, ret);
    if (err == FERRY_OK)
        sql_known_note_quota(known, ret, err);
    else if (err == FERRY_E_NOT_FOUND)
        note_none(known, product);
    return err;
}

static ferry_err remove_quota(struct store_conn *c, const char *product)
{
    query_auto query = sql_query_begin(c, STMT_QUOTA_REMOVE);

    sql_query_text(&query, product);
    return sql_query_run_one(&query);
}

ferry_err sql_quota_remove(struct store_conn *c, const char *product)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_quota(c, product));
}

static void read_usage(struct query *query, void *row)
{
    struct usage *usage = row;

    usage->files = sql_query_get_u64(query);
    usage->bytes = sql_query_get_sum(query);
}

ferry_err sql_usage_get(struct store_conn *c, const char *product, const char *device, struct usage *ret)
{
    query_auto query = sql_query_begin(c, STMT_USAGE_GET);
    struct usage usage = {.bytes = 0};
    ferry_err err;

    sql_query_text(&query, product);
    sql_query_text(&query, device != NULL ? device : "");
    err = sql_query_one(&query, read_usage, sizeof(usage), &usage);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return err;
    *ret = usage;
    return FERRY_OK;
}
