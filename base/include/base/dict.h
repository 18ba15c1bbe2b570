/**
 * @file dict.h
 * @brief A table of things by their name, that grows. Not thread-safe.
 *
 * The things are the caller's: each begins with a struct ferry_dict_item, whose name lives as long as it is in the table.
 */
#ifndef BASE_DICT_H
#define BASE_DICT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct ferry_dict_item {
    const char *name;
    uint64_t hash; /* of the table */
};

struct ferry_dict {
    struct ferry_dict_item **slots; /* open addressing; null is free */
    size_t slot_count;              /* a power of two, or 0 */
    size_t used;
    uint64_t seed; /* of chance, so that nobody can choose names that meet in one place */
};

void ferry_dict_init(struct ferry_dict *dict);
/** @brief Frees the table, and with free_item (may be null) the things in it. */
void ferry_dict_done(struct ferry_dict *dict, void (*free_item)(void *item));
/** @brief Null when there is none. */
struct ferry_dict_item *ferry_dict_find(const struct ferry_dict *dict, const char *name);
/** @brief Adds what is not there yet. @retval FERRY_E_NOMEM nothing changed */
FERRY_MUST_CHECK ferry_err ferry_dict_add(struct ferry_dict *dict, struct ferry_dict_item *item);
/**
 * @brief What is there by that name, or a new thing of size bytes, zeroed, with a copy of the name behind it: one block, freed with free().
 * Null: no memory.
 */
void *ferry_dict_find_or_add(struct ferry_dict *dict, const char *name, size_t size);
/** @brief Takes out what is there. */
void ferry_dict_remove(struct ferry_dict *dict, const struct ferry_dict_item *item);
/** @brief Walks over all: null begins, null ends. The table must not change meanwhile. */
struct ferry_dict_item *ferry_dict_next(const struct ferry_dict *dict, const struct ferry_dict_item *previous);

#endif
