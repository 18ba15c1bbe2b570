/**
 * @file deliveries.h
 * @brief The requests that a broker has handed over and that are not acknowledged yet: until the answer is sent, so that
 * what this process has not committed goes to another one when it dies. Not thread-safe.
 */
#ifndef AMQP_DELIVERIES_H
#define AMQP_DELIVERIES_H

#include "base/dict.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct delivery;

struct deliveries {
    struct ferry_dict askers;
    struct delivery *oldest, *newest;
    size_t count;
};

void deliveries_init(struct deliveries *d);
/** @brief Forgets all. */
void deliveries_done(struct deliveries *d);
/** @brief name: of the device. @retval FERRY_E_NOMEM nothing is noted */
FERRY_MUST_CHECK ferry_err deliveries_note(struct deliveries *d, const char *name, uint64_t tag, uint64_t now_ms);
/** @brief The device was answered: gives the tag of its oldest request and forgets it. False: there is none. */
bool deliveries_settle(struct deliveries *d, const char *name, uint64_t *ret_tag);
/** @brief The same for the oldest of all, if it came at that time or before. */
bool deliveries_take_old(struct deliveries *d, uint64_t before_ms, uint64_t *ret_tag);

#endif
