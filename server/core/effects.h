/**
 * @file effects.h
 * @brief What a batch wants to be seen outside, held back until its transaction is committed.
 *
 * Used by the engine's thread alone. A command that is undone takes its effects back by the mark.
 */
#ifndef CORE_EFFECTS_H
#define CORE_EFFECTS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { EFFECT_PUBLISH = 1, EFFECT_REMOVE_OBJECT, EFFECT_REMOVE_PARTIAL, EFFECT_COUNT_ONE,
               EFFECT_OPERATORS_CHANGED, EFFECT_WEBHOOKS_CHANGED, EFFECT_ERRAND } effect_kind;

/** @brief What a store across a network is asked (errands.c). */
typedef enum {
    ERRAND_REPORT = 1, /**< is the object there of which a device says that it is done? Then its message is handled again */
    ERRAND_EXPIRY,     /**< has the object come of a task that is about to expire? */
    ERRAND_PARTIAL,    /**< how much has come of a resource's upload? With an MD5: is it there as a whole? */
    ERRAND_REMOVE_OBJECT,
    ERRAND_REMOVE_PARTIAL,
} errand_kind;

struct effect {
    effect_kind kind;
    size_t topic_at, payload_at, payload_len; /**< PUBLISH: in bytes */
    ferry_id key;                             /**< REMOVE_..., ERRAND: the object */
    errand_kind errand;
    uint64_t size;                            /**< ERRAND: what the object must be */
    char md5[FERRY_MD5_HEX + 1];
    size_t item;                              /**< ERRAND_REPORT: of the batch, which message */
    size_t counter;                           /**< COUNT_ONE, PUBLISH: of the engine; PUBLISH: or EFFECTS_COUNT_NOTHING */
};

struct effects {
    struct effect *list;
    size_t count, cap;
    struct ferry_buf bytes; /**< topics and payloads, each followed by a NUL */
};

struct effects_mark {
    size_t count, bytes_len;
};

/** Effects of one batch that can be held; a batch that wants more is undone (it cannot, by its size). */
#define EFFECTS_MAX 16384u
#define EFFECTS_BYTES_MAX (32u << 20)

void effects_init(struct effects *fx);
void effects_done(struct effects *fx);
void effects_reset(struct effects *fx);
struct effects_mark effects_mark(const struct effects *fx);
void effects_rewind(struct effects *fx, struct effects_mark mark);

#define EFFECTS_COUNT_NOTHING SIZE_MAX

/**
 * @param[in] counter  grows when the message is with the broker
 * @retval FERRY_E_LIMIT | FERRY_E_NOMEM nothing was added
 */
FERRY_MUST_CHECK ferry_err effects_publish(struct effects *fx, const char *topic, const void *payload, size_t len,
                                           size_t counter);
FERRY_MUST_CHECK ferry_err effects_remove_object(struct effects *fx, const ferry_id *key);
/** Is it about to be removed? */
bool effects_removes_object(const struct effects *fx, const ferry_id *key);
FERRY_MUST_CHECK ferry_err effects_remove_partial(struct effects *fx, const ferry_id *key);
FERRY_MUST_CHECK ferry_err effects_operators_changed(struct effects *fx);
FERRY_MUST_CHECK ferry_err effects_webhooks_changed(struct effects *fx);
/** size and md5: what the object must be; md5 may be "". item: of the batch, for ERRAND_REPORT. */
FERRY_MUST_CHECK ferry_err effects_errand(struct effects *fx, errand_kind kind, const ferry_id *key, uint64_t size,
                                          const char *md5, size_t item);
FERRY_MUST_CHECK ferry_err effects_count_one(struct effects *fx, size_t counter);

#endif
