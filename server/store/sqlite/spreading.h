/**
 * @file spreading.h
 * @brief A VFS for the connection that copies the log: what it writes to the database is synced in small pieces, so that a commit which
 * syncs the log meanwhile waits for a piece, not for all of it. Everything else is the default VFS's. Not thread-safe.
 */
#ifndef STORE_SQLITE_SPREADING_H
#define STORE_SQLITE_SPREADING_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>

struct spreading;

/** @brief A piece has been written: waits until it may be synced. False: there is no time for this, and it is synced with what follows. */
typedef bool spreading_wait(void *arg);

FERRY_MUST_CHECK ferry_err spreading_new(spreading_wait *wait, void *arg, struct spreading **ret_spreading);
/** @brief After the connection is closed. Accepts null. */
void spreading_free(struct spreading *s);

/** @brief For sqlite3_open_v2(), of one connection. Lives as long as the spreading. */
const char *spreading_vfs(const struct spreading *s);

#endif
