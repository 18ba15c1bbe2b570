#include "engine_internal.h"

#include "base/system.h"

#include <assert.h>

static const uint64_t times_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
static const uint64_t items[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

static const struct {
    const uint64_t *bounds;
    size_t count;
} rows[ENGINE_HISTOGRAMS] = {
    [ENGINE_ROUND_TRIP] = {times_us, sizeof times_us / sizeof *times_us},
    [ENGINE_COMMIT] = {times_us, sizeof times_us / sizeof *times_us},
    [ENGINE_BATCH] = {items, sizeof items / sizeof *items},
};

void measures_init(struct engine *e)
{
    for (size_t i = 0; i < ENGINE_HISTOGRAMS; i++)
        ferry_histogram_init(&e->histograms[i], rows[i].bounds, rows[i].count);
}

void measures_batch(struct engine *e, const struct part *part)
{
    uint64_t now_us = ferry_mono_us();
    if (part->to > part->from)
        ferry_histogram_add(&e->histograms[ENGINE_BATCH], part->to - part->from);
    for (size_t i = part->from; i < part->to; i++)
        if (e->batch[i].message != NULL)
            ferry_histogram_add(&e->histograms[ENGINE_ROUND_TRIP], now_us - e->batch[i].message->arrived_us);
}

void engine_measured(struct engine *e, engine_histogram which, struct ferry_histogram_view *ret_view)
{
    ferry_histogram_view(&e->histograms[which], ret_view);
}

size_t measures_answer(const ferry_msg *msg)
{
    int result = msg->has & FERRY_HAS_RESULT_CODE ? msg->result_code : ENGINE_RESULT_NONE;
    assert((unsigned)msg->type < ENGINE_MSG_TYPES && result >= ENGINE_RESULT_MIN && result <= ENGINE_RESULT_NONE);
    return ENGINE_STATS_COUNT + (size_t)msg->type * ENGINE_RESULTS + (size_t)(result - ENGINE_RESULT_MIN);
}

uint64_t engine_answered(struct engine *e, ferry_msg_type type, int result)
{
    ferry_msg msg = {.type = type, .has = FERRY_HAS_RESULT_CODE, .result_code = result};
    return atomic_load_explicit(&e->counters[measures_answer(&msg)], memory_order_relaxed);
}
