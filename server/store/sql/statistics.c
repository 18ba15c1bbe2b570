/* What ended by the hour: each database keeps it beside the rows. */
#include "store/sql/ops.h"
#include "store/sql/query.h"

enum { WAY_UP = 1, WAY_DOWN = 2 };

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* One row: hour, way and numbers. */
static void add_row(struct query *q, const struct statistics_span *span, struct statistics *inout)
{
    uint64_t at = (sql_query_get_u64(q) - span->first_hour) / span->hours_each;
    bool up = sql_query_get_int(q, WAY_UP, WAY_DOWN) == WAY_UP;
    struct ended_tasks *tasks = up ? &inout[at].uploads : &inout[at].downloads;

    tasks->done += sql_query_get_u64(q);
    tasks->failed += sql_query_get_u64(q);
    tasks->cancelled += sql_query_get_u64(q);
    tasks->bytes = sum_of(tasks->bytes, sql_query_get_sum(q));
}

ferry_err sql_statistics(struct store_conn *c, const char *product, const struct statistics_span *span,
                        struct statistics *inout)
{
    query_auto q = sql_query_begin(c, STMT_STATISTICS);

    if (span->hours_each == 0 || span->count == 0)
        return FERRY_E_ARG;
    sql_query_text(&q, product != NULL ? product : "");
    sql_query_bound(&q, span->first_hour);
    sql_query_bound(&q, sum_of(span->first_hour, (uint64_t)span->hours_each * span->count));
    while (sql_query_next(&q))
        add_row(&q, span, inout);
    return q.err;
}

static ferry_err prune(struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed)
{
    query_auto q = sql_query_begin(c, STMT_STATISTICS_PRUNE);
    int removed = 0;
    ferry_err err;

    sql_query_bound(&q, before_hour);
    sql_query_bound(&q, cap);
    err = sql_query_run(&q, &removed);
    if (err == FERRY_OK)
        *ret_removed = (size_t)removed;
    return err;
}

ferry_err sql_statistics_prune(struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, prune(c, before_hour, cap, ret_removed));
}
