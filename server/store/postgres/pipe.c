/* Sends the queue in pipeline mode: one round trip, however many statements there are. */
#include "bulk.h"
#include "conn.h"
#include "link.h"
#include "postgres_internal.h"

/* The result of one thing that was sent, and the null behind it. */
static ferry_err take(struct pgs_conn *c, PGresult **ret_result)
{
    ferry_cleanup(PQclear) PGresult *result = NULL;
    PGresult *behind;
    ferry_err err = pgs_link_wait_input(c->db, c->store->patience_ms);

    if (err != FERRY_OK)
        return FERRY_E_NETWORK;
    result = PQgetResult(c->db);
    err = pgs_link_error(c->db, result);
    if (result == NULL || PQstatus(c->db) == CONNECTION_BAD)
        return FERRY_E_NETWORK;
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC || err == FERRY_E_NETWORK)
        return err;
    if (pgs_link_wait_input(c->db, c->store->patience_ms) != FERRY_OK)
        return FERRY_E_NETWORK;
    behind = PQgetResult(c->db);
    if (behind != NULL) { /* none of our statements has two results */
        PQclear(behind);
        return FERRY_E_NETWORK;
    }
    if (err == FERRY_OK)
        *ret_result = FERRY_TAKE(result);
    return err;
}

static bool send_one(struct pgs_conn *c, struct pgs_request *r)
{
    struct pgs_stmt *stmt = r->stmt;

    if (stmt == NULL)
        return PQsendQueryParams(c->db, r->text, 0, NULL, NULL, NULL, NULL, 1) == 1;
    if (!stmt->prepared && !stmt->preparing) {
        if (PQsendPrepare(c->db, stmt->name, stmt->text.sql, r->count, r->types) != 1)
            return false;
        r->prepares = stmt->preparing = true;
    }
    return PQsendQueryPrepared(c->db, stmt->name, r->count, r->values, r->lengths, r->formats, 1) == 1;
}

static ferry_err take_one(struct pgs_conn *c, struct pgs_request *r, PGresult **ret_result)
{
    ferry_cleanup(PQclear) PGresult *prepared = NULL;
    ferry_err err = FERRY_OK, executed;

    if (r->prepares) {
        err = take(c, &prepared);
        r->stmt->preparing = false;
        r->stmt->prepared = err == FERRY_OK;
        if (err == FERRY_E_NETWORK)
            return err;
    }
    executed = take(c, ret_result);
    return err != FERRY_OK && executed != FERRY_E_NETWORK ? err : executed;
}

/* All answers are read, also behind an error, so that the connection can be used again. */
static ferry_err take_all(struct pgs_conn *c, struct pgs_keep keep, size_t *ret_done)
{
    ferry_err first = FERRY_OK;
    PGresult *none = NULL;
    size_t at = 0; /* in the queue as it was before rows were put together */

    for (size_t i = 0; i < c->queue.count; i++) {
        ferry_cleanup(PQclear) PGresult *result = NULL;
        size_t rows = c->queue.items[i]->rows > 0 ? c->queue.items[i]->rows : 1;
        ferry_err err = take_one(c, c->queue.items[i], &result);

        if (err == FERRY_E_NETWORK)
            return err;
        if (first == FERRY_OK && err == FERRY_OK) {
            *ret_done += rows;
            if (at >= keep.from && at - keep.from < keep.count)
                keep.results[at - keep.from] = FERRY_TAKE(result);
        } else if (first == FERRY_OK) {
            first = err;
        }
        at += rows;
    }
    return take(c, &none) == FERRY_E_NETWORK ? FERRY_E_NETWORK : first;
}

static bool send_all(struct pgs_conn *c)
{
    for (size_t i = 0; i < c->queue.count; i++)
        if (!send_one(c, c->queue.items[i]))
            return false;
    return PQpipelineSync(c->db) == 1;
}

ferry_err pgs_exchange(struct pgs_conn *c, size_t keep, struct pgs_outcome *ret_outcome)
{
    *ret_outcome = (struct pgs_outcome){0};
    return pgs_exchange_many(c, (struct pgs_keep){.from = keep, .count = 1, .results = &ret_outcome->result}, &ret_outcome->done);
}

ferry_err pgs_exchange_many(struct pgs_conn *c, struct pgs_keep keep, size_t *ret_done)
{
    ferry_err err = c->careful ? FERRY_OK : pgs_bulk_join(&c->queue, keep.from, keep.count);

    *ret_done = 0;
    c->round_trips++;
    if (err == FERRY_OK)
        err = c->db != NULL && send_all(c) ? take_all(c, keep, ret_done) : FERRY_E_NETWORK;
    pgs_queue_cut(&c->queue, 0);
    if (err == FERRY_E_NETWORK)
        pgs_conn_drop(c);
    return err;
}
