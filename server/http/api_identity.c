/* Secrets: a new one for a device, and the one with which devices of a product register themselves. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_secret.h"
#include "proto/text.h"

#include <string.h>

/* --- a device's ----------------------------------------------------------------------------------------- */

struct new_secret {
    struct api_secret secret;
    uint32_t overlap_s;
};

static void finish_device_rotate(struct api_request *r)
{
    const struct device *device = &r->command.device;
    struct store_conn *conn = api_reader(r);
    struct device_tags tags;
    char context[SEAL_CONTEXT_SIZE];

    if (conn != NULL && api_store_ok(r, r->shared->store->ops->device_tags_get(conn, &device->key, &tags), NULL))
        api_reply_json(r, MHD_HTTP_OK, api_secret_show(r, api_json_device(device, &tags, engine_presence_known(r->shared->engine)),
                                                       seal_context_device(&device->key, context), &device->secret));
}

void api_device_rotate(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"secret", API_FIELD_SECRET, offsetof(struct new_secret, secret), false, 0, 0},
        {"overlap_s", API_FIELD_UINT, offsetof(struct new_secret, overlap_s), false, 0, FERRY_SECRET_OVERLAP_MAX_S},
    };
    struct new_secret given = {.overlap_s = 0};
    struct device *device = &r->command.device;
    char context[SEAL_CONTEXT_SIZE];

    if (!api_param_device(r, &device->key) || !api_body_read(r, fields, sizeof fields / sizeof fields[0], &given))
        return;
    device->old_until_ms = 1000ull * given.overlap_s;
    if (api_secret_seal(r, seal_context_device(&device->key, context), &given.secret, &device->secret))
        api_command(r, CMD_DEVICE_ROTATE, finish_device_rotate);
}

/* --- a product's ---------------------------------------------------------------------------------------- */

static bool take_product(struct api_request *r)
{
    struct product *product = &r->command.product;

    if (ferry_text_copy(ferry_text_of(api_param(r, "product")), product->name, sizeof product->name))
        return true;
    api_reply_err(r, FERRY_E_NOT_FOUND, "such product");
    return false;
}

static void finish_product_secret(struct api_request *r)
{
    const struct product *product = &r->command.product;
    char context[SEAL_CONTEXT_SIZE];

    api_reply_json(r, MHD_HTTP_OK, api_secret_show(r, api_json_product(product, NULL, false),
                                                   seal_context_product(product->name, context), &product->secret));
}

void api_product_secret_new(struct api_request *r)
{
    struct api_secret given = {.len = 0};
    struct product *product = &r->command.product;
    char context[SEAL_CONTEXT_SIZE];

    if (take_product(r) &&
        api_secret_seal(r, seal_context_product(product->name, context), &given, &product->secret))
        api_command(r, CMD_PRODUCT_SECRET, finish_product_secret);
}

void api_product_secret_remove(struct api_request *r)
{
    r->command.product.secret.len = 0;
    if (take_product(r))
        api_command(r, CMD_PRODUCT_SECRET, api_reply_nothing);
}
