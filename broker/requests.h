/**
 * @file requests.h
 * @brief What devices have asked and no worker has answered yet, so that it is not lost with the worker that had it. Not
 * thread-safe. Bounded memory.
 *
 * A request has a worker, or it waits for one. An answer settles the oldest request of its device that its sender had; a
 * question without an answer (get_download_task, when there is nothing) stays until it is old. Names are "product/device".
 */
#ifndef BROKER_REQUESTS_H
#define BROKER_REQUESTS_H

#include "base/dict.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REQUESTS_PER_DEVICE = 4,         /**< the oldest is forgotten */
    REQUESTS_REPEATS_MAX = 2,        /**< a request that ends its workers goes no further; a question without an answer: 1 */
    REQUESTS_KEPT_MS = 15 * 1000,    /**< with a worker: by then the device has given up, or asks again */
    REQUESTS_WAIT_MS = 60 * 1000,    /**< without one; as BUS_KEEP_MS */
    REQUESTS_BYTES_MAX = 64 << 20,
};

struct asker;

struct request {
    struct request *older, *newer; /* of all */
    struct asker *asker;
    struct request *next; /* of the same device, the oldest first */
    const void *worker;   /* null: it waits */
    unsigned repeats;
    uint64_t since_ms;
    size_t len;
    uint8_t payload[];
};

struct requests {
    struct ferry_dict askers;
    struct request *oldest, *newest;
    uint64_t bytes, bytes_max;
};

void requests_init(struct requests *r, uint64_t bytes_max);
void requests_done(struct requests *r);

/** @brief A worker is handed a request: a new one, or one that waited. Null: nobody is there to take it. Without memory, or
 *  longer than all that may be kept, it is not noted. */
void requests_note(struct requests *r, const char *name, const void *payload, size_t len, const void *worker, uint64_t now_ms);
/** @brief The worker has answered the device. */
void requests_settle(struct requests *r, const char *name, const void *worker);
/** @brief The worker is gone: what it had waits, but for what was repeated often enough. */
void requests_take_back(struct requests *r, const void *worker);
/** @brief Walks over those that wait. Null begins, null ends; nothing may change meanwhile. */
const struct request *requests_waiting(const struct requests *r, const struct request *previous);
/** @brief Forgets what is old. */
void requests_age(struct requests *r, uint64_t now_ms);

const char *request_name(const struct request *request);

#endif
