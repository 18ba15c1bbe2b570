/* Products, devices and resources: the operator's commands. */
#include "engine_internal.h"

#include <string.h>

static ferry_err product_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    cmd->product.created_ms = now_ms;
    ferry_err err = e->store->product_add(e->conn, &cmd->product);
    return err == FERRY_E_EXISTS ? engine_fail(cmd, err, "product %s exists already", cmd->product.name) : err;
}

static ferry_err product_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    ferry_err err = e->store->product_remove(e->conn, cmd->product.name);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no product %s", cmd->product.name);
    if (err == FERRY_E_STATE)
        return engine_fail(cmd, err, "product %s still has devices, resources or tasks: remove them first",
                           cmd->product.name);
    return err;
}

static ferry_err device_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    const struct device_key *key = &cmd->device.key;
    cmd->device.created_ms = now_ms;
    ferry_err err = e->store->device_add(e->conn, &cmd->device);
    if (err == FERRY_E_EXISTS)
        return engine_fail(cmd, err, "device %s/%s exists already", key->product, key->device);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no product %s: add it first", key->product);
    return err;
}

static ferry_err no_device(struct command *cmd, ferry_err err)
{
    const struct device_key *key = &cmd->device.key;
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no device %s/%s", key->product, key->device);
    return err;
}

static ferry_err device_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    ferry_err err = e->store->device_remove(e->conn, &cmd->device.key);
    if (err != FERRY_OK)
        return no_device(cmd, err);
    err = uploads_cancel_device(e, &cmd->device.key, now_ms);
    return err == FERRY_OK ? downloads_cancel_device(e, &cmd->device.key, now_ms) : err;
}

static ferry_err device_disable(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    return no_device(cmd, e->store->device_set_disabled(e->conn, &cmd->device.key, cmd->device.disabled));
}

static ferry_err resource_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    quota_verdict verdict = QUOTA_FITS;
    cmd->resource.created_ms = now_ms;
    ferry_err err = quotas_ask(e, cmd->resource.product, NULL, cmd->resource.size, NULL, &verdict);
    if (err == FERRY_OK && verdict != QUOTA_FITS)
        return engine_fail(cmd, FERRY_E_QUOTA, "the quota is used up: %s. Remove files, or raise it",
                           quota_verdict_text(verdict));
    if (err == FERRY_OK)
        err = e->store->resource_add(e->conn, &cmd->resource);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no product %s: add it first", cmd->resource.product);
    return err;
}

static ferry_err resource_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    ferry_err err = e->store->resource_remove(e->conn, &cmd->id);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no resource %s", cmd->id.text);
    if (err == FERRY_E_STATE)
        return engine_fail(cmd, err, "resource %s belongs to a deployment: it cannot be removed", cmd->id.text);
    return err == FERRY_OK ? effects_remove_object(&e->effects, &cmd->id) : err;
}

ferry_err registry_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    typedef ferry_err handler(struct engine *, struct command *, uint64_t);
    static handler *const handlers[] = {
        [CMD_PRODUCT_ADD] = product_add,       [CMD_PRODUCT_REMOVE] = product_remove,
        [CMD_DEVICE_ADD] = device_add,         [CMD_DEVICE_REMOVE] = device_remove,
        [CMD_DEVICE_DISABLE] = device_disable, [CMD_RESOURCE_ADD] = resource_add,
        [CMD_RESOURCE_REMOVE] = resource_remove,
    };
    return handlers[cmd->kind](e, cmd, now_ms);
}
