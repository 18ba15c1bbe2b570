/**
 * @file driver.h
 * @brief What a database must do for the statements of this folder.
 *
 * query.c and conn.c call the slots; nobody else does. They come from the thread that has the connection. A slot that fails tells
 * sql_query_fail(); after that, no slot but end is called for that query. All may block for as long as the database does.
 */
#ifndef STORE_SQL_DRIVER_H
#define STORE_SQL_DRIVER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct query;
struct store_conn;

typedef enum {
    SQL_TX_BEGIN,
    SQL_TX_COMMIT,
    SQL_MARK_SET,     /**< there is one savepoint at most */
    SQL_MARK_REWIND,  /**< undoes what came after it; it stays */
    SQL_MARK_RELEASE, /**< forgets it */
} sql_tx_step;

struct sql_driver {
    /** The whole result comes at once, so lists with a filter end in the database: their first column is the number of the row among those
     *  that were looked at, below zero when it does not fit, and the parameters for that are bound (see statements.h). Else it is 1 or 0. */
    bool numbers_looks;
    /** A statement is a message: a task is put by one, whose result nobody looks at. */
    bool puts_at_once;

    /** q->c and q->which are set: makes the statement ready, with nothing bound. q->driver is the driver's to keep what it needs. The
     *  same statement is not begun again before its end; different ones may be open side by side. */
    void (*begin)(struct query *q);
    /** Always called once, whatever begin and the others said. Never fails. */
    void (*end)(struct query *q);

    /* The value of ?at, counted from 1. What was not bound is NULL. */
    void (*bind_number)(struct query *q, int at, int64_t number);
    void (*bind_null)(struct query *q, int at);
    /** Null: NULL. The text lives until the end. */
    void (*bind_text)(struct query *q, int at, const char *text);
    /** No bytes are a value too, not NULL. copy: they do not live until the end. */
    void (*bind_bytes)(struct query *q, int at, const void *bytes, size_t len, bool copy);

    /** The first call runs the statement. True: a row is there; false: no more, or an error. */
    bool (*next)(struct query *q);
    /** Rows that the statement changed; after next() was false without an error. Those that triggers changed do not count. */
    int (*changes)(struct query *q);

    /* A column of the row, counted from 0; what they return lives until the next call of next or end. */
    int64_t (*get_number)(struct query *q, int column);
    /** A number is given by its digits. Null: NULL, or q->err is set. The text is not ended by a zero byte of ours: *ret_len counts. */
    const char *(*get_text)(struct query *q, int column, size_t *ret_len);
    /** Null with *ret_len 0: no bytes, or NULL. */
    const void *(*get_bytes)(struct query *q, int column, size_t *ret_len);
    bool (*is_bytes)(struct query *q, int column);

    /** One step of a transaction; the connection is a writer, and the order of the steps was checked. */
    ferry_err (*tx)(struct store_conn *c, sql_tx_step step);
    /** Whatever happened, no transaction is open afterwards. Also called when none is. */
    void (*rollback)(struct store_conn *c);
};

#endif
