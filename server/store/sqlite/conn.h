/**
 * @file conn.h
 * @brief A connection: the database handle and its statements.
 */
#ifndef STORE_SQLITE_CONN_H
#define STORE_SQLITE_CONN_H

#include "store/sql/conn.h"
#include "store/sql/statements.h"

#include <sqlite3.h>
#include <stdint.h>

struct checkpointer;
struct gathering;
struct sqlite_store;
struct sums;

enum { TX_STEPS = SQL_MARK_RELEASE + 2 }; /* those of sql_tx_step, and the way back */

struct sqlite_conn {
    struct store_conn base; /* first: a struct store_conn * is one of these */
    struct sqlite_store *store;
    sqlite3 *db;
    struct gathering *gathering;       /* the writer's */
    struct checkpointer *checkpointer; /* the writer's */
    struct sums *sums;                 /* the writer's */
    int64_t data_version; /* when the last transaction began: the commits of others count it up */
    ferry_err last_err; /* of a statement in this transaction: SQLite may have ended it then */
    sqlite3_stmt *stmts[STMT_COUNT], *tx[TX_STEPS], *version; /* each prepared at its first use */
};

/** @brief Maps an SQLite result of this connection. */
ferry_err sq_conn_error(struct sqlite_conn *c, int code);

/** @brief Opens the file as the mode says. */
FERRY_MUST_CHECK ferry_err sq_conn_new(struct sqlite_store *store, const char *path, uint32_t busy_ms, store_mode mode,
                                       struct sqlite_conn **ret_conn);
/** @brief Rolls back, closes. Accepts null and what conn_new left half-made. */
void sq_conn_free(struct sqlite_conn *c);

#endif
