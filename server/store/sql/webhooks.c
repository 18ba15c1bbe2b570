#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

static void read_sealed(struct query *q, struct sealed *sealed)
{
    size_t len = 0;

    sql_query_get_bytes(q, sealed->bytes, sizeof(sealed->bytes), &len);
    sealed->len = (uint32_t)len;
}

static void read_webhook(struct query *q, void *row)
{
    struct webhook *w = row;

    sql_query_get_id(q, &w->id);
    sql_query_get_text(q, w->url, sizeof(w->url));
    w->filter.kinds = sql_query_get_u32(q);
    sql_query_get_text(q, w->filter.product, sizeof(w->filter.product));
    sql_query_get_text(q, w->filter.device, sizeof(w->filter.device));
    read_sealed(q, &w->secret);
    w->state = (webhook_state)sql_query_get_int(q, WEBHOOK_ACTIVE, WEBHOOK_PARKED);
    w->revision = sql_query_get_u64(q);
    w->created_ms = sql_query_get_u64(q);
    w->updated_ms = sql_query_get_u64(q);
    w->progress.last_event = sql_query_get_u64(q);
    w->progress.failures = sql_query_get_u32(q);
    w->progress.failing_ms = sql_query_get_u64(q);
    w->progress.next_attempt_ms = sql_query_get_u64(q);
    w->progress.last_status = sql_query_get_u32(q);
    sql_query_get_text(q, w->progress.last_error, sizeof(w->progress.last_error));
    w->progress.last_success_ms = sql_query_get_u64(q);
    read_sealed(q, &w->old_secret);
    w->old_until_ms = sql_query_get_u64(q);
}

static ferry_err put_webhook(struct store_conn *c, const struct webhook *w)
{
    query_auto q = sql_query_begin(c, STMT_WEBHOOK_PUT);

    sql_query_id(&q, &w->id);
    sql_query_text(&q, w->url);
    sql_query_int(&q, w->filter.kinds);
    sql_query_text(&q, w->filter.product);
    sql_query_text(&q, w->filter.device);
    sql_query_bytes(&q, w->secret.bytes, w->secret.len);
    sql_query_int(&q, (int64_t)w->state);
    sql_query_u64(&q, w->revision);
    sql_query_u64(&q, w->created_ms);
    sql_query_u64(&q, w->updated_ms);
    sql_query_u64(&q, w->progress.last_event);
    sql_query_int(&q, w->progress.failures);
    sql_query_u64(&q, w->progress.failing_ms);
    sql_query_u64(&q, w->progress.next_attempt_ms);
    sql_query_int(&q, w->progress.last_status);
    sql_query_text(&q, w->progress.last_error);
    sql_query_u64(&q, w->progress.last_success_ms);
    sql_query_bytes(&q, w->old_secret.bytes, w->old_secret.len);
    sql_query_u64(&q, w->old_until_ms);
    return sql_query_run(&q, NULL);
}

ferry_err sql_webhook_put(struct store_conn *c, const struct webhook *w)
{
    ferry_err err;

    if (webhook_state_name(w->state) == NULL || w->secret.len > sizeof(w->secret.bytes) ||
        w->old_secret.len > sizeof(w->old_secret.bytes))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put_webhook(c, w));
}

ferry_err sql_webhook_get(struct store_conn *c, const ferry_id *id, struct webhook *ret)
{
    query_auto q = sql_query_begin(c, STMT_WEBHOOK_GET);

    sql_query_id(&q, id);
    return sql_query_one(&q, read_webhook, sizeof(*ret), ret);
}

static ferry_err remove_webhook(struct store_conn *c, const ferry_id *id)
{
    query_auto q = sql_query_begin(c, STMT_WEBHOOK_REMOVE);

    sql_query_id(&q, id);
    return sql_query_run_one(&q);
}

ferry_err sql_webhook_remove(struct store_conn *c, const ferry_id *id)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_webhook(c, id));
}

ferry_err sql_webhook_list(struct store_conn *c, const struct store_page *page, struct webhook *out, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, page->descending ? STMT_WEBHOOK_LIST_DESC : STMT_WEBHOOK_LIST);

    sql_page_bind_ids(&q, page, &(struct store_times){0});
    return sql_query_many(&q, read_webhook, sizeof(*out), out, page->limit, ret_count);
}

ferry_err sql_webhook_old_secrets(struct store_conn *c, uint64_t now_ms, struct webhook *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_WEBHOOK_OLD_SECRETS);

    sql_query_bound(&q, now_ms);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_webhook, sizeof(*out), out, cap, ret_count);
}
