/* Products and devices. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "api_secret.h"
#include "proto/text.h"

#include <string.h>

/* --- products ----------------------------------------------------------------------------------------- */

static void finish_product_add(struct api_request *r)
{
    const struct product *product = &r->command.product;

    api_reply_created(r, api_json_product(product, NULL, false), "/products/%s", product->name);
}

void api_product_add(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"name", API_FIELD_IDENT, offsetof(struct product, name), true, 0, 0},
    };
    struct product product = {.created_ms = engine_now_ms(r->shared->engine)};

    if (!api_body_read(r, fields, 1, &product))
        return;
    if (!api_sees(r, product.name)) {
        api_reply_problem(r, API_FORBIDDEN, "This needs a role for that product, or for all.");
        return;
    }
    r->command.product = product;
    api_command(r, CMD_PRODUCT_ADD, finish_product_add);
}

static ferry_err fetch_products(struct api_request *r, struct store_conn *conn, const struct store_page *page,
                                void *rows, size_t *ret_count)
{
    return r->shared->store->ops->product_list(conn, page, rows, ret_count);
}

static json_t *show_product(struct api_request *r, struct store_conn *conn, const void *row)
{
    const struct product *product = row;
    struct device_counts counts;

    if (r->shared->store->ops->device_counts(conn, product->name, &counts) != FERRY_OK)
        return NULL;
    return api_json_product(product, &counts, engine_presence_known(r->shared->engine));
}

static const char *product_key(const void *row)
{
    return ((const struct product *)row)->name;
}

void api_product_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct product), .fetch = fetch_products, .show = show_product, .key = product_key,
        .product = product_key};

    api_list_answer(r, &list);
}

void api_product_get(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct product product;

    if (conn != NULL &&
        api_store_ok(r, r->shared->store->ops->product_get(conn, api_param(r, "product"), &product), "such product"))
        api_reply_thing(r, show_product(r, conn, &product), &product.secret);
}

void api_product_remove(struct api_request *r)
{
    if (!ferry_text_copy(ferry_text_of(api_param(r, "product")), r->command.product.name,
                         sizeof r->command.product.name)) {
        api_reply_err(r, FERRY_E_NOT_FOUND, "such product");
        return;
    }
    api_command(r, CMD_PRODUCT_REMOVE, api_reply_nothing);
}

/* --- devices ------------------------------------------------------------------------------------------ */

static json_t *device_json(struct api_request *r, const struct device *device, const struct device_tags *tags)
{
    return api_json_device(device, tags, engine_presence_known(r->shared->engine));
}

static void finish_device_add(struct api_request *r)
{
    const struct device *device = &r->command.device;
    char context[SEAL_CONTEXT_SIZE];

    api_reply_created(r, api_secret_show(r, device_json(r, device, &r->command.tags), seal_context_device(&device->key, context),
                                         &device->secret),
                      "/devices/%s/%s", device->key.product, device->key.device);
}

struct new_device {
    struct device_key key;
    struct api_secret secret;
    struct device_tags tags;
};

/* A device that is in the field already brings the secret that it has; any other gets a new one. */
void api_device_add(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"product", API_FIELD_IDENT, offsetof(struct new_device, key.product), true, 0, 0},
        {"name", API_FIELD_IDENT, offsetof(struct new_device, key.device), true, 0, 0},
        {"secret", API_FIELD_SECRET, offsetof(struct new_device, secret), false, 0, 0},
        {"tags", API_FIELD_TAGS, offsetof(struct new_device, tags), false, 0, 0},
    };
    struct new_device given = {.secret = {.len = 0}};
    struct device *device = &r->command.device;
    char context[SEAL_CONTEXT_SIZE];

    if (!api_body_read(r, fields, sizeof fields / sizeof fields[0], &given) ||
        !api_must_see(r, given.key.product, "such product"))
        return;
    *device = (struct device){.key = given.key};
    r->command.tags = given.tags;
    if (api_secret_seal(r, seal_context_device(&given.key, context), &given.secret, &device->secret))
        api_command(r, CMD_DEVICE_ADD, finish_device_add);
}

static ferry_err fetch_devices(struct api_request *r, struct store_conn *conn, const struct store_page *page,
                               void *rows, size_t *ret_count)
{
    struct device_filter filter = {.product = r->query.product, .name_prefix = api_query_text(r->query.name_prefix),
                                   .tag = api_query_text(r->query.tag), .which = r->query.which};

    return r->shared->store->ops->device_list(conn, &filter, page, rows, ret_count);
}

static json_t *show_device(struct api_request *r, struct store_conn *conn, const void *row)
{
    const struct device *device = row;
    struct device_tags tags;

    if (r->shared->store->ops->device_tags_get(conn, &device->key, &tags) != FERRY_OK)
        return NULL;
    return device_json(r, device, &tags);
}

static const char *device_row_key(const void *row)
{
    return ((const struct device *)row)->key.device;
}

static void write_device_position(const void *row, store_sort sort, char out[API_POSITION_SIZE])
{
    const struct device *device = row;

    (void)sort;
    store_position_write_number(device->key.device, device->seen_ms, out);
}

void api_device_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct device), .fetch = fetch_devices, .show = show_device, .key = device_row_key,
        .write_position = write_device_position};
    struct store_conn *conn = api_reader(r);
    struct product product;

    if (conn == NULL || !api_must_see(r, r->query.product, "such product") ||
        !api_store_ok(r, r->shared->store->ops->product_get(conn, r->query.product, &product), "such product"))
        return;
    if (r->query.which != DEVICES_ALL && !engine_presence_known(r->shared->engine))
        api_reply_problem(r, API_CONFLICT, "It is not known now which devices are connected: ask without \"online\".");
    else
        api_list_answer(r, &list);
}

/* The device as the store has it, after a change too. */
static void answer_device(struct api_request *r, const struct device_key *key)
{
    struct store_conn *conn = api_reader(r);
    struct device device;
    struct device_tags tags;

    if (conn != NULL && api_store_ok(r, r->shared->store->ops->device_get(conn, key, &device), "such device") &&
        api_store_ok(r, r->shared->store->ops->device_tags_get(conn, key, &tags), NULL))
        api_reply_thing(r, device_json(r, &device, &tags), &device.secret);
}

void api_device_get(struct api_request *r)
{
    struct device_key key;

    if (api_param_device(r, &key))
        answer_device(r, &key);
}

static void finish_device_change(struct api_request *r)
{
    answer_device(r, &r->command.device.key);
}

/* What the body does not name stays as it is. */
void api_device_change(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"disabled", API_FIELD_BOOL, offsetof(struct command, device.disabled), false, 0, 0},
        {"tags", API_FIELD_TAGS, offsetof(struct command, tags), false, 0, 0},
    };
    struct command *command = &r->command;

    if (!api_param_device(r, &command->device.key) ||
        !api_body_read(r, fields, sizeof fields / sizeof fields[0], command))
        return;
    command->disabled_given = json_object_get(r->json, "disabled") != NULL;
    command->tags_given = json_object_get(r->json, "tags") != NULL;
    if (!command->disabled_given && !command->tags_given) {
        api_reply_problem(r, API_MISSING_FIELD, "Give \"disabled\", \"tags\" or both.");
        return;
    }
    api_command(r, CMD_DEVICE_CHANGE, finish_device_change);
}

void api_device_remove(struct api_request *r)
{
    if (api_param_device(r, &r->command.device.key))
        api_command(r, CMD_DEVICE_REMOVE, api_reply_nothing);
}
