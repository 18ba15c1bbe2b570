/* The audit log: who did what. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"
#include "base/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As it was written, so that it can be hashed again; what is no JSON was changed by somebody, and is shown as text. */
static json_t *state_json(const char *text)
{
    json_t *value = text[0] != '\0' ? json_loads(text, 0, NULL) : json_null();

    return value != NULL ? value : json_string(text);
}

static json_t *record_json(const struct audit_record *a)
{
    char prev[2 * FERRY_CHAIN_BYTES + 1], hash[2 * FERRY_CHAIN_BYTES + 1];

    ferry_hex_encode(a->prev, sizeof a->prev, prev);
    ferry_hex_encode(a->hash, sizeof a->hash, hash);
    return json_pack("{s:I, s:o, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "seq", (json_int_t)a->seq, "time",
                     api_json_time(a->time_ms), "time_ms", (json_int_t)a->time_ms, "actor", a->actor, "from", a->from,
                     "action", a->action, "object", a->object, "product", a->product, "before",
                     state_json(a->before), "after", state_json(a->after), "prev", prev, "hash", hash);
}

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    const struct api_query *q = &r->query;
    struct audit_filter filter = {
        .product = api_query_text(q->product),
        .actor = api_query_text(q->actor),
        .object = api_query_text(q->object),
        .action_prefix = api_query_text(q->action),
        .since_ms = q->made.since_ms,
        .until_ms = q->made.until_ms,
    };

    return r->shared->store->ops->audit_list(conn, &filter, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return record_json(row);
}

static void write_key(const void *row, char out[API_POSITION_SIZE])
{
    (void)snprintf(out, API_POSITION_SIZE, "%llu", (unsigned long long)((const struct audit_record *)row)->seq);
}

static const char *product(const void *row)
{
    return ((const struct audit_record *)row)->product;
}

void api_audit_list(struct api_request *r)
{
    static const struct api_list list = {.row_bytes = sizeof(struct audit_record),
                                         .fetch = fetch,
                                         .show = show,
                                         .write_key = write_key,
                                         .product = product};

    api_list_answer(r, &list);
}

void api_audit_head(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct audit_head head;
    char hash[2 * FERRY_CHAIN_BYTES + 1];

    if (conn == NULL || !api_store_ok(r, r->shared->store->ops->audit_head(conn, &head), NULL))
        return;
    ferry_hex_encode(head.hash, sizeof head.hash, hash);
    api_reply_json(r, MHD_HTTP_OK, json_pack("{s:I, s:s, s:I}", "seq", (json_int_t)head.seq, "hash", hash, "cut",
                                             (json_int_t)head.cut));
}
