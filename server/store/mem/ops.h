/**
 * @file ops.h
 * @brief The slots of struct store_ops that are spread over the files of this folder.
 */
#ifndef STORE_MEM_OPS_H
#define STORE_MEM_OPS_H

#include "conn.h"

/* accounts.c: values, products, devices */
ferry_err smem_value_get(struct store_conn *c, const char *key, void *out, size_t cap, size_t *ret_len);
ferry_err smem_value_put(struct store_conn *c, const char *key, const void *bytes, size_t len);
ferry_err smem_product_add(struct store_conn *c, const struct product *p);
ferry_err smem_product_get(struct store_conn *c, const char *name, struct product *ret);
ferry_err smem_product_remove(struct store_conn *c, const char *name);
ferry_err smem_product_list(struct store_conn *c, const struct store_page *page, struct product *out,
                            size_t *ret_count);
ferry_err smem_product_set_secret(struct store_conn *c, const char *name, const struct sealed *secret);
ferry_err smem_device_add(struct store_conn *c, const struct device *d);
ferry_err smem_device_get(struct store_conn *c, const struct device_key *key, struct device *ret);
ferry_err smem_device_find_joined(struct store_conn *c, const char *text, struct device *out, size_t cap,
                                  size_t *ret_count);
ferry_err smem_device_set_disabled(struct store_conn *c, const struct device_key *key, bool disabled);
ferry_err smem_device_set_online(struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms);
ferry_err smem_device_set_seen(struct store_conn *c, const struct device_key *key, uint64_t seen_ms);
ferry_err smem_device_tags_set(struct store_conn *c, const struct device_key *key, const struct device_tags *tags);
ferry_err smem_device_tags_get(struct store_conn *c, const struct device_key *key, struct device_tags *ret);
ferry_err smem_device_set_secrets(struct store_conn *c, const struct device *d);
ferry_err smem_device_old_secrets(struct store_conn *c, uint64_t now_ms, struct device *out, size_t cap,
                                  size_t *ret_count);
ferry_err smem_device_remove(struct store_conn *c, const struct device_key *key);
ferry_err smem_device_counts(struct store_conn *c, const char *product, struct device_counts *ret);
ferry_err smem_device_list(struct store_conn *c, const struct device_filter *f, const struct store_page *page,
                           struct device *out, size_t *ret_count);

/* resources.c */
ferry_err smem_resource_add(struct store_conn *c, const struct resource *r);
ferry_err smem_resource_get(struct store_conn *c, const ferry_id *id, struct resource *ret);
ferry_err smem_resource_find(struct store_conn *c, const char *product, const char *name, struct resource *ret);
ferry_err smem_resource_describe(struct store_conn *c, const ferry_id *id, const char *description);
ferry_err smem_resource_remove(struct store_conn *c, const ferry_id *id);
ferry_err smem_resource_list(struct store_conn *c, const struct resource_filter *f, const struct store_page *page,
                             struct resource *out, size_t *ret_count);

/* uploads.c */
ferry_err smem_upload_put(struct store_conn *c, const struct upload_task *t);
ferry_err smem_upload_get(struct store_conn *c, const ferry_id *id, struct upload_task *ret);
ferry_err smem_upload_open(struct store_conn *c, const struct device_key *device, struct upload_task *out, size_t cap,
                           size_t *ret_count);
ferry_err smem_upload_named(struct store_conn *c, const struct device_key *device, const char *name,
                            struct upload_task *out, size_t cap, size_t *ret_count);
ferry_err smem_upload_due(struct store_conn *c, uint64_t now_ms, struct upload_task *out, size_t cap,
                          size_t *ret_count);
ferry_err smem_upload_remove(struct store_conn *c, const ferry_id *id);
ferry_err smem_upload_list(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                           struct upload_task *out, size_t *ret_count);
ferry_err smem_upload_ended_before(struct store_conn *c, uint64_t ms, struct upload_task *out, size_t cap,
                                   size_t *ret_count);

/* deployments.c */
ferry_err smem_deployment_put(struct store_conn *c, const struct deployment *d);
ferry_err smem_deployment_get(struct store_conn *c, const ferry_id *id, struct deployment *ret);
ferry_err smem_deployment_list(struct store_conn *c, const struct deployment_filter *f, const struct store_page *page,
                               struct deployment *out, size_t *ret_count);
ferry_err smem_deployment_expanding(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count);
ferry_err smem_deployment_sweeping(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count);
ferry_err smem_deployment_counts(struct store_conn *c, const ferry_id *id, struct download_counts *ret);
ferry_err smem_deployment_failed(struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count);
ferry_err smem_deployment_causes(struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap,
                                 size_t *ret_count, uint64_t *ret_all);
ferry_err smem_deployment_steps(struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out,
                                size_t cap, size_t *ret_count);

/* downloads.c */
ferry_err smem_download_put(struct store_conn *c, const struct download_task *t);
ferry_err smem_download_get(struct store_conn *c, const ferry_id *id, struct download_task *ret);
ferry_err smem_download_open(struct store_conn *c, const struct device_key *device, const ferry_id *after,
                             struct download_task *out, size_t cap, size_t *ret_count);
ferry_err smem_download_running(struct store_conn *c, const struct device_key *device, struct download_task *out, size_t cap,
                                size_t *ret_count);
ferry_err smem_download_named(struct store_conn *c, const struct device_key *device, const char *name,
                              struct download_task *out, size_t cap, size_t *ret_count);
ferry_err smem_download_due(struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap,
                            size_t *ret_count);
ferry_err smem_download_list(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                             struct download_task *out, size_t *ret_count);
ferry_err smem_download_prune(struct store_conn *c, uint64_t ended_before_ms, size_t cap, size_t *ret_removed);

/* house.c */
ferry_err smem_latest_ms(struct store_conn *c, uint64_t *ret_ms);
ferry_err smem_kept_answer_put(struct store_conn *c, const struct kept_answer *a);
ferry_err smem_kept_answer_get(struct store_conn *c, const uint8_t key[KEPT_DIGEST_BYTES], struct kept_answer *ret);
ferry_err smem_kept_answer_prune(struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed);
ferry_err smem_report_add(struct store_conn *c, const ferry_id *task, const struct task_report *r);
ferry_err smem_report_list(struct store_conn *c, const ferry_id *task, const struct store_page *page,
                           struct task_report *out, size_t *ret_count);
ferry_err smem_next_due_ms(struct store_conn *c, uint64_t *ret_ms);
ferry_err smem_totals(struct store_conn *c, struct store_totals *ret);

/* operators.c: tokens, users, sessions, lockouts */
ferry_err smem_token_put(struct store_conn *c, const struct token *t);
ferry_err smem_token_find(struct store_conn *c, const uint8_t hash[32], struct token *ret);
ferry_err smem_token_get(struct store_conn *c, const char *name, struct token *ret);
ferry_err smem_token_remove(struct store_conn *c, const char *name);
ferry_err smem_token_touch(struct store_conn *c, const char *name, uint64_t used_ms);
ferry_err smem_token_list(struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count);
ferry_err smem_user_put(struct store_conn *c, const struct user *u);
ferry_err smem_user_get(struct store_conn *c, const char *name, struct user *ret);
ferry_err smem_user_remove(struct store_conn *c, const char *name);
ferry_err smem_user_list(struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count);
ferry_err smem_session_put(struct store_conn *c, const struct session *s);
ferry_err smem_session_find(struct store_conn *c, const uint8_t hash[32], struct session *ret);
ferry_err smem_session_remove(struct store_conn *c, const uint8_t hash[32]);
ferry_err smem_session_touch(struct store_conn *c, const uint8_t hash[32], uint64_t used_ms);
ferry_err smem_session_trim(struct store_conn *c, const char *user, uint32_t keep);
ferry_err smem_session_prune(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms);
ferry_err smem_lockout_get(struct store_conn *c, const char *name, struct lockout *ret);
ferry_err smem_lockout_put(struct store_conn *c, const struct lockout *l, uint32_t cap);
ferry_err smem_lockout_remove(struct store_conn *c, const char *name);

/* audit.c */
ferry_err smem_audit_head(struct store_conn *c, struct audit_head *ret);
ferry_err smem_audit_append(struct store_conn *c, const struct audit_record *r);
ferry_err smem_audit_list(struct store_conn *c, const struct audit_filter *f, const struct store_page *page,
                         struct audit_record *out, size_t *ret_count);
ferry_err smem_audit_cut(struct store_conn *c, uint64_t seq);

/* statistics.c */
ferry_err smem_statistics(struct store_conn *c, const char *product, const struct statistics_span *span,
                          struct statistics *inout);
ferry_err smem_statistics_prune(struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed);

/* events.c */
ferry_err smem_event_append(struct store_conn *c, const struct event *e);
ferry_err smem_event_bounds(struct store_conn *c, struct event_bounds *ret);
ferry_err smem_event_list(struct store_conn *c, uint64_t after, struct event *out, size_t cap, size_t *ret_count);
ferry_err smem_event_presence(struct store_conn *c, const struct device_key *key, const struct store_page *page,
                              struct event *out, size_t *ret_count);
ferry_err smem_event_cut(struct store_conn *c, uint64_t id);

/* webhooks.c */
ferry_err smem_webhook_put(struct store_conn *c, const struct webhook *w);
ferry_err smem_webhook_get(struct store_conn *c, const ferry_id *id, struct webhook *ret);
ferry_err smem_webhook_remove(struct store_conn *c, const ferry_id *id);
ferry_err smem_webhook_list(struct store_conn *c, const struct store_page *page, struct webhook *out, size_t *ret_count);
ferry_err smem_webhook_old_secrets(struct store_conn *c, uint64_t now_ms, struct webhook *out, size_t cap,
                                   size_t *ret_count);

/* resource_uploads.c */
ferry_err smem_resource_upload_put(struct store_conn *c, const struct resource_upload *u);
ferry_err smem_resource_upload_get(struct store_conn *c, const ferry_id *id, struct resource_upload *ret);
ferry_err smem_resource_upload_same(struct store_conn *c, const struct resource_upload *like, struct resource_upload *ret);
ferry_err smem_resource_upload_remove(struct store_conn *c, const ferry_id *id);
ferry_err smem_resource_upload_list(struct store_conn *c, const char *product, const struct store_page *page,
                             struct resource_upload *out, size_t *ret_count);
ferry_err smem_resource_upload_due(struct store_conn *c, uint64_t now_ms, struct resource_upload *out, size_t cap,
                            size_t *ret_count);

/* quotas.c */
ferry_err smem_quota_put(struct store_conn *c, const struct quota *q);
ferry_err smem_quota_get(struct store_conn *c, const char *product, struct quota *ret);
ferry_err smem_quota_remove(struct store_conn *c, const char *product);
ferry_err smem_usage_get(struct store_conn *c, const char *product, const char *device, struct usage *ret);

#endif
