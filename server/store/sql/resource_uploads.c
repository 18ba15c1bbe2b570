#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

static void read_upload(struct query *q, void *row)
{
    struct resource_upload *u = row;

    sql_query_get_id(q, &u->id);
    sql_query_get_text(q, u->product, sizeof(u->product));
    sql_query_get_text(q, u->name, sizeof(u->name));
    sql_query_get_text(q, u->description, sizeof(u->description));
    u->size = sql_query_get_u64(q);
    sql_query_get_text(q, u->md5, sizeof(u->md5));
    sql_query_get_text(q, u->sha256, sizeof(u->sha256));
    u->created_ms = sql_query_get_u64(q);
    u->stored_ms = sql_query_get_u64(q);
    u->expires_ms = sql_query_get_u64(q);
    u->seen_bytes = sql_query_get_u64(q);
}

static ferry_err put_upload(struct store_conn *c, const struct resource_upload *u)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_UPLOAD_PUT);
    int changes = 0;
    ferry_err err;

    sql_query_id(&q, &u->id);
    sql_query_text(&q, u->product);
    sql_query_text(&q, u->name);
    sql_query_text(&q, u->description);
    sql_query_u64(&q, u->size);
    sql_query_text(&q, u->md5);
    sql_query_text(&q, u->sha256);
    sql_query_u64(&q, u->created_ms);
    sql_query_u64(&q, u->stored_ms);
    sql_query_u64(&q, u->expires_ms);
    sql_query_u64(&q, u->seen_bytes);
    err = sql_query_run(&q, &changes);
    return err == FERRY_OK && changes == 0 ? FERRY_E_NOT_FOUND : err; /* no such product */
}

ferry_err sql_resource_upload_put(struct store_conn *c, const struct resource_upload *u)
{
    ferry_err err;

    if (!resource_description_valid(u->description))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put_upload(c, u));
}

ferry_err sql_resource_upload_get(struct store_conn *c, const ferry_id *id, struct resource_upload *ret)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_UPLOAD_GET);

    sql_query_id(&q, id);
    return sql_query_one(&q, read_upload, sizeof(*ret), ret);
}

ferry_err sql_resource_upload_same(struct store_conn *c, const struct resource_upload *like, struct resource_upload *ret)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_UPLOAD_SAME);

    sql_query_text(&q, like->product);
    sql_query_text(&q, like->name);
    sql_query_u64(&q, like->size);
    sql_query_text(&q, like->md5);
    sql_query_text(&q, like->sha256);
    return sql_query_one(&q, read_upload, sizeof(*ret), ret);
}

static ferry_err remove_upload(struct store_conn *c, const ferry_id *id)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_UPLOAD_REMOVE);

    sql_query_id(&q, id);
    return sql_query_run_one(&q);
}

ferry_err sql_resource_upload_remove(struct store_conn *c, const ferry_id *id)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_upload(c, id));
}

ferry_err sql_resource_upload_list(struct store_conn *c, const char *product, const struct store_page *page,
                                  struct resource_upload *out, size_t *ret_count)
{
    statement which = product != NULL ? STMT_RESOURCE_UPLOAD_LIST_PRODUCT : STMT_RESOURCE_UPLOAD_LIST;
    query_auto q = sql_query_begin(c, page->descending ? which + 1 : which);

    sql_page_bind_ids(&q, page, &(struct store_times){0});
    if (product != NULL)
        sql_query_text(&q, product);
    return sql_query_many(&q, read_upload, sizeof(*out), out, page->limit, ret_count);
}

ferry_err sql_resource_upload_due(struct store_conn *c, uint64_t now_ms, struct resource_upload *out, size_t cap,
                                 size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_UPLOAD_DUE);

    sql_query_bound(&q, now_ms);
    sql_query_u64(&q, cap);
    return sql_query_many(&q, read_upload, sizeof(*out), out, cap, ret_count);
}
