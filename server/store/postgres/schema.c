#include "schema.h"

#include "link.h"
#include "locks.h"
#include "step.h"

#include <stdint.h>
#include <stdio.h>

enum { TRIES = 3 };

const struct pgs_step pgs_schema_steps[] = {
    {pgs_step_1, 1},
    {pgs_step_2, 1},
};
const size_t pgs_schema_step_count = sizeof(pgs_schema_steps) / sizeof(pgs_schema_steps[0]);

/* --- the version ------------------------------------------------------------------------------- */

#define VERSION_TABLE \
    "CREATE TABLE ferry_schema (one smallint PRIMARY KEY CHECK (one = 1), version integer NOT NULL, oldest integer NOT NULL);" \
    " INSERT INTO ferry_schema VALUES (1, 0, 0)"

ferry_err pgs_schema_version(PGconn *db, size_t step_count, struct pgs_version *ret_version)
{
    struct pgs_version found = {0};
    int64_t is_there = 0, version = 0, oldest = 0;
    ferry_err err = pgs_link_number(db, "SELECT (to_regclass('ferry_schema') IS NOT NULL)::int", &is_there);

    if (err == FERRY_OK && is_there != 0)
        err = pgs_link_number(db, "SELECT version FROM ferry_schema", &version);
    if (err == FERRY_OK && is_there != 0)
        err = pgs_link_number(db, "SELECT oldest FROM ferry_schema", &oldest);
    if (err != FERRY_OK)
        return err == FERRY_E_NOT_FOUND ? FERRY_E_CORRUPT : err;
    if (version < 0 || oldest < 0 || oldest > version)
        return FERRY_E_CORRUPT;
    found.version = (size_t)version;
    found.oldest = (size_t)oldest;
    if (found.oldest > step_count)
        return FERRY_E_VERSION;
    *ret_version = found;
    return FERRY_OK;
}

static ferry_err run(PGconn *db, const char *sql)
{
    return pgs_link_run(db, sql, PGS_PATIENCE_MIGRATE_MS, NULL);
}

/* Within the transaction of the lock. The version is read again: another program may have migrated meanwhile. */
static ferry_err run_next(PGconn *db, const struct pgs_step *steps, size_t step_count, struct pgs_version *ret_version)
{
    char stamp[96];
    struct pgs_version at;
    ferry_err err = pgs_schema_version(db, step_count, &at);

    if (err != FERRY_OK || at.version >= step_count) {
        if (err == FERRY_OK)
            *ret_version = at;
        return err;
    }
    if (at.version == 0)
        err = run(db, VERSION_TABLE);
    if (err == FERRY_OK)
        err = run(db, steps[at.version].sql);
    at.oldest = steps[at.version].oldest;
    at.version++;
    (void)snprintf(stamp, sizeof(stamp), "UPDATE ferry_schema SET version = %zu, oldest = %zu", at.version, at.oldest);
    if (err == FERRY_OK)
        err = run(db, stamp);
    if (err == FERRY_OK)
        *ret_version = at;
    return err;
}

static ferry_err next_step(PGconn *db, const struct pgs_step *steps, size_t step_count, struct pgs_version *ret_version,
                           char *reterr_problem)
{
    struct pgs_version reached = {0};
    ferry_err err = run(db, "BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;"
                            " SELECT pg_advisory_xact_lock(" PGS_LOCK_MIGRATE ")");

    if (err == FERRY_OK)
        err = run_next(db, steps, step_count, &reached);
    if (err == FERRY_OK)
        err = run(db, "COMMIT");
    if (err != FERRY_OK) {
        pgs_link_words(PQerrorMessage(db), reterr_problem);
        ferry_drop(run(db, "ROLLBACK")); /* the first error counts */
        return err;
    }
    *ret_version = reached;
    return FERRY_OK;
}

ferry_err pgs_schema_migrate(PGconn *db, const struct pgs_step *steps, size_t step_count, char reterr_problem[PGS_PROBLEM_SIZE])
{
    struct pgs_version at;
    ferry_err err = pgs_schema_version(db, step_count, &at);
    unsigned tries = 0;

    reterr_problem[0] = '\0';
    while (err == FERRY_OK && at.version < step_count) {
        err = next_step(db, steps, step_count, &at, reterr_problem);
        if ((err == FERRY_E_BUSY || err == FERRY_E_AGAIN) && ++tries < TRIES)
            err = FERRY_OK; /* others work on: their locks are short as a rule, and who waits in a circle is sent away */
    }
    return err;
}
