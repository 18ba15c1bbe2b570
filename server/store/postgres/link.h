/**
 * @file link.h
 * @brief What libpq does for a connection, without waiting for ever: a server that is silent for too long counts as gone.
 *
 * Outside pipeline mode, but for pgs_link_wait_input() and pgs_link_error().
 */
#ifndef STORE_POSTGRES_LINK_H
#define STORE_POSTGRES_LINK_H

#include "base/cleanup.h"
#include "base/error.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

FERRY_DEFINE_CLEANUP(PGresult *, PQclear)
FERRY_DEFINE_CLEANUP(PGconn *, PQfinish)

enum {
    PGS_PATIENCE_MS = 10 * 1000,           /**< with a statement, unless somebody says otherwise */
    PGS_PATIENCE_MIGRATE_MS = 3600 * 1000, /**< with a step of the schema, which may walk over all rows */
};

enum { PGS_PROBLEM_SIZE = 512 };

/** @brief What libpq says, which has several lines, in one. */
void pgs_link_words(const char *message, char out[PGS_PROBLEM_SIZE]);

/** @brief Notices of the server are of no use to us, and not for our standard error. */
void pgs_link_ignore_notice(void *arg, const char *message);

/** @brief What the state of a connection and a result (may be null) mean. FERRY_OK: nothing is wrong. */
ferry_err pgs_link_error(const PGconn *db, const PGresult *result);

/** @brief Waits until the next result can be read without waiting, and sends what is left to be sent. @retval FERRY_E_NETWORK */
FERRY_MUST_CHECK ferry_err pgs_link_wait_input(PGconn *db, uint64_t patience_ms);

/** @brief Runs one or more statements without parameters. ret_result (may be null): of the last one. */
FERRY_MUST_CHECK ferry_err pgs_link_run(PGconn *db, const char *sql, uint64_t patience_ms, PGresult **ret_result);

/** @brief The first column of the first row, as a number. @retval FERRY_E_NOT_FOUND no row, or NULL */
FERRY_MUST_CHECK ferry_err pgs_link_number(PGconn *db, const char *sql, int64_t *ret_number);

#endif
