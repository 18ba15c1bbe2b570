/**
 * @file presence_table.h
 * @brief Which devices are connected and when each was seen last, and what of that is not in the store yet. Pure.
 *
 * Coming and going waits for the store's next transaction. That a connected or any other device was heard waits for a
 * minute, so that messages cost one row in that time and not one each. Names are "product/device".
 */
#ifndef CORE_PRESENCE_TABLE_H
#define CORE_PRESENCE_TABLE_H

#include "base/dict.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PRESENCE_SEEN_EVERY_MS = 60 * 1000 };

enum presence_queue { PRESENCE_QUEUE_NONE, PRESENCE_QUEUE_CHANGED, PRESENCE_QUEUE_SEEN, PRESENCE_QUEUES };

struct presence_entry {
    struct ferry_dict_item item;
    struct presence_entry *before, *behind; /* in its queue */
    enum presence_queue queue;
    uint64_t due_ms;    /* in PRESENCE_QUEUE_SEEN: when it is to be written */
    uint64_t online_ms; /* connected since; 0: it is not */
    uint64_t seen_ms;   /* last sign of it */
    uint64_t round;     /* of the list that named it last */
    bool stored_online; /* the store has it as connected */
    bool unlisted;      /* not connected because the list of all did not name it */
};

struct presence_table {
    struct ferry_dict entries; /* connected, or with something that waits */
    struct {
        struct presence_entry *first, *last;
    } queues[PRESENCE_QUEUES];
    size_t online;
    uint64_t round;
};

void presence_table_init(struct presence_table *t);
void presence_table_done(struct presence_table *t);

/** @brief As the store has it, at the start: nothing of it waits. @retval FERRY_E_NOMEM, here and below: nothing changed */
FERRY_MUST_CHECK ferry_err presence_table_load(struct presence_table *t, const char *name, uint64_t online_ms,
                                               uint64_t seen_ms);
/** @brief It has connected, or (online_ms 0) is not connected; at_ms: seen then. */
FERRY_MUST_CHECK ferry_err presence_table_set(struct presence_table *t, const char *name, uint64_t online_ms,
                                              uint64_t at_ms);
/** @brief A message of it came. */
FERRY_MUST_CHECK ferry_err presence_table_seen(struct presence_table *t, const char *name, uint64_t now_ms);

/** @brief Is it connected, or is something of it not in the store yet: it has just gone, or was heard of late? */
bool presence_table_has(const struct presence_table *t, const char *name);

/** @brief A list of all that are connected begins; each is then set. */
void presence_table_begin_all(struct presence_table *t);
/** @brief ... and ends: who was connected and was not named is not connected, and was seen at gone_ms at the latest. */
void presence_table_end_all(struct presence_table *t, uint64_t gone_ms);

/** @brief The entry that is to be written behind this one (null: the first); null: none now. */
const struct presence_entry *presence_table_due(const struct presence_table *t, const struct presence_entry *behind,
                                                uint64_t now_ms);
/** @brief The first count entries that were due have been written. */
void presence_table_written(struct presence_table *t, size_t count, uint64_t now_ms);
/** @brief When the next is due; UINT64_MAX: nothing waits. */
uint64_t presence_table_next_ms(const struct presence_table *t);

#endif
