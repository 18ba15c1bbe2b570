#include "object_verdicts.h"

#include "base/alloc.h"
#include "base/encode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SHELVES = 64 }; /* each with its mutex, so that threads seldom meet */

struct verdict {
    struct object_address address; /* no signature: the place is free */
    uint64_t generation;
    struct object_target target;
};

struct shelf {
    pthread_mutex_t mutex; /* guards its verdicts */
    struct verdict *verdicts;
};

struct object_verdicts {
    uint32_t per_shelf;
    struct shelf shelves[SHELVES];
    struct verdict all[];
};

ferry_err object_verdicts_new(uint32_t count, struct object_verdicts **ret_verdicts)
{
    uint32_t per_shelf = count / SHELVES + (count % SHELVES != 0);
    size_t places = (size_t)per_shelf * SHELVES;
    struct object_verdicts *verdicts = ferry_calloc(1, sizeof *verdicts + places * sizeof verdicts->all[0]);
    if (verdicts == NULL)
        return FERRY_E_NOMEM;
    verdicts->per_shelf = per_shelf;
    for (size_t i = 0; i < SHELVES; i++) {
        (void)pthread_mutex_init(&verdicts->shelves[i].mutex, NULL);
        verdicts->shelves[i].verdicts = verdicts->all + i * per_shelf;
    }
    *ret_verdicts = verdicts;
    return FERRY_OK;
}

void object_verdicts_free(struct object_verdicts *verdicts)
{
    if (verdicts == NULL)
        return;
    for (size_t i = 0; i < SHELVES; i++)
        (void)pthread_mutex_destroy(&verdicts->shelves[i].mutex);
    free(verdicts);
}

/* Of the id alone, so that the time of a look-up says nothing about signatures. */
static struct verdict *place_of(struct object_verdicts *verdicts, const ferry_id *task, struct shelf **ret_shelf)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < FERRY_ID_LEN; i++)
        h = (h ^ (uint8_t)task->text[i]) * 16777619u;
    *ret_shelf = &verdicts->shelves[(h ^ h >> 16) % SHELVES];
    return verdicts->per_shelf != 0 ? &(*ret_shelf)->verdicts[(h >> 8) % verdicts->per_shelf] : NULL;
}

static bool is_of(const struct verdict *verdict, const struct object_address *address)
{
    size_t len = strlen(address->signature);
    return ferry_id_equal(&verdict->address.task, &address->task) && verdict->address.expires_s == address->expires_s &&
           strlen(verdict->address.signature) == len &&
           ferry_equal_constant_time(verdict->address.signature, address->signature, len);
}

bool object_verdicts_find(struct object_verdicts *verdicts, const struct object_address *address, uint64_t generation,
                          struct object_target *ret_target)
{
    struct shelf *shelf;
    struct verdict *verdict = place_of(verdicts, &address->task, &shelf);
    if (verdict == NULL)
        return false;
    pthread_mutex_lock(&shelf->mutex);
    bool found = verdict->generation == generation && is_of(verdict, address);
    if (found)
        *ret_target = verdict->target;
    pthread_mutex_unlock(&shelf->mutex);
    return found;
}

void object_verdicts_keep(struct object_verdicts *verdicts, const struct object_address *address, uint64_t generation,
                          const struct object_target *target)
{
    struct shelf *shelf;
    struct verdict *verdict = place_of(verdicts, &address->task, &shelf);
    if (verdict == NULL)
        return;
    pthread_mutex_lock(&shelf->mutex);
    *verdict = (struct verdict){.address = *address, .generation = generation, .target = *target};
    pthread_mutex_unlock(&shelf->mutex);
}
