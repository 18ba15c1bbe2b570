/**
 * @file answers.h
 * @brief Answers that were fetched before they were asked for in earnest, and what makes them out of date.
 *
 * An answer is found by its statement and values. It is about one device, one id, or all rows of a table; a change of the same
 * transaction that is about the same puts it out of use. What a change is about stands in a table (answers.c); one that does not
 * stand there puts all out of use.
 */
#ifndef STORE_POSTGRES_ANSWERS_H
#define STORE_POSTGRES_ANSWERS_H

#include "queue.h"

#include "store/sql/statements.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PGS_ANSWERS_PLACES = 16384 }; /**< twice as many as are kept: some of each command of the greatest batch */

struct pgs_answer {
    struct pgs_request *question; /* null: a free place */
    statement which;
    PGresult *result;             /* null: not fetched yet */
};

struct pgs_answers {
    struct pgs_answer *places; /* a table of places, a power of two of them */
    size_t cap, count;
    size_t *wanted;            /* places without a result, in the order in which they were asked for */
    size_t wanted_count;
    uint64_t *changed;         /* what was changed, likewise a table; 0: free */
    size_t changed_cap, changed_count;
    bool all_changed;
};

/** @brief Can the answer be fetched ahead? Of others it is not known what makes them out of date. */
bool pgs_answers_may_keep(statement which);
/** @brief The answer, unless there is none or a change has put it out of use. The result stays the table's. */
PGresult *pgs_answers_find(const struct pgs_answers *a, statement which, const struct pgs_stmt *stmt);
/** @brief Notes that it will be asked for. Nothing when it is noted already. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err pgs_answers_want(struct pgs_answers *a, statement which, struct pgs_stmt *stmt);
/** @brief Notes a change. Without memory for it all answers are out of use. */
void pgs_answers_note_change(struct pgs_answers *a, statement which, const struct pgs_stmt *stmt);
/** @brief Forgets answers and changes. */
void pgs_answers_clear(struct pgs_answers *a);
void pgs_answers_done(struct pgs_answers *a);

#endif
