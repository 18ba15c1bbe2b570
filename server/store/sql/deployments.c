#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

static void read_deployment(struct query *q, void *row)
{
    struct deployment *d = row;

    sql_query_get_id(q, &d->id);
    sql_query_get_text(q, d->product, sizeof(d->product));
    sql_query_get_id(q, &d->resource);
    sql_query_get_text(q, d->resource_name, sizeof(d->resource_name));
    d->state = (deployment_state)sql_query_get_int(q, DEPLOYMENT_ACTIVE, DEPLOYMENT_PAUSED);
    d->target_all = sql_query_get_bool(q);
    d->rate_per_min = sql_query_get_u32(q);
    d->timeout_s = sql_query_get_u32(q);
    d->expanded = sql_query_get_u64(q);
    d->expand_done = sql_query_get_bool(q);
    sql_query_get_text(q, d->expand_cursor, sizeof(d->expand_cursor));
    d->created_ms = sql_query_get_u64(q);
    d->updated_ms = sql_query_get_u64(q);
    d->retries = sql_query_get_u32(q);
    d->start_ms = sql_query_get_u64(q);
    d->end_ms = sql_query_get_u64(q);
    d->paused_ms = sql_query_get_u64(q);
    d->shift_ms = sql_query_get_u64(q);
    d->sweep = (deployment_sweep)sql_query_get_int(q, SWEEP_NONE, SWEEP_RETRY);
    sql_query_get_text(q, d->sweep_cursor.text, sizeof(d->sweep_cursor.text));
    sql_query_get_text(q, d->target_tag, sizeof(d->target_tag));
    d->sweep_ms = sql_query_get_u64(q);
    d->retry.state = (download_state)sql_query_get_int(q, 0, DOWNLOAD_REJECTED);
    d->retry.has_code = sql_query_get_bool(q);
    d->retry.code = sql_query_get_i32(q);
    d->retry.has_msg = sql_query_get_bool(q);
    sql_query_get_text(q, d->retry.msg, sizeof(d->retry.msg));
    d->pace_ms = sql_query_get_u64(q);
    d->paced = sql_query_get_u64(q);
}

static ferry_err put_deployment(struct store_conn *c, const struct deployment *d)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_PUT);
    int changes = 0;
    ferry_err err;

    sql_query_id(&q, &d->id);
    sql_query_text(&q, d->product);
    sql_query_id(&q, &d->resource);
    sql_query_int(&q, d->state);
    sql_query_int(&q, d->target_all);
    sql_query_int(&q, d->rate_per_min);
    sql_query_int(&q, d->timeout_s);
    sql_query_u64(&q, d->expanded);
    sql_query_int(&q, d->expand_done);
    sql_query_text(&q, d->expand_cursor);
    sql_query_u64(&q, d->created_ms);
    sql_query_u64(&q, d->updated_ms);
    sql_query_int(&q, d->retries);
    sql_query_u64(&q, d->start_ms);
    sql_query_u64(&q, d->end_ms);
    sql_query_u64(&q, d->paused_ms);
    sql_query_u64(&q, d->shift_ms);
    sql_query_int(&q, d->sweep);
    sql_query_text(&q, d->sweep_cursor.text);
    sql_query_text(&q, d->target_tag);
    sql_query_u64(&q, d->sweep_ms);
    sql_query_int(&q, d->retry.state);
    sql_query_int(&q, d->retry.has_code);
    sql_query_int(&q, d->retry.code);
    sql_query_int(&q, d->retry.has_msg);
    sql_query_text(&q, d->retry.msg);
    sql_query_u64(&q, d->pace_ms);
    sql_query_u64(&q, d->paced);
    err = sql_query_run(&q, &changes);
    return err == FERRY_OK && changes == 0 ? FERRY_E_NOT_FOUND : err; /* no such resource */
}

ferry_err sql_deployment_put(struct store_conn *c, const struct deployment *d)
{
    ferry_err err;

    if (deployment_state_name(d->state) == NULL)
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put_deployment(c, d));
}

ferry_err sql_deployment_get(struct store_conn *c, const ferry_id *id, struct deployment *ret)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_GET);

    sql_query_id(&q, id);
    return sql_query_one(&q, read_deployment, sizeof(*ret), ret);
}

ferry_err sql_deployment_list(struct store_conn *c, const struct deployment_filter *f, const struct store_page *page,
                          struct deployment *out, size_t *ret_count)
{
    bool by_name = page->sort == STORE_BY_NAME;
    statement which = by_name              ? STMT_DEPLOYMENT_BY_NAME
                      : f->product != NULL ? STMT_DEPLOYMENT_LIST_PRODUCT
                                           : STMT_DEPLOYMENT_LIST;
    struct page_place place;
    query_auto q = sql_query_begin(c, page->descending ? which + 1 : which);

    if (page->sort != STORE_BY_KEY && (!by_name || f->product == NULL))
        return FERRY_E_ARG;
    sql_page_bind_ids(&q, page, &f->made);
    sql_query_text(&q, f->product);
    q.bound = 7; /* lists of deployments have neither device nor name */
    sql_query_int(&q, f->state);
    if (by_name)
        sql_page_bind_name_and_id(&q, page, NULL, &place);
    return sql_page_read(&q, read_deployment, sizeof(*out), page, out, ret_count);
}

ferry_err sql_deployment_expanding(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_EXPANDING);

    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_deployment, sizeof(*out), out, cap, ret_count);
}

ferry_err sql_deployment_sweeping(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_SWEEPING);

    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_deployment, sizeof(*out), out, cap, ret_count);
}

static void read_counts(struct query *q, void *row)
{
    struct download_counts *counts = row;

    counts->by_state[0] = 0;
    for (int state = DOWNLOAD_QUEUED; state <= DOWNLOAD_REJECTED; state++)
        counts->by_state[state] = sql_query_get_u64(q);
}

ferry_err sql_deployment_counts(struct store_conn *c, const ferry_id *id, struct download_counts *ret)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_COUNTS);
    ferry_err err;

    sql_query_id(&q, id);
    err = sql_query_one(&q, read_counts, sizeof(*ret), ret);
    if (err != FERRY_E_NOT_FOUND)
        return err;
    *ret = (struct download_counts){{0}}; /* it has no tasks */
    return FERRY_OK;
}

/* The first column, the same in each row, is how many there are in all. */
static uint64_t read_cause(struct query *q, struct failure_cause *cause)
{
    uint64_t all = sql_query_get_u64(q);

    *cause = (struct failure_cause){.state = (download_state)sql_query_get_int(q, DOWNLOAD_FAILED, DOWNLOAD_REJECTED)};
    cause->result_code = sql_query_get_i32(q);
    sql_query_get_text(q, cause->result_msg, sizeof(cause->result_msg));
    cause->count = sql_query_get_u64(q);
    return all;
}

ferry_err sql_deployment_causes(struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap,
                               size_t *ret_count, uint64_t *ret_all)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_CAUSES);
    uint64_t all = 0;
    size_t count = 0;

    sql_query_id(&q, id);
    sql_query_bound(&q, cap);
    while (count < cap && sql_query_next(&q))
        all = read_cause(&q, &out[count++]);
    if (q.err != FERRY_OK)
        return q.err;
    *ret_count = count;
    *ret_all = all;
    return FERRY_OK;
}

static void read_step(struct query *q, void *row)
{
    struct deployment_step *step = row;

    step->at_ms = sql_query_get_u64(q);
    step->done = sql_query_get_int(q, INT64_MIN, INT64_MAX);
    step->failed = sql_query_get_int(q, INT64_MIN, INT64_MAX);
}

ferry_err sql_deployment_steps(struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out,
                              size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DEPLOYMENT_STEPS);

    sql_query_id(&q, id);
    sql_query_u64(&q, from_ms);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_step, sizeof(*out), out, cap, ret_count);
}

ferry_err sql_deployment_failed(struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count)
{
    bool whole = cause->state != 0 && cause->has_code && cause->has_msg;
    bool any = !cause->has_code && !cause->has_msg;
    query_auto q = sql_query_begin(c, any ? STMT_DEPLOYMENT_FAILED : whole ? STMT_DEPLOYMENT_CAUSE : STMT_DEPLOYMENT_CAUSES_SUM);

    sql_query_id(&q, id);
    sql_query_int(&q, cause->state);
    if (!any && cause->has_code)
        sql_query_int(&q, cause->code);
    else if (!any)
        sql_query_null(&q);
    if (!any && cause->has_msg)
        sql_query_text(&q, cause->msg);
    ferry_err err = sql_query_number(&q, ret_count);
    if (err != FERRY_E_NOT_FOUND)
        return err;
    *ret_count = 0;
    return FERRY_OK;
}
