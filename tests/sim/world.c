/* One run: the scheduler's loop, first with faults and new work, then until everything has come to its end. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 200,                 /* how often faults that belong to no message are drawn, and new work */
    LOOK_EVERY = 500,              /* steps between two looks at everything */
    HEAL_LOOK_MS = 10 * 1000,      /* how often it is asked whether all has ended */
    HEAL_MAX_MS = 3 * 3600 * 1000, /* in which all must have ended once nothing fails any more */
    MOVE_MAX_MS =
        20 * 60 *
        1000, /* in which every file must be where it has to be; the longest pause of the platform is 15 minutes */
    HEAL_STEPS_MAX = 3000000,
};

enum { STREAM_FAULTS = 10, STREAM_WORK, STREAM_NET, STREAM_DEVICES };

void *sim_alloc(size_t bytes)
{
    void *p = calloc(1, bytes > 0 ? bytes : 1);
    if (p == NULL)
        abort();
    return p;
}

void sim_fail(struct sim *s, const char *format, ...)
{
    va_list args;
    if (s->failed)
        return;
    s->failed = true;
    va_start(args, format);
    (void)vsnprintf(s->failure, sizeof s->failure, format, args);
    va_end(args);
    sim_note(s, "FAILED", 0, s->failure, strlen(s->failure));
}

void sim_note(struct sim *s, const char *what, uint64_t who, const void *bytes, size_t len)
{
    trace_note(&s->trace, s->now_ms, what, who, bytes, len);
}

void sim_after(struct sim *s, uint64_t ms, sim_action *run, void *subject, uint64_t arg, void *owned)
{
    schedule_add(&s->schedule, s->now_ms + ms, run, subject, arg, owned);
}

static bool strikes(struct sim *s, sim_fault fault, uint32_t one_in)
{
    if (s->healing || (s->plan.faults & 1u << fault) == 0 || !chance_once_in(&s->faults, one_in))
        return false;
    s->figures.faults++;
    s->figures.by_fault[fault]++;
    return true;
}

bool sim_strikes_rarely(struct sim *s, sim_fault fault, uint32_t times)
{
    return strikes(s, fault, s->plan.one_in * times);
}

bool sim_strikes_often(struct sim *s, sim_fault fault)
{
    return strikes(s, fault, 2);
}

bool sim_strikes(struct sim *s, sim_fault fault)
{
    return sim_strikes_rarely(s, fault, 1);
}

static void tick(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    (void)subject, (void)arg, (void)owned;
    if (s->healing)
        return;
    platform_trouble(s);
    broker_trouble(s);
    device_trouble(s);
    liar_trouble(s);
    operator_trouble(s);
    operator_work(s);
    sim_after(s, TICK_MS, tick, NULL, 0, NULL);
}

static void draw_settings(struct sim *s)
{
    static const uint32_t lives[] = {60, 300, 3600};
    engine_settings_defaults(&s->settings);
    s->settings.url_life_s = lives[chance_below(&s->net, 3)];
    s->settings.device_requests_per_min = 0; /* its table is laid out by chance that is not the seed's */
    if (chance_once_in(&s->net, 4))
        s->settings.batch_max = 1 + chance_below(&s->net, 4);
    if (chance_once_in(&s->net, 8))
        s->settings.inbox_max = 4 + chance_below(&s->net, 16);
}

static struct sim *new_sim(const struct sim_plan *plan, FILE *text)
{
    struct sim *s = sim_alloc(sizeof *s);
    s->plan = *plan;
    s->now_ms = SIM_START_MS;
    s->faults = chance_stream(plan->seed, STREAM_FAULTS);
    s->work = chance_stream(plan->seed, STREAM_WORK);
    s->net = chance_stream(plan->seed, STREAM_NET);
    s->device_chance = chance_stream(plan->seed, STREAM_DEVICES);
    trace_begin(&s->trace, text);
    s->broker_up = true;
    s->healing = true; /* nothing fails before it stands */
    return s;
}

void sim_platform_free(struct sim *s)
{
    platform_close(s);
    http_close(s);
    devices_close(s);
    operator_close(s);
    events_reader_close(s);
    side_store_close(s);
    schedule_done(&s->schedule);
    free(s);
}

struct sim *sim_platform_new(const struct sim_plan *plan)
{
    struct sim *s = new_sim(plan, NULL);
    engine_settings_defaults(&s->settings);
    s->settings.device_requests_per_min = 0;
    s->settings.url_life_s = 600;
    platform_open(s);
    events_reader_open(s);
    devices_open(s);
    for (unsigned i = 0; i < plan->devices; i++)
        s->devices[i].life++; /* none of them comes on */
    operator_open(s);
    return s;
}

static struct sim *world_new(const struct sim_plan *plan, FILE *text)
{
    struct sim *s = new_sim(plan, text);
    draw_settings(s);
    platform_open(s);
    events_reader_open(s);
    devices_open(s);
    operator_open(s);
    s->healing = false;
    sim_after(s, 1, tick, NULL, 0, NULL);
    return s;
}

bool sim_step(struct sim *s)
{
    struct planned next;
    if (!schedule_take(&s->schedule, &next))
        return false;
    s->now_ms = next.at_ms > s->now_ms ? next.at_ms : s->now_ms;
    s->figures.steps++;
    next.run(s, next.subject, next.arg, next.owned);
    free(next.owned);
    if (!s->failed && s->figures.steps % LOOK_EVERY == 0)
        check_whole(s);
    return !s->failed;
}

static void heal_look(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    (void)subject, (void)arg, (void)owned;
    operator_heal(s);
    sim_after(s, HEAL_LOOK_MS, heal_look, NULL, 0, NULL);
}

/* Among workers of which one has a clock an hour ahead, turns that it gave come an hour later to the others. */
static uint64_t move_max_ms(const struct sim *s)
{
    bool clocks_differ = s->plan.workers > 1 && (s->plan.faults & 1u << FAULT_CLOCK) != 0;
    return clocks_differ ? HEAL_MAX_MS : MOVE_MAX_MS;
}

static void heal(struct sim *s)
{
    const char *why = NULL;
    uint64_t looked_ms = 0, steps = s->figures.steps;
    s->healing = true;
    s->heal_ms = s->now_ms;
    sim_note(s, "heal", 0, NULL, 0);
    platform_heal(s);
    devices_heal(s);
    sim_after(s, HEAL_LOOK_MS, heal_look, NULL, 0, NULL);
    while (sim_step(s)) {
        bool look = s->now_ms - s->heal_ms >= looked_ms;
        if (look && check_ended(s, &why))
            break;
        if (look)
            looked_ms += HEAL_LOOK_MS;
        if (s->figures.moved_ms == 0 && s->now_ms - s->heal_ms > move_max_ms(s))
            sim_fail(s, "not at rest %" PRIu64 " s after the last fault: %s", (s->now_ms - s->heal_ms) / 1000, why);
        if (s->now_ms - s->heal_ms > HEAL_MAX_MS || s->figures.steps - steps > HEAL_STEPS_MAX)
            sim_fail(s, "stuck %" PRIu64 " s after the last fault: %s", (s->now_ms - s->heal_ms) / 1000, why);
    }
    s->figures.settle_ms = s->now_ms - s->heal_ms;
    if (!s->failed)
        check_end(s);
}

void sim_run(const struct sim_plan *plan, FILE *text, struct sim_result *ret)
{
    struct sim *s = world_new(plan, text);
    while (s->figures.steps < plan->steps && sim_step(s))
        ;
    if (!s->failed)
        heal(s);
    *ret = (struct sim_result){.failed = s->failed, .figures = s->figures, .digest = s->trace.digest};
    memcpy(ret->failure, s->failure, sizeof ret->failure);
    sim_platform_free(s);
}
