/**
 * @file ferry_runner.h
 * @brief What follows a file: its hook, one at a time, in the order in which the files came.
 *
 * Nothing here waits: a hook that hangs keeps other hooks waiting, never the next file.
 */
#ifndef FERRY_RUNNER_H
#define FERRY_RUNNER_H

#include "ferry/ferry.h"
#include "ferry_config.h"
#include "ferry_hook.h"
#include "ferry_show.h"
#include "ferry_spool.h"

#include <stdbool.h>
#include <stdint.h>

struct ferry_runner {
    struct ferry_show *show;
    const struct ferry_config *config; /**< of now */
    struct ferry_spool spool;
    struct ferry_hook hook;
    struct ferry_job job;      /**< of the running hook */
    struct ferry_spool origin; /**< where that came from, if the identity has changed since; not open: spool */
    struct ferry_job unsaved;  /**< could not be written yet; no name: none */
    struct ferry_job expected; /**< as on the disk; no name: none */
    uint64_t retry_ms;         /**< no hook and no writing before */
    bool recovering;           /**< an earlier run expected that, and nothing was heard of it yet */
    uint64_t recover_ms;       /**< look then what became of it */
};

void ferry_runner_init(struct ferry_runner *runner, struct ferry_show *show, const struct ferry_config *config);
/** @brief Opens the queue of this identity, also another one later. @return false: reterr_message says why */
bool ferry_runner_open(struct ferry_runner *runner, const char *state_dir, uint64_t now_ms,
                       char reterr_message[FERRY_CONFIG_MESSAGE_SIZE]);
void ferry_runner_done(struct ferry_runner *runner);

/** @brief A file is being received, into dir. From the progress callback. */
void ferry_runner_expect(struct ferry_runner *runner, const char *dir, const ferry_lane_status *status);
/** @brief A file is there. */
void ferry_runner_received(struct ferry_runner *runner, const struct ferry_outcome *outcome);
/** @brief A file could not be received. */
void ferry_runner_failed(struct ferry_runner *runner, const struct ferry_outcome *outcome);

/**
 * @brief Does what can be done now: notes how the hook ended, begins the next.
 * @param[in] receiving  a transfer is on its way: what was expected may be that one
 * @param[in] may_start  false: only waits for the one that runs
 */
void ferry_runner_turn(struct ferry_runner *runner, uint64_t now_ms, bool receiving, bool may_start);
/** @brief When ferry_runner_turn() is due, if no child ends before. */
uint64_t ferry_runner_due(const struct ferry_runner *runner);
/** @brief Is a file still not on the disk's list? Then none should be received. */
bool ferry_runner_is_full(const struct ferry_runner *runner);
bool ferry_runner_is_running(const struct ferry_runner *runner);
/** @brief The settings have changed: try again at once what could not be done. */
void ferry_runner_retry(struct ferry_runner *runner);

#endif
