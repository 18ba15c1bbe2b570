/*
 * How the statements of store/sql are run: their values, which of them wait for the commit, and their rows.
 */
#include "conn.h"

#include "bulk.h"
#include "dialect.h"

#include "base/alloc.h"
#include "store/sql/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a statement that changes rows is sent. */
typedef enum {
    AT_ONCE,
    QUEUED,
    LATE, /* with the commit */
} sending;

static sending sending_of(statement which)
{
    static const unsigned char ways[STMT_COUNT] = {
        [STMT_EVENT_APPEND] = LATE,  [STMT_LATEST_PUT] = QUEUED, [STMT_REPORT_ADD] = QUEUED,
        [STMT_REPORT_DROP] = QUEUED, [STMT_KEPT_PUT] = QUEUED,   [STMT_VALUE_PUT] = QUEUED,
        [STMT_UPLOAD_REPLACE] = QUEUED,
    };

    return (sending)ways[which];
}

/* One that fails when its resource is gone, which others cannot take away from a transaction that has claimed what it touches. */
static bool may_wait(const struct pgs_conn *c, statement which)
{
    return sending_of(which) == QUEUED || (which == STMT_DOWNLOAD_REPLACE && c->claimed);
}

/* Statements that must find what is to be sent late. */
static bool needs_events(statement which)
{
    return which == STMT_EVENT_FIRST || which == STMT_EVENT_LAST || which == STMT_EVENT_LIST || which == STMT_EVENT_PRESENCE ||
           which == STMT_EVENT_PRESENCE_DESC || which == STMT_EVENT_CUT;
}

static struct pgs_conn *conn_of(struct query *q)
{
    return (struct pgs_conn *)q->c;
}

/* Outside a transaction: it is one of its own. What only reads may be tried again over a new connection. */
static ferry_err run_alone(struct pgs_conn *c, struct pgs_stmt *stmt, PGresult **ret_result)
{
    struct pgs_outcome outcome = {0};
    ferry_err err = FERRY_E_NETWORK;

    for (int tries = 0; err == FERRY_E_NETWORK && tries < (stmt->text.reads ? 2 : 1); tries++) {
        err = pgs_conn_ensure(c);
        if (err == FERRY_OK)
            err = pgs_queue_stmt(&c->queue, stmt);
        if (err == FERRY_OK)
            err = pgs_exchange(c, 0, &outcome);
    }
    *ret_result = outcome.result;
    return err;
}

/* --- statements ------------------------------------------------------------------------------- */

static struct pgs_stmt *make_stmt(statement which)
{
    struct pgs_stmt *stmt = ferry_calloc(1, sizeof(*stmt));

    if (stmt == NULL)
        return NULL;
    (void)snprintf(stmt->name, sizeof(stmt->name), "ferry_%d", (int)which);
    if (pgs_rewrite(pgs_statements[which], &stmt->text) != FERRY_OK) {
        free(stmt);
        return NULL;
    }
    stmt->bulk = pgs_bulk_of(which);
    stmt->text.may_exist |= which == STMT_DOWNLOAD_REPLACE; /* fails likewise when its resource is not there */
    return stmt;
}

static void begin(struct query *q)
{
    struct pgs_conn *c = conn_of(q);
    struct pgs_stmt *stmt = c->stmts[q->which];

    if (stmt == NULL)
        stmt = c->stmts[q->which] = make_stmt(q->which);
    if (stmt == NULL) {
        sql_query_fail(q, FERRY_E_NOMEM);
        return;
    }
    /* what is in none of the texts has no type that the server could find */
    for (unsigned i = 0; i < stmt->text.last; i++)
        stmt->values[i] = (struct pgs_value){.type = stmt->text.is_named[i + 1] ? 0 : INT8OID};
    stmt->ran = stmt->queued = stmt->borrowed = false;
    stmt->row = -1;
    q->driver = stmt;
}

static void end(struct query *q)
{
    struct pgs_stmt *stmt = q->driver;

    if (stmt == NULL)
        return;
    if (!stmt->borrowed)
        PQclear(stmt->result);
    stmt->result = NULL;
}

/* The place of a value; null when the text has no such parameter: it is not asked for. */
static struct pgs_value *value_at(struct query *q, int at, unsigned type)
{
    struct pgs_stmt *stmt = q->driver;
    struct pgs_value *v;

    if (at < 1 || (unsigned)at > stmt->text.last || !stmt->text.is_named[at])
        return NULL;
    v = &stmt->values[at - 1];
    v->type = stmt->text.selects_values ? type : 0;
    return v;
}

static void set(struct pgs_value *v, const void *bytes, size_t len, bool is_binary)
{
    if (v == NULL)
        return;
    v->bytes = bytes;
    v->len = len;
    v->is_binary = is_binary;
}

static void bind_number(struct query *q, int at, int64_t number)
{
    struct pgs_value *v = value_at(q, at, INT8OID);

    if (v != NULL)
        set(v, v->small, (size_t)snprintf(v->small, sizeof(v->small), "%lld", (long long)number), false);
}

static void bind_null(struct query *q, int at)
{
    set(value_at(q, at, INT8OID), NULL, 0, false); /* of what may be null, the values of new rows are numbers */
}

static void bind_text(struct query *q, int at, const char *text)
{
    set(value_at(q, at, TEXTOID), text, text != NULL ? strlen(text) : 0, false);
}

static void bind_bytes(struct query *q, int at, const void *bytes, size_t len, bool copy)
{
    struct pgs_value *v = value_at(q, at, BYTEAOID);

    if (v != NULL && copy && len > sizeof(v->small)) {
        sql_query_fail(q, FERRY_E_LIMIT);
        return;
    }
    if (v != NULL && copy && len > 0)
        bytes = memcpy(v->small, bytes, len);
    set(v, len > 0 ? bytes : "", len, true);
}

static ferry_err put_off(struct pgs_conn *c, struct pgs_stmt *stmt, sending when)
{
    ferry_err err = pgs_queue_stmt(when == LATE ? &c->late : &c->queue, stmt);

    stmt->queued = err == FERRY_OK;
    c->writes |= stmt->queued;
    return err;
}

static ferry_err change(struct pgs_conn *c, statement which, struct pgs_stmt *stmt)
{
    pgs_answers_note_change(&c->answers, which, stmt);
    if (sending_of(which) == LATE)
        return put_off(c, stmt, LATE);
    if (may_wait(c, which) && !c->careful)
        return put_off(c, stmt, QUEUED);
    return pgs_run_in_tx(c, stmt, &stmt->result);
}

/* True: the answer was fetched before. */
static bool is_known(struct pgs_conn *c, statement which, struct pgs_stmt *stmt)
{
    stmt->result = pgs_answers_find(&c->answers, which, stmt);
    stmt->borrowed = stmt->result != NULL;
    return stmt->borrowed;
}

static ferry_err look(struct pgs_conn *c, statement which, struct pgs_stmt *stmt)
{
    ferry_err err = FERRY_OK;

    if (is_known(c, which, stmt))
        return FERRY_OK;
    if (needs_events(which))
        err = pgs_join_late(c);
    return err == FERRY_OK ? pgs_run_in_tx(c, stmt, &stmt->result) : err;
}

static ferry_err rehearse(struct pgs_conn *c, statement which, struct pgs_stmt *stmt)
{
    ferry_err err = FERRY_OK;

    if (!stmt->text.selects) {
        stmt->queued = true;
        return FERRY_OK;
    }
    if (is_known(c, which, stmt))
        return FERRY_OK;
    if (pgs_answers_may_keep(which))
        err = pgs_answers_want(&c->answers, which, stmt);
    return err == FERRY_OK ? FERRY_E_AGAIN : err;
}

static ferry_err execute(struct pgs_conn *c, statement which, struct pgs_stmt *stmt)
{
    if (!c->in_tx)
        return run_alone(c, stmt, &stmt->result);
    if (c->failed != FERRY_OK)
        return c->failed;
    if (c->rehearsing)
        return rehearse(c, which, stmt);
    return stmt->text.selects ? look(c, which, stmt) : change(c, which, stmt);
}

static bool next(struct query *q)
{
    struct pgs_stmt *stmt = q->driver;

    if (!stmt->ran) {
        ferry_err err = execute(conn_of(q), q->which, stmt);

        stmt->ran = true;
        if (err != FERRY_OK)
            sql_query_fail(q, err);
    }
    stmt->digits_used = 0;
    return q->err == FERRY_OK && stmt->result != NULL && ++stmt->row < PQntuples(stmt->result);
}

static int changes(struct query *q)
{
    struct pgs_stmt *stmt = q->driver;

    return stmt->result != NULL ? (int)strtol(PQcmdTuples(stmt->result), NULL, 10) : stmt->queued;
}

/* --- rows ------------------------------------------------------------------------------------- */

static int64_t number_of(const unsigned char *bytes, int len)
{
    uint64_t number = len > 0 && (bytes[0] & 0x80) != 0 && len > 1 ? UINT64_MAX : 0;

    for (int i = 0; i < len; i++)
        number = number << 8 | bytes[i];
    return (int64_t)number;
}

/* Truths and numbers of each width come in the order of the network. */
static int64_t get_number(struct query *q, int column)
{
    struct pgs_stmt *stmt = q->driver;
    Oid type = PQftype(stmt->result, column);

    if (type != INT8OID && type != INT4OID && type != INT2OID && type != BOOLOID) {
        sql_query_fail(q, FERRY_E_CORRUPT);
        return 0;
    }
    return number_of((const unsigned char *)PQgetvalue(stmt->result, stmt->row, column),
                     PQgetlength(stmt->result, stmt->row, column));
}

static const char *get_text(struct query *q, int column, size_t *ret_len)
{
    struct pgs_stmt *stmt = q->driver;
    Oid type = PQftype(stmt->result, column);

    if (PQgetisnull(stmt->result, stmt->row, column) != 0) {
        *ret_len = 0;
        return NULL;
    }
    if (type == INT8OID || type == INT4OID || type == INT2OID || type == BOOLOID) {
        char *digits = stmt->digits[stmt->digits_used++ % PGS_NUMBERS_AS_TEXT];

        *ret_len = (size_t)snprintf(digits, PGS_DIGITS_SIZE, "%lld", (long long)get_number(q, column));
        return digits;
    }
    *ret_len = (size_t)PQgetlength(stmt->result, stmt->row, column);
    return PQgetvalue(stmt->result, stmt->row, column);
}

static const void *get_bytes(struct query *q, int column, size_t *ret_len)
{
    struct pgs_stmt *stmt = q->driver;

    *ret_len = (size_t)PQgetlength(stmt->result, stmt->row, column);
    return *ret_len > 0 ? PQgetvalue(stmt->result, stmt->row, column) : NULL;
}

static bool is_bytes(struct query *q, int column)
{
    struct pgs_stmt *stmt = q->driver;

    return PQftype(stmt->result, column) == BYTEAOID;
}

const struct sql_driver pgs_driver = {
    .numbers_looks = true,
    .puts_at_once = true,
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
    .tx = pgs_tx,
    .rollback = pgs_rollback,
};
