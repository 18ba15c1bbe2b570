/**
 * @file sqlite.h
 * @brief The default store: one SQLite file (WAL, synchronous=FULL), on one machine.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "api/store.h"

#include <stdint.h>

struct store_sqlite_config {
    const char *path; /**< of the database file; its folder exists. Copied */
    uint32_t busy_ms; /**< how long a call waits for a lock of another process before FERRY_E_BUSY */
};

/**
 * @brief Makes a store. The file is not touched before the first connect().
 *
 * connect(STORE_WRITER) makes the file (mode 0600) when there is none and brings its schema up to date.
 * connect(STORE_READER) never changes anything that is stored. It works from another process too, and while
 * no writer runs, when the folder can be written (SQLite keeps its -shm file there).
 * connect() has, besides the errors of api/store.h:
 *   FERRY_E_VERSION    the schema is newer than this program
 *   FERRY_E_NOT_FOUND  the folder does not exist; for a reader: no writer has made the file yet
 *   FERRY_E_STATE      for a reader: the schema is older than this program, a writer must update it first
 *   FERRY_E_DENIED     the file must not be opened · FERRY_E_READONLY a writer cannot write to it
 *   FERRY_E_CORRUPT    it is not a database, or not one of ours
 * @retval FERRY_E_ARG no path | FERRY_E_NOMEM
 * Blocking: no. Threads: any; connections as api/store.h says.
 */
FERRY_MUST_CHECK ferry_err store_sqlite_open(const struct store_sqlite_config *cfg, struct store **ret_store);

#endif
