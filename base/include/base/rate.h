/**
 * @file rate.h
 * @brief How often may somebody come? Token buckets for many, in memory that does not grow.
 *
 * Each key (a device, an address) may come as often in a minute as the limit says, evenly or all at once. Time is an
 * argument. The table forgets those first who have not come for longest: who is forgotten has a full bucket again, so
 * a flood of keys costs nobody anything and gains its maker nothing but the buckets of other floods.
 *
 * Thread-safe; never blocks for long.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FERRY_RATE_PER_MINUTE_MAX = 60000000 };

struct ferry_rate;

/**
 * @param[in] per_minute  0: no limit, every question is answered with yes
 * @param[in] keys        how many are remembered at least when they are spread evenly; memory is 16 bytes for each
 * @retval FERRY_OK | FERRY_E_NOMEM | FERRY_E_ARG per_minute above its limit
 */
FERRY_MUST_CHECK ferry_err ferry_rate_new(uint32_t per_minute, size_t keys, struct ferry_rate **ret_rate);
/** @brief Accepts null. */
void ferry_rate_free(struct ferry_rate *rate);

/** @brief The limit is that of several processes, among which the keys come evenly: each gives its part. shares: at least 1, as at the beginning. */
void ferry_rate_share(struct ferry_rate *rate, unsigned shares);

/**
 * @brief May the key come now? Yes takes one from its bucket, no takes nothing.
 * @param[in] now_ms  a clock that does not go back; if it does, nothing worse happens than a longer wait
 */
bool ferry_rate_take(struct ferry_rate *rate, const void *key, size_t len, uint64_t now_ms);

#endif
