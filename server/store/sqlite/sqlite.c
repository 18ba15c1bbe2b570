#include "store/sqlite.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "ops.h"

#include <pthread.h>
#include <stdlib.h>

enum { READERS_MAX = 256 }; /* each holds READER_CACHE_KIB at most and two file descriptors */

struct sqlite_store {
    struct store base; /* first: a struct store * is one of these */
    char *path;
    uint32_t busy_ms;
    pthread_mutex_t lock; /* of the two counters */
    unsigned readers, writers;
};

/* Counts a connection in (+1) or out (-1). */
static ferry_err count_conn(struct sqlite_store *s, store_mode mode, int step)
{
    ferry_err err = FERRY_OK;
    unsigned *count = mode == STORE_WRITER ? &s->writers : &s->readers;
    unsigned max = mode == STORE_WRITER ? 1 : READERS_MAX;

    (void)pthread_mutex_lock(&s->lock);
    if (step > 0 && *count >= max)
        err = FERRY_E_LIMIT;
    else
        *count += (unsigned)step;
    (void)pthread_mutex_unlock(&s->lock);
    return err;
}

static ferry_err sqlite_connect(struct store *base, store_mode mode, struct store_conn **ret_conn)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    ferry_err err = count_conn(s, mode, 1);

    if (err != FERRY_OK)
        return err;
    err = sq_conn_new(s, s->path, s->busy_ms, mode, ret_conn);
    if (err != FERRY_OK)
        (void)count_conn(s, mode, -1);
    return err;
}

static void sqlite_disconnect(struct store_conn *c)
{
    if (c == NULL)
        return;
    struct sqlite_store *s = c->store;
    store_mode mode = c->mode;

    sq_conn_free(c);
    (void)count_conn(s, mode, -1); /* after the file is closed: the next writer may come at once */
}

static void sqlite_close(struct store *base)
{
    struct sqlite_store *s = (struct sqlite_store *)base;

    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .connect = sqlite_connect,
    .disconnect = sqlite_disconnect,
    .close = sqlite_close,
    .begin = sq_conn_begin,
    .commit = sq_conn_commit,
    .rollback = sq_conn_rollback,
    .savepoint = sq_conn_savepoint,
    .release = sq_conn_release,
    .rewind = sq_conn_rewind,
    .value_get = sq_value_get,
    .value_put = sq_value_put,
    .latest_ms = sq_conn_latest_ms,
    .product_add = sq_product_add,
    .product_get = sq_product_get,
    .product_remove = sq_product_remove,
    .product_list = sq_product_list,
    .product_set_secret = sq_product_set_secret,
    .device_add = sq_device_add,
    .device_get = sq_device_get,
    .device_find_joined = sq_device_find_joined,
    .device_set_disabled = sq_device_set_disabled,
    .device_set_online = sq_device_set_online,
    .device_set_seen = sq_device_set_seen,
    .device_tags_set = sq_device_tags_set,
    .device_tags_get = sq_device_tags_get,
    .device_set_secrets = sq_device_set_secrets,
    .device_old_secrets = sq_device_old_secrets,
    .device_remove = sq_device_remove,
    .device_counts = sq_device_counts,
    .device_list = sq_device_list,
    .token_put = sq_token_put,
    .token_find = sq_token_find,
    .resource_add = sq_resource_add,
    .resource_get = sq_resource_get,
    .resource_find = sq_resource_find,
    .resource_describe = sq_resource_describe,
    .resource_remove = sq_resource_remove,
    .resource_list = sq_resource_list,
    .upload_put = sq_upload_put,
    .upload_get = sq_upload_get,
    .upload_open = sq_upload_open,
    .upload_named = sq_upload_named,
    .upload_due = sq_upload_due,
    .upload_remove = sq_upload_remove,
    .upload_list = sq_upload_list,
    .deployment_put = sq_deployment_put,
    .deployment_get = sq_deployment_get,
    .deployment_list = sq_deployment_list,
    .deployment_expanding = sq_deployment_expanding,
    .deployment_sweeping = sq_deployment_sweeping,
    .deployment_counts = sq_deployment_counts,
    .deployment_failed = sq_deployment_failed,
    .deployment_causes = sq_deployment_causes,
    .deployment_steps = sq_deployment_steps,
    .download_put = sq_download_put,
    .download_get = sq_download_get,
    .download_open = sq_download_open,
    .download_named = sq_download_named,
    .download_due = sq_download_due,
    .download_list = sq_download_list,
    .kept_answer_put = sq_kept_answer_put,
    .kept_answer_get = sq_kept_answer_get,
    .kept_answer_prune = sq_kept_answer_prune,
    .report_add = sq_report_add,
    .report_list = sq_report_list,
    .next_due_ms = sq_next_due_ms,
    .upload_ended_before = sq_upload_ended_before,
    .download_prune = sq_download_prune,
    .totals = sq_totals,
    .statistics = sq_statistics,
    .statistics_prune = sq_statistics_prune,
    .token_get = sq_token_get,
    .token_remove = sq_token_remove,
    .token_touch = sq_token_touch,
    .token_list = sq_token_list,
    .user_put = sq_user_put,
    .user_get = sq_user_get,
    .user_remove = sq_user_remove,
    .user_list = sq_user_list,
    .session_put = sq_session_put,
    .session_find = sq_session_find,
    .session_remove = sq_session_remove,
    .session_touch = sq_session_touch,
    .session_trim = sq_session_trim,
    .session_prune = sq_session_prune,
    .lockout_get = sq_lockout_get,
    .lockout_put = sq_lockout_put,
    .lockout_remove = sq_lockout_remove,
    .audit_head = sq_audit_head,
    .audit_append = sq_audit_append,
    .audit_list = sq_audit_list,
    .audit_cut = sq_audit_cut,
    .event_append = sq_event_append,
    .event_bounds = sq_event_bounds,
    .event_list = sq_event_list,
    .event_presence = sq_event_presence,
    .event_cut = sq_event_cut,
    .resource_upload_put = sq_resource_upload_put,
    .resource_upload_get = sq_resource_upload_get,
    .resource_upload_same = sq_resource_upload_same,
    .resource_upload_remove = sq_resource_upload_remove,
    .resource_upload_list = sq_resource_upload_list,
    .resource_upload_due = sq_resource_upload_due,
    .webhook_put = sq_webhook_put,
    .webhook_get = sq_webhook_get,
    .webhook_remove = sq_webhook_remove,
    .webhook_list = sq_webhook_list,
    .webhook_old_secrets = sq_webhook_old_secrets,
    .quota_put = sq_quota_put,
    .quota_get = sq_quota_get,
    .quota_remove = sq_quota_remove,
    .usage_get = sq_usage_get,
};

ferry_err store_sqlite_open(const struct store_sqlite_config *cfg, struct store **ret_store)
{
    struct sqlite_store *s;

    if (cfg->path == NULL || cfg->path[0] == '\0')
        return FERRY_E_ARG;
    s = ferry_calloc(1, sizeof(*s));
    if (s == NULL)
        return FERRY_E_NOMEM;
    s->base.ops = &sqlite_ops;
    s->busy_ms = cfg->busy_ms;
    s->path = ferry_strdup(cfg->path);
    if (s->path == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s->path);
        free(s);
        return FERRY_E_NOMEM;
    }
    *ret_store = &s->base;
    return FERRY_OK;
}
