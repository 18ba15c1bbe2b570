/**
 * @file md5_lanes.h
 * @brief MD5 of several streams at once, one in each lane of the processor's vectors.
 *
 * A stream cannot be hashed faster than its steps follow each other, but beside it there is room for others.
 */
#ifndef OBJECTS_MD5_LANES_H
#define OBJECTS_MD5_LANES_H

#include <stddef.h>
#include <stdint.h>

enum { MD5_LANES = 8, MD5_BLOCK = 64 };

/** @brief Adds so many blocks of each stream to its state. A lane that is not needed is given any state and bytes of its own. */
void md5_lanes_add(uint32_t state[4][MD5_LANES], const uint8_t *const bytes[MD5_LANES], size_t blocks);

#endif
