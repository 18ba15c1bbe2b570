#include "schema.h"

#include "error_map.h"

#include <stdint.h>
#include <stdio.h>

/* "Fery": tells our files from those of other programs (PRAGMA application_id). */
enum { APPLICATION_ID = 0x46657279 };

/* One number that the database answers; code: SQLite's. */
static int ask_number(sqlite3 *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW) {
            *ret_number = sqlite3_column_int64(stmt, 0);
            code = SQLITE_OK;
        } else if (code == SQLITE_DONE) {
            code = SQLITE_CORRUPT;
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of step, which we have */
    return code;
}

static ferry_err mapped(sqlite3 *db, int code)
{
    return sq_error_map(code, sqlite3_system_errno(db));
}

ferry_err sq_schema_version(sqlite3 *db, size_t step_count, size_t *ret_version)
{
    int64_t application = 0, version = 0, objects = 0;
    int code = ask_number(db, "PRAGMA application_id", &application);

    if (code == SQLITE_OK)
        code = ask_number(db, "PRAGMA user_version", &version);
    if (code == SQLITE_OK)
        code = ask_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
    if (code != SQLITE_OK)
        return mapped(db, code);
    if (application == 0 && version == 0 && objects == 0) {
        *ret_version = 0;
        return FERRY_OK;
    }
    if (application != APPLICATION_ID || version <= 0)
        return FERRY_E_CORRUPT;
    if ((uint64_t)version > step_count)
        return FERRY_E_VERSION;
    *ret_version = (size_t)version;
    return FERRY_OK;
}

static int run_step(sqlite3 *db, const char *step, size_t version)
{
    char stamp[96];
    int code = sqlite3_exec(db, step, NULL, NULL, NULL);

    if (code != SQLITE_OK)
        return code;
    (void)snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %zu;", APPLICATION_ID,
                   version);
    code = sqlite3_exec(db, stamp, NULL, NULL, NULL);
    return code == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : code;
}

/* One missing step. The version is read again under the write lock: another process may be migrating the same file. */
static ferry_err next_step(sqlite3 *db, const char *const *steps, size_t step_count)
{
    size_t version;
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    ferry_err err = mapped(db, code);

    if (err != FERRY_OK)
        return err;
    err = sq_schema_version(db, step_count, &version);
    if (err == FERRY_OK && version < step_count)
        err = mapped(db, run_step(db, steps[version], version + 1));
    if (sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

ferry_err sq_schema_migrate(sqlite3 *db, const char *const *steps, size_t step_count)
{
    size_t version;
    ferry_err err = sq_schema_version(db, step_count, &version);

    while (err == FERRY_OK && version < step_count) {
        err = next_step(db, steps, step_count);
        if (err == FERRY_OK)
            err = sq_schema_version(db, step_count, &version);
    }
    return err;
}
