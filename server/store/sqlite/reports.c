/* What devices reported about their tasks. */
#include "ops.h"
#include "page.h"
#include "query.h"

static ferry_err last_number(struct store_conn *c, const ferry_id *task, uint64_t *ret_number)
{
    query_auto q = sq_query_begin(c, STMT_REPORT_LAST);

    sq_query_id(&q, task);
    return sq_query_number(&q, ret_number);
}

static ferry_err insert(struct store_conn *c, const ferry_id *task, uint64_t number, const struct task_report *r)
{
    query_auto q = sq_query_begin(c, STMT_REPORT_ADD);

    sq_query_id(&q, task);
    sq_query_u64(&q, number);
    sq_query_u64(&q, r->time_ms);
    sq_query_int(&q, r->state);
    sq_query_int(&q, r->percent);
    sq_query_int(&q, r->result_code);
    sq_query_text(&q, r->result_msg);
    return sq_query_run(&q, NULL);
}

static ferry_err drop(struct store_conn *c, const ferry_id *task, uint64_t number)
{
    query_auto q = sq_query_begin(c, STMT_REPORT_DROP);

    sq_query_id(&q, task);
    sq_query_u64(&q, number);
    return sq_query_run(&q, NULL);
}

static ferry_err add(struct store_conn *c, const ferry_id *task, const struct task_report *r)
{
    uint64_t last = 0;
    ferry_err err = last_number(c, task, &last);

    if (err == FERRY_OK)
        err = insert(c, task, last + 1, r);
    return err == FERRY_OK && last >= TASK_REPORTS_MAX ? drop(c, task, last + 1 - (TASK_REPORTS_MAX - 1)) : err;
}

ferry_err sq_report_add(struct store_conn *c, const ferry_id *task, const struct task_report *r)
{
    ferry_err err;

    if (report_state_name(r->state) == NULL)
        return FERRY_E_ARG;
    err = sq_conn_change_begin(c);
    return err != FERRY_OK ? err : sq_conn_change_end(c, add(c, task, r));
}

static void read_report(struct query *q, void *row)
{
    struct task_report *r = row;

    r->number = sq_query_get_u64(q);
    r->time_ms = sq_query_get_u64(q);
    r->state = (report_state)sq_query_get_int(q, REPORT_RUNNING, REPORT_FAILED);
    r->percent = sq_query_get_i32(q);
    r->result_code = sq_query_get_i32(q);
    sq_query_get_text(q, r->result_msg, sizeof(r->result_msg));
}

ferry_err sq_report_list(struct store_conn *c, const ferry_id *task, const struct store_page *page,
                         struct task_report *out, size_t *ret_count)
{
    query_auto q = sq_query_begin(c, page->descending ? STMT_REPORT_LIST_DESC : STMT_REPORT_LIST);

    sq_page_bind_numbers(&q, page);
    sq_query_id(&q, task);
    return sq_query_many(&q, read_report, sizeof(*out), out, page->limit, ret_count);
}
