#include "query.h"

#include "id_bytes.h"

#include <string.h>

/* Sets the first error. */
static void fail(struct query *q, ferry_err err)
{
    if (q->err == FERRY_OK)
        q->err = err;
}

static void check(struct query *q, int code)
{
    if (code != SQLITE_OK)
        fail(q, sq_conn_error(q->c, code));
}

struct query sq_query_begin(struct store_conn *c, statement which)
{
    struct query q = {.c = c, .stmt = c->stmts[which]};

    /* after some errors SQLite ends the transaction by itself; what follows must not be committed one by one */
    if (c->in_tx && sqlite3_get_autocommit(c->db) != 0)
        fail(&q, c->last_err != FERRY_OK ? c->last_err : FERRY_E_IO);
    if (q.stmt == NULL && q.err == FERRY_OK) {
        check(&q, sqlite3_prepare_v3(c->db, sq_statement_sql(which), -1, SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL));
        c->stmts[which] = q.stmt;
    }
    return q;
}

void sq_query_end(struct query *q)
{
    if (q->stmt == NULL)
        return;
    (void)sqlite3_reset(q->stmt); /* repeats the error of the last step, which was seen */
    (void)sqlite3_clear_bindings(q->stmt); /* cannot fail; the bytes bound belong to the caller */
}

void sq_query_int(struct query *q, int64_t number)
{
    if (q->err == FERRY_OK)
        check(q, sqlite3_bind_int64(q->stmt, ++q->bound, number));
}

void sq_query_u64(struct query *q, uint64_t number)
{
    if (number > INT64_MAX)
        fail(q, FERRY_E_ARG);
    sq_query_int(q, (int64_t)number);
}

void sq_query_bound(struct query *q, uint64_t number)
{
    sq_query_int(q, number > INT64_MAX ? INT64_MAX : (int64_t)number);
}

void sq_query_null(struct query *q)
{
    if (q->err == FERRY_OK)
        check(q, sqlite3_bind_null(q->stmt, ++q->bound));
}

void sq_query_text(struct query *q, const char *text)
{
    if (q->err == FERRY_OK)
        check(q, sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC));
}

void sq_query_bytes(struct query *q, const void *bytes, size_t len)
{
    /* a null pointer would bind NULL; no bytes are an empty blob */
    if (q->err == FERRY_OK)
        check(q, sqlite3_bind_blob64(q->stmt, ++q->bound, len > 0 ? bytes : "", len, SQLITE_STATIC));
}

void sq_query_id(struct query *q, const ferry_id *id)
{
    uint8_t bytes[ID_BYTES];

    if (!sq_id_to_bytes(id, bytes))
        fail(q, FERRY_E_ARG);
    if (q->err == FERRY_OK)
        check(q, sqlite3_bind_blob64(q->stmt, ++q->bound, bytes, sizeof(bytes), SQLITE_TRANSIENT));
}

bool sq_query_next(struct query *q)
{
    int code;

    if (q->err != FERRY_OK)
        return false;
    q->column = 0;
    code = sqlite3_step(q->stmt);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE) {
        fail(q, sq_conn_error(q->c, code));
        q->c->last_err = q->err;
    }
    return false;
}

ferry_err sq_query_run(struct query *q, int *ret_changes)
{
    while (sq_query_next(q))
        ;
    if (q->err == FERRY_OK && ret_changes != NULL)
        *ret_changes = sqlite3_changes(q->c->db);
    return q->err;
}

ferry_err sq_query_run_one(struct query *q)
{
    int changes = 0;
    ferry_err err = sq_query_run(q, &changes);

    return err == FERRY_OK && changes == 0 ? FERRY_E_NOT_FOUND : err;
}

ferry_err sq_query_one(struct query *q, query_reader *read, size_t row_bytes, void *ret_row)
{
    _Alignas(max_align_t) unsigned char row[QUERY_ROW_MAX];

    if (row_bytes > sizeof(row))
        return FERRY_E_ARG;
    if (!sq_query_next(q))
        return q->err != FERRY_OK ? q->err : FERRY_E_NOT_FOUND;
    memset(row, 0, row_bytes);
    read(q, row);
    if (q->err == FERRY_OK)
        memcpy(ret_row, row, row_bytes);
    return q->err;
}

ferry_err sq_query_many(struct query *q, query_reader *read, size_t row_bytes, void *rows, size_t cap, size_t *ret_count)
{
    size_t count = 0;

    while (count < cap && sq_query_next(q)) {
        unsigned char *row = (unsigned char *)rows + count++ * row_bytes;

        memset(row, 0, row_bytes);
        read(q, row);
    }
    if (q->err == FERRY_OK)
        *ret_count = count;
    return q->err;
}

static void read_number(struct query *q, void *row)
{
    *(uint64_t *)row = sq_query_get_u64(q);
}

ferry_err sq_query_number(struct query *q, uint64_t *ret_number)
{
    return sq_query_one(q, read_number, sizeof(*ret_number), ret_number);
}

int64_t sq_query_get_int(struct query *q, int64_t min, int64_t max)
{
    int64_t number = sqlite3_column_int64(q->stmt, q->column++); /* STRICT tables hold nothing else */

    if (number < min || number > max) {
        fail(q, FERRY_E_CORRUPT);
        return min;
    }
    return number;
}

uint64_t sq_query_get_u64(struct query *q)
{
    return (uint64_t)sq_query_get_int(q, 0, INT64_MAX);
}

uint64_t sq_query_get_sum(struct query *q)
{
    uint64_t high = sq_query_get_u64(q), low = sq_query_get_u64(q);

    return high > (UINT64_MAX - low) >> 32 ? UINT64_MAX : (high << 32) + low;
}

int32_t sq_query_get_i32(struct query *q)
{
    return (int32_t)sq_query_get_int(q, INT32_MIN, INT32_MAX);
}

uint32_t sq_query_get_u32(struct query *q)
{
    return (uint32_t)sq_query_get_int(q, 0, UINT32_MAX);
}

bool sq_query_get_bool(struct query *q)
{
    return sq_query_get_int(q, 0, 1) != 0;
}

void sq_query_get_text(struct query *q, char *out, size_t size)
{
    int column = q->column++;
    const unsigned char *text = sqlite3_column_text(q->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

    out[0] = '\0';
    if (text == NULL) {
        if (sqlite3_column_type(q->stmt, column) != SQLITE_NULL)
            fail(q, FERRY_E_NOMEM);
        return;
    }
    if (len >= size || memchr(text, '\0', len) != NULL) {
        fail(q, FERRY_E_CORRUPT);
        return;
    }
    memcpy(out, text, len + 1);
}

void sq_query_get_bytes(struct query *q, void *out, size_t cap, size_t *ret_len)
{
    int column = q->column++;
    const void *bytes = sqlite3_column_blob(q->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(q->stmt, column);

    if (len > cap || (bytes == NULL && len > 0)) {
        fail(q, len > cap ? FERRY_E_CORRUPT : FERRY_E_NOMEM);
        return;
    }
    if (len > 0)
        memcpy(out, bytes, len);
    *ret_len = len;
}

void sq_query_get_id(struct query *q, ferry_id *ret_id)
{
    uint8_t bytes[ID_BYTES];
    size_t len = 0;

    sq_query_get_bytes(q, bytes, sizeof(bytes), &len);
    if (len != sizeof(bytes))
        fail(q, FERRY_E_CORRUPT);
    else
        *ret_id = sq_id_from_bytes(bytes);
}
