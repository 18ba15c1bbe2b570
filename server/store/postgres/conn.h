/**
 * @file conn.h
 * @brief A connection: libpq's handle, its statements, and what of the open transaction was not sent yet.
 */
#ifndef STORE_POSTGRES_CONN_H
#define STORE_POSTGRES_CONN_H

#include "answers.h"
#include "queue.h"
#include "rewrite.h"

#include "store/sql/conn.h"
#include "store/sql/statements.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct postgres_store;

enum { PGS_SESSION_BYTES = 16 };

struct pgs_conn {
    struct store_conn base;       /* first: a struct store_conn * is one of these */
    struct postgres_store *store;
    PGconn *db;                   /* in pipeline mode; null: the connection is lost */
    uint64_t tried_ms;            /* when connecting failed last; 0: it did not */
    int worker;                   /* a writer's number */
    int backend;                  /* the process at the other end, also when it is lost */
    uint8_t session[PGS_SESSION_BYTES]; /* a writer's: by it the mark of a commit is found again */
    int64_t serial;               /* of the last commit of the session */

    bool in_tx;                   /* between begin and commit or rollback */
    bool begun;                   /* the server knows of it */
    bool writes;                  /* something in it changes rows */
    ferry_err failed;             /* why it can only be rolled back */
    struct pgs_queue queue;       /* to be sent with the next statement that must be answered, or the commit */
    struct pgs_queue late;        /* to be sent last: what holds a lock that all others want (events) */
    bool marked, mark_sent;       /* there is a savepoint; the server has it */
    size_t mark_at, late_mark_at; /* what is queued behind these came after it */

    bool claimed;                 /* nobody else changes what it reads: what it changes need not be looked at at once */
    bool careful;                 /* nothing is queued or fetched ahead: the transaction before failed by what was queued */
    bool careful_next;
    bool rehearsing;              /* what is read is noted, to be fetched; changes do nothing */
    unsigned rounds;              /* of the rehearsal */
    struct pgs_answers answers;   /* that were fetched ahead */
    unsigned duties;              /* bits of those that the connection has */
    uint64_t round_trips;

    struct pgs_stmt *stmts[STMT_COUNT]; /* each made at its first use */
};

/** @brief Connects as the mode says. migrate: a writer brings the schema up to date (at the first time). */
FERRY_MUST_CHECK ferry_err pgs_conn_new(struct postgres_store *store, store_mode mode, struct pgs_conn **ret_conn);
/** @brief Rolls back, closes. Accepts null and what conn_new left half-made. */
void pgs_conn_free(struct pgs_conn *c);

/** @brief Makes sure that there is a connection: a new one when it is lost. Not within a transaction. @retval FERRY_E_NETWORK | … */
FERRY_MUST_CHECK ferry_err pgs_conn_ensure(struct pgs_conn *c);
/** @brief Forgets a connection that is lost, and what was on it. */
void pgs_conn_drop(struct pgs_conn *c);

/**
 * @brief After a commit whose answer was lost: was it done? Waits for the old transaction's end, wherever it runs.
 * @retval FERRY_OK it was | FERRY_E_AGAIN it was not | FERRY_E_TIMEOUT it could not be found out
 */
FERRY_MUST_CHECK ferry_err pgs_conn_find_commit(struct pgs_conn *c);

/* pipe.c */

/** @brief What came of what was sent. */
struct pgs_outcome {
    size_t done;      /**< so many statements of the queue were executed, from its beginning */
    PGresult *result; /**< of the one that was to be kept, when it was executed; to be cleared */
};

/**
 * @brief Sends all of the queue in one go and reads the answers. The queue is empty afterwards.
 * @return the first error; of FERRY_E_NETWORK the connection is dropped
 */
FERRY_MUST_CHECK ferry_err pgs_exchange(struct pgs_conn *c, size_t keep, struct pgs_outcome *ret_outcome);

/** @brief The results that are kept: those of count statements of the queue, from one on. Null for one that was not executed. */
struct pgs_keep {
    size_t from, count;
    PGresult **results; /**< count of them, null before; to be cleared */
};
FERRY_MUST_CHECK ferry_err pgs_exchange_many(struct pgs_conn *c, struct pgs_keep keep, size_t *ret_done);

/* transaction.c */

/**
 * @brief In a transaction: sends the queue, of which the statement at own is the caller's.
 * @retval FERRY_E_AGAIN the connection is lost, or a statement before own has failed: the transaction is lost
 */
FERRY_MUST_CHECK ferry_err pgs_send(struct pgs_conn *c, size_t own, struct pgs_keep keep, size_t *ret_done);
/** @brief In a transaction: sends the queue and behind it the statement. ret_result: of it, to be cleared. Errors: as pgs_send(), and its own. */
FERRY_MUST_CHECK ferry_err pgs_run_in_tx(struct pgs_conn *c, struct pgs_stmt *stmt, PGresult **ret_result);
/** @brief Puts what was to be sent last into the queue. @retval FERRY_E_NOMEM | FERRY_E_BUSY it belongs before a mark that was sent */
FERRY_MUST_CHECK ferry_err pgs_join_late(struct pgs_conn *c);
/** @brief Slots of the driver (store/sql/driver.h). */
FERRY_MUST_CHECK ferry_err pgs_tx(struct store_conn *c, sql_tx_step step);
void pgs_rollback(struct store_conn *c);

/** @brief The driver of store/sql (driver.c). */
extern const struct sql_driver pgs_driver;

#endif
