/* What a sudden end left undone, made up for at the next start. */
#include "engine_internal.h"

#include "base/log.h"
#include "upload_rules.h"

#include <string.h>

#define CLEAN_END_KEY "engine.clean_end"

/* Between the object becoming visible and the commit there is a moment in which a sudden end loses the word
 * of it. The object is the truth: its task is stored. */
static ferry_err adopt_object(struct engine *e, const struct upload_task *task, uint64_t now_ms)
{
    struct objects *objects = e->parts.objects;
    uint64_t size = 0;
    ferry_err err = objects->ops->stat(objects, &task->id, &size);
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && size != task->size))
        return FERRY_OK;
    if (err != FERRY_OK)
        return err;
    struct upload_event stored = {.kind = UPLOAD_EV_STORED};
    struct upload_task after;
    (void)upload_apply(task, &stored, now_ms, e->settings.url_life_s, &after);
    ferry_log(FERRY_LOG_INFO, "recovery", "upload task %s: its object is whole, now stored", task->id.text);
    err = e->store->upload_put(e->conn, &after);
    return err == FERRY_OK ? events_upload(e, task, &after) : err;
}

static ferry_err adopt_state(struct engine *e, upload_state state, uint64_t now_ms)
{
    struct upload_filter filter = {.state = state};
    ferry_id last = {{0}};
    size_t count = ENGINE_ROWS_MAX;
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && count == ENGINE_ROWS_MAX) {
        struct store_page page = {.after = last.text, .limit = ENGINE_ROWS_MAX};
        err = e->store->upload_list(e->conn, &filter, &page, e->uploads, &count);
        for (size_t i = 0; err == FERRY_OK && i < count; i++)
            err = adopt_object(e, &e->uploads[i], now_ms);
        if (count > 0)
            last = e->uploads[count - 1].id;
    }
    return err;
}

static ferry_err adopt_objects(struct engine *e)
{
    uint64_t now_ms = engine_now_ms(e);
    ferry_err err = e->store->begin(e->conn);
    if (err != FERRY_OK)
        return err;
    err = adopt_state(e, UPLOAD_CREATED, now_ms);
    if (err == FERRY_OK)
        err = adopt_state(e, UPLOAD_UPLOADING, now_ms);
    if (err == FERRY_OK)
        return e->store->commit(e->conn);
    e->store->rollback(e->conn);
    return err;
}

struct sweep {
    const struct store_ops *store;
    struct store_conn *conn;
    bool every_object; /* after a sudden end: look each object up */
    ferry_err err;     /* a look-up that failed: then nothing is removed */
};

static bool keep_resource_upload(const struct sweep *s, const ferry_id *key)
{
    struct resource_upload upload;
    ferry_err err = s->store->resource_upload_get(s->conn, key, &upload);
    return err == FERRY_OK ? upload.stored_ms == 0 : err != FERRY_E_NOT_FOUND;
}

static bool keep_object(void *arg, const ferry_id *key)
{
    struct sweep *s = arg;
    if (!s->every_object || s->err != FERRY_OK)
        return true;
    struct upload_task task;
    ferry_err err = s->store->upload_get(s->conn, key, &task);
    if (err == FERRY_OK)
        return task.state != UPLOAD_CANCELLED;
    struct resource resource;
    if (err == FERRY_E_NOT_FOUND)
        err = s->store->resource_get(s->conn, key, &resource);
    if (err == FERRY_E_NOT_FOUND) /* what a client sent straight to the store, and has not told of */
        return keep_resource_upload(s, key);
    if (err != FERRY_OK)
        s->err = err;
    return true;
}

static bool keep_partial(void *arg, const ferry_id *key)
{
    struct sweep *s = arg;
    struct upload_task task;
    ferry_err err = s->store->upload_get(s->conn, key, &task);
    if (err == FERRY_E_NOT_FOUND)
        return keep_resource_upload(s, key);
    if (err != FERRY_OK)
        return true;
    return upload_state_open(task.state);
}

static bool ended_clean(struct engine *e)
{
    char flag = 0;
    size_t len = 0;
    return e->store->value_get(e->conn, CLEAN_END_KEY, &flag, sizeof flag, &len) == FERRY_OK && flag == '1';
}

static ferry_err note_end(struct engine *e, char flag)
{
    ferry_err err = e->store->begin(e->conn);
    if (err == FERRY_OK)
        err = e->store->value_put(e->conn, CLEAN_END_KEY, &flag, sizeof flag);
    if (err == FERRY_OK)
        return e->store->commit(e->conn);
    e->store->rollback(e->conn);
    return err;
}

ferry_err recovery_sweep(struct engine *e, struct store_conn *conn, bool every_object)
{
    struct sweep sweep = {.store = e->store, .conn = conn, .every_object = every_object};
    struct objects *objects = e->parts.objects;
    uint64_t removed = 0;
    ferry_err err = objects->ops->sweep(objects, keep_object, keep_partial, &sweep, &removed);
    if (removed > 0)
        ferry_log(FERRY_LOG_INFO, "recovery", "removed %llu leftovers from the object store",
                  (unsigned long long)removed);
    return err != FERRY_OK ? err : sweep.err;
}

/* No other process works on the store: whatever is unfinished was left behind. */
static ferry_err find_alone(struct engine *e, bool *ret_alone)
{
    unsigned count = 1;
    ferry_err err = share_is_many(e) ? e->store->processes(e->conn, &count) : FERRY_OK;
    *ret_alone = count == 1;
    return err;
}

ferry_err recovery_run(struct engine *e)
{
    bool alone = false, clean = ended_clean(e);
    ferry_err err = find_alone(e, &alone);
    if (err == FERRY_OK)
        err = note_end(e, '0');
    /* what a process leaves behind beside others falls due, and is seen to then; a store across a network is looked at by errands */
    if (err != FERRY_OK || !alone || e->errands != NULL)
        return err;
    if (!clean)
        err = adopt_objects(e);
    if (err == FERRY_OK && !clean)
        err = resource_uploads_reopen(e);
    return err == FERRY_OK ? recovery_sweep(e, e->conn, !clean) : err;
}

void recovery_note_clean_end(struct engine *e)
{
    bool alone = false;
    ferry_err err = find_alone(e, &alone);
    if (err == FERRY_OK && !alone)
        return;
    if (err == FERRY_OK)
        err = note_end(e, '1');
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, "recovery", "could not note the clean end (%s): the next start takes longer",
                  ferry_err_text(err));
}
