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
        err = earlier(c, STMT_RESOURCE_UPLOAD_NEXT_DUE, &ms);
    if (err == FERRY_OK)
        *ret_ms = ms;
    return err;
}

static void read_counts(struct query *q, void *row)
{
    struct store_totals *t = row;

    t->products = sq_query_get_u64(q);
    t->devices = sq_query_get_u64(q);
    t->resources = sq_query_get_u64(q);
    t->deployments = sq_query_get_u64(q);
    t->uploads_open = sq_query_get_u64(q);
    t->downloads_open = sq_query_get_u64(q);
    t->deployments_open = t->deployments - sq_query_get_u64(q);
    t->webhooks = sq_query_get_u64(q);
    t->webhooks_parked = sq_query_get_u64(q);
}

/* Sums come as high and low halves of the numbers; no rows: two NULLs. */
static void read_sum(struct query *q, void *row)
{
    uint64_t *sum = row;
    uint64_t high = (uint64_t)sqlite3_column_int64(q->stmt, 0), low = (uint64_t)sqlite3_column_int64(q->stmt, 1);

    if (high > (UINT64_MAX - low) >> 32)
        *sum = UINT64_MAX;
    else
        *sum = (high << 32) + low;
}

static ferry_err add_sum(struct store_conn *c, statement which, uint64_t *inout_sum)
{
    query_auto q = sq_query_begin(c, which);
    uint64_t sum;
    ferry_err err = sq_query_one(&q, read_sum, sizeof(sum), &sum);

    if (err == FERRY_OK)
        *inout_sum = sum > UINT64_MAX - *inout_sum ? UINT64_MAX : *inout_sum + sum;
    return err;
}

ferry_err sq_totals(struct store_conn *c, struct store_totals *ret)
{
    struct store_totals t = {0};
    query_auto q = sq_query_begin(c, STMT_TOTALS_COUNTS);
    ferry_err err = sq_query_one(&q, read_counts, sizeof(t), &t);

    if (err == FERRY_OK)
        err = add_sum(c, STMT_TOTALS_STORED, &t.uploads_stored_bytes);
    if (err == FERRY_OK)
        err = add_sum(c, STMT_TOTALS_DONE, &t.uploads_stored_bytes);
    if (err == FERRY_OK)
        err = add_sum(c, STMT_TOTALS_RESOURCES, &t.resource_bytes);
    if (err == FERRY_OK)
        *ret = t;
    return err;
}
