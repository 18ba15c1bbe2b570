/* The history of a task: what its device reported, as it came. */
#include "engine_internal.h"

#include <string.h>

ferry_err reports_keep(struct engine *e, const ferry_id *task, const ferry_msg *msg, const char *result_msg,
                       uint64_t now_ms)
{
    static const report_state states[] = {
        [FERRY_PROGRESS_RUNNING] = REPORT_RUNNING,
        [FERRY_PROGRESS_DONE] = REPORT_DONE,
        [FERRY_PROGRESS_FAIL] = REPORT_FAILED,
    };
    struct task_report report = {
        .time_ms = now_ms,
        .state = states[msg->state],
        .percent = msg->percent,
        .result_code = msg->result_code,
    };

    memcpy(report.result_msg, result_msg, strlen(result_msg) + 1);
    return e->store->report_add(e->conn, task, &report);
}
