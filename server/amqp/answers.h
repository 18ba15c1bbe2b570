/**
 * @file answers.h
 * @brief The answers that were sent and that the broker has not confirmed yet, each with the request that it settles: a node that dies
 * takes along what it had not passed on, and then another worker is to have the request. Not thread-safe.
 */
#ifndef AMQP_ANSWERS_H
#define AMQP_ANSWERS_H

#include "amqp/amqp_bus.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answers {
    size_t first, count;
    struct answer {
        uint64_t number; /* of what was published on this connection, from 1 */
        uint64_t tag;    /* of the request; 0: it is confirmed */
    } ring[AMQP_BUS_PREFETCH];
};

void answers_init(struct answers *a);
/** @brief number: greater than all before. False: there is no room, and it is not noted. */
bool answers_note(struct answers *a, uint64_t number, uint64_t tag);
/** @brief What was published under that number is confirmed: gives the tag of its request. False: it was no answer, or is known. */
bool answers_take(struct answers *a, uint64_t number, uint64_t *ret_tag);
/** @brief The same for the oldest one up to that number. */
bool answers_take_up_to(struct answers *a, uint64_t number, uint64_t *ret_tag);

#endif
