/**
 * @file postgres_internal.h
 * @brief The store itself: what its connections share.
 */
#ifndef STORE_POSTGRES_INTERNAL_H
#define STORE_POSTGRES_INTERNAL_H

#include "store/postgres.h"
#include "store/sql/conn.h"

#include <pthread.h>
#include <stdatomic.h>

struct pgs_news;

struct postgres_store {
    struct store base; /* first: a struct store * is one of these */
    char *uri, *name;
    uint32_t busy_ms, patience_ms, batch_max;
    atomic_int writer_backend; /* the process that serves our writer */
    struct pgs_news *news;     /* null: nobody listens */
    struct sql_conns conns;
    pthread_mutex_t lock; /* of what follows */
    char problem[STORE_POSTGRES_PROBLEM_SIZE];
};

/** @brief Notes why connecting failed; "": it did not. */
__attribute__((format(printf, 2, 3))) void pgs_store_note(struct postgres_store *s, const char *format, ...);

#endif
