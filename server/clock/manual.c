#include "clock/manual.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

struct manual_clock {
    struct clock base;
    pthread_mutex_t lock; /* guards all below */
    uint64_t wall_ms;
    uint64_t mono_ms;
    uint64_t chance;
};

static struct manual_clock *manual(struct clock *clock)
{
    return (struct manual_clock *)clock;
}

static uint64_t manual_wall_ms(struct clock *clock)
{
    struct manual_clock *m = manual(clock);
    pthread_mutex_lock(&m->lock);
    uint64_t ms = m->wall_ms;
    pthread_mutex_unlock(&m->lock);
    return ms;
}

static uint64_t manual_mono_ms(struct clock *clock)
{
    struct manual_clock *m = manual(clock);
    pthread_mutex_lock(&m->lock);
    uint64_t ms = m->mono_ms;
    pthread_mutex_unlock(&m->lock);
    return ms;
}

/* SplitMix64: small, and every seed gives a full period. */
static uint64_t next_chance(struct manual_clock *m)
{
    uint64_t z = (m->chance += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void manual_random(struct clock *clock, void *out, size_t len)
{
    struct manual_clock *m = manual(clock);
    uint8_t *bytes = out;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(next_chance(m) >> 56);
    pthread_mutex_unlock(&m->lock);
}

static const struct clock_ops manual_ops = {
    .name = "manual",
    .wall_ms = manual_wall_ms,
    .mono_ms = manual_mono_ms,
    .random = manual_random,
};

ferry_err clock_manual_new(uint64_t wall_ms, uint64_t seed, struct clock **ret_clock)
{
    struct manual_clock *m = ferry_calloc(1, sizeof *m);
    if (m == NULL)
        return FERRY_E_NOMEM;
    m->base.ops = &manual_ops;
    m->wall_ms = wall_ms;
    m->chance = seed;
    pthread_mutex_init(&m->lock, NULL);
    *ret_clock = &m->base;
    return FERRY_OK;
}

void clock_manual_free(struct clock *clock)
{
    if (clock == NULL)
        return;
    pthread_mutex_destroy(&manual(clock)->lock);
    free(clock);
}

void clock_manual_advance(struct clock *clock, uint64_t ms)
{
    struct manual_clock *m = manual(clock);
    pthread_mutex_lock(&m->lock);
    m->wall_ms += ms;
    m->mono_ms += ms;
    pthread_mutex_unlock(&m->lock);
}

void clock_manual_step_wall(struct clock *clock, int64_t ms)
{
    struct manual_clock *m = manual(clock);
    pthread_mutex_lock(&m->lock);
    m->wall_ms += (uint64_t)ms;
    pthread_mutex_unlock(&m->lock);
}
