/**
 * @file object_verdicts.h
 * @brief URLs that were found good: whoever fetches in parts, or again, is not looked up each time.
 *
 * A verdict holds as long as the generation of rights (engine_fetch_rights) in which it was made; that a URL expires is judged
 * by the caller. The table has a fixed size: a new verdict takes the place of another one.
 */
#ifndef HTTP_OBJECT_VERDICTS_H
#define HTTP_OBJECT_VERDICTS_H

#include "object_address.h"
#include "object_target.h"

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct object_verdicts;

/** @brief A table for so many at most, a little more or less; 0: nothing is remembered. */
FERRY_MUST_CHECK
ferry_err object_verdicts_new(uint32_t count, struct object_verdicts **ret_verdicts);
void object_verdicts_free(struct object_verdicts *verdicts); /**< accepts null */

/** @brief Was this very URL found good in this generation? The signature is compared in constant time. Any thread, as the next. */
bool object_verdicts_find(struct object_verdicts *verdicts, const struct object_address *address, uint64_t generation,
                          struct object_target *ret_target);
/** @brief generation: as it was before the target was looked up. */
void object_verdicts_keep(struct object_verdicts *verdicts, const struct object_address *address, uint64_t generation,
                          const struct object_target *target);

#endif
