/**
 * @file hashers.h
 * @brief Threads that hash big blocks beside those who write them to the disk.
 *
 * Blocks of several objects that wait at the same time are hashed together, which takes little longer than one of them.
 * So a block may wait for others, until somebody waits for one.
 */
#ifndef OBJECTS_HASHERS_H
#define OBJECTS_HASHERS_H

#include "objects/digest.h"

struct object_hashers; /* opaque */

/** @brief A block to be added to a hash. All of it is the caller's; between start and wait it is only looked at. */
struct object_hash_job {
    struct object_hash *hash; /**< nobody else's meanwhile */
    const void *bytes;
    size_t len;
    /* of the hashers */
    ferry_err result;
    size_t company; /* blocks that were hashed at once, this one among them; 0: not begun */
    bool done;
    struct object_hash_job *next;
};

/** @retval FERRY_OK | FERRY_E_NOMEM | FERRY_E_IO no thread to be had */
FERRY_MUST_CHECK
ferry_err object_hashers_new(size_t threads, struct object_hashers **ret_hashers);
/** @brief No job may be under way. Accepts null. */
void object_hashers_free(struct object_hashers *hashers);

/**
 * @brief hash, bytes and len are filled in. Never blocks. Any thread, as the next.
 * @param[in] together  hashing begins when so many blocks are there, or somebody waits for one of them; 1: at once
 */
void object_hashers_start(struct object_hashers *hashers, struct object_hash_job *job, size_t together);
/** @brief Waits until the block is hashed. @retval errors of object_hash_update */
FERRY_MUST_CHECK
ferry_err object_hashers_wait(struct object_hashers *hashers, struct object_hash_job *job);

#endif
