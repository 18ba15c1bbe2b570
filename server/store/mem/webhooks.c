#include "conn.h"
#include "ops.h"

ferry_err smem_webhook_put(struct store_conn *c, const struct webhook *w)
{
    if (webhook_state_name(w->state) == NULL || w->secret.len > sizeof(w->secret.bytes) ||
        w->old_secret.len > sizeof(w->old_secret.bytes))
        return FERRY_E_ARG;
    return smem_change_put(c, SMEM_WEBHOOKS, w);
}

ferry_err smem_webhook_get(struct store_conn *c, const ferry_id *id, struct webhook *ret)
{
    struct webhook probe = {.revision = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_get(c, SMEM_WEBHOOKS, &probe, ret, sizeof(*ret));
}

ferry_err smem_webhook_remove(struct store_conn *c, const ferry_id *id)
{
    struct webhook probe = {.revision = 0};
    ferry_err err = smem_set_id(&probe.id, id);

    return err != FERRY_OK ? err : smem_change_remove(c, SMEM_WEBHOOKS, &probe);
}

ferry_err smem_webhook_list(struct store_conn *c, const struct store_page *page, struct webhook *out, size_t *ret_count)
{
    struct webhook probe = {.revision = 0};
    struct smem_walk walk = {.table = SMEM_WEBHOOKS, .index = WEBHOOK_BY_ID, .probe = &probe};
    ferry_err err = smem_page_id(page, &probe.id, &walk);
    smem_auto_reading reading = smem_read_begin(c);

    if (err == FERRY_OK)
        *ret_count = smem_collect(reading.db, reading.view, &walk, NULL, NULL, out, sizeof(*out), page->limit);
    return err;
}

static smem_verdict old_secret_filter(const void *data, const void *arg)
{
    const struct webhook *w = data;
    const uint64_t *now_ms = arg;

    return w->old_until_ms <= *now_ms ? SMEM_TAKE : SMEM_STOP;
}

ferry_err smem_webhook_old_secrets(struct store_conn *c, uint64_t now_ms, struct webhook *out, size_t cap,
                                   size_t *ret_count)
{
    const struct webhook probe = {.old_until_ms = 0};
    const struct smem_walk walk = {.table = SMEM_WEBHOOKS, .index = WEBHOOK_BY_OLD_SECRET, .probe = &probe};
    smem_auto_reading reading = smem_read_begin(c);

    *ret_count =
        smem_collect(reading.db, reading.view, &walk, old_secret_filter, &now_ms, out, sizeof(*out), cap);
    return FERRY_OK;
}
