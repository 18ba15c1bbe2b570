/**
 * @file statistics.h
 * @brief How many tasks ended, and how: numbers by the hour that stay when the tasks are gone.
 *
 * An upload counts when its file is whole (stored) or when it ended before that; what becomes of it later does not
 * count. A download counts when it ends, and again when it was tried again and ends once more. Bytes are those of the
 * files that arrived whole.
 */
#ifndef API_STATISTICS_H
#define API_STATISTICS_H

#include <stdint.h>

#define STATISTICS_HOUR_MS UINT64_C(3600000)

struct ended_tasks {
    uint64_t done;
    uint64_t failed;    /**< also: expired, timed out, rejected */
    uint64_t cancelled;
    uint64_t bytes;     /**< of those that are done; at most UINT64_MAX */
};

/** @brief Of some time: an hour, a day. */
struct statistics {
    struct ended_tasks uploads, downloads;
};

/** @brief Which times: count of them, each of so many hours, from an hour since 1970 on. */
struct statistics_span {
    uint64_t first_hour;
    uint32_t hours_each; /**< at least 1 */
    uint32_t count;      /**< at least 1 */
};

#endif
