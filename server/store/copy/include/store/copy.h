/**
 * @file copy.h
 * @brief Moves all that an SQLite store holds into an empty PostgreSQL database, and reads it back.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "base/error.h"

#include <stdint.h>

enum { STORE_COPY_PROBLEM_SIZE = 512, STORE_COPY_HASH_SIZE = 65 };

struct store_copied {
    const char *table;
    uint64_t rows;
    char hash[STORE_COPY_HASH_SIZE]; /**< SHA-256 of the rows in the order of their key, the same on both sides */
};

struct store_copy_config {
    const char *from;  /**< path of the SQLite file */
    const char *to;    /**< postgresql://… */
    uint32_t busy_ms;  /**< patience with locks of other programs */
    void (*copied)(void *arg, const struct store_copied *table); /**< after each table */
    void *arg;
};

/**
 * @brief Copies every table in one transaction of each side: all of it is there in the end, or nothing. Both are brought to the newest schema.
 *
 * Nobody may work on either meanwhile: the source cannot be written to, and what its programs know would be missing in the copy.
 * The counters become those of worker -1, which no program is.
 *
 * reterr_problem: what is wrong and what to do, without a secret.
 * @retval FERRY_E_NOT_FOUND no such file | FERRY_E_EXISTS the database holds something | FERRY_E_CORRUPT what was read back differs, or the
 *         tables do | FERRY_E_BUSY | FERRY_E_IO | as connect() of either store
 */
FERRY_MUST_CHECK ferry_err store_copy(const struct store_copy_config *cfg, char reterr_problem[STORE_COPY_PROBLEM_SIZE]);

#endif
