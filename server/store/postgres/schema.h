/**
 * @file schema.h
 * @brief Brings a database to the newest schema, step by step; forward only.
 *
 * Workers of two versions may run beside each other while one after the other is replaced: a step that only adds
 * (expands) says that programs of before may go on; what nobody needs any more is taken away (contracted) by a step of a
 * later version, which says who may not. So a program meets one of these:
 *   schema older than it     a writer brings it up to date, a reader waits for one (FERRY_E_STATE)
 *   schema of its version
 *   schema newer than it     it works, unless the schema says that it is too old (FERRY_E_VERSION)
 */
#ifndef STORE_POSTGRES_SCHEMA_H
#define STORE_POSTGRES_SCHEMA_H

#include "link.h"

#include "base/error.h"

#include <libpq-fe.h>
#include <stddef.h>

/**
 * @brief A step of the schema; published ones never change. Each runs in one transaction with its version number, so what
 *        cannot (CREATE INDEX CONCURRENTLY) is no step: it is done by hand before the upgrade, and its step says IF NOT EXISTS.
 */
struct pgs_step {
    const char *sql;
    size_t oldest; /**< the oldest program, by its number of steps, that may work on the database after this one */
};

/** @brief Element n leads from version n to n + 1. */
extern const struct pgs_step pgs_schema_steps[];
extern const size_t pgs_schema_step_count;

struct pgs_version {
    size_t version; /**< 0: nothing is there yet */
    size_t oldest;
};

/** @retval FERRY_E_VERSION too new for a program of step_count steps | FERRY_E_CORRUPT | as the connection */
FERRY_MUST_CHECK ferry_err pgs_schema_version(PGconn *db, size_t step_count, struct pgs_version *ret_version);

/**
 * @brief Runs the steps that are missing, one program at a time. On failure the database stands at the last step that was
 *        completed. Errors: as pgs_schema_version(). reterr_problem: the server's words, "" when it has none.
 */
FERRY_MUST_CHECK ferry_err pgs_schema_migrate(PGconn *db, const struct pgs_step *steps, size_t step_count,
                                              char reterr_problem[PGS_PROBLEM_SIZE]);

#endif
