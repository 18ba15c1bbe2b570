#include "rows.h"

#include <stddef.h>

#define TEXT(type, member) {offsetof(type, member), SMEM_TEXT}
#define U64(type, member) {offsetof(type, member), SMEM_U64}
#define INT(type, member) {offsetof(type, member), SMEM_INT}
#define AT(type, member) (offsetof(type, member) + 1)
#define INDEXES(array) array, sizeof(array) / sizeof((array)[0])

_Static_assert(sizeof(download_state) == sizeof(int) && sizeof(ferry_id) == FERRY_ID_LEN + 1, "kinds of fields");

static bool upload_is_open(const void *data)
{
    const struct upload_task *t = data;

    return upload_state_open(t->state) || t->state == UPLOAD_STORED;
}

static bool upload_is_waiting(const void *data)
{
    const struct upload_task *t = data;

    return upload_state_open(t->state) && t->expires_ms != 0;
}

static bool upload_has_ended(const void *data)
{
    const struct upload_task *t = data;

    return !upload_is_open(t) && t->ended_ms != 0;
}

static bool deployment_is_expanding(const void *data)
{
    const struct deployment *d = data;

    return (d->state == DEPLOYMENT_ACTIVE || d->state == DEPLOYMENT_PAUSED) && !d->expand_done;
}

static bool deployment_is_swept(const void *data)
{
    const struct deployment *d = data;

    return d->sweep != SWEEP_NONE;
}

static bool deployment_has_ended(const void *data)
{
    const struct deployment *d = data;

    return d->state == DEPLOYMENT_FINISHED || d->state == DEPLOYMENT_CANCELLED;
}

static bool download_is_open(const void *data)
{
    const struct row_download *t = data;

    return download_state_open(t->task.state);
}

static bool download_is_waiting(const void *data)
{
    const struct row_download *t = data;

    return t->due_ms != 0;
}

static bool download_has_ended(const void *data)
{
    const struct row_download *t = data;

    return !download_is_open(t) && t->task.ended_ms != 0;
}

static const struct smem_index value_indexes[] = {
    {{TEXT(struct row_value, key)}, 1, NULL},
};

static const struct smem_index product_indexes[] = {
    [PRODUCT_BY_NAME] = {{TEXT(struct product, name)}, 1, NULL},
};

static bool device_has_old_secret(const void *data)
{
    const struct row_device *row = data;

    return row->device.old_until_ms > 0;
}

#define D(member) TEXT(struct row_device, device.key.member)
static const struct smem_index device_indexes[] = {
    [DEVICE_BY_KEY] = {{D(product), D(device)}, 2, NULL},
    [DEVICE_BY_JOINED] = {{TEXT(struct row_device, joined), D(product)}, 2, NULL},
    [DEVICE_BY_OLD_SECRET] = {{U64(struct row_device, device.old_until_ms), D(product), D(device)}, 3,
                              device_has_old_secret},
    [DEVICE_BY_SEEN] = {{D(product), U64(struct row_device, device.seen_ms), D(device)}, 3, NULL},
};

static const struct smem_index tag_indexes[] = {
    [TAG_BY_DEVICE] = {{TEXT(struct row_tag, device.product), TEXT(struct row_tag, device.device),
                        TEXT(struct row_tag, tag)}, 3, NULL},
};

static const struct smem_index report_indexes[] = {
    [REPORT_BY_TASK] = {{TEXT(struct row_report, task), U64(struct row_report, report.number)}, 2, NULL},
};

static const struct smem_index step_indexes[] = {
    [STEP_BY_DEPLOYMENT] = {{TEXT(struct row_step, deployment), U64(struct row_step, step.at_ms)}, 2, NULL},
};

static const struct smem_index token_indexes[] = {
    [TOKEN_BY_NAME] = {{TEXT(struct token, name)}, 1, NULL},
};

static const struct smem_index user_indexes[] = {
    [USER_BY_NAME] = {{TEXT(struct user, name)}, 1, NULL},
};

static const struct smem_index session_indexes[] = {
    [SESSION_BY_HASH] = {{TEXT(struct row_session, key)}, 1, NULL},
    [SESSION_BY_USER] = {{TEXT(struct row_session, session.user), U64(struct row_session, session.created_ms),
                          TEXT(struct row_session, key)}, 3, NULL},
};

static const struct smem_index lockout_indexes[] = {
    [LOCKOUT_BY_NAME] = {{TEXT(struct lockout, name)}, 1, NULL},
    [LOCKOUT_BY_TIME] = {{U64(struct lockout, updated_ms), TEXT(struct lockout, name)}, 2, NULL},
};

static const struct smem_index audit_indexes[] = {
    [AUDIT_BY_SEQ] = {{U64(struct audit_record, seq)}, 1, NULL},
};

static bool event_is_of_presence(const void *data)
{
    const struct event *e = data;

    return e->kind == EVENT_ONLINE || e->kind == EVENT_OFFLINE;
}

static const struct smem_index event_indexes[] = {
    [EVENT_BY_ID] = {{U64(struct event, id)}, 1, NULL},
    [EVENT_PRESENCE] = {{TEXT(struct event, product), TEXT(struct event, device), U64(struct event, id)}, 3,
                        event_is_of_presence},
};

static const struct smem_index kept_indexes[] = {
    [KEPT_BY_KEY] = {{TEXT(struct row_kept, key)}, 1, NULL},
    [KEPT_BY_NUMBER] = {{U64(struct row_kept, number)}, 1, NULL},
};

static bool webhook_has_old_secret(const void *data)
{
    const struct webhook *w = data;

    return w->old_until_ms > 0;
}

static const struct smem_index webhook_indexes[] = {
    [WEBHOOK_BY_ID] = {{TEXT(struct webhook, id)}, 1, NULL},
    [WEBHOOK_BY_OLD_SECRET] = {{U64(struct webhook, old_until_ms), TEXT(struct webhook, id)}, 2, webhook_has_old_secret},
};

static const struct smem_index audit_head_indexes[] = {
    {{U64(struct row_audit_head, one)}, 1, NULL},
};

#define E(member) U64(struct row_ended, member)
static const struct smem_index ended_indexes[] = {
    [ENDED_BY_PRODUCT] = {{TEXT(struct row_ended, product), E(hour), E(way)}, 3, NULL},
    [ENDED_BY_HOUR] = {{E(hour), TEXT(struct row_ended, product), E(way)}, 3, NULL},
};

#define RU(member) TEXT(struct resource_upload, member)
static const struct smem_index resource_upload_indexes[] = {
    [RESOURCE_UPLOAD_BY_ID] = {{RU(id)}, 1, NULL},
    [RESOURCE_UPLOAD_BY_PRODUCT] = {{RU(product), RU(id)}, 2, NULL},
    [RESOURCE_UPLOAD_DUE] = {{U64(struct resource_upload, expires_ms), RU(id)}, 2, NULL},
};

#define R(member) TEXT(struct resource, member)
static const struct smem_index resource_indexes[] = {
    [RESOURCE_BY_ID] = {{R(id)}, 1, NULL},
    [RESOURCE_BY_PRODUCT] = {{R(product), R(id)}, 2, NULL},
    [RESOURCE_BY_NAME] = {{R(product), R(name), R(id)}, 3, NULL},
    [RESOURCE_BY_SIZE] = {{R(product), U64(struct resource, size), R(id)}, 3, NULL},
};

#define U(member) TEXT(struct upload_task, member)
static const struct smem_index upload_indexes[] = {
    [UPLOAD_BY_ID] = {{U(id)}, 1, NULL},
    [UPLOAD_BY_PRODUCT] = {{U(device.product), U(id)}, 2, NULL},
    [UPLOAD_BY_DEVICE] = {{U(device.product), U(device.device), U(id)}, 3, NULL},
    [UPLOAD_BY_NAME] = {{U(device.product), U(device.device), U(name), U(id)}, 4, NULL},
    [UPLOAD_OPEN] = {{U(device.product), U(device.device), U(id)}, 3, upload_is_open},
    [UPLOAD_DUE] = {{U64(struct upload_task, expires_ms), U(id)}, 2, upload_is_waiting},
    [UPLOAD_ENDED] = {{U64(struct upload_task, ended_ms), U(id)}, 2, upload_has_ended},
    [UPLOAD_BY_ENDED] = {{U(device.product), U64(struct upload_task, ended_ms), U(id)}, 3, NULL},
};

#define P(member) TEXT(struct deployment, member)
static const struct smem_index deployment_indexes[] = {
    [DEPLOYMENT_BY_ID] = {{P(id)}, 1, NULL},
    [DEPLOYMENT_BY_PRODUCT] = {{P(product), P(id)}, 2, NULL},
    [DEPLOYMENT_BY_RESOURCE] = {{P(resource), P(id)}, 2, NULL},
    [DEPLOYMENT_EXPANDING] = {{P(id)}, 1, deployment_is_expanding},
    [DEPLOYMENT_SWEEPING] = {{P(id)}, 1, deployment_is_swept},
    [DEPLOYMENT_ENDED] = {{U64(struct deployment, updated_ms), P(id)}, 2, deployment_has_ended},
    [DEPLOYMENT_BY_NAME] = {{P(product), P(resource_name), P(id)}, 3, NULL},
};

#define T(member) TEXT(struct row_download, task.member)
static const struct smem_index download_indexes[] = {
    [DOWNLOAD_BY_ID] = {{T(id)}, 1, NULL},
    [DOWNLOAD_BY_PRODUCT] = {{T(device.product), T(id)}, 2, NULL},
    [DOWNLOAD_BY_DEVICE] = {{T(device.product), T(device.device), T(id)}, 3, NULL},
    [DOWNLOAD_BY_NAME] = {{T(device.product), T(device.device), T(name), T(id)}, 4, NULL},
    [DOWNLOAD_BY_DEPLOYMENT] = {{T(deployment), T(id)}, 2, NULL},
    [DOWNLOAD_BY_STATE] = {{T(deployment), INT(struct row_download, task.state), T(id)}, 3, NULL},
    [DOWNLOAD_OPEN] = {{T(device.product), T(device.device), T(id)}, 3, download_is_open},
    [DOWNLOAD_DUE] = {{U64(struct row_download, due_ms), T(id)}, 2, download_is_waiting},
    [DOWNLOAD_ENDED] = {{U64(struct row_download, task.ended_ms), T(id)}, 2, download_has_ended},
    [DOWNLOAD_BY_ENDED] = {{T(deployment), U64(struct row_download, task.ended_ms), T(id)}, 3, NULL},
};

static const struct smem_index quota_indexes[] = {
    {{TEXT(struct quota, product)}, 1, NULL},
};

#define Q_AT(member) AT(struct quota, limits.member)
#define U_AT(member) AT(struct upload_task, member)
#define P_AT(member) AT(struct deployment, member)
#define T_AT(member) AT(struct row_download, task.member)
#define RU_AT(member) AT(struct resource_upload, member)
#define W_AT(member) AT(struct webhook, member)

const struct smem_table_def smem_rows[SMEM_TABLES] = {
    [SMEM_VALUES] = {sizeof(struct row_value), {0}, {0}, INDEXES(value_indexes)},
    [SMEM_PRODUCTS] = {sizeof(struct product), {0}, {AT(struct product, created_ms)}, INDEXES(product_indexes)},
    [SMEM_DEVICES] = {sizeof(struct row_device), {0}, {AT(struct row_device, device.created_ms)},
                      INDEXES(device_indexes)},
    [SMEM_TAGS] = {sizeof(struct row_tag), {0}, {0}, INDEXES(tag_indexes)},
    [SMEM_REPORTS] = {sizeof(struct row_report), {AT(struct row_report, task)},
                      {AT(struct row_report, report.number), AT(struct row_report, report.time_ms)},
                      INDEXES(report_indexes)},
    [SMEM_STEPS] = {sizeof(struct row_step), {AT(struct row_step, deployment)}, {AT(struct row_step, step.at_ms)},
                    INDEXES(step_indexes)},
    [SMEM_TOKENS] = {sizeof(struct token), {0}, {AT(struct token, created_ms), AT(struct token, expires_ms),
                     AT(struct token, used_ms)}, INDEXES(token_indexes)},
    [SMEM_USERS] = {sizeof(struct user), {0}, {AT(struct user, created_ms), AT(struct user, changed_ms)},
                    INDEXES(user_indexes)},
    [SMEM_SESSIONS] = {sizeof(struct row_session), {0},
                       {AT(struct row_session, session.created_ms), AT(struct row_session, session.used_ms),
                        AT(struct row_session, session.expires_ms)}, INDEXES(session_indexes)},
    [SMEM_LOCKOUTS] = {sizeof(struct lockout), {0}, {AT(struct lockout, until_ms), AT(struct lockout, updated_ms)},
                       INDEXES(lockout_indexes)},
    [SMEM_AUDIT] = {sizeof(struct audit_record), {0}, {AT(struct audit_record, seq), AT(struct audit_record, time_ms)},
                    INDEXES(audit_indexes)},
    [SMEM_AUDIT_HEAD] = {sizeof(struct row_audit_head), {0}, {AT(struct row_audit_head, head.seq)},
                         INDEXES(audit_head_indexes)},
    [SMEM_RESOURCES] = {sizeof(struct resource), {AT(struct resource, id)},
                        {AT(struct resource, size), AT(struct resource, created_ms)}, INDEXES(resource_indexes)},
    [SMEM_UPLOADS] = {sizeof(struct upload_task), {U_AT(id)},
                      {U_AT(size), U_AT(created_ms), U_AT(updated_ms), U_AT(stored_ms), U_AT(ended_ms),
                       U_AT(expires_ms)},
                      INDEXES(upload_indexes)},
    [SMEM_DEPLOYMENTS] = {sizeof(struct deployment), {P_AT(id), P_AT(resource)},
                          {P_AT(expanded), P_AT(created_ms), P_AT(updated_ms), P_AT(start_ms), P_AT(end_ms),
                           P_AT(paused_ms), P_AT(shift_ms)}, INDEXES(deployment_indexes)},
    [SMEM_DOWNLOADS] = {sizeof(struct row_download), {T_AT(id), T_AT(deployment), T_AT(resource)},
                        {T_AT(release_ms), T_AT(wake_ms), T_AT(deadline_ms), T_AT(created_ms), T_AT(updated_ms),
                         T_AT(ended_ms)},
                        INDEXES(download_indexes)},
    [SMEM_QUOTAS] = {sizeof(struct quota), {0},
                     {Q_AT(product_bytes), Q_AT(product_files), Q_AT(device_bytes), Q_AT(device_files)},
                     INDEXES(quota_indexes)},
    [SMEM_KEPT] = {sizeof(struct row_kept), {0}, {AT(struct row_kept, answer.made_ms)}, INDEXES(kept_indexes)},
    [SMEM_EVENTS] = {sizeof(struct event), {0}, {AT(struct event, id), AT(struct event, time_ms)},
                     INDEXES(event_indexes)},
    [SMEM_WEBHOOKS] = {sizeof(struct webhook), {AT(struct webhook, id)},
                       {W_AT(revision), W_AT(created_ms), W_AT(updated_ms), W_AT(progress.last_event),
                        W_AT(progress.failing_ms), W_AT(progress.next_attempt_ms), W_AT(progress.last_success_ms),
                        W_AT(old_until_ms)},
                       INDEXES(webhook_indexes)},
    [SMEM_RESOURCE_UPLOADS] = {sizeof(struct resource_upload), {RU_AT(id)},
                               {RU_AT(size), RU_AT(created_ms), RU_AT(stored_ms), RU_AT(expires_ms), RU_AT(seen_bytes)},
                               INDEXES(resource_upload_indexes)},
    [SMEM_ENDED] = {sizeof(struct row_ended), {0}, {AT(struct row_ended, hour)}, INDEXES(ended_indexes)},
};
