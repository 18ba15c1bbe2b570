/*
 * Advisory locks: one of the whole store, and one for each device. A transaction of devices has a share of the first and its
 * devices' for itself, one of everything has the first for itself. They are sent with what is read first, so they cost no round trip,
 * and end with the transaction or its connection.
 */
#include "share.h"

#include "conn.h"
#include "fnv.h"
#include "locks.h"
#include "news.h"
#include "postgres_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_SIZE = 24,
    ROUNDS_MAX = 8,             /* of a rehearsal: the longest way of a rule from one answer to the next question is half of it */
    IDLE_SESSION_FROM = 140000, /* the server's version that can end a connection that stands still */
};

static struct pgs_conn *conn_of(struct store_conn *c)
{
    return (struct pgs_conn *)c;
}

/* --- claims ------------------------------------------------------------------------------------------ */

/* Two devices with one number only wait for each other. */
static int64_t lock_of(const struct device_key *key)
{
    uint64_t hash = pgs_fnv(PGS_FNV_NOTHING, key->product, strlen(key->product));

    hash = pgs_fnv(hash, "/", 1);
    hash = pgs_fnv(hash, key->device, strlen(key->device));
    return hash != 0 ? (int64_t)hash : 1;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* All processes take them in one order, so that none waits in a circle. */
static char *text_of_locks(const struct store_scope *scope)
{
    static const char head[] = "SELECT pg_advisory_xact_lock(k) FROM unnest('{", tail[] = "}'::bigint[]) AS k";
    ferry_autofree int64_t *locks = ferry_calloc(scope->device_count, sizeof(*locks));
    size_t size = sizeof(head) + sizeof(tail) + NUMBER_SIZE * scope->device_count, at = 0;
    char *text = ferry_malloc(size);

    if (locks == NULL || text == NULL) {
        free(text);
        return NULL;
    }
    for (size_t i = 0; i < scope->device_count; i++)
        locks[i] = lock_of(&scope->devices[i]);
    qsort(locks, scope->device_count, sizeof(*locks), compare);
    at = (size_t)snprintf(text, size, "%s", head);
    for (size_t i = 0; i < scope->device_count; i++)
        at += (size_t)snprintf(text + at, size - at, i > 0 ? ",%lld" : "%lld", (long long)locks[i]);
    (void)snprintf(text + at, size - at, "%s", tail);
    return text;
}

static ferry_err claim_devices(struct pgs_conn *c, const struct store_scope *scope)
{
    ferry_err err = pgs_queue_text(&c->queue, "SELECT pg_advisory_xact_lock_shared(" PGS_LOCK_EVERYTHING ")");
    char *text;

    if (err != FERRY_OK || scope->device_count == 0)
        return err;
    text = text_of_locks(scope);
    return text != NULL ? pgs_queue_own_text(&c->queue, text) : FERRY_E_NOMEM;
}

ferry_err pgs_claim(struct store_conn *base, const struct store_scope *scope)
{
    struct pgs_conn *c = conn_of(base);

    if (!c->in_tx || c->claimed)
        return FERRY_E_STATE;
    c->claimed = true;
    return scope->everything ? pgs_queue_text(&c->queue, "SELECT pg_advisory_xact_lock(" PGS_LOCK_EVERYTHING ")")
                             : claim_devices(c, scope);
}

/* --- duties -------------------------------------------------------------------------------------------- */

/* Runs a text behind the queue. ret_result: to be cleared, also when it fails. What was queued since a mark could not be undone any
 * more: then it is not the time for it. */
static ferry_err run(struct pgs_conn *c, const char *sql, PGresult **ret_result)
{
    struct pgs_keep keep = {.from = c->queue.count, .count = 1, .results = ret_result};
    char *text;
    size_t done = 0;
    ferry_err err;

    if (c->marked && !c->mark_sent && c->queue.count > c->mark_at)
        return FERRY_E_STATE;
    text = ferry_strdup(sql);
    err = text != NULL ? pgs_queue_own_text(&c->queue, text) : FERRY_E_NOMEM;

    if (err == FERRY_OK) {
        err = c->in_tx ? pgs_send(c, keep.from, keep, &done) : pgs_exchange_many(c, keep, &done);
        c->mark_at = 0; /* all of the queue was sent */
    }
    if (c->in_tx && err != FERRY_OK)
        c->failed = err;
    return err;
}

/* ret_true (may be null): what it answers. */
static ferry_err ask(struct pgs_conn *c, const char *sql, bool *ret_true)
{
    PGresult *result = NULL;
    ferry_err err = run(c, sql, &result);

    if (err == FERRY_OK && ret_true != NULL)
        *ret_true = PQntuples(result) == 1 && PQgetlength(result, 0, 0) == 1 && PQgetvalue(result, 0, 0)[0] != 0;
    PQclear(result);
    return err;
}

static ferry_err take_for_transaction(struct pgs_conn *c, store_duty duty, bool *ret_mine)
{
    char sql[96];

    if (c->failed != FERRY_OK || c->marked)
        return c->failed != FERRY_OK ? c->failed : FERRY_E_STATE;
    (void)snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_xact_lock(" PGS_LOCK_DUTIES ", %d)", (int)duty);
    return ask(c, sql, ret_mine);
}

/* A process that stands still is not heard for so long, and loses its connection. */
static ferry_err end_when_still(struct pgs_conn *c)
{
    char sql[64];

    if (PQserverVersion(c->db) < IDLE_SESSION_FROM)
        return FERRY_OK;
    (void)snprintf(sql, sizeof(sql), "SET idle_session_timeout = %d", (int)STORE_DUTY_KEPT_MS);
    return ask(c, sql, NULL);
}

static ferry_err take_over_connection(struct pgs_conn *c, store_duty duty, bool *ret_mine)
{
    char sql[96];
    ferry_err err;

    if ((c->duties & 1u << duty) != 0)
        return ask(c, "SELECT true", ret_mine);
    (void)snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(" PGS_LOCK_DUTIES ", %d)", (int)duty);
    err = ask(c, sql, ret_mine);
    if (err == FERRY_OK && *ret_mine)
        err = end_when_still(c);
    if (err == FERRY_OK && *ret_mine)
        c->duties |= 1u << duty;
    return err;
}

/* One that is lost is made anew, and with it the duty is another's, perhaps. */
static ferry_err take_for_connection(struct pgs_conn *c, store_duty duty, bool *ret_mine)
{
    ferry_err err = FERRY_E_NETWORK;

    for (int tries = 0; err == FERRY_E_NETWORK && tries < 2; tries++) {
        err = pgs_conn_ensure(c);
        if (err == FERRY_OK)
            err = take_over_connection(c, duty, ret_mine);
    }
    return err;
}

ferry_err pgs_take_duty(struct store_conn *base, store_duty duty, bool *ret_mine)
{
    struct pgs_conn *c = conn_of(base);

    return c->in_tx ? take_for_transaction(c, duty, ret_mine) : take_for_connection(c, duty, ret_mine);
}

ferry_err pgs_processes(struct store_conn *base, unsigned *ret_count)
{
    static const char sql[] = "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND classid = " PGS_LOCK_WORKERS
                              " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    struct pgs_conn *c = conn_of(base);
    PGresult *result = NULL;
    ferry_err err = c->in_tx ? c->failed : pgs_conn_ensure(c);

    if (err == FERRY_OK)
        err = run(c, sql, &result);
    if (err == FERRY_OK && (PQntuples(result) != 1 || PQgetlength(result, 0, 0) != sizeof(uint32_t)))
        err = FERRY_E_CORRUPT;
    if (err == FERRY_OK) {
        const unsigned char *n = (const unsigned char *)PQgetvalue(result, 0, 0);

        *ret_count = (unsigned)n[0] << 24 | (unsigned)n[1] << 16 | (unsigned)n[2] << 8 | n[3];
    }
    PQclear(result);
    return err;
}

/* --- rehearsal ------------------------------------------------------------------------------------------- */

/* Puts what is wanted into the queue, and its answers into their places. */
static ferry_err fetch(struct pgs_conn *c)
{
    struct pgs_answers *a = &c->answers;
    struct pgs_keep keep = {.from = c->queue.count, .count = a->wanted_count};
    size_t done = 0;
    ferry_err err = FERRY_OK;

    keep.results = ferry_calloc(a->wanted_count, sizeof(PGresult *)); /* NOLINT: of pointers */
    if (keep.results == NULL)
        return FERRY_E_NOMEM;
    for (size_t i = 0; err == FERRY_OK && i < a->wanted_count; i++)
        err = pgs_queue_copy(&c->queue, a->places[a->wanted[i]].question);
    if (err == FERRY_OK)
        err = pgs_send(c, keep.from, keep, &done);
    for (size_t i = 0; i < a->wanted_count; i++)
        a->places[a->wanted[i]].result = keep.results[i];
    a->wanted_count = 0;
    free(keep.results);
    return err;
}

ferry_err pgs_rehearse(struct store_conn *base, bool *ret_again)
{
    struct pgs_conn *c = conn_of(base);
    ferry_err err = FERRY_OK;

    if (!c->in_tx || c->failed != FERRY_OK)
        return c->failed != FERRY_OK ? c->failed : FERRY_E_STATE;
    if (!c->rehearsing) {
        pgs_answers_clear(&c->answers);
        c->rounds = 0;
        c->rehearsing = !c->careful;
    } else if (c->answers.wanted_count == 0 || c->rounds++ == ROUNDS_MAX) {
        c->answers.wanted_count = 0;
        c->rehearsing = false;
    } else {
        err = fetch(c);
    }
    c->failed = err;
    *ret_again = c->rehearsing;
    return err;
}

/* --- news --------------------------------------------------------------------------------------------------- */

ferry_err pgs_tell(struct store_conn *base, uint32_t news)
{
    struct pgs_conn *c = conn_of(base);
    char sql[64];
    char *text;

    if (!c->in_tx || c->failed != FERRY_OK)
        return c->failed != FERRY_OK ? c->failed : FERRY_E_STATE;
    (void)snprintf(sql, sizeof(sql), "SELECT pg_notify('" PGS_NEWS_CHANNEL "', '%u')", (unsigned)news);
    text = ferry_strdup(sql);
    return text != NULL ? pgs_queue_own_text(&c->queue, text) : FERRY_E_NOMEM;
}

ferry_err pgs_listen(struct store *base, const struct store_listener *listener)
{
    struct postgres_store *s = (struct postgres_store *)base;

    if (listener == NULL) {
        pgs_news_stop(s->news);
        s->news = NULL;
        return FERRY_OK;
    }
    return s->news != NULL ? FERRY_E_STATE : pgs_news_start(s, listener, &s->news);
}
