/**
 * @file ferry_show.h
 * @brief What `ferry` prints: a progress bar for people, JSON lines for scripts.
 */
#ifndef FERRY_SHOW_H
#define FERRY_SHOW_H

#include "ferry/ferry.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief One transfer on the screen. */
struct ferry_show {
    bool json;
    bool patient;  /**< waits for ever: an agent */
    bool terminal; /**< stderr is one: draw a bar */
    bool drawn;    /**< the cursor stands in a bar */
    const char *broker;
    char name[FERRY_NAME_MAX + 1];
    ferry_phase phase;
    uint64_t began_ms, began_at; /**< the rate is counted from there */
    uint64_t started_ms;         /**< of the whole transfer */
    uint64_t told_ms;
    unsigned link_tries;
    unsigned tries;
    bool linked;
};

void ferry_show_init(struct ferry_show *show, bool json, bool patient, const char *broker);
/** @brief The progress callback; user is the ferry_show. */
void ferry_show_progress(void *user, ferry_lane lane, const ferry_lane_status *status);
/** @brief A transfer is done. path: where it lies, null for an upload. */
void ferry_show_done(struct ferry_show *show, ferry_lane lane, const char *name, uint64_t size, const char *path);
/** @brief There is nothing to fetch. */
void ferry_show_nothing(struct ferry_show *show);
void ferry_show_failed(struct ferry_show *show, ferry_lane lane, ferry_device_err err, const char *message, int code);

#endif
