#include "conn.h"
#include "ops.h"

#include <string.h>

ferry_err smem_resource_add(struct store_conn *c, const struct resource *r)
{
    struct product product = {.created_ms = 0};
    struct smem_db *db = &c->store->db;
    ferry_err err;

    if (!resource_description_valid(r->description))
        return FERRY_E_ARG;
    err = smem_change_begin(c);
    if (err != FERRY_OK)
        return err;
    (void)smem_set_text(product.name, sizeof(product.name), r->product);
    if (smem_find(db, SMEM_WORK, SMEM_PRODUCTS, &product) == NULL)
        err = FERRY_E_NOT_FOUND;
    else if (smem_find(db, SMEM_WORK, SMEM_RESOURCES, r) != NULL)
        err = FERRY_E_EXISTS;
    else
        err = smem_put(db, SMEM_RESOURCES, r);
    return smem_change_end(c, err);
}

ferry_err smem_resource_get(struct store_conn *c, const ferry_id *id, struct resource *ret)
{
    struct resource probe = {.size = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_get(c, SMEM_RESOURCES, &probe, ret, sizeof(*ret));
}

ferry_err smem_resource_find(struct store_conn *c, const char *product, const char *name, struct resource *ret)
{
    struct resource probe = {.id = {SMEM_LAST}};
    const struct smem_walk walk = {
        .table = SMEM_RESOURCES, .index = RESOURCE_BY_NAME, .probe = &probe, .same_fields = 2, .descending = true};

    if (!smem_set_text(probe.product, sizeof(probe.product), product) ||
        !smem_set_text(probe.name, sizeof(probe.name), name))
        return FERRY_E_NOT_FOUND;
    return smem_get_first(c, &walk, ret, sizeof(*ret));
}

ferry_err smem_resource_describe(struct store_conn *c, const ferry_id *id, const char *description)
{
    struct resource row;
    ferry_err err;

    if (!resource_description_valid(description))
        return FERRY_E_ARG;
    err = smem_resource_get(c, id, &row);
    if (err != FERRY_OK)
        return err;
    (void)smem_set_text(row.description, sizeof(row.description), description);
    return smem_change_put(c, SMEM_RESOURCES, &row);
}

static ferry_err remove_unused(struct smem_db *db, const struct resource *probe)
{
    const struct deployment deployment = {.resource = probe->id};
    const struct smem_walk users = {
        .table = SMEM_DEPLOYMENTS, .index = DEPLOYMENT_BY_RESOURCE, .probe = &deployment, .same_fields = 1};

    if (smem_first(db, SMEM_WORK, &users) != NULL)
        return FERRY_E_STATE;
    return smem_remove(db, SMEM_RESOURCES, probe);
}

ferry_err smem_resource_remove(struct store_conn *c, const ferry_id *id)
{
    struct resource probe = {.size = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    if (err == FERRY_OK)
        err = smem_change_begin(c);
    return err != FERRY_OK ? err : smem_change_end(c, remove_unused(&c->store->db, &probe));
}

static smem_verdict list_filter(const void *data, const void *arg)
{
    const struct resource *r = data;
    const struct resource_filter *f = arg;

    return smem_matches(r->product, f->product) && smem_has_prefix(r->name, f->name_prefix) && smem_is_of(&f->made, &r->id)
               ? SMEM_TAKE
               : SMEM_SKIP;
}

static ferry_err begin_sorted(const struct resource_filter *f, const struct store_page *page, struct resource *probe,
                              struct smem_walk *walk)
{
    bool by_size = page->sort == STORE_BY_SIZE;
    const struct smem_place place = {
        .id = &probe->id, .name = by_size ? NULL : probe->name, .number = by_size ? &probe->size : NULL};

    if (f->product == NULL || (!by_size && page->sort != STORE_BY_NAME))
        return FERRY_E_ARG;
    walk->index = by_size ? RESOURCE_BY_SIZE : RESOURCE_BY_NAME;
    return smem_page_value(page, &place, walk);
}

ferry_err smem_resource_list(struct store_conn *c, const struct resource_filter *f, const struct store_page *page,
                             struct resource *out, size_t *ret_count)
{
    struct resource probe = {.size = 0};
    struct smem_walk walk = {.table = SMEM_RESOURCES, .index = RESOURCE_BY_ID, .probe = &probe, .reach = page->reach};
    bool sorted = page->sort != STORE_BY_KEY;
    ferry_err err = sorted ? begin_sorted(f, page, &probe, &walk) : smem_page_id(page, &probe.id, &walk);

    if (err == FERRY_OK && !smem_prefix_valid(f->name_prefix))
        err = FERRY_E_ARG;
    if (err != FERRY_OK)
        return err;
    if (f->product != NULL && smem_set_text(probe.product, sizeof(probe.product), f->product)) {
        walk.index = sorted ? walk.index : RESOURCE_BY_PRODUCT;
        walk.same_fields = 1;
    }
    smem_auto_reading reading = smem_read_begin(c);
    *ret_count = smem_collect(reading.db, reading.view, &walk, list_filter, f, out, sizeof(*out), page->limit);
    return FERRY_OK;
}
