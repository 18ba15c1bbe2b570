/* The engine's life, and what other threads may ask of it. The work itself is in turn.c. */
#include "engine_internal.h"

#include "base/alloc.h"
#include "base/system.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAIT_MAX_MS = 60 * 1000, /* longest sleep: clocks of a sleeping machine are not to be trusted */
};

/* --- small services for the other files ----------------------------------------------------------------- */

ferry_id engine_new_id(struct engine *e, uint64_t now_ms)
{
    struct id_chance *chance = &e->chance;
    if (chance->left == 0) {
        e->parts.clock->ops->random(e->parts.clock, chance->bytes, sizeof chance->bytes);
        chance->left = ENGINE_IDS_AHEAD;
    }
    uint8_t *next = chance->bytes[--chance->left];
    ferry_id id = ferry_id_make(now_ms, next);
    explicit_bzero(next, FERRY_ID_RANDOM_BYTES); /* never twice */
    return id;
}

ferry_err engine_count(struct engine *e, size_t stat)
{
    return effects_count_one(&e->effects, stat);
}

ferry_err engine_revoked(struct engine *e)
{
    e->fetch_rights_ended = true;
    return engine_count(e, ENGINE_STAT(revocations_total));
}

ferry_err engine_fail(struct command *cmd, ferry_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(cmd->detail, sizeof cmd->detail, format, args);
    va_end(args);
    return err;
}

uint64_t engine_now_ms(struct engine *e)
{
    struct clock *clock = e->parts.clock;
    pthread_mutex_lock(&e->time_lock);
    uint64_t now_ms = timekeeper_now(&e->time, clock->ops->wall_ms(clock), clock->ops->mono_ms(clock));
    pthread_mutex_unlock(&e->time_lock);
    return now_ms;
}

/* --- life ------------------------------------------------------------------------------------------------------------ */

static void *engine_main(void *arg)
{
    struct engine *e = arg;
    ferry_thread_name("engine");
    for (;;) {
        uint64_t again_ms = 0;
        engine_turn(e, &again_ms);
        uint64_t now_ms = engine_now_ms(e);
        uint64_t wait_ms = again_ms > now_ms ? again_ms - now_ms : 0;
        if (inbox_is_closed(&e->inbox) && inbox_depth(&e->inbox) == 0)
            return NULL;
        if (wait_ms > 0)
            inbox_wait(&e->inbox, wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS);
    }
}

void engine_settings_defaults(struct engine_settings *settings)
{
    *settings = (struct engine_settings){
        .inbox_max = FERRY_INBOX_MAX,
        .batch_max = FERRY_BATCH_MAX,
        .object_size_max = FERRY_OBJECT_SIZE_MAX,
        .url_life_s = FERRY_URL_LIFE_S,
        .uploads_open_max = FERRY_UPLOADS_OPEN_MAX,
        .push_retry_first_s = FERRY_PUSH_RETRY_FIRST_S,
        .push_retry_max_s = FERRY_PUSH_RETRY_MAX_S,
        .deploy_retry_first_s = FERRY_DEPLOY_RETRY_FIRST_S,
        .deploy_retry_max_s = FERRY_DEPLOY_RETRY_MAX_S,
        .retention_days = FERRY_RETENTION_DAYS,
        .events_days = FERRY_EVENTS_DAYS,
        .events_max = FERRY_EVENTS_MAX,
        .statistics_days = FERRY_STATISTICS_DAYS,
        .resource_upload_life_s = FERRY_RESOURCE_UPLOAD_LIFE_S,
        .answers_kept_s = FERRY_ANSWERS_KEPT_S,
        .answers_max = FERRY_ANSWERS_MAX,
        .session_idle_s = FERRY_SESSION_IDLE_S,
        .session_life_s = FERRY_SESSION_LIFE_S,
        .device_requests_per_min = FERRY_DEVICE_REQUESTS_PER_MIN,
        .webhooks_max = FERRY_WEBHOOKS_MAX,
    };
}

static bool settings_valid(const struct engine_settings *s)
{
    return s->inbox_max > 0 && s->batch_max > 0 && s->object_size_max > 0 && s->uploads_open_max > 0 &&
           s->uploads_open_max < ENGINE_UNFINISHED_MAX && s->url_life_s >= FERRY_URL_LIFE_MIN_S &&
           s->url_life_s <= FERRY_URL_LIFE_MAX_S && s->push_retry_first_s > 0 &&
           s->push_retry_max_s >= s->push_retry_first_s && s->deploy_retry_first_s > 0 &&
           s->deploy_retry_max_s >= s->deploy_retry_first_s && s->session_idle_s > 0 && s->session_life_s > 0 &&
           s->events_max > 0 && s->resource_upload_life_s > 0 && s->answers_kept_s > 0 && s->answers_max > 0;
}

/* Some events are of what is no task: the last one may be younger than all of them. */
static ferry_err start_time(struct engine *e)
{
    struct clock *clock = e->parts.clock;
    uint64_t task_ms = 0, event_ms = 0;
    ferry_err err = e->store->latest_ms(e->conn, &task_ms);
    if (err == FERRY_OK)
        err = events_latest_ms(e, &event_ms);
    if (err == FERRY_OK)
        timekeeper_init(&e->time, clock->ops->wall_ms(clock), clock->ops->mono_ms(clock),
                        task_ms > event_ms ? task_ms : event_ms);
    return err;
}

ferry_err engine_new(const struct engine_parts *parts, const struct engine_settings *settings,
                     struct engine **ret_engine)
{
    if (!settings_valid(settings))
        return FERRY_E_ARG;
    struct engine *e = ferry_calloc(1, sizeof *e);
    if (e == NULL)
        return FERRY_E_NOMEM;
    e->parts = *parts;
    e->settings = *settings;
    e->store = parts->store->ops;
    pthread_mutex_init(&e->time_lock, NULL);
    pthread_mutex_init(&e->events_lock, NULL);
    effects_init(&e->effects);
    presence_table_init(&e->presence.table);
    measures_init(e);
    e->batch = ferry_calloc(settings->batch_max, sizeof *e->batch);
    e->inputs = ferry_calloc(settings->batch_max, sizeof *e->inputs);
    ferry_err err = inbox_init(&e->inbox, settings->inbox_max);
    if (err == FERRY_OK && (e->batch == NULL || e->inputs == NULL))
        err = FERRY_E_NOMEM;
    if (err == FERRY_OK)
        err = ferry_rate_new(settings->device_requests_per_min, FERRY_RATE_DEVICES, &e->device_rate);
    if (err == FERRY_OK)
        err = e->store->connect(parts->store, STORE_WRITER, &e->conn);
    if (err == FERRY_OK)
        err = start_time(e);
    if (err == FERRY_OK)
        err = share_init(e);
    if (err == FERRY_OK)
        err = errands_new(e);
    if (err == FERRY_OK)
        err = recovery_run(e);
    if (err == FERRY_OK)
        err = presence_load(e);
    if (err != FERRY_OK) {
        engine_free(e);
        return err;
    }
    *ret_engine = e;
    return FERRY_OK;
}

ferry_err engine_start(struct engine *e)
{
    if (e->started)
        return FERRY_E_STATE;
    if (pthread_create(&e->thread, NULL, engine_main, e) != 0)
        return FERRY_E_NOMEM;
    e->started = true;
    return errands_start(e);
}

void engine_stop(struct engine *e)
{
    inbox_close(&e->inbox);
    if (!e->started)
        return;
    (void)pthread_join(e->thread, NULL);
    e->started = false;
    errands_stop(e);
    presence_note_end(e);
    recovery_note_clean_end(e);
}

/* Only an engine that was never started has anything left. */
static void give_back_inbox(struct engine *e)
{
    struct inbox_item item;
    while (inbox_take(&e->inbox, &item, 1) == 1) {
        free(item.message);
        free(item.report);
        if (item.command == NULL)
            continue;
        item.command->result = FERRY_E_CLOSED;
        item.command->done(item.command, item.command->arg);
    }
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    engine_stop(e);
    give_back_inbox(e);
    share_done(e);
    errands_free(e);
    e->store->disconnect(e->conn);
    inbox_done(&e->inbox);
    effects_done(&e->effects);
    ferry_rate_free(e->device_rate);
    presence_table_done(&e->presence.table);
    pthread_mutex_destroy(&e->time_lock);
    pthread_mutex_destroy(&e->events_lock);
    free(e->batch);
    free(e->inputs);
    free(e);
}

/* --- the callers' side ---------------------------------------------------------------------------------------------- */

ferry_err engine_submit(struct engine *e, struct command *cmd)
{
    return inbox_put(&e->inbox, (struct inbox_item){.command = cmd});
}

struct call {
    pthread_mutex_t lock; /* guards finished */
    pthread_cond_t changed;
    bool finished;
};

static void call_done(struct command *cmd, void *arg)
{
    (void)cmd;
    struct call *call = arg;
    pthread_mutex_lock(&call->lock);
    call->finished = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

ferry_err engine_call(struct engine *e, struct command *cmd)
{
    struct call call = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    cmd->done = call_done;
    cmd->arg = &call;
    ferry_err err = engine_submit(e, cmd);
    if (err != FERRY_OK)
        return err;
    pthread_mutex_lock(&call.lock);
    while (!call.finished)
        pthread_cond_wait(&call.changed, &call.lock);
    pthread_mutex_unlock(&call.lock);
    return cmd->result;
}

uint64_t engine_operators_generation(struct engine *e)
{
    return atomic_load(&e->operators_generation);
}

bool engine_fetch_rights(struct engine *e, uint64_t *ret_generation)
{
    if (share_is_many(e))
        return false;
    *ret_generation = atomic_load(&e->fetch_rights);
    return true;
}

uint64_t engine_revocations(struct engine *e)
{
    return atomic_load(&e->counters[ENGINE_STAT(revocations_total)]);
}

uint64_t engine_webhooks_generation(struct engine *e)
{
    return atomic_load(&e->webhooks_generation);
}

void engine_count_delivery(struct engine *e, bool delivered)
{
    size_t stat = delivered ? ENGINE_STAT(webhook_deliveries_total) : ENGINE_STAT(webhook_failures_total);
    atomic_fetch_add_explicit(&e->counters[stat], 1, memory_order_relaxed);
}

void engine_get_stats(struct engine *e, struct engine_stats *ret_stats)
{
    uint64_t values[ENGINE_STATS_COUNT];
    for (size_t i = 0; i < ENGINE_STATS_COUNT; i++)
        values[i] = atomic_load_explicit(&e->counters[i], memory_order_relaxed);
    values[ENGINE_STAT(inbox_depth_now)] = inbox_depth(&e->inbox);
    values[ENGINE_STAT(presence_known_now)] = presence_is_told(e);
    if (!presence_is_told(e))
        values[ENGINE_STAT(devices_connected_now)] = 0;
    memcpy(ret_stats, values, sizeof *ret_stats);
}

ferry_err engine_health(struct engine *e)
{
    return (ferry_err)atomic_load(&e->health);
}
