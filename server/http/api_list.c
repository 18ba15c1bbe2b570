#include "api_list.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* Is there a row after the last one? */
static ferry_err find_next(struct api_request *r, const struct api_list *list, struct store_conn *conn,
                           const void *last, bool *ret_more)
{
    struct store_page page = {.after = list->key(last), .limit = 1, .descending = r->query.descending};
    ferry_autofree void *row = ferry_calloc(1, list->row_bytes);
    size_t count = 0;

    if (row == NULL)
        return FERRY_E_NOMEM;
    ferry_err err = list->fetch(r, conn, &page, row, &count);
    if (err == FERRY_OK)
        *ret_more = count > 0;
    return err;
}

static ferry_err show_rows(struct api_request *r, const struct api_list *list, struct store_conn *conn,
                           const char *rows, size_t count, json_t *items)
{
    for (size_t i = 0; i < count; i++) {
        const char *row = rows + i * list->row_bytes;
        if (list->keep != NULL && !list->keep(r, row))
            continue;
        if (json_array_append_new(items, list->show(r, conn, row)) != 0)
            return FERRY_E_NOMEM;
    }
    return FERRY_OK;
}

static ferry_err fill(struct api_request *r, const struct api_list *list, struct store_conn *conn, json_t *items,
                      json_t *answer)
{
    struct store_page page = api_query_page(&r->query);
    ferry_autofree char *rows = ferry_calloc(page.limit, list->row_bytes);
    size_t count = 0;
    bool more = false;

    if (rows == NULL)
        return FERRY_E_NOMEM;
    ferry_err err = list->fetch(r, conn, &page, rows, &count);
    const char *last = count > 0 ? rows + (count - 1) * list->row_bytes : NULL;
    if (err == FERRY_OK && count == page.limit)
        err = find_next(r, list, conn, last, &more);
    if (err == FERRY_OK)
        err = show_rows(r, list, conn, rows, count, items);
    if (err == FERRY_OK && json_object_set_new(answer, "next", more ? json_string(list->key(last)) : json_null()) != 0)
        err = FERRY_E_NOMEM;
    return err;
}

void api_list_answer(struct api_request *r, const struct api_list *list)
{
    struct store_conn *conn = api_reader(r);

    if (conn == NULL)
        return;
    json_t *items = json_array();
    json_t *answer = json_pack("{s:o}", "items", items);
    ferry_err err = answer != NULL ? fill(r, list, conn, items, answer) : FERRY_E_NOMEM;
    if (err != FERRY_OK) {
        json_decref(answer);
        (void)api_store_ok(r, err, NULL);
        return;
    }
    api_reply_json(r, MHD_HTTP_OK, answer);
}
