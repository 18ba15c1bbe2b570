/* Workers: the platform's processes, their turns, their deaths and restarts. */
#include "sim.h"

#include "clock/manual.h"
#include "mqtt/mem_bus.h"
#include "objects/mem.h"
#include "proto/topic.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLEEP_MAX_MS = 60 * 1000, /* as the engine's thread */
    RESTART_MAX_MS = 5000,
    POINTS = 10, /* durable steps and effects among which a worker dies */
    WALL_MS = 1700000000,
};

/* --- a worker's side of the bus ----------------------------------------------------------------------- */

struct side_bus {
    struct bus base; /* first: the handle is this address */
    struct worker *worker;
};

static struct worker *bus_worker(struct bus *bus)
{
    return ((struct side_bus *)(void *)bus)->worker;
}

static ferry_err bus_publish(struct bus *bus, const char *topic, const void *payload, size_t len)
{
    struct worker *w = bus_worker(bus);
    return worker_step(w) ? w->real_bus->ops->publish(w->real_bus, topic, payload, len) : FERRY_OK;
}

static void bus_hold(struct bus *bus)
{
    struct worker *w = bus_worker(bus);
    w->real_bus->ops->hold(w->real_bus);
}

/* Of a worker that has died as well: what it had published by then leaves. */
static void bus_let_go(struct bus *bus)
{
    struct worker *w = bus_worker(bus);
    w->real_bus->ops->let_go(w->real_bus);
}

static const struct bus_ops side_bus_ops = {.name = "side", .publish = bus_publish, .hold = bus_hold, .let_go = bus_let_go};

static void bus_open(struct worker *w)
{
    struct side_bus *side = sim_alloc(sizeof *side);
    side->base.ops = &side_bus_ops;
    side->worker = w;
    w->bus = &side->base;
    if (mem_bus_open(&w->real_bus) != FERRY_OK)
        abort();
}

static void bus_close(struct worker *w)
{
    w->real_bus->ops->close(w->real_bus);
    free(w->bus);
    w->bus = w->real_bus = NULL;
}

/* What was published leaves; before the rest of a dead worker is swept up. */
static void bring_to_broker(struct worker *w)
{
    struct bus_message *m;
    while ((m = mem_bus_take(w->real_bus)) != NULL) {
        broker_from_platform(w->sim, m->topic, m->payload, m->len);
        free(m);
    }
}

/* --- small things ------------------------------------------------------------------------------------- */

bool worker_runs(const struct worker *w)
{
    return w->engine != NULL && !w->dead;
}

bool worker_step(struct worker *w)
{
    if (!w->dead && w->steps_left > 0 && --w->steps_left == 0)
        w->dead = true;
    return !w->dead;
}

static void keep_time(struct worker *w)
{
    if (w->sim->now_ms > w->clock_ms)
        clock_manual_advance(w->clock, w->sim->now_ms - w->clock_ms);
    w->clock_ms = w->sim->now_ms;
}

uint64_t worker_now_ms(struct worker *w)
{
    keep_time(w);
    return engine_now_ms(w->engine);
}

struct worker *platform_any(struct sim *s)
{
    unsigned count = 0;
    struct worker *running[PLAN_WORKERS_MAX];
    for (unsigned i = 0; i < s->plan.workers; i++) {
        if (worker_runs(&s->workers[i]))
            running[count++] = &s->workers[i];
    }
    return count == 0 ? NULL : count == 1 ? running[0] : running[chance_below(&s->net, count)];
}

static void keep(struct held ***inout_end, unsigned device, const void *payload, size_t len)
{
    struct held *held = sim_alloc(sizeof *held + len);
    held->device = device;
    held->len = len;
    memcpy(held->payload, payload, len);
    **inout_end = held;
    *inout_end = &held->next;
}

static struct held *take_all(struct held **first, struct held ***ret_end)
{
    struct held *all = *first;
    *first = NULL;
    *ret_end = first;
    return all;
}

static void forget(struct held *all)
{
    while (all != NULL) {
        struct held *next = all->next;
        free(all);
        all = next;
    }
}

static void forget_held(struct worker *w)
{
    forget(take_all(&w->held, &w->held_end));
}

static void add_stats(struct engine_stats *sum, const struct engine_stats *more)
{
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

void platform_stats(struct sim *s, struct engine_stats *ret)
{
    memset(ret, 0, sizeof *ret);
    for (unsigned i = 0; i < s->plan.workers; i++) {
        struct engine_stats now;
        add_stats(ret, &s->workers[i].gone);
        if (s->workers[i].engine == NULL)
            continue;
        engine_get_stats(s->workers[i].engine, &now);
        add_stats(ret, &now);
    }
}

/* --- messages -------------------------------------------------------------------------------------------- */

static void bring(struct worker *w, unsigned device, const void *payload, size_t len)
{
    char topic[FERRY_TOPIC_SIZE];
    struct sim *s = w->sim;
    const struct sim_device *d = &s->devices[device];
    if (!ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of(d->product), ferry_text_of(d->name), topic))
        abort();
    if (mem_bus_inject(w->real_bus, topic, payload, len) != FERRY_OK)
        return;
    s->figures.messages++;
    if (s->plan.workers > 1)
        keep(&w->held_end, device, payload, len);
}

void worker_midst(struct worker *w)
{
    if (w->dead)
        return;
    struct held *all = take_all(&w->coming, &w->coming_end);
    for (struct held *m = all; m != NULL; m = m->next)
        bring(w, m->device, m->payload, m->len);
    forget(all);
}

void worker_message(struct worker *w, unsigned device, const void *payload, size_t len)
{
    struct sim *s = w->sim;
    keep_time(w);
    if (w->coming != NULL || sim_strikes_often(s, FAULT_MIDST)) { /* in one connection nothing overtakes */
        keep(&w->coming_end, device, payload, len);
    } else {
        bring(w, device, payload, len);
        bring_to_broker(w); /* it may have said that it is busy */
    }
    worker_wake(w, chance_below(&s->net, 3));
}

/* --- turns -------------------------------------------------------------------------------------------- */

static void turn(struct sim *s, void *subject, uint64_t token, void *owned);

void worker_wake(struct worker *w, uint64_t in_ms)
{
    struct sim *s = w->sim;
    uint64_t at_ms = s->now_ms + in_ms;
    if (at_ms < w->stalled_until_ms)
        at_ms = w->stalled_until_ms;
    if (!worker_runs(w) || w->wake_ms <= at_ms)
        return;
    w->wake_ms = at_ms;
    schedule_add(&s->schedule, at_ms, turn, w, ++w->wake_token, NULL);
}

static void turn(struct sim *s, void *subject, uint64_t token, void *owned)
{
    struct worker *w = subject;
    uint64_t again_ms = 0;
    struct engine_stats stats;
    (void)owned;
    if (token != w->wake_token || !worker_runs(w))
        return;
    w->wake_ms = UINT64_MAX;
    if (s->now_ms < w->stalled_until_ms) {
        worker_wake(w, 0);
        return;
    }
    if (sim_strikes(s, FAULT_POINT))
        w->steps_left = 1 + chance_below(&s->faults, POINTS);
    keep_time(w);
    s->current = w;
    engine_turn(w->engine, &again_ms);
    worker_midst(w);
    s->current = NULL;
    w->steps_left = 0;
    bring_to_broker(w);
    if (w->dead) {
        worker_kill(w);
        return;
    }
    check_turn(w, again_ms);
    engine_get_stats(w->engine, &stats);
    uint64_t now_ms = worker_now_ms(w), wait_ms = again_ms > now_ms ? again_ms - now_ms : 1;
    if (stats.inbox_depth_now > 0)
        wait_ms = 1;
    else
        forget_held(w);
    worker_wake(w, wait_ms < SLEEP_MAX_MS ? wait_ms : SLEEP_MAX_MS);
}

/* --- life and death ----------------------------------------------------------------------------------- */

static void start(struct sim *s, void *subject, uint64_t arg, void *owned);

static void start_later(struct worker *w)
{
    sim_after(w->sim, chance_between(&w->sim->net, 50, RESTART_MAX_MS), start, w, w->life, NULL);
}

static void end_life(struct worker *w)
{
    struct engine_stats counted;
    if (w->engine != NULL) {
        engine_get_stats(w->engine, &counted);
        add_stats(&w->gone, &counted);
    }
    w->dead = true; /* what is given back now, nobody hears */
    http_worker_gone(w);
    w->sim->current = w;
    engine_free(w->engine);
    w->sim->current = NULL;
    w->engine = NULL;
    w->dead = false;
    w->life++;
    bus_close(w);
}

static void start(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct worker *w = subject;
    (void)owned;
    if (w->engine != NULL || arg != w->life || s->failed)
        return;
    keep_time(w);
    bus_open(w);
    struct engine_parts parts = {.store = &w->store, .objects = w->objects, .bus = w->bus, .clock = w->clock};
    w->steps_left = sim_strikes_rarely(s, FAULT_POINT, 4) ? 1 + chance_below(&s->faults, POINTS) : 0;
    s->current = w;
    ferry_err err = engine_new(&parts, &s->settings, &w->engine);
    s->current = NULL;
    w->steps_left = 0;
    sim_note(s, "worker starts", w->no, &err, sizeof err);
    if (err != FERRY_OK || w->dead) {
        if (err != FERRY_OK && !w->dead && s->healing)
            sim_fail(s, "a worker cannot start, although nothing fails any more: %s", ferry_err_text(err));
        end_life(w);
        start_later(w);
        return;
    }
    struct bus_listener listener = engine_bus_listener(w->engine);
    if (w->real_bus->ops->start(w->real_bus, &listener) != FERRY_OK)
        abort();
    w->wake_ms = UINT64_MAX;
    w->stalled_until_ms = 0;
    worker_link(w, s->broker_up);
    worker_wake(w, 0);
    check_start(s);
}

/* The broker has no word from the worker that these are done. */
static void bring_again(struct sim *s, struct held *all)
{
    for (struct held *m = all; m != NULL && s->plan.workers > 1; m = m->next)
        broker_deliver(s, m->device, m->payload, m->len);
    forget(all);
}

void worker_kill(struct worker *w)
{
    struct sim *s = w->sim;
    struct held *held = take_all(&w->held, &w->held_end), *coming = take_all(&w->coming, &w->coming_end);
    sim_note(s, "worker killed", w->no, NULL, 0);
    s->figures.crashes++;
    end_life(w);
    bring_again(s, held);
    bring_again(s, coming);
    start_later(w);
}

void worker_link(struct worker *w, bool up)
{
    w->linked = up;
    if (w->real_bus != NULL)
        mem_bus_set_link(w->real_bus, up);
    if (up && w->engine != NULL)
        bring_to_broker(w);
}

/* --- what it is given --------------------------------------------------------------------------------- */

bool worker_submit(struct worker *w, struct command *cmd)
{
    if (!worker_runs(w) || engine_submit(w->engine, cmd) != FERRY_OK)
        return false;
    worker_wake(w, chance_below(&w->sim->net, 3));
    return true;
}

/* --- what befalls it ---------------------------------------------------------------------------------- */

/* A message that a worker which stands still has is given to another one; when it goes on, it has it too. */
static void stall(struct worker *w)
{
    struct sim *s = w->sim;
    w->stalled_until_ms = s->now_ms + chance_between(&s->faults, 100, 20000);
    for (struct held *held = w->held; held != NULL && s->plan.workers > 1; held = held->next)
        broker_deliver(s, held->device, held->payload, held->len);
    sim_note(s, "worker stalls", w->no, &w->stalled_until_ms, sizeof w->stalled_until_ms);
}

/* Never so far off that the platform takes the time on disk for the wrong one (core/timekeeper.h). */
static void set_clock(struct worker *w)
{
    static const int64_t offsets_s[] = {-36000, -3600, -60, -1, 0, 1, 60, 600, 3600};
    int64_t offset_ms = 1000 * offsets_s[chance_below(&w->sim->faults, sizeof offsets_s / sizeof *offsets_s)];
    keep_time(w);
    clock_manual_step_wall(w->clock, offset_ms - w->clock_offset_ms);
    w->clock_offset_ms = offset_ms;
    sim_note(w->sim, "clock", w->no, &offset_ms, sizeof offset_ms);
}

void platform_trouble(struct sim *s)
{
    struct worker *w = &s->workers[chance_below(&s->faults, s->plan.workers)];
    if (worker_runs(w) && sim_strikes(s, FAULT_WORKER))
        worker_kill(w);
    if (worker_runs(w) && sim_strikes(s, FAULT_STALL))
        stall(w);
    if (sim_strikes(s, FAULT_CLOCK))
        set_clock(w);
}

void platform_heal(struct sim *s)
{
    s->broker_up = true;
    for (unsigned i = 0; i < s->plan.workers; i++) {
        struct worker *w = &s->workers[i];
        if (w->engine == NULL)
            sim_after(s, 0, start, w, w->life, NULL);
        else
            worker_link(w, true);
    }
}

void platform_open(struct sim *s)
{
    struct objects_mem_config objects = {.public_url = "http://127.0.0.1:8080", .capacity_bytes = SIM_PRODUCT_LIMIT};
    side_store_open(s);
    if (objects_mem_open(&objects, &s->objects) != FERRY_OK)
        abort();
    for (unsigned i = 0; i < s->plan.workers; i++) {
        struct worker *w = &s->workers[i];
        uint64_t skew_ms = chance_below(&s->net, 2000);
        w->sim = s;
        w->no = i;
        w->clock_ms = s->now_ms;
        w->store.ops = &s->store_ops;
        w->wake_ms = UINT64_MAX;
        w->held_end = &w->held;
        w->coming_end = &w->coming;
        side_objects_open(w);
        if (clock_manual_new(WALL_MS * 1000ull + skew_ms, chance_draw(&s->net), &w->clock) != FERRY_OK)
            abort();
        start(s, w, w->life, NULL);
    }
}

void platform_close(struct sim *s)
{
    for (unsigned i = 0; i < s->plan.workers; i++) {
        struct worker *w = &s->workers[i];
        forget_held(w);
        forget(take_all(&w->coming, &w->coming_end));
        if (w->engine != NULL)
            end_life(w);
        side_objects_close(w);
        clock_manual_free(w->clock);
    }
    s->objects->ops->close(s->objects);
}
