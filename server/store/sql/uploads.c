#include "page.h"
#include "store/sql/known.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

#include <string.h>

static void read_upload(struct query *q, void *row)
{
    struct upload_task *t = row;

    sql_query_get_id(q, &t->id);
    sql_query_get_text(q, t->device.product, sizeof(t->device.product));
    sql_query_get_text(q, t->device.device, sizeof(t->device.device));
    sql_query_get_text(q, t->name, sizeof(t->name));
    t->size = sql_query_get_u64(q);
    sql_query_get_text(q, t->md5, sizeof(t->md5));
    t->state = (upload_state)sql_query_get_int(q, UPLOAD_CREATED, UPLOAD_CANCELLED);
    t->percent = sql_query_get_i32(q);
    t->result_code = sql_query_get_i32(q);
    sql_query_get_text(q, t->result_msg, sizeof(t->result_msg));
    t->created_ms = sql_query_get_u64(q);
    t->updated_ms = sql_query_get_u64(q);
    t->stored_ms = sql_query_get_u64(q);
    t->ended_ms = sql_query_get_u64(q);
    t->expires_ms = sql_query_get_u64(q);
}

static ferry_err write_upload(struct store_conn *c, statement which, const struct upload_task *t, int *ret_changes)
{
    query_auto q = sql_query_begin(c, which);

    sql_query_id(&q, &t->id);
    sql_query_text(&q, t->device.product);
    sql_query_text(&q, t->device.device);
    sql_query_text(&q, t->name);
    sql_query_u64(&q, t->size);
    sql_query_text(&q, t->md5);
    sql_query_int(&q, t->state);
    sql_query_int(&q, t->percent);
    sql_query_int(&q, t->result_code);
    sql_query_text(&q, t->result_msg);
    sql_query_u64(&q, t->created_ms);
    sql_query_u64(&q, t->updated_ms);
    sql_query_u64(&q, t->stored_ms);
    sql_query_u64(&q, t->ended_ms);
    sql_query_u64(&q, t->expires_ms);
    return sql_query_run(&q, ret_changes);
}

/* Where the statements of a database cost little: the cheapest of them that fits. Each next one moves more rows of indexes. */
static const statement ways[] = {STMT_UPLOAD_ADD,  STMT_UPLOAD_PROGRESS, STMT_UPLOAD_TOUCH,
                                 STMT_UPLOAD_MOVE, STMT_UPLOAD_END,      STMT_UPLOAD_REPLACE};

enum { WAY_ADD, WAY_PROGRESS, WAY_MOVE = 3, WAY_END };

static size_t first_way(const struct upload_task *t)
{
    if (t->state == UPLOAD_CREATED && t->created_ms == t->updated_ms)
        return WAY_ADD;
    if (t->ended_ms != 0)
        return WAY_END;
    return t->stored_ms == t->updated_ms ? WAY_MOVE : WAY_PROGRESS;
}

static ferry_err put_cheaply(struct store_conn *c, const struct upload_task *t)
{
    ferry_err err = FERRY_OK;
    int changes = 0;

    for (size_t i = first_way(t); err == FERRY_OK && changes == 0 && i < sizeof(ways) / sizeof(ways[0]); i++)
        err = write_upload(c, ways[i], t, &changes);
    return err;
}

static ferry_err put_upload(struct store_conn *c, const struct upload_task *t)
{
    ferry_err err = c->driver->puts_at_once ? write_upload(c, STMT_UPLOAD_REPLACE, t, NULL) : put_cheaply(c, t);

    if (err != FERRY_OK) {
        sql_known_forget(c->known);
        return err;
    }
    sql_conn_note_time(c, t->updated_ms);
    sql_known_note_upload(sql_conn_known(c), t);
    return FERRY_OK;
}

ferry_err sql_upload_put(struct store_conn *c, const struct upload_task *t)
{
    ferry_err err;

    if (upload_state_name(t->state) == NULL)
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put_upload(c, t));
}

ferry_err sql_upload_get(struct store_conn *c, const ferry_id *id, struct upload_task *ret)
{
    query_auto q = sql_query_begin(c, STMT_UPLOAD_GET);

    sql_query_id(&q, id);
    return sql_query_one(&q, read_upload, sizeof(*ret), ret);
}

static ferry_err many(struct query *q, struct upload_task *out, size_t cap, size_t *ret_count)
{
    sql_query_bound(q, cap);
    return sql_query_many(q, read_upload, sizeof(*out), out, cap, ret_count);
}

static ferry_err look_open_up(struct store_conn *c, const struct device_key *device, struct upload_task *out, size_t cap,
                              size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_UPLOAD_OPEN);

    sql_query_text(&q, device->device);
    sql_query_text(&q, device->product);
    return many(&q, out, cap, ret_count);
}

ferry_err sql_upload_open(struct store_conn *c, const struct device_key *device, struct upload_task *out, size_t cap,
                      size_t *ret_count)
{
    struct sql_known *known = sql_conn_known(c);
    ferry_err err;

    if (sql_known_uploads(known, device, out, cap, ret_count))
        return FERRY_OK;
    err = look_open_up(c, device, out, cap, ret_count);
    if (err == FERRY_OK && *ret_count < cap) /* or there may be more */
        sql_known_note_uploads(known, device, out, *ret_count);
    return err;
}

ferry_err sql_upload_named(struct store_conn *c, const struct device_key *device, const char *name,
                          struct upload_task *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_UPLOAD_NAMED);

    sql_query_text(&q, device->device);
    sql_query_text(&q, device->product);
    sql_query_text(&q, name);
    return many(&q, out, cap, ret_count);
}

ferry_err sql_upload_due(struct store_conn *c, uint64_t now_ms, struct upload_task *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_UPLOAD_DUE);

    sql_query_bound(&q, now_ms);
    return many(&q, out, cap, ret_count);
}

static ferry_err remove_upload(struct store_conn *c, const ferry_id *id)
{
    query_auto q = sql_query_begin(c, STMT_UPLOAD_REMOVE);
    int changes = 0;
    ferry_err err;

    sql_query_id(&q, id);
    err = sql_query_run(&q, &changes);
    return err == FERRY_OK && changes == 0 ? FERRY_E_NOT_FOUND : err;
}

ferry_err sql_upload_remove(struct store_conn *c, const ferry_id *id)
{
    ferry_err err = sql_conn_change_begin(c);

    return err != FERRY_OK ? err : sql_conn_change_end(c, remove_upload(c, id));
}

static void bind_list(struct query *q, const struct upload_filter *f, const struct store_page *page, struct page_names *names)
{
    sql_page_bind_ids(q, page, &f->made);
    sql_query_text(q, f->product);
    sql_query_text(q, f->device);
    sql_page_bind_prefix(q, f->name_prefix, names);
}

static ferry_err are_few(struct store_conn *c, statement which, const struct upload_filter *f,
                         const struct store_page *page, bool *ret_few)
{
    struct page_names names;
    query_auto q = sql_query_begin(c, which);

    bind_list(&q, f, page, &names);
    if (which != STMT_UPLOADS_OF_DEVICE)
        sql_query_int(&q, f->state);
    return sql_page_few(&q, page, ret_few);
}

static bool is_open(upload_state state)
{
    return state == UPLOAD_CREATED || state == UPLOAD_UPLOADING || state == UPLOAD_STORED;
}

/* Those of a device, and those that are open, are few beside those that ever were: they are sorted, when it is so. */
static ferry_err choose_list(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                             statement *ret_which)
{
    bool of_device = f->product != NULL && f->device != NULL, few = false;
    ferry_err err = FERRY_OK;

    if (of_device || is_open(f->state))
        err = are_few(c, of_device ? STMT_UPLOADS_OF_DEVICE : STMT_UPLOADS_OPEN, f, page, &few);
    if (few)
        *ret_which = of_device ? STMT_UPLOAD_LIST_DEVICE : STMT_UPLOAD_LIST_OPEN;
    else if (f->state > UPLOAD_DONE)
        *ret_which = f->product != NULL ? STMT_UPLOAD_LIST_LOST_PRODUCT : STMT_UPLOAD_LIST_LOST;
    else
        *ret_which = f->product != NULL ? STMT_UPLOAD_LIST_PRODUCT : STMT_UPLOAD_LIST;
    return err;
}

/* The same by the time of the end. */
static ferry_err choose_by_ended(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                                 statement *ret_which)
{
    statement count = STMT_COUNT, few_of = STMT_UPLOAD_BY_ENDED;
    bool few = false;
    ferry_err err = FERRY_OK;

    if (f->product == NULL)
        return FERRY_E_ARG;
    if (f->device != NULL)
        count = STMT_UPLOADS_OF_DEVICE, few_of = STMT_UPLOAD_BY_ENDED_DEVICE;
    else if (is_open(f->state))
        count = STMT_UPLOADS_OPEN, few_of = STMT_UPLOAD_BY_ENDED_OPEN;
    else if (f->state > UPLOAD_DONE)
        count = STMT_UPLOADS_LOST, few_of = STMT_UPLOAD_BY_ENDED_LOST;
    if (count != STMT_COUNT)
        err = are_few(c, count, f, page, &few);
    *ret_which = few ? few_of : STMT_UPLOAD_BY_ENDED;
    return err;
}

static ferry_err choose(struct store_conn *c, const struct upload_filter *f, const struct store_page *page, statement *ret_which)
{
    if (page->sort == STORE_BY_KEY)
        return choose_list(c, f, page, ret_which);
    return page->sort == STORE_BY_ENDED ? choose_by_ended(c, f, page, ret_which) : FERRY_E_ARG;
}

ferry_err sql_upload_list(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                      struct upload_task *out, size_t *ret_count)
{
    struct page_names names;
    struct page_place place;
    statement which = STMT_UPLOAD_LIST;
    ferry_err err = choose(c, f, page, &which);
    query_auto q = sql_query_begin(c, page->descending ? which + 1 : which);

    if (err != FERRY_OK)
        return err;
    bind_list(&q, f, page, &names);
    sql_query_int(&q, f->state);
    if (page->sort != STORE_BY_KEY)
        sql_page_bind_number_and_id(&q, page, &place);
    return sql_page_read(&q, read_upload, sizeof(*out), page, out, ret_count);
}

ferry_err sql_upload_ended_before(struct store_conn *c, uint64_t ms, struct upload_task *out, size_t cap,
                              size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_UPLOAD_ENDED);

    sql_query_bound(&q, ms);
    return many(&q, out, cap, ret_count);
}
