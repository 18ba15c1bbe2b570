/**
 * @file sums.h
 * @brief What upload tasks add up to: added up here while a transaction goes on, written to the database before anybody reads it.
 *
 * These are the counters of the tables usage, total and ended that the triggers of the table upload tell of, whichever statement changes a
 * row: by a function of the name SUMS_FUNCTION, which only connections with sums have. So no statement can forget to, and a program without
 * it cannot change what is counted. What is written belongs to the transaction that has changed the rows. Not thread-safe.
 */
#ifndef STORE_SQLITE_SUMS_H
#define STORE_SQLITE_SUMS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stddef.h>

/** SUMS_FUNCTION(product, device, size, state before, state after, stored_ms, ended_ms); a state of 0: there is no such row. */
#define SUMS_FUNCTION "ferry_upload_moved"

struct sums;

/** @brief Gives the connection the function. */
FERRY_MUST_CHECK ferry_err sums_new(sqlite3 *db, struct sums **ret_sums);
/** @brief Before the connection is closed. Accepts null. */
void sums_free(struct sums *s);

/** @brief A transaction begins or was undone: nothing waits. */
void sums_clear(struct sums *s);
/** @brief Writes what waits. Within a transaction it must be undone with it when this fails. Returns SQLite's code. */
FERRY_MUST_CHECK int sums_write(struct sums *s);

/** @brief A savepoint is set; there is no way back behind it but sums_clear(). */
void sums_mark(struct sums *s);
/** @brief How much has changed since the mark. Accepts null: 0. */
size_t sums_place(const struct sums *s);
/** @brief The database has undone what came after that place; 0: the mark. Accepts null. */
void sums_undo(struct sums *s, size_t place);

#endif
