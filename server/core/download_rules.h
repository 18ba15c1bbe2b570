/**
 * @file download_rules.h
 * @brief What may happen to a download task (docs/architecture.md), and which one a device gets next. Pure.
 */
#ifndef CORE_DOWNLOAD_RULES_H
#define CORE_DOWNLOAD_RULES_H

#include "api/model.h"
#include "proto/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    DOWNLOAD_EV_OFFER = 0, /**< the device asked and is given this one */
    DOWNLOAD_EV_PUSH,      /**< the platform sends it unasked */
    DOWNLOAD_EV_WAIT,      /**< its timer rang, but another task of the device goes first */
    DOWNLOAD_EV_RUNNING,   /**< the device reports downloading */
    DOWNLOAD_EV_DONE,
    DOWNLOAD_EV_FAIL,
    DOWNLOAD_EV_TIME_OUT,  /**< deadline_ms has passed */
    DOWNLOAD_EV_CANCEL,
    DOWNLOAD_EV_RETRY,     /**< the operator wants it again */
    DOWNLOAD_EV_HOLD,      /**< its timer rang while its deployment is paused */
    DOWNLOAD_EV_RESUME,    /**< its deployment goes on */
    DOWNLOAD_EV_CAME,      /**< its device has connected: what it was not told is due in a moment */
    DOWNLOAD_EV_COUNT
} download_event_kind;

struct download_event {
    download_event_kind kind;
    int32_t percent;        /**< RUNNING */
    int32_t result_code;    /**< FAIL: the device's */
    const char *result_msg; /**< FAIL: may be null */
    bool away;              /**< PUSH: it is not sent, nobody would hear it; looked at again after the longest pause at the latest */
    uint64_t release_ms;    /**< RETRY: not offered before; 0: at once */
    const struct deployment *deployment; /**< FAIL, TIME_OUT, RETRY, HOLD, RESUME: the task's */
};

/** @brief The times that decide when a push is repeated, and when a device is tried again. */
struct push_pace {
    uint32_t first_s; /**< after the first push without a sign of life; doubles with each */
    uint32_t max_s;
    uint32_t retry_first_s; /**< after the first failure; doubles with each */
    uint32_t retry_max_s;
};

/**
 * @brief The rule: (task as stored, event, now) -> (task as it becomes, answer).
 * @param[out] ret_after  always written; equal to before when nothing changes
 * @return what the device is told; for the operator: FERRY_RESULT_OK, or FERRY_RESULT_FINISHED when the
 *         event is impossible in this state.
 */
ferry_result download_apply(const struct download_task *before, const struct download_event *event,
                            uint64_t now_ms, const struct push_pace *pace, struct download_task *ret_after);
/** @brief Did the rule change the task? Looks at what it may change, not at what lies between the fields or behind a text's end. */
bool download_changed(const struct download_task *before, const struct download_task *after);

/** @brief A new task of a deployment. */
struct download_task download_new(const ferry_id *id, const struct deployment *deployment,
                                  const struct device_key *device, uint64_t release_ms, uint64_t now_ms);

/** @brief When the nth (from 0) device of a deployment is released: that is the whole pacing. */
uint64_t download_release_ms(uint64_t start_ms, uint32_t rate_per_min, uint64_t nth);

/** @brief May a task that was not offered yet be offered, as far as its deployment is concerned? */
bool download_is_held(const struct download_task *task, const struct deployment *deployment);

/**
 * @brief The one task that the device may have now: the running one, else the oldest released one.
 * open: the device's open tasks, oldest first. Null: none.
 */
const struct download_task *download_current(const struct download_task *open, size_t count, uint64_t now_ms);

/** @brief offered or downloading. */
bool download_running(const struct download_task *task);

#endif
