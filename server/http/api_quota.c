/* Quotas: the limits of products, and what counts against them. */
#include "api_handlers.h"

#include "api_json.h"
#include "api_list.h"
#include "api_match.h"
#include "api_quota.h"
#include "core/quota_rules.h"
#include "proto/text.h"

#include <string.h>

static json_t *usage_json(const struct usage *usage)
{
    return json_pack("{s:o, s:o}", "bytes", api_json_number(usage->bytes), "files", api_json_number(usage->files));
}

static json_t *limits_json(const struct quota_limits *limits)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "product_bytes", api_json_number(limits->product_bytes), "product_files",
                     api_json_number(limits->product_files), "device_bytes", api_json_number(limits->device_bytes), "device_files",
                     api_json_number(limits->device_files));
}

/* The limits that hold, and whether they are the product's own. */
static ferry_err find_limits(struct api_request *r, struct store_conn *conn, const char *product,
                             struct quota_limits *ret_limits, bool *ret_own)
{
    struct quota quota;
    ferry_err err = r->shared->store->ops->quota_get(conn, product, &quota);

    *ret_own = err == FERRY_OK;
    *ret_limits = *ret_own ? quota.limits : r->shared->quota;
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

json_t *api_quota_json(struct api_request *r, struct store_conn *conn, const char *product)
{
    struct quota_limits limits;
    struct usage usage;
    bool own;

    if (find_limits(r, conn, product, &limits, &own) != FERRY_OK ||
        r->shared->store->ops->usage_get(conn, product, NULL, &usage) != FERRY_OK)
        return NULL;
    return json_pack("{s:s, s:b, s:o, s:o}", "product", product, "own", (int)own, "limits", limits_json(&limits), "used",
                     usage_json(&usage));
}

bool api_quota_has_room(struct api_request *r, struct store_conn *conn, const char *product, uint64_t bytes)
{
    struct quota_account account = {.product = {.files = 0}};
    struct quota_limits limits;
    struct api_fault fault;
    bool own;
    ferry_err err = find_limits(r, conn, product, &limits, &own);

    if (err == FERRY_OK && quota_is_limited(&limits))
        err = r->shared->store->ops->usage_get(conn, product, NULL, &account.product);
    if (!api_store_ok(r, err, NULL))
        return false;
    quota_verdict verdict = quota_judge(&limits, &account, bytes, false);
    if (verdict == QUOTA_FITS)
        return true;
    (void)api_fault_set(&fault, API_QUOTA, "", "the quota is used up: %s. Remove files, or raise it",
                        quota_verdict_text(verdict));
    api_reply_fault(r, &fault);
    return false;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static ferry_err fetch_products(struct api_request *r, struct store_conn *conn, const struct store_page *page,
                                void *rows, size_t *ret_count)
{
    return r->shared->store->ops->product_list(conn, page, rows, ret_count);
}

static json_t *show_quota(struct api_request *r, struct store_conn *conn, const void *row)
{
    return api_quota_json(r, conn, ((const struct product *)row)->name);
}

static const char *product_key(const void *row)
{
    return ((const struct product *)row)->name;
}

void api_quota_list(struct api_request *r)
{
    static const struct api_list list = {
        .row_bytes = sizeof(struct product), .fetch = fetch_products, .show = show_quota, .key = product_key};

    api_list_answer(r, &list);
}

void api_quota_get(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct product product;

    if (conn != NULL &&
        api_store_ok(r, r->shared->store->ops->product_get(conn, api_param(r, "product"), &product), "such product"))
        api_reply_thing(r, api_quota_json(r, conn, product.name), NULL);
}

void api_quota_device(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    const struct store_ops *ops = r->shared->store->ops;
    struct device_key key;
    struct device device;
    struct quota_limits limits;
    struct usage usage;
    bool own;

    if (conn == NULL || !api_param_device(r, &key) ||
        !api_store_ok(r, ops->device_get(conn, &key, &device), "such device") ||
        !api_store_ok(r, find_limits(r, conn, key.product, &limits, &own), NULL) ||
        !api_store_ok(r, ops->usage_get(conn, key.product, key.device, &usage), NULL))
        return;
    api_reply_json(r, MHD_HTTP_OK,
                   json_pack("{s:s, s:s, s:b, s:o, s:o}", "product", key.product, "device", key.device, "own", (int)own,
                             "limits", limits_json(&limits), "used", usage_json(&usage)));
}

/* --- changing ------------------------------------------------------------------------------------------- */

static void finish_change(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);

    if (conn != NULL)
        api_reply_thing(r, api_quota_json(r, conn, r->command.quota.product), NULL);
}

static bool name_product(struct api_request *r)
{
    struct quota *quota = &r->command.quota;

    if (ferry_text_copy(ferry_text_of(api_param(r, "product")), quota->product, sizeof quota->product))
        return true;
    api_reply_err(r, FERRY_E_NOT_FOUND, "such product");
    return false;
}

/* All four: a limit that was forgotten would be none. */
void api_quota_set(struct api_request *r)
{
    static const struct api_field fields[] = {
        {"product_bytes", API_FIELD_UINT64, offsetof(struct quota_limits, product_bytes), true, 0, 0},
        {"product_files", API_FIELD_UINT64, offsetof(struct quota_limits, product_files), true, 0, 0},
        {"device_bytes", API_FIELD_UINT64, offsetof(struct quota_limits, device_bytes), true, 0, 0},
        {"device_files", API_FIELD_UINT64, offsetof(struct quota_limits, device_files), true, 0, 0},
    };

    if (!api_body_read(r, fields, sizeof fields / sizeof fields[0], &r->command.quota.limits) || !name_product(r))
        return;
    api_command(r, CMD_QUOTA_SET, finish_change);
}

void api_quota_reset(struct api_request *r)
{
    if (name_product(r))
        api_command(r, CMD_QUOTA_RESET, finish_change);
}
