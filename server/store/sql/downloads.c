#include "page.h"
#include "store/sql/ops.h"
#include "store/sql/query.h"

static void read_download(struct query *q, void *row)
{
    struct download_task *t = row;

    sql_query_get_id(q, &t->id);
    sql_query_get_id(q, &t->deployment);
    sql_query_get_id(q, &t->resource);
    sql_query_get_text(q, t->device.product, sizeof(t->device.product));
    sql_query_get_text(q, t->device.device, sizeof(t->device.device));
    t->state = (download_state)sql_query_get_int(q, DOWNLOAD_QUEUED, DOWNLOAD_REJECTED);
    t->percent = sql_query_get_i32(q);
    t->result_code = sql_query_get_i32(q);
    sql_query_get_text(q, t->result_msg, sizeof(t->result_msg));
    t->pushes = sql_query_get_u32(q);
    t->release_ms = sql_query_get_u64(q);
    t->wake_ms = sql_query_get_u64(q);
    t->deadline_ms = sql_query_get_u64(q);
    t->created_ms = sql_query_get_u64(q);
    t->updated_ms = sql_query_get_u64(q);
    t->ended_ms = sql_query_get_u64(q);
    t->retries = sql_query_get_u32(q);
    sql_query_get_text(q, t->name, sizeof(t->name));
    t->size = sql_query_get_u64(q);
    sql_query_get_text(q, t->md5, sizeof(t->md5));
    sql_query_get_text(q, t->sha256, sizeof(t->sha256));
}

/* When the task must be looked at; 0: never. */
static uint64_t due_ms(const struct download_task *t)
{
    if (!download_state_open(t->state))
        return 0;
    if (t->wake_ms == 0 || (t->deadline_ms != 0 && t->deadline_ms < t->wake_ms))
        return t->deadline_ms;
    return t->wake_ms;
}

static ferry_err write_download(struct store_conn *c, statement which, const struct download_task *t,
                                int *ret_changes)
{
    query_auto q = sql_query_begin(c, which);

    sql_query_id(&q, &t->id);
    sql_query_id(&q, &t->deployment);
    sql_query_id(&q, &t->resource);
    sql_query_text(&q, t->device.product);
    sql_query_text(&q, t->device.device);
    sql_query_int(&q, t->state);
    sql_query_int(&q, t->percent);
    sql_query_int(&q, t->result_code);
    sql_query_text(&q, t->result_msg);
    sql_query_int(&q, t->pushes);
    sql_query_u64(&q, t->release_ms);
    sql_query_u64(&q, t->wake_ms);
    sql_query_u64(&q, t->deadline_ms);
    sql_query_u64(&q, t->created_ms);
    sql_query_u64(&q, t->updated_ms);
    sql_query_u64(&q, t->ended_ms);
    if (due_ms(t) != 0)
        sql_query_u64(&q, due_ms(t));
    else
        sql_query_null(&q);
    sql_query_int(&q, t->retries);
    return sql_query_run(&q, ret_changes);
}

/* Where the statements of a database cost little: the cheapest of them that fits. */
static ferry_err put_cheaply(struct store_conn *c, const struct download_task *t)
{
    static const statement ways[] = {STMT_DOWNLOAD_ADD, STMT_DOWNLOAD_TOUCH, STMT_DOWNLOAD_MOVE,
                                     STMT_DOWNLOAD_END, STMT_DOWNLOAD_REPLACE};
    bool looks_new = download_state_open(t->state) && t->created_ms == t->updated_ms, looks_ended = t->ended_ms != 0;
    ferry_err err = FERRY_OK;
    int changes = 0;

    for (size_t i = looks_new ? 0 : looks_ended ? 3 : 1; err == FERRY_OK && changes == 0 && i < sizeof(ways) / sizeof(ways[0]); i++)
        err = write_download(c, ways[i], t, &changes);
    return err;
}

static ferry_err put_download(struct store_conn *c, const struct download_task *t)
{
    ferry_err err = c->driver->puts_at_once ? write_download(c, STMT_DOWNLOAD_REPLACE, t, NULL) : put_cheaply(c, t);

    if (err == FERRY_OK)
        sql_conn_note_time(c, t->updated_ms);
    return err;
}

ferry_err sql_download_put(struct store_conn *c, const struct download_task *t)
{
    ferry_err err;

    if (download_state_name(t->state) == NULL)
        return FERRY_E_ARG;
    err = sql_conn_change_begin(c);
    return err != FERRY_OK ? err : sql_conn_change_end(c, put_download(c, t));
}

ferry_err sql_download_get(struct store_conn *c, const ferry_id *id, struct download_task *ret)
{
    query_auto q = sql_query_begin(c, STMT_DOWNLOAD_GET);

    sql_query_id(&q, id);
    return sql_query_one(&q, read_download, sizeof(*ret), ret);
}

ferry_err sql_download_open(struct store_conn *c, const struct device_key *device, const ferry_id *after, struct download_task *out,
                        size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DOWNLOAD_OPEN);

    sql_query_text(&q, device->device);
    sql_query_text(&q, device->product);
    if (after != NULL)
        sql_query_id(&q, after);
    else
        sql_query_bytes_copy(&q, "", 0);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_download, sizeof(*out), out, cap, ret_count);
}

ferry_err sql_download_running(struct store_conn *c, const struct device_key *device, struct download_task *out, size_t cap,
                               size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DOWNLOAD_RUNNING);

    sql_query_text(&q, device->device);
    sql_query_text(&q, device->product);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_download, sizeof(*out), out, cap, ret_count);
}

ferry_err sql_download_named(struct store_conn *c, const struct device_key *device, const char *name,
                            struct download_task *out, size_t cap, size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DOWNLOAD_NAMED);

    sql_query_text(&q, device->device);
    sql_query_text(&q, device->product);
    sql_query_text(&q, name);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_download, sizeof(*out), out, cap, ret_count);
}

ferry_err sql_download_due(struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap,
                       size_t *ret_count)
{
    query_auto q = sql_query_begin(c, STMT_DOWNLOAD_DUE);

    sql_query_bound(&q, now_ms);
    sql_query_bound(&q, cap);
    return sql_query_many(&q, read_download, sizeof(*out), out, cap, ret_count);
}

static void bind_list(struct query *q, const struct download_filter *f, const struct store_page *page)
{
    sql_page_bind_ids(q, page, &f->made);
    sql_query_text(q, f->product);
    sql_query_text(q, f->device);
}

static void bind_rest(struct query *q, const struct download_filter *f)
{
    q->bound = 7; /* lists of downloads have no name */
    sql_query_int(q, f->state);
    if (f->deployment != NULL)
        sql_query_id(q, f->deployment);
    else
        sql_query_null(q);
}

static ferry_err are_few(struct store_conn *c, statement which, const struct download_filter *f, const struct store_page *page,
                         bool *ret_few)
{
    query_auto q = sql_query_begin(c, which);

    bind_list(&q, f, page);
    if (which == STMT_DOWNLOADS_IN_STATE)
        bind_rest(&q, f);
    return sql_page_few(&q, page, ret_few);
}

/* The statement with the narrowest index that the filter allows. Those of a device are sorted: they are few as a rule,
 * whatever else is asked for. */
static ferry_err choose_list(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                             statement *ret_which)
{
    bool few = false;
    ferry_err err = f->product != NULL && f->device != NULL ? are_few(c, STMT_DOWNLOADS_OF_DEVICE, f, page, &few) : FERRY_OK;

    if (few)
        *ret_which = STMT_DOWNLOAD_LIST_DEVICE;
    else if (f->deployment != NULL)
        *ret_which = f->state != 0 ? STMT_DOWNLOAD_LIST_STATE : STMT_DOWNLOAD_LIST_DEPLOYMENT;
    else
        *ret_which = f->product != NULL ? STMT_DOWNLOAD_LIST_PRODUCT : STMT_DOWNLOAD_LIST;
    return err;
}

/* The same by the time of the end. */
static ferry_err choose_by_ended(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                                 statement *ret_which)
{
    bool of_device = f->product != NULL && f->device != NULL, few = false;
    ferry_err err = FERRY_OK;

    if (f->deployment == NULL)
        return FERRY_E_ARG;
    if (of_device || f->state != 0)
        err = are_few(c, of_device ? STMT_DOWNLOADS_OF_DEVICE : STMT_DOWNLOADS_IN_STATE, f, page, &few);
    if (few)
        *ret_which = of_device ? STMT_DOWNLOAD_BY_ENDED_DEVICE : STMT_DOWNLOAD_BY_ENDED_STATE;
    else
        *ret_which = STMT_DOWNLOAD_BY_ENDED;
    return err;
}

static ferry_err choose(struct store_conn *c, const struct download_filter *f, const struct store_page *page, statement *ret_which)
{
    if (page->sort == STORE_BY_KEY)
        return choose_list(c, f, page, ret_which);
    return page->sort == STORE_BY_ENDED ? choose_by_ended(c, f, page, ret_which) : FERRY_E_ARG;
}

ferry_err sql_download_list(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                        struct download_task *out, size_t *ret_count)
{
    struct page_place place;
    statement which = STMT_DOWNLOAD_LIST;
    ferry_err err = choose(c, f, page, &which);
    query_auto q = sql_query_begin(c, page->descending ? which + 1 : which);

    if (err != FERRY_OK)
        return err;
    bind_list(&q, f, page);
    bind_rest(&q, f);
    if (page->sort != STORE_BY_KEY)
        sql_page_bind_number_and_id(&q, page, &place);
    return sql_page_read(&q, read_download, sizeof(*out), page, out, ret_count);
}

static ferry_err prune(struct store_conn *c, statement which, uint64_t before_ms, size_t cap, size_t *ret_removed)
{
    query_auto q = sql_query_begin(c, which);
    int changes = 0;
    ferry_err err;

    sql_query_bound(&q, before_ms);
    sql_query_bound(&q, cap);
    err = sql_query_run(&q, &changes);
    if (err == FERRY_OK)
        *ret_removed = (size_t)changes;
    return err;
}

static ferry_err prune_both(struct store_conn *c, uint64_t before_ms, size_t cap, size_t *ret_removed)
{
    size_t deployments;
    ferry_err err = prune(c, STMT_DOWNLOAD_PRUNE, before_ms, cap, ret_removed);

    return err != FERRY_OK ? err : prune(c, STMT_DEPLOYMENT_PRUNE, before_ms, cap, &deployments);
}

ferry_err sql_download_prune(struct store_conn *c, uint64_t ended_before_ms, size_t cap, size_t *ret_removed)
{
    size_t removed = 0;
    ferry_err err = sql_conn_change_begin(c);

    if (err == FERRY_OK)
        err = sql_conn_change_end(c, prune_both(c, ended_before_ms, cap, &removed));
    if (err == FERRY_OK)
        *ret_removed = removed;
    return err;
}
