/* What an object store across a network is asked and told. The engine's thread never waits for it: after the commit an errand
 * goes to one of a few threads here, and what comes of it goes into the inbox as any other command or message does. */
#include "engine_internal.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/wait.h"

#include <stdlib.h>
#include <string.h>

enum {
    ERRAND_THREADS = 8,       /* words with the store at a time */
    ERRANDS_ASK_MAX = 4096,   /* questions that wait; more reports are answered with busy */
    ERRANDS_MAX = 200000,     /* with what is to be removed; more is left to the sweep */
    SWEEP_EVERY_MS = 24 * 3600 * 1000,
    SWEEP_AGAIN_MS = 600 * 1000, /* when it failed */
};

struct errand {
    errand_kind kind;
    ferry_id key;
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];
    struct device_message *message; /* REPORT */
    struct errand *next;
};

struct errands {
    pthread_mutex_t lock; /* guards all below but threads */
    pthread_cond_t changed; /* for the threads that carry errands out */
    pthread_cond_t ending;  /* for the sweeper */
    struct errand *first, **end;
    size_t count;
    bool stopping;
    bool mute; /* while stopping: the store has not answered */
    pthread_t threads[ERRAND_THREADS], sweeper;
    unsigned running;
    bool sweeping; /* the sweeper runs */
};

/* --- the queue ---------------------------------------------------------------------------------------- */

static void errand_free(struct errand *errand)
{
    free(errand->message);
    free(errand);
}

static bool add(struct errands *x, struct errand *errand)
{
    pthread_mutex_lock(&x->lock);
    bool room = x->count < ERRANDS_MAX;
    if (room) {
        *x->end = errand;
        x->end = &errand->next;
        x->count++;
        pthread_cond_signal(&x->changed);
    }
    pthread_mutex_unlock(&x->lock);
    return room;
}

/* With the lock held. */
static struct errand *unlist_first(struct errands *x)
{
    struct errand *errand = x->first;
    if (errand == NULL)
        return NULL;
    x->first = errand->next;
    if (x->first == NULL)
        x->end = &x->first;
    x->count--;
    return errand;
}

/* Waits for the next one; null: it is over. */
static struct errand *take(struct errands *x)
{
    pthread_mutex_lock(&x->lock);
    while (x->first == NULL && !x->stopping)
        pthread_cond_wait(&x->changed, &x->lock);
    struct errand *errand = x->mute ? NULL : unlist_first(x);
    pthread_mutex_unlock(&x->lock);
    return errand;
}

bool errands_room(struct engine *e)
{
    struct errands *x = e->errands;
    pthread_mutex_lock(&x->lock);
    bool room = x->count < ERRANDS_ASK_MAX;
    pthread_mutex_unlock(&x->lock);
    return room;
}

void errands_take(struct engine *e, const struct effect *effect)
{
    struct errand *errand = ferry_calloc(1, sizeof *errand);
    if (errand == NULL) {
        ferry_log(FERRY_LOG_ERROR, "engine", "object %s is not looked for: %s", effect->key.text, ferry_err_text(FERRY_E_NOMEM));
        return;
    }
    errand->kind = effect->errand;
    errand->key = effect->key;
    errand->size = effect->size;
    memcpy(errand->md5, effect->md5, sizeof errand->md5);
    if (effect->errand == ERRAND_REPORT) {
        errand->message = e->batch[effect->item].message;
        e->batch[effect->item].message = NULL;
    }
    if (!add(e->errands, errand))
        errand_free(errand);
}

void errands_remove(struct engine *e, const ferry_id *key, errand_kind kind)
{
    const struct effect effect = {.kind = EFFECT_ERRAND, .errand = kind, .key = *key};
    errands_take(e, &effect);
}

/* --- one errand --------------------------------------------------------------------------------------- */

/* Is the object there as it must be? Other errors than NOT_FOUND: the store did not say. */
static ferry_err look_up(struct engine *e, const struct errand *errand)
{
    struct objects *objects = e->parts.objects;
    uint8_t md5[16];
    struct object_expect expect = {.size = errand->size};
    if (ferry_hex_decode(errand->md5, strlen(errand->md5), md5, sizeof md5) == FERRY_OK)
        expect.md5 = md5;
    ferry_err err = objects->ops->match(objects, &errand->key, &expect);
    if (err == FERRY_E_SIZE || err == FERRY_E_DIGEST) {
        ferry_log(FERRY_LOG_WARN, "engine", "object %s is not what its upload task says: %s", errand->key.text, ferry_err_text(err));
        return FERRY_E_NOT_FOUND;
    }
    return err;
}

/* device: whose it is, when that is known; may be null. */
static ferry_err command(struct engine *e, command_kind kind, const ferry_id *id, const struct device_key *device, uint64_t bytes)
{
    struct command *cmd = ferry_calloc(1, sizeof *cmd);
    if (cmd == NULL)
        return FERRY_E_NOMEM;
    cmd->kind = kind;
    cmd->id = *id;
    cmd->resource_upload.seen_bytes = bytes;
    if (device != NULL)
        cmd->device.key = *device;
    ferry_err err = engine_call(e, cmd);
    free(cmd);
    return err;
}

static ferry_err on_report(struct engine *e, struct errand *errand)
{
    ferry_err found = look_up(e, errand);
    if (found == FERRY_OK) /* refused (cancelled, quota): the rules for the message say the same */
        (void)command(e, CMD_UPLOAD_STORED, &errand->key, &errand->message->device, 0);
    struct device_message *m = errand->message;
    m->looked = found == FERRY_OK || found == FERRY_E_NOT_FOUND ? LOOKED_UP : LOOKED_IN_VAIN;
    if (inbox_put(&e->inbox, (struct inbox_item){.message = m}) == FERRY_OK)
        errand->message = NULL; /* the engine's again */
    else
        link_answer_busy(e, m, ENGINE_STAT(messages_busy_total));
    return found;
}

static ferry_err on_expiry(struct engine *e, struct errand *errand)
{
    ferry_err found = look_up(e, errand);
    if (found == FERRY_OK)
        return command(e, CMD_UPLOAD_STORED, &errand->key, NULL, 0);
    return found == FERRY_E_NOT_FOUND ? command(e, CMD_UPLOAD_EXPIRE, &errand->key, NULL, 0) : found;
}

static ferry_err on_partial(struct engine *e, struct errand *errand)
{
    struct objects *objects = e->parts.objects;
    uint64_t bytes = 0;
    ferry_err found = errand->md5[0] != '\0' ? look_up(e, errand) : FERRY_E_NOT_FOUND;
    if (found == FERRY_OK)
        return command(e, CMD_RESOURCE_UPLOAD_CAME, &errand->key, NULL, 0);
    if (found != FERRY_E_NOT_FOUND)
        return found;
    ferry_err err = objects->ops->partial_size(objects, &errand->key, &bytes);
    return err == FERRY_OK ? command(e, CMD_RESOURCE_UPLOAD_SEEN, &errand->key, NULL, bytes) : err;
}

static ferry_err on_remove(struct engine *e, struct errand *errand)
{
    struct objects *objects = e->parts.objects;
    ferry_err err = errand->kind == ERRAND_REMOVE_OBJECT ? objects->ops->remove(objects, &errand->key)
                                                         : objects->ops->partial_remove(objects, &errand->key);
    if (err != FERRY_OK && err != FERRY_E_BUSY)
        ferry_log(FERRY_LOG_WARN, "engine", "object %s could not be removed: %s; a sweep will", errand->key.text,
                  ferry_err_text(err));
    return err;
}

static ferry_err carry_out(struct engine *e, struct errand *errand)
{
    switch (errand->kind) {
    case ERRAND_REPORT:
        return on_report(e, errand);
    case ERRAND_EXPIRY:
        return on_expiry(e, errand);
    case ERRAND_PARTIAL:
        return on_partial(e, errand);
    case ERRAND_REMOVE_OBJECT:
    case ERRAND_REMOVE_PARTIAL:
        return on_remove(e, errand);
    }
    return FERRY_E_ARG;
}

static void *errands_main(void *arg)
{
    struct engine *e = arg;
    struct errands *x = e->errands;
    struct errand *errand;
    while ((errand = take(x)) != NULL) {
        ferry_err err = carry_out(e, errand);
        errand_free(errand);
        pthread_mutex_lock(&x->lock);
        x->mute |= x->stopping && (err == FERRY_E_NETWORK || err == FERRY_E_TIMEOUT);
        pthread_mutex_unlock(&x->lock);
    }
    return NULL;
}

/* --- sweeping ----------------------------------------------------------------------------------------- */

static bool sweep_now(struct engine *e)
{
    struct store_conn *conn = NULL;
    ferry_err err = e->store->connect(e->parts.store, STORE_READER, &conn);
    if (err == FERRY_OK)
        err = recovery_sweep(e, conn, true);
    e->store->disconnect(conn);
    if (err != FERRY_OK && err != FERRY_E_CLOSED)
        ferry_log(FERRY_LOG_WARN, "engine", "leftovers in the object store could not be looked for: %s", ferry_err_text(err));
    return err == FERRY_OK;
}

static void *sweeper_main(void *arg)
{
    struct engine *e = arg;
    struct errands *x = e->errands;
    for (;;) {
        uint64_t wait_ms = sweep_now(e) ? SWEEP_EVERY_MS : SWEEP_AGAIN_MS;
        struct timespec until = ferry_deadline_in(wait_ms);
        pthread_mutex_lock(&x->lock);
        int waited = 0;
        while (!x->stopping && waited == 0)
            waited = pthread_cond_timedwait(&x->ending, &x->lock, &until);
        bool over = x->stopping;
        pthread_mutex_unlock(&x->lock);
        if (over)
            return NULL;
    }
}

/* --- life --------------------------------------------------------------------------------------------- */

ferry_err errands_new(struct engine *e)
{
    if (e->parts.objects->ops->match == NULL)
        return FERRY_OK;
    struct errands *x = ferry_calloc(1, sizeof *x);
    if (x == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_init(&x->lock, NULL);
    ferry_cond_init(&x->changed);
    ferry_cond_init(&x->ending);
    x->end = &x->first;
    e->errands = x;
    return FERRY_OK;
}

ferry_err errands_start(struct engine *e)
{
    struct errands *x = e->errands;
    if (x == NULL)
        return FERRY_OK;
    for (; x->running < ERRAND_THREADS; x->running++)
        if (pthread_create(&x->threads[x->running], NULL, errands_main, e) != 0)
            return FERRY_E_NOMEM;
    x->sweeping = pthread_create(&x->sweeper, NULL, sweeper_main, e) == 0;
    return x->sweeping ? FERRY_OK : FERRY_E_NOMEM;
}

void errands_stop(struct engine *e)
{
    struct errands *x = e->errands;
    if (x == NULL)
        return;
    pthread_mutex_lock(&x->lock);
    x->stopping = true;
    pthread_cond_broadcast(&x->changed);
    pthread_cond_signal(&x->ending);
    pthread_mutex_unlock(&x->lock);
    for (; x->running > 0; x->running--)
        (void)pthread_join(x->threads[x->running - 1], NULL);
    e->parts.objects->ops->interrupt(e->parts.objects); /* a long list need not be read to its end */
    if (x->sweeping)
        (void)pthread_join(x->sweeper, NULL);
    x->sweeping = false;
}

void errands_free(struct engine *e)
{
    struct errands *x = e->errands;
    if (x == NULL)
        return;
    struct errand *errand;
    while ((errand = unlist_first(x)) != NULL)
        errand_free(errand);
    (void)pthread_cond_destroy(&x->ending);
    (void)pthread_cond_destroy(&x->changed);
    (void)pthread_mutex_destroy(&x->lock);
    free(x);
    e->errands = NULL;
}
