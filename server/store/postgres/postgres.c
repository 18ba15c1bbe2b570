#include "store/postgres.h"

#include "conn.h"
#include "link.h"
#include "postgres_internal.h"
#include "share.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "store/sql/ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS_MAX = 128 }; /* each is a process of the server */

void pgs_store_note(struct postgres_store *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)pthread_mutex_lock(&s->lock);
    (void)vsnprintf(s->problem, sizeof(s->problem), format, args);
    (void)pthread_mutex_unlock(&s->lock);
    va_end(args);
}

void store_postgres_problem(struct store *base, char out[STORE_POSTGRES_PROBLEM_SIZE])
{
    struct postgres_store *s = (struct postgres_store *)base;

    (void)pthread_mutex_lock(&s->lock);
    memcpy(out, s->problem, sizeof(s->problem));
    (void)pthread_mutex_unlock(&s->lock);
}

static ferry_err postgres_connect(struct store *base, store_mode mode, struct store_conn **ret_conn)
{
    struct postgres_store *s = (struct postgres_store *)base;
    struct pgs_conn *c = NULL;
    ferry_err err = sql_conns_enter(&s->conns, mode, READERS_MAX);

    if (err != FERRY_OK)
        return err;
    err = pgs_conn_new(s, mode, &c);
    if (err != FERRY_OK)
        sql_conns_leave(&s->conns, mode);
    else
        *ret_conn = &c->base;
    return err;
}

static void postgres_disconnect(struct store_conn *base)
{
    struct pgs_conn *c = (struct pgs_conn *)base;

    if (c == NULL)
        return;
    struct postgres_store *s = c->store;
    store_mode mode = base->mode;

    pgs_conn_free(c);
    sql_conns_leave(&s->conns, mode);
}

static void postgres_close(struct store *base)
{
    struct postgres_store *s = (struct postgres_store *)base;

    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    if (s->uri != NULL)
        explicit_bzero(s->uri, strlen(s->uri));
    free(s->uri);
    free(s->name);
    free(s);
}

static const struct store_ops postgres_ops = {
    .name = "postgres",
    .connect = postgres_connect,
    .disconnect = postgres_disconnect,
    .close = postgres_close,
    SQL_STORE_OPS,
    .claim = pgs_claim,
    .take_duty = pgs_take_duty,
    .rehearse = pgs_rehearse,
    .processes = pgs_processes,
    .tell = pgs_tell,
    .listen = pgs_listen,
};

uint64_t store_postgres_round_trips(struct store_conn *base)
{
    return ((struct pgs_conn *)base)->round_trips;
}

ferry_err store_postgres_open(const struct store_postgres_config *cfg, struct store **ret_store)
{
    char problem[STORE_POSTGRES_PROBLEM_SIZE];
    struct postgres_store *s;

    if (store_postgres_check_address(cfg->uri, problem) != FERRY_OK)
        return FERRY_E_ARG;
    s = ferry_calloc(1, sizeof(*s));
    if (s == NULL)
        return FERRY_E_NOMEM;
    s->base.ops = &postgres_ops;
    s->busy_ms = cfg->busy_ms;
    s->patience_ms = cfg->patience_ms != 0 ? cfg->patience_ms : PGS_PATIENCE_MS;
    s->batch_max = cfg->batch_max;
    s->uri = ferry_strdup(cfg->uri);
    s->name = ferry_strdup(cfg->name != NULL ? cfg->name : "ferryd");
    if (s->uri == NULL || s->name == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s->uri);
        free(s->name);
        free(s);
        return FERRY_E_NOMEM;
    }
    *ret_store = &s->base;
    return FERRY_OK;
}
