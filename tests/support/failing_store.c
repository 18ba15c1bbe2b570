#include "failing_store.h"

#include <stddef.h>
#include <string.h>

/* The slots get a connection, and no argument of ours. */
static const struct store_ops *real;
static unsigned calls_left;
static const char *struck; /* the slot; null: not yet */
static bool within; /* a savepoint, or with each_time a transaction */
static bool anywhere;
static unsigned each_time; /* calls_left when a transaction begins; 0: it stays */

static bool strikes(const char *slot)
{
    if (!(within || anywhere) || calls_left == 0 || --calls_left > 0)
        return false;
    struck = slot;
    return true;
}

/* clang-format off */
#define SLOTS(SLOT) \
    SLOT(value_get, (struct store_conn *c, const char *key, void *out, size_t cap, size_t *ret_len), \
         (c, key, out, cap, ret_len)) \
    SLOT(value_put, (struct store_conn *c, const char *key, const void *bytes, size_t len), (c, key, bytes, len)) \
    SLOT(latest_ms, (struct store_conn *c, uint64_t *ret_ms), (c, ret_ms)) \
    SLOT(product_add, (struct store_conn *c, const struct product *p), (c, p)) \
    SLOT(product_get, (struct store_conn *c, const char *name, struct product *ret), (c, name, ret)) \
    SLOT(product_set_secret, (struct store_conn *c, const char *name, const struct sealed *secret), \
         (c, name, secret)) \
    SLOT(product_remove, (struct store_conn *c, const char *name), (c, name)) \
    SLOT(product_list, (struct store_conn *c, const struct store_page *page, struct product *out, size_t *ret_count), \
         (c, page, out, ret_count)) \
    SLOT(device_add, (struct store_conn *c, const struct device *d), (c, d)) \
    SLOT(device_get, (struct store_conn *c, const struct device_key *key, struct device *ret), (c, key, ret)) \
    SLOT(device_find_joined, (struct store_conn *c, const char *text, struct device *out, size_t cap, size_t *ret_count), \
         (c, text, out, cap, ret_count)) \
    SLOT(device_set_disabled, (struct store_conn *c, const struct device_key *key, bool disabled), \
         (c, key, disabled)) \
    SLOT(device_set_secrets, (struct store_conn *c, const struct device *d), (c, d)) \
    SLOT(device_old_secrets, (struct store_conn *c, uint64_t now_ms, struct device *out, size_t cap, size_t *ret_count), \
         (c, now_ms, out, cap, ret_count)) \
    SLOT(device_tags_set, (struct store_conn *c, const struct device_key *key, const struct device_tags *tags), \
         (c, key, tags)) \
    SLOT(device_tags_get, (struct store_conn *c, const struct device_key *key, struct device_tags *ret), \
         (c, key, ret)) \
    SLOT(device_set_online, (struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms), \
         (c, key, online_ms, seen_ms)) \
    SLOT(device_set_seen, (struct store_conn *c, const struct device_key *key, uint64_t seen_ms), (c, key, seen_ms)) \
    SLOT(device_remove, (struct store_conn *c, const struct device_key *key), (c, key)) \
    SLOT(device_counts, (struct store_conn *c, const char *product, struct device_counts *ret), (c, product, ret)) \
    SLOT(device_list, (struct store_conn *c, const struct device_filter *f, const struct store_page *page, struct device *out, size_t *ret_count), \
         (c, f, page, out, ret_count)) \
    SLOT(token_put, (struct store_conn *c, const struct token *t), (c, t)) \
    SLOT(token_find, (struct store_conn *c, const uint8_t hash[32], struct token *ret), (c, hash, ret)) \
    SLOT(resource_add, (struct store_conn *c, const struct resource *r), (c, r)) \
    SLOT(resource_get, (struct store_conn *c, const ferry_id *id, struct resource *ret), (c, id, ret)) \
    SLOT(resource_find, (struct store_conn *c, const char *product, const char *name, struct resource *ret), \
         (c, product, name, ret)) \
    SLOT(resource_describe, (struct store_conn *c, const ferry_id *id, const char *description), \
         (c, id, description)) \
    SLOT(resource_remove, (struct store_conn *c, const ferry_id *id), (c, id)) \
    SLOT(resource_list, (struct store_conn *c, const struct resource_filter *f, const struct store_page *page, struct resource *out, size_t *ret_count), \
         (c, f, page, out, ret_count)) \
    SLOT(upload_put, (struct store_conn *c, const struct upload_task *t), (c, t)) \
    SLOT(upload_get, (struct store_conn *c, const ferry_id *id, struct upload_task *ret), (c, id, ret)) \
    SLOT(upload_open, (struct store_conn *c, const struct device_key *device, struct upload_task *out, size_t cap, size_t *ret_count), \
         (c, device, out, cap, ret_count)) \
    SLOT(upload_named, (struct store_conn *c, const struct device_key *device, const char *name, struct upload_task *out, size_t cap, size_t *ret_count), \
         (c, device, name, out, cap, ret_count)) \
    SLOT(upload_due, (struct store_conn *c, uint64_t now_ms, struct upload_task *out, size_t cap, size_t *ret_count), \
         (c, now_ms, out, cap, ret_count)) \
    SLOT(upload_remove, (struct store_conn *c, const ferry_id *id), (c, id)) \
    SLOT(upload_list, (struct store_conn *c, const struct upload_filter *f, const struct store_page *page, struct upload_task *out, size_t *ret_count), \
         (c, f, page, out, ret_count)) \
    SLOT(deployment_put, (struct store_conn *c, const struct deployment *d), (c, d)) \
    SLOT(deployment_get, (struct store_conn *c, const ferry_id *id, struct deployment *ret), (c, id, ret)) \
    SLOT(deployment_list, (struct store_conn *c, const struct deployment_filter *f, const struct store_page *page, struct deployment *out, size_t *ret_count), \
         (c, f, page, out, ret_count)) \
    SLOT(deployment_expanding, (struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count), \
         (c, out, cap, ret_count)) \
    SLOT(deployment_sweeping, (struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count), \
         (c, out, cap, ret_count)) \
    SLOT(deployment_counts, (struct store_conn *c, const ferry_id *id, struct download_counts *ret), (c, id, ret)) \
    SLOT(deployment_failed, (struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count), \
         (c, id, cause, ret_count)) \
    SLOT(deployment_causes, (struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap, size_t *ret_count, uint64_t *ret_all), \
         (c, id, out, cap, ret_count, ret_all)) \
    SLOT(deployment_steps, (struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out, size_t cap, size_t *ret_count), \
         (c, id, from_ms, out, cap, ret_count)) \
    SLOT(download_put, (struct store_conn *c, const struct download_task *t), (c, t)) \
    SLOT(download_get, (struct store_conn *c, const ferry_id *id, struct download_task *ret), (c, id, ret)) \
    SLOT(download_open, (struct store_conn *c, const struct device_key *device, const ferry_id *after, struct download_task *out, size_t cap, size_t *ret_count), \
         (c, device, after, out, cap, ret_count)) \
    SLOT(download_running, (struct store_conn *c, const struct device_key *device, struct download_task *out, size_t cap, size_t *ret_count), \
         (c, device, out, cap, ret_count)) \
    SLOT(download_named, (struct store_conn *c, const struct device_key *device, const char *name, struct download_task *out, size_t cap, size_t *ret_count), \
         (c, device, name, out, cap, ret_count)) \
    SLOT(download_due, (struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap, size_t *ret_count), \
         (c, now_ms, out, cap, ret_count)) \
    SLOT(download_list, (struct store_conn *c, const struct download_filter *f, const struct store_page *page, struct download_task *out, size_t *ret_count), \
         (c, f, page, out, ret_count)) \
    SLOT(report_add, (struct store_conn *c, const ferry_id *task, const struct task_report *r), (c, task, r)) \
    SLOT(report_list, (struct store_conn *c, const ferry_id *task, const struct store_page *page, struct task_report *out, size_t *ret_count), \
         (c, task, page, out, ret_count)) \
    SLOT(next_due_ms, (struct store_conn *c, uint64_t *ret_ms), (c, ret_ms)) \
    SLOT(upload_ended_before, (struct store_conn *c, uint64_t ms, struct upload_task *out, size_t cap, size_t *ret_count), \
         (c, ms, out, cap, ret_count)) \
    SLOT(download_prune, (struct store_conn *c, uint64_t ended_before_ms, size_t cap, size_t *ret_removed), \
         (c, ended_before_ms, cap, ret_removed)) \
    SLOT(totals, (struct store_conn *c, struct store_totals *ret), (c, ret)) \
    SLOT(statistics, (struct store_conn *c, const char *product, const struct statistics_span *span, struct statistics *inout), \
         (c, product, span, inout)) \
    SLOT(statistics_prune, (struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed), \
         (c, before_hour, cap, ret_removed)) \
    SLOT(token_get, (struct store_conn *c, const char *name, struct token *ret), (c, name, ret)) \
    SLOT(token_remove, (struct store_conn *c, const char *name), (c, name)) \
    SLOT(token_touch, (struct store_conn *c, const char *name, uint64_t used_ms), (c, name, used_ms)) \
    SLOT(token_list, (struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count), \
         (c, page, out, ret_count)) \
    SLOT(user_put, (struct store_conn *c, const struct user *u), (c, u)) \
    SLOT(user_get, (struct store_conn *c, const char *name, struct user *ret), (c, name, ret)) \
    SLOT(user_remove, (struct store_conn *c, const char *name), (c, name)) \
    SLOT(user_list, (struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count), \
         (c, page, out, ret_count)) \
    SLOT(session_put, (struct store_conn *c, const struct session *s), (c, s)) \
    SLOT(session_find, (struct store_conn *c, const uint8_t hash[32], struct session *ret), (c, hash, ret)) \
    SLOT(session_remove, (struct store_conn *c, const uint8_t hash[32]), (c, hash)) \
    SLOT(session_touch, (struct store_conn *c, const uint8_t hash[32], uint64_t used_ms), (c, hash, used_ms)) \
    SLOT(session_trim, (struct store_conn *c, const char *user, uint32_t keep), (c, user, keep)) \
    SLOT(session_prune, (struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms), \
         (c, used_before_ms, now_ms)) \
    SLOT(lockout_get, (struct store_conn *c, const char *name, struct lockout *ret), (c, name, ret)) \
    SLOT(lockout_put, (struct store_conn *c, const struct lockout *l, uint32_t cap), (c, l, cap)) \
    SLOT(lockout_remove, (struct store_conn *c, const char *name), (c, name)) \
    SLOT(audit_head, (struct store_conn *c, struct audit_head *ret), (c, ret)) \
    SLOT(audit_append, (struct store_conn *c, const struct audit_record *r), (c, r)) \
    SLOT(audit_list, (struct store_conn *c, const struct audit_filter *f, const struct store_page *page, struct audit_record *out, size_t *ret_count), \
         (c, f, page, out, ret_count)) \
    SLOT(audit_cut, (struct store_conn *c, uint64_t seq), (c, seq)) \
    SLOT(event_append, (struct store_conn *c, const struct event *e), (c, e)) \
    SLOT(event_bounds, (struct store_conn *c, struct event_bounds *ret), (c, ret)) \
    SLOT(event_list, (struct store_conn *c, uint64_t after, struct event *out, size_t cap, size_t *ret_count), \
         (c, after, out, cap, ret_count)) \
    SLOT(event_presence, (struct store_conn *c, const struct device_key *key, const struct store_page *page, struct event *out, size_t *ret_count), \
         (c, key, page, out, ret_count)) \
    SLOT(event_cut, (struct store_conn *c, uint64_t id), (c, id)) \
    SLOT(kept_answer_put, (struct store_conn *c, const struct kept_answer *a), (c, a)) \
    SLOT(kept_answer_get, (struct store_conn *c, const uint8_t key[KEPT_DIGEST_BYTES], struct kept_answer *ret), \
         (c, key, ret)) \
    SLOT(kept_answer_prune, (struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed), \
         (c, before_ms, keep, cap, ret_removed)) \
    SLOT(resource_upload_put, (struct store_conn *c, const struct resource_upload *u), (c, u)) \
    SLOT(resource_upload_get, (struct store_conn *c, const ferry_id *id, struct resource_upload *ret), (c, id, ret)) \
    SLOT(resource_upload_same, (struct store_conn *c, const struct resource_upload *like, struct resource_upload *ret), \
         (c, like, ret)) \
    SLOT(resource_upload_remove, (struct store_conn *c, const ferry_id *id), (c, id)) \
    SLOT(resource_upload_list, (struct store_conn *c, const char *product, const struct store_page *page, struct resource_upload *out, size_t *ret_count), \
         (c, product, page, out, ret_count)) \
    SLOT(resource_upload_due, (struct store_conn *c, uint64_t now_ms, struct resource_upload *out, size_t cap, size_t *ret_count), \
         (c, now_ms, out, cap, ret_count)) \
    SLOT(webhook_put, (struct store_conn *c, const struct webhook *w), (c, w)) \
    SLOT(webhook_get, (struct store_conn *c, const ferry_id *id, struct webhook *ret), (c, id, ret)) \
    SLOT(webhook_remove, (struct store_conn *c, const ferry_id *id), (c, id)) \
    SLOT(webhook_list, (struct store_conn *c, const struct store_page *page, struct webhook *out, size_t *ret_count), \
         (c, page, out, ret_count)) \
    SLOT(webhook_old_secrets, (struct store_conn *c, uint64_t now_ms, struct webhook *out, size_t cap, size_t *ret_count), \
         (c, now_ms, out, cap, ret_count)) \
    SLOT(quota_put, (struct store_conn *c, const struct quota *q), (c, q)) \
    SLOT(quota_get, (struct store_conn *c, const char *product, struct quota *ret), (c, product, ret)) \
    SLOT(quota_remove, (struct store_conn *c, const char *product), (c, product)) \
    SLOT(usage_get, (struct store_conn *c, const char *product, const char *device, struct usage *ret), \
         (c, product, device, ret))
/* clang-format on */

#define FAILING(slot, parameters, arguments)                                                                           \
    static ferry_err slot parameters                                                                                   \
    {                                                                                                                  \
        return strikes(#slot) ? FERRY_E_IO : real->slot arguments;                                                          \
    }
SLOTS(FAILING)

static ferry_err begin(struct store_conn *c)
{
    if (each_time > 0)
        calls_left = each_time;
    within = each_time > 0;
    return real->begin(c);
}

static ferry_err commit(struct store_conn *c)
{
    within = false;
    return real->commit(c);
}

static void rollback(struct store_conn *c)
{
    within = false;
    real->rollback(c);
}

static ferry_err savepoint(struct store_conn *c)
{
    within = true;
    return real->savepoint(c);
}

static ferry_err release(struct store_conn *c)
{
    within = each_time > 0;
    return real->release(c);
}

static ferry_err rewind_to(struct store_conn *c)
{
    within = each_time > 0;
    return real->rewind(c);
}

static void strike_at(unsigned n, bool outside)
{
    calls_left = n;
    each_time = 0;
    struck = NULL;
    anywhere = outside;
}

void failing_store_at(unsigned n)
{
    strike_at(n, false);
}

void failing_store_anywhere_at(unsigned n)
{
    strike_at(n, true);
}

void failing_store_each_at(unsigned n)
{
    strike_at(n, false);
    each_time = n;
}

void failing_store_install(struct store_ops *ops, const struct store_ops *real_ops)
{
    real = real_ops;
    within = false;
    strike_at(0, false);
    ops->begin = begin;
    ops->commit = commit;
    ops->rollback = rollback;
    ops->savepoint = savepoint;
    ops->release = release;
    ops->rewind = rewind_to;
#define INSTALL(slot, parameters, arguments) ops->slot = slot;
    SLOTS(INSTALL)
}

bool failing_store_struck(void)
{
    return struck != NULL;
}

bool failing_store_struck_in(const char *slot)
{
    return struck != NULL && strcmp(struck, slot) == 0;
}
