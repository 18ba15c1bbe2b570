/**
 * @file id.h
 * @brief Identifiers of tasks, resources and deployments: 26 characters, ordered by time.
 *
 * 48 bits of Unix milliseconds and 80 random bits in Crockford's base32, lower case (the form of
 * a ULID). Sorting the text sorts by time of creation. Workers need no coordination to make them.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FERRY_ID_LEN = 26, FERRY_ID_RANDOM_BYTES = 10 };

/** @brief An identifier as text with its NUL. All zero means "none". */
typedef struct {
    char text[FERRY_ID_LEN + 1];
} ferry_id;

/** @brief Makes an identifier from the time and random bytes. Pure. */
ferry_id ferry_id_make(uint64_t unix_ms, const uint8_t random[FERRY_ID_RANDOM_BYTES]);
/** @brief True for exactly 26 lower-case base32 characters (first one 0-7); on success *ret_id is set. */
bool ferry_id_parse(const char *text, size_t len, ferry_id *ret_id);
/** @brief The time that it was made from. */
uint64_t ferry_id_ms(const ferry_id *id);
bool ferry_id_equal(const ferry_id *a, const ferry_id *b);

#endif
