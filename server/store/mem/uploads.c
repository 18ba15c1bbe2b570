#include "conn.h"
#include "ops.h"
#include "reports.h"
#include "statistics.h"

#include <string.h>

static void note_time(struct smem_db *db, uint64_t updated_ms)
{
    if (updated_ms > db->latest_ms[SMEM_WORK])
        db->latest_ms[SMEM_WORK] = updated_ms;
}

static ferry_err put(struct smem_db *db, const struct upload_task *t)
{
    ferry_err err = smem_statistics_upload(db, smem_find(db, SMEM_WORK, SMEM_UPLOADS, t), t);

    if (err == FERRY_OK)
        err = smem_put(db, SMEM_UPLOADS, t);
    if (err == FERRY_OK)
        note_time(db, t->updated_ms);
    return err;
}

ferry_err smem_upload_put(struct store_conn *c, const struct upload_task *t)
{
    ferry_err err;

    if (upload_state_name(t->state) == NULL)
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, put(&c->store->db, t));
}

ferry_err smem_upload_get(struct store_conn *c, const ferry_id *id, struct upload_task *ret)
{
    struct upload_task probe = {.size = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_get(c, SMEM_UPLOADS, &probe, ret, sizeof(*ret));
}

static ferry_err collect(struct store_conn *c, const struct smem_walk *walk, smem_filter *filter, const void *arg,
                         struct upload_task *out, size_t cap, size_t *ret_count)
{
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count = smem_collect(reading.db, reading.view, walk, filter, arg, out, sizeof(*out), cap);
    return FERRY_OK;
}

ferry_err smem_upload_open(struct store_conn *c, const struct device_key *device, struct upload_task *out, size_t cap,
                           size_t *ret_count)
{
    const struct upload_task probe = {.device = *device, .id = {SMEM_LAST}};
    const struct smem_walk walk = {
        .table = SMEM_UPLOADS, .index = UPLOAD_OPEN, .probe = &probe, .same_fields = 2, .descending = true};

    return collect(c, &walk, NULL, NULL, out, cap, ret_count);
}

ferry_err smem_upload_named(struct store_conn *c, const struct device_key *device, const char *name,
                            struct upload_task *out, size_t cap, size_t *ret_count)
{
    struct upload_task probe = {.device = *device, .id = {SMEM_LAST}};
    const struct smem_walk walk = {
        .table = SMEM_UPLOADS, .index = UPLOAD_BY_NAME, .probe = &probe, .same_fields = 3, .descending = true};

    *ret_count = 0;
    if (!smem_set_text(probe.name, sizeof(probe.name), name))
        return FERRY_OK;
    return collect(c, &walk, NULL, NULL, out, cap, ret_count);
}

static smem_verdict due_filter(const void *data, const void *arg)
{
    const struct upload_task *t = data;
    const uint64_t *now_ms = arg;

    return t->expires_ms <= *now_ms ? SMEM_TAKE : SMEM_STOP;
}

ferry_err smem_upload_due(struct store_conn *c, uint64_t now_ms, struct upload_task *out, size_t cap,
                          size_t *ret_count)
{
    const struct upload_task probe = {.expires_ms = 0};
    const struct smem_walk walk = {.table = SMEM_UPLOADS, .index = UPLOAD_DUE, .probe = &probe};

    return collect(c, &walk, due_filter, &now_ms, out, cap, ret_count);
}

ferry_err smem_upload_remove(struct store_conn *c, const ferry_id *id)
{
    struct upload_task probe = {.size = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    if (err == FERRY_OK)
        err = smem_change_begin(c);
    if (err != FERRY_OK)
        return err;
    err = smem_remove(&c->store->db, SMEM_UPLOADS, &probe);
    if (err == FERRY_OK)
        err = smem_reports_clear(&c->store->db, id);
    return smem_change_end(c, err);
}

static smem_verdict list_filter(const void *data, const void *arg)
{
    const struct upload_task *t = data;
    const struct upload_filter *f = arg;

    return smem_matches(t->device.product, f->product) && smem_matches(t->device.device, f->device) &&
                   smem_has_prefix(t->name, f->name_prefix) && (f->state == 0 || t->state == f->state) &&
                   smem_is_of(&f->made, &t->id)
               ? SMEM_TAKE
               : SMEM_SKIP;
}

static ferry_err begin_sorted(const struct upload_filter *f, const struct store_page *page, struct upload_task *probe,
                              struct smem_walk *walk)
{
    const struct smem_place place = {.id = &probe->id, .number = &probe->ended_ms};

    if (page->sort != STORE_BY_ENDED || f->product == NULL)
        return FERRY_E_ARG;
    walk->index = UPLOAD_BY_ENDED;
    return smem_page_value(page, &place, walk);
}

ferry_err smem_upload_list(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                           struct upload_task *out, size_t *ret_count)
{
    struct upload_task probe = {.size = 0};
    struct smem_walk walk = {.table = SMEM_UPLOADS, .index = UPLOAD_BY_ID, .probe = &probe, .reach = page->reach};
    bool sorted = page->sort != STORE_BY_KEY;
    ferry_err err = sorted ? begin_sorted(f, page, &probe, &walk) : smem_page_id(page, &probe.id, &walk);

    if (err == FERRY_OK && !smem_prefix_valid(f->name_prefix))
        err = FERRY_E_ARG;
    if (err != FERRY_OK)
        return err;
    if (f->product != NULL && smem_set_text(probe.device.product, sizeof(probe.device.product), f->product)) {
        walk.index = sorted ? walk.index : UPLOAD_BY_PRODUCT;
        walk.same_fields = 1;
        if (!sorted && f->device != NULL && smem_set_text(probe.device.device, sizeof(probe.device.device), f->device)) {
            walk.index = UPLOAD_BY_DEVICE;
            walk.same_fields = 2;
        }
    }
    return collect(c, &walk, list_filter, f, out, page->limit, ret_count);
}

static smem_verdict ended_filter(const void *data, const void *arg)
{
    const struct upload_task *t = data;
    const uint64_t *before_ms = arg;

    return t->ended_ms < *before_ms ? SMEM_TAKE : SMEM_STOP;
}

ferry_err smem_upload_ended_before(struct store_conn *c, uint64_t ms, struct upload_task *out, size_t cap,
                                   size_t *ret_count)
{
    const struct upload_task probe = {.ended_ms = 0};
    const struct smem_walk walk = {.table = SMEM_UPLOADS, .index = UPLOAD_ENDED, .probe = &probe};

    return collect(c, &walk, ended_filter, &ms, out, cap, ret_count);
}
