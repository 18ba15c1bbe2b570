/**
 * @file rewrite.h
 * @brief The texts of store/sql for PostgreSQL: ? and ?N become $N.
 */
#ifndef STORE_POSTGRES_REWRITE_H
#define STORE_POSTGRES_REWRITE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { PGS_PARAMETERS_MAX = 40 };

struct pgs_text {
    char *sql;     /* to be freed */
    unsigned last; /* the greatest number of a parameter */
    bool is_named[PGS_PARAMETERS_MAX + 1]; /* those that the text has */
    bool reads;    /* it gives rows: SELECT, or with RETURNING */
    bool selects;  /* SELECT: it changes nothing */
    bool selects_values; /* INSERT ... SELECT: there the server cannot tell the types of the parameters by the columns */
    bool may_exist;      /* INSERT that fails when the row is there already */
};

/** @retval FERRY_E_NOMEM | FERRY_E_ARG too many parameters */
FERRY_MUST_CHECK ferry_err pgs_rewrite(const char *sql, struct pgs_text *ret_text);

#endif
