#include "queue.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static ferry_err make_room(struct pgs_queue *q, size_t more)
{
    size_t cap = q->cap != 0 ? q->cap : 64;
    struct pgs_request **items;

    if (q->count + more <= q->cap)
        return FERRY_OK;
    while (cap < q->count + more)
        cap *= 2;
    items = ferry_realloc(q->items, cap * sizeof(*items));
    if (items == NULL)
        return FERRY_E_NOMEM;
    q->items = items;
    q->cap = cap;
    return FERRY_OK;
}

static void open_gap(struct pgs_queue *q, size_t at, size_t count)
{
    memmove(q->items + at + count, q->items + at, (q->count - at) * sizeof(q->items[0]));
    q->count += count;
}

struct pgs_request *pgs_request_blank(struct pgs_stmt *stmt, size_t bytes)
{
    struct pgs_request *r = ferry_calloc(1, sizeof(*r) + bytes);

    if (r == NULL)
        return NULL;
    r->stmt = stmt;
    r->bytes_len = bytes;
    r->count = stmt != NULL ? (int)stmt->text.last : 0;
    return r;
}

/* Texts are ended by a zero byte, as libpq wants it. */
struct pgs_request *pgs_request_new(struct pgs_stmt *stmt)
{
    size_t bytes = 0, at = 0;
    struct pgs_request *r;

    for (unsigned i = 0; i < stmt->text.last; i++)
        bytes += stmt->values[i].bytes != NULL ? stmt->values[i].len + 1 : 0;
    r = pgs_request_blank(stmt, bytes);
    if (r == NULL)
        return NULL;
    for (unsigned i = 0; i < stmt->text.last; i++) {
        const struct pgs_value *v = &stmt->values[i];

        r->types[i] = v->type;
        r->formats[i] = v->is_binary ? 1 : 0;
        if (v->bytes == NULL)
            continue;
        memcpy(r->bytes + at, v->bytes, v->len);
        r->values[i] = r->bytes + at;
        r->lengths[i] = (int)v->len;
        at += v->len + 1;
    }
    return r;
}

void pgs_request_free(struct pgs_request *r)
{
    if (r != NULL)
        free(r->own_text);
    free(r);
}

ferry_err pgs_queue_copy(struct pgs_queue *q, const struct pgs_request *r)
{
    struct pgs_request *copy;

    if (make_room(q, 1) != FERRY_OK)
        return FERRY_E_NOMEM;
    copy = ferry_malloc(sizeof(*r) + r->bytes_len);
    if (copy == NULL)
        return FERRY_E_NOMEM;
    memcpy(copy, r, sizeof(*r) + r->bytes_len);
    for (int i = 0; i < r->count; i++)
        copy->values[i] = r->values[i] != NULL ? copy->bytes + (r->values[i] - r->bytes) : NULL;
    q->items[q->count++] = copy;
    return FERRY_OK;
}

ferry_err pgs_queue_stmt(struct pgs_queue *q, struct pgs_stmt *stmt)
{
    struct pgs_request *r;

    if (make_room(q, 1) != FERRY_OK)
        return FERRY_E_NOMEM;
    r = pgs_request_new(stmt);
    if (r == NULL)
        return FERRY_E_NOMEM;
    q->items[q->count++] = r;
    return FERRY_OK;
}

ferry_err pgs_queue_insert_text(struct pgs_queue *q, size_t at, const char *text)
{
    struct pgs_request *r;

    if (make_room(q, 1) != FERRY_OK)
        return FERRY_E_NOMEM;
    r = pgs_request_blank(NULL, 0);
    if (r == NULL)
        return FERRY_E_NOMEM;
    r->text = text;
    open_gap(q, at, 1);
    q->items[at] = r;
    return FERRY_OK;
}

ferry_err pgs_queue_text(struct pgs_queue *q, const char *text)
{
    return pgs_queue_insert_text(q, q->count, text);
}

ferry_err pgs_queue_own_text(struct pgs_queue *q, char *text)
{
    ferry_err err = pgs_queue_text(q, text);

    if (err == FERRY_OK)
        q->items[q->count - 1]->own_text = text;
    else
        free(text);
    return err;
}

ferry_err pgs_queue_move(struct pgs_queue *q, size_t at, struct pgs_queue *from, size_t count)
{
    if (count == 0)
        return FERRY_OK;
    if (make_room(q, count) != FERRY_OK)
        return FERRY_E_NOMEM;
    open_gap(q, at, count);
    memcpy(q->items + at, from->items, count * sizeof(q->items[0]));
    from->count -= count;
    memmove(from->items, from->items + count, from->count * sizeof(from->items[0]));
    return FERRY_OK;
}

void pgs_queue_cut(struct pgs_queue *q, size_t count)
{
    while (q->count > count)
        pgs_request_free(q->items[--q->count]);
}

void pgs_queue_done(struct pgs_queue *q)
{
    pgs_queue_cut(q, 0);
    free(q->items);
    *q = (struct pgs_queue){0};
}
