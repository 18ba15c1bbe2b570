/* The object plane without libmicrohttpd: its parsers, tables and commands are the real ones, and the same things are asked
 * in the same order (server/http: object_gate.c, object_intake.c, object_upload.c, object_download.c). */
#include "http.h"

#include "base/encode.h"
#include "http_range.h"

#include <inttypes.h>
#include <string.h>

enum {
    CUT_MS = 50,             /* how soon an older writer of the same partial object gives way */
    ACTIVE_MIN_BYTES = 1024, /* as the object plane, for our small files */
};

static void refuse(struct exchange *x, object_refusal refusal)
{
    const struct object_refusal_text *text = object_refusal_text(refusal);
    http_head_write(x->head, text->status, "Content-Length: 0\r\n%s", text->retry_after ? "Retry-After: 1\r\n" : "");
    exchange_answer(x);
}

/* --- who may do what ------------------------------------------------------------------------------------ */

static ferry_err find_upload(struct sim *s, const ferry_id *id, struct target *ret)
{
    struct upload_task task;
    ferry_err err = s->store->ops->upload_get(s->conn, id, &task);
    if (err != FERRY_OK)
        return err;
    *ret = (struct target){.upload = true, .device = task.device, .task = task.id, .key = task.id, .size = task.size};
    memcpy(ret->md5, task.md5, sizeof ret->md5);
    ret->stored = task.stored_ms != 0;
    ret->open = task.state != UPLOAD_CANCELLED;
    return FERRY_OK;
}

static ferry_err find_download(struct sim *s, const ferry_id *id, struct target *ret)
{
    struct download_task task;
    ferry_err err = s->store->ops->download_get(s->conn, id, &task);
    if (err != FERRY_OK)
        return err;
    *ret = (struct target){.device = task.device, .task = task.id, .key = task.resource, .size = task.size};
    memcpy(ret->md5, task.md5, sizeof ret->md5);
    ret->open = download_state_open(task.state) || task.state == DOWNLOAD_DONE;
    return FERRY_OK;
}

static ferry_err find(struct sim *s, const ferry_id *id, struct target *ret)
{
    struct device device;
    ferry_err err = find_upload(s, id, ret);
    if (err == FERRY_E_NOT_FOUND)
        err = find_download(s, id, ret);
    if (err != FERRY_OK)
        return err;
    err = s->store->ops->device_get(s->conn, &ret->device, &device);
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && device.disabled))
        ret->open = false;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

static bool method_suits(const struct exchange *x)
{
    const char *method = x->request.method;
    if (strcmp(method, "HEAD") == 0)
        return true;
    return (strcmp(method, "GET") == 0) != x->target.upload;
}

static object_refusal gate(struct exchange *x)
{
    struct object_address address;
    struct objects *objects = x->sim->objects;
    if (object_address_parse(x->request.target, &address) != OBJECT_ADDRESS_GOOD)
        return REFUSED_URL;
    ferry_err err = find(x->sim, &address.task, &x->target);
    if (err != FERRY_OK)
        return err == FERRY_E_NOT_FOUND ? REFUSED_TASK : REFUSED_UNAVAILABLE;
    struct object_url url = {.method = x->target.upload ? OBJECT_PUT : OBJECT_GET,
                             .task = x->target.task,
                             .key = x->target.key,
                             .expires_s = address.expires_s,
                             .size = x->target.size};
    memcpy(url.md5, x->target.md5, sizeof url.md5);
    if (objects->ops->url_check(objects, &url, address.signature, strlen(address.signature)) != FERRY_OK)
        return REFUSED_SIGNATURE;
    if (worker_now_ms(x->worker) / 1000 >= address.expires_s)
        return REFUSED_EXPIRED;
    if (!method_suits(x))
        return REFUSED_METHOD;
    return x->target.open ? REFUSED_NOT : REFUSED_CANCELLED;
}

static uint64_t revocations(struct exchange *x)
{
    struct engine_stats stats;
    engine_get_stats(x->worker->engine, &stats);
    return stats.revocations_total;
}

/* Looked up again only when something was revoked, as the object plane does. */
bool server_may_go_on(struct exchange *x)
{
    uint64_t now = revocations(x);
    struct target target;
    if (now == x->revocations)
        return true;
    x->revocations = now;
    ferry_err err = find(x->sim, &x->target.task, &target);
    return err == FERRY_OK ? target.open : err != FERRY_E_NOT_FOUND;
}

/* --- bytes on their way in ------------------------------------------------------------------------------ */

static void answer_offset(struct exchange *x, uint64_t at)
{
    bool head = strcmp(x->request.method, "HEAD") == 0;
    http_head_write(x->head, head ? 200 : 204, "Upload-Offset: %" PRIu64 "\r\n", at);
    exchange_answer(x);
}

static void forget_writer(struct exchange *x)
{
    x->writer = NULL;
}

void server_drop(struct exchange *x, bool killed)
{
    static const uint8_t rubbish[64];
    struct sim *s = x->sim;
    const struct objects_ops *ops = s->objects->ops;
    if (x->writer == NULL)
        return;
    if (killed && x->resumable && x->at + 1 < x->target.size && sim_strikes_often(s, FAULT_TORN)) {
        uint64_t room = x->target.size - x->at - 1;
        ferry_drop(ops->write(x->writer, rubbish, room < sizeof rubbish ? (size_t)room : sizeof rubbish));
    }
    if (x->resumable && x->at > 0)
        ferry_drop(ops->write_suspend(x->writer)); /* in memory: cannot fail */
    else
        ops->write_abort(x->writer);
    forget_writer(x);
}

static void on_cut(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    (void)s, (void)arg, (void)owned;
    if (exchange_served(x))
        server_drop(x, false);
}

/* Who sends to the same partial object gives way: it is the same device, which has given that request up. */
static void cut_writer(struct exchange *x)
{
    for (struct exchange *other = x->sim->exchanges; other != NULL; other = other->next) {
        if (other != x && other->writer != NULL && other->resumable &&
            ferry_id_equal(&other->target.key, &x->target.key))
            exchange_after(other, CUT_MS, on_cut);
    }
}

static void active_done(struct command *command, void *arg)
{
    struct exchange *x = arg;
    (void)command;
    exchange_unref(x);
}

static void say_active(struct exchange *x)
{
    if (x->target.size < ACTIVE_MIN_BYTES || x->active.done != NULL)
        return;
    x->active = (struct command){.kind = CMD_UPLOAD_ACTIVE, .id = x->target.task, .done = active_done, .arg = x};
    x->active.device.key = x->target.device;
    exchange_ref(x);
    if (!worker_submit(x->worker, &x->active))
        exchange_unref(x);
}

static bool open_writer(struct exchange *x, bool resume)
{
    struct objects *o = x->sim->objects;
    ferry_err err = FERRY_E_IO;
    x->resumable = resume;
    x->at = 0;
    if (sim_strikes(x->sim, FAULT_OBJECT))
        err = chance_once_in(&x->sim->faults, 2) ? FERRY_E_FULL : FERRY_E_IO;
    else if (resume)
        err = o->ops->write_resume(o, &x->target.key, 0, false, &x->writer, &x->at);
    else
        err = o->ops->write_begin(o, &x->target.key, x->target.size, false, &x->writer);
    if (err == FERRY_OK) {
        say_active(x);
        return true;
    }
    x->writer = NULL;
    if (resume && err == FERRY_E_BUSY)
        cut_writer(x);
    refuse(x, resume && err == FERRY_E_BUSY ? REFUSED_TUS_LOCKED : object_refusal_of_upload(err));
    return false;
}

bool server_take(struct exchange *x, const void *bytes, size_t len)
{
    const struct objects_ops *ops = x->sim->objects->ops;
    object_refusal refusal = REFUSED_NOT;
    if (!server_may_go_on(x))
        refusal = REFUSED_CANCELLED;
    else if (sim_strikes(x->sim, FAULT_OBJECT))
        refusal = object_refusal_of_upload(FERRY_E_FULL);
    else
        refusal = object_refusal_of_upload(ops->write(x->writer, bytes, len));
    if (refusal == REFUSED_NOT) {
        x->at += len;
        return true;
    }
    ops->write_abort(x->writer);
    forget_writer(x);
    refuse(x, refusal);
    return false;
}

static void unwanted_done(struct command *command, void *arg)
{
    struct exchange *x = arg;
    if (exchange_served(x))
        refuse(x, object_refusal_of_upload(x->unwanted));
    (void)command;
    exchange_unref(x);
}

/* As server/http/object_upload.c has it. */
static bool undo(struct exchange *x, ferry_err why)
{
    x->unwanted = why;
    x->stored.kind = CMD_UPLOAD_UNWANTED;
    x->stored.done = unwanted_done;
    return worker_submit(x->worker, &x->stored);
}

static void stored_done(struct command *command, void *arg)
{
    struct exchange *x = arg;
    ferry_err err = command->result;
    if (exchange_served(x)) { /* else nobody is there to hear it */
        bool unwanted = err == FERRY_E_NOT_FOUND || err == FERRY_E_STATE || err == FERRY_E_QUOTA;
        if (unwanted && undo(x, err))
            return;
        if (err == FERRY_OK)
            check_stored(x->sim, &x->target.task);
        if (err != FERRY_OK) {
            refuse(x, object_refusal_of_upload(err));
        } else if (strcmp(x->request.method, "PUT") == 0) {
            http_head_write(x->head, 200, "ETag: \"%s\"\r\nContent-Length: 0\r\n", x->target.md5);
            exchange_answer(x);
        } else {
            answer_offset(x, x->target.size);
        }
    }
    exchange_unref(x);
}

static void finish(struct exchange *x)
{
    struct objects *o = x->sim->objects;
    uint8_t md5[16];
    struct object_expect expect = {.size = x->target.size, .md5 = md5};
    ferry_err err = ferry_hex_decode(x->target.md5, FERRY_MD5_HEX, md5, sizeof md5);
    if (err == FERRY_OK && sim_strikes(x->sim, FAULT_OBJECT)) {
        o->ops->write_abort(x->writer);
        err = FERRY_E_FULL;
    } else if (err == FERRY_OK) {
        err = o->ops->write_finish(x->writer, &expect, NULL);
    }
    forget_writer(x);
    if (err == FERRY_OK) {
        if (!x->resumable)
            ferry_drop(
                o->ops->partial_remove(o, &x->target.key)); /* no use any more; one that is busy removes itself */
        x->stored = (struct command){.kind = CMD_UPLOAD_STORED, .id = x->target.task, .done = stored_done, .arg = x};
        x->stored.device.key = x->target.device;
        exchange_ref(x);
        if (worker_submit(x->worker, &x->stored))
            return;
        exchange_unref(x);
        err = FERRY_E_BUSY;
    }
    if (strcmp(x->request.method, "HEAD") == 0 && (err == FERRY_E_DIGEST || err == FERRY_E_SIZE))
        answer_offset(x, 0); /* what was there was wrong and is gone */
    else
        refuse(x, object_refusal_of_upload(err));
}

void server_take_end(struct exchange *x)
{
    if (x->at == x->target.size) {
        finish(x);
        return;
    }
    ferry_err err = x->sim->objects->ops->write_suspend(x->writer);
    forget_writer(x);
    if (err == FERRY_OK)
        answer_offset(x, x->at);
    else
        refuse(x, object_refusal_of_upload(err));
}

/* --- requests on an upload URL -------------------------------------------------------------------------- */

static object_refusal check_put(const struct exchange *x)
{
    uint64_t length;
    uint8_t given[16], announced[16];
    size_t len = 0;
    const char *text = x->request.content_length, *md5 = x->request.content_md5;
    const char *behind = text != NULL ? object_number_parse(text, &length) : NULL;
    if (behind == NULL || *behind != '\0')
        return REFUSED_NO_LENGTH;
    if (length != x->target.size)
        return length < x->target.size ? REFUSED_LENGTH : REFUSED_TOO_LARGE;
    if (md5 == NULL || ferry_base64_decode(md5, strlen(md5), given, sizeof given, &len) != FERRY_OK ||
        len != sizeof given)
        return REFUSED_MD5_FORM;
    if (ferry_hex_decode(x->target.md5, FERRY_MD5_HEX, announced, sizeof announced) != FERRY_OK)
        return REFUSED_UNAVAILABLE;
    return memcmp(given, announced, sizeof given) == 0 ? REFUSED_NOT : REFUSED_MD5;
}

static void on_put(struct exchange *x)
{
    object_refusal refusal = check_put(x);
    x->until = x->target.size;
    if (refusal != REFUSED_NOT)
        refuse(x, refusal);
    else if (open_writer(x, false))
        exchange_send_body(x);
}

/* How much is there? *ret_whole: all of it, verified. */
static uint64_t find_offset(struct exchange *x, bool *ret_whole)
{
    struct objects *o = x->sim->objects;
    uint64_t size = 0;
    *ret_whole = x->target.stored && o->ops->stat(o, &x->target.key, &size) == FERRY_OK && size == x->target.size;
    if (!*ret_whole)
        ferry_drop(o->ops->partial_size(o, &x->target.key, &size)); /* in memory: cannot fail */
    return size;
}

static void on_head(struct exchange *x)
{
    bool whole = false;
    uint64_t at = find_offset(x, &whole);
    if (whole || at < x->target.size) {
        answer_offset(x, at);
        return;
    }
    if (!open_writer(x, true)) /* all bytes are there, and were not verified */
        return;
    if (x->at == x->target.size)
        finish(x);
    else
        server_take_end(x);
}

static object_refusal refusal_of_tus(object_tus_verdict verdict)
{
    static const object_refusal table[] = {
        [TUS_GOOD] = REFUSED_NOT,      [TUS_NO_LENGTH] = REFUSED_NO_LENGTH, [TUS_MALFORMED] = REFUSED_TUS_FORM,
        [TUS_TYPE] = REFUSED_TUS_TYPE, [TUS_CONFLICT] = REFUSED_TUS_OFFSET, [TUS_TOO_LONG] = REFUSED_TOO_LARGE,
    };
    return table[verdict];
}

static void on_patch(struct exchange *x)
{
    struct object_tus_patch patch = {.offset = 0};
    bool whole = false;
    object_tus_verdict verdict =
        object_tus_patch_parse(x->request.content_type, x->request.upload_offset, x->request.content_length, &patch);
    uint64_t at = verdict == TUS_GOOD ? find_offset(x, &whole) : 0;
    if (verdict == TUS_GOOD)
        verdict = object_tus_patch_fits(&patch, at, x->target.size);
    if (verdict != TUS_GOOD) {
        refuse(x, refusal_of_tus(verdict));
        return;
    }
    if (whole) {
        answer_offset(x, at);
        return;
    }
    if (!open_writer(x, true))
        return;
    verdict = object_tus_patch_fits(&patch, x->at, x->target.size);
    x->until = x->at + patch.length;
    if (verdict == TUS_GOOD) {
        exchange_send_body(x);
    } else {
        server_drop(x, false);
        refuse(x, refusal_of_tus(verdict));
    }
}

/* --- requests on a download URL ------------------------------------------------------------------------- */

static ferry_err read_object(struct exchange *x, uint64_t offset, uint64_t length)
{
    struct objects *o = x->sim->objects;
    struct object_reader *reader = NULL;
    uint64_t size = 0;
    ferry_err err = o->ops->read_open(o, &x->target.key, &reader, &size);
    if (err != FERRY_OK)
        return err;
    if (size != x->target.size || length > sizeof x->body)
        err = FERRY_E_CORRUPT;
    else
        err = o->ops->read_at(reader, offset, x->body, (size_t)length, &x->body_len);
    o->ops->read_close(reader);
    return err;
}

static void on_get(struct exchange *x)
{
    uint64_t offset = 0, length = x->target.size;
    char etag[FERRY_MD5_HEX + 3] = "\"";
    memcpy(etag + 1, x->target.md5, FERRY_MD5_HEX);
    etag[FERRY_MD5_HEX + 1] = '"';
    bool applies = x->request.if_range == NULL || strcmp(x->request.if_range, etag) == 0;
    http_range_kind kind = http_range_parse(applies ? x->request.range : NULL, x->target.size, &offset, &length);
    if (kind == HTTP_RANGE_UNSATISFIABLE) {
        http_head_write(x->head, 416, "Content-Range: bytes */%" PRIu64 "\r\n", x->target.size);
        exchange_answer(x);
        return;
    }
    if (kind == HTTP_RANGE_WHOLE) {
        offset = 0;
        length = x->target.size;
    }
    ferry_err err = read_object(x, offset, length);
    if (err != FERRY_OK) {
        refuse(x, object_refusal_of_download(err));
        return;
    }
    if (kind == HTTP_RANGE_PART)
        http_head_write(x->head, 206,
                        "ETag: %s\r\nContent-Length: %" PRIu64 "\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64
                        "/%" PRIu64 "\r\n",
                        etag, length, offset, offset + length - 1, x->target.size);
    else
        http_head_write(x->head, 200, "ETag: %s\r\nContent-Length: %" PRIu64 "\r\n", etag, length);
    exchange_answer(x);
}

/* --- any request ---------------------------------------------------------------------------------------- */

void server_serve(struct exchange *x)
{
    const char *method = x->request.method;
    x->revocations = revocations(x);
    object_refusal refusal = gate(x);
    if (refusal == REFUSED_NOT && strcmp(method, "PUT") != 0 && x->target.upload &&
        !object_tus_version_known(x->request.tus_resumable))
        refusal = REFUSED_TUS_VERSION;
    if (refusal != REFUSED_NOT)
        refuse(x, refusal);
    else if (strcmp(method, "GET") == 0)
        on_get(x);
    else if (strcmp(method, "PUT") == 0)
        on_put(x);
    else if (strcmp(method, "HEAD") == 0)
        on_head(x);
    else
        on_patch(x);
}
