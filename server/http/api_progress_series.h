/**
 * @file api_progress_series.h
 * @brief How a deployment went, from its many spans (struct deployment_step) to a bounded number of points. Pure.
 */
#ifndef HTTP_API_PROGRESS_SERIES_H
#define HTTP_API_PROGRESS_SERIES_H

#include "api/store.h"

#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_POINTS_MAX = 60 };

/** @brief Points of one length, one after the other; when they no longer suffice, each two become one. */
struct progress_series {
    uint64_t begin_ms, length_ms;
    size_t count, max;
    struct {
        int64_t done, failed; /**< how they changed */
    } points[PROGRESS_POINTS_MAX];
};

/** @brief Nothing has ended yet of what began then. max: points at most, from 1 on; more than PROGRESS_POINTS_MAX are that many. */
void progress_series_begin(struct progress_series *series, uint64_t begin_ms, size_t max);

/** @brief Adds the next span: in the order of time. */
void progress_series_add(struct progress_series *series, const struct deployment_step *step);

/** @brief When the point ends. */
uint64_t progress_series_end_ms(const struct progress_series *series, size_t point);

#endif
