/* One file after the other: what it must be, what it is, and what becomes of one that is something else. */
#include "scrub_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/system.h"
#include "objects/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 * 1024 };

/* A file that the store knows. */
struct known {
    struct scrub_finding is; /* all but the fault */
    uint64_t size;
    uint8_t md5[16];
};

FERRY_DEFINE_CLEANUP(struct object_hash *, object_hash_free)

/* --- what it is ------------------------------------------------------------------------------------------------- */

/* FERRY_E_SIZE: it ends before its size. */
static ferry_err hash_bytes(struct scrub *s, struct object_reader *reader, uint64_t size, struct object_digests *ret)
{
    ferry_cleanup(object_hash_free) struct object_hash *hash = NULL;
    ferry_autofree char *block = ferry_malloc(BLOCK);
    ferry_err err = block != NULL ? object_hash_new(false, &hash) : FERRY_E_NOMEM;
    for (uint64_t at = 0; err == FERRY_OK && at < size;) {
        size_t got = 0;
        err = s->config.objects->ops->read_at(reader, at, block, BLOCK, &got);
        if (err == FERRY_OK && got == 0)
            return FERRY_E_SIZE;
        if (err == FERRY_OK)
            err = object_hash_update(hash, block, got);
        if (err == FERRY_OK)
            err = scrub_pay(s, got);
        at += got;
    }
    return err == FERRY_OK ? object_hash_finish(hash, ret) : err;
}

static ferry_err read_and_compare(struct scrub *s, const struct known *k)
{
    struct objects *o = s->config.objects;
    struct object_expect expect = {.size = k->size, .md5 = k->md5};
    struct object_reader *reader = NULL;
    struct object_digests have;
    uint64_t size = 0;
    ferry_err err = o->ops->read_open(o, &k->is.key, &reader, &size);
    if (err != FERRY_OK)
        return err;
    err = size == k->size ? hash_bytes(s, reader, size, &have) : FERRY_E_SIZE;
    o->ops->read_close(reader);
    return err == FERRY_OK ? object_digests_check(&have, &expect) : err;
}

static ferry_err compare(struct scrub *s, const struct known *k)
{
    struct objects *o = s->config.objects;
    struct object_expect expect = {.size = k->size, .md5 = k->md5};
    return o->ops->match != NULL ? o->ops->match(o, &k->is.key, &expect) : read_and_compare(s, k);
}

/* Does the verdict say something about this file? Else it is about the machine, and the run ends. */
static bool is_fault(ferry_err err, scrub_fault *ret_fault)
{
    static const struct {
        ferry_err err;
        scrub_fault fault;
    } table[] = {
        {FERRY_E_NOT_FOUND, SCRUB_MISSING}, {FERRY_E_SIZE, SCRUB_TORN},     {FERRY_E_DIGEST, SCRUB_ALTERED},
        {FERRY_E_CORRUPT, SCRUB_SET_ASIDE}, {FERRY_E_IO, SCRUB_UNREADABLE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].err != err)
            continue;
        *ret_fault = table[i].fault;
        return true;
    }
    return false;
}

/* --- what becomes of it ------------------------------------------------------------------------------------------ */

static bool still_known(struct scrub *s, const struct known *k)
{
    struct upload_task task;
    struct resource resource;
    ferry_err err = k->is.is_resource ? s->config.store->ops->resource_get(s->conn, &k->is.key, &resource)
                                      : s->config.store->ops->upload_get(s->conn, &k->is.key, &task);
    return err != FERRY_E_NOT_FOUND;
}

static ferry_err tell(struct scrub *s, const struct scrub_finding *f)
{
    struct command *cmd = ferry_calloc(1, sizeof *cmd);
    if (cmd == NULL)
        return FERRY_E_NOMEM;
    cmd->kind = CMD_OBJECT_DAMAGED;
    cmd->id = f->key;
    cmd->damage = scrub_finding_text(f);
    ferry_err err = engine_call(s->config.engine, cmd);
    free(cmd);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err; /* removed meanwhile */
}

static ferry_err set_aside(struct scrub *s, struct scrub_finding *f)
{
    struct objects *o = s->config.objects;
    ferry_err err = o->ops->set_aside(o, &f->key);
    f->stays = err == FERRY_E_LIMIT;
    if (f->stays)
        return FERRY_OK;
    if (s->config.forget != NULL)
        s->config.forget(s->config.forget_arg, &f->key);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

/* Aside first: what was told must be true. It was told already of a file that lies there. */
static ferry_err found_fault(struct scrub *s, struct known *k, scrub_fault fault)
{
    ferry_err err = FERRY_OK;
    k->is.fault = fault;
    if (fault == SCRUB_TORN || fault == SCRUB_ALTERED)
        err = set_aside(s, &k->is);
    if (err == FERRY_OK && fault != SCRUB_SET_ASIDE)
        err = tell(s, &k->is);
    scrub_note(s, &k->is);
    return err;
}

/* A file may be removed, or be written anew, between two looks at it: who is wrong twice is wrong. The second look is at the bytes,
 * whatever a bucket says of them. */
static ferry_err look_at(struct scrub *s, struct known *k)
{
    scrub_fault fault;
    ferry_err err = scrub_pay(s, SCRUB_FILE_COSTS);
    if (err == FERRY_OK)
        err = compare(s, k);
    if (err != FERRY_OK && is_fault(err, &fault) && still_known(s, k))
        err = read_and_compare(s, k);
    if (err == FERRY_OK) {
        scrub_count(s, k->size);
        return FERRY_OK;
    }
    if (!is_fault(err, &fault))
        return err;
    scrub_count(s, 0);
    return still_known(s, k) ? found_fault(s, k, fault) : FERRY_OK;
}

/* --- the lists ---------------------------------------------------------------------------------------------------- */

static ferry_err known_begin(struct known *k, const ferry_id *key, const char *name, uint64_t size, const char *md5)
{
    *k = (struct known){.is.key = *key, .size = size};
    (void)snprintf(k->is.name, sizeof k->is.name, "%s", name);
    return ferry_hex_decode(md5, strlen(md5), k->md5, sizeof k->md5);
}

static ferry_err look_at_upload(struct scrub *s, const struct upload_task *task)
{
    struct known k;
    if (task->state != UPLOAD_STORED && task->state != UPLOAD_DONE)
        return FERRY_OK;
    ferry_err err = known_begin(&k, &task->id, task->name, task->size, task->md5);
    k.is.device = task->device;
    return err == FERRY_OK ? look_at(s, &k) : err;
}

static ferry_err look_at_resource(struct scrub *s, const struct resource *resource)
{
    struct known k;
    ferry_err err = known_begin(&k, &resource->id, resource->name, resource->size, resource->md5);
    k.is.is_resource = true;
    memcpy(k.is.device.product, resource->product, sizeof k.is.device.product);
    return err == FERRY_OK ? look_at(s, &k) : err;
}

static const char *product_of(const struct scrub *s)
{
    return s->view.order.product[0] != '\0' ? s->view.order.product : NULL;
}

ferry_err scrub_look_uploads(struct scrub *s)
{
    struct upload_filter filter = {.product = product_of(s)};
    ferry_autofree struct upload_task *rows = ferry_calloc(FERRY_PAGE_MAX, sizeof *rows);
    ferry_id last = {{0}};
    size_t count = FERRY_PAGE_MAX;
    ferry_err err = rows != NULL ? FERRY_OK : FERRY_E_NOMEM;
    while (err == FERRY_OK && count == FERRY_PAGE_MAX) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        err = s->config.store->ops->upload_list(s->conn, &filter, &page, rows, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++)
            err = look_at_upload(s, &rows[i]);
        if (err == FERRY_OK && count > 0)
            last = rows[count - 1].id;
    }
    return err;
}

ferry_err scrub_look_resources(struct scrub *s)
{
    struct resource_filter filter = {.product = product_of(s)};
    ferry_autofree struct resource *rows = ferry_calloc(FERRY_PAGE_MAX, sizeof *rows);
    ferry_id last = {{0}};
    size_t count = FERRY_PAGE_MAX;
    ferry_err err = rows != NULL ? FERRY_OK : FERRY_E_NOMEM;
    while (err == FERRY_OK && count == FERRY_PAGE_MAX) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        err = s->config.store->ops->resource_list(s->conn, &filter, &page, rows, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++)
            err = look_at_resource(s, &rows[i]);
        if (err == FERRY_OK && count > 0)
            last = rows[count - 1].id;
    }
    return err;
}

/* --- what belongs to nothing -------------------------------------------------------------------------------------- */

struct orphans {
    struct scrub *s;
    uint64_t before_s;
    ferry_err err;
};

static ferry_err belongs(struct scrub *s, const ferry_id *key, bool *ret_belongs)
{
    const struct store_ops *ops = s->config.store->ops;
    struct upload_task task;
    struct resource resource;
    struct resource_upload upload;
    ferry_err err = ops->upload_get(s->conn, key, &task);
    *ret_belongs = err == FERRY_OK && task.state != UPLOAD_CANCELLED;
    if (err != FERRY_E_NOT_FOUND)
        return err;
    err = ops->resource_get(s->conn, key, &resource);
    if (err == FERRY_E_NOT_FOUND)
        err = ops->resource_upload_get(s->conn, key, &upload);
    *ret_belongs = err == FERRY_OK;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

static bool visit(void *arg, const ferry_id *key, uint64_t changed_s)
{
    struct orphans *o = arg;
    bool has_owner = true;
    if (changed_s > o->before_s)
        return true;
    o->err = belongs(o->s, key, &has_owner);
    if (o->err == FERRY_OK && !has_owner) {
        struct scrub_finding orphan = {.fault = SCRUB_ORPHAN, .key = *key};
        scrub_note(o->s, &orphan);
    }
    if (o->err == FERRY_OK)
        o->err = scrub_pay(o->s, 0);
    return o->err == FERRY_OK;
}

ferry_err scrub_look_orphans(struct scrub *s)
{
    struct objects *objects = s->config.objects;
    struct orphans o = {.s = s, .before_s = ferry_wall_ms() / 1000 - SCRUB_YOUNG_S};
    if (objects->ops->list == NULL)
        return FERRY_OK;
    ferry_err err = objects->ops->list(objects, visit, &o);
    if (err == FERRY_OK)
        err = o.err;
    scrub_drop_gone(s);
    return err;
}
