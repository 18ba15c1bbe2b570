/* Objects that are not what they were: the record, the event and the counter. Looking is done elsewhere. */
#include "engine_internal.h"

static ferry_err tell(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    struct upload_task task;
    struct resource resource;
    ferry_err err = e->store->upload_get(e->conn, &cmd->id, &task);
    if (err == FERRY_OK)
        return events_upload_damaged(e, &task, cmd->damage, now_ms);
    if (err == FERRY_E_NOT_FOUND)
        err = e->store->resource_get(e->conn, &cmd->id, &resource);
    return err == FERRY_OK ? events_resource_damaged(e, &resource, cmd->damage, now_ms) : err;
}

static ferry_err begin_look(struct engine *e, struct command *cmd)
{
    struct product product;
    if (cmd->product.name[0] == '\0')
        return FERRY_OK;
    ferry_err err = e->store->product_get(e->conn, cmd->product.name, &product);
    return err == FERRY_E_NOT_FOUND ? engine_fail(cmd, err, "there is no product %s", cmd->product.name) : err;
}

ferry_err damage_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    if (cmd->kind == CMD_OBJECTS_VERIFY)
        return begin_look(e, cmd);
    if (cmd->kind == CMD_OBJECTS_VERIFY_END)
        return FERRY_OK;
    ferry_err err = tell(e, cmd, now_ms);
    return err == FERRY_OK ? engine_count(e, ENGINE_STAT(objects_damaged_total)) : err;
}
