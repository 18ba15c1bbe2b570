/**
 * @file webhook_rules.h
 * @brief What becomes of a webhook: which events are for it, when an attempt is due, what follows from its end. Pure.
 */
#ifndef CORE_WEBHOOK_RULES_H
#define CORE_WEBHOOK_RULES_H

#include "api/webhook.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief Settings. */
struct webhook_limits {
    uint32_t retry_first_s; /**< pause after the first failure; each further one doubles it */
    uint32_t retry_max_s;   /**< ... up to this */
    uint32_t failures_max;  /**< it is parked after so many in a row; 0: for its time only */
    uint32_t park_after_s;  /**< it is parked when it has failed for that long */
};

/** @brief How an attempt ended. */
struct webhook_outcome {
    uint64_t event;     /**< that was to be delivered */
    uint32_t status;    /**< of the answer; 0: there was none */
    const char *error;  /**< why there was no whole answer; null or "": there was one */
    uint64_t retry_after_s; /**< that the receiver asks to wait; 0: it does not say */
};

typedef enum {
    WEBHOOK_DELIVERED = 1,
    WEBHOOK_RECOVERED, /**< delivered, after failures */
    WEBHOOK_FAILED,    /**< is tried again */
    WEBHOOK_GIVEN_UP,  /**< parked */
} webhook_verdict;

/** @brief Is it http://host[:port][/path][?query], or https, of at most WEBHOOK_URL_MAX printable ASCII characters, without a
 *  user, a password and a fragment? */
bool webhook_url_valid(const char *url);
/** @brief 1 to DEVICE_SECRET_MAX printable ASCII characters and no space, not fewer than WEBHOOK_SECRET_MIN? */
bool webhook_secret_valid(const char *secret);

/** @brief Is the event for it? */
bool webhook_wants(const struct webhook_filter *filter, const struct event *event);
/** @brief May an attempt begin now? */
bool webhook_is_due(const struct webhook *w, uint64_t now_ms);
/** @brief The pause after that many failures: between half of it and all of it, as chance has it. */
uint64_t webhook_pause_ms(const struct webhook_limits *limits, uint32_t failures, uint32_t chance);
/** @brief Changes state and progress by what came of an attempt. */
webhook_verdict webhook_judge(struct webhook *w, const struct webhook_outcome *outcome,
                              const struct webhook_limits *limits, uint64_t now_ms, uint32_t chance);
/** @brief It begins anew at its place: active, without a failure. */
void webhook_begin(struct webhook *w);

#endif
