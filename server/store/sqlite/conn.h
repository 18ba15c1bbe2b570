/**
 * @file conn.h
 * @brief A connection: the database handle, its statements, the open transaction.
 */
#ifndef STORE_SQLITE_CONN_H
#define STORE_SQLITE_CONN_H

#include "api/store.h"
#include "statements.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct sqlite_store;

struct store_conn {
    struct sqlite_store *store;
    sqlite3 *db;
    store_mode mode;
    bool in_tx;           /* between begin and commit or rollback */
    bool marked;          /* between savepoint and release or rewind */
    bool own_tx;          /* the transaction is that of one change outside begin and commit */
    ferry_err last_err;   /* of a statement in this transaction: SQLite may have ended it then */
    uint64_t latest_ms;   /* greatest updated_ms that this connection has put; written by commit */
    uint64_t latest_mark; /* the same at the savepoint */
    uint64_t latest_disk; /* what is committed */
    sqlite3_stmt *stmts[STMT_COUNT]; /* each prepared at its first use */
};

/** @brief Maps an SQLite result of this connection. */
ferry_err sq_conn_error(struct store_conn *c, int code);

/* the slots of struct store_ops */
ferry_err sq_conn_begin(struct store_conn *c);
ferry_err sq_conn_commit(struct store_conn *c);
void sq_conn_rollback(struct store_conn *c);
ferry_err sq_conn_savepoint(struct store_conn *c);
ferry_err sq_conn_release(struct store_conn *c);
ferry_err sq_conn_rewind(struct store_conn *c);
ferry_err sq_conn_latest_ms(struct store_conn *c, uint64_t *ret_ms);

/**
 * @brief Before a change: when no transaction is open, the change becomes one of its own.
 * @retval FERRY_E_READONLY the connection is a reader
 */
FERRY_MUST_CHECK ferry_err sq_conn_change_begin(struct store_conn *c);
/** @brief After it: commits or undoes such a transaction. Returns err, or the error of the commit. */
FERRY_MUST_CHECK ferry_err sq_conn_change_end(struct store_conn *c, ferry_err err);
/** @brief Notes that a row with this time was put. */
void sq_conn_note_time(struct store_conn *c, uint64_t updated_ms);

/** @brief Opens the file as the mode says. */
FERRY_MUST_CHECK ferry_err sq_conn_new(struct sqlite_store *store, const char *path, uint32_t busy_ms, store_mode mode,
                                    struct store_conn **ret_conn);
/** @brief Rolls back, closes. Accepts null and what conn_new left half-made. */
void sq_conn_free(struct store_conn *c);

#endif
