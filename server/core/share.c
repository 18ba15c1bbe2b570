/* One store, many processes: what this one must not meet, what it asks for ahead, what it tells the others and hears of them. */
#include "engine_internal.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_EVERY_MS = 5000 };

/* What the bits of news mean. Those from TOPIC on: one for each topic. */
enum {
    NEWS_EVENTS = 1 << 0,
    NEWS_OPERATORS = 1 << 1,
    NEWS_WEBHOOKS = 1 << 2,
    NEWS_REVOKED = 1 << 3,
    NEWS_TOPIC = 1 << 4,
};

static const struct {
    effect_kind kind;
    size_t counter; /* of a COUNT_ONE */
    uint32_t news;
} telling[] = {
    {EFFECT_OPERATORS_CHANGED, 0, NEWS_OPERATORS},
    {EFFECT_WEBHOOKS_CHANGED, 0, NEWS_WEBHOOKS},
    {EFFECT_COUNT_ONE, ENGINE_STAT(revocations_total), NEWS_REVOKED},
};

bool share_is_many(const struct engine *e)
{
    return e->store->claim != NULL;
}

/* --- life ------------------------------------------------------------------------------------------------- */

/* On a thread of the store. */
static void heard(void *arg, uint32_t news)
{
    struct engine *e = arg;
    for (size_t i = 0; i < ENGINE_TOPICS; i++) {
        if (news & ((uint32_t)NEWS_TOPIC << i))
            atomic_fetch_add(&e->topics[i], 1);
    }
    if (news & NEWS_OPERATORS)
        atomic_fetch_add(&e->operators_generation, 1);
    if (news & NEWS_WEBHOOKS)
        atomic_fetch_add(&e->webhooks_generation, 1);
    if (news & NEWS_REVOKED)
        atomic_fetch_add(&e->counters[ENGINE_STAT(revocations_total)], 1);
    events_wake(e);
}

ferry_err share_init(struct engine *e)
{
    if (!share_is_many(e))
        return FERRY_OK;
    e->share.scope = ferry_calloc(e->settings.batch_max, sizeof *e->share.scope);
    e->share.others = ferry_calloc(e->settings.batch_max, sizeof *e->share.others);
    if (e->share.scope == NULL || e->share.others == NULL)
        return FERRY_E_NOMEM;
    struct store_listener listener = {.heard = heard, .arg = e};
    ferry_err err = e->store->listen(e->parts.store, &listener);
    e->share.listening = err == FERRY_OK;
    return err;
}

void share_done(struct engine *e)
{
    if (e->share.listening)
        ferry_drop(e->store->listen(e->parts.store, NULL)); /* to end it cannot fail */
    free(e->share.scope);
    free(e->share.others);
}

/* --- what a transaction may touch --------------------------------------------------------------------------- */

/* Of an item that concerns one device alone. */
static const struct device_key *device_of(const struct inbox_item *item)
{
    if (item->message != NULL)
        return &item->message->device;
    bool bytes = item->command != NULL &&
                 (item->command->kind == CMD_UPLOAD_STORED || item->command->kind == CMD_UPLOAD_ACTIVE ||
                  item->command->kind == CMD_UPLOAD_UNWANTED);
    return bytes && item->command->device.key.product[0] != '\0' ? &item->command->device.key : NULL;
}

size_t share_split(struct engine *e, size_t count)
{
    if (!share_is_many(e))
        return 0;
    size_t kept = 0, others = 0;
    for (size_t i = 0; i < count; i++) {
        if (device_of(&e->batch[i]) != NULL)
            e->batch[kept++] = e->batch[i];
        else
            e->share.others[others++] = e->batch[i];
    }
    memcpy(e->batch + kept, e->share.others, others * sizeof *e->batch);
    return kept;
}

static int compare(const void *a, const void *b)
{
    return device_key_compare(a, b);
}

static ferry_err claim_devices(struct engine *e, const struct part *part)
{
    struct device_key *keys = e->share.scope;
    size_t count = 0;
    for (size_t i = part->from; i < part->to; i++)
        keys[count++] = *device_of(&e->batch[i]);
    qsort(keys, count, sizeof *keys, compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || device_key_compare(&keys[kept - 1], &keys[i]) != 0)
            keys[kept++] = keys[i];
    }
    struct store_scope scope = {.devices = keys, .device_count = kept};
    return e->store->claim(e->conn, &scope);
}

ferry_err share_claim(struct engine *e, const struct part *part)
{
    struct store_scope everything = {.everything = true};
    if (!share_is_many(e))
        return FERRY_OK;
    return part->of_devices ? claim_devices(e, part) : e->store->claim(e->conn, &everything);
}

/* --- its part of the limits ---------------------------------------------------------------------------------------- */

ferry_err share_count(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    unsigned count = 1;
    *ret_more = false;
    if (!share_is_many(e) || now_ms < e->next.count_ms)
        return FERRY_OK;
    ferry_err err = e->store->processes(e->conn, &count);
    if (err != FERRY_OK)
        return err;
    e->next.count_ms = now_ms + COUNT_EVERY_MS;
    ferry_rate_share(e->device_rate, count);
    return FERRY_OK;
}

/* --- what it asks for ahead ------------------------------------------------------------------------------------ */

ferry_err share_rehearse(struct engine *e, const struct part *part, part_item *run, uint64_t now_ms)
{
    bool again = share_is_many(e) && part->of_devices;
    ferry_err err = again ? e->store->rehearse(e->conn, &again) : FERRY_OK;
    while (err == FERRY_OK && again) {
        for (size_t i = part->from; err == FERRY_OK && i < part->to; i++) {
            struct effects_mark mark = effects_mark(&e->effects);
            err = e->store->savepoint(e->conn);
            if (err != FERRY_OK)
                break;
            ferry_drop(run(e, e->batch[i], now_ms)); /* what it says now, it will say again */
            effects_rewind(&e->effects, mark);
            err = e->store->rewind(e->conn);
        }
        if (err == FERRY_OK)
            err = e->store->rehearse(e->conn, &again);
    }
    return err;
}

/* --- what it tells ----------------------------------------------------------------------------------------------- */

static uint32_t news_of(const struct effect *effect)
{
    for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
        if (telling[i].kind == effect->kind && (effect->kind != EFFECT_COUNT_ONE || telling[i].counter == effect->counter))
            return telling[i].news;
    }
    return 0;
}

ferry_err share_tell(struct engine *e)
{
    uint32_t news = e->events_written ? NEWS_EVENTS : 0;
    if (!share_is_many(e))
        return FERRY_OK;
    for (size_t i = 0; i < e->effects.count; i++)
        news |= news_of(&e->effects.list[i]);
    for (size_t i = 0; i < ENGINE_TOPICS; i++)
        news |= e->topics_changed[i] ? (uint32_t)NEWS_TOPIC << i : 0;
    return news != 0 ? e->store->tell(e->conn, news) : FERRY_OK;
}
