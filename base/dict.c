#include "base/dict.h"

#include "base/alloc.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

void ferry_dict_init(struct ferry_dict *dict)
{
    *dict = (struct ferry_dict){.slots = NULL};
    ferry_random_bytes(&dict->seed, sizeof(dict->seed));
}

void ferry_dict_done(struct ferry_dict *dict, void (*free_item)(void *item))
{
    for (size_t i = 0; free_item != NULL && i < dict->slot_count; i++)
        if (dict->slots[i] != NULL)
            free_item(dict->slots[i]);
    free(dict->slots);
    *dict = (struct ferry_dict){.slots = NULL};
}

static uint64_t hash(uint64_t seed, const char *name)
{
    uint64_t h = seed;

    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 32);
}

/* Where the name is, or the free slot where it belongs. There is always a free one. */
static size_t seek(struct ferry_dict_item *const *slots, size_t slot_count, uint64_t h, const char *name)
{
    size_t at = (size_t)h & (slot_count - 1);

    while (slots[at] != NULL && (slots[at]->hash != h || strcmp(slots[at]->name, name) != 0))
        at = (at + 1) & (slot_count - 1);
    return at;
}

static ferry_err grow(struct ferry_dict *dict)
{
    size_t count = dict->slot_count > 0 ? dict->slot_count * 2 : FIRST_SLOTS;
    struct ferry_dict_item **slots = ferry_calloc(count, sizeof(struct ferry_dict_item *));

    if (slots == NULL)
        return FERRY_E_NOMEM;
    for (size_t i = 0; i < dict->slot_count; i++)
        if (dict->slots[i] != NULL)
            slots[seek(slots, count, dict->slots[i]->hash, dict->slots[i]->name)] = dict->slots[i];
    free(dict->slots);
    dict->slots = slots;
    dict->slot_count = count;
    return FERRY_OK;
}

struct ferry_dict_item *ferry_dict_find(const struct ferry_dict *dict, const char *name)
{
    return dict->slot_count == 0 ? NULL : dict->slots[seek(dict->slots, dict->slot_count, hash(dict->seed, name), name)];
}

ferry_err ferry_dict_add(struct ferry_dict *dict, struct ferry_dict_item *item)
{
    ferry_err err = (dict->used + 1) * 2 > dict->slot_count ? grow(dict) : FERRY_OK;

    if (err != FERRY_OK)
        return err;
    item->hash = hash(dict->seed, item->name);
    dict->slots[seek(dict->slots, dict->slot_count, item->hash, item->name)] = item;
    dict->used++;
    return FERRY_OK;
}

void *ferry_dict_find_or_add(struct ferry_dict *dict, const char *name, size_t size)
{
    struct ferry_dict_item *item = ferry_dict_find(dict, name);
    size_t name_size = strlen(name) + 1;

    if (item != NULL)
        return item;
    item = ferry_calloc(1, size + name_size);
    if (item == NULL)
        return NULL;
    item->name = memcpy((char *)item + size, name, name_size);
    if (ferry_dict_add(dict, item) == FERRY_OK)
        return item;
    free(item);
    return NULL;
}

/* Moves back what stands behind the hole only because the hole was taken. */
static void close_hole(struct ferry_dict *dict, size_t hole)
{
    const size_t mask = dict->slot_count - 1;

    for (size_t at = (hole + 1) & mask; dict->slots[at] != NULL; at = (at + 1) & mask) {
        size_t wanted = (size_t)dict->slots[at]->hash & mask;

        if (((at - wanted) & mask) < ((at - hole) & mask))
            continue;
        dict->slots[hole] = dict->slots[at];
        dict->slots[at] = NULL;
        hole = at;
    }
}

void ferry_dict_remove(struct ferry_dict *dict, const struct ferry_dict_item *item)
{
    size_t at = seek(dict->slots, dict->slot_count, item->hash, item->name);

    dict->slots[at] = NULL;
    dict->used--;
    close_hole(dict, at);
}

struct ferry_dict_item *ferry_dict_next(const struct ferry_dict *dict, const struct ferry_dict_item *previous)
{
    size_t at = previous == NULL ? 0 : seek(dict->slots, dict->slot_count, previous->hash, previous->name) + 1;

    while (at < dict->slot_count && dict->slots[at] == NULL)
        at++;
    return at < dict->slot_count ? dict->slots[at] : NULL;
}
