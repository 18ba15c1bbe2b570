/* Bytes on their way in. The writer belongs to the serving thread until the upload is ended; then to a finisher. */
#include "object_internal.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"

#include <string.h>

enum {
    ACTIVE_EVERY_MS = 30000,    /* how often the engine hears that bytes are arriving */
    ACTIVE_MIN_BYTES = 1 << 16, /* smaller uploads are over before it would matter */
};

typedef enum {
    END_FINISH,  /* all bytes are there: verify, make durable, commit, answer */
    END_SUSPEND, /* tus: some are there: make durable, answer */
    END_KEEP,    /* tus: the client is gone: make durable */
    END_ABORT,   /* throw away */
    END_REOPEN,  /* the object is there, but nobody could be told: a partial one again, answer */
} upload_ending;

/* Held by its request, its job, and a command that is under way. */
struct object_upload {
    struct api_job job; /* first: the pool gives back this address */
    atomic_uint refs;
    struct object_plane *plane;
    struct MHD_Connection *connection; /* to be resumed; only while suspended */
    struct object_writer *writer;
    ferry_id key;
    uint64_t size;
    uint64_t at;
    uint8_t md5[16];
    bool resumable;
    bool ended; /* a job has it, or has had it */
    upload_ending ending;
    ferry_err result;
    struct command stored;
    struct command active;
    atomic_bool active_busy;
    atomic_bool revoked; /* the task was cancelled or removed meanwhile */
    uint64_t active_next_ms;
};

static void upload_unref(struct object_upload *u)
{
    if (atomic_fetch_sub(&u->refs, 1) == 1)
        free(u);
}

/* The task is gone, takes no bytes any more, or does not fit into its quota. */
static bool is_unwanted(ferry_err err)
{
    return err == FERRY_E_NOT_FOUND || err == FERRY_E_STATE || err == FERRY_E_QUOTA;
}

/* --- on the engine's thread ----------------------------------------------------------------------- */

static void active_done(struct command *command, void *arg)
{
    struct object_upload *u = arg;
    if (is_unwanted(command->result))
        atomic_store(&u->revoked, true);
    atomic_store(&u->active_busy, false);
    upload_unref(u);
}

/* Lets the serving thread go on; the request may be gone when this returns. */
static void give_back(struct object_upload *u, ferry_err result)
{
    u->result = result;
    object_plane_resume(u->plane, u->connection);
    upload_unref(u);
}

static void finisher_run(struct api_job *job);

static void give_to_finisher(struct object_upload *u, upload_ending ending)
{
    u->ending = ending;
    u->job.run = finisher_run;
    api_pool_submit(u->plane->finishers, &u->job);
}

static void unwanted_done(struct command *command, void *arg)
{
    struct object_upload *u = arg;
    if (command->result != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, OBJECT_LOG, "upload task %s is refused, but its object cannot be removed: %s", u->key.text,
                  ferry_err_text(command->result));
    give_back(u, u->result);
}

/* By the engine, in the order of its changes: another transfer of the same bytes may be accepted at any time. */
static void undo(struct object_upload *u)
{
    u->stored.kind = CMD_UPLOAD_UNWANTED;
    u->stored.done = unwanted_done;
    u->stored.result = engine_submit(u->plane->cfg.engine, &u->stored);
    if (u->stored.result != FERRY_OK)
        unwanted_done(&u->stored, u);
}

static void stored_done(struct command *command, void *arg)
{
    struct object_upload *u = arg;
    u->result = command->result;
    if (is_unwanted(command->result))
        undo(u);
    else if (command->result != FERRY_OK && u->resumable)
        give_to_finisher(u, END_REOPEN);
    else
        give_back(u, command->result);
}

/* --- on a finisher -------------------------------------------------------------------------------- */

/* The bytes were acknowledged one after the other, and stay so; when the last ones are asked for they are verified once more. */
static void reopen(struct object_upload *u, ferry_err result)
{
    struct objects *objects = u->plane->cfg.objects;
    ferry_err err = u->resumable ? objects->ops->reopen(objects, &u->key) : FERRY_OK;
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, OBJECT_LOG, "upload task %s: its bytes must be sent again: %s", u->key.text,
                  ferry_err_text(err));
    give_back(u, result);
}

static void finish(struct object_upload *u)
{
    struct objects *objects = u->plane->cfg.objects;
    struct object_expect expect = {.size = u->size, .md5 = u->md5};
    ferry_err err = objects->ops->write_finish(u->writer, &expect, NULL);
    atomic_fetch_sub(&u->plane->uploads, 1);
    if (err == FERRY_OK) {
        if (!u->resumable)
            (void)objects->ops->partial_remove(objects, &u->key); /* no use any more; one that is busy removes itself */
        u->stored.kind = CMD_UPLOAD_STORED;
        u->stored.id = u->key;
        u->stored.done = stored_done;
        u->stored.arg = u;
        err = engine_submit(u->plane->cfg.engine, &u->stored);
        if (err != FERRY_OK)
            reopen(u, err);
    } else {
        give_back(u, err);
    }
}

static void suspend(struct object_upload *u)
{
    ferry_err err = u->plane->cfg.objects->ops->write_suspend(u->writer);
    atomic_fetch_sub(&u->plane->uploads, 1);
    give_back(u, err);
}

static void let_go(struct object_upload *u)
{
    const struct objects_ops *ops = u->plane->cfg.objects->ops;
    if (u->ending == END_ABORT) {
        ops->write_abort(u->writer);
    } else {
        ferry_err err = ops->write_suspend(u->writer);
        if (err != FERRY_OK)
            ferry_log(FERRY_LOG_WARN, OBJECT_LOG, "upload task %s: its partial object may be lost: %s", u->key.text,
                      ferry_err_text(err));
    }
    atomic_fetch_sub(&u->plane->uploads, 1);
    upload_unref(u);
}

static void finisher_run(struct api_job *job)
{
    struct object_upload *u = (struct object_upload *)(void *)job;
    switch (u->ending) {
    case END_FINISH:
        finish(u);
        break;
    case END_SUSPEND:
        suspend(u);
        break;
    case END_KEEP:
    case END_ABORT:
        let_go(u);
        break;
    case END_REOPEN:
        reopen(u, u->result);
        break;
    }
}

/* --- on the serving thread ------------------------------------------------------------------------ */

static void end_with(struct object_upload *u, upload_ending ending)
{
    u->ended = true;
    atomic_fetch_add(&u->refs, 1);
    give_to_finisher(u, ending);
}

/* A command that the engine does not take now is no loss: the next one comes. */
static void say_active(struct object_upload *u, uint64_t now_ms)
{
    u->active_next_ms = now_ms + ACTIVE_EVERY_MS;
    if (atomic_exchange(&u->active_busy, true))
        return;
    u->active.kind = CMD_UPLOAD_ACTIVE;
    u->active.id = u->key;
    u->active.done = active_done;
    u->active.arg = u;
    atomic_fetch_add(&u->refs, 1);
    if (engine_submit(u->plane->cfg.engine, &u->active) != FERRY_OK) {
        atomic_store(&u->active_busy, false);
        upload_unref(u);
    }
}

static void refuse(struct object_request *r, ferry_err err, const char *what)
{
    r->refusal = object_refusal_of_upload(err);
    if (r->refusal == REFUSED_FULL || r->refusal == REFUSED_UNAVAILABLE)
        ferry_log(FERRY_LOG_WARN, OBJECT_LOG, "upload task %s: %s: %s", r->target.task.text, what, ferry_err_text(err));
}

static bool take_place(struct object_plane *plane)
{
    if (atomic_fetch_add(&plane->uploads, 1) < plane->cfg.limits.uploads_max)
        return true;
    atomic_fetch_sub(&plane->uploads, 1);
    return false;
}

static ferry_err writer_open(struct object_upload *u, bool resume)
{
    struct objects *objects = u->plane->cfg.objects;
    if (resume)
        return objects->ops->write_resume(objects, &u->key, 0, false, &u->writer, &u->at);
    return objects->ops->write_begin(objects, &u->key, u->size, false, &u->writer);
}

static ferry_err upload_new(struct object_request *r, bool resume, struct object_upload **ret_upload)
{
    struct object_upload *u = ferry_calloc(1, sizeof *u);
    if (u == NULL)
        return FERRY_E_NOMEM;
    atomic_init(&u->refs, 1);
    u->plane = r->plane;
    u->key = r->target.key;
    u->stored.device.key = u->active.device.key = r->target.device;
    u->size = r->target.size;
    u->resumable = resume;
    ferry_err err = ferry_hex_decode(r->target.md5, FERRY_MD5_HEX, u->md5, sizeof u->md5);
    if (err == FERRY_OK)
        err = writer_open(u, resume);
    if (err != FERRY_OK) {
        free(u);
        return err;
    }
    *ret_upload = u;
    return FERRY_OK;
}

bool object_upload_open(struct object_request *r, bool resume, uint64_t *ret_at)
{
    if (!take_place(r->plane)) {
        r->refusal = REFUSED_BUSY;
        return false;
    }
    ferry_err err = upload_new(r, resume, &r->upload);
    if (err != FERRY_OK) {
        atomic_fetch_sub(&r->plane->uploads, 1);
        if (resume && err == FERRY_E_BUSY) {
            object_watch_cut_writer(r->plane->watch, &r->target.key);
            r->refusal = REFUSED_TUS_LOCKED;
        } else {
            refuse(r, err, "cannot be begun");
        }
        return false;
    }
    uint64_t now_ms = ferry_mono_ms();
    r->upload->active_next_ms = now_ms + ACTIVE_EVERY_MS;
    if (r->target.size >= ACTIVE_MIN_BYTES)
        say_active(r->upload, now_ms);
    if (resume)
        object_connection_writes(r->plane->watch, r->connection, &r->target.key);
    *ret_at = r->upload->at;
    return true;
}

static void give_up(struct object_request *r, upload_ending ending)
{
    end_with(r->upload, ending);
    r->step = STEP_DISCARD;
}

void object_upload_bytes(struct object_request *r, const char *bytes, size_t len)
{
    struct object_upload *u = r->upload;
    uint64_t revocations = object_gate_revocations(r->plane);
    if (revocations != r->revocations && !object_gate_may_go_on(r->plane, &r->target.task))
        atomic_store(&u->revoked, true);
    r->revocations = revocations;
    if (atomic_load(&u->revoked)) {
        r->refusal = REFUSED_CANCELLED;
        give_up(r, END_ABORT);
        return;
    }
    ferry_err err = u->plane->cfg.objects->ops->write(u->writer, bytes, len);
    if (err != FERRY_OK) {
        refuse(r, err, "cannot be written");
        give_up(r, u->resumable ? END_KEEP : END_ABORT); /* what an earlier request was told is there stays there */
        return;
    }
    u->at += len;
    object_traffic_took(r, len);
    uint64_t now_ms = ferry_mono_ms();
    if (now_ms >= u->active_next_ms)
        say_active(u, now_ms);
}

bool object_upload_end(struct object_request *r, struct MHD_Connection *connection)
{
    struct object_upload *u = r->upload;
    object_connection_phase(r->connection, PACE_OURS);
    u->connection = connection;
    r->step = STEP_WAIT;
    if (!object_plane_suspend(r->plane, connection))
        return false;
    end_with(u, u->at == u->size ? END_FINISH : END_SUSPEND);
    return true;
}

ferry_err object_upload_result(const struct object_request *r, uint64_t *ret_at)
{
    const struct object_upload *u = r->upload;
    *ret_at = u->at;
    if (u->result != FERRY_OK && u->result != FERRY_E_DIGEST && u->result != FERRY_E_SIZE &&
        u->result != FERRY_E_NOT_FOUND && u->result != FERRY_E_STATE)
        ferry_log(FERRY_LOG_WARN, OBJECT_LOG, "upload task %s: cannot be finished: %s", u->key.text,
                  ferry_err_text(u->result));
    return u->result;
}

void object_upload_drop(struct object_request *r)
{
    struct object_upload *u = r->upload;
    if (u == NULL)
        return;
    if (u->resumable)
        object_connection_writes(r->plane->watch, r->connection, NULL);
    if (!u->ended)
        end_with(u, u->resumable && u->at > 0 ? END_KEEP : END_ABORT);
    r->upload = NULL;
    upload_unref(u);
}
