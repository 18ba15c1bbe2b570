/**
 * @file ferry_show.h
 * @brief What `ferry` prints: a progress bar for people, JSON lines for scripts.
 */
#ifndef FERRY_SHOW_H
#define FERRY_SHOW_H

#include "ferry/ferry.h"
#include "ferry_say.h"
#include "progress.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** @brief One transfer on the screen. */
struct ferry_show {
    bool json;
    bool patient; /**< waits for ever: an agent */
    const char *broker;
    const struct ferry *ferry; /**< that it shows; null until there is one */
    struct progress progress;
    char name[FERRY_NAME_MAX + 1];
    char label[FERRY_NAME_MAX + sizeof "checking "];
    ferry_phase phase;
    uint64_t began_at;   /**< byte at which the phase began */
    uint64_t started_ms; /**< of the whole transfer */
    uint64_t told_ms;
    unsigned link_tries;
    unsigned tries;
    bool linked;
};

void ferry_show_init(struct ferry_show *show, bool json, bool patient, const char *broker);
/** @brief The progress callback; user is the ferry_show. */
void ferry_show_progress(void *user, ferry_lane lane, const ferry_lane_status *status);
/** @brief A file was sent. */
void ferry_show_sent(struct ferry_show *show, const char *name, uint64_t size);
/** @brief A file was received. */
void ferry_show_received(struct ferry_show *show, const char *name, uint64_t size, const char *path,
                         const uint8_t md5[FERRY_MD5_BYTES]);
/** @brief There is nothing to fetch. */
void ferry_show_nothing(struct ferry_show *show);
/** @brief A transfer failed, or could not begin; message says why and what to do. */
void ferry_show_failed(struct ferry_show *show, ferry_lane lane, ferry_device_err err, const char *message);

/** @brief A JSON string; what is no UTF-8, which JSON cannot hold, becomes "?". Null without memory, and for null. */
json_t *ferry_show_text(const char *text);
/** @brief The name of an error in ferry/error.h. */
const char *ferry_show_err_name(ferry_device_err err);
/**
 * @brief Something else happened: words for people, or an object for scripts.
 * @param[in] object  taken over; null without memory
 */
void ferry_show_event(struct ferry_show *show, json_t *object, ferry_say_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
