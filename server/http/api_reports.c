/* What a device reported about one task. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"

#include <stdio.h>

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    return r->shared->store->ops->report_list(conn, &r->command.id, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    const struct task_report *report = row;

    (void)r;
    (void)conn;
    return json_pack("{s:I, s:o, s:s, s:i, s:i, s:s}", "number", (json_int_t)report->number, "time",
                     api_json_time(report->time_ms), "state", report_state_name(report->state), "percent",
                     (int)report->percent, "result_code", (int)report->result_code, "result_msg", report->result_msg);
}

static void write_key(const void *row, char out[API_POSITION_SIZE])
{
    (void)snprintf(out, API_POSITION_SIZE, "%llu", (unsigned long long)((const struct task_report *)row)->number);
}

void api_reports_answer(struct api_request *r, const ferry_id *task)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct task_report), .fetch = fetch, .show = show, .write_key = write_key};

    r->command.id = *task;
    api_list_answer(r, &list);
}
