#include "ops.h"
#include "page.h"
#include "query.h"

static void read_deployment(struct query *q, void *row)
{
    struct deployment *d = row;

    sq_query_get_id(q, &d->id);
    sq_query_get_text(q, d->product, sizeof(d->product));
    sq_query_get_id(q, &d->resource);
    sq_query_get_text(q, d->resource_name, sizeof(d->resource_name));
    d->state = (deployment_state)sq_query_get_int(q, DEPLOYMENT_ACTIVE, DEPLOYMENT_PAUSED);
    d->target_all = sq_query_get_bool(q);
    d->rate_per_min = sq_query_get_u32(q);
    d->timeout_s = sq_query_get_u32(q);
    d->expanded = sq_query_get_u64(q);
    d->expand_done = sq_query_get_bool(q);
    sq_query_get_text(q, d->expand_cursor, sizeof(d->expand_cursor));
    d->created_ms = sq_query_get_u64(q);
    d->updated_ms = sq_query_get_u64(q);
    d->retries = sq_query_get_u32(q);
    d->start_ms = sq_query_get_u64(q);
    d->end_ms = sq_query_get_u64(q);
    d->paused_ms = sq_query_get_u64(q);
    d->shift_ms = sq_query_get_u64(q);
    d->sweep = (deployment_sweep)sq_query_get_int(q, SWEEP_NONE, SWEEP_RETRY);
    sq_query_get_text(q, d->sweep_cursor.text, sizeof(d->sweep_cursor.text));
    sq_query_get_text(q, d->target_tag, sizeof(d->target_tag));
    d->sweep_ms = sq_query_get_u64(q);
    d->retry.state = (download_state)sq_query_get_int(q, 0, DOWNLOAD_REJECTED);
    d->retry.has_code = sq_query_get_bool(q);
    d->retry.code = sq_query_get_i32(q);
    d->retry.has_msg = sq_query_get_bool(q);
    sq_query_get_text(q, d->retry.msg, sizeof(d->retry.msg));
    d->pace_ms = sq_query_get_u64(q);
    d->paced = sq_query_get_u64(q);
}

static ferry_err put_deployment(struct store_conn *c, const struct deployment *d)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_PUT);
    int changes = 0;
    ferry_err err;

    sq_query_id(&q, &d->id);
    sq_query_text(&q, d->product);
    sq_query_id(&q, &d->resource);
    sq_query_int(&q, d->state);
    sq_query_int(&q, d->target_all);
    sq_query_int(&q, d->rate_per_min);
    sq_query_int(&q, d->timeout_s);
    sq_query_u64(&q, d->expanded);
    sq_query_int(&q, d->expand_done);
    sq_query_text(&q, d->expand_cursor);
    sq_query_u64(&q, d->created_ms);
    sq_query_u64(&q, d->updated_ms);
    sq_query_int(&q, d->retries);
    sq_query_u64(&q, d->start_ms);
    sq_query_u64(&q, d->end_ms);
    sq_query_u64(&q, d->paused_ms);
    sq_query_u64(&q, d->shift_ms);
    sq_query_int(&q, d->sweep);
    sq_query_text(&q, d->sweep_cursor.text);
    sq_query_text(&q, d->target_tag);
    sq_query_u64(&q, d->sweep_ms);
    sq_query_int(&q, d->retry.state);
    sq_query_int(&q, d->retry.has_code);
    sq_query_int(&q, d->retry.code);
    sq_query_int(&q, d->retry.has_msg);
    sq_query_text(&q, d->retry.msg);
    sq_query_u64(&q, d->pace_ms);
    sq_query_u64(&q, d->paced);
    err = sq_query_run(&q, &changes);
    return err == FERRY_OK && changes == 0 ? FERRY_E_NOT_FOUND : err; /* no such resource */
}

ferry_err sq_deployment_put(struct store_conn *c, const struct deployment *d)
{
    ferry_err err;

    if (deployment_state_name(d->state) == NULL)
        return FERRY_E_ARG;
    err = sq_conn_change_begin(c);
    return err != FERRY_OK ? err : sq_conn_change_end(c, put_deployment(c, d));
}

ferry_err sq_deployment_get(struct store_conn *c, const ferry_id *id, struct deployment *ret)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_GET);

    sq_query_id(&q, id);
    return sq_query_one(&q, read_deployment, sizeof(*ret), ret);
}

ferry_err sq_deployment_list(struct store_conn *c, const struct deployment_filter *f, const struct store_page *page,
                          struct deployment *out, size_t *ret_count)
{
    bool by_name = page->sort == STORE_BY_NAME;
    statement which = by_name              ? STMT_DEPLOYMENT_BY_NAME
                      : f->product != NULL ? STMT_DEPLOYMENT_LIST_PRODUCT
                                           : STMT_DEPLOYMENT_LIST;
    struct page_place place;
    query_auto q = sq_query_begin(c, page->descending ? which + 1 : which);

    if (page->sort != STORE_BY_KEY && (!by_name || f->product == NULL))
        return FERRY_E_ARG;
    sq_page_bind_ids(&q, page, &f->made);
    sq_query_text(&q, f->product);
    q.bound = 7; /* lists of deployments have neither device nor name */
    sq_query_int(&q, f->state);
    if (by_name)
        sq_page_bind_name_and_id(&q, page, NULL, &place);
    return sq_page_read(&q, read_deployment, sizeof(*out), page, out, ret_count);
}

ferry_err sq_deployment_expanding(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_EXPANDING);

    sq_query_bound(&q, cap);
    return sq_query_many(&q, read_deployment, sizeof(*out), out, cap, ret_count);
}

ferry_err sq_deployment_sweeping(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_SWEEPING);

    sq_query_bound(&q, cap);
    return sq_query_many(&q, read_deployment, sizeof(*out), out, cap, ret_count);
}

static void read_counts(struct query *q, void *row)
{
    struct download_counts *counts = row;

    counts->by_state[0] = 0;
    for (int state = DOWNLOAD_QUEUED; state <= DOWNLOAD_REJECTED; state++)
        counts->by_state[state] = sq_query_get_u64(q);
}

ferry_err sq_deployment_counts(struct store_conn *c, const ferry_id *id, struct download_counts *ret)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_COUNTS);
    ferry_err err;

    sq_query_id(&q, id);
    err = sq_query_one(&q, read_counts, sizeof(*ret), ret);
    if (err != FERRY_E_NOT_FOUND)
        return err;
    *ret = (struct download_counts){{0}}; /* it has no tasks */
    return FERRY_OK;
}

/* The first column, the same in each row, is how many there are in all. */
static uint64_t read_cause(struct query *q, struct failure_cause *cause)
{
    uint64_t all = sq_query_get_u64(q);

    *cause = (struct failure_cause){.state = (download_state)sq_query_get_int(q, DOWNLOAD_FAILED, DOWNLOAD_REJECTED)};
    cause->result_code = sq_query_get_i32(q);
    sq_query_get_text(q, cause->result_msg, sizeof(cause->result_msg));
    cause->count = sq_query_get_u64(q);
    return all;
}

ferry_err sq_deployment_causes(struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap,
                               size_t *ret_count, uint64_t *ret_all)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_CAUSES);
    uint64_t all = 0;
    size_t count = 0;

    sq_query_id(&q, id);
    sq_query_bound(&q, cap);
    while (count < cap && sq_query_next(&q))
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

    step->at_ms = sq_query_get_u64(q);
    step->done = sq_query_get_int(q, INT64_MIN, INT64_MAX);
    step->failed = sq_query_get_int(q, INT64_MIN, INT64_MAX);
}

ferry_err sq_deployment_steps(struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out,
                              size_t cap, size_t *ret_count)
{
    query_auto q = sq_query_begin(c, STMT_DEPLOYMENT_STEPS);

    sq_query_id(&q, id);
    sq_query_u64(&q, from_ms);
    sq_query_bound(&q, cap);
    return sq_query_many(&q, read_step, sizeof(*out), out, cap, ret_count);
}

ferry_err sq_deployment_failed(struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count)
{
    bool whole = cause->state != 0 && cause->has_code && cause->has_msg;
    bool any = !cause->has_code && !cause->has_msg;
    query_auto q = sq_query_begin(c, any ? STMT_DEPLOYMENT_FAILED : whole ? STMT_DEPLOYMENT_CAUSE : STMT_DEPLOYMENT_CAUSES_SUM);

    sq_query_id(&q, id);
    sq_query_int(&q, cause->state);
    if (!any && cause->has_code)
        sq_query_int(&q, cause->code);
    else if (!any)
        sq_query_null(&q);
    if (!any && cause->has_msg)
        sq_query_text(&q, cause->msg);
    ferry_err err = sq_query_number(&q, ret_count);
    if (err != FERRY_E_NOT_FOUND)
        return err;
    *ret_count = 0;
    return FERRY_OK;
}
