/**
 * @file inbox.h
 * @brief The bounded queue before the engine: many threads put, one takes. It never grows.
 */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct command;
struct device_message;
struct presence_report;

/** @brief Exactly one of the three is set. */
struct inbox_item {
    struct command *command;
    struct device_message *message;
    struct presence_report *report;
};

struct inbox {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled;
    struct inbox_item *ring;
    size_t cap, head, count;
    bool closed;
};

/** @brief done is legal after a failed init. */
FERRY_MUST_CHECK ferry_err inbox_init(struct inbox *inbox, size_t cap);
void inbox_done(struct inbox *inbox);

/** @brief Never waits. @retval FERRY_E_BUSY full | FERRY_E_CLOSED */
FERRY_MUST_CHECK ferry_err inbox_put(struct inbox *inbox, struct inbox_item item);
/** @brief The same, but for a full inbox who waits is not woken: inbox_ring() is due soon. */
FERRY_MUST_CHECK ferry_err inbox_put_quietly(struct inbox *inbox, struct inbox_item item);
/** @brief Wakes who waits, if anything is there. */
void inbox_ring(struct inbox *inbox);
/** @brief Takes what is there, at most max items, without waiting. */
size_t inbox_take(struct inbox *inbox, struct inbox_item *out, size_t max);
/** @brief Waits until something is there, the inbox is closed, or wait_ms have passed. */
void inbox_wait(struct inbox *inbox, uint64_t wait_ms);
/** @brief From now on put gives CLOSED; what is in it can still be taken. */
void inbox_close(struct inbox *inbox);
bool inbox_is_closed(struct inbox *inbox);
size_t inbox_depth(struct inbox *inbox);

#endif
