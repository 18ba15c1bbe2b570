#include "clients.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

void clients_init(struct clients *table)
{
    *table = (struct clients){.slots = NULL};
}

static void client_free(struct client *client)
{
    if (client == NULL)
        return;
    explicit_bzero(&client->who, sizeof(client->who));
    free(client->client_id);
    free(client->peer);
    free(client);
}

static struct client *client_new(const void *address, const struct principal *who, const char *client_id,
                                 const char *peer)
{
    struct client *copy = ferry_malloc(sizeof(*copy));

    if (copy == NULL)
        return NULL;
    copy->address = address;
    copy->who = *who;
    copy->client_id = ferry_strdup(client_id);
    copy->peer = peer != NULL ? ferry_strdup(peer) : NULL;
    if (copy->client_id != NULL && (peer == NULL || copy->peer != NULL))
        return copy;
    client_free(copy);
    return NULL;
}

void clients_done(struct clients *table)
{
    for (size_t i = 0; i < table->slot_count; i++)
        client_free(table->slots[i]);
    free(table->slots);
    clients_init(table);
}

static size_t home(const void *address, size_t slot_count)
{
    uint64_t mixed = (uint64_t)(uintptr_t)address * 0x9e3779b97f4a7c15ull; /* Fibonacci hashing: good upper bits */

    return (size_t)(mixed >> 32) & (slot_count - 1);
}

/* The slot that holds the address, or the free one where it belongs. There is always a free slot. */
static size_t seek(struct client *const *slots, size_t slot_count, const void *address)
{
    size_t at = home(address, slot_count);

    while (slots[at] != NULL && slots[at]->address != address)
        at = (at + 1) & (slot_count - 1);
    return at;
}

static ferry_err grow(struct clients *table)
{
    size_t count = table->slot_count > 0 ? table->slot_count * 2 : FIRST_SLOTS;
    struct client **slots = ferry_calloc(count, sizeof(struct client *));

    if (slots == NULL)
        return FERRY_E_NOMEM;
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i] != NULL)
            slots[seek(slots, count, table->slots[i]->address)] = table->slots[i];
    free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    return FERRY_OK;
}

struct client *clients_find(const struct clients *table, const void *address)
{
    return table->slot_count == 0 ? NULL : table->slots[seek(table->slots, table->slot_count, address)];
}

struct client *clients_next(const struct clients *table, const struct client *previous)
{
    size_t at = previous == NULL ? 0 : seek(table->slots, table->slot_count, previous->address) + 1;

    while (at < table->slot_count && table->slots[at] == NULL)
        at++;
    return at < table->slot_count ? table->slots[at] : NULL;
}

ferry_err clients_put(struct clients *table, const void *address, const struct principal *who, const char *client_id,
                      const char *peer)
{
    struct client *copy;
    size_t at;

    if ((table->used + 1) * 2 > table->slot_count) {
        ferry_err err = grow(table);

        if (err != FERRY_OK)
            return err;
    }
    at = seek(table->slots, table->slot_count, address);
    if (table->slots[at] == NULL && table->used >= CLIENTS_MAX)
        return FERRY_E_LIMIT;
    copy = client_new(address, who, client_id, peer);
    if (copy == NULL)
        return FERRY_E_NOMEM;
    table->used += table->slots[at] == NULL;
    client_free(table->slots[at]);
    table->slots[at] = copy;
    return FERRY_OK;
}

/* Moves back what stands behind the hole only because the hole was taken. */
static void close_hole(struct clients *table, size_t hole)
{
    const size_t mask = table->slot_count - 1;

    for (size_t at = (hole + 1) & mask; table->slots[at] != NULL; at = (at + 1) & mask) {
        size_t wanted = home(table->slots[at]->address, table->slot_count);

        if (((at - wanted) & mask) < ((at - hole) & mask))
            continue;
        table->slots[hole] = table->slots[at];
        table->slots[at] = NULL;
        hole = at;
    }
}

void clients_remove(struct clients *table, const void *address)
{
    size_t at;

    if (table->slot_count == 0)
        return;
    at = seek(table->slots, table->slot_count, address);
    if (table->slots[at] == NULL)
        return;
    client_free(table->slots[at]);
    table->slots[at] = NULL;
    table->used--;
    close_hole(table, at);
}
