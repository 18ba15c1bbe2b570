/**
 * @file checkpointer.h
 * @brief Copies what the log (WAL) holds into the database beside the writer, on a thread and a connection of its own, so that no commit
 * waits for it; what it writes is synced in pieces, each behind a commit. It comes closer and closer to the end of the log, which the
 * writer moves on; unless it reaches it between two transactions, the last pages are the writer's own work. Then the log begins anew.
 */
#ifndef STORE_SQLITE_CHECKPOINTER_H
#define STORE_SQLITE_CHECKPOINTER_H

#include "base/error.h"

#include <sqlite3.h>

struct checkpointer;

/**
 * @brief Begins; the writer's commits are watched from now on.
 * @retval FERRY_E_NOMEM  also when there can be no further thread
 * @retval other          the file cannot be opened once more
 */
FERRY_MUST_CHECK ferry_err checkpointer_start(sqlite3 *writer, const char *path, struct checkpointer **ret_checkpointer);
/** @brief Before each transaction of the writer, when who waited for the last one has been answered: copies the last pages. Accepts null. */
void checkpointer_between(struct checkpointer *c);
/** @brief Waits for the copy that is being made. Before the writer is closed. Accepts null. */
void checkpointer_stop(struct checkpointer *c);

#endif
