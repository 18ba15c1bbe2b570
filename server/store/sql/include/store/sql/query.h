/**
 * @file query.h
 * @brief One use of a prepared statement: bind in order, step, read in order; reset at the end of the scope.
 *
 * Errors stick: after the first one, binding and reading do nothing, and the last call reports it.
 *
 *     query_auto q = sql_query_begin(c, STMT_UPLOAD_GET);
 *     sql_query_id(&q, id);
 *     return sql_query_one(&q, read_upload, sizeof(*ret), ret);
 */
#ifndef STORE_SQL_QUERY_H
#define STORE_SQL_QUERY_H

#include "store/sql/conn.h"
#include "store/sql/statements.h"

#include <stddef.h>

struct query {
    struct store_conn *c;
    statement which;
    void *driver; /* what the driver needs; null when the statement could not be made ready */
    ferry_err err;
    int bound;  /* parameters bound so far */
    int column; /* columns read so far */
};

struct query sql_query_begin(struct store_conn *c, statement which);
void sql_query_end(struct query *q);
#define query_auto __attribute__((cleanup(sql_query_end))) struct query

/** @brief Sets the first error. */
void sql_query_fail(struct query *q, ferry_err err);

/* Binding the next parameter. Bytes must live until the scope ends. */
void sql_query_int(struct query *q, int64_t number);
/** FERRY_E_ARG above INT64_MAX: the database has signed numbers. */
void sql_query_u64(struct query *q, uint64_t number);
/** A time or a count to compare with: what is greater than any number in the database becomes the greatest. */
void sql_query_bound(struct query *q, uint64_t number);
void sql_query_null(struct query *q);
/** null becomes NULL */
void sql_query_text(struct query *q, const char *text);
void sql_query_bytes(struct query *q, const void *bytes, size_t len);
/** The same with a copy of the bytes. */
void sql_query_bytes_copy(struct query *q, const void *bytes, size_t len);
/** FERRY_E_ARG when it is none. */
void sql_query_id(struct query *q, const ferry_id *id);

/* Running. */
/** @brief True: the next row is there to be read. */
bool sql_query_next(struct query *q);
/** @brief For statements without rows. *ret_changes (may be null): rows changed. */
FERRY_MUST_CHECK ferry_err sql_query_run(struct query *q, int *ret_changes);
/** @brief A change of a row that must be there. @retval FERRY_E_NOT_FOUND */
FERRY_MUST_CHECK ferry_err sql_query_run_one(struct query *q);
/** @brief Reads the columns of one row into row; sets q->err when they make no sense. */
typedef void query_reader(struct query *q, void *row);
/** @brief The first row, of at most QUERY_ROW_MAX bytes. @retval FERRY_E_NOT_FOUND there is none */
FERRY_MUST_CHECK ferry_err sql_query_one(struct query *q, query_reader *read, size_t row_bytes, void *ret_row);
/** @brief All rows, at most cap. */
FERRY_MUST_CHECK ferry_err sql_query_many(struct query *q, query_reader *read, size_t row_bytes, void *rows, size_t cap,
                                      size_t *ret_count);
enum { QUERY_ROW_MAX = 10240 };
/** @brief For statements that answer with one number. @retval FERRY_E_NOT_FOUND no row */
FERRY_MUST_CHECK ferry_err sql_query_number(struct query *q, uint64_t *ret_number);

/* Reading the next column. What does not fit its type in the model is FERRY_E_CORRUPT. */
int64_t sql_query_get_int(struct query *q, int64_t min, int64_t max);
uint64_t sql_query_get_u64(struct query *q);
/** @brief Two columns: a sum is kept as those of the high and the low halves of its numbers, as it may pass 2^63. What passes
 *  UINT64_MAX is that. */
uint64_t sql_query_get_sum(struct query *q);
int32_t sql_query_get_i32(struct query *q);
uint32_t sql_query_get_u32(struct query *q);
bool sql_query_get_bool(struct query *q);
/** NULL becomes "". */
void sql_query_get_text(struct query *q, char *out, size_t size);
void sql_query_get_bytes(struct query *q, void *out, size_t cap, size_t *ret_len);
void sql_query_get_id(struct query *q, ferry_id *ret_id);
/** Of the next column, which stays the next. */
bool sql_query_is_bytes(struct query *q);

#endif
