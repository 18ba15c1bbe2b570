/**
 * @file bulk.h
 * @brief Rows of one kind that stand in the queue become one statement.
 *
 * A statement costs the server more than the row in it, and its triggers run once for each statement. So before the queue is
 * sent, the puts of tasks and what is like them are sorted by their kind, and each kind is one statement whose parameters are arrays.
 * Nothing is moved past a statement that is not of these, and what is about one task stays in its order: the second put of
 * a task is in a statement behind the first, as what the first of them counts must be counted.
 */
#ifndef STORE_POSTGRES_BULK_H
#define STORE_POSTGRES_BULK_H

#include "queue.h"

#include "store/sql/statements.h"

enum { PGS_BULK_ROWS_MAX = 1024 }; /**< in one statement, so that none takes longer than the server's patience */

/** @brief How rows of a kind are put into one statement. */
struct pgs_bulk {
    statement which;     /**< of one row */
    const char *sql;     /**< of many: its parameters are arrays, in the order of the single one's */
    const char *columns; /**< what each of them holds, a letter for each: b bytes, t text, n numbers */
    bool is_about;       /**< the first column is the id of a task, and what is about one task keeps its order */
    bool takes_more;     /**< several rows of a task may stand in one statement */
};

/** @brief Null: rows of the statement are not put together. */
const struct pgs_bulk *pgs_bulk_of(statement which);

/**
 * @brief Puts rows of the queue together, except those of the statements from keep on, keep_count of them: their results are wanted.
 * @retval FERRY_E_NOMEM the queue is what it was, in another order perhaps
 */
FERRY_MUST_CHECK ferry_err pgs_bulk_join(struct pgs_queue *q, size_t keep, size_t keep_count);

/** @brief The type of a parameter of the statement for many rows, by its letter. */
unsigned pgs_bulk_type(char letter);

#endif
