/* Who may do what: address, task, signature, expiry, method, state. */
#include "object_internal.h"

#include "base/log.h"

#include <string.h>

static bool upload_may_come(upload_state state)
{
    return state != UPLOAD_CANCELLED;
}

struct found {
    struct object_target target;
    bool open;
};

static ferry_err find_upload(const struct store_ops *ops, struct store_conn *conn, const ferry_id *id,
                             struct found *ret)
{
    struct upload_task task;
    ferry_err err = ops->upload_get(conn, id, &task);
    if (err != FERRY_OK)
        return err;
    memset(ret, 0, sizeof *ret);
    ret->target.upload = true;
    ret->target.device = task.device;
    ret->target.task = task.id;
    ret->target.key = task.id;
    ret->target.device = task.device;
    ret->target.size = task.size;
    memcpy(ret->target.md5, task.md5, sizeof ret->target.md5);
    ret->target.stored = task.stored_ms != 0;
    ret->open = upload_may_come(task.state);
    return FERRY_OK;
}

static ferry_err find_download(const struct store_ops *ops, struct store_conn *conn, const ferry_id *id,
                               struct found *ret)
{
    struct download_task task;
    ferry_err err = ops->download_get(conn, id, &task);
    if (err != FERRY_OK)
        return err;
    memset(ret, 0, sizeof *ret);
    ret->target.device = task.device;
    ret->target.task = task.id;
    ret->target.key = task.resource;
    ret->target.device = task.device;
    ret->target.size = task.size;
    memcpy(ret->target.md5, task.md5, sizeof ret->target.md5);
    ret->open = download_state_fetchable(task.state);
    return FERRY_OK;
}

/* A disabled device has no open tasks, whatever their state: it may be enabled again. */
static ferry_err judge_device(const struct store_ops *ops, struct store_conn *conn, struct found *found)
{
    struct device device;
    ferry_err err = ops->device_get(conn, &found->target.device, &device);
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && device.disabled))
        found->open = false;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

/* Two point queries in the usual case; the kind that the method suggests is tried first. */
static ferry_err find(struct object_request *r, struct found *ret)
{
    typedef ferry_err (*find_func)(const struct store_ops *, struct store_conn *, const ferry_id *, struct found *);
    static const find_func uploads_first[] = {find_upload, find_download},
                           downloads_first[] = {find_download, find_upload};
    bool wants_download = r->method == METHOD_GET || (r->method == METHOD_HEAD && !r->tus);
    const find_func *order = wants_download ? downloads_first : uploads_first;
    struct object_plane *plane = r->plane;
    struct store_conn *conn = NULL;
    ferry_err err = api_readers_borrow(plane->readers, &conn);
    if (err != FERRY_OK)
        return err;
    err = FERRY_E_NOT_FOUND;
    for (size_t i = 0; i < 2 && err == FERRY_E_NOT_FOUND; i++)
        err = order[i](plane->cfg.store->ops, conn, &r->address.task, ret);
    if (err == FERRY_OK)
        err = judge_device(plane->cfg.store->ops, conn, ret);
    api_readers_give_back(plane->readers, conn, err == FERRY_OK || err == FERRY_E_NOT_FOUND);
    return err;
}

uint64_t object_gate_revocations(struct object_plane *plane)
{
    return engine_revocations(plane->cfg.engine);
}

bool object_gate_may_go_on(struct object_plane *plane, const ferry_id *task)
{
    const struct store_ops *ops = plane->cfg.store->ops;
    struct store_conn *conn = NULL;
    struct found found;
    ferry_err err = api_readers_borrow(plane->readers, &conn);
    if (err != FERRY_OK)
        return true;
    err = find_download(ops, conn, task, &found);
    if (err == FERRY_E_NOT_FOUND)
        err = find_upload(ops, conn, task, &found);
    if (err == FERRY_OK)
        err = judge_device(ops, conn, &found);
    api_readers_give_back(plane->readers, conn, err == FERRY_OK || err == FERRY_E_NOT_FOUND);
    return err == FERRY_OK ? found.open : err != FERRY_E_NOT_FOUND;
}

static ferry_err check_signature(struct object_request *r, const struct object_target *target)
{
    struct objects *objects = r->plane->cfg.objects;
    struct object_url url = {
        .method = target->upload ? OBJECT_PUT : OBJECT_GET,
        .task = target->task,
        .key = target->key,
        .expires_s = r->address.expires_s,
        .size = target->size,
    };
    memcpy(url.md5, target->md5, sizeof url.md5);
    return objects->ops->url_check(objects, &url, r->address.signature, strlen(r->address.signature));
}

static bool has_expired(const struct object_request *r)
{
    return engine_now_ms(r->plane->cfg.engine) / 1000 >= r->address.expires_s;
}

static bool method_suits(const struct object_request *r, const struct object_target *target)
{
    switch (r->method) {
    case METHOD_GET:
        return !target->upload;
    case METHOD_HEAD:
        return true;
    case METHOD_PUT:
    case METHOD_PATCH:
    case METHOD_OPTIONS:
        return target->upload;
    case METHOD_OTHER:
        return false;
    }
    return false;
}

/* Task and signature. Says nothing about a task to somebody without a good one, except that there is one. */
static object_refusal look_up(struct object_request *r, struct found *ret)
{
    struct found found;
    ferry_err err = find(r, &found);
    if (err == FERRY_E_NOT_FOUND)
        return REFUSED_TASK;
    if (err == FERRY_OK) {
        err = check_signature(r, &found.target);
        if (err == FERRY_E_DENIED)
            return REFUSED_SIGNATURE;
    }
    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, OBJECT_LOG, "task %s: cannot be looked up: %s", r->address.task.text,
                  ferry_err_text(err));
        return REFUSED_UNAVAILABLE;
    }
    *ret = found;
    return REFUSED_NOT;
}

/* Who fetches a file in parts, or again, is looked up once: until anybody's right to fetch ends. */
static object_refusal look_up_once(struct object_request *r, struct found *ret)
{
    struct object_verdicts *verdicts = r->plane->verdicts;
    uint64_t rights = 0;
    bool lasts = engine_fetch_rights(r->plane->cfg.engine, &rights);
    ret->open = true;
    if (lasts && object_verdicts_find(verdicts, &r->address, rights, &ret->target))
        return REFUSED_NOT;
    object_refusal refusal = look_up(r, ret);
    if (refusal == REFUSED_NOT && lasts && ret->open && !ret->target.upload)
        object_verdicts_keep(verdicts, &r->address, rights, &ret->target);
    return refusal;
}

object_refusal object_gate(struct object_request *r)
{
    if (r->address_verdict != OBJECT_ADDRESS_GOOD)
        return r->address_verdict == OBJECT_ADDRESS_ELSEWHERE ? REFUSED_PATH : REFUSED_URL;
    struct found found;
    object_refusal refusal = look_up_once(r, &found);
    if (refusal != REFUSED_NOT)
        return refusal;
    if (has_expired(r))
        return REFUSED_EXPIRED;
    if (!method_suits(r, &found.target))
        return REFUSED_METHOD;
    if (!found.open)
        return REFUSED_CANCELLED;
    r->target = found.target;
    return REFUSED_NOT;
}
