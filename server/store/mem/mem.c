#include "store/mem.h"

#include "base/alloc.h"
#include "conn.h"
#include "ops.h"

#include <stdlib.h>

enum { READERS_MAX = 256 };

static ferry_err mem_connect(struct store *base, store_mode mode, struct store_conn **ret_conn)
{
    struct mem_store *s = (struct mem_store *)base;
    struct store_conn *c = ferry_calloc(1, sizeof(*c));
    unsigned *count = mode == STORE_WRITER ? &s->writers : &s->readers;
    bool room;

    if (c == NULL)
        return FERRY_E_NOMEM;
    c->store = s;
    c->mode = mode;
    (void)pthread_mutex_lock(&s->db.lock);
    room = *count < (mode == STORE_WRITER ? 1 : READERS_MAX);
    *count += room;
    (void)pthread_mutex_unlock(&s->db.lock);
    if (!room) {
        free(c);
        return FERRY_E_LIMIT;
    }
    *ret_conn = c;
    return FERRY_OK;
}

static ferry_err mem_begin(struct store_conn *c)
{
    if (c->mode != STORE_WRITER)
        return FERRY_E_READONLY;
    if (c->in_tx)
        return FERRY_E_STATE;
    c->in_tx = true;
    c->marked = false;
    return FERRY_OK;
}

static ferry_err mem_commit(struct store_conn *c)
{
    if (!c->in_tx)
        return FERRY_E_STATE;
    smem_commit(&c->store->db);
    c->in_tx = false;
    return FERRY_OK;
}

static void mem_rollback(struct store_conn *c)
{
    struct smem_db *db = &c->store->db;

    if (!c->in_tx)
        return;
    smem_undo(db, 0);
    db->latest_ms[SMEM_WORK] = db->latest_ms[SMEM_SEEN];
    c->in_tx = false;
}

static ferry_err mem_savepoint(struct store_conn *c)
{
    if (!c->in_tx || c->marked)
        return FERRY_E_STATE;
    c->marked = true;
    c->mark = c->store->db.journal_count;
    c->latest_mark = c->store->db.latest_ms[SMEM_WORK];
    return FERRY_OK;
}

static ferry_err mem_release(struct store_conn *c)
{
    if (!c->in_tx || !c->marked)
        return FERRY_E_STATE;
    c->marked = false;
    return FERRY_OK;
}

static ferry_err mem_rewind(struct store_conn *c)
{
    if (!c->in_tx || !c->marked)
        return FERRY_E_STATE;
    smem_undo(&c->store->db, c->mark);
    c->store->db.latest_ms[SMEM_WORK] = c->latest_mark;
    c->marked = false;
    return FERRY_OK;
}

static void mem_disconnect(struct store_conn *c)
{
    if (c == NULL)
        return;
    struct mem_store *s = c->store;

    mem_rollback(c);
    (void)pthread_mutex_lock(&s->db.lock);
    *(c->mode == STORE_WRITER ? &s->writers : &s->readers) -= 1;
    (void)pthread_mutex_unlock(&s->db.lock);
    free(c);
}

static void mem_close(struct store *base)
{
    struct mem_store *s = (struct mem_store *)base;

    if (s == NULL)
        return;
    smem_db_done(&s->db);
    free(s);
}

static const struct store_ops mem_ops = {
    .name = "mem",
    .connect = mem_connect,
    .disconnect = mem_disconnect,
    .close = mem_close,
    .begin = mem_begin,
    .commit = mem_commit,
    .rollback = mem_rollback,
    .savepoint = mem_savepoint,
    .release = mem_release,
    .rewind = mem_rewind,
    .value_get = smem_value_get,
    .value_put = smem_value_put,
    .latest_ms = smem_latest_ms,
    .product_add = smem_product_add,
    .product_get = smem_product_get,
    .product_remove = smem_product_remove,
    .product_list = smem_product_list,
    .product_set_secret = smem_product_set_secret,
    .device_add = smem_device_add,
    .device_get = smem_device_get,
    .device_find_joined = smem_device_find_joined,
    .device_set_disabled = smem_device_set_disabled,
    .device_set_online = smem_device_set_online,
    .device_set_seen = smem_device_set_seen,
    .device_tags_set = smem_device_tags_set,
    .device_tags_get = smem_device_tags_get,
    .device_set_secrets = smem_device_set_secrets,
    .device_old_secrets = smem_device_old_secrets,
    .device_remove = smem_device_remove,
    .device_counts = smem_device_counts,
    .device_list = smem_device_list,
    .token_put = smem_token_put,
    .token_find = smem_token_find,
    .resource_add = smem_resource_add,
    .resource_get = smem_resource_get,
    .resource_find = smem_resource_find,
    .resource_describe = smem_resource_describe,
    .resource_remove = smem_resource_remove,
    .resource_list = smem_resource_list,
    .upload_put = smem_upload_put,
    .upload_get = smem_upload_get,
    .upload_open = smem_upload_open,
    .upload_named = smem_upload_named,
    .upload_due = smem_upload_due,
    .upload_remove = smem_upload_remove,
    .upload_list = smem_upload_list,
    .deployment_put = smem_deployment_put,
    .deployment_get = smem_deployment_get,
    .deployment_list = smem_deployment_list,
    .deployment_expanding = smem_deployment_expanding,
    .deployment_sweeping = smem_deployment_sweeping,
    .deployment_counts = smem_deployment_counts,
    .deployment_failed = smem_deployment_failed,
    .deployment_causes = smem_deployment_causes,
    .deployment_steps = smem_deployment_steps,
    .download_put = smem_download_put,
    .download_get = smem_download_get,
    .download_open = smem_download_open,
    .download_running = smem_download_running,
    .download_named = smem_download_named,
    .download_due = smem_download_due,
    .download_list = smem_download_list,
    .kept_answer_put = smem_kept_answer_put,
    .kept_answer_get = smem_kept_answer_get,
    .kept_answer_prune = smem_kept_answer_prune,
    .report_add = smem_report_add,
    .report_list = smem_report_list,
    .next_due_ms = smem_next_due_ms,
    .upload_ended_before = smem_upload_ended_before,
    .download_prune = smem_download_prune,
    .totals = smem_totals,
    .statistics = smem_statistics,
    .statistics_prune = smem_statistics_prune,
    .token_get = smem_token_get,
    .token_remove = smem_token_remove,
    .token_touch = smem_token_touch,
    .token_list = smem_token_list,
    .user_put = smem_user_put,
    .user_get = smem_user_get,
    .user_remove = smem_user_remove,
    .user_list = smem_user_list,
    .session_put = smem_session_put,
    .session_find = smem_session_find,
    .session_remove = smem_session_remove,
    .session_touch = smem_session_touch,
    .session_trim = smem_session_trim,
    .session_prune = smem_session_prune,
    .lockout_get = smem_lockout_get,
    .lockout_put = smem_lockout_put,
    .lockout_remove = smem_lockout_remove,
    .audit_head = smem_audit_head,
    .audit_append = smem_audit_append,
    .audit_list = smem_audit_list,
    .audit_cut = smem_audit_cut,
    .event_append = smem_event_append,
    .event_bounds = smem_event_bounds,
    .event_list = smem_event_list,
    .event_presence = smem_event_presence,
    .event_cut = smem_event_cut,
    .resource_upload_put = smem_resource_upload_put,
    .resource_upload_get = smem_resource_upload_get,
    .resource_upload_same = smem_resource_upload_same,
    .resource_upload_remove = smem_resource_upload_remove,
    .resource_upload_list = smem_resource_upload_list,
    .resource_upload_due = smem_resource_upload_due,
    .webhook_put = smem_webhook_put,
    .webhook_get = smem_webhook_get,
    .webhook_remove = smem_webhook_remove,
    .webhook_list = smem_webhook_list,
    .webhook_old_secrets = smem_webhook_old_secrets,
    .quota_put = smem_quota_put,
    .quota_get = smem_quota_get,
    .quota_remove = smem_quota_remove,
    .usage_get = smem_usage_get,
};

ferry_err store_mem_open(struct store **ret_store)
{
    struct mem_store *s = ferry_calloc(1, sizeof(*s));
    ferry_err err;

    if (s == NULL)
        return FERRY_E_NOMEM;
    s->base.ops = &mem_ops;
    err = smem_db_init(&s->db, smem_rows);
    if (err != FERRY_OK) {
        free(s);
        return err;
    }
    *ret_store = &s->base;
    return FERRY_OK;
}
