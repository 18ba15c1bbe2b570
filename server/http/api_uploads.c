/* Uploads: what devices have sent. */
#include "api_handlers.h"

#include "api_content.h"
#include "api_json.h"
#include "api_list.h"
#include "api_match.h"

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    const struct api_query *q = &r->query;
    struct upload_filter filter = {
        .product = api_query_text(q->product),
        .device = api_query_text(q->device),
        .name_prefix = api_query_text(q->name_prefix),
        .state = (upload_state)q->state,
        .made = q->made,
    };

    return r->shared->store->ops->upload_list(conn, &filter, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_upload(row);
}

static const char *key(const void *row)
{
    return ((const struct upload_task *)row)->id.text;
}

static void write_position(const void *row, store_sort sort, char out[API_POSITION_SIZE])
{
    const struct upload_task *task = row;

    (void)sort;
    store_position_write_number(task->id.text, task->ended_ms, out);
}

static const char *product(const void *row)
{
    return ((const struct upload_task *)row)->device.product;
}

void api_upload_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct upload_task), .fetch = fetch, .show = show, .key = key, .write_position = write_position,
        .product = product};

    if (r->query.device[0] != '\0' && r->query.product[0] == '\0')
        api_reply_problem(r, API_MISSING_PARAMETER, "\"device\" needs \"product\" beside it.");
    else
        api_list_answer(r, &list);
}

static bool find(struct api_request *r, struct upload_task *ret_task)
{
    ferry_id id;

    if (!api_param_id(r, "upload", "such upload", &id))
        return false;
    struct store_conn *conn = api_reader(r);
    return conn != NULL && api_store_ok(r, r->shared->store->ops->upload_get(conn, &id, ret_task), "such upload") &&
           api_must_see(r, ret_task->device.product, "such upload");
}

void api_upload_get(struct api_request *r)
{
    struct upload_task task;

    if (find(r, &task))
        api_reply_thing(r, api_json_upload(&task), NULL);
}

void api_upload_reports(struct api_request *r)
{
    struct upload_task task;

    if (find(r, &task))
        api_reports_answer(r, &task.id);
}

void api_upload_content(struct api_request *r)
{
    struct upload_task task;

    if (find(r, &task))
        api_content_answer(r, &task.id, task.name, task.size, task.md5);
}

void api_upload_remove(struct api_request *r)
{
    struct upload_task task;

    if (!find(r, &task))
        return;
    r->command.id = task.id;
    api_command(r, CMD_UPLOAD_REMOVE, api_reply_nothing);
}
