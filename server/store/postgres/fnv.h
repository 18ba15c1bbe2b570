/**
 * @file fnv.h
 * @brief FNV-1a, by which questions and devices get a number. It keeps no secret.
 *
 * The number of a device is the one of its lock: programs of every version must come to the same.
 */
#ifndef STORE_POSTGRES_FNV_H
#define STORE_POSTGRES_FNV_H

#include <stddef.h>
#include <stdint.h>

#define PGS_FNV_NOTHING UINT64_C(0xcbf29ce484222325)

static inline uint64_t pgs_fnv(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
