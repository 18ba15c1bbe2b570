/* An operator's order: what it may say, and the deployment that comes of it. */
#include "engine_internal.h"

#include "proto/limits.h"
#include "proto/text.h"

#include <string.h>

/* The version that the order names, or the newest one of its name. */
static ferry_err find_resource(struct engine *e, const struct deploy_order *order, struct resource *ret_resource)
{
    if (order->resource.text[0] == '\0')
        return e->store->resource_find(e->conn, order->product, order->resource_name, ret_resource);
    ferry_err err = e->store->resource_get(e->conn, &order->resource, ret_resource);
    bool same = err == FERRY_OK && strcmp(ret_resource->product, order->product) == 0 &&
                strcmp(ret_resource->name, order->resource_name) == 0;
    return err == FERRY_OK && !same ? FERRY_E_NOT_FOUND : err;
}

static ferry_err check_resource(struct engine *e, struct command *cmd, struct resource *ret_resource)
{
    const struct deploy_order *order = &cmd->deploy;
    ferry_err err = find_resource(e, order, ret_resource);
    if (err == FERRY_E_NOT_FOUND && order->resource.text[0] != '\0')
        return engine_fail(cmd, err, "product %s has no such version of this resource", order->product);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "product %s has no such resource: add it first", order->product);
    if (err != FERRY_OK || order->force)
        return err;
    if (!ferry_name_portable(ferry_text_of(ret_resource->name)))
        return engine_fail(cmd, FERRY_E_ARG,
                           "vendor devices cannot take this name (over 63 bytes, or with \" \\ { } [ ]): rename it or "
                           "use force");
    if (ret_resource->size > FERRY_SIZE_VENDOR_MAX)
        return engine_fail(cmd, FERRY_E_ARG, "vendor devices cannot take 2 GiB and more: use force if yours can");
    return FERRY_OK;
}

/* The tasks of these are not made by the command itself. */
static bool in_steps(const struct deploy_order *order)
{
    return order->all || order->tag[0] != '\0';
}

static ferry_err check_order(struct command *cmd, uint64_t now_ms)
{
    struct deploy_order *order = &cmd->deploy;
    if (order->timeout_s == 0)
        order->timeout_s = FERRY_DEPLOY_TIMEOUT_S;
    if (order->timeout_s < FERRY_DEPLOY_TIMEOUT_MIN_S || order->timeout_s > FERRY_DEPLOY_TIMEOUT_MAX_S)
        return engine_fail(cmd, FERRY_E_ARG, "timeout must be %u to %u seconds", FERRY_DEPLOY_TIMEOUT_MIN_S,
                           FERRY_DEPLOY_TIMEOUT_MAX_S);
    if (order->rate_per_min > FERRY_DEPLOY_RATE_MAX)
        return engine_fail(cmd, FERRY_E_ARG, "rate must be at most %u devices a minute", FERRY_DEPLOY_RATE_MAX);
    if (order->retries > FERRY_DEPLOY_RETRIES_MAX)
        return engine_fail(cmd, FERRY_E_ARG, "retries must be at most %u", FERRY_DEPLOY_RETRIES_MAX);
    if (order->end_ms != 0 && (order->end_ms <= now_ms || order->end_ms <= order->start_ms))
        return engine_fail(cmd, FERRY_E_ARG, "the end must come after now and after the start");
    if (!in_steps(order) && order->device_count == 0)
        return engine_fail(cmd, FERRY_E_ARG, "name at least one device, a tag, or all");
    return FERRY_OK;
}

/* A tag that nobody has is more likely a slip than a wish. */
static ferry_err check_tag(struct engine *e, struct command *cmd)
{
    const struct deploy_order *order = &cmd->deploy;
    struct device_filter filter = {.product = order->product, .tag = order->tag};
    struct store_page page = {.after = "", .limit = 1};
    size_t count = 0;
    if (order->tag[0] == '\0')
        return FERRY_OK;
    ferry_err err = e->store->device_list(e->conn, &filter, &page, e->devices, &count);
    if (err == FERRY_OK && count == 0)
        return engine_fail(cmd, FERRY_E_NOT_FOUND, "no device of product %s has the tag %s: nothing was deployed",
                           order->product, order->tag);
    return err;
}

/* A device that is named twice gets one task: it has one of this deployment already. */
static ferry_err add_listed(struct engine *e, struct command *cmd, struct deployment *d, const char *name,
                            uint64_t now_ms)
{
    struct device_key key;
    if (!device_key_make(d->product, name, &key))
        return engine_fail(cmd, FERRY_E_ARG, "a device name is 1 to 64 of A-Z a-z 0-9 _ : -");
    struct device device;
    ferry_err err = e->store->device_get(e->conn, &key, &device);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no device %s/%s: nothing was deployed", key.product, key.device);
    if (err != FERRY_OK)
        return err;
    struct download_task latest;
    size_t count = 0;
    err = e->store->download_named(e->conn, &key, d->resource_name, &latest, 1, &count);
    if (err != FERRY_OK || (count == 1 && ferry_id_equal(&latest.deployment, &d->id)))
        return err;
    return deployments_add_task(e, d, &key, now_ms);
}

static struct deployment new_deployment(struct engine *e, const struct deploy_order *order,
                                        const struct resource *resource, uint64_t now_ms)
{
    struct deployment d = {
        .id = engine_new_id(e, now_ms),
        .resource = resource->id,
        .state = DEPLOYMENT_ACTIVE,
        .target_all = order->all,
        .rate_per_min = order->rate_per_min,
        .timeout_s = order->timeout_s,
        .retries = order->retries,
        .start_ms = order->start_ms > now_ms ? order->start_ms : now_ms,
        .end_ms = order->end_ms,
        .created_ms = now_ms,
        .updated_ms = now_ms,
    };
    memcpy(d.product, order->product, sizeof d.product);
    memcpy(d.target_tag, order->tag, sizeof d.target_tag);
    memcpy(d.resource_name, resource->name, sizeof d.resource_name);
    return d;
}

ferry_err deployments_order(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    const struct deploy_order *order = &cmd->deploy;
    struct resource resource;
    ferry_err err = check_order(cmd, now_ms);
    if (err == FERRY_OK)
        err = check_resource(e, cmd, &resource);
    if (err == FERRY_OK)
        err = check_tag(e, cmd);
    if (err != FERRY_OK)
        return err;

    struct deployment d = new_deployment(e, order, &resource, now_ms);
    err = e->store->deployment_put(e->conn, &d);
    if (err == FERRY_OK)
        err = events_deployment(e, NULL, &d);
    for (size_t i = 0; err == FERRY_OK && !in_steps(order) && i < order->device_count; i++)
        err = add_listed(e, cmd, &d, order->devices[i], now_ms);
    if (err == FERRY_OK && !in_steps(order)) {
        d.expand_done = true;
        err = e->store->deployment_put(e->conn, &d);
    }
    cmd->deployment = d;
    return err;
}
