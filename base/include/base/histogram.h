/**
 * @file histogram.h
 * @brief How many values lay below each of some bounds: written by any thread without a lock, read by any other.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { FERRY_HISTOGRAM_BOUNDS_MAX = 16 };

struct ferry_histogram {
    const uint64_t *bounds; /**< ascending; a value that equals one lies below it */
    size_t bound_count;
    _Atomic uint64_t counts[FERRY_HISTOGRAM_BOUNDS_MAX + 1]; /**< the last one: above all bounds */
    _Atomic uint64_t sum;
};

/** @brief As it was at one moment, but for values that come meanwhile. */
struct ferry_histogram_view {
    const uint64_t *bounds;
    size_t bound_count;
    uint64_t at_most[FERRY_HISTOGRAM_BOUNDS_MAX]; /**< values up to each bound */
    uint64_t count, sum;                          /**< of all */
};

/** @param[in] bounds  at most FERRY_HISTOGRAM_BOUNDS_MAX; must outlive it */
void ferry_histogram_init(struct ferry_histogram *histogram, const uint64_t *bounds, size_t bound_count);
void ferry_histogram_add(struct ferry_histogram *histogram, uint64_t value);
void ferry_histogram_view(struct ferry_histogram *histogram, struct ferry_histogram_view *ret_view);

#endif
