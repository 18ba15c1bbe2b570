/**
 * @file clients.h
 * @brief Who each connected client has proved to be: a bounded hash table. Not thread-safe.
 *
 * The key is the address of the broker's own structure for the connection. It is only compared, never followed.
 */
#ifndef BROKER_CLIENTS_H
#define BROKER_CLIENTS_H

#include "api/model.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLIENTS_MAX = 1 << 20, CLIENT_CREDENTIAL_BYTES = 32 };

struct client {
    const void *address;
    bool service;          /**< the platform; else a device */
    struct device_key key; /**< of the device */
    uint8_t credential[CLIENT_CREDENTIAL_BYTES]; /**< digest of the user name and password that proved it */
};

struct clients {
    struct client **slots; /* open addressing; null is free */
    size_t slot_count;     /* a power of two */
    size_t used;
};

void clients_init(struct clients *table);
void clients_done(struct clients *table);
/** @brief Null when there is none. Valid until the next change of the table. */
const struct client *clients_find(const struct clients *table, const void *address);
/** @brief Adds, or replaces the one with that address. @retval FERRY_E_LIMIT full | FERRY_E_NOMEM: nothing changed */
FERRY_MUST_CHECK ferry_err clients_put(struct clients *table, const struct client *client);
/** @brief Removes; nothing happens when there is none. */
void clients_remove(struct clients *table, const void *address);

#endif
