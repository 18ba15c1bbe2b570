/**
 * @file table.h
 * @brief Tables with transactions, in memory.
 *
 * Every table exists in two views: WORK is what the writer sees, SEEN is what is committed. A change goes into
 * WORK at once and into a journal; commit repeats the journal in SEEN, rollback undoes it in WORK. Both views
 * share the rows, which are never changed: a change is a new row in place of an old one.
 *
 * Threads: WORK and the journal belong to the writer; SEEN is guarded by lock.
 */
#ifndef STORE_MEM_TABLE_H
#define STORE_MEM_TABLE_H

#include "api/store.h"
#include "tree.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMEM_INDEXES_MAX = 10,
    SMEM_CHECKS_MAX = 8,
    SMEM_JOURNAL_MAX = 1 << 22, /* changes in one transaction */
};

/** @brief What is in a table. The first index is its primary key. Lists of offsets end with 0. */
struct smem_table_def {
    size_t data_bytes;
    size_t ids[SMEM_CHECKS_MAX];     /* of each ferry_id, plus 1 */
    size_t numbers[SMEM_CHECKS_MAX]; /* of each uint64_t, plus 1 */
    const struct smem_index *indexes;
    unsigned index_count;
};

typedef enum { SMEM_SEEN, SMEM_WORK, SMEM_VIEWS } smem_view;

struct smem_table {
    const struct smem_table_def *def;
    size_t data_at; /* in a row */
    uint64_t count[SMEM_VIEWS];
    struct smem_tree trees[SMEM_VIEWS][SMEM_INDEXES_MAX];
};

typedef enum {
    SMEM_VALUES,
    SMEM_PRODUCTS,
    SMEM_DEVICES,
    SMEM_TOKENS,
    SMEM_RESOURCES,
    SMEM_UPLOADS,
    SMEM_DEPLOYMENTS,
    SMEM_DOWNLOADS,
    SMEM_STEPS,
    SMEM_USERS,
    SMEM_SESSIONS,
    SMEM_LOCKOUTS,
    SMEM_AUDIT,
    SMEM_AUDIT_HEAD,
    SMEM_QUOTAS,
    SMEM_TAGS,
    SMEM_EVENTS,
    SMEM_REPORTS,
    SMEM_KEPT,
    SMEM_WEBHOOKS,
    SMEM_RESOURCE_UPLOADS,
    SMEM_ENDED,
    SMEM_TABLES
} smem_table_id;

/** @brief One change: a new row for an old one; either may be null. */
struct smem_change {
    struct smem_table *table;
    void *old_row, *new_row;
};

struct smem_db {
    struct smem_table tables[SMEM_TABLES];
    pthread_mutex_t lock; /* of everything SEEN */
    struct smem_change *journal;
    size_t journal_count, journal_cap;
    uint64_t latest_ms[SMEM_VIEWS]; /* greatest updated_ms put so far */
};

/** @brief Makes the empty tables. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err smem_db_init(struct smem_db *db, const struct smem_table_def *defs);
/** @brief Frees every row. Accepts a db of zeros. */
void smem_db_done(struct smem_db *db);

/** @brief The data of the row with this primary key, or null. probe: data with the key's fields set. */
const void *smem_find(const struct smem_db *db, smem_view view, smem_table_id table, const void *probe);
/** @brief Adds a row, or replaces the one with the same primary key (WORK). @retval FERRY_E_ARG | FERRY_E_NOMEM | FERRY_E_LIMIT */
FERRY_MUST_CHECK ferry_err smem_put(struct smem_db *db, smem_table_id table, const void *data);
/** @brief Removes the row with this primary key (WORK). @retval FERRY_E_NOT_FOUND | FERRY_E_NOMEM | FERRY_E_LIMIT */
FERRY_MUST_CHECK ferry_err smem_remove(struct smem_db *db, smem_table_id table, const void *probe);

/** @brief A walk over neighbouring rows. Zero-initialise what is not needed. */
struct smem_walk {
    smem_table_id table;
    unsigned index;
    const void *probe;    /* data with the fields of the index set: where to begin */
    unsigned same_fields; /* it ends where the first so many fields differ from probe's */
    bool descending;      /* ascending: begins at probe; descending: before it */
    bool after;           /* ascending: begins behind a row equal to probe */
    bool by_value;        /* the last two fields of the index are a value, by which the list is sorted, and the key */
    struct store_reach *reach; /* null: as far as it takes; the last field of the index is the cursor */
};

typedef enum { SMEM_TAKE, SMEM_SKIP, SMEM_STOP } smem_verdict;
/** @brief Looks at one row; arg: the filter. */
typedef smem_verdict smem_filter(const void *data, const void *arg);

/** @brief Copies the first out_bytes of each row taken, at most cap of them, as far as walk->reach allows. Returns their number. */
size_t smem_collect(const struct smem_db *db, smem_view view, const struct smem_walk *walk, smem_filter *filter,
                    const void *arg, void *out, size_t out_bytes, size_t cap);
/** @brief The data of the first row of the walk, or null. */
const void *smem_first(const struct smem_db *db, smem_view view, const struct smem_walk *walk);
/** @brief Calls each() for every row of a table, in any order. */
void smem_each(const struct smem_db *db, smem_view view, smem_table_id table, void (*each)(const void *data, void *arg),
               void *arg);

/** @brief Makes every change of the journal seen. */
void smem_commit(struct smem_db *db);
/** @brief Undoes the journal down to a length that it had before. */
void smem_undo(struct smem_db *db, size_t journal_count);

#endif
