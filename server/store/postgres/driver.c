/*
 * How the statements of store/sql are run.
 *
 * What is read is sent at once, with all that is queued before it. What changes rows is queued when its caller need not know what
 * came of it; the commit sends the rest. So a savepoint costs nothing as long as nothing behind it was sent: undoing it is
 * forgetting. A statement of the queue that fails is found late, and the transaction fails with its error.
 */
#include "conn.h"

#include "dialect.h"

#include "base/alloc.h"
#include "store/sql/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "ferry_mark"
#define GUARD "ferry_guard"

#define NOTHING SIZE_MAX /* no place in the queue */

/* The server's numbers of types; they never change (pg_type.dat). */
enum { BOOLOID = 16, BYTEAOID = 17, INT8OID = 20, INT2OID = 21, INT4OID = 23, TEXTOID = 25 };

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

/* --- what is sent ------------------------------------------------------------------------------- */

/* What came late is put where it belongs, before and behind the mark. Once the server has the mark, what came before it would be
 * undone with what came after: the batch is given up, and its commands come again one by one. */
static ferry_err join_late(struct pgs_conn *c)
{
    size_t before = c->marked ? c->late_mark_at : c->late.count;
    size_t at = c->marked && !c->mark_sent ? c->mark_at : c->queue.count;
    ferry_err err;

    if (c->marked && c->mark_sent && before > 0)
        return FERRY_E_BUSY;
    err = pgs_queue_move(&c->queue, at, &c->late, before);
    if (err != FERRY_OK)
        return err;
    c->late_mark_at = 0;
    if (c->marked && !c->mark_sent)
        c->mark_at += before;
    return pgs_queue_move(&c->queue, c->queue.count, &c->late, c->late.count);
}

/* The savepoint goes to its place when something behind it will be sent. */
static ferry_err place_mark(struct pgs_conn *c, bool changes, size_t *ret_at)
{
    *ret_at = NOTHING;
    if (!c->marked || c->mark_sent || (!changes && c->queue.count == c->mark_at))
        return FERRY_OK;
    *ret_at = c->mark_at;
    return pgs_queue_insert_text(&c->queue, c->mark_at, "SAVEPOINT " MARK);
}

/* Errors that others, or the time, have brought: to be careful would not help. */
static bool is_passing(ferry_err err)
{
    return err == FERRY_E_AGAIN || err == FERRY_E_BUSY || err == FERRY_E_NETWORK;
}

ferry_err pgs_send(struct pgs_conn *c, size_t own, struct pgs_keep keep, size_t *ret_done)
{
    ferry_err err = pgs_exchange_many(c, keep, ret_done);

    if (*ret_done > 0)
        c->begun = c->in_tx;
    if (err == FERRY_E_NETWORK) {
        c->mark_sent = c->begun = false;
        return FERRY_E_AGAIN; /* the transaction went with the connection */
    }
    if (err == FERRY_OK || *ret_done >= own || is_passing(err) || c->careful)
        return err;
    c->careful_next = true; /* a queued one has failed, nobody knows whose: each is looked at in the next run */
    return FERRY_E_AGAIN;
}

/* Sends the queue; notes what the server has now. */
static ferry_err flush(struct pgs_conn *c, size_t own, size_t mark_at, struct pgs_outcome *outcome)
{
    struct pgs_keep keep = {.from = own, .count = own != NOTHING, .results = &outcome->result};
    ferry_err err = pgs_send(c, own != NOTHING ? own : 0, keep, &outcome->done);

    if (mark_at != NOTHING && outcome->done > mark_at && c->db != NULL)
        c->mark_sent = true;
    c->mark_at = 0;
    return err;
}

/* A statement that failed within its own savepoint: the transaction goes on without it. */
static ferry_err undo_guarded(struct pgs_conn *c)
{
    struct pgs_outcome outcome = {0};
    ferry_err err = pgs_queue_text(&c->queue, "ROLLBACK TO SAVEPOINT " GUARD);

    if (err == FERRY_OK)
        err = pgs_queue_text(&c->queue, "RELEASE SAVEPOINT " GUARD);
    return err == FERRY_OK ? flush(c, NOTHING, NOTHING, &outcome) : err;
}

/* In a transaction: the queue and behind it the statement, which is answered. */
static ferry_err run_in_tx(struct pgs_conn *c, struct pgs_stmt *stmt, PGresult **ret_result)
{
    struct pgs_outcome outcome = {0};
    bool changes = !stmt->text.reads, guarded = changes && stmt->text.may_exist;
    size_t keep, mark_at, queued = c->queue.count;
    ferry_err err = place_mark(c, changes, &mark_at);

    if (err == FERRY_OK && guarded)
        err = pgs_queue_text(&c->queue, "SAVEPOINT " GUARD);
    keep = c->queue.count;
    if (err == FERRY_OK)
        err = pgs_queue_stmt(&c->queue, stmt);
    if (err == FERRY_OK && guarded)
        err = pgs_queue_text(&c->queue, "RELEASE SAVEPOINT " GUARD);
    if (err != FERRY_OK) { /* nothing was sent: as if it had not been tried */
        if (mark_at == NOTHING)
            pgs_queue_cut(&c->queue, queued);
        else
            c->failed = err;
        return err;
    }
    c->writes |= changes;
    err = flush(c, keep, mark_at, &outcome);
    *ret_result = outcome.result;
    if (err != FERRY_OK && c->db != NULL && guarded && outcome.done == keep) {
        ferry_err undone = undo_guarded(c);

        c->failed = undone;
        return undone != FERRY_OK ? undone : err;
    }
    c->failed = err;
    return err;
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
    return run_in_tx(c, stmt, &stmt->result);
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
        err = join_late(c);
    return err == FERRY_OK ? run_in_tx(c, stmt, &stmt->result) : err;
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

/* --- transactions ----------------------------------------------------------------------------- */

static void forget_tx(struct pgs_conn *c)
{
    pgs_queue_cut(&c->queue, 0);
    pgs_queue_cut(&c->late, 0);
    pgs_answers_clear(&c->answers);
    c->in_tx = c->begun = c->writes = c->marked = c->mark_sent = c->claimed = c->rehearsing = false;
    c->failed = FERRY_OK;
}

static ferry_err tx_begin(struct pgs_conn *c)
{
    ferry_err err = pgs_conn_ensure(c);

    if (err == FERRY_OK)
        err = pgs_queue_text(&c->queue, "BEGIN");
    if (err != FERRY_OK)
        return err;
    c->in_tx = true;
    c->careful = c->careful_next;
    c->careful_next = false;
    return FERRY_OK;
}

/* The mark of the commit, by which it is found again. When it is gone, somebody has asked for it and been told that there is no
 * such commit (pgs_conn_find_commit): then there must be none, however late this comes. */
static ferry_err queue_commit(struct pgs_conn *c)
{
    static const char mark[] = "WITH mark AS (UPDATE commit_mark SET serial = serial + 1, at = now()"
                               " WHERE session = current_setting('ferry.session')::bytea RETURNING 1)"
                               " SELECT 1 / count(*) FROM mark";
    ferry_err err = join_late(c);

    if (err == FERRY_OK && c->writes)
        err = pgs_queue_text(&c->queue, mark);
    return err == FERRY_OK ? pgs_queue_text(&c->queue, "COMMIT") : err;
}

static ferry_err tx_commit(struct pgs_conn *c)
{
    struct pgs_outcome outcome = {0};
    ferry_err err;

    if (c->failed != FERRY_OK)
        return c->failed;
    c->marked = false;
    if (!c->begun && c->queue.count == 1 && c->late.count == 0) { /* nothing but its beginning */
        forget_tx(c);
        return FERRY_OK;
    }
    err = queue_commit(c);
    if (err != FERRY_OK)
        return err;
    err = flush(c, c->queue.count - 1, NOTHING, &outcome);
    if (err == FERRY_OK && strcmp(PQcmdStatus(outcome.result), "COMMIT") != 0)
        err = FERRY_E_IO; /* "ROLLBACK" */
    PQclear(outcome.result);
    if (err == FERRY_OK)
        c->serial += c->writes ? 1 : 0;
    else if (c->db == NULL && c->writes)
        err = pgs_conn_find_commit(c);
    if (err != FERRY_OK)
        c->failed = err;
    else
        forget_tx(c);
    return err;
}

static ferry_err mark_set(struct pgs_conn *c)
{
    c->marked = true;
    c->mark_sent = false;
    c->mark_at = c->queue.count;
    c->late_mark_at = c->late.count;
    return FERRY_OK;
}

static ferry_err mark_rewind(struct pgs_conn *c)
{
    pgs_queue_cut(&c->late, c->late_mark_at);
    if (!c->mark_sent) {
        pgs_queue_cut(&c->queue, c->mark_at);
        return c->failed;
    }
    pgs_queue_cut(&c->queue, 0);
    c->failed = pgs_queue_text(&c->queue, "ROLLBACK TO SAVEPOINT " MARK);
    return c->failed;
}

static ferry_err mark_release(struct pgs_conn *c)
{
    ferry_err err = c->failed;

    if (err == FERRY_OK && c->mark_sent)
        err = pgs_queue_text(&c->queue, "RELEASE SAVEPOINT " MARK);
    if (err == FERRY_OK)
        c->marked = c->mark_sent = false;
    return err;
}

static ferry_err tx(struct store_conn *base, sql_tx_step step)
{
    static ferry_err (*const steps[])(struct pgs_conn *) = {
        [SQL_TX_BEGIN] = tx_begin,       [SQL_TX_COMMIT] = tx_commit,       [SQL_MARK_SET] = mark_set,
        [SQL_MARK_REWIND] = mark_rewind, [SQL_MARK_RELEASE] = mark_release,
    };
    struct pgs_conn *c = (struct pgs_conn *)base;

    if (step != SQL_TX_BEGIN && step != SQL_MARK_REWIND && c->failed != FERRY_OK)
        return c->failed;
    if (c->rehearsing && step >= SQL_MARK_SET)
        return c->failed; /* there is nothing to undo */
    return steps[step](c);
}

static void rollback(struct store_conn *base)
{
    struct pgs_conn *c = (struct pgs_conn *)base;
    struct pgs_outcome outcome;
    bool begun = c->begun && c->db != NULL;

    forget_tx(c);
    if (begun && (pgs_queue_text(&c->queue, "ROLLBACK") != FERRY_OK || pgs_exchange(c, NOTHING, &outcome) != FERRY_OK))
        pgs_conn_drop(c); /* the end of the connection is the end of the transaction */
    pgs_queue_cut(&c->queue, 0);
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
    .tx = tx,
    .rollback = rollback,
};
