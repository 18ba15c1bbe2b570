/* How a deployment went over time. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_progress_series.h"

enum { STEPS_AT_ONCE = 256 };

static ferry_err read_series(const struct store_ops *ops, struct store_conn *conn, const struct deployment *d,
                             struct progress_series *series)
{
    struct deployment_step steps[STEPS_AT_ONCE];
    uint64_t from_ms = 0;
    size_t count = STEPS_AT_ONCE;
    ferry_err err = FERRY_OK;

    while (count == STEPS_AT_ONCE) {
        err = ops->deployment_steps(conn, &d->id, from_ms, steps, STEPS_AT_ONCE, &count);
        if (err != FERRY_OK)
            return err;
        for (size_t i = 0; i < count; i++)
            progress_series_add(series, &steps[i]);
        if (count > 0)
            from_ms = steps[count - 1].at_ms + 1;
    }
    return FERRY_OK;
}

/* What the numbers are at the end of each point. */
static json_t *show_series(const struct progress_series *series, uint64_t tasks)
{
    json_t *items = json_array();
    int64_t done = 0, failed = 0;

    for (size_t i = 0; i < series->count; i++) {
        int64_t open;

        done += series->points[i].done;
        failed += series->points[i].failed;
        open = (int64_t)tasks - done - failed;
        (void)json_array_append_new(items, json_pack("{s:o, s:I, s:I, s:I}", "time",
                                                     api_json_time(progress_series_end_ms(series, i)), "done",
                                                     (json_int_t)done, "failed", (json_int_t)failed, "open",
                                                     (json_int_t)(open > 0 ? open : 0)));
    }
    return items;
}

void api_progress_answer(struct api_request *r, const struct deployment *d)
{
    struct store_conn *conn = api_reader(r);
    struct progress_series series;

    progress_series_begin(&series, d->created_ms, r->query.limit);
    if (conn != NULL && api_store_ok(r, read_series(r->shared->store->ops, conn, d, &series), NULL))
        api_reply_json(r, MHD_HTTP_OK, json_pack("{s:o, s:n}", "items", show_series(&series, d->expanded), "next"));
}
