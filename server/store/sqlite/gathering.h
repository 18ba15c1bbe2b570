/**
 * @file gathering.h
 * @brief A VFS for the writer: what it adds to the log (WAL) is written in few pieces, not two for each page.
 *
 * SQLite writes the header of a page and the page by themselves. Here they are kept until the file is synced, read, measured or cut, or
 * something is written elsewhere; then they are written at once, before anything else is done. A commit is a sync (synchronous = FULL), so
 * nothing that was committed waits. All other files are left to the default VFS, and so are other connections. Not thread-safe.
 *
 * What could not be written is told with the sync, or with whatever else comes first. SQLite thinks it written, and so every later use of the
 * log fails the same way until the transaction is over.
 */
#ifndef STORE_SQLITE_GATHERING_H
#define STORE_SQLITE_GATHERING_H

#include "base/error.h"

#include <sqlite3.h>

struct gathering;

FERRY_MUST_CHECK ferry_err gathering_new(struct gathering **ret_gathering);
/** @brief After the connection is closed. Accepts null. */
void gathering_free(struct gathering *g);

/** @brief For sqlite3_open_v2(), of one connection. Lives as long as the gathering. */
const char *gathering_vfs(const struct gathering *g);

/** @brief A transaction was undone: what is kept of it is of no use, and what failed of it is forgotten. Accepts null. */
void gathering_forget(struct gathering *g);

#endif
