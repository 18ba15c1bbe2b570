/**
 * @file workers.h
 * @brief The workers that take requests from a shared subscription, and which of them stands still. Not thread-safe.
 *
 * A worker that has once given a sign of life (api/bus.h, BUS_WORKER_WORD) gives one all the time. Keep-alive is no
 * measure: Mosquitto looks at it every five seconds, which is all the patience that a device has.
 */
#ifndef BROKER_WORKERS_H
#define BROKER_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WORKERS_MAX = 64,
    WORKERS_SILENT_MS = 2000, /* who gives no sign for so long stands still */
    WORKERS_PAUSE_MS = 1500,  /* who does not look for so long stood still himself, and blames nobody */
};

struct workers {
    struct {
        const void *client;
        uint64_t heard_ms; /* 0: never */
    } list[WORKERS_MAX];
    size_t count;
    uint64_t looked_ms;
};

/** @brief It has subscribed. False: there are too many. */
bool workers_add(struct workers *w, const void *client);
bool workers_have(const struct workers *w, const void *client);
/** @brief False: it was none. */
bool workers_remove(struct workers *w, const void *client);
void workers_heard(struct workers *w, const void *client, uint64_t now_ms);
/** @brief One that stands still; null: none. To be asked at each sign of life. */
const void *workers_silent(struct workers *w, uint64_t now_ms);

#endif
