/**
 * @file event.h
 * @brief What changed, as the event log tells it. Plain values, as in model.h.
 */
#ifndef API_EVENT_H
#define API_EVENT_H

#include "base/id.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers are in the database: never reuse one. */
#define EVENT_KIND_LIST(X)                                                                        \
    X(EVENT_DOWNLOAD, 1, "download.changed")                                                      \
    X(EVENT_UPLOAD, 2, "upload.changed")                                                          \
    X(EVENT_DEPLOYMENT, 3, "deployment.changed")                                                  \
    X(EVENT_DEVICE, 4, "device.changed")                                                          \
    X(EVENT_RESOURCE, 5, "resource.changed")                                                      \
    X(EVENT_ONLINE, 6, "device.online")                                                           \
    X(EVENT_OFFLINE, 7, "device.offline")

typedef enum {
#define X(name, number, text) name = (number),
    EVENT_KIND_LIST(X)
#undef X
} event_kind;

#define EVENT_KIND_FIRST EVENT_DOWNLOAD
#define EVENT_KIND_LAST EVENT_OFFLINE

enum { EVENT_STATE_SIZE = 16 };

/** @brief One change. What does not apply is "" or 0. */
struct event {
    uint64_t id; /**< 1, 2, 3, … without gaps, in the order of the commits */
    uint64_t time_ms;
    event_kind kind;
    char product[FERRY_IDENT_MAX + 1];
    char device[FERRY_IDENT_MAX + 1];
    char task[FERRY_ID_LEN + 1]; /**< of a download or an upload */
    char deployment[FERRY_ID_LEN + 1];
    char resource[FERRY_ID_LEN + 1];
    char before[EVENT_STATE_SIZE]; /**< "": it did not exist */
    char state[EVENT_STATE_SIZE];  /**< that it has now */
    int32_t percent;
    int32_t result_code;
    char text[FERRY_RESULT_MSG_MAX + 1];
};

/** @brief What the log holds: the ids of its first and last event; zeros when there never was one. */
struct event_bounds {
    uint64_t first, last;
};

enum { EVENT_KIND_NAME_SIZE = 32 };

/** @brief "download.changed", …; null for a number that is no kind. */
const char *event_kind_name(event_kind kind);
/** @brief The kind with that name; false when there is none. */
bool event_kind_parse(const char *name, event_kind *ret_kind);

#endif
