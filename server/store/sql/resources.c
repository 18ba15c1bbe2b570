#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

static void read_resource(struct query *q, void *row)
{
    struct resource *r = row;

    sql_query_get_id(q, &r->id);
    sql_query_get_text(q, r->product, sizeof(r->product));
    sql_query_get_text(q, r->name, sizeof(r->name));
    r->size = sql_query_get_u64(q);
    sql_query_get_text(q, r->md5, sizeof(r->md5));
    sql_query_get_text(q, r->sha256, sizeof(r->sha256));
    r->created_ms = sql_query_get_u64(q);
    sql_query_get_text(q, r->description, sizeof(r->description));
}

static ferry_err insert_resource(struct store_conn *c, const struct resource *r)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_ADD);

    sql_query_id(&q, &r->id);
    sql_query_text(&q, r->product);
    sql_query_text(&q, r->name);
    sql_query_u64(&q, r->size);
    sql_query_text(&q, r->md5);
    sql_query_text(&q, r->sha256);
    sql_query_u64(&q, r->created_ms);
    sql_query_text(&q, r->description);
    return sql_query_run_one(&q);
}

/* Nothing is inserted when the id is taken, nor when there is no such product. */
static ferry_err add_resource(struct store_conn *c, const struct resource *r)
{
    struct resource found;
    ferry_err err = insert_resource(c, r);

    return err == FERRY_E_NOT_FOUND && sql_resource_get(c, &r->id, &found) == FERRY_OK ? FERRY_E_EXISTS : err;
}

ferry_err sql_resource_add(struct store_conn *c, const struct resource *r)
{
    ferry_err err;

    if (!resource_description_valid(r->description))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, add_resource(c, r));
}

ferry_err sql_resource_get(struct store_conn *c, const ferry_id *id, struct resource *ret)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_GET);

    sql_query_id(&q, id);
    return sql_query_one(&q, read_resource, sizeof(*ret), ret);
}

ferry_err sql_resource_find(struct store_conn *c, const char *product, const char *name, struct resource *ret)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_FIND);

    sql_query_text(&q, product);
    sql_query_text(&q, name);
    return sql_query_one(&q, read_resource, sizeof(*ret), ret);
}

static ferry_err describe_resource(struct store_conn *c, const ferry_id *id, const char *description)
{
    query_auto q = sql_query_begin(c, STMT_RESOURCE_DESCRIBE);

    sql_query_id(&q, id);
    sql_query_text(&q, description);
    return sql_query_run_one(&q);
}

ferry_err sql_resource_describe(struct store_conn *c, const ferry_id *id, const char *description)
{
    ferry_err err;

    if (!resource_description_valid(description))
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, describe_resource(c, id, description));
}

static ferry_err remove_resource(struct store_conn *c, const ferry_id *id)
{
    struct resource found;
    ferry_err err = sql_resource_get(c, id, &found);
    query_auto q = sql_query_begin(c, STMT_RESOURCE_REMOVE);
    int changes = 0;

    if (err != FERRY_OK)
        return err;
    sql_query_id(&q, id);
    err = sql_query_run(&q, &changes);
    return err == FERRY_OK && changes == 0 ? FERRY_E_STATE : err; /* a deployment refers to it */
}

ferry_err sql_resource_remove(struct store_conn *c, const ferry_id *id)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_resource(c, id));
}

static void bind_list(struct query *q, const struct resource_filter *f, const struct store_page *page,
                      struct page_names *names)
{
    sql_page_bind_ids(q, page, &f->made);
    sql_query_text(q, f->product);
    q->bound = 5; /* lists of resources have no device */
    sql_page_bind_prefix(q, f->name_prefix, names);
}

/* A name's versions are sorted when they are few. */
static ferry_err choose_list(struct store_conn *c, const struct resource_filter *f, const struct store_page *page,
                             statement *ret_which)
{
    struct page_names names;
    bool few = false;
    ferry_err err = FERRY_OK;

    if (f->product != NULL && f->name_prefix != NULL) {
        query_auto q = sql_query_begin(c, STMT_RESOURCE_NAMED);

        bind_list(&q, f, page, &names);
        err = sql_page_few(&q, page, &few);
    }
    if (few)
        *ret_which = STMT_RESOURCE_LIST_NAME;
    else
        *ret_which = f->product != NULL ? STMT_RESOURCE_LIST_PRODUCT : STMT_RESOURCE_LIST;
    return err;
}

static ferry_err choose(struct store_conn *c, const struct resource_filter *f, const struct store_page *page, statement *ret_which)
{
    if (page->sort == STORE_BY_KEY)
        return choose_list(c, f, page, ret_which);
    if (f->product == NULL || (page->sort != STORE_BY_NAME && page->sort != STORE_BY_SIZE))
        return FERRY_E_ARG;
    *ret_which = page->sort == STORE_BY_NAME ? STMT_RESOURCE_BY_NAME : STMT_RESOURCE_BY_SIZE;
    return FERRY_OK;
}

ferry_err sql_resource_list(struct store_conn *c, const struct resource_filter *f, const struct store_page *page,
                        struct resource *out, size_t *ret_count)
{
    struct page_names names;
    struct page_place place;
    statement which = STMT_RESOURCE_LIST;
    ferry_err err = choose(c, f, page, &which);
    query_auto q = sql_query_begin(c, page->descending ? which + 1 : which);

    if (err != FERRY_OK)
        return err;
    bind_list(&q, f, page, &names);
    if (page->sort == STORE_BY_NAME)
        sql_page_bind_name_and_id(&q, page, f->name_prefix, &place);
    else if (page->sort == STORE_BY_SIZE)
        sql_page_bind_number_and_id(&q, page, &place);
    return sql_page_read(&q, read_resource, sizeof(*out), page, out, ret_count);
}
