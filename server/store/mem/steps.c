/* How deployments went over time. */
#include "steps.h"

#include "conn.h"
#include "ops.h"

static bool is_done(const struct download_task *task)
{
    return task != NULL && task->state == DOWNLOAD_DONE;
}

static bool is_failed(const struct download_task *task)
{
    return task != NULL && !download_state_open(task->state) && task->state != DOWNLOAD_DONE;
}

/* What the task was, unless that id meant something else. */
static const struct download_task *find_before(const struct smem_db *db, const struct download_task *now)
{
    const struct row_download probe = {.task.id = now->id};
    const struct row_download *row = smem_find(db, SMEM_WORK, SMEM_DOWNLOADS, &probe);

    return row != NULL && ferry_id_equal(&row->task.deployment, &now->deployment) &&
                   ferry_id_equal(&row->task.resource, &now->resource) &&
                   device_key_equal(&row->task.device, &now->device)
               ? &row->task
               : NULL;
}

ferry_err smem_step_count(struct smem_db *db, const struct download_task *now)
{
    const struct download_task *before = find_before(db, now);
    const int done = is_done(now) - is_done(before), failed = is_failed(now) - is_failed(before);
    struct row_step step = {.deployment = now->deployment};
    const struct row_step *known;

    if (done == 0 && failed == 0)
        return FERRY_OK;
    step.step.at_ms = now->updated_ms - now->updated_ms % deployment_span_ms(now->created_ms, now->updated_ms);
    known = smem_find(db, SMEM_WORK, SMEM_STEPS, &step);
    if (known != NULL)
        step = *known;
    step.step.done += done;
    step.step.failed += failed;
    return smem_put(db, SMEM_STEPS, &step);
}

ferry_err smem_steps_clear(struct smem_db *db, const ferry_id *deployment)
{
    const struct row_step probe = {.deployment = *deployment};
    const struct smem_walk walk = {.table = SMEM_STEPS, .index = STEP_BY_DEPLOYMENT, .probe = &probe, .same_fields = 1};
    const struct row_step *row;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && (row = smem_first(db, SMEM_WORK, &walk)) != NULL) {
        const struct row_step found = *row;
        err = smem_remove(db, SMEM_STEPS, &found);
    }
    return err;
}

ferry_err smem_deployment_steps(struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out,
                                size_t cap, size_t *ret_count)
{
    struct row_step probe = {.step.at_ms = from_ms};
    const struct smem_walk walk = {.table = SMEM_STEPS, .index = STEP_BY_DEPLOYMENT, .probe = &probe, .same_fields = 1};
    ferry_err err = smem_set_id(&probe.deployment, id);

    if (err != FERRY_OK)
        return err;
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), cap);
    return FERRY_OK;
}
