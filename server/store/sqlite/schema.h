/**
 * @file schema.h
 * @brief Brings a database to the newest schema, step by step; forward only.
 */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>
#include <stddef.h>

/** @brief Steps of the schema: element n leads from version n to n + 1. Published steps never change. */
extern const char *const sq_schema_steps[];
extern const size_t sq_schema_step_count;

/**
 * @brief The version of the database: 0 for an empty file.
 * @retval FERRY_E_CORRUPT not a database, or another program's | FERRY_E_VERSION newer than step_count
 */
FERRY_MUST_CHECK ferry_err sq_schema_version(sqlite3 *db, size_t step_count, size_t *ret_version);

/**
 * @brief Runs the steps that are missing, each in a transaction of its own together with its version number.
 * On failure the database stands at the last step that was completed. Errors: as sq_schema_version(), and the store's.
 */
FERRY_MUST_CHECK ferry_err sq_schema_migrate(sqlite3 *db, const char *const *steps, size_t step_count);

#endif
