/* The event log. Its newest event is never removed, so that the next number is always one more. */
#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

ferry_err sql_event_append(struct store_conn *c, const struct event *e)
{
    query_auto q = sql_query_begin(c, STMT_EVENT_APPEND);

    sql_query_u64(&q, e->time_ms);
    sql_query_int(&q, (int64_t)e->kind);
    sql_query_text(&q, e->product);
    sql_query_text(&q, e->device);
    sql_query_text(&q, e->task);
    sql_query_text(&q, e->deployment);
    sql_query_text(&q, e->resource);
    sql_query_text(&q, e->before);
    sql_query_text(&q, e->state);
    sql_query_int(&q, e->percent);
    sql_query_int(&q, e->result_code);
    sql_query_text(&q, e->text);
    return sql_query_run(&q, NULL);
}

static ferry_err one_end(struct store_conn *c, statement which, uint64_t *ret_id)
{
    query_auto q = sql_query_begin(c, which);
    uint64_t id = 0;
    ferry_err err = sql_query_number(&q, &id);

    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return err;
    *ret_id = id;
    return FERRY_OK;
}

ferry_err sql_event_bounds(struct store_conn *c, struct event_bounds *ret)
{
    struct event_bounds bounds = {0};
    ferry_err err = one_end(c, STMT_EVENT_FIRST, &bounds.first);

    if (err == FERRY_OK)
        err = one_end(c, STMT_EVENT_LAST, &bounds.last);
    if (err == FERRY_OK)
        *ret = bounds;
    return err;
}

static void read_event(struct query *q, void *row)
{
    struct event *e = row;

    e->id = sql_query_get_u64(q);
    e->time_ms = sql_query_get_u64(q);
    e->kind = (event_kind)sql_query_get_int(q, EVENT_KIND_FIRST, EVENT_KIND_LAST);
    sql_query_get_text(q, e->product, sizeof(e->product));
    sql_query_get_text(q, e->device, sizeof(e->device));
    sql_query_get_text(q, e->task, sizeof(e->task));
    sql_query_get_text(q, e->deployment, sizeof(e->deployment));
    sql_query_get_text(q, e->resource, sizeof(e->resource));
    sql_query_get_text(q, e->before, sizeof(e->before));
    sql_query_get_text(q, e->state, sizeof(e->state));
    e->percent = sql_query_get_i32(q);
    e->result_code = sql_query_get_i32(q);
    sql_query_get_text(q, e->text, sizeof(e->text));
}

ferry_err sql_event_list(struct store_conn *c, uint64_t after, struct event *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_EVENT_LIST);

    if (cap < 1 || cap > FERRY_PAGE_MAX)
        return FERRY_E_ARG;
    sql_query_bound(&q, after);
    sql_query_int(&q, (int64_t)cap);
    return sql_query_many(&q, read_event, sizeof(*out), out, cap, ret_count);
}

ferry_err sql_event_presence(struct store_conn *c, const struct device_key *key, const struct store_page *page,
                            struct event *out, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, page->descending ? STMT_EVENT_PRESENCE_DESC : STMT_EVENT_PRESENCE);

    sql_page_bind_numbers(&q, page);
    sql_query_text(&q, key->product);
    sql_query_text(&q, key->device);
    return sql_query_many(&q, read_event, sizeof(*out), out, page->limit, ret_count);
}

static ferry_err cut(struct store_conn *c, uint64_t id)
{
    struct event_bounds bounds;
    ferry_err err = sql_event_bounds(c, &bounds);
    query_auto q = sql_query_begin(c, STMT_EVENT_CUT);

    if (err == FERRY_OK && id >= bounds.last)
        err = FERRY_E_ARG;
    if (err != FERRY_OK)
        return err;
    sql_query_u64(&q, id);
    return sql_query_run(&q, NULL);
}

ferry_err sql_event_cut(struct store_conn *c, uint64_t id)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, cut(c, id));
}
