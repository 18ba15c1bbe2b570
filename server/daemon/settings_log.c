#include "settings_log.h"

#include "base/cleanup.h"
#include "core/audit.h"

#include <stdio.h>
#include <string.h>

#define ACTION "settings.change"

static ferry_err last_record(const struct store_ops *ops, struct store_conn *conn, struct audit_record *ret)
{
    const struct audit_filter filter = {.action_prefix = ACTION};
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
    struct audit_record last, r = {.time_ms = now_ms, .actor = "system", .action = ACTION, .object = "settings"};
    ferry_err err = text != NULL ? last_record(store->ops, conn, &last) : FERRY_E_NOMEM;

    if (err != FERRY_OK)
        return err;
    (void)snprintf(r.after, sizeof(r.after), "%s", strlen(text) < sizeof(r.after) ? text : "{\"too_long\":true}");
    memcpy(r.before, last.after, sizeof(r.before));
    if (strcmp(r.after, last.after) == 0)
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
