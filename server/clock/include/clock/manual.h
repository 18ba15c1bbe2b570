/** @file manual.h  @brief A clock that tests and simulations move by hand; its chance comes from a seed. */
#ifndef CLOCK_MANUAL_H
#define CLOCK_MANUAL_H

#include "api/clock.h"
#include "base/error.h"

/** @brief wall_ms: where the wall clock begins; the monotonic clock begins at 0. Any thread may read it. */
FERRY_MUST_CHECK ferry_err clock_manual_new(uint64_t wall_ms, uint64_t seed, struct clock **ret_clock);
/** @brief Accepts null. */
void clock_manual_free(struct clock *clock);
/** @brief Lets time pass: both clocks go on. */
void clock_manual_advance(struct clock *clock, uint64_t ms);
/** @brief Somebody sets the wall clock; the monotonic clock does not notice. */
void clock_manual_step_wall(struct clock *clock, int64_t ms);

#endif
