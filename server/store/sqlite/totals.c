#include "ops.h"
#include "query.h"

static ferry_err earlier(struct store_conn *c, statement which, uint64_t *inout_ms)
{
    query_auto q = sq_query_begin(c, which);
    uint64_t ms;
    ferry_err err = sq_query_number(&q, &ms);

    if (err == FERRY_OK && ms < *inout_ms)
        *inout_ms = ms;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

ferry_err sq_next_due_ms(struct store_conn *c, uint64_t *ret_ms)
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

/* A sum is kept as those of the high and the low halves of its numbers: it may pass 2^63. */
static uint64_t read_sum(struct query *q)
{
    uint64_t high = sq_query_get_u64(q), low = sq_query_get_u64(q);

    return high > (UINT64_MAX - low) >> 32 ? UINT64_MAX : (high << 32) + low;
}

static void read_totals(struct query *q, void *row)
{
    struct store_totals *t = row;

    t->products = sq_query_get_u64(q);
    t->devices = sq_query_get_u64(q);
    t->resources = sq_query_get_u64(q);
    t->deployments = sq_query_get_u64(q);
    t->deployments_open = sq_query_get_u64(q);
    t->uploads_open = sq_query_get_u64(q);
    t->downloads_open = sq_query_get_u64(q);
    t->uploads_stored_bytes = read_sum(q);
    t->resource_bytes = read_sum(q);
    t->webhooks = sq_query_get_u64(q);
    t->webhooks_parked = sq_query_get_u64(q);
}

ferry_err sq_totals(struct store_conn *c, struct store_totals *ret)
{
    query_auto q = sq_query_begin(c, STMT_TOTALS);

    return sq_query_one(&q, read_totals, sizeof(*ret), ret);
}
