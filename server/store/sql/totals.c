#include "store/sql/ops.h"
#include "store/sql/query.h"

static ferry_err earlier(struct store_conn *c, statement which, uint64_t *inout_ms)
{
    query_auto q = sql_query_begin(c, which);
    uint64_t ms;
    ferry_err err = sql_query_number(&q, &ms);

    if (err == FERRY_OK && ms < *inout_ms)
        *inout_ms = ms;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

ferry_err sql_next_due_ms(struct store_conn *c, uint64_t *ret_ms)
{
    uint64_t ms = UINT64_MAX;
    ferry_err err = earlier(c, STMT_UPLOAD_NEXT_DUE, &ms);

    if (err == FERRY_OK)
        err = earlier(c, STMT_DOWNLOAD_NEXT_DUE, &ms);
    if (err == FERRY_OK)
        err = earlier(c, STMT_DEVICE_NEXT_OLD, &ms);
    if (err == FERRY_OK)
        err = earlier(c, STMT_WEBHOOK_NEXT_OLD, &ms);
    if (err == FERRY_OK)
        err = earlier(c, STMT_RESOURCE_UPLOAD_NEXT_DUE, &ms);
    if (err == FERRY_OK)
        *ret_ms = ms;
    return err;
}

static void read_totals(struct query *q, void *row)
{
    struct store_totals *t = row;

    t->products = sql_query_get_u64(q);
    t->devices = sql_query_get_u64(q);
    t->resources = sql_query_get_u64(q);
    t->deployments = sql_query_get_u64(q);
    t->deployments_open = sql_query_get_u64(q);
    t->uploads_open = sql_query_get_u64(q);
    t->downloads_open = sql_query_get_u64(q);
    t->uploads_stored_bytes = sql_query_get_sum(q);
    t->resource_bytes = sql_query_get_sum(q);
    t->webhooks = sql_query_get_u64(q);
    t->webhooks_parked = sql_query_get_u64(q);
}

ferry_err sql_totals(struct store_conn *c, struct store_totals *ret)
{
    query_auto q = sql_query_begin(c, STMT_TOTALS);

    return sql_query_one(&q, read_totals, sizeof(*ret), ret);
}
