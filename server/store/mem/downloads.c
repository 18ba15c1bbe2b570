#include "conn.h"
#include "ops.h"
#include "statistics.h"
#include "steps.h"

#include <string.h>

/* --- deployments ------------------------------------------------------------------------------- */

static ferry_err put_deployment(struct smem_db *db, const struct deployment *d)
{
    struct deployment row = *d;
    const struct resource probe = {.id = d->resource}, *resource;

    resource = smem_find(db, SMEM_WORK, SMEM_RESOURCES, &probe);
    if (resource == NULL)
        return FERRY_E_NOT_FOUND;
    memcpy(row.resource_name, resource->name, sizeof(row.resource_name));
    return smem_put(db, SMEM_DEPLOYMENTS, &row);
}

ferry_err smem_deployment_put(struct store_conn *c, const struct deployment *d)
{
    ferry_id id;
    ferry_err err = smem_set_id(&id, &d->resource);

    if (err != FERRY_OK || deployment_state_name(d->state) == NULL)
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, put_deployment(&c->store->db, d));
}

ferry_err smem_deployment_get(struct store_conn *c, const ferry_id *id, struct deployment *ret)
{
    struct deployment probe = {.expanded = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_get(c, SMEM_DEPLOYMENTS, &probe, ret, sizeof(*ret));
}

static smem_verdict deployment_filter(const void *data, const void *arg)
{
    const struct deployment *d = data;
    const struct deployment_filter *f = arg;

    return smem_matches(d->product, f->product) && (f->state == 0 || d->state == f->state) && smem_is_of(&f->made, &d->id)
               ? SMEM_TAKE
               : SMEM_SKIP;
}

static ferry_err begin_by_name(const struct deployment_filter *f, const struct store_page *page, struct deployment *probe,
                               struct smem_walk *walk)
{
    const struct smem_place place = {.id = &probe->id, .name = probe->resource_name};

    if (page->sort != STORE_BY_NAME || f->product == NULL)
        return FERRY_E_ARG;
    walk->index = DEPLOYMENT_BY_NAME;
    return smem_page_value(page, &place, walk);
}

ferry_err smem_deployment_list(struct store_conn *c, const struct deployment_filter *f, const struct store_page *page,
                               struct deployment *out, size_t *ret_count)
{
    struct deployment probe = {.expanded = 0};
    struct smem_walk walk = {.table = SMEM_DEPLOYMENTS, .index = DEPLOYMENT_BY_ID, .probe = &probe, .reach = page->reach};
    bool sorted = page->sort != STORE_BY_KEY;
    ferry_err err = sorted ? begin_by_name(f, page, &probe, &walk) : smem_page_id(page, &probe.id, &walk);

    if (err != FERRY_OK)
        return err;
    if (f->product != NULL && smem_set_text(probe.product, sizeof(probe.product), f->product)) {
        walk.index = sorted ? walk.index : DEPLOYMENT_BY_PRODUCT;
        walk.same_fields = 1;
    }
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count =
        smem_collect(reading.db, reading.view, &walk, deployment_filter, f, out, sizeof(*out), page->limit);
    return FERRY_OK;
}

static ferry_err collect_deployments(struct store_conn *c, int index, struct deployment *out, size_t cap,
                                     size_t *ret_count)
{
    const struct deployment probe = {.expanded = 0};
    const struct smem_walk walk = {.table = SMEM_DEPLOYMENTS, .index = index, .probe = &probe};
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), cap);
    return FERRY_OK;
}

ferry_err smem_deployment_expanding(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count)
{
    return collect_deployments(c, DEPLOYMENT_EXPANDING, out, cap, ret_count);
}

ferry_err smem_deployment_sweeping(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count)
{
    return collect_deployments(c, DEPLOYMENT_SWEEPING, out, cap, ret_count);
}

/* Counts by walking: arg collects, nothing is taken. */
struct counting {
    struct download_counts *counts;
};

static smem_verdict count_state(const void *data, const void *arg)
{
    const struct row_download *row = data;
    const struct counting *counting = arg;

    counting->counts->by_state[row->task.state]++;
    return SMEM_SKIP;
}

ferry_err smem_deployment_counts(struct store_conn *c, const ferry_id *id, struct download_counts *ret)
{
    struct row_download probe = {.due_ms = 0};
    struct download_counts counts = {{0}};
    const struct counting counting = {.counts = &counts};
    const struct smem_walk walk = {
        .table = SMEM_DOWNLOADS, .index = DOWNLOAD_BY_DEPLOYMENT, .probe = &probe, .same_fields = 1};
    ferry_err err = smem_set_id(&probe.task.deployment, id);
    smem_auto_reading reading = smem_read_begin(c);

    if (err != FERRY_OK)
        return err;
    (void)smem_collect(reading.db, reading.view, &walk, count_state, &counting, NULL, 0, 1);
    *ret = counts;
    return FERRY_OK;
}

/* --- download tasks ---------------------------------------------------------------------------- */

static uint64_t due_ms(const struct download_task *t)
{
    if (!download_state_open(t->state))
        return 0;
    if (t->wake_ms == 0 || (t->deadline_ms != 0 && t->deadline_ms < t->wake_ms))
        return t->deadline_ms;
    return t->wake_ms;
}

static ferry_err put_download(struct smem_db *db, const struct download_task *t)
{
    struct row_download row = {.task = *t, .due_ms = due_ms(t)};
    const struct resource probe = {.id = t->resource}, *resource;
    const struct row_download *old;
    ferry_err err;

    resource = smem_find(db, SMEM_WORK, SMEM_RESOURCES, &probe);
    if (resource == NULL)
        return FERRY_E_NOT_FOUND;
    memcpy(row.task.name, resource->name, sizeof(row.task.name));
    memcpy(row.task.md5, resource->md5, sizeof(row.task.md5));
    memcpy(row.task.sha256, resource->sha256, sizeof(row.task.sha256));
    row.task.size = resource->size;
    err = smem_step_count(db, &row.task);
    old = smem_find(db, SMEM_WORK, SMEM_DOWNLOADS, &row);
    if (err == FERRY_OK)
        err = smem_statistics_download(db, old != NULL ? &old->task : NULL, &row.task);
    if (err == FERRY_OK)
        err = smem_put(db, SMEM_DOWNLOADS, &row);
    if (err == FERRY_OK && t->updated_ms > db->latest_ms[SMEM_WORK])
        db->latest_ms[SMEM_WORK] = t->updated_ms;
    return err;
}

ferry_err smem_download_put(struct store_conn *c, const struct download_task *t)
{
    ferry_id id;
    ferry_err err = smem_set_id(&id, &t->resource);

    if (err != FERRY_OK || download_state_name(t->state) == NULL)
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, put_download(&c->store->db, t));
}

ferry_err smem_download_get(struct store_conn *c, const ferry_id *id, struct download_task *ret)
{
    struct row_download probe = {.due_ms = 0};
    ferry_err err = smem_set_id(&probe.task.id, id);

    return err != FERRY_OK ? err : smem_get(c, SMEM_DOWNLOADS, &probe, ret, sizeof(*ret));
}

static ferry_err collect(struct store_conn *c, const struct smem_walk *walk, smem_filter *filter, const void *arg,
                         struct download_task *out, size_t cap, size_t *ret_count)
{
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count = smem_collect(reading.db, reading.view, walk, filter, arg, out, sizeof(*out), cap);
    return FERRY_OK;
}

ferry_err smem_download_open(struct store_conn *c, const struct device_key *device, const ferry_id *after,
                             struct download_task *out, size_t cap, size_t *ret_count)
{
    struct row_download probe = {.task.device = *device};
    const struct smem_walk walk = {
        .table = SMEM_DOWNLOADS, .index = DOWNLOAD_OPEN, .probe = &probe, .same_fields = 2, .after = after != NULL};
    ferry_err err = after != NULL ? smem_set_id(&probe.task.id, after) : FERRY_OK;

    return err != FERRY_OK ? err : collect(c, &walk, NULL, NULL, out, cap, ret_count);
}

static smem_verdict running_filter(const void *data, const void *arg)
{
    const struct row_download *row = data;

    (void)arg;
    return row->task.state == DOWNLOAD_QUEUED ? SMEM_SKIP : SMEM_TAKE;
}

ferry_err smem_download_running(struct store_conn *c, const struct device_key *device, struct download_task *out, size_t cap,
                                size_t *ret_count)
{
    const struct row_download probe = {.task.device = *device};
    const struct smem_walk walk = {.table = SMEM_DOWNLOADS, .index = DOWNLOAD_OPEN, .probe = &probe, .same_fields = 2};

    return collect(c, &walk, running_filter, NULL, out, cap, ret_count);
}

ferry_err smem_download_named(struct store_conn *c, const struct device_key *device, const char *name,
                              struct download_task *out, size_t cap, size_t *ret_count)
{
    struct row_download probe = {.task.device = *device, .task.id = {SMEM_LAST}};
    const struct smem_walk walk = {
        .table = SMEM_DOWNLOADS, .index = DOWNLOAD_BY_NAME, .probe = &probe, .same_fields = 3, .descending = true};

    *ret_count = 0;
    if (!smem_set_text(probe.task.name, sizeof(probe.task.name), name))
        return FERRY_OK;
    return collect(c, &walk, NULL, NULL, out, cap, ret_count);
}

static smem_verdict due_filter(const void *data, const void *arg)
{
    const struct row_download *row = data;
    const uint64_t *now_ms = arg;

    return row->due_ms <= *now_ms ? SMEM_TAKE : SMEM_STOP;
}

ferry_err smem_download_due(struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap,
                            size_t *ret_count)
{
    const struct row_download probe = {.due_ms = 0};
    const struct smem_walk walk = {.table = SMEM_DOWNLOADS, .index = DOWNLOAD_DUE, .probe = &probe};

    return collect(c, &walk, due_filter, &now_ms, out, cap, ret_count);
}

static smem_verdict list_filter(const void *data, const void *arg)
{
    const struct download_task *t = data;
    const struct download_filter *f = arg;

    return (f->deployment == NULL || ferry_id_equal(&t->deployment, f->deployment)) &&
                   smem_matches(t->device.product, f->product) && smem_matches(t->device.device, f->device) &&
                   (f->state == 0 || t->state == f->state) && smem_is_of(&f->made, &t->id)
               ? SMEM_TAKE
               : SMEM_SKIP;
}

/* Chooses the narrowest index that the filter allows and sets the fields of the probe that it begins with. */
static ferry_err narrow(const struct download_filter *f, struct download_task *probe, struct smem_walk *walk)
{
    if (f->deployment != NULL) {
        walk->index = f->state != 0 ? DOWNLOAD_BY_STATE : DOWNLOAD_BY_DEPLOYMENT;
        walk->same_fields = f->state != 0 ? 2 : 1;
        probe->state = f->state;
        return smem_set_id(&probe->deployment, f->deployment);
    }
    if (f->product == NULL || !smem_set_text(probe->device.product, sizeof(probe->device.product), f->product))
        return FERRY_OK;
    walk->index = DOWNLOAD_BY_PRODUCT;
    walk->same_fields = 1;
    if (f->device != NULL && smem_set_text(probe->device.device, sizeof(probe->device.device), f->device)) {
        walk->index = DOWNLOAD_BY_DEVICE;
        walk->same_fields = 2;
    }
    return FERRY_OK;
}

static ferry_err begin_by_ended(const struct download_filter *f, const struct store_page *page, struct download_task *probe,
                                struct smem_walk *walk)
{
    const struct smem_place place = {.id = &probe->id, .number = &probe->ended_ms};
    ferry_err err;

    if (page->sort != STORE_BY_ENDED || f->deployment == NULL)
        return FERRY_E_ARG;
    walk->index = DOWNLOAD_BY_ENDED;
    walk->same_fields = 1;
    err = smem_page_value(page, &place, walk);
    return err != FERRY_OK ? err : smem_set_id(&probe->deployment, f->deployment);
}

ferry_err smem_download_list(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                             struct download_task *out, size_t *ret_count)
{
    struct row_download probe = {.due_ms = 0};
    struct smem_walk walk = {.table = SMEM_DOWNLOADS, .index = DOWNLOAD_BY_ID, .probe = &probe, .reach = page->reach};
    ferry_err err;

    if (page->sort != STORE_BY_KEY)
        err = begin_by_ended(f, page, &probe.task, &walk);
    else
        err = smem_page_id(page, &probe.task.id, &walk);
    if (err == FERRY_OK && page->sort == STORE_BY_KEY)
        err = narrow(f, &probe.task, &walk);
    return err != FERRY_OK ? err : collect(c, &walk, list_filter, f, out, page->limit, ret_count);
}
