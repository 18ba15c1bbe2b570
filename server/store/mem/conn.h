/**
 * @file conn.h
 * @brief A connection to the store in memory.
 */
#ifndef STORE_MEM_CONN_H
#define STORE_MEM_CONN_H

#include "rows.h"

struct mem_store {
    struct store base; /* first: a struct store * is one of these */
    struct smem_db db;
    unsigned readers, writers; /* under db.lock */
};

struct store_conn {
    struct mem_store *store;
    store_mode mode;
    bool in_tx, own_tx, marked;
    size_t mark; /* length of the journal at the savepoint */
    uint64_t latest_mark;
};

/** @brief Which view the connection sees, locked when it must be; for one call. */
struct smem_reading {
    struct smem_db *db;
    smem_view view;
};
struct smem_reading smem_read_begin(struct store_conn *c);
void smem_read_end(struct smem_reading *reading);
#define smem_auto_reading __attribute__((cleanup(smem_read_end))) struct smem_reading

/** @brief Before a change: when no transaction is open, it becomes one of its own. @retval FERRY_E_READONLY */
FERRY_MUST_CHECK ferry_err smem_change_begin(struct store_conn *c);
/** @brief After it. Returns err. */
FERRY_MUST_CHECK ferry_err smem_change_end(struct store_conn *c, ferry_err err);

/** @brief Puts or removes one row as a change. */
FERRY_MUST_CHECK ferry_err smem_change_put(struct store_conn *c, smem_table_id table, const void *data);
FERRY_MUST_CHECK ferry_err smem_change_remove(struct store_conn *c, smem_table_id table, const void *probe);

/** @brief "get": copies the first out_bytes of the row. @retval FERRY_E_NOT_FOUND */
FERRY_MUST_CHECK ferry_err smem_get(struct store_conn *c, smem_table_id table, const void *probe, void *ret,
                                    size_t out_bytes);
/** @brief The same for the first row of a walk. */
FERRY_MUST_CHECK ferry_err smem_get_first(struct store_conn *c, const struct smem_walk *walk, void *ret,
                                          size_t out_bytes);

/** @brief Copies text into a field of a probe; false when it is too long, so that no row can have it. */
bool smem_set_text(char *field, size_t size, const char *text);
/** @brief Copies an id. @retval FERRY_E_ARG it is none */
FERRY_MUST_CHECK ferry_err smem_set_id(ferry_id *field, const ferry_id *id);

/** @brief Sets the id from which a page begins. @retval FERRY_E_ARG limit or cursor out of range */
FERRY_MUST_CHECK ferry_err smem_page_id(const struct store_page *page, ferry_id *field, struct smem_walk *walk);
/** @brief Sets the name from which a page begins; only names that begin with prefix (may be null) follow.
 *  @retval FERRY_E_ARG */
FERRY_MUST_CHECK ferry_err smem_page_name(const struct store_page *page, const char *prefix, char *field, size_t size,
                                          struct smem_walk *walk);
/** @brief Sets the number from which a page begins. @retval FERRY_E_ARG limit or cursor out of range */
FERRY_MUST_CHECK ferry_err smem_page_number(const struct store_page *page, uint64_t *field, struct smem_walk *walk);
/** @brief The fields of a probe from which a page that is sorted by a value begins: the key (an id, or the name of a device), and the
 *  value (a name, or a number). Two of them. */
struct smem_place {
    ferry_id *id;
    char *device; /* FERRY_IDENT_MAX + 1 */
    char *name;   /* FERRY_NAME_MAX + 1 */
    uint64_t *number;
};
/** @brief Sets them. @retval FERRY_E_ARG limit or cursor out of range */
FERRY_MUST_CHECK ferry_err smem_page_value(const struct store_page *page, const struct smem_place *place, struct smem_walk *walk);
/** @brief True when prefix is null or text begins with it. */
/** @brief Is the time in the id within them? */
bool smem_is_of(const struct store_times *made, const ferry_id *id);
bool smem_has_prefix(const char *text, const char *prefix);
/** @brief False when prefix is longer than a name can be. */
bool smem_prefix_valid(const char *prefix);
/** @brief True when want is null or the same text. */
bool smem_matches(const char *text, const char *want);

/** Greater than every id and every name. */
#define SMEM_LAST "\x7f"

#endif
