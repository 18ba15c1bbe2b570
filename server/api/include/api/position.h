/**
 * @file position.h
 * @brief Where a row stands in a list that is sorted by a value: its key, and the value, that many rows may have. Pure.
 */
#ifndef API_POSITION_H
#define API_POSITION_H

#include "base/id.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

/** As text: the key, a space, the value. A key has no space in it. */
enum { STORE_POSITION_SIZE = FERRY_IDENT_MAX + 1 + FERRY_NAME_MAX + 1 };

struct store_position {
    char key[FERRY_IDENT_MAX + 1];
    char value[FERRY_NAME_MAX + 1]; /**< a name, or a number in decimal digits */
};

void store_position_write(const char *key, const char *value, char out[STORE_POSITION_SIZE]);
void store_position_write_number(const char *key, uint64_t value, char out[STORE_POSITION_SIZE]);
/** @brief False when it is none. */
bool store_position_read(const char *text, struct store_position *ret_position);
/** @brief The value as a number of the database; false when it is none. */
bool store_position_number(const struct store_position *position, uint64_t *ret_number);

#endif
