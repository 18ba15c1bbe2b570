/*
 * A transaction and what of it was not sent yet.
 *
 * What is read is sent at once, with all that is queued before it. What changes rows is queued when its caller need not know what
 * came of it; the commit sends the rest. So a savepoint costs nothing as long as nothing behind it was sent: undoing it is
 * forgetting. A statement of the queue that fails is found late, and the transaction fails with its error.
 */
#include "conn.h"

#include <string.h>

#define MARK "ferry_mark"
#define GUARD "ferry_guard"

#define NOTHING SIZE_MAX /* no place in the queue */

/* --- what is sent ------------------------------------------------------------------------------- */

/* What came late is put where it belongs, before and behind the mark. Once the server has the mark, what came before it would be
 * undone with what came after: the batch is given up, and its commands come again one by one. */
ferry_err pgs_join_late(struct pgs_conn *c)
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
ferry_err pgs_run_in_tx(struct pgs_conn *c, struct pgs_stmt *stmt, PGresult **ret_result)
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
    ferry_err err = pgs_join_late(c);

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

ferry_err pgs_tx(struct store_conn *base, sql_tx_step step)
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

void pgs_rollback(struct store_conn *base)
{
    struct pgs_conn *c = (struct pgs_conn *)base;
    struct pgs_outcome outcome;
    bool begun = c->begun && c->db != NULL;

    forget_tx(c);
    if (begun && (pgs_queue_text(&c->queue, "ROLLBACK") != FERRY_OK || pgs_exchange(c, NOTHING, &outcome) != FERRY_OK))
        pgs_conn_drop(c); /* the end of the connection is the end of the transaction */
    pgs_queue_cut(&c->queue, 0);
}
