/**
 * @file presence.h
 * @brief Which devices are connected, and what of that the platform has not been told yet. Not thread-safe.
 *
 * A device is connected while any of its clients is; so it stays when a new connection takes the place of an old one,
 * in whichever order the broker tells of the two. What changes to and fro between two messages is told once, as it
 * then is.
 */
#ifndef BROKER_PRESENCE_H
#define BROKER_PRESENCE_H

#include "api/model.h"
#include "api/presence.h"
#include "base/buf.h"
#include "base/dict.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct presence_device;

struct presence {
    struct ferry_dict devices;                     /* connected, or with a change that waits */
    struct presence_device *first_change, *last_change;
    uint64_t seq;                                  /* of the last message of changes */
};

void presence_init(struct presence *p);
void presence_done(struct presence *p);

/** @brief A client of the device is connected. @retval FERRY_E_NOMEM nothing changed */
FERRY_MUST_CHECK ferry_err presence_enter(struct presence *p, const struct device_key *device, uint64_t now_ms);
/** @brief ... no longer. Only after an enter that said yes. */
void presence_leave(struct presence *p, const struct device_key *device, uint64_t now_ms);

/**
 * @brief Writes a message of changes that wait (api/presence.h), as many as go into one, and forgets them. What does not
 * fit waits for the next. Nothing is written when there is none. @retval FERRY_E_NOMEM the change is lost, as its number shows
 */
FERRY_MUST_CHECK ferry_err presence_take_changes(struct presence *p, struct ferry_buf *out);

/** @brief A walk over all that are connected. Zeros begin it; nothing may change meanwhile. */
struct presence_walk {
    const struct ferry_dict_item *at;
    uint64_t part;
    bool over;
};
/** @brief Writes the next part of the list of all. The last one sets walk->over. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err presence_write_all(const struct presence *p, struct presence_walk *walk, struct ferry_buf *out);

#endif
