#include "driver.h"

#include "checkpointer.h"
#include "conn.h"
#include "dialect.h"
#include "gathering.h"
#include "sums.h"
#include "store/sql/known.h"
#include "store/sql/query.h"

enum { TX_ROLLBACK = TX_STEPS - 1 };

static struct sqlite_conn *conn_of(struct query *q)
{
    return (struct sqlite_conn *)q->c;
}

static void check(struct query *q, int code)
{
    if (code != SQLITE_OK)
        sql_query_fail(q, sq_conn_error(conn_of(q), code));
}

/* After some errors SQLite ends the transaction by itself; what follows must not be committed one by one. */
static ferry_err ended_early(const struct sqlite_conn *c)
{
    if (!c->base.in_tx || sqlite3_get_autocommit(c->db) == 0)
        return FERRY_OK;
    return c->last_err != FERRY_OK ? c->last_err : FERRY_E_IO;
}

static ferry_err prepare(struct sqlite_conn *c, const char *sql, sqlite3_stmt **stmt)
{
    if (*stmt != NULL)
        return FERRY_OK;
    return sq_conn_error(c, sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL));
}

/* What reads them must find in the database what this transaction has added. */
static ferry_err write_sums(struct sqlite_conn *c)
{
    ferry_err err;

    if (c->sums == NULL)
        return FERRY_OK;
    err = sq_conn_error(c, sums_write(c->sums));
    if (err != FERRY_OK)
        c->last_err = err;
    return err;
}

static bool reads_sums(statement which)
{
    return which == STMT_USAGE_GET || which == STMT_TOTALS || which == STMT_STATISTICS || which == STMT_STATISTICS_PRUNE;
}

static void begin(struct query *q)
{
    struct sqlite_conn *c = conn_of(q);
    ferry_err err = ended_early(c);

    if (err == FERRY_OK && reads_sums(q->which))
        err = write_sums(c);
    if (err == FERRY_OK)
        err = prepare(c, sq_statements[q->which], &c->stmts[q->which]);
    if (err != FERRY_OK)
        sql_query_fail(q, err);
    q->driver = c->stmts[q->which];
}

static void end(struct query *q)
{
    if (q->driver == NULL)
        return;
    (void)sqlite3_reset(q->driver);          /* repeats the error of the last step, which was seen */
    (void)sqlite3_clear_bindings(q->driver); /* cannot fail; the bytes bound belong to the caller */
}

static void bind_number(struct query *q, int at, int64_t number)
{
    check(q, sqlite3_bind_int64(q->driver, at, number));
}

static void bind_null(struct query *q, int at)
{
    check(q, sqlite3_bind_null(q->driver, at));
}

static void bind_text(struct query *q, int at, const char *text)
{
    check(q, sqlite3_bind_text(q->driver, at, text, -1, SQLITE_STATIC));
}

static void bind_bytes(struct query *q, int at, const void *bytes, size_t len, bool copy)
{
    /* a null pointer would bind NULL; no bytes are an empty blob */
    check(q, sqlite3_bind_blob64(q->driver, at, len > 0 ? bytes : "", len, copy ? SQLITE_TRANSIENT : SQLITE_STATIC));
}

static bool next(struct query *q)
{
    struct sums *sums = conn_of(q)->sums;
    size_t place = sums_place(sums);
    int code;

    if (!sq_leaves_known[q->which] && sqlite3_stmt_readonly(q->driver) == 0)
        sql_known_forget(q->c->known);
    code = sqlite3_step(q->driver);

    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE) {
        check(q, code);
        conn_of(q)->last_err = q->err;
        sums_undo(sums, place);
    }
    return false;
}

static int changes(struct query *q)
{
    return sqlite3_changes(conn_of(q)->db);
}

static int64_t get_number(struct query *q, int column)
{
    return sqlite3_column_int64(q->driver, column); /* STRICT tables hold nothing else */
}

static const char *get_text(struct query *q, int column, size_t *ret_len)
{
    const unsigned char *text = sqlite3_column_text(q->driver, column);

    if (text == NULL && sqlite3_column_type(q->driver, column) != SQLITE_NULL)
        sql_query_fail(q, FERRY_E_NOMEM);
    *ret_len = (size_t)sqlite3_column_bytes(q->driver, column);
    return (const char *)text;
}

static const void *get_bytes(struct query *q, int column, size_t *ret_len)
{
    const void *bytes = sqlite3_column_blob(q->driver, column);

    *ret_len = (size_t)sqlite3_column_bytes(q->driver, column);
    if (bytes == NULL && *ret_len > 0)
        sql_query_fail(q, FERRY_E_NOMEM);
    return bytes;
}

static bool is_bytes(struct query *q, int column)
{
    return sqlite3_column_type(q->driver, column) == SQLITE_BLOB;
}

/* --- transactions ----------------------------------------------------------------------------- */

static ferry_err run_step(struct sqlite_conn *c, int step)
{
    static const char *const texts[TX_STEPS] = {
        [SQL_TX_BEGIN] = "BEGIN IMMEDIATE",       [SQL_TX_COMMIT] = "COMMIT",          [SQL_MARK_SET] = "SAVEPOINT mark",
        [SQL_MARK_REWIND] = "ROLLBACK TO mark", [SQL_MARK_RELEASE] = "RELEASE mark", [TX_ROLLBACK] = "ROLLBACK",
    };
    ferry_err err = prepare(c, texts[step], &c->tx[step]);

    if (err != FERRY_OK)
        return err;
    if (sqlite3_step(c->tx[step]) != SQLITE_DONE)
        c->last_err = err = sq_conn_error(c, sqlite3_extended_errcode(c->db));
    (void)sqlite3_reset(c->tx[step]);
    return err;
}

/* Nobody else should write; who does, by hand, is seen. */
static void forget_what_others_changed(struct sqlite_conn *c)
{
    bool told = prepare(c, "PRAGMA data_version", &c->version) == FERRY_OK && sqlite3_step(c->version) == SQLITE_ROW;
    int64_t version = told ? sqlite3_column_int64(c->version, 0) : 0;

    (void)sqlite3_reset(c->version); /* accepts null */
    if (!told || version != c->data_version)
        sql_known_forget(c->base.known);
    c->data_version = version;
}

static void step_done(struct sqlite_conn *c, sql_tx_step step)
{
    if (step == SQL_TX_BEGIN) {
        c->last_err = FERRY_OK;
        sums_clear(c->sums);
        forget_what_others_changed(c);
    } else if (step == SQL_MARK_SET) {
        sums_mark(c->sums);
    } else if (step == SQL_MARK_REWIND) {
        sums_undo(c->sums, 0);
        sql_known_forget(c->base.known);
    }
}

static ferry_err tx(struct store_conn *base, sql_tx_step step)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    ferry_err err = ended_early(c);

    if (err == FERRY_OK && step == SQL_TX_COMMIT)
        err = write_sums(c);
    if (step == SQL_TX_BEGIN)
        checkpointer_between(c->checkpointer);
    if (err == FERRY_OK)
        err = run_step(c, (int)step);
    if (err == FERRY_OK)
        step_done(c, step);
    return err;
}

static void rollback(struct store_conn *base)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    ferry_err cause = c->last_err;

    /* SQLite has rolled back by itself after some errors (disk full, read errors) */
    if (sqlite3_get_autocommit(c->db) == 0)
        (void)run_step(c, TX_ROLLBACK); /* whatever it says, the transaction is over */
    if (sqlite3_get_autocommit(c->db) != 0)
        gathering_forget(c->gathering);
    /* Copied into the database, the WAL's space serves again, so that on a full disk known tasks can still change
     * and rows can be removed. When this fails too (the database would have to grow), space must come from outside. */
    if (cause == FERRY_E_FULL)
        (void)sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    c->last_err = FERRY_OK;
    sums_clear(c->sums);
    sql_known_forget(c->base.known);
}

const struct sql_driver sq_driver = {
    .begin = begin,
    .end = end,
    .bind_number = bind_number,
    .bind_null = bind_null,
    .bind_text = bind_text,
    .bind_bytes = bind_bytes,
    .next = next,
    .changes = changes,
    .get_number = get_number,
    .get_text = get_text,
    .get_bytes = get_bytes,
    .is_bytes = is_bytes,
    .tx = tx,
    .rollback = rollback,
};
