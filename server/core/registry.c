/* Products, devices and resources: the operator's commands. */
#include "engine_internal.h"

#include <stdio.h>
#include <string.h>

static ferry_err product_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    cmd->product.created_ms = now_ms;
    ferry_err err = e->store->product_add(e->conn, &cmd->product);
    return err == FERRY_E_EXISTS ? engine_fail(cmd, err, "product %s exists already", cmd->product.name) : err;
}

static ferry_err product_secret(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    ferry_err err = e->store->product_set_secret(e->conn, cmd->product.name, &cmd->product.secret);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no product %s", cmd->product.name);
    return err == FERRY_OK ? e->store->product_get(e->conn, cmd->product.name, &cmd->product) : err;
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

static const char *device_state(const struct device *d)
{
    return d->disabled ? "disabled" : "enabled";
}

static ferry_err device_add(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    const struct device_key *key = &cmd->device.key;
    cmd->device.created_ms = now_ms;
    cmd->device.secret_no = 1;
    ferry_err err = e->store->device_add(e->conn, &cmd->device);
    if (err == FERRY_E_EXISTS)
        return engine_fail(cmd, err, "device %s/%s exists already", key->product, key->device);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no product %s: add it first", key->product);
    if (err == FERRY_OK)
        err = e->store->device_tags_set(e->conn, key, &cmd->tags);
    return err == FERRY_OK ? events_device(e, key, NULL, device_state(&cmd->device), NULL, now_ms) : err;
}

/* Each device leaves its own record and event, as if it had been added alone. */
static ferry_err device_import(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct command one = {.kind = CMD_DEVICE_ADD, .origin = cmd->origin};
    for (size_t i = 0; i < cmd->import_count; i++) {
        one.device = cmd->imports[i].device;
        one.tags = cmd->imports[i].tags;
        ferry_err err = audit_command(e, &one, now_ms, device_add);
        if (err == FERRY_OK)
            cmd->count++;
        else if (err != FERRY_E_EXISTS)
            return engine_fail(cmd, err, "%s", one.detail);
    }
    return FERRY_OK;
}

static ferry_err no_device(struct command *cmd, ferry_err err)
{
    const struct device_key *key = &cmd->device.key;
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no device %s/%s", key->product, key->device);
    return err;
}

/* Our broker's plugin looks whether the device may stay connected. */
static ferry_err tell_broker(struct engine *e, const struct device_key *key)
{
    char name[2 * FERRY_IDENT_MAX + 2];
    int len = snprintf(name, sizeof name, "%s/%s", key->product, key->device);
    return e->settings.broker_is_ours ? effects_publish(&e->effects, BUS_CONTROL_TOPIC, name, (size_t)len, EFFECTS_COUNT_NOTHING) : FERRY_OK;
}

static ferry_err device_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct device d;
    ferry_err err = e->store->device_get(e->conn, &cmd->device.key, &d);
    if (err == FERRY_OK)
        err = e->store->device_remove(e->conn, &d.key);
    if (err != FERRY_OK)
        return no_device(cmd, err);
    err = events_device(e, &d.key, device_state(&d), EVENT_DELETED, NULL, now_ms);
    if (err == FERRY_OK)
        err = uploads_cancel_device(e, &cmd->device.key, now_ms);
    if (err == FERRY_OK)
        err = downloads_cancel_device(e, &cmd->device.key, now_ms);
    if (err == FERRY_OK)
        err = engine_revoked(e);
    return err == FERRY_OK ? tell_broker(e, &cmd->device.key) : err;
}

static ferry_err device_disable(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct device d;
    ferry_err err = e->store->device_get(e->conn, &cmd->device.key, &d);
    if (err == FERRY_OK)
        err = e->store->device_set_disabled(e->conn, &d.key, cmd->device.disabled);
    if (err == FERRY_OK && d.disabled != cmd->device.disabled)
        err = events_device(e, &d.key, device_state(&d), device_state(&cmd->device), NULL, now_ms);
    if (err != FERRY_OK || !cmd->device.disabled)
        return no_device(cmd, err);
    err = engine_revoked(e);
    return err == FERRY_OK ? tell_broker(e, &cmd->device.key) : err;
}

static ferry_err device_change(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct device d;
    ferry_err err = cmd->disabled_given ? device_disable(e, cmd, now_ms) : FERRY_OK;
    if (err != FERRY_OK || !cmd->tags_given)
        return err;
    err = e->store->device_tags_set(e->conn, &cmd->device.key, &cmd->tags);
    if (err == FERRY_OK)
        err = e->store->device_get(e->conn, &cmd->device.key, &d);
    return err == FERRY_OK ? events_device(e, &d.key, device_state(&d), device_state(&d), "new tags", now_ms)
                           : no_device(cmd, err);
}

static ferry_err device_rotate(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    const struct sealed secret = cmd->device.secret;
    uint64_t overlap_ms = cmd->device.old_until_ms;
    struct device *d = &cmd->device;
    ferry_err err = e->store->device_get(e->conn, &d->key, d);
    if (err != FERRY_OK)
        return no_device(cmd, err);
    d->old_secret = d->secret;
    d->old_until_ms = overlap_ms > 0 ? now_ms + overlap_ms : 0;
    if (overlap_ms == 0)
        d->old_secret.len = 0;
    d->secret = secret;
    d->secret_no++;
    d->unheard = false; /* the operator's word */
    err = e->store->device_set_secrets(e->conn, d);
    if (err == FERRY_OK)
        err = events_device(e, &d->key, device_state(d), device_state(d), "new secret", now_ms);
    return err == FERRY_OK ? tell_broker(e, &d->key) : err;
}

static ferry_err end_old_secret(struct engine *e, struct device *d)
{
    d->old_secret = (struct sealed){.len = 0};
    d->old_until_ms = 0;
    ferry_err err = e->store->device_set_secrets(e->conn, d);
    return err == FERRY_OK ? tell_broker(e, &d->key) : err;
}

ferry_err registry_end_old_secrets(struct engine *e, uint64_t now_ms, bool *ret_more)
{
    size_t count = 0;
    ferry_err err = e->store->device_old_secrets(e->conn, now_ms, e->devices, ENGINE_DEVICES_MAX, &count);
    *ret_more = count == ENGINE_DEVICES_MAX;
    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = end_old_secret(e, &e->devices[i]);
    return err;
}

static ferry_err device_register(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct product product;
    ferry_err err = e->store->product_get(e->conn, cmd->device.key.product, &product);
    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && product.secret.len == 0))
        return engine_fail(cmd, FERRY_E_DENIED, "devices of product %s cannot register themselves", cmd->device.key.product);
    if (err != FERRY_OK)
        return err;
    cmd->device.unheard = true;
    struct device known;
    err = e->store->device_get(e->conn, &cmd->device.key, &known);
    if (err == FERRY_E_NOT_FOUND)
        return device_add(e, cmd, now_ms);
    if (err != FERRY_OK)
        return err;
    if (!known.unheard || known.disabled)
        return engine_fail(cmd, FERRY_E_DENIED, "device %s/%s is registered already", known.key.product, known.key.device);
    known.secret = cmd->device.secret;
    known.secret_no++;
    err = e->store->device_set_secrets(e->conn, &known);
    if (err == FERRY_OK)
        err = events_device(e, &known.key, device_state(&known), device_state(&known), "new secret", now_ms);
    return err == FERRY_OK ? tell_broker(e, &known.key) : err;
}

ferry_err registry_heard(struct engine *e, struct device *device)
{
    device->unheard = false;
    return e->store->device_set_secrets(e->conn, device);
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
    return err == FERRY_OK ? events_resource(e, &cmd->resource, NULL, "available", now_ms) : err;
}

static ferry_err resource_change(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource r;
    ferry_err err = e->store->resource_describe(e->conn, &cmd->id, cmd->resource.description);
    if (err == FERRY_OK)
        err = e->store->resource_get(e->conn, &cmd->id, &r);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no resource %s", cmd->id.text);
    return err == FERRY_OK ? events_resource(e, &r, "available", "available", now_ms) : err;
}

static ferry_err resource_remove(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct resource resource;
    ferry_err err = e->store->resource_get(e->conn, &cmd->id, &resource);
    if (err == FERRY_OK)
        err = e->store->resource_remove(e->conn, &cmd->id);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "there is no resource %s", cmd->id.text);
    if (err == FERRY_E_STATE)
        return engine_fail(cmd, err, "resource %s belongs to a deployment: it cannot be removed", cmd->id.text);
    if (err == FERRY_OK)
        err = events_resource(e, &resource, "available", EVENT_DELETED, now_ms);
    return err == FERRY_OK ? effects_remove_object(&e->effects, &cmd->id) : err;
}

ferry_err registry_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    typedef ferry_err handler(struct engine *, struct command *, uint64_t);
    static handler *const handlers[] = {
        [CMD_PRODUCT_ADD] = product_add,       [CMD_PRODUCT_REMOVE] = product_remove,
        [CMD_DEVICE_ADD] = device_add,         [CMD_DEVICE_REMOVE] = device_remove,
        [CMD_DEVICE_CHANGE] = device_change,   [CMD_RESOURCE_ADD] = resource_add,
        [CMD_RESOURCE_CHANGE] = resource_change, [CMD_RESOURCE_REMOVE] = resource_remove,
        [CMD_DEVICE_ROTATE] = device_rotate,   [CMD_DEVICE_REGISTER] = device_register,
        [CMD_PRODUCT_SECRET] = product_secret, [CMD_DEVICE_IMPORT] = device_import,
    };
    return handlers[cmd->kind](e, cmd, now_ms);
}
