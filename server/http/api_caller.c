#include "api_caller.h"

#include "base/alloc.h"
#include "base/encode.h"

#include <pthread.h>
#include <stdlib.h>

enum { ENTRIES = 64 }; /* by the first byte of the hash, which is as good as chance */

struct api_callers {
    pthread_mutex_t lock; /* guards all below */
    struct {
        bool used;
        uint64_t generation;
        struct api_caller caller;
    } entries[ENTRIES];
};

ferry_err api_callers_new(struct api_callers **ret_callers)
{
    struct api_callers *callers = ferry_calloc(1, sizeof *callers);

    if (callers == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_init(&callers->lock, NULL);
    *ret_callers = callers;
    return FERRY_OK;
}

void api_callers_free(struct api_callers *callers)
{
    if (callers == NULL)
        return;
    pthread_mutex_destroy(&callers->lock);
    free(callers);
}

bool api_callers_get(struct api_callers *callers, const uint8_t hash[32], uint64_t generation,
                     struct api_caller *ret_caller)
{
    size_t at = hash[0] % ENTRIES;

    pthread_mutex_lock(&callers->lock);
    bool found = callers->entries[at].used && callers->entries[at].generation == generation &&
                 ferry_equal_constant_time(callers->entries[at].caller.hash, hash, 32);
    if (found)
        *ret_caller = callers->entries[at].caller;
    pthread_mutex_unlock(&callers->lock);
    return found;
}

void api_callers_put(struct api_callers *callers, uint64_t generation, const struct api_caller *caller)
{
    size_t at = caller->hash[0] % ENTRIES;

    pthread_mutex_lock(&callers->lock);
    callers->entries[at].used = true;
    callers->entries[at].generation = generation;
    callers->entries[at].caller = *caller;
    pthread_mutex_unlock(&callers->lock);
}
