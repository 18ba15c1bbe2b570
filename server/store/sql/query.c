#include "store/sql/query.h"

#include "id_bytes.h"

#include <string.h>

void sql_query_fail(struct query *q, ferry_err err)
{
    if (q->err == FERRY_OK)
        q->err = err;
}

struct query sql_query_begin(struct store_conn *c, statement which)
{
    struct query q = {.c = c, .which = which};

    c->driver->begin(&q);
    return q;
}

void sql_query_end(struct query *q)
{
    q->c->driver->end(q);
}

void sql_query_int(struct query *q, int64_t number)
{
    if (q->err == FERRY_OK)
        q->c->driver->bind_number(q, ++q->bound, number);
}

void sql_query_u64(struct query *q, uint64_t number)
{
    if (number > INT64_MAX)
        sql_query_fail(q, FERRY_E_ARG);
    sql_query_int(q, (int64_t)number);
}

void sql_query_bound(struct query *q, uint64_t number)
{
    sql_query_int(q, number > INT64_MAX ? INT64_MAX : (int64_t)number);
}

void sql_query_null(struct query *q)
{
    if (q->err == FERRY_OK)
        q->c->driver->bind_null(q, ++q->bound);
}

void sql_query_text(struct query *q, const char *text)
{
    if (q->err == FERRY_OK)
        q->c->driver->bind_text(q, ++q->bound, text);
}

void sql_query_bytes(struct query *q, const void *bytes, size_t len)
{
    if (q->err == FERRY_OK)
        q->c->driver->bind_bytes(q, ++q->bound, bytes, len, false);
}

void sql_query_bytes_copy(struct query *q, const void *bytes, size_t len)
{
    if (q->err == FERRY_OK)
        q->c->driver->bind_bytes(q, ++q->bound, bytes, len, true);
}

void sql_query_id(struct query *q, const ferry_id *id)
{
    uint8_t bytes[ID_BYTES];

    if (!sql_id_to_bytes(id, bytes))
        sql_query_fail(q, FERRY_E_ARG);
    else
        sql_query_bytes_copy(q, bytes, sizeof(bytes));
}

bool sql_query_next(struct query *q)
{
    if (q->err != FERRY_OK)
        return false;
    q->column = 0;
    return q->c->driver->next(q);
}

ferry_err sql_query_run(struct query *q, int *ret_changes)
{
    while (sql_query_next(q))
        ;
    if (q->err == FERRY_OK && ret_changes != NULL)
        *ret_changes = q->c->driver->changes(q);
    return q->err;
}

ferry_err sql_query_run_one(struct query *q)
{
    int changes = 0;
    ferry_err err = sql_query_run(q, &changes);

    return err == FERRY_OK && changes == 0 ? FERRY_E_NOT_FOUND : err;
}

ferry_err sql_query_one(struct query *q, query_reader *read, size_t row_bytes, void *ret_row)
{
    _Alignas(max_align_t) unsigned char row[QUERY_ROW_MAX];

    if (row_bytes > sizeof(row))
        return FERRY_E_ARG;
    if (!sql_query_next(q))
        return q->err != FERRY_OK ? q->err : FERRY_E_NOT_FOUND;
    memset(row, 0, row_bytes);
    read(q, row);
    if (q->err == FERRY_OK)
        memcpy(ret_row, row, row_bytes);
    return q->err;
}

ferry_err sql_query_many(struct query *q, query_reader *read, size_t row_bytes, void *rows, size_t cap, size_t *ret_count)
{
    size_t count = 0;

    while (count < cap && sql_query_next(q)) {
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
    *(uint64_t *)row = sql_query_get_u64(q);
}

ferry_err sql_query_number(struct query *q, uint64_t *ret_number)
{
    return sql_query_one(q, read_number, sizeof(*ret_number), ret_number);
}

int64_t sql_query_get_int(struct query *q, int64_t min, int64_t max)
{
    int64_t number = q->c->driver->get_number(q, q->column++);

    if (number < min || number > max) {
        sql_query_fail(q, FERRY_E_CORRUPT);
        return min;
    }
    return number;
}

uint64_t sql_query_get_u64(struct query *q)
{
    return (uint64_t)sql_query_get_int(q, 0, INT64_MAX);
}

uint64_t sql_query_get_sum(struct query *q)
{
    uint64_t high = sql_query_get_u64(q), low = sql_query_get_u64(q);

    return high > (UINT64_MAX - low) >> 32 ? UINT64_MAX : (high << 32) + low;
}

int32_t sql_query_get_i32(struct query *q)
{
    return (int32_t)sql_query_get_int(q, INT32_MIN, INT32_MAX);
}

uint32_t sql_query_get_u32(struct query *q)
{
    return (uint32_t)sql_query_get_int(q, 0, UINT32_MAX);
}

bool sql_query_get_bool(struct query *q)
{
    return sql_query_get_int(q, 0, 1) != 0;
}

void sql_query_get_text(struct query *q, char *out, size_t size)
{
    size_t len = 0;
    const char *text = q->c->driver->get_text(q, q->column++, &len);

    out[0] = '\0';
    if (text == NULL)
        return;
    if (len >= size || memchr(text, '\0', len) != NULL) {
        sql_query_fail(q, FERRY_E_CORRUPT);
        return;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

void sql_query_get_bytes(struct query *q, void *out, size_t cap, size_t *ret_len)
{
    size_t len = 0;
    const void *bytes = q->c->driver->get_bytes(q, q->column++, &len);

    if (len > cap) {
        sql_query_fail(q, FERRY_E_CORRUPT);
        return;
    }
    if (len > 0 && bytes != NULL)
        memcpy(out, bytes, len);
    *ret_len = len;
}

bool sql_query_is_bytes(struct query *q)
{
    return q->c->driver->is_bytes(q, q->column);
}

void sql_query_get_id(struct query *q, ferry_id *ret_id)
{
    uint8_t bytes[ID_BYTES];
    size_t len = 0;

    sql_query_get_bytes(q, bytes, sizeof(bytes), &len);
    if (len != sizeof(bytes))
        sql_query_fail(q, FERRY_E_CORRUPT);
    else
        *ret_id = sql_id_from_bytes(bytes);
}
