/* Deployments and their tasks. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* --- ordering ----------------------------------------------------------------------------------------- */

struct order_body {
    char product[FERRY_IDENT_MAX + 1];
    char resource[FERRY_NAME_MAX + 1];
    ferry_id resource_id;
    json_t *devices;
    char tag[DEVICE_TAG_MAX + 1];
    bool all;
    bool force;
    uint32_t rate_per_min;
    uint32_t timeout_s;
    uint32_t retries;
    uint64_t start_ms, end_ms;
};

static const struct api_field order_fields[] = {
    {"product", API_FIELD_IDENT, offsetof(struct order_body, product), true, 0, 0},
    {"resource", API_FIELD_NAME, offsetof(struct order_body, resource), true, 0, 0},
    {"resource_id", API_FIELD_ID, offsetof(struct order_body, resource_id), false, 0, 0},
    {"devices", API_FIELD_IDENT_LIST, offsetof(struct order_body, devices), false, 0, API_DEPLOY_DEVICES_MAX},
    {"tag", API_FIELD_TAG, offsetof(struct order_body, tag), false, 0, 0},
    {"all", API_FIELD_BOOL, offsetof(struct order_body, all), false, 0, 0},
    {"force", API_FIELD_BOOL, offsetof(struct order_body, force), false, 0, 0},
    {"rate_per_min", API_FIELD_UINT, offsetof(struct order_body, rate_per_min), false, 0, FERRY_DEPLOY_RATE_MAX},
    {"timeout_s", API_FIELD_UINT, offsetof(struct order_body, timeout_s), false, FERRY_DEPLOY_TIMEOUT_MIN_S,
     FERRY_DEPLOY_TIMEOUT_MAX_S},
    {"retries", API_FIELD_UINT, offsetof(struct order_body, retries), false, 0, FERRY_DEPLOY_RETRIES_MAX},
    {"start_at", API_FIELD_TIME, offsetof(struct order_body, start_ms), false, 0, 0},
    {"end_at", API_FIELD_TIME, offsetof(struct order_body, end_ms), false, 0, 0},
};

/* The names stay in the JSON value, which lives as long as the request. */
static bool take_devices(struct api_request *r, json_t *devices)
{
    size_t count = json_array_size(devices);

    r->devices = ferry_calloc(count, sizeof r->devices[0]);
    if (r->devices == NULL) {
        api_reply_err(r, FERRY_E_NOMEM, NULL);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        r->devices[i] = json_string_value(json_array_get(devices, i));
    r->command.deploy.devices = r->devices;
    r->command.deploy.device_count = count;
    return true;
}

/* The answer has the counts that the store shows now: some tasks may exist already. */
static void answer_deployment(struct api_request *r, const struct deployment *d, bool made)
{
    struct store_conn *conn = api_reader(r);
    struct download_counts counts;

    if (conn == NULL || !api_store_ok(r, r->shared->store->ops->deployment_counts(conn, &d->id, &counts), NULL))
        return;
    json_t *answer = api_json_deployment(d, &counts);
    if (made)
        api_reply_created(r, answer, "/deployments/%s", d->id.text);
    else
        api_reply_thing(r, answer, NULL);
}

static void finish_add(struct api_request *r)
{
    answer_deployment(r, &r->command.deployment, true);
}

/* Exactly one way to say which. */
static bool take_target(struct api_request *r, const struct order_body *body)
{
    int ways = (body->all ? 1 : 0) + (body->devices != NULL ? 1 : 0) + (body->tag[0] != '\0' ? 1 : 0);

    if (ways != 1) {
        api_reply_problem(r, API_INVALID_FIELD, "Give exactly one of \"devices\", \"tag\" and \"all\": true.");
        return false;
    }
    memcpy(r->command.deploy.tag, body->tag, sizeof body->tag);
    r->command.deploy.all = body->all;
    return body->devices == NULL || take_devices(r, body->devices);
}

void api_deployment_add(struct api_request *r)
{
    struct order_body body = {.devices = NULL};
    struct deploy_order *order = &r->command.deploy;

    if (!api_body_read(r, order_fields, sizeof order_fields / sizeof order_fields[0], &body))
        return;
    if (!api_must_see(r, body.product, "such product") || !take_target(r, &body))
        return;
    memcpy(order->product, body.product, sizeof order->product);
    memcpy(order->resource_name, body.resource, sizeof order->resource_name);
    order->resource = body.resource_id;
    order->force = body.force;
    order->rate_per_min = body.rate_per_min;
    order->timeout_s = body.timeout_s;
    order->retries = body.retries;
    order->start_ms = body.start_ms;
    order->end_ms = body.end_ms;
    api_command(r, CMD_DEPLOY, finish_add);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static ferry_err fetch(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count)
{
    struct deployment_filter filter = {.product = api_query_text(r->query.product),
                                       .state = (deployment_state)r->query.state,
                                       .made = r->query.made};

    return r->shared->store->ops->deployment_list(conn, &filter, page, rows, ret_count);
}

static json_t *show(struct api_request *r, struct store_conn *conn, const void *row)
{
    const struct deployment *d = row;
    struct download_counts counts;

    if (!r->query.counts || r->shared->store->ops->deployment_counts(conn, &d->id, &counts) != FERRY_OK)
        return api_json_deployment(d, NULL);
    return api_json_deployment(d, &counts);
}

static const char *key(const void *row)
{
    return ((const struct deployment *)row)->id.text;
}

static void write_position(const void *row, store_sort sort, char out[API_POSITION_SIZE])
{
    const struct deployment *d = row;

    (void)sort;
    store_position_write(d->id.text, d->resource_name, out);
}

static const char *product(const void *row)
{
    return ((const struct deployment *)row)->product;
}

void api_deployment_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct deployment), .fetch = fetch, .show = show, .key = key, .write_position = write_position,
        .product = product};

    api_list_answer(r, &list);
}

static bool find(struct api_request *r, struct deployment *ret_deployment)
{
    ferry_id id;

    if (!api_param_id(r, "deployment", "such deployment", &id))
        return false;
    struct store_conn *conn = api_reader(r);
    return conn != NULL &&
           api_store_ok(r, r->shared->store->ops->deployment_get(conn, &id, ret_deployment), "such deployment") &&
           api_must_see(r, ret_deployment->product, "such deployment");
}

void api_deployment_get(struct api_request *r)
{
    struct deployment deployment;

    if (find(r, &deployment))
        answer_deployment(r, &deployment, false);
}

enum { CAUSES_MAX = 100 }; /* of one answer: a person reads no more, and a device could make up any number */

void api_deployment_causes(struct api_request *r)
{
    struct deployment deployment;
    struct failure_cause causes[CAUSES_MAX];
    size_t count;
    uint64_t all;

    if (!find(r, &deployment))
        return;
    ferry_err err = r->shared->store->ops->deployment_causes(api_reader(r), &deployment.id, causes, CAUSES_MAX, &count, &all);
    if (api_store_ok(r, err, NULL))
        api_reply_json(r, MHD_HTTP_OK, api_json_causes(causes, count, all));
}

void api_deployment_progress(struct api_request *r)
{
    struct deployment deployment;

    if (find(r, &deployment))
        api_progress_answer(r, &deployment);
}

/* --- steering ----------------------------------------------------------------------------------------- */

static void finish_steer(struct api_request *r)
{
    api_deployment_get(r);
}

static void finish_retry(struct api_request *r)
{
    api_reply_json(r, MHD_HTTP_OK, json_pack("{s:I}", "retried", (json_int_t)r->command.count));
}

static void steer(struct api_request *r, command_kind kind, void (*finish)(struct api_request *r))
{
    struct deployment deployment;

    if (!find(r, &deployment))
        return;
    r->command.id = deployment.id;
    api_command(r, kind, finish);
}

void api_deployment_cancel(struct api_request *r)
{
    steer(r, CMD_DEPLOYMENT_CANCEL, finish_steer);
}

void api_deployment_pause(struct api_request *r)
{
    steer(r, CMD_DEPLOYMENT_PAUSE, finish_steer);
}

void api_deployment_resume(struct api_request *r)
{
    steer(r, CMD_DEPLOYMENT_RESUME, finish_steer);
}

void api_deployment_retry(struct api_request *r)
{
    struct retry_cause *cause = &r->command.retry;

    cause->state = (download_state)r->query.state;
    cause->has_code = r->query.has_result_code;
    cause->code = r->query.result_code;
    cause->has_msg = r->query.has_result_msg;
    memcpy(cause->msg, r->query.result_msg, sizeof cause->msg);
    steer(r, CMD_DEPLOYMENT_RETRY, finish_retry);
}

/* --- tasks -------------------------------------------------------------------------------------------- */

static ferry_err fetch_tasks(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                             size_t *ret_count)
{
    struct download_filter filter = {.deployment = r->command.id.text[0] != '\0' ? &r->command.id : NULL,
                                     .product = api_query_text(r->query.product),
                                     .device = api_query_text(r->query.device),
                                     .state = (download_state)r->query.state,
                                     .made = r->query.made};

    return r->shared->store->ops->download_list(conn, &filter, page, rows, ret_count);
}

static json_t *show_task(struct api_request *r, struct store_conn *conn, const void *row)
{
    (void)r;
    (void)conn;
    return api_json_download(row);
}

static const char *task_key(const void *row)
{
    return ((const struct download_task *)row)->id.text;
}

static void write_task_position(const void *row, store_sort sort, char out[API_POSITION_SIZE])
{
    const struct download_task *task = row;

    (void)sort;
    store_position_write_number(task->id.text, task->ended_ms, out);
}

static const struct api_list task_list = {.row_bytes = sizeof(struct download_task),
                                          .fetch = fetch_tasks,
                                          .show = show_task,
                                          .key = task_key,
                                          .write_position = write_task_position};

void api_download_list(struct api_request *r)
{
    struct deployment deployment;

    if (!find(r, &deployment))
        return;
    r->command.id = deployment.id;
    if (r->query.device[0] != '\0')
        memcpy(r->query.product, deployment.product, sizeof r->query.product);
    api_list_answer(r, &task_list);
}

/* Of all deployments. A device that was removed may have left some. */
void api_device_download_list(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct product product;

    if (conn != NULL && api_must_see(r, r->query.product, "such product") &&
        api_store_ok(r, r->shared->store->ops->product_get(conn, r->query.product, &product), "such product"))
        api_list_answer(r, &task_list);
}

/* The task must be one of the deployment in the path. */
static bool find_task(struct api_request *r, struct download_task *ret_task)
{
    ferry_id deployment, id;
    struct download_task task;

    if (!api_param_id(r, "deployment", "such deployment", &deployment) || !api_param_id(r, "task", "such task", &id))
        return false;
    struct store_conn *conn = api_reader(r);
    if (conn == NULL || !api_store_ok(r, r->shared->store->ops->download_get(conn, &id, &task), "such task"))
        return false;
    if (!ferry_id_equal(&task.deployment, &deployment) || !api_sees(r, task.device.product)) {
        api_reply_err(r, FERRY_E_NOT_FOUND, "such task");
        return false;
    }
    *ret_task = task;
    return true;
}

void api_download_get(struct api_request *r)
{
    struct download_task task;

    if (find_task(r, &task))
        api_reply_thing(r, api_json_download(&task), NULL);
}

void api_download_reports(struct api_request *r)
{
    struct download_task task;

    if (find_task(r, &task))
        api_reports_answer(r, &task.id);
}

static void steer_task(struct api_request *r, command_kind kind)
{
    struct download_task task;

    if (!find_task(r, &task))
        return;
    r->command.id = task.id;
    api_command(r, kind, api_download_get);
}

void api_download_cancel(struct api_request *r)
{
    steer_task(r, CMD_DOWNLOAD_CANCEL);
}

void api_download_retry(struct api_request *r)
{
    steer_task(r, CMD_DOWNLOAD_RETRY);
}
