/* What devices reported about their tasks. */
#include "reports.h"

#include <string.h>

ferry_err smem_reports_clear(struct smem_db *db, const ferry_id *task)
{
    const struct row_report probe = {.task = *task};
    const struct smem_walk walk = {.table = SMEM_REPORTS, .index = REPORT_BY_TASK, .probe = &probe, .same_fields = 1};
    const struct row_report *row;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && (row = smem_first(db, SMEM_WORK, &walk)) != NULL) {
        const struct row_report found = {.task = row->task, .report.number = row->report.number};
        err = smem_remove(db, SMEM_REPORTS, &found);
    }
    return err;
}

static ferry_err add(struct smem_db *db, struct row_report *row)
{
    const struct row_report end = {.task = row->task, .report.number = UINT64_MAX};
    const struct smem_walk walk = {
        .table = SMEM_REPORTS, .index = REPORT_BY_TASK, .probe = &end, .same_fields = 1, .descending = true};
    const struct row_report *last = smem_first(db, SMEM_WORK, &walk);
    struct row_report old = {.task = row->task};
    ferry_err err;

    row->report.number = last != NULL ? last->report.number + 1 : 1;
    err = smem_put(db, SMEM_REPORTS, row);
    if (err != FERRY_OK || row->report.number <= TASK_REPORTS_MAX)
        return err;
    old.report.number = row->report.number - (TASK_REPORTS_MAX - 1);
    return smem_remove(db, SMEM_REPORTS, &old);
}

ferry_err smem_report_add(struct store_conn *c, const ferry_id *task, const struct task_report *r)
{
    struct row_report row = {.report = *r};
    ferry_err err = smem_set_id(&row.task, task);

    if (err == FERRY_OK && report_state_name(r->state) == NULL)
        err = FERRY_E_ARG;
    if (err == FERRY_OK)
        err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, add(&c->store->db, &row));
}

ferry_err smem_report_list(struct store_conn *c, const ferry_id *task, const struct store_page *page,
                           struct task_report *out, size_t *ret_count)
{
    struct row_report probe = {.report.number = 0};
    struct smem_walk walk = {.table = SMEM_REPORTS, .index = REPORT_BY_TASK, .probe = &probe, .same_fields = 1};
    ferry_err err = smem_set_id(&probe.task, task);

    if (err == FERRY_OK)
        err = smem_page_number(page, &probe.report.number, &walk);
    if (err != FERRY_OK)
        return err;
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return FERRY_OK;
}
