/**
 * @file measures.h
 * @brief How the engine does: what it answers, how long it takes, how much it does at a time. Any thread.
 */
#ifndef CORE_MEASURES_H
#define CORE_MEASURES_H

#include "base/histogram.h"
#include "proto/message.h"
#include "proto/result.h"

#include <stdint.h>

struct engine;

/** name, of values, help text */
#define ENGINE_HISTOGRAM_LIST(X)                                                          \
    X(ENGINE_ROUND_TRIP, "round_trip_seconds", 1e6,                                       \
      "from a device's message to the moment its answer is with the broker")              \
    X(ENGINE_COMMIT, "commit_seconds", 1e6, "time that a transaction took to be durable") \
    X(ENGINE_BATCH, "batch_items", 1, "messages and commands that shared one transaction")

typedef enum {
#define X(name, metric, per_unit, help) name,
    ENGINE_HISTOGRAM_LIST(X)
#undef X
        ENGINE_HISTOGRAMS,
} engine_histogram;

/** @brief In microseconds, or items: divided by the list's third column they have the metric's unit. */
void engine_measured(struct engine *engine, engine_histogram which, struct ferry_histogram_view *ret_view);

enum {
    ENGINE_MSG_TYPES = FERRY_MSG_UPLOAD_RESULT + 1,
    ENGINE_RESULT_MIN = FERRY_RESULT_MD5_MISMATCH,
    ENGINE_RESULT_NONE = FERRY_RESULT_FINISHED + 1, /**< of a message that has no result code */
    ENGINE_RESULTS = ENGINE_RESULT_NONE - ENGINE_RESULT_MIN + 1,
};

/** @brief Messages to devices of that type with that result code (or ENGINE_RESULT_NONE) given to the broker. */
uint64_t engine_answered(struct engine *engine, ferry_msg_type type, int result);

#endif
