#include "conn.h"
#include "ops.h"
#include "tags.h"

#include <string.h>

/* --- values ------------------------------------------------------------------------------------ */

ferry_err smem_value_get(struct store_conn *c, const char *key, void *out, size_t cap, size_t *ret_len)
{
    struct row_value row = {.len = 0};
    ferry_err err;

    if (!smem_set_text(row.key, sizeof(row.key), key))
        return FERRY_E_NOT_FOUND;
    err = smem_get(c, SMEM_VALUES, &row, &row, sizeof(row));
    if (err != FERRY_OK)
        return err;
    if (row.len > cap)
        return FERRY_E_LIMIT;
    if (row.len > 0)
        memcpy(out, row.bytes, row.len);
    *ret_len = row.len;
    return FERRY_OK;
}

ferry_err smem_value_put(struct store_conn *c, const char *key, const void *bytes, size_t len)
{
    struct row_value row = {.len = len};

    if (key[0] == '\0' || !smem_set_text(row.key, sizeof(row.key), key) || len > sizeof(row.bytes))
        return FERRY_E_ARG;
    if (len > 0)
        memcpy(row.bytes, bytes, len);
    return smem_change_put(c, SMEM_VALUES, &row);
}

/* --- products ---------------------------------------------------------------------------------- */

static bool product_exists(const struct smem_db *db, const char *name)
{
    struct product probe = {.created_ms = 0};

    return smem_set_text(probe.name, sizeof(probe.name), name) &&
           smem_find(db, SMEM_WORK, SMEM_PRODUCTS, &probe) != NULL;
}

ferry_err smem_product_add(struct store_conn *c, const struct product *p)
{
    if (p->secret.len > sizeof(p->secret.bytes))
        return FERRY_E_ARG;
    if (c->mode == STORE_WRITER && product_exists(&c->store->db, p->name))
        return FERRY_E_EXISTS;
    return smem_change_put(c, SMEM_PRODUCTS, p);
}

ferry_err smem_product_get(struct store_conn *c, const char *name, struct product *ret)
{
    struct product probe = {.created_ms = 0};

    if (!smem_set_text(probe.name, sizeof(probe.name), name))
        return FERRY_E_NOT_FOUND;
    return smem_get(c, SMEM_PRODUCTS, &probe, ret, sizeof(*ret));
}

ferry_err smem_product_set_secret(struct store_conn *c, const char *name, const struct sealed *secret)
{
    struct product row;
    ferry_err err;

    if (secret->len > sizeof(secret->bytes))
        return FERRY_E_ARG;
    err = smem_product_get(c, name, &row);
    if (err != FERRY_OK)
        return err;
    row.secret = *secret;
    return smem_change_put(c, SMEM_PRODUCTS, &row);
}

/* True when some row of the table, whose index begins with the product, belongs to it. */
static bool used_by(const struct smem_db *db, smem_table_id table, unsigned index, const void *probe)
{
    const struct smem_walk walk = {.table = table, .index = index, .probe = probe, .same_fields = 1};

    return smem_first(db, SMEM_WORK, &walk) != NULL;
}

static bool product_is_used(const struct smem_db *db, const char *name)
{
    struct row_device device = {.joined = ""};
    struct resource resource = {.size = 0};
    struct resource_upload coming = {.size = 0};
    struct deployment deployment = {.expanded = 0};
    struct upload_task upload = {.size = 0};
    struct row_download download = {.due_ms = 0};

    (void)smem_set_text(device.device.key.product, sizeof(device.device.key.product), name);
    (void)smem_set_text(resource.product, sizeof(resource.product), name);
    (void)smem_set_text(coming.product, sizeof(coming.product), name);
    (void)smem_set_text(deployment.product, sizeof(deployment.product), name);
    (void)smem_set_text(upload.device.product, sizeof(upload.device.product), name);
    (void)smem_set_text(download.task.device.product, sizeof(download.task.device.product), name);
    return used_by(db, SMEM_DEVICES, DEVICE_BY_KEY, &device) ||
           used_by(db, SMEM_RESOURCES, RESOURCE_BY_PRODUCT, &resource) ||
           used_by(db, SMEM_RESOURCE_UPLOADS, RESOURCE_UPLOAD_BY_PRODUCT, &coming) ||
           used_by(db, SMEM_DEPLOYMENTS, DEPLOYMENT_BY_PRODUCT, &deployment) ||
           used_by(db, SMEM_UPLOADS, UPLOAD_BY_PRODUCT, &upload) ||
           used_by(db, SMEM_DOWNLOADS, DOWNLOAD_BY_PRODUCT, &download);
}

ferry_err smem_product_remove(struct store_conn *c, const char *name)
{
    struct product probe = {.created_ms = 0};
    struct quota quota = {.limits.product_bytes = 0};
    ferry_err err;

    if (!smem_set_text(probe.name, sizeof(probe.name), name))
        return FERRY_E_NOT_FOUND;
    if (c->mode == STORE_WRITER && product_exists(&c->store->db, name) && product_is_used(&c->store->db, name))
        return FERRY_E_STATE;
    err = smem_change_begin(c);
    if (err != FERRY_OK)
        return err;
    err = smem_remove(&c->store->db, SMEM_PRODUCTS, &probe);
    (void)smem_set_text(quota.product, sizeof(quota.product), name);
    if (err == FERRY_OK && smem_find(&c->store->db, SMEM_WORK, SMEM_QUOTAS, &quota) != NULL)
        err = smem_remove(&c->store->db, SMEM_QUOTAS, &quota);
    return smem_change_end(c, err);
}

ferry_err smem_product_list(struct store_conn *c, const struct store_page *page, struct product *out,
                            size_t *ret_count)
{
    struct product probe = {.created_ms = 0};
    struct smem_walk walk = {.table = SMEM_PRODUCTS, .index = PRODUCT_BY_NAME, .probe = &probe};
    ferry_err err = smem_page_name(page, NULL, probe.name, sizeof(probe.name), &walk);
    smem_auto_reading reading = smem_read_begin(c);

    if (err == FERRY_OK)
        *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return err;
}

/* --- devices ----------------------------------------------------------------------------------- */

ferry_err smem_device_add(struct store_conn *c, const struct device *d)
{
    struct row_device row = {.device = *d};
    row.device.online_ms = row.device.seen_ms = 0;
    size_t product_len = strlen(d->key.product);

    if (d->secret.len > sizeof(d->secret.bytes) || d->old_secret.len > sizeof(d->old_secret.bytes))
        return FERRY_E_ARG;
    memcpy(row.joined, d->key.product, product_len);
    memcpy(row.joined + product_len, d->key.device, strlen(d->key.device) + 1);
    if (c->mode == STORE_WRITER && !product_exists(&c->store->db, d->key.product))
        return FERRY_E_NOT_FOUND;
    if (c->mode == STORE_WRITER && smem_find(&c->store->db, SMEM_WORK, SMEM_DEVICES, &row) != NULL)
        return FERRY_E_EXISTS;
    return smem_change_put(c, SMEM_DEVICES, &row);
}

ferry_err smem_device_get(struct store_conn *c, const struct device_key *key, struct device *ret)
{
    struct row_device probe = {.device.key = *key};

    return smem_get(c, SMEM_DEVICES, &probe, ret, sizeof(*ret));
}

ferry_err smem_device_find_joined(struct store_conn *c, const char *text, struct device *out, size_t cap,
                                  size_t *ret_count)
{
    struct row_device probe = {.joined = ""};
    const struct smem_walk walk = {
        .table = SMEM_DEVICES, .index = DEVICE_BY_JOINED, .probe = &probe, .same_fields = 1};
    bool possible = smem_set_text(probe.joined, sizeof(probe.joined), text);
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count =
        possible ? smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), cap) : 0;
    return FERRY_OK;
}

static smem_verdict old_secret_filter(const void *data, const void *arg)
{
    const struct row_device *row = data;
    const uint64_t *now_ms = arg;

    return row->device.old_until_ms <= *now_ms ? SMEM_TAKE : SMEM_STOP;
}

ferry_err smem_device_old_secrets(struct store_conn *c, uint64_t now_ms, struct device *out, size_t cap,
                                  size_t *ret_count)
{
    const struct row_device probe = {.device.old_until_ms = 0};
    const struct smem_walk walk = {.table = SMEM_DEVICES, .index = DEVICE_BY_OLD_SECRET, .probe = &probe};
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count =
        smem_collect(reading.db, reading.view, &walk, old_secret_filter, &now_ms, out, sizeof(*out), cap);
    return FERRY_OK;
}

ferry_err smem_device_set_disabled(struct store_conn *c, const struct device_key *key, bool disabled)
{
    struct row_device row = {.device.key = *key};
    ferry_err err = smem_get(c, SMEM_DEVICES, &row, &row, sizeof(row));

    if (err != FERRY_OK)
        return err;
    row.device.disabled = disabled;
    return smem_change_put(c, SMEM_DEVICES, &row);
}

ferry_err smem_device_set_secrets(struct store_conn *c, const struct device *d)
{
    struct row_device row = {.device.key = d->key};
    ferry_err err;

    if (d->secret.len > sizeof(d->secret.bytes) || d->old_secret.len > sizeof(d->old_secret.bytes))
        return FERRY_E_ARG;
    err = smem_get(c, SMEM_DEVICES, &row, &row, sizeof(row));
    if (err != FERRY_OK)
        return err;
    row.device.secret = d->secret;
    row.device.old_secret = d->old_secret;
    row.device.old_until_ms = d->old_until_ms;
    row.device.secret_no = d->secret_no;
    row.device.unheard = d->unheard;
    return smem_change_put(c, SMEM_DEVICES, &row);
}

/* online_ms null: it stays. */
static ferry_err set_presence(struct store_conn *c, const struct device_key *key, const uint64_t *online_ms, uint64_t seen_ms)
{
    struct row_device row = {.device.key = *key};
    ferry_err err;

    if (seen_ms > INT64_MAX || (online_ms != NULL && *online_ms > INT64_MAX))
        return FERRY_E_ARG;
    err = smem_get(c, SMEM_DEVICES, &row, &row, sizeof(row));
    if (err != FERRY_OK)
        return err;
    if (online_ms != NULL)
        row.device.online_ms = *online_ms;
    if (seen_ms > row.device.seen_ms)
        row.device.seen_ms = seen_ms;
    return smem_change_put(c, SMEM_DEVICES, &row);
}

ferry_err smem_device_set_online(struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms)
{
    return set_presence(c, key, &online_ms, seen_ms);
}

ferry_err smem_device_set_seen(struct store_conn *c, const struct device_key *key, uint64_t seen_ms)
{
    return set_presence(c, key, NULL, seen_ms);
}

ferry_err smem_device_remove(struct store_conn *c, const struct device_key *key)
{
    struct row_device probe = {.device.key = *key};
    ferry_err err = smem_change_begin(c);

    if (err != FERRY_OK)
        return err;
    err = smem_remove(&c->store->db, SMEM_DEVICES, &probe);
    if (err == FERRY_OK)
        err = smem_tags_clear(&c->store->db, key);
    return smem_change_end(c, err);
}

/* Counts by walking: arg collects, nothing is taken. */
struct device_counting {
    struct device_counts *counts;
};

static smem_verdict count_device(const void *data, const void *arg)
{
    const struct row_device *row = data;
    const struct device_counting *counting = arg;

    counting->counts->devices++;
    counting->counts->online += row->device.online_ms > 0;
    return SMEM_SKIP;
}

ferry_err smem_device_counts(struct store_conn *c, const char *product, struct device_counts *ret)
{
    struct row_device probe = {.joined = ""};
    struct device_counts counts = {.devices = 0};
    const struct device_counting counting = {.counts = &counts};
    const struct smem_walk walk = {.table = SMEM_DEVICES, .index = DEVICE_BY_KEY, .probe = &probe, .same_fields = 1};
    bool possible = smem_set_text(probe.device.key.product, sizeof(probe.device.key.product), product);
    smem_auto_reading reading = smem_read_begin(c);

    if (possible)
        (void)smem_collect(reading.db, reading.view, &walk, count_device, &counting, NULL, 0, 1);
    *ret = counts;
    return FERRY_OK;
}

struct device_wanted {
    const struct device_filter *filter;
    const struct smem_reading *reading;
};

static smem_verdict device_filter(const void *data, const void *arg)
{
    const struct row_device *row = data;
    const struct device_wanted *wanted = arg;
    const struct device_filter *f = wanted->filter;

    return smem_has_prefix(row->device.key.device, f->name_prefix) &&
                   (f->which == DEVICES_ALL || (row->device.online_ms > 0) == (f->which == DEVICES_ONLINE)) &&
                   (f->tag == NULL || smem_has_tag(wanted->reading, &row->device.key, f->tag))
               ? SMEM_TAKE
               : SMEM_SKIP;
}

static ferry_err begin_sorted(const struct device_filter *f, const struct store_page *page, struct row_device *probe,
                              struct smem_walk *walk)
{
    struct device_key *key = &probe->device.key;
    const struct smem_place place = {.device = key->device, .number = &probe->device.seen_ms};

    if (page->sort != STORE_BY_SEEN || (f->name_prefix != NULL && strnlen(f->name_prefix, sizeof(key->device)) >= sizeof(key->device)))
        return FERRY_E_ARG;
    walk->index = DEVICE_BY_SEEN;
    return smem_page_value(page, &place, walk);
}

ferry_err smem_device_list(struct store_conn *c, const struct device_filter *f, const struct store_page *page,
                           struct device *out, size_t *ret_count)
{
    struct row_device probe = {.joined = ""};
    struct device_key *key = &probe.device.key;
    struct smem_walk walk = {
        .table = SMEM_DEVICES, .index = DEVICE_BY_KEY, .probe = &probe, .same_fields = 1, .reach = page->reach};
    ferry_err err;

    if (f->product == NULL || !smem_set_text(key->product, sizeof(key->product), f->product))
        return FERRY_E_ARG;
    if (page->sort == STORE_BY_KEY)
        err = smem_page_name(page, f->name_prefix, key->device, sizeof(key->device), &walk);
    else
        err = begin_sorted(f, page, &probe, &walk);
    if (err != FERRY_OK)
        return err;
    smem_auto_reading reading = smem_read_begin(c);
    const struct device_wanted wanted = {.filter = f, .reading = &reading};
    *ret_count =
        smem_collect(reading.db, reading.view, &walk, device_filter, &wanted, out, sizeof(*out), page->limit);
    return FERRY_OK;
}
