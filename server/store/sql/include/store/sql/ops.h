/**
 * @file ops.h
 * @brief The slots of struct store_ops that are spread over the files of this folder, the same for every database.
 */
#ifndef STORE_SQL_OPS_H
#define STORE_SQL_OPS_H

#include "store/sql/conn.h"

/* accounts.c: values, products, devices */
ferry_err sql_value_get(struct store_conn *c, const char *key, void *out, size_t cap, size_t *ret_len);
ferry_err sql_value_put(struct store_conn *c, const char *key, const void *bytes, size_t len);
ferry_err sql_product_add(struct store_conn *c, const struct product *p);
ferry_err sql_product_get(struct store_conn *c, const char *name, struct product *ret);
ferry_err sql_product_remove(struct store_conn *c, const char *name);
ferry_err sql_product_list(struct store_conn *c, const struct store_page *page, struct product *out, size_t *ret_count);
ferry_err sql_product_set_secret(struct store_conn *c, const char *name, const struct sealed *secret);
ferry_err sql_device_add(struct store_conn *c, const struct device *d);
ferry_err sql_device_get(struct store_conn *c, const struct device_key *key, struct device *ret);
ferry_err sql_device_find_joined(struct store_conn *c, const char *text, struct device *out, size_t cap,
                             size_t *ret_count);
ferry_err sql_device_set_disabled(struct store_conn *c, const struct device_key *key, bool disabled);
ferry_err sql_device_set_online(struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms);
ferry_err sql_device_set_seen(struct store_conn *c, const struct device_key *key, uint64_t seen_ms);
ferry_err sql_device_tags_set(struct store_conn *c, const struct device_key *key, const struct device_tags *tags);
ferry_err sql_device_tags_get(struct store_conn *c, const struct device_key *key, struct device_tags *ret);
ferry_err sql_device_set_secrets(struct store_conn *c, const struct device *d);
ferry_err sql_device_old_secrets(struct store_conn *c, uint64_t now_ms, struct device *out, size_t cap,
                                size_t *ret_count);
ferry_err sql_device_remove(struct store_conn *c, const struct device_key *key);
ferry_err sql_device_counts(struct store_conn *c, const char *product, struct device_counts *ret);
ferry_err sql_device_list(struct store_conn *c, const struct device_filter *f, const struct store_page *page,
                      struct device *out, size_t *ret_count);

/* resources.c */
ferry_err sql_resource_add(struct store_conn *c, const struct resource *r);
ferry_err sql_resource_get(struct store_conn *c, const ferry_id *id, struct resource *ret);
ferry_err sql_resource_find(struct store_conn *c, const char *product, const char *name, struct resource *ret);
ferry_err sql_resource_describe(struct store_conn *c, const ferry_id *id, const char *description);
ferry_err sql_resource_remove(struct store_conn *c, const ferry_id *id);
ferry_err sql_resource_list(struct store_conn *c, const struct resource_filter *f, const struct store_page *page,
                        struct resource *out, size_t *ret_count);

/* uploads.c */
ferry_err sql_upload_put(struct store_conn *c, const struct upload_task *t);
ferry_err sql_upload_get(struct store_conn *c, const ferry_id *id, struct upload_task *ret);
ferry_err sql_upload_open(struct store_conn *c, const struct device_key *device, struct upload_task *out, size_t cap,
                      size_t *ret_count);
ferry_err sql_upload_named(struct store_conn *c, const struct device_key *device, const char *name,
                          struct upload_task *out, size_t cap, size_t *ret_count);
ferry_err sql_upload_due(struct store_conn *c, uint64_t now_ms, struct upload_task *out, size_t cap, size_t *ret_count);
ferry_err sql_upload_remove(struct store_conn *c, const ferry_id *id);
ferry_err sql_upload_list(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                      struct upload_task *out, size_t *ret_count);
ferry_err sql_upload_ended_before(struct store_conn *c, uint64_t ms, struct upload_task *out, size_t cap,
                              size_t *ret_count);

/* deployments.c */
ferry_err sql_deployment_put(struct store_conn *c, const struct deployment *d);
ferry_err sql_deployment_get(struct store_conn *c, const ferry_id *id, struct deployment *ret);
ferry_err sql_deployment_list(struct store_conn *c, const struct deployment_filter *f, const struct store_page *page,
                          struct deployment *out, size_t *ret_count);
ferry_err sql_deployment_expanding(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count);
ferry_err sql_deployment_sweeping(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count);
ferry_err sql_deployment_counts(struct store_conn *c, const ferry_id *id, struct download_counts *ret);
ferry_err sql_deployment_failed(struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count);
ferry_err sql_deployment_causes(struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap,
                               size_t *ret_count, uint64_t *ret_all);
ferry_err sql_deployment_steps(struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out,
                              size_t cap, size_t *ret_count);

/* downloads.c */
ferry_err sql_download_put(struct store_conn *c, const struct download_task *t);
ferry_err sql_download_get(struct store_conn *c, const ferry_id *id, struct download_task *ret);
ferry_err sql_download_open(struct store_conn *c, const struct device_key *device, const ferry_id *after, struct download_task *out,
                        size_t cap, size_t *ret_count);
ferry_err sql_download_running(struct store_conn *c, const struct device_key *device, struct download_task *out, size_t cap,
                               size_t *ret_count);
ferry_err sql_download_named(struct store_conn *c, const struct device_key *device, const char *name,
                            struct download_task *out, size_t cap, size_t *ret_count);
ferry_err sql_download_due(struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap,
                       size_t *ret_count);
ferry_err sql_download_list(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                        struct download_task *out, size_t *ret_count);
ferry_err sql_download_prune(struct store_conn *c, uint64_t ended_before_ms, size_t cap, size_t *ret_removed);

/* totals.c */
ferry_err sql_kept_answer_put(struct store_conn *c, const struct kept_answer *a);
ferry_err sql_kept_answer_get(struct store_conn *c, const uint8_t key[KEPT_DIGEST_BYTES], struct kept_answer *ret);
ferry_err sql_kept_answer_prune(struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed);
ferry_err sql_report_add(struct store_conn *c, const ferry_id *task, const struct task_report *r);
ferry_err sql_report_list(struct store_conn *c, const ferry_id *task, const struct store_page *page,
                         struct task_report *out, size_t *ret_count);
ferry_err sql_next_due_ms(struct store_conn *c, uint64_t *ret_ms);
ferry_err sql_totals(struct store_conn *c, struct store_totals *ret);

/* operators.c: tokens, users, sessions, lockouts */
ferry_err sql_token_put(struct store_conn *c, const struct token *t);
ferry_err sql_token_find(struct store_conn *c, const uint8_t hash[32], struct token *ret);
ferry_err sql_token_get(struct store_conn *c, const char *name, struct token *ret);
ferry_err sql_token_remove(struct store_conn *c, const char *name);
ferry_err sql_token_touch(struct store_conn *c, const char *name, uint64_t used_ms);
ferry_err sql_token_list(struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count);
ferry_err sql_user_put(struct store_conn *c, const struct user *u);
ferry_err sql_user_get(struct store_conn *c, const char *name, struct user *ret);
ferry_err sql_user_remove(struct store_conn *c, const char *name);
ferry_err sql_user_list(struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count);
ferry_err sql_session_put(struct store_conn *c, const struct session *s);
ferry_err sql_session_find(struct store_conn *c, const uint8_t hash[32], struct session *ret);
ferry_err sql_session_remove(struct store_conn *c, const uint8_t hash[32]);
ferry_err sql_session_touch(struct store_conn *c, const uint8_t hash[32], uint64_t used_ms);
ferry_err sql_session_trim(struct store_conn *c, const char *user, uint32_t keep);
ferry_err sql_session_prune(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms);
ferry_err sql_lockout_get(struct store_conn *c, const char *name, struct lockout *ret);
ferry_err sql_lockout_put(struct store_conn *c, const struct lockout *l, uint32_t cap);
ferry_err sql_lockout_remove(struct store_conn *c, const char *name);

/* audit.c */
ferry_err sql_audit_head(struct store_conn *c, struct audit_head *ret);
ferry_err sql_audit_append(struct store_conn *c, const struct audit_record *r);
ferry_err sql_audit_list(struct store_conn *c, const struct audit_filter *f, const struct store_page *page,
                         struct audit_record *out, size_t *ret_count);
ferry_err sql_audit_cut(struct store_conn *c, uint64_t seq);

/* events.c */
ferry_err sql_event_append(struct store_conn *c, const struct event *e);
ferry_err sql_event_bounds(struct store_conn *c, struct event_bounds *ret);
ferry_err sql_event_list(struct store_conn *c, uint64_t after, struct event *out, size_t cap, size_t *ret_count);
ferry_err sql_event_presence(struct store_conn *c, const struct device_key *key, const struct store_page *page,
                            struct event *out, size_t *ret_count);
ferry_err sql_event_cut(struct store_conn *c, uint64_t id);

/* webhooks.c */
ferry_err sql_webhook_put(struct store_conn *c, const struct webhook *w);
ferry_err sql_webhook_get(struct store_conn *c, const ferry_id *id, struct webhook *ret);
ferry_err sql_webhook_remove(struct store_conn *c, const ferry_id *id);
ferry_err sql_webhook_list(struct store_conn *c, const struct store_page *page, struct webhook *out, size_t *ret_count);
ferry_err sql_webhook_old_secrets(struct store_conn *c, uint64_t now_ms, struct webhook *out, size_t cap, size_t *ret_count);

/* resource_uploads.c */
ferry_err sql_resource_upload_put(struct store_conn *c, const struct resource_upload *u);
ferry_err sql_resource_upload_get(struct store_conn *c, const ferry_id *id, struct resource_upload *ret);
ferry_err sql_resource_upload_same(struct store_conn *c, const struct resource_upload *like, struct resource_upload *ret);
ferry_err sql_resource_upload_remove(struct store_conn *c, const ferry_id *id);
ferry_err sql_resource_upload_list(struct store_conn *c, const char *product, const struct store_page *page,
                             struct resource_upload *out, size_t *ret_count);
ferry_err sql_resource_upload_due(struct store_conn *c, uint64_t now_ms, struct resource_upload *out, size_t cap,
                            size_t *ret_count);

/* statistics.c */
ferry_err sql_statistics(struct store_conn *c, const char *product, const struct statistics_span *span,
                        struct statistics *inout);
ferry_err sql_statistics_prune(struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed);

/* quotas.c */
ferry_err sql_quota_put(struct store_conn *c, const struct quota *q);
ferry_err sql_quota_get(struct store_conn *c, const char *product, struct quota *ret);
ferry_err sql_quota_remove(struct store_conn *c, const char *product);
ferry_err sql_usage_get(struct store_conn *c, const char *product, const char *device, struct usage *ret);

/** What a store over this folder has in its struct store_ops, besides name, connect, disconnect and close. */
#define SQL_STORE_OPS                                                                             \
    .begin = sql_conn_begin,                                                                      \
    .commit = sql_conn_commit,                                                                    \
    .rollback = sql_conn_rollback,                                                                \
    .savepoint = sql_conn_savepoint,                                                              \
    .release = sql_conn_release,                                                                  \
    .rewind = sql_conn_rewind,                                                                    \
    .value_get = sql_value_get,                                                                   \
    .value_put = sql_value_put,                                                                   \
    .latest_ms = sql_conn_latest_ms,                                                              \
    .product_add = sql_product_add,                                                               \
    .product_get = sql_product_get,                                                               \
    .product_remove = sql_product_remove,                                                         \
    .product_list = sql_product_list,                                                             \
    .product_set_secret = sql_product_set_secret,                                                 \
    .device_add = sql_device_add,                                                                 \
    .device_get = sql_device_get,                                                                 \
    .device_find_joined = sql_device_find_joined,                                                 \
    .device_set_disabled = sql_device_set_disabled,                                               \
    .device_set_online = sql_device_set_online,                                                   \
    .device_set_seen = sql_device_set_seen,                                                       \
    .device_tags_set = sql_device_tags_set,                                                       \
    .device_tags_get = sql_device_tags_get,                                                       \
    .device_set_secrets = sql_device_set_secrets,                                                 \
    .device_old_secrets = sql_device_old_secrets,                                                 \
    .device_remove = sql_device_remove,                                                           \
    .device_counts = sql_device_counts,                                                           \
    .device_list = sql_device_list,                                                               \
    .token_put = sql_token_put,                                                                   \
    .token_find = sql_token_find,                                                                 \
    .resource_add = sql_resource_add,                                                             \
    .resource_get = sql_resource_get,                                                             \
    .resource_find = sql_resource_find,                                                           \
    .resource_describe = sql_resource_describe,                                                   \
    .resource_remove = sql_resource_remove,                                                       \
    .resource_list = sql_resource_list,                                                           \
    .upload_put = sql_upload_put,                                                                 \
    .upload_get = sql_upload_get,                                                                 \
    .upload_open = sql_upload_open,                                                               \
    .upload_named = sql_upload_named,                                                             \
    .upload_due = sql_upload_due,                                                                 \
    .upload_remove = sql_upload_remove,                                                           \
    .upload_list = sql_upload_list,                                                               \
    .deployment_put = sql_deployment_put,                                                         \
    .deployment_get = sql_deployment_get,                                                         \
    .deployment_list = sql_deployment_list,                                                       \
    .deployment_expanding = sql_deployment_expanding,                                             \
    .deployment_sweeping = sql_deployment_sweeping,                                               \
    .deployment_counts = sql_deployment_counts,                                                   \
    .deployment_failed = sql_deployment_failed,                                                   \
    .deployment_causes = sql_deployment_causes,                                                   \
    .deployment_steps = sql_deployment_steps,                                                     \
    .download_put = sql_download_put,                                                             \
    .download_get = sql_download_get,                                                             \
    .download_open = sql_download_open,                                                           \
    .download_running = sql_download_running,                                                     \
    .download_named = sql_download_named,                                                         \
    .download_due = sql_download_due,                                                             \
    .download_list = sql_download_list,                                                           \
    .kept_answer_put = sql_kept_answer_put,                                                       \
    .kept_answer_get = sql_kept_answer_get,                                                       \
    .kept_answer_prune = sql_kept_answer_prune,                                                   \
    .report_add = sql_report_add,                                                                 \
    .report_list = sql_report_list,                                                               \
    .next_due_ms = sql_next_due_ms,                                                               \
    .upload_ended_before = sql_upload_ended_before,                                               \
    .download_prune = sql_download_prune,                                                         \
    .totals = sql_totals,                                                                         \
    .statistics = sql_statistics,                                                                 \
    .statistics_prune = sql_statistics_prune,                                                     \
    .token_get = sql_token_get,                                                                   \
    .token_remove = sql_token_remove,                                                             \
    .token_touch = sql_token_touch,                                                               \
    .token_list = sql_token_list,                                                                 \
    .user_put = sql_user_put,                                                                     \
    .user_get = sql_user_get,                                                                     \
    .user_remove = sql_user_remove,                                                               \
    .user_list = sql_user_list,                                                                   \
    .session_put = sql_session_put,                                                               \
    .session_find = sql_session_find,                                                             \
    .session_remove = sql_session_remove,                                                         \
    .session_touch = sql_session_touch,                                                           \
    .session_trim = sql_session_trim,                                                             \
    .session_prune = sql_session_prune,                                                           \
    .lockout_get = sql_lockout_get,                                                               \
    .lockout_put = sql_lockout_put,                                                               \
    .lockout_remove = sql_lockout_remove,                                                         \
    .audit_head = sql_audit_head,                                                                 \
    .audit_append = sql_audit_append,                                                             \
    .audit_list = sql_audit_list,                                                                 \
    .audit_cut = sql_audit_cut,                                                                   \
    .event_append = sql_event_append,                                                             \
    .event_bounds = sql_event_bounds,                                                             \
    .event_list = sql_event_list,                                                                 \
    .event_presence = sql_event_presence,                                                         \
    .event_cut = sql_event_cut,                                                                   \
    .resource_upload_put = sql_resource_upload_put,                                               \
    .resource_upload_get = sql_resource_upload_get,                                               \
    .resource_upload_same = sql_resource_upload_same,                                             \
    .resource_upload_remove = sql_resource_upload_remove,                                         \
    .resource_upload_list = sql_resource_upload_list,                                             \
    .resource_upload_due = sql_resource_upload_due,                                               \
    .webhook_put = sql_webhook_put,                                                               \
    .webhook_get = sql_webhook_get,                                                               \
    .webhook_remove = sql_webhook_remove,                                                         \
    .webhook_list = sql_webhook_list,                                                             \
    .webhook_old_secrets = sql_webhook_old_secrets,                                               \
    .quota_put = sql_quota_put,                                                                   \
    .quota_get = sql_quota_get,                                                                   \
    .quota_remove = sql_quota_remove,                                                             \
    .usage_get = sql_usage_get

#endif
