/**
 * @file conn.h
 * @brief A connection to a database: what all of them have in common. The open transaction, and the greatest time that was put.
 */
#ifndef STORE_SQL_CONN_H
#define STORE_SQL_CONN_H

#include "api/store.h"
#include "store/sql/driver.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sql_known;

/** First member of what each back end has for a connection. */
struct store_conn {
    const struct sql_driver *driver;
    store_mode mode;
    struct sql_known *known; /* null: nothing is; only the back end knows when it must be forgotten */
    bool in_tx;           /* between begin and commit or rollback */
    bool marked;          /* between savepoint and release or rewind */
    bool own_tx;          /* the transaction is that of one change outside begin and commit */
    uint64_t latest_ms;   /* greatest updated_ms that this connection has put; written by commit */
    uint64_t latest_mark; /* the same at the savepoint */
    uint64_t latest_disk; /* what is committed */
};

/** What a store has of connections. Zero: none. Any thread. */
struct sql_conns {
    atomic_uint readers, writers;
};

/** @brief Counts one in. @retval FERRY_E_LIMIT there are readers_max, or a writer, already */
FERRY_MUST_CHECK ferry_err sql_conns_enter(struct sql_conns *n, store_mode mode, unsigned readers_max);
/** @brief Counts one out. */
void sql_conns_leave(struct sql_conns *n, store_mode mode);

/* the slots of struct store_ops */
ferry_err sql_conn_begin(struct store_conn *c);
ferry_err sql_conn_commit(struct store_conn *c);
void sql_conn_rollback(struct store_conn *c);
ferry_err sql_conn_savepoint(struct store_conn *c);
ferry_err sql_conn_release(struct store_conn *c);
ferry_err sql_conn_rewind(struct store_conn *c);
ferry_err sql_conn_latest_ms(struct store_conn *c, uint64_t *ret_ms);

/**
 * @brief Before a change: when no transaction is open, the change becomes one of its own.
 * @retval FERRY_E_READONLY the connection is a reader
 */
FERRY_MUST_CHECK ferry_err sql_conn_change_begin(struct store_conn *c);
/** @brief After it: commits or undoes such a transaction. Returns err, or the error of the commit. */
FERRY_MUST_CHECK ferry_err sql_conn_change_end(struct store_conn *c, ferry_err err);
/** @brief Notes that a row with this time was put. */
void sql_conn_note_time(struct store_conn *c, uint64_t updated_ms);

/** @brief What is known in the open transaction; null outside of one, where others may write. */
struct sql_known *sql_conn_known(const struct store_conn *c);

/** @brief A writer that was just connected: reads latest_disk. */
FERRY_MUST_CHECK ferry_err sql_conn_set_up(struct store_conn *c);

#endif
