/* Resources on their way in: an operator sends one in as many requests as the line needs. */
#include "engine_internal.h"

#include "base/log.h"

#include <string.h>

static uint64_t life_ms(const struct engine *e)
{
    return 1000ull * e->settings.resource_upload_life_s;
}

/* One that became a resource answers for it, as long as that is there. */
static ferry_err find_same(struct engine *e, const struct resource_upload *like, struct resource_upload *ret)
{
    struct resource resource;
    if (like->md5[0] == '\0' && like->sha256[0] == '\0')
        return FERRY_E_NOT_FOUND;
    ferry_err err = e->store->resource_upload_same(e->conn, like, ret);
    return err == FERRY_OK && ret->stored_ms != 0 ? e->store->resource_get(e->conn, &ret->id, &resource) : err;
}

/* Who begins with both digests may send straight to the store: what comes there is known then without being read. */
static bool may_come_by_itself(const struct engine *e, const struct resource_upload *u)
{
    return e->errands != NULL && u->md5[0] != '\0' && u->sha256[0] != '\0';
}

/* When it is looked at first: a client that dies behind its last byte leaves what is a resource already. */
static uint64_t first_look_ms(const struct engine *e, const struct resource_upload *u)
{
    uint64_t url_ms = 1000ull * e->settings.url_life_s;
    return may_come_by_itself(e, u) && url_ms < life_ms(e) ? url_ms : life_ms(e);
}

static ferry_err begin(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource_upload *u = &cmd->resource_upload;
    quota_verdict verdict = QUOTA_FITS;
    ferry_err err = quotas_ask(e, u->product, NULL, u->size, NULL, &verdict);
    if (err == FERRY_OK && verdict != QUOTA_FITS)
        return engine_fail(cmd, FERRY_E_QUOTA, "the quota is used up: %s. Remove files, or raise it",
                           quota_verdict_text(verdict));
    u->created_ms = now_ms;
    u->expires_ms = now_ms + first_look_ms(e, u);
    u->stored_ms = u->seen_bytes = 0;
    cmd->count = 1;
    if (err == FERRY_OK)
        err = e->store->resource_upload_put(e->conn, u);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no product %s: add it first", u->product);
    return err;
}

static ferry_err add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource_upload same;
    ferry_err err = find_same(e, &cmd->resource_upload, &same);
    if (err == FERRY_E_NOT_FOUND)
        return begin(e, cmd, now_ms);
    cmd->count = 0;
    if (err == FERRY_OK)
        cmd->resource_upload = same;
    return err;
}

/* Its room was set aside when it began: no quota stops it now. */
static ferry_err become(struct engine *e, struct resource_upload *u, struct resource *resource, uint64_t now_ms)
{
    u->stored_ms = now_ms;
    u->expires_ms = now_ms + life_ms(e);
    resource->created_ms = u->created_ms;
    ferry_err err = e->store->resource_upload_put(e->conn, u);
    if (err == FERRY_OK)
        err = e->store->resource_add(e->conn, resource);
    return err == FERRY_OK ? events_resource(e, resource, NULL, "available", now_ms) : err;
}

static ferry_err find_upload(struct engine *e, struct command *cmd, const ferry_id *id)
{
    ferry_err err = e->store->resource_upload_get(e->conn, id, &cmd->resource_upload);
    return err == FERRY_E_NOT_FOUND ? engine_fail(cmd, err, "the upload %s was given up", id->text) : err;
}

static ferry_err done(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource_upload *u = &cmd->resource_upload;
    ferry_err err = find_upload(e, cmd, &cmd->resource.id);
    cmd->count = err == FERRY_OK && u->stored_ms == 0; /* else somebody has asked the store between the last byte and now */
    return cmd->count != 0 ? become(e, u, &cmd->resource, now_ms) : err;
}

static ferry_err came(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource_upload *u = &cmd->resource_upload;
    struct resource *resource = &cmd->resource;
    ferry_err err = find_upload(e, cmd, &cmd->id);
    cmd->count = err == FERRY_OK && u->stored_ms == 0;
    if (cmd->count == 0)
        return err;
    *resource = (struct resource){.id = u->id, .size = u->size};
    memcpy(resource->product, u->product, sizeof resource->product);
    memcpy(resource->name, u->name, sizeof resource->name);
    memcpy(resource->description, u->description, sizeof resource->description);
    memcpy(resource->md5, u->md5, sizeof resource->md5);
    memcpy(resource->sha256, u->sha256, sizeof resource->sha256);
    err = become(e, u, resource, now_ms);
    return err == FERRY_OK ? effects_remove_partial(&e->effects, &u->id) : err; /* it may have been begun the other way */
}

static ferry_err give_up(struct engine *e, const struct resource_upload *u)
{
    ferry_err err = e->store->resource_upload_remove(e->conn, &u->id);
    if (err != FERRY_OK || u->stored_ms != 0)
        return err;
    if (may_come_by_itself(e, u))
        err = effects_remove_object(&e->effects, &u->id);
    return err == FERRY_OK ? effects_remove_partial(&e->effects, &u->id) : err;
}

static ferry_err remove_one(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource_upload u;
    (void)now_ms;
    ferry_err err = e->store->resource_upload_get(e->conn, &cmd->id, &u);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no upload %s of a resource", cmd->id.text);
    return err == FERRY_OK ? give_up(e, &u) : err;
}

/* bytes: so many are there. */
static ferry_err look_at(struct engine *e, struct resource_upload *u, uint64_t bytes, uint64_t now_ms)
{
    uint64_t whole_life_ms = u->created_ms + life_ms(e);
    if (may_come_by_itself(e, u) && u->stored_ms == 0 && bytes <= u->seen_bytes && now_ms < whole_life_ms) {
        u->expires_ms = whole_life_ms;
        return e->store->resource_upload_put(e->conn, u);
    }
    if (bytes <= u->seen_bytes) {
        if (u->stored_ms == 0)
            ferry_log(FERRY_LOG_INFO, "engine", "upload %s of resource \"%s\" is given up: nothing came for too long",
                      u->id.text, u->name);
        return give_up(e, u);
    }
    u->seen_bytes = bytes;
    u->expires_ms = now_ms + life_ms(e);
    return e->store->resource_upload_put(e->conn, u);
}

static ferry_err seen(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource_upload u;
    ferry_err err = e->store->resource_upload_get(e->conn, &cmd->id, &u);
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && u.stored_ms != 0)) /* has ended meanwhile */
        return FERRY_OK;
    return err == FERRY_OK ? look_at(e, &u, cmd->resource_upload.seen_bytes, now_ms) : err;
}

ferry_err resource_uploads_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    typedef ferry_err handler(struct engine *, struct command *, uint64_t);
    static handler *const handlers[] = {
        [CMD_RESOURCE_UPLOAD_ADD] = add,
        [CMD_RESOURCE_UPLOAD_DONE] = done,
        [CMD_RESOURCE_UPLOAD_CAME] = came,
        [CMD_RESOURCE_UPLOAD_REMOVE] = remove_one,
        [CMD_RESOURCE_UPLOAD_SEEN] = seen,
    };
    return handlers[cmd->kind](e, cmd, now_ms);
}

/* --- timers and the start ---------------------------------------------------------------------------- */

static ferry_err ask_first(struct engine *e, struct resource_upload *u, uint64_t now_ms)
{
    u->expires_ms = now_ms + ERRAND_TIME_MS;
    ferry_err err = e->store->resource_upload_put(e->conn, u);
    if (err != FERRY_OK || !errands_room(e))
        return err;
    return effects_errand(&e->effects, ERRAND_PARTIAL, &u->id, u->size, may_come_by_itself(e, u) ? u->md5 : "", 0);
}

static ferry_err on_due(struct engine *e, struct resource_upload *u, uint64_t now_ms)
{
    struct objects *objects = e->parts.objects;
    uint64_t bytes = 0;
    if (u->stored_ms == 0 && e->errands != NULL)
        return ask_first(e, u, now_ms);
    ferry_err err = u->stored_ms == 0 ? objects->ops->partial_size(objects, &u->id, &bytes) : FERRY_OK;
    if (err == FERRY_OK)
        return look_at(e, u, bytes, now_ms);
    u->expires_ms = now_ms + life_ms(e);
    return e->store->resource_upload_put(e->conn, u);
}

ferry_err resource_uploads_expire(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    size_t count = 0;
    ferry_err err = e->store->resource_upload_due(e->conn, now_ms, e->resource_uploads, FERRY_PAGE_MAX, &count);
    *ret_more = count == FERRY_PAGE_MAX;
    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = on_due(e, &e->resource_uploads[i], now_ms);
    return err;
}

static ferry_err reopen(struct engine *e, const struct resource_upload *u)
{
    struct objects *objects = e->parts.objects;
    if (u->stored_ms != 0)
        return FERRY_OK;
    ferry_err err = objects->ops->reopen(objects, &u->id);
    if (err == FERRY_OK)
        ferry_log(FERRY_LOG_INFO, "recovery", "upload %s of resource \"%s\": all bytes are there, to be verified again",
                  u->id.text, u->name);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

ferry_err resource_uploads_reopen(struct engine *e)
{
    ferry_id last = {{0}};
    size_t count = FERRY_PAGE_MAX;
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && count == FERRY_PAGE_MAX) {
        struct store_page page = {.after = last.text, .limit = FERRY_PAGE_MAX};
        err = e->store->resource_upload_list(e->conn, NULL, &page, e->resource_uploads, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++)
            err = reopen(e, &e->resource_uploads[i]);
        if (err == FERRY_OK && count > 0)
            last = e->resource_uploads[count - 1].id;
    }
    return err;
}
