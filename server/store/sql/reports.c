/* What devices reported about their tasks. */
#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

static ferry_err last_number(struct store_conn *c, const ferry_id *task, uint64_t *ret_number)
{
    query_auto q = sql_query_begin(c, STMT_REPORT_LAST);

    sql_query_id(&q, task);
    return sql_query_number(&q, ret_number);
}

static ferry_err insert(struct store_conn *c, const ferry_id *task, uint64_t number, const struct task_report *r)
{
    query_auto q = sql_query_begin(c, STMT_REPORT_ADD);

    sql_query_id(&q, task);
    sql_query_u64(&q, number);
    sql_query_u64(&q, r->time_ms);
    sql_query_int(&q, r->state);
    sql_query_int(&q, r->percent);
    sql_query_int(&q, r->result_code);
    sql_query_text(&q, r->result_msg);
    return sql_query_run(&q, NULL);
}

static ferry_err drop(struct store_conn *c, const ferry_id *task, uint64_t number)
{
    query_auto q = sql_query_begin(c, STMT_REPORT_DROP);

    sql_query_id(&q, task);
    sql_query_u64(&q, number);
    return sql_query_run(&q, NULL);
}

static ferry_err add(struct store_conn *c, const ferry_id *task, const struct task_report *r)
{
    uint64_t last = 0;
    ferry_err err = last_number(c, task, &last);

    if (err == FERRY_OK)
        err = insert(c, task, last + 1, r);
    return err == FERRY_OK && last >= TASK_REPORTS_MAX ? drop(c, task, last + 1 - (TASK_REPORTS_MAX - 1)) : err;
}

ferry_err sql_report_add(struct store_conn *c, const ferry_id *task, const struct task_report *r)
{
    ferry_err err;

    if (report_state_name(r->state) == NULL)
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, add(c, task, r));
}

static void read_report(struct query *q, void *row)
{
    struct task_report *r = row;

    r->number = sql_query_get_u64(q);
    r->time_ms = sql_query_get_u64(q);
    r->state = (report_state)sql_query_get_int(q, REPORT_RUNNING, REPORT_FAILED);
    r->percent = sql_query_get_i32(q);
    r->result_code = sql_query_get_i32(q);
    sql_query_get_text(q, r->result_msg, sizeof(r->result_msg));
}

ferry_err sql_report_list(struct store_conn *c, const ferry_id *task, const struct store_page *page,
                         struct task_report *out, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, page->descending ? STMT_REPORT_LIST_DESC : STMT_REPORT_LIST);

    sql_page_bind_numbers(&q, page);
    sql_query_id(&q, task);
    return sql_query_many(&q, read_report, sizeof(*out), out, page->limit, ret_count);
}
