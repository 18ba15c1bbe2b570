#include "conn.h"
#include "ops.h"

#include <string.h>

/* What was given when it began stays. */
static ferry_err put(struct smem_db *db, const struct resource_upload *u)
{
    struct product product = {.created_ms = 0};
    const struct resource_upload *old = smem_find(db, SMEM_WORK, SMEM_RESOURCE_UPLOADS, u);
    struct resource_upload row = old != NULL ? *old : *u;

    (void)smem_set_text(product.name, sizeof(product.name), u->product);
    if (smem_find(db, SMEM_WORK, SMEM_PRODUCTS, &product) == NULL)
        return FERRY_E_NOT_FOUND;
    row.stored_ms = u->stored_ms;
    row.expires_ms = u->expires_ms;
    row.seen_bytes = u->seen_bytes;
    return smem_put(db, SMEM_RESOURCE_UPLOADS, &row);
}

ferry_err smem_resource_upload_put(struct store_conn *c, const struct resource_upload *u)
{
    ferry_err err;

    if (!resource_description_valid(u->description))
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, put(&c->store->db, u));
}

ferry_err smem_resource_upload_get(struct store_conn *c, const ferry_id *id, struct resource_upload *ret)
{
    struct resource_upload probe = {.size = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_get(c, SMEM_RESOURCE_UPLOADS, &probe, ret, sizeof(*ret));
}

static smem_verdict is_same(const void *data, const void *arg)
{
    const struct resource_upload *u = data, *like = arg;

    return strcmp(u->name, like->name) == 0 && u->size == like->size && strcmp(u->md5, like->md5) == 0 &&
                   strcmp(u->sha256, like->sha256) == 0
               ? SMEM_TAKE
               : SMEM_SKIP;
}

ferry_err smem_resource_upload_same(struct store_conn *c, const struct resource_upload *like, struct resource_upload *ret)
{
    struct resource_upload probe = {.id = {SMEM_LAST}};
    const struct smem_walk walk = {.table = SMEM_RESOURCE_UPLOADS, .index = RESOURCE_UPLOAD_BY_PRODUCT, .probe = &probe,
                                   .same_fields = 1, .descending = true};
    smem_auto_reading reading = smem_read_begin(c);

    if (!smem_set_text(probe.product, sizeof(probe.product), like->product) ||
        smem_collect(reading.db, reading.view, &walk, is_same, like, ret, sizeof(*ret), 1) == 0)
        return FERRY_E_NOT_FOUND;
    return FERRY_OK;
}

ferry_err smem_resource_upload_remove(struct store_conn *c, const ferry_id *id)
{
    struct resource_upload probe = {.size = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_change_remove(c, SMEM_RESOURCE_UPLOADS, &probe);
}

ferry_err smem_resource_upload_list(struct store_conn *c, const char *product, const struct store_page *page,
                                    struct resource_upload *out, size_t *ret_count)
{
    struct resource_upload probe = {.size = 0};
    struct smem_walk walk = {.table = SMEM_RESOURCE_UPLOADS, .index = RESOURCE_UPLOAD_BY_ID, .probe = &probe};
    ferry_err err = smem_page_id(page, &probe.id, &walk);

    if (err != FERRY_OK)
        return err;
    if (product != NULL) {
        if (!smem_set_text(probe.product, sizeof(probe.product), product)) {
            *ret_count = 0;
            return FERRY_OK;
        }
        walk.index = RESOURCE_UPLOAD_BY_PRODUCT;
        walk.same_fields = 1;
    }
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return FERRY_OK;
}

static smem_verdict is_due(const void *data, const void *arg)
{
    const struct resource_upload *u = data;
    const uint64_t *now_ms = arg;

    return u->expires_ms <= *now_ms ? SMEM_TAKE : SMEM_STOP;
}

ferry_err smem_resource_upload_due(struct store_conn *c, uint64_t now_ms, struct resource_upload *out, size_t cap,
                                   size_t *ret_count)
{
    const struct resource_upload probe = {.expires_ms = 0};
    const struct smem_walk walk = {.table = SMEM_RESOURCE_UPLOADS, .index = RESOURCE_UPLOAD_DUE, .probe = &probe};
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count = smem_collect(reading.db, reading.view, &walk, is_due, &now_ms, out, sizeof(*out), cap);
    return FERRY_OK;
}
