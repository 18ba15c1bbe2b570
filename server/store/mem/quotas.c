/* Quotas. Usage is counted when it is asked for: rows in memory are cheap to walk, and nothing can drift. */
#include "conn.h"
#include "ops.h"

#include <string.h>

ferry_err smem_quota_put(struct store_conn *c, const struct quota *q)
{
    struct product product = {.created_ms = 0};
    struct smem_db *db = &c->store->db;
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    (void)smem_set_text(product.name, sizeof(product.name), q->product);
    err = smem_find(db, SMEM_WORK, SMEM_PRODUCTS, &product) == NULL ? FERRY_E_NOT_FOUND
                                                                    : smem_put(db, SMEM_QUOTAS, q);
    return smem_change_end(c, err);
}

ferry_err smem_quota_get(struct store_conn *c, const char *product, struct quota *ret)
{
    struct quota probe = {.limits.product_bytes = 0};

    if (!smem_set_text(probe.product, sizeof(probe.product), product))
        return FERRY_E_NOT_FOUND;
    return smem_get(c, SMEM_QUOTAS, &probe, ret, sizeof(*ret));
}

ferry_err smem_quota_remove(struct store_conn *c, const char *product)
{
    struct quota probe = {.limits.product_bytes = 0};

    if (!smem_set_text(probe.product, sizeof(probe.product), product))
        return c->mode == STORE_WRITER ? FERRY_E_NOT_FOUND : FERRY_E_READONLY;
    return smem_change_remove(c, SMEM_QUOTAS, &probe);
}

struct counting {
    const char *product, *device;
    struct usage usage;
};

static void add(struct usage *usage, uint64_t size)
{
    usage->files++;
    usage->bytes = size > UINT64_MAX - usage->bytes ? UINT64_MAX : usage->bytes + size;
}

static void count_upload(const void *data, void *arg)
{
    const struct upload_task *t = data;
    struct counting *counting = arg;

    if (t->state <= UPLOAD_DONE && smem_matches(t->device.product, counting->product) &&
        smem_matches(t->device.device, counting->device))
        add(&counting->usage, t->size);
}

static void count_resource(const void *data, void *arg)
{
    const struct resource *r = data;
    struct counting *counting = arg;

    if (smem_matches(r->product, counting->product))
        add(&counting->usage, r->size);
}

static void count_resource_upload(const void *data, void *arg)
{
    const struct resource_upload *u = data;
    struct counting *counting = arg;

    if (u->stored_ms == 0 && smem_matches(u->product, counting->product))
        add(&counting->usage, u->size);
}

ferry_err smem_usage_get(struct store_conn *c, const char *product, const char *device, struct usage *ret)
{
    smem_auto_reading reading = smem_read_begin(c);
    struct counting counting = {.product = product, .device = device};

    smem_each(reading.db, reading.view, SMEM_UPLOADS, count_upload, &counting);
    if (device == NULL) {
        smem_each(reading.db, reading.view, SMEM_RESOURCES, count_resource, &counting);
        smem_each(reading.db, reading.view, SMEM_RESOURCE_UPLOADS, count_resource_upload, &counting);
    }
    *ret = counting.usage;
    return FERRY_OK;
}
