/* Quotas: looked up and judged inside the transaction that makes the file count. */
#include "engine_internal.h"

#include <stdio.h>
#include <string.h>

static ferry_err limits_of(struct engine *e, const char *product, struct quota_limits *ret_limits)
{
    struct quota quota;
    ferry_err err = e->store->quota_get(e->conn, product, &quota);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return err;
    *ret_limits = err == FERRY_OK ? quota.limits : e->settings.quota;
    return FERRY_OK;
}

ferry_err quotas_ask(struct engine *e, const char *product, const char *device, uint64_t size,
                     const struct upload_task *giving_way, quota_verdict *ret_verdict)
{
    struct quota_limits limits;
    struct quota_account account = {.product = {.files = 0}};
    *ret_verdict = QUOTA_FITS;
    ferry_err err = limits_of(e, product, &limits);
    if (err != FERRY_OK || !quota_is_limited(&limits))
        return err;
    err = e->store->usage_get(e->conn, product, NULL, &account.product);
    if (err == FERRY_OK && device != NULL)
        err = e->store->usage_get(e->conn, product, device, &account.device);
    if (err != FERRY_OK)
        return err;
    if (giving_way != NULL)
        quota_take_back(&account, giving_way->size);
    *ret_verdict = quota_judge(&limits, &account, size, device != NULL);
    return FERRY_OK;
}

ferry_err quotas_on_command(struct engine *e, struct command *cmd, uint64_t now_ms)
{
    (void)now_ms;
    if (cmd->kind == CMD_QUOTA_SET) {
        ferry_err err = e->store->quota_put(e->conn, &cmd->quota);
        return err == FERRY_E_NOT_FOUND ? engine_fail(cmd, err, "there is no product %s", cmd->quota.product) : err;
    }
    ferry_err err = e->store->quota_remove(e->conn, cmd->quota.product);
    if (err == FERRY_E_NOT_FOUND)
        return engine_fail(cmd, err, "product %s has no quota of its own", cmd->quota.product);
    return err;
}
