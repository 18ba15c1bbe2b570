#include "base/histogram.h"

#include <assert.h>

void ferry_histogram_init(struct ferry_histogram *histogram, const uint64_t *bounds, size_t bound_count)
{
    assert(bound_count <= FERRY_HISTOGRAM_BOUNDS_MAX);
    histogram->bounds = bounds;
    histogram->bound_count = bound_count;
    for (size_t i = 0; i <= FERRY_HISTOGRAM_BOUNDS_MAX; i++)
        atomic_init(&histogram->counts[i], 0);
    atomic_init(&histogram->sum, 0);
}

void ferry_histogram_add(struct ferry_histogram *histogram, uint64_t value)
{
    size_t i = 0;
    while (i < histogram->bound_count && value > histogram->bounds[i])
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

void ferry_histogram_view(struct ferry_histogram *histogram, struct ferry_histogram_view *ret_view)
{
    *ret_view = (struct ferry_histogram_view){.bounds = histogram->bounds, .bound_count = histogram->bound_count};
    ret_view->sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    for (size_t i = 0; i <= histogram->bound_count; i++) {
        ret_view->count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        if (i < histogram->bound_count)
            ret_view->at_most[i] = ret_view->count;
    }
}
