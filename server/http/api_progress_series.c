#include "api_progress_series.h"

enum { SHORTEST_MS = 2000 }; /* the shortest span that the store keeps */

void progress_series_begin(struct progress_series *series, uint64_t begin_ms, size_t max)
{
    *series = (struct progress_series){.begin_ms = begin_ms - begin_ms % SHORTEST_MS,
                                       .length_ms = SHORTEST_MS,
                                       .max = max < PROGRESS_POINTS_MAX ? max : PROGRESS_POINTS_MAX};
}

static void halve(struct progress_series *series)
{
    for (size_t i = 0; i < series->count; i++) {
        int64_t done = series->points[i].done, failed = series->points[i].failed;

        series->points[i].done = series->points[i].failed = 0;
        series->points[i / 2].done += done;
        series->points[i / 2].failed += failed;
    }
    series->count = (series->count + 1) / 2;
    series->length_ms *= 2;
}

void progress_series_add(struct progress_series *series, const struct deployment_step *step)
{
    /* Long spans begin at full minutes and hours, which may lie before the deployment. */
    const uint64_t after_ms = step->at_ms > series->begin_ms ? step->at_ms - series->begin_ms : 0;
    size_t point;

    while (after_ms / series->length_ms >= series->max)
        halve(series);
    point = (size_t)(after_ms / series->length_ms);
    series->points[point].done += step->done;
    series->points[point].failed += step->failed;
    if (point >= series->count)
        series->count = point + 1;
}

uint64_t progress_series_end_ms(const struct progress_series *series, size_t point)
{
    return series->begin_ms + (point + 1) * series->length_ms;
}
