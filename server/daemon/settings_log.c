#include "settings_log.h"

#include "base/cleanup.h"
#include "core/audit.h"
#include "store/any.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ACTION "settings.change"
#define OBJECT "settings"

static void name_worker(const struct config *config, char object[AUDIT_OBJECT_SIZE])
{
    char host[HOST_NAME_MAX + 1] = "";

    (void)snprintf(object, AUDIT_OBJECT_SIZE, OBJECT);
    if (!store_any_is_server(config->store))
        return;
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(object, AUDIT_OBJECT_SIZE, OBJECT "/%s:%s", host, config->data);
}

/* Of that object; null: of any. */
static ferry_err last_record(const struct store_ops *ops, struct store_conn *conn, const char *object, struct audit_record *ret)
{
    const struct audit_filter filter = {.action_prefix = ACTION, .object = object};
    const struct store_page newest = {.after = "", .limit = 1, .descending = true};
    size_t count = 0;
    ferry_err err = ops->audit_list(conn, &filter, &newest, ret, &count);

    if (err == FERRY_OK && count == 0)
        *ret = (struct audit_record){.seq = 0};
    return err;
}

ferry_err settings_log(const struct config *config, struct store *store, struct store_conn *conn, uint64_t now_ms)
{
    ferry_autofree char *text = config_describe(config);
    struct audit_record own, any = {.seq = 0}, r = {.time_ms = now_ms, .actor = "system", .action = ACTION};

    name_worker(config, r.object);
    ferry_err err = text != NULL ? last_record(store->ops, conn, r.object, &own) : FERRY_E_NOMEM;
    if (err == FERRY_OK && own.seq == 0)
        err = last_record(store->ops, conn, NULL, &any);
    if (err != FERRY_OK)
        return err;
    (void)snprintf(r.after, sizeof(r.after), "%s", strlen(text) < sizeof(r.after) ? text : "{\"too_long\":true}");
    memcpy(r.before, own.after, sizeof(r.before));
    if (strcmp(r.after, own.seq != 0 ? own.after : any.after) == 0)
        return FERRY_OK;
    err = store_begin_alone(store->ops, conn);
    if (err != FERRY_OK)
        return err;
    err = audit_append(store->ops, conn, &r);
    if (err == FERRY_OK)
        return store->ops->commit(conn);
    store->ops->rollback(conn);
    return err;
}
