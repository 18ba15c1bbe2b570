#include "conn.h"
#include "ops.h"
#include "reports.h"
#include "steps.h"

#include <string.h>

ferry_err smem_latest_ms(struct store_conn *c, uint64_t *ret_ms)
{
    smem_auto_reading reading = smem_read_begin(c);

    *ret_ms = reading.db->latest_ms[reading.view];
    return FERRY_OK;
}

ferry_err smem_next_due_ms(struct store_conn *c, uint64_t *ret_ms)
{
    const struct upload_task upload_probe = {.expires_ms = 0}, *upload;
    const struct row_download download_probe = {.due_ms = 0}, *download;
    const struct row_device device_probe = {.device.old_until_ms = 0}, *device;
    const struct smem_walk devices = {.table = SMEM_DEVICES, .index = DEVICE_BY_OLD_SECRET, .probe = &device_probe};
    const struct smem_walk uploads = {.table = SMEM_UPLOADS, .index = UPLOAD_DUE, .probe = &upload_probe};
    const struct smem_walk downloads = {.table = SMEM_DOWNLOADS, .index = DOWNLOAD_DUE, .probe = &download_probe};
    const struct resource_upload coming_probe = {.expires_ms = 0}, *coming;
    const struct smem_walk comings = {.table = SMEM_RESOURCE_UPLOADS, .index = RESOURCE_UPLOAD_DUE, .probe = &coming_probe};
    const struct webhook webhook_probe = {.old_until_ms = 0}, *webhook;
    const struct smem_walk webhooks = {.table = SMEM_WEBHOOKS, .index = WEBHOOK_BY_OLD_SECRET, .probe = &webhook_probe};
    smem_auto_reading reading = smem_read_begin(c);
    uint64_t ms = UINT64_MAX;

    upload = smem_first(reading.db, reading.view, &uploads);
    download = smem_first(reading.db, reading.view, &downloads);
    if (upload != NULL)
        ms = upload->expires_ms;
    coming = smem_first(reading.db, reading.view, &comings);
    if (coming != NULL && coming->expires_ms < ms)
        ms = coming->expires_ms;
    if (download != NULL && download->due_ms < ms)
        ms = download->due_ms;
    device = smem_first(reading.db, reading.view, &devices);
    if (device != NULL && device->device.old_until_ms < ms)
        ms = device->device.old_until_ms;
    webhook = smem_first(reading.db, reading.view, &webhooks);
    if (webhook != NULL && webhook->old_until_ms < ms)
        ms = webhook->old_until_ms;
    *ret_ms = ms;
    return FERRY_OK;
}

/* --- pruning ----------------------------------------------------------------------------------- */

/* Removes download tasks as long as the oldest one that has ended did so before the time. */
static ferry_err prune_downloads(struct smem_db *db, uint64_t before_ms, size_t cap, size_t *ret_removed)
{
    const struct row_download probe = {.due_ms = 0}, *oldest;
    const struct smem_walk walk = {.table = SMEM_DOWNLOADS, .index = DOWNLOAD_ENDED, .probe = &probe};
    size_t removed;

    for (removed = 0; removed < cap; removed++) {
        ferry_err err;

        oldest = smem_first(db, SMEM_WORK, &walk);
        if (oldest == NULL || oldest->task.ended_ms >= before_ms)
            break;
        const ferry_id id = oldest->task.id;
        err = smem_remove(db, SMEM_DOWNLOADS, oldest);
        if (err == FERRY_OK)
            err = smem_reports_clear(db, &id);
        if (err != FERRY_OK)
            return err;
    }
    *ret_removed = removed;
    return FERRY_OK;
}

struct empty_since {
    const struct smem_db *db;
    uint64_t before_ms;
};

static smem_verdict empty_filter(const void *data, const void *arg)
{
    const struct deployment *d = data;
    const struct empty_since *since = arg;
    const struct row_download probe = {.task.deployment = d->id};
    const struct smem_walk tasks = {
        .table = SMEM_DOWNLOADS, .index = DOWNLOAD_BY_DEPLOYMENT, .probe = &probe, .same_fields = 1};

    if (d->updated_ms >= since->before_ms)
        return SMEM_STOP;
    return smem_first(since->db, SMEM_WORK, &tasks) == NULL ? SMEM_TAKE : SMEM_SKIP;
}

static ferry_err prune_deployments(struct smem_db *db, uint64_t before_ms, size_t cap)
{
    const struct deployment probe = {.expanded = 0};
    const struct smem_walk walk = {.table = SMEM_DEPLOYMENTS, .index = DEPLOYMENT_ENDED, .probe = &probe};
    const struct empty_since since = {.db = db, .before_ms = before_ms};
    struct deployment empty;

    for (size_t removed = 0; removed < cap; removed++) {
        ferry_err err;

        if (smem_collect(db, SMEM_WORK, &walk, empty_filter, &since, &empty, sizeof(empty), 1) == 0)
            break;
        err = smem_steps_clear(db, &empty.id);
        if (err == FERRY_OK)
            err = smem_remove(db, SMEM_DEPLOYMENTS, &empty);
        if (err != FERRY_OK)
            return err;
    }
    return FERRY_OK;
}

ferry_err smem_download_prune(struct store_conn *c, uint64_t ended_before_ms, size_t cap, size_t *ret_removed)
{
    struct smem_db *db = &c->store->db;
    size_t removed = 0;
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    err = prune_downloads(db, ended_before_ms, cap, &removed);
    if (err == FERRY_OK)
        err = prune_deployments(db, ended_before_ms, cap);
    err = smem_change_end(c, err);
    if (err == FERRY_OK)
        *ret_removed = removed;
    return err;
}

/* --- totals ------------------------------------------------------------------------------------ */

static void add_bytes(uint64_t *sum, uint64_t bytes)
{
    *sum = bytes > UINT64_MAX - *sum ? UINT64_MAX : *sum + bytes;
}

static void add_upload(const void *data, void *arg)
{
    const struct upload_task *t = data;
    struct store_totals *totals = arg;

    if (upload_state_open(t->state))
        totals->uploads_open++;
    if (t->state == UPLOAD_STORED || t->state == UPLOAD_DONE)
        add_bytes(&totals->uploads_stored_bytes, t->size);
}

static void add_download(const void *data, void *arg)
{
    const struct row_download *row = data;
    struct store_totals *totals = arg;

    if (download_state_open(row->task.state))
        totals->downloads_open++;
}

static void add_deployment(const void *data, void *arg)
{
    const struct deployment *d = data;
    struct store_totals *totals = arg;

    totals->deployments_open += d->state == DEPLOYMENT_ACTIVE || d->state == DEPLOYMENT_PAUSED;
}

static void add_resource(const void *data, void *arg)
{
    const struct resource *r = data;
    struct store_totals *totals = arg;

    add_bytes(&totals->resource_bytes, r->size);
}

static void add_webhook(const void *data, void *arg)
{
    const struct webhook *w = data;
    struct store_totals *totals = arg;

    totals->webhooks_parked += w->state == WEBHOOK_PARKED;
}

ferry_err smem_totals(struct store_conn *c, struct store_totals *ret)
{
    smem_auto_reading reading = smem_read_begin(c);
    struct store_totals totals = {
        .products = reading.db->tables[SMEM_PRODUCTS].count[reading.view],
        .devices = reading.db->tables[SMEM_DEVICES].count[reading.view],
        .resources = reading.db->tables[SMEM_RESOURCES].count[reading.view],
        .deployments = reading.db->tables[SMEM_DEPLOYMENTS].count[reading.view],
        .webhooks = reading.db->tables[SMEM_WEBHOOKS].count[reading.view],
    };

    smem_each(reading.db, reading.view, SMEM_UPLOADS, add_upload, &totals);
    smem_each(reading.db, reading.view, SMEM_DOWNLOADS, add_download, &totals);
    smem_each(reading.db, reading.view, SMEM_RESOURCES, add_resource, &totals);
    smem_each(reading.db, reading.view, SMEM_DEPLOYMENTS, add_deployment, &totals);
    smem_each(reading.db, reading.view, SMEM_WEBHOOKS, add_webhook, &totals);
    *ret = totals;
    return FERRY_OK;
}
