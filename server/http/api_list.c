#include "api_list.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Rows of the store that one page looks at, whether they fit what is asked for or not: some milliseconds' worth. A page that
 * has used them up is short, even empty, and the next one goes on.
 */
enum { LOOKS_MAX = 5000 };

/* A page on its way. Rows that are left out do not shorten it as long as there are looks: the next ones take their places. */
struct filling {
    struct api_request *r;
    const struct api_list *list;
    struct store_conn *conn;
    char *rows; /* of one fetch */
    json_t *items;
    char read[API_POSITION_SIZE];  /* the last row that was read */
    char last[API_POSITION_SIZE];  /* the last row that is shown */
    struct store_reach reach;      /* how far it may still look */
    bool more;                     /* one more could be shown */
    bool end;                      /* the store has no more rows */
};

static void write_position(const struct filling *f, const void *row, char out[API_POSITION_SIZE])
{
    const struct api_list *list = f->list;

    if (f->r->query.sort != STORE_BY_KEY)
        list->write_position(row, f->r->query.sort, out);
    else if (list->write_key != NULL)
        list->write_key(row, out);
    else
        (void)snprintf(out, API_POSITION_SIZE, "%s", list->key(row));
}

static bool shown(struct api_request *r, const struct api_list *list, const void *row)
{
    return (list->product == NULL || api_sees(r, list->product(row))) && (list->keep == NULL || list->keep(r, row));
}

static ferry_err take_row(struct filling *f, const char *row)
{
    if (!shown(f->r, f->list, row))
        return FERRY_OK;
    if (json_array_size(f->items) == f->r->query.limit) {
        f->more = true;
        return FERRY_OK;
    }
    write_position(f, row, f->last);
    return json_array_append_new(f->items, f->list->show(f->r, f->conn, row)) == 0 ? FERRY_OK : FERRY_E_NOMEM;
}

/* One fetch. When the page is full and nothing is left out, the next row alone says whether there is more. */
static ferry_err fill_some(struct filling *f)
{
    const struct api_query *query = &f->r->query;
    bool probe = f->list->keep == NULL && f->r->caller.scope[0] == '\0' && json_array_size(f->items) == query->limit;
    struct store_page page = {.after = f->read,
                              .limit = probe ? 1 : query->limit,
                              .descending = query->descending,
                              .sort = query->sort,
                              .reach = &f->reach};
    size_t count = 0;
    ferry_err err = f->list->fetch(f->r, f->conn, &page, f->rows, &count);

    for (size_t i = 0; err == FERRY_OK && i < count && !f->more; i++)
        err = take_row(f, f->rows + i * f->list->row_bytes);
    if (err == FERRY_OK && f->reach.stopped)
        memcpy(f->read, f->reach.after, sizeof f->read);
    else if (err == FERRY_OK && count > 0)
        write_position(f, f->rows + (count - 1) * f->list->row_bytes, f->read);
    f->end = count < page.limit && !f->reach.stopped;
    return err;
}

/* Where the next page begins; null: there is none. */
static json_t *next_of(const struct filling *f)
{
    char cursor[API_CURSOR_SIZE];

    if (!f->more && f->end)
        return json_null();
    api_cursor_write(f->r->query.list, f->more ? f->last : f->read, cursor);
    return json_string(cursor);
}

static ferry_err fill(struct filling *f, json_t *answer)
{
    ferry_autofree char *rows = ferry_calloc(f->r->query.limit, f->list->row_bytes);
    ferry_err err = rows != NULL ? FERRY_OK : FERRY_E_NOMEM;

    f->rows = rows;
    while (err == FERRY_OK && !f->more && !f->end && f->reach.looks > 0)
        err = fill_some(f);
    if (err == FERRY_OK && json_object_set_new(answer, "next", next_of(f)) != 0)
        err = FERRY_E_NOMEM;
    return err;
}

/* Who has one product only need not read past the others' rows. */
static void narrow(struct api_request *r, const struct api_list *list)
{
    const char *scope = r->caller.scope;

    if (list->product != NULL && (r->route->query & API_Q_PRODUCT) != 0 && scope[0] != '\0' &&
        strchr(scope, ',') == NULL && r->query.product[0] == '\0')
        (void)snprintf(r->query.product, sizeof r->query.product, "%.*s", FERRY_IDENT_MAX, scope);
}

/* Of a product that the caller does not see there is nothing, and nothing to be learnt from a cursor. */
static bool is_hidden(struct api_request *r, const struct api_list *list)
{
    return list->product != NULL && r->query.product[0] != '\0' && !api_sees(r, r->query.product);
}

void api_list_answer(struct api_request *r, const struct api_list *list)
{
    struct store_conn *conn = api_reader(r);

    if (conn == NULL)
        return;
    narrow(r, list);
    if (list->product != NULL && r->query.sort != STORE_BY_KEY && r->query.product[0] == '\0') {
        api_reply_problem(r, API_MISSING_PARAMETER, "This \"sort\" needs \"product\" beside it.");
        return;
    }
    json_t *items = json_array();
    json_t *answer = json_pack("{s:o}", "items", items);
    struct filling filling = {.r = r,
                              .list = list,
                              .conn = conn,
                              .items = items,
                              .reach = {.looks = LOOKS_MAX},
                              .end = is_hidden(r, list)};
    (void)snprintf(filling.read, sizeof filling.read, "%s", r->query.position);
    ferry_err err = answer != NULL ? fill(&filling, answer) : FERRY_E_NOMEM;
    if (err != FERRY_OK) {
        json_decref(answer);
        (void)api_store_ok(r, err, NULL);
        return;
    }
    api_reply_json(r, MHD_HTTP_OK, answer);
}
