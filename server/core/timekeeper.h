/**
 * @file timekeeper.h
 * @brief The engine's time: Unix milliseconds that never go back and never stand still. Pure.
 *
 * It follows the wall clock forwards and the monotonic clock when the wall clock is set back, so a
 * timer or a URL's life is never longer or shorter than it was meant to be because somebody set the clock.
 */
#ifndef CORE_TIMEKEEPER_H
#define CORE_TIMEKEEPER_H

#include <stdint.h>

struct timekeeper {
    uint64_t now_ms;
    uint64_t mono_ms;
};

/**
 * @brief latest_ms: the greatest time on disk. A restart after the clock was set back goes on from there, unless it
 * lies more than TIMEKEEPER_TRUST_MS ahead: then that time was the wrong one.
 */
void timekeeper_init(struct timekeeper *t, uint64_t wall_ms, uint64_t mono_ms, uint64_t latest_ms);
uint64_t timekeeper_now(struct timekeeper *t, uint64_t wall_ms, uint64_t mono_ms);

#define TIMEKEEPER_TRUST_MS (24u * 3600u * 1000u)

#endif
