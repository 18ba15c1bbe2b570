/**
 * @file webhooks.h
 * @brief Tells receivers of events by HTTP: each webhook in order, at least once, and none waits for another.
 *
 * One thread with libcurl. The event log is the queue: a webhook has a place in it, and what the engine keeps of that place goes on
 * after any restart. Memory is bounded by the number of webhooks: each has at most one request under way.
 */
#ifndef WEBHOOKS_WEBHOOKS_H
#define WEBHOOKS_WEBHOOKS_H

#include "access/seal.h"
#include "api/store.h"
#include "base/buf.h"
#include "base/error.h"
#include "core/engine.h"
#include "core/webhook_rules.h"

#include <stdbool.h>
#include <stdint.h>

struct webhooks;

/** @brief All must outlive it; it closes none of them. */
struct webhooks_config {
    struct engine *engine;
    struct store *store;
    const struct seal_keys *seal_keys;
    struct webhook_limits limits;
    uint32_t timeout_s;  /**< of one attempt, from the name look-up to the end of the answer */
    bool public_only;    /**< no receivers in private networks and on this machine */
    const char *ca_file; /**< certificates to trust (PEM); null: the system's */
    const char *version; /**< of the program, for User-Agent */
    /** Append the body that tells of an event, and the one that says that events up to the id are gone. Any thread. */
    ferry_err (*event_json)(struct ferry_buf *out, const struct event *event);
    ferry_err (*cut_json)(struct ferry_buf *out, uint64_t id);
};

/** @brief Starts the thread. Errors: FERRY_E_NOMEM, FERRY_E_IO, FERRY_E_LIMIT, those of the store. */
FERRY_MUST_CHECK ferry_err webhooks_start(const struct webhooks_config *config, struct webhooks **ret_webhooks);
/** @brief Breaks off what is under way, has the engine keep how far each has come, frees. The engine still runs. Accepts null.
 *  Blocking: until the engine has committed. */
void webhooks_stop(struct webhooks *webhooks);

#endif
