#include "api_guard.h"

#include "base/alloc.h"
#include "core/lockout.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api_guard {
    pthread_mutex_t lock; /* guards entries */
    struct lockout entries[API_GUARD_ADDRESSES]; /* by address; an empty name is free */
};

ferry_err api_guard_new(struct api_guard **ret_guard)
{
    struct api_guard *guard = ferry_calloc(1, sizeof *guard);

    if (guard == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_init(&guard->lock, NULL);
    *ret_guard = guard;
    return FERRY_OK;
}

void api_guard_free(struct api_guard *guard)
{
    if (guard == NULL)
        return;
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}

/* Who has one IPv6 address has a network of them: the first half counts. */
static void name_of(const char *address, char out[FERRY_IDENT_MAX + 1])
{
    size_t len = 0, colons = 0;

    if (strchr(address, '.') == NULL) {
        for (; address[len] != '\0' && colons < 4; len++)
            colons += address[len] == ':';
    } else {
        len = strlen(address);
    }
    (void)snprintf(out, FERRY_IDENT_MAX + 1, "%.*s", (int)len, address);
}

static struct lockout *find(struct api_guard *guard, const char *name)
{
    for (size_t i = 0; i < API_GUARD_ADDRESSES; i++) {
        if (guard->entries[i].name[0] != '\0' && strcmp(guard->entries[i].name, name) == 0)
            return &guard->entries[i];
    }
    return NULL;
}

static struct lockout *oldest(struct api_guard *guard)
{
    struct lockout *found = &guard->entries[0];

    for (size_t i = 1; i < API_GUARD_ADDRESSES; i++) {
        if (guard->entries[i].updated_ms < found->updated_ms)
            found = &guard->entries[i];
    }
    return found;
}

uint64_t api_guard_until_ms(struct api_guard *guard, const char *address)
{
    char name[FERRY_IDENT_MAX + 1];

    name_of(address, name);
    pthread_mutex_lock(&guard->lock);
    const struct lockout *entry = find(guard, name);
    uint64_t until_ms = entry != NULL ? entry->until_ms : 0;
    pthread_mutex_unlock(&guard->lock);
    return until_ms;
}

void api_guard_failed(struct api_guard *guard, const char *address, uint64_t now_ms)
{
    char name[FERRY_IDENT_MAX + 1];

    name_of(address, name);
    pthread_mutex_lock(&guard->lock);
    struct lockout *entry = find(guard, name);
    if (entry == NULL) {
        entry = oldest(guard);
        *entry = (struct lockout){.failures = 0};
        memcpy(entry->name, name, sizeof entry->name);
    }
    lockout_fail(entry, API_GUARD_FREE, now_ms);
    pthread_mutex_unlock(&guard->lock);
}

void api_guard_succeeded(struct api_guard *guard, const char *address)
{
    char name[FERRY_IDENT_MAX + 1];

    name_of(address, name);
    pthread_mutex_lock(&guard->lock);
    struct lockout *entry = find(guard, name);
    if (entry != NULL)
        *entry = (struct lockout){.failures = 0};
    pthread_mutex_unlock(&guard->lock);
}
