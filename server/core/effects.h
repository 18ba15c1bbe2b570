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

#include <stddef.h>
#include <stdint.h>

typedef enum { EFFECT_PUBLISH = 1, EFFECT_REMOVE_OBJECT, EFFECT_REMOVE_PARTIAL, EFFECT_COUNT_ONE,
               EFFECT_OPERATORS_CHANGED, EFFECT_WEBHOOKS_CHANGED } effect_kind;

struct effect {
    effect_kind kind;
    size_t topic_at, payload_at, payload_len; /**< PUBLISH: in bytes */
    ferry_id key;                             /**< REMOVE_...: the object */
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
FERRY_MUST_CHECK ferry_err effects_remove_partial(struct effects *fx, const ferry_id *key);
FERRY_MUST_CHECK ferry_err effects_operators_changed(struct effects *fx);
FERRY_MUST_CHECK ferry_err effects_webhooks_changed(struct effects *fx);
FERRY_MUST_CHECK ferry_err effects_count_one(struct effects *fx, size_t counter);

#endif
