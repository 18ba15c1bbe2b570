#include "effects.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

void effects_init(struct effects *fx)
{
    *fx = (struct effects){.bytes = FERRY_BUF_INIT(EFFECTS_BYTES_MAX)};
}

void effects_done(struct effects *fx)
{
    free(fx->list);
    ferry_buf_done(&fx->bytes);
    *fx = (struct effects){0};
}

void effects_reset(struct effects *fx)
{
    fx->count = 0;
    ferry_buf_reset(&fx->bytes);
}

struct effects_mark effects_mark(const struct effects *fx)
{
    return (struct effects_mark){.count = fx->count, .bytes_len = fx->bytes.len};
}

void effects_rewind(struct effects *fx, struct effects_mark mark)
{
    fx->count = mark.count;
    fx->bytes.len = mark.bytes_len;
}

static ferry_err add(struct effects *fx, struct effect effect)
{
    if (fx->count == EFFECTS_MAX)
        return FERRY_E_LIMIT;
    if (fx->count == fx->cap) {
        size_t cap = fx->cap == 0 ? 64 : fx->cap * 2;
        struct effect *list = ferry_realloc(fx->list, cap * sizeof *list);
        if (list == NULL)
            return FERRY_E_NOMEM;
        fx->list = list;
        fx->cap = cap;
    }
    fx->list[fx->count++] = effect;
    return FERRY_OK;
}

ferry_err effects_publish(struct effects *fx, const char *topic, const void *payload, size_t len, size_t counter)
{
    struct effects_mark mark = effects_mark(fx);
    struct effect effect = {.kind = EFFECT_PUBLISH, .topic_at = fx->bytes.len, .payload_len = len, .counter = counter};
    ferry_err err = ferry_buf_append(&fx->bytes, topic, strlen(topic) + 1);
    effect.payload_at = fx->bytes.len;
    if (err == FERRY_OK)
        err = ferry_buf_append(&fx->bytes, payload, len);
    if (err == FERRY_OK)
        err = ferry_buf_append(&fx->bytes, "", 1);
    if (err == FERRY_OK)
        err = add(fx, effect);
    if (err != FERRY_OK)
        effects_rewind(fx, mark);
    return err;
}

ferry_err effects_remove_object(struct effects *fx, const ferry_id *key)
{
    return add(fx, (struct effect){.kind = EFFECT_REMOVE_OBJECT, .key = *key});
}

bool effects_removes_object(const struct effects *fx, const ferry_id *key)
{
    for (size_t i = 0; i < fx->count; i++) {
        if (fx->list[i].kind == EFFECT_REMOVE_OBJECT && ferry_id_equal(&fx->list[i].key, key))
            return true;
    }
    return false;
}

ferry_err effects_remove_partial(struct effects *fx, const ferry_id *key)
{
    return add(fx, (struct effect){.kind = EFFECT_REMOVE_PARTIAL, .key = *key});
}

ferry_err effects_errand(struct effects *fx, errand_kind kind, const ferry_id *key, uint64_t size, const char *md5, size_t item)
{
    struct effect effect = {.kind = EFFECT_ERRAND, .key = *key, .errand = kind, .size = size, .item = item};
    memcpy(effect.md5, md5, strnlen(md5, FERRY_MD5_HEX));
    return add(fx, effect);
}

ferry_err effects_count_one(struct effects *fx, size_t counter)
{
    return add(fx, (struct effect){.kind = EFFECT_COUNT_ONE, .counter = counter});
}

ferry_err effects_operators_changed(struct effects *fx)
{
    return add(fx, (struct effect){.kind = EFFECT_OPERATORS_CHANGED});
}

ferry_err effects_webhooks_changed(struct effects *fx)
{
    return add(fx, (struct effect){.kind = EFFECT_WEBHOOKS_CHANGED});
}
