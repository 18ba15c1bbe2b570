#include "api_match.h"

#include "api_etag.h"
#include "api_json.h"
#include "api_quota.h"

#include <string.h>

/* --- answering ---------------------------------------------------------------------------------------- */

static void reply_tagged(struct api_request *r, json_t *value, const char *etag)
{
    const char *none = api_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
    const char *match = api_header(r, MHD_HTTP_HEADER_IF_MATCH);
    bool reads = strcmp(r->route->method, "GET") == 0;

    if (reads && match != NULL && !api_etag_listed(match, etag, API_ETAG_STRONG)) {
        json_decref(value);
        api_reply_problem(r, API_PRECONDITION, NULL);
        return;
    }
    if (reads && none != NULL && api_etag_listed(none, etag, API_ETAG_WEAK)) {
        json_decref(value);
        api_reply_bytes(r, MHD_HTTP_NOT_MODIFIED, NULL, "", 0);
    } else {
        api_reply_json(r, MHD_HTTP_OK, value);
    }
    if (r->response != NULL && r->status < 400)
        (void)MHD_add_response_header(r->response, MHD_HTTP_HEADER_ETAG, etag);
}

void api_reply_thing(struct api_request *r, json_t *value, const struct sealed *hidden)
{
    char etag[API_ETAG_SIZE];

    if (value == NULL || api_etag_make(value, hidden != NULL ? hidden->bytes : NULL, hidden != NULL ? hidden->len : 0,
                                       etag) != FERRY_OK) {
        json_decref(value);
        api_reply_json(r, MHD_HTTP_OK, NULL);
        return;
    }
    reply_tagged(r, value, etag);
}

/* --- what a command changes, as its GET shows it --------------------------------------------------------- */

struct thing {
    json_t *value;
    struct sealed hidden;
};

typedef ferry_err show(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret);

static ferry_err show_product(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct product product;
    ferry_err err = ops->product_get(conn, r->command.product.name, &product);

    if (err == FERRY_OK)
        *ret = (struct thing){.value = api_json_product(&product, NULL, false), .hidden = product.secret};
    return err;
}

static ferry_err show_device(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct device device;
    struct device_tags tags;
    ferry_err err = ops->device_get(conn, &r->command.device.key, &device);

    if (err == FERRY_OK)
        err = ops->device_tags_get(conn, &device.key, &tags);
    if (err == FERRY_OK)
        *ret = (struct thing){.value = api_json_device(&device, &tags, engine_presence_known(r->shared->engine)), .hidden = device.secret};
    return err;
}

static ferry_err show_resource(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct resource resource;
    ferry_err err = ops->resource_get(conn, &r->command.id, &resource);

    if (err == FERRY_OK)
        ret->value = api_json_resource(&resource);
    return err;
}

static ferry_err show_resource_upload(struct api_request *r, const struct store_ops *ops, struct store_conn *conn,
                                      struct thing *ret)
{
    struct objects *objects = r->shared->objects;
    struct resource_upload upload;
    ferry_err err = ops->resource_upload_get(conn, &r->command.id, &upload);
    uint64_t offset = err == FERRY_OK ? upload.size : 0;

    if (err == FERRY_OK && upload.stored_ms == 0)
        err = objects->ops->partial_size(objects, &upload.id, &offset);
    if (err == FERRY_OK)
        ret->value = api_json_resource_upload(&upload, offset);
    return err;
}

/* Its counts move on their own: they are not looked at, and need not be counted. */
static ferry_err show_deployment(struct api_request *r, const struct store_ops *ops, struct store_conn *conn,
                                 struct thing *ret)
{
    struct deployment deployment;
    ferry_err err = ops->deployment_get(conn, &r->command.id, &deployment);

    if (err == FERRY_OK)
        ret->value = api_json_deployment(&deployment, NULL);
    return err;
}

static ferry_err show_download(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct download_task task;
    ferry_err err = ops->download_get(conn, &r->command.id, &task);

    if (err == FERRY_OK)
        ret->value = api_json_download(&task);
    return err;
}

static ferry_err show_upload(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct upload_task task;
    ferry_err err = ops->upload_get(conn, &r->command.id, &task);

    if (err == FERRY_OK)
        ret->value = api_json_upload(&task);
    return err;
}

static ferry_err show_token(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct token token;
    ferry_err err = ops->token_get(conn, r->command.token.name, &token);

    if (err == FERRY_OK)
        ret->value = api_json_token(&token);
    return err;
}

static ferry_err show_user(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct user user;
    ferry_err err = ops->user_get(conn, r->command.user.name, &user);

    if (err == FERRY_OK)
        ret->value = api_json_user(&user);
    return err;
}

static ferry_err show_quota(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct product product;
    ferry_err err = ops->product_get(conn, r->command.quota.product, &product);

    if (err == FERRY_OK)
        ret->value = api_quota_json(r, conn, product.name);
    return err;
}

static ferry_err show_webhook(struct api_request *r, const struct store_ops *ops, struct store_conn *conn, struct thing *ret)
{
    struct webhook w;
    ferry_err err = ops->webhook_get(conn, &r->command.webhook.id, &w);

    if (err == FERRY_OK)
        *ret = (struct thing){.value = api_json_webhook(&w), .hidden = w.secret};
    return err;
}

static show *const shows[CMD_COUNT] = {
    [CMD_PRODUCT_REMOVE] = show_product,       [CMD_PRODUCT_SECRET] = show_product,
    [CMD_DEVICE_CHANGE] = show_device,         [CMD_DEVICE_REMOVE] = show_device,
    [CMD_DEVICE_ROTATE] = show_device,         [CMD_RESOURCE_CHANGE] = show_resource,
    [CMD_RESOURCE_REMOVE] = show_resource,     [CMD_DEPLOYMENT_CANCEL] = show_deployment,
    [CMD_DEPLOYMENT_PAUSE] = show_deployment,  [CMD_DEPLOYMENT_RESUME] = show_deployment,
    [CMD_DEPLOYMENT_RETRY] = show_deployment,  [CMD_DOWNLOAD_CANCEL] = show_download,
    [CMD_DOWNLOAD_RETRY] = show_download,      [CMD_UPLOAD_REMOVE] = show_upload,
    [CMD_TOKEN_REMOVE] = show_token,           [CMD_USER_CHANGE] = show_user,
    [CMD_USER_REMOVE] = show_user,             [CMD_QUOTA_SET] = show_quota,
    [CMD_QUOTA_RESET] = show_quota,            [CMD_WEBHOOK_CHANGE] = show_webhook,
    [CMD_WEBHOOK_ROTATE] = show_webhook,       [CMD_WEBHOOK_RESUME] = show_webhook,
    [CMD_WEBHOOK_REMOVE] = show_webhook,       [CMD_RESOURCE_UPLOAD_REMOVE] = show_resource_upload,
};

/* --- the condition, on the engine's thread: it has the request meanwhile ----------------------------------- */

static ferry_err judge(struct command *command, struct store_conn *conn)
{
    struct api_request *r = command->arg;
    struct thing thing = {.value = NULL};
    char etag[API_ETAG_SIZE];
    ferry_err err = shows[command->kind](r, r->shared->store->ops, conn, &thing);

    if (err == FERRY_E_NOT_FOUND)
        return FERRY_OK; /* the command says so better */
    if (err == FERRY_OK)
        err = thing.value != NULL ? api_etag_make(thing.value, thing.hidden.bytes, thing.hidden.len, etag) : FERRY_E_NOMEM;
    json_decref(thing.value);
    if (err == FERRY_OK && !api_etag_listed(api_header(r, MHD_HTTP_HEADER_IF_MATCH), etag, API_ETAG_OWN))
        err = FERRY_E_STALE;
    return err;
}

bool api_match_command(struct api_request *r)
{
    const char *list = api_header(r, MHD_HTTP_HEADER_IF_MATCH);
    struct api_fault fault;

    if (list == NULL)
        return true;
    if (!api_etag_list_valid(list) || shows[r->command.kind] == NULL) {
        (void)api_fault_set(&fault, API_INVALID_HEADER, "If-Match", "%s",
                            shows[r->command.kind] == NULL
                                ? "\"If-Match\" is for changes of what is there already."
                                : "\"If-Match\" must be * or tags as ETag has them, with commas between them.");
        api_reply_fault(r, &fault);
        return false;
    }
    r->command.condition = judge;
    return true;
}
