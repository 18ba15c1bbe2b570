#include "presence_table.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static struct presence_entry *entry_of(struct ferry_dict_item *item)
{
    return (struct presence_entry *)item;
}

void presence_table_init(struct presence_table *t)
{
    *t = (struct presence_table){.round = 0};
    ferry_dict_init(&t->entries);
}

void presence_table_done(struct presence_table *t)
{
    ferry_dict_done(&t->entries, free);
    presence_table_init(t);
}

/* --- queues ------------------------------------------------------------------------------------------------ */

static void take_out(struct presence_table *t, struct presence_entry *entry)
{
    if (entry->queue == PRESENCE_QUEUE_NONE)
        return;
    if (entry->before != NULL)
        entry->before->behind = entry->behind;
    else
        t->queues[entry->queue].first = entry->behind;
    if (entry->behind != NULL)
        entry->behind->before = entry->before;
    else
        t->queues[entry->queue].last = entry->before;
    entry->before = entry->behind = NULL;
    entry->queue = PRESENCE_QUEUE_NONE;
}

static void put_last(struct presence_table *t, struct presence_entry *entry, enum presence_queue queue)
{
    entry->before = t->queues[queue].last;
    entry->behind = NULL;
    entry->queue = queue;
    if (entry->before != NULL)
        entry->before->behind = entry;
    else
        t->queues[queue].first = entry;
    t->queues[queue].last = entry;
}

/* What waits as changed keeps its place. */
static void note_change(struct presence_table *t, struct presence_entry *entry)
{
    if (entry->queue == PRESENCE_QUEUE_CHANGED)
        return;
    take_out(t, entry);
    put_last(t, entry, PRESENCE_QUEUE_CHANGED);
}

static void note_seen(struct presence_table *t, struct presence_entry *entry, uint64_t now_ms)
{
    if (entry->queue != PRESENCE_QUEUE_NONE)
        return;
    entry->due_ms = now_ms + PRESENCE_SEEN_EVERY_MS;
    put_last(t, entry, PRESENCE_QUEUE_SEEN);
}

/* --- entries ----------------------------------------------------------------------------------------------- */

static struct presence_entry *find(const struct presence_table *t, const char *name)
{
    return entry_of(ferry_dict_find(&t->entries, name));
}

static void set_online(struct presence_table *t, struct presence_entry *entry, uint64_t online_ms)
{
    if (online_ms != 0 && entry->online_ms == 0)
        t->online++;
    if (online_ms == 0 && entry->online_ms != 0)
        t->online--;
    entry->online_ms = online_ms;
}

static void set_seen(struct presence_entry *entry, uint64_t at_ms)
{
    if (at_ms > entry->seen_ms)
        entry->seen_ms = at_ms;
}

ferry_err presence_table_load(struct presence_table *t, const char *name, uint64_t online_ms, uint64_t seen_ms)
{
    struct presence_entry *entry = ferry_dict_find_or_add(&t->entries, name, sizeof(struct presence_entry));
    if (entry == NULL)
        return FERRY_E_NOMEM;
    set_online(t, entry, online_ms);
    set_seen(entry, seen_ms);
    entry->stored_online = online_ms != 0;
    return FERRY_OK;
}

ferry_err presence_table_set(struct presence_table *t, const char *name, uint64_t online_ms, uint64_t at_ms)
{
    struct presence_entry *entry = ferry_dict_find_or_add(&t->entries, name, sizeof(struct presence_entry));
    if (entry == NULL)
        return FERRY_E_NOMEM;
    entry->round = t->round;
    if (entry->online_ms == online_ms && (online_ms != 0 || entry->queue == PRESENCE_QUEUE_CHANGED))
        return FERRY_OK;
    set_online(t, entry, online_ms);
    set_seen(entry, at_ms);
    entry->unlisted = false;
    note_change(t, entry);
    return FERRY_OK;
}

ferry_err presence_table_seen(struct presence_table *t, const char *name, uint64_t now_ms)
{
    struct presence_entry *entry = ferry_dict_find_or_add(&t->entries, name, sizeof(struct presence_entry));
    if (entry == NULL)
        return FERRY_E_NOMEM;
    set_seen(entry, now_ms);
    note_seen(t, entry, now_ms);
    return FERRY_OK;
}

bool presence_table_has(const struct presence_table *t, const char *name)
{
    return find(t, name) != NULL;
}

/* --- the list of all --------------------------------------------------------------------------------------- */

void presence_table_begin_all(struct presence_table *t)
{
    t->round++;
}

void presence_table_end_all(struct presence_table *t, uint64_t gone_ms)
{
    for (struct ferry_dict_item *at = ferry_dict_next(&t->entries, NULL); at != NULL; at = ferry_dict_next(&t->entries, at)) {
        struct presence_entry *entry = entry_of(at);
        if (entry->online_ms == 0 || entry->round == t->round)
            continue;
        set_online(t, entry, 0);
        set_seen(entry, gone_ms);
        entry->unlisted = true;
        note_change(t, entry);
    }
}

/* --- into the store ---------------------------------------------------------------------------------------- */

static const struct presence_entry *if_due(const struct presence_entry *seen, uint64_t now_ms)
{
    return seen != NULL && seen->due_ms <= now_ms ? seen : NULL;
}

const struct presence_entry *presence_table_due(const struct presence_table *t, const struct presence_entry *behind,
                                                uint64_t now_ms)
{
    const struct presence_entry *seen = t->queues[PRESENCE_QUEUE_SEEN].first;
    const struct presence_entry *changed = t->queues[PRESENCE_QUEUE_CHANGED].first;
    if (behind != NULL && behind->queue == PRESENCE_QUEUE_SEEN)
        return if_due(behind->behind, now_ms);
    if (behind != NULL)
        changed = behind->behind;
    return changed != NULL ? changed : if_due(seen, now_ms);
}

/* The store has all of it: only who is connected must be remembered. */
static void settle(struct presence_table *t, struct presence_entry *entry)
{
    take_out(t, entry);
    entry->stored_online = entry->online_ms != 0;
    if (entry->online_ms != 0)
        return;
    ferry_dict_remove(&t->entries, &entry->item);
    free(entry);
}

void presence_table_written(struct presence_table *t, size_t count, uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        const struct presence_entry *entry = presence_table_due(t, NULL, now_ms);
        if (entry == NULL)
            return;
        settle(t, find(t, entry->item.name));
    }
}

uint64_t presence_table_next_ms(const struct presence_table *t)
{
    if (t->queues[PRESENCE_QUEUE_CHANGED].first != NULL)
        return 0;
    const struct presence_entry *seen = t->queues[PRESENCE_QUEUE_SEEN].first;
    return seen != NULL ? seen->due_ms : UINT64_MAX;
}
