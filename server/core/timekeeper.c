#include "timekeeper.h"

void timekeeper_init(struct timekeeper *t, uint64_t wall_ms, uint64_t mono_ms, uint64_t latest_ms)
{
    t->now_ms = latest_ms > wall_ms && latest_ms - wall_ms <= TIMEKEEPER_TRUST_MS ? latest_ms : wall_ms;
    t->mono_ms = mono_ms;
}

uint64_t timekeeper_now(struct timekeeper *t, uint64_t wall_ms, uint64_t mono_ms)
{
    uint64_t elapsed_ms = mono_ms > t->mono_ms ? mono_ms - t->mono_ms : 0;
    uint64_t carried_ms = t->now_ms + elapsed_ms;
    t->now_ms = wall_ms > carried_ms ? wall_ms : carried_ms;
    t->mono_ms += elapsed_ms;
    return t->now_ms;
}
