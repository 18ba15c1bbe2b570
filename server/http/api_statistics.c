/* GET /statistics: what ended, and how, by the hour or the day. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_span.h"
#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- whose numbers ------------------------------------------------------------------------------------ */

/* The next product of a list with commas; null: that was the last. */
static const char *next_product(const char *list, char ret_product[FERRY_IDENT_MAX + 1])
{
    size_t len = strcspn(list, ",");

    if (len == 0)
        return NULL;
    (void)snprintf(ret_product, FERRY_IDENT_MAX + 1, "%.*s", (int)len, list);
    return list + len + (list[len] == ',');
}

/* The products whose numbers are added up, as a list with commas; "": those of all, which have numbers of their own. */
static const char *products_of(const struct api_request *r)
{
    return r->query.product[0] != '\0' ? r->query.product : r->caller.scope;
}

static size_t count_products(const struct api_request *r)
{
    char product[FERRY_IDENT_MAX + 1];
    size_t count = 0;

    for (const char *list = products_of(r); (list = next_product(list, product)) != NULL;)
        count++;
    return count > 0 ? count : 1;
}

static ferry_err add_up(struct api_request *r, struct store_conn *conn, const struct statistics_span *span,
                        struct statistics *sums)
{
    const struct store_ops *ops = r->shared->store->ops;
    const char *list = products_of(r);
    char product[FERRY_IDENT_MAX + 1];
    ferry_err err = FERRY_OK;

    if (list[0] == '\0')
        return ops->statistics(conn, NULL, span, sums);
    while (err == FERRY_OK && (list = next_product(list, product)) != NULL) {
        if (api_sees(r, product))
            err = ops->statistics(conn, product, span, sums);
    }
    return err;
}

/* --- the answer --------------------------------------------------------------------------------------- */

static json_t *tasks_json(const struct ended_tasks *tasks)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "done", api_json_number(tasks->done), "failed",
                     api_json_number(tasks->failed), "cancelled", api_json_number(tasks->cancelled), "bytes",
                     api_json_number(tasks->bytes));
}

/* Where the time begins; that behind the last: where the span ends. */
static json_t *begin_json(const struct statistics_span *span, uint32_t i)
{
    return api_json_time((span->first_hour + (uint64_t)i * span->hours_each) * STATISTICS_HOUR_MS);
}

static json_t *answer_of(const struct statistics_span *span, const struct statistics *sums)
{
    json_t *items = json_array();

    for (uint32_t i = 0; i < span->count; i++) {
        json_t *item = json_pack("{s:o, s:o, s:o}", "since", begin_json(span, i), "uploads", tasks_json(&sums[i].uploads),
                                 "downloads", tasks_json(&sums[i].downloads));
        if (json_array_append_new(items, item) != 0) {
            json_decref(items);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "step", span->hours_each == 1 ? "hour" : "day", "since", begin_json(span, 0),
                     "until", begin_json(span, span->count), "items", items);
}

void api_statistics_get(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct statistics_span span;
    struct api_fault fault;

    if (conn == NULL)
        return;
    if (!api_span_of(&r->query, engine_now_ms(r->shared->engine), count_products(r), &span, &fault)) {
        api_reply_fault(r, &fault);
        return;
    }
    ferry_autofree struct statistics *sums = ferry_calloc(span.count, sizeof *sums);
    if (api_store_ok(r, sums != NULL ? add_up(r, conn, &span, sums) : FERRY_E_NOMEM, NULL))
        api_reply_json(r, MHD_HTTP_OK, answer_of(&span, sums));
}
