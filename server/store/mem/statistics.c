#include "statistics.h"

#include "conn.h"
#include "ops.h"

#include <string.h>

enum { WAY_UP = 1, WAY_DOWN = 2 };

static void add(struct ended_tasks *sum, const struct ended_tasks *more)
{
    sum->done += more->done;
    sum->failed += more->failed;
    sum->cancelled += more->cancelled;
    sum->bytes = more->bytes > UINT64_MAX - sum->bytes ? UINT64_MAX : sum->bytes + more->bytes;
}

/* --- counting ---------------------------------------------------------------------------------- */

static ferry_err count_for(struct smem_db *db, const char *product, uint64_t ms, uint64_t way,
                           const struct ended_tasks *tasks)
{
    struct row_ended row = {.hour = ms / STATISTICS_HOUR_MS, .way = way};
    const struct row_ended *known;

    (void)smem_set_text(row.product, sizeof(row.product), product);
    known = smem_find(db, SMEM_WORK, SMEM_ENDED, &row);
    if (known != NULL)
        row = *known;
    add(&row.tasks, tasks);
    return smem_put(db, SMEM_ENDED, &row);
}

static ferry_err count(struct smem_db *db, const char *product, uint64_t ms, uint64_t way, const struct ended_tasks *tasks)
{
    ferry_err err = count_for(db, product, ms, way, tasks);

    return err == FERRY_OK ? count_for(db, "", ms, way, tasks) : err;
}

/* Another identity is another task in its place. */
static bool same_upload(const struct upload_task *a, const struct upload_task *b)
{
    return device_key_equal(&a->device, &b->device) && strcmp(a->name, b->name) == 0 && a->size == b->size &&
           strcmp(a->md5, b->md5) == 0;
}

static bool same_download(const struct download_task *a, const struct download_task *b)
{
    return device_key_equal(&a->device, &b->device) && ferry_id_equal(&a->deployment, &b->deployment) &&
           ferry_id_equal(&a->resource, &b->resource);
}

ferry_err smem_statistics_upload(struct smem_db *db, const struct upload_task *before, const struct upload_task *t)
{
    bool whole = t->state == UPLOAD_STORED || t->state == UPLOAD_DONE;
    const struct ended_tasks tasks = {.done = whole,
                                      .failed = t->state == UPLOAD_FAILED || t->state == UPLOAD_EXPIRED,
                                      .cancelled = t->state == UPLOAD_CANCELLED,
                                      .bytes = whole ? t->size : 0};

    if (upload_state_open(t->state) || (before != NULL && same_upload(before, t) && !upload_state_open(before->state)))
        return FERRY_OK;
    return count(db, t->device.product, whole ? t->stored_ms : t->ended_ms, WAY_UP, &tasks);
}

ferry_err smem_statistics_download(struct smem_db *db, const struct download_task *before, const struct download_task *t)
{
    bool done = t->state == DOWNLOAD_DONE, cancelled = t->state == DOWNLOAD_CANCELLED;
    const struct ended_tasks tasks = {
        .done = done, .failed = !done && !cancelled, .cancelled = cancelled, .bytes = done ? t->size : 0};

    if (download_state_open(t->state) ||
        (before != NULL && same_download(before, t) && !download_state_open(before->state)))
        return FERRY_OK;
    return count(db, t->device.product, t->ended_ms, WAY_DOWN, &tasks);
}

/* --- reading ----------------------------------------------------------------------------------- */

struct summing {
    const struct statistics_span *span;
    struct statistics *sums;
};

static smem_verdict sum_row(const void *data, const void *arg)
{
    const struct row_ended *row = data;
    const struct summing *summing = arg;
    uint64_t at = (row->hour - summing->span->first_hour) / summing->span->hours_each;

    if (at >= summing->span->count)
        return SMEM_STOP;
    add(row->way == WAY_UP ? &summing->sums[at].uploads : &summing->sums[at].downloads, &row->tasks);
    return SMEM_SKIP;
}

ferry_err smem_statistics(struct store_conn *c, const char *product, const struct statistics_span *span,
                          struct statistics *inout)
{
    struct row_ended probe = {.hour = span->first_hour};
    const struct smem_walk walk = {.table = SMEM_ENDED, .index = ENDED_BY_PRODUCT, .probe = &probe, .same_fields = 1};
    const struct summing summing = {.span = span, .sums = inout};

    if (span->hours_each == 0 || span->count == 0)
        return FERRY_E_ARG;
    if (!smem_set_text(probe.product, sizeof(probe.product), product != NULL ? product : ""))
        return FERRY_OK;
    smem_auto_reading reading = smem_read_begin(c);
    (void)smem_collect(reading.db, reading.view, &walk, sum_row, &summing, NULL, 0, 1);
    return FERRY_OK;
}

/* --- pruning ----------------------------------------------------------------------------------- */

static ferry_err prune(struct smem_db *db, uint64_t before_hour, size_t cap, size_t *ret_removed)
{
    const struct row_ended probe = {.hour = 0}, *oldest;
    const struct smem_walk walk = {.table = SMEM_ENDED, .index = ENDED_BY_HOUR, .probe = &probe};
    ferry_err err = FERRY_OK;
    size_t removed = 0;

    while (removed < cap && (oldest = smem_first(db, SMEM_WORK, &walk)) != NULL && oldest->hour < before_hour) {
        err = smem_remove(db, SMEM_ENDED, oldest);
        if (err != FERRY_OK)
            return err;
        removed++;
    }
    *ret_removed = removed;
    return err;
}

ferry_err smem_statistics_prune(struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed)
{
    size_t removed = 0;
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    err = smem_change_end(c, prune(&c->store->db, before_hour, cap, &removed));
    if (err == FERRY_OK)
        *ret_removed = removed;
    return err;
}
