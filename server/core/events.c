/* The event log: written in the transaction of the change that it tells of, cut off in steps. */
#include "engine_internal.h"

#include <string.h>

enum {
    PERCENT_STEP = 10, /* progress is told that coarsely: a device that reports every block must not fill the log */
    CUT_EVERY_MS = 60 * 1000,
    CUT_MAX = 2000, /* events removed in one turn */
};

/* Cut when it does not fit. No snprintf: each change of a task does this six times. */
static void set(char *out, size_t size, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    if (len >= size)
        len = size - 1;
    if (len > 0)
        memcpy(out, text, len);
    out[len] = '\0';
}

static void set_states(struct event *ev, const char *before, const char *state)
{
    set(ev->before, sizeof ev->before, before);
    set(ev->state, sizeof ev->state, state);
}

static ferry_err add(struct engine *e, const struct event *ev)
{
    e->events_written = true;
    return e->store->event_append(e->conn, ev);
}

static bool worth_telling(int before, int state, int32_t percent_before, int32_t percent)
{
    return before != state || percent_before / PERCENT_STEP != percent / PERCENT_STEP;
}

ferry_err events_download(struct engine *e, const struct download_task *before, const struct download_task *task,
                          uint64_t now_ms)
{
    if (before != NULL && !worth_telling(before->state, task->state, before->percent, task->percent))
        return FERRY_OK;
    struct event ev = {.kind = EVENT_DOWNLOAD, .time_ms = now_ms, .percent = task->percent, .result_code = task->result_code};
    set(ev.product, sizeof ev.product, task->device.product);
    set(ev.device, sizeof ev.device, task->device.device);
    set(ev.task, sizeof ev.task, task->id.text);
    set(ev.deployment, sizeof ev.deployment, task->deployment.text);
    set(ev.resource, sizeof ev.resource, task->resource.text);
    set(ev.text, sizeof ev.text, task->result_msg);
    set_states(&ev, before != NULL ? download_state_name(before->state) : NULL, download_state_name(task->state));
    return add(e, &ev);
}

static struct event upload_event_of(const struct upload_task *task, uint64_t now_ms)
{
    struct event ev = {.kind = EVENT_UPLOAD, .time_ms = now_ms, .percent = task->percent, .result_code = task->result_code};
    set(ev.product, sizeof ev.product, task->device.product);
    set(ev.device, sizeof ev.device, task->device.device);
    set(ev.task, sizeof ev.task, task->id.text);
    set(ev.text, sizeof ev.text, task->result_msg);
    return ev;
}

ferry_err events_upload(struct engine *e, const struct upload_task *before, const struct upload_task *task)
{
    if (before != NULL && !worth_telling(before->state, task->state, before->percent, task->percent))
        return FERRY_OK;
    struct event ev = upload_event_of(task, task->updated_ms);
    set_states(&ev, before != NULL ? upload_state_name(before->state) : NULL, upload_state_name(task->state));
    return add(e, &ev);
}

ferry_err events_upload_removed(struct engine *e, const struct upload_task *task, uint64_t now_ms)
{
    struct event ev = upload_event_of(task, now_ms);
    set_states(&ev, upload_state_name(task->state), EVENT_DELETED);
    return add(e, &ev);
}

ferry_err events_upload_damaged(struct engine *e, const struct upload_task *task, const char *damage, uint64_t now_ms)
{
    struct event ev = upload_event_of(task, now_ms);
    set(ev.text, sizeof ev.text, damage);
    set_states(&ev, upload_state_name(task->state), EVENT_DAMAGED);
    return add(e, &ev);
}

ferry_err events_deployment(struct engine *e, const char *before, const struct deployment *d)
{
    struct event ev = {.kind = EVENT_DEPLOYMENT, .time_ms = d->updated_ms};
    set(ev.product, sizeof ev.product, d->product);
    set(ev.deployment, sizeof ev.deployment, d->id.text);
    set(ev.resource, sizeof ev.resource, d->resource.text);
    set_states(&ev, before, deployment_state_name(d->state));
    return add(e, &ev);
}

ferry_err events_device(struct engine *e, const struct device_key *key, const char *before, const char *state,
                        const char *text, uint64_t now_ms)
{
    struct event ev = {.kind = EVENT_DEVICE, .time_ms = now_ms};
    set(ev.product, sizeof ev.product, key->product);
    set(ev.device, sizeof ev.device, key->device);
    set(ev.text, sizeof ev.text, text);
    set_states(&ev, before, state);
    return add(e, &ev);
}

static const char *presence_word(bool online)
{
    return online ? "online" : "offline";
}

ferry_err events_presence(struct engine *e, const struct device_key *key, const struct presence_entry *entry, uint64_t now_ms)
{
    bool online = entry->online_ms != 0;
    struct event ev = {.kind = online ? EVENT_ONLINE : EVENT_OFFLINE, .time_ms = now_ms};
    if (e->settings.no_presence_events || (!online && !entry->stored_online))
        return FERRY_OK;
    set(ev.product, sizeof ev.product, key->product);
    set(ev.device, sizeof ev.device, key->device);
    set(ev.text, sizeof ev.text, !online && entry->unlisted ? "it was not back when the broker could be asked again" : "");
    set_states(&ev, presence_word(entry->stored_online), presence_word(online));
    return add(e, &ev);
}

static struct event resource_event_of(const struct resource *resource, uint64_t now_ms)
{
    struct event ev = {.kind = EVENT_RESOURCE, .time_ms = now_ms};
    set(ev.product, sizeof ev.product, resource->product);
    set(ev.resource, sizeof ev.resource, resource->id.text);
    return ev;
}

ferry_err events_resource(struct engine *e, const struct resource *resource, const char *before, const char *state,
                          uint64_t now_ms)
{
    struct event ev = resource_event_of(resource, now_ms);
    set_states(&ev, before, state);
    return add(e, &ev);
}

ferry_err events_resource_damaged(struct engine *e, const struct resource *resource, const char *damage, uint64_t now_ms)
{
    struct event ev = resource_event_of(resource, now_ms);
    set(ev.text, sizeof ev.text, damage);
    set_states(&ev, "available", EVENT_DAMAGED);
    return add(e, &ev);
}

ferry_err events_latest_ms(struct engine *e, uint64_t *ret_ms)
{
    struct event_bounds bounds;
    struct event last = {0};
    size_t count = 0;
    ferry_err err = e->store->event_bounds(e->conn, &bounds);
    if (err == FERRY_OK && bounds.last != 0)
        err = e->store->event_list(e->conn, bounds.last - 1, &last, 1, &count);
    *ret_ms = last.time_ms;
    return err;
}

/* --- retention ------------------------------------------------------------------------------------------------ */

/* The last event from before the time, by halving: times never go back. first - 1: there is none. */
static ferry_err last_before(struct engine *e, const struct event_bounds *bounds, uint64_t before_ms, uint64_t *ret_id)
{
    uint64_t low = bounds->first - 1, high = bounds->last;
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && high - low > 1) {
        struct event ev = {0};
        size_t count = 0;
        uint64_t middle = low + (high - low) / 2;
        err = e->store->event_list(e->conn, middle - 1, &ev, 1, &count);
        if (err == FERRY_OK && count == 1 && ev.time_ms < before_ms)
            low = middle;
        else
            high = middle;
    }
    *ret_id = low;
    return err;
}

/* Up to which event the log is to be cut now; 0: not at all. */
static ferry_err find_cut(struct engine *e, const struct event_bounds *bounds, uint64_t now_ms, uint64_t *ret_id)
{
    uint64_t keep_ms = e->settings.events_days * 24ull * 3600 * 1000, keep = e->settings.events_max, id = bounds->first - 1;
    ferry_err err = keep_ms != 0 && now_ms > keep_ms ? last_before(e, bounds, now_ms - keep_ms, &id) : FERRY_OK;
    if (bounds->last > keep && id < bounds->last - keep)
        id = bounds->last - keep;
    *ret_id = id >= bounds->first ? id : 0;
    return err;
}

ferry_err events_retain(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    struct event_bounds bounds;
    uint64_t id = 0;
    *ret_more = false;
    if (now_ms < e->next.event_cut_ms)
        return FERRY_OK;
    ferry_err err = e->store->event_bounds(e->conn, &bounds);
    if (err == FERRY_OK && bounds.last != 0)
        err = find_cut(e, &bounds, now_ms, &id);
    if (err == FERRY_OK && id >= bounds.first + CUT_MAX) {
        *ret_more = true;
        id = bounds.first + CUT_MAX - 1;
    }
    if (err == FERRY_OK && id != 0)
        err = e->store->event_cut(e->conn, id);
    if (!*ret_more)
        e->next.event_cut_ms = now_ms + CUT_EVERY_MS;
    return err;
}

/* --- telling readers ------------------------------------------------------------------------------------------ */

static ferry_err replace_watcher(struct engine *e, void (*wake)(void *arg), void *arg, void (*new_wake)(void *arg),
                                 void *new_arg)
{
    ferry_err err = FERRY_E_LIMIT;
    pthread_mutex_lock(&e->events_lock);
    for (size_t i = 0; err != FERRY_OK && i < ENGINE_WATCHERS_MAX; i++) {
        if (e->watchers[i].wake != wake || e->watchers[i].arg != arg)
            continue;
        e->watchers[i].wake = new_wake;
        e->watchers[i].arg = new_arg;
        err = FERRY_OK;
    }
    pthread_mutex_unlock(&e->events_lock);
    return err;
}

ferry_err engine_watch_events(struct engine *e, void (*wake)(void *arg), void *arg)
{
    return replace_watcher(e, NULL, NULL, wake, arg);
}

void engine_unwatch_events(struct engine *e, void (*wake)(void *arg), void *arg)
{
    (void)replace_watcher(e, wake, arg, NULL, NULL);
}

void events_wake(struct engine *e)
{
    pthread_mutex_lock(&e->events_lock);
    for (size_t i = 0; i < ENGINE_WATCHERS_MAX; i++) {
        if (e->watchers[i].wake != NULL)
            e->watchers[i].wake(e->watchers[i].arg);
    }
    pthread_mutex_unlock(&e->events_lock);
}

void events_topic(struct engine *e, engine_topic topic)
{
    e->topics_changed[topic] = true;
}

void events_committed(struct engine *e)
{
    for (size_t i = 0; i < ENGINE_TOPICS; i++) {
        if (!e->topics_changed[i])
            continue;
        atomic_fetch_add(&e->topics[i], 1);
        e->topics_changed[i] = false;
    }
    if (e->events_written)
        events_wake(e);
    e->events_written = false;
}

uint64_t engine_topic_generation(struct engine *e, engine_topic topic)
{
    return atomic_load(&e->topics[topic]);
}
