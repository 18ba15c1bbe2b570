/**
 * @file clients.h
 * @brief Who each connected client has proved to be: a bounded hash table. Not thread-safe.
 *
 * The key is the address of the broker's own structure for the connection. It is only compared, never followed.
 */
#ifndef BROKER_CLIENTS_H
#define BROKER_CLIENTS_H

#include "access/auth.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIENTS_MAX = 1 << 20 };

struct client {
    const void *address;
    struct principal who;
    char *client_id; /**< of the table's entry: its own copy */
    char *peer;      /**< network address, likewise; null: unknown */
};

struct clients {
    struct client **slots; /* open addressing; null is free */
    size_t slot_count;     /* a power of two */
    size_t used;
};

void clients_init(struct clients *table);
void clients_done(struct clients *table);
/** @brief Null when there is none. Valid until the next change of the table. */
struct client *clients_find(const struct clients *table, const void *address);
/** @brief Walks over all: null begins, null ends. The table must not change meanwhile. */
struct client *clients_next(const struct clients *table, const struct client *previous);
/** @brief Adds, or replaces the one with that address. @retval FERRY_E_LIMIT full | FERRY_E_NOMEM: nothing changed */
FERRY_MUST_CHECK ferry_err clients_put(struct clients *table, const void *address, const struct principal *who,
                                       const char *client_id, const char *peer);
/** @brief Removes; nothing happens when there is none. */
void clients_remove(struct clients *table, const void *address);

#endif
