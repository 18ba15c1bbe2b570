/**
 * @file webhook.h
 * @brief Who is told of events by HTTP, and how far that has come. Plain values, as in model.h.
 */
#ifndef API_WEBHOOK_H
#define API_WEBHOOK_H

#include "api/event.h"
#include "api/model.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WEBHOOK_URL_MAX = 1000,   /**< characters */
    WEBHOOK_ERROR_MAX = 160,  /**< bytes of ASCII */
    WEBHOOK_SECRET_MIN = 16,  /**< characters of a secret that somebody chose; at most DEVICE_SECRET_MAX */
};

/* Numbers are in the database: never reuse one. */
#define WEBHOOK_STATE_LIST(X)                                                                     \
    X(WEBHOOK_ACTIVE, 1, "active")                                                                \
    X(WEBHOOK_DISABLED, 2, "disabled")                                                            \
    X(WEBHOOK_PARKED, 3, "parked")

typedef enum {
#define X(name, number, text) name = (number),
    WEBHOOK_STATE_LIST(X)
#undef X
} webhook_state;

/** @brief Which events are for it. */
struct webhook_filter {
    uint32_t kinds;                    /**< WEBHOOK_KIND() of each; 0: all */
    char product[FERRY_IDENT_MAX + 1]; /**< "": any */
    char device[FERRY_IDENT_MAX + 1];
};
#define WEBHOOK_KIND(kind) (UINT32_C(1) << (kind))

/** @brief How far its deliveries have come. The log itself is the queue. */
struct webhook_progress {
    uint64_t last_event;      /**< the events up to this one are delivered, or not for it */
    uint32_t failures;        /**< attempts in a row that failed */
    uint64_t failing_ms;      /**< since when; 0: it does not */
    uint64_t next_attempt_ms; /**< not before; 0: at once */
    uint32_t last_status;     /**< HTTP status of the last attempt; 0: no answer, or no attempt yet */
    char last_error[WEBHOOK_ERROR_MAX + 1]; /**< of the last attempt; "": it went well */
    uint64_t last_success_ms;
};

struct webhook {
    ferry_id id;
    char url[WEBHOOK_URL_MAX + 1];
    struct webhook_filter filter;
    struct sealed secret;
    struct sealed old_secret; /**< the one before: requests are signed with it too, until old_until_ms */
    uint64_t old_until_ms;    /**< 0: there is none */
    webhook_state state;
    uint64_t revision; /**< 1, and one more with each change by an operator: what was found for another one is void */
    uint64_t created_ms;
    uint64_t updated_ms; /**< by an operator */
    struct webhook_progress progress;
};

/** @brief "active", …; null for a number that is no state. */
const char *webhook_state_name(webhook_state state);

#endif
