/**
 * @file digest.h
 * @brief The running MD5 (and SHA-256 on request) of an object that is being written.
 *
 * One thread at a time. Shared by the object stores.
 */
#ifndef OBJECTS_DIGEST_H
#define OBJECTS_DIGEST_H

#include "api/objects.h"

#include <stdbool.h>
#include <stddef.h>

struct object_hash; /* opaque */

/** @retval FERRY_OK | FERRY_E_NOMEM */
FERRY_MUST_CHECK
ferry_err object_hash_new(bool with_sha256, struct object_hash **ret_hash);
void object_hash_free(struct object_hash *hash); /**< accepts null */

/** @retval FERRY_OK | FERRY_E_IO the library failed */
FERRY_MUST_CHECK
ferry_err object_hash_update(struct object_hash *hash, const void *bytes, size_t len);

enum { OBJECT_HASH_TOGETHER = 8 };

/** @brief The same for several hashes at once (at most OBJECT_HASH_TOGETHER), which takes little longer than for one of them.
 *  bytes: len of each. @retval FERRY_OK | FERRY_E_IO the library failed: none of the hashes is good any more */
FERRY_MUST_CHECK
ferry_err object_hash_update_together(struct object_hash *const hashes[], const void *const bytes[], size_t count, size_t len);

/** @brief Ends the hash: size and digests of all that was given. @retval FERRY_OK | FERRY_E_IO */
FERRY_MUST_CHECK
ferry_err object_hash_finish(struct object_hash *hash, struct object_digests *ret_digests);

/** @brief Compares what was written with what it must be. Pure.
 *  @retval FERRY_OK | FERRY_E_SIZE | FERRY_E_DIGEST */
FERRY_MUST_CHECK
ferry_err object_digests_check(const struct object_digests *have, const struct object_expect *expect);

#endif
