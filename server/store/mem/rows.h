/**
 * @file rows.h
 * @brief What the tables hold, and by what they are ordered.
 */
#ifndef STORE_MEM_ROWS_H
#define STORE_MEM_ROWS_H

#include "table.h"

struct row_value {
    char key[FERRY_IDENT_MAX + 1];
    size_t len;
    uint8_t bytes[STORE_VALUE_MAX];
};

/* The first member is what the caller sees; the others are computed for an index. */
struct row_device {
    struct device device;
    char joined[2 * FERRY_IDENT_MAX + 1];
};
struct row_tag {
    struct device_key device;
    char tag[DEVICE_TAG_MAX + 1];
};
struct row_report {
    struct task_report report;
    ferry_id task;
};
struct row_kept {
    struct kept_answer answer;
    char key[2 * KEPT_DIGEST_BYTES + 1]; /* its key in hexadecimal */
    uint64_t number;
};
struct row_download {
    struct download_task task; /* with its read-only fields */
    uint64_t due_ms;           /* 0: not waiting */
};

struct row_step {
    struct deployment_step step;
    ferry_id deployment;
};
struct row_ended {
    char product[FERRY_IDENT_MAX + 1]; /* "": all of them */
    uint64_t hour;
    uint64_t way; /* 1 up, 2 down */
    struct ended_tasks tasks;
};
struct row_session {
    struct session session;
    char key[2 * 32 + 1]; /* its hash in hexadecimal */
};
struct row_audit_head {
    struct audit_head head;
    uint64_t one; /* always 1 */
};

enum { SESSIONS_LOOK_MAX = 128 }; /* sessions looked at in one step */

enum { PRODUCT_BY_NAME };
enum { DEVICE_BY_KEY, DEVICE_BY_JOINED, DEVICE_BY_OLD_SECRET, DEVICE_BY_SEEN };
enum { TAG_BY_DEVICE };
enum { REPORT_BY_TASK };
enum { STEP_BY_DEPLOYMENT };
enum { KEPT_BY_KEY, KEPT_BY_NUMBER };
enum { TOKEN_BY_NAME }; /* few: a token is found by its hash one by one */
enum { USER_BY_NAME };
enum { SESSION_BY_HASH, SESSION_BY_USER };
enum { LOCKOUT_BY_NAME, LOCKOUT_BY_TIME };
enum { AUDIT_BY_SEQ };
enum { EVENT_BY_ID, EVENT_PRESENCE };
enum { WEBHOOK_BY_ID, WEBHOOK_BY_OLD_SECRET };
enum { ENDED_BY_PRODUCT, ENDED_BY_HOUR };
enum { RESOURCE_UPLOAD_BY_ID, RESOURCE_UPLOAD_BY_PRODUCT, RESOURCE_UPLOAD_DUE };
enum { RESOURCE_BY_ID, RESOURCE_BY_PRODUCT, RESOURCE_BY_NAME, RESOURCE_BY_SIZE };
enum { UPLOAD_BY_ID, UPLOAD_BY_PRODUCT, UPLOAD_BY_DEVICE, UPLOAD_BY_NAME, UPLOAD_OPEN, UPLOAD_DUE, UPLOAD_ENDED, UPLOAD_BY_ENDED };
enum {
    DEPLOYMENT_BY_ID,
    DEPLOYMENT_BY_PRODUCT,
    DEPLOYMENT_BY_RESOURCE,
    DEPLOYMENT_EXPANDING,
    DEPLOYMENT_SWEEPING,
    DEPLOYMENT_ENDED,
    DEPLOYMENT_BY_NAME
};
enum {
    DOWNLOAD_BY_ID,
    DOWNLOAD_BY_PRODUCT,
    DOWNLOAD_BY_DEVICE,
    DOWNLOAD_BY_NAME,
    DOWNLOAD_BY_DEPLOYMENT,
    DOWNLOAD_BY_STATE,
    DOWNLOAD_OPEN,
    DOWNLOAD_DUE,
    DOWNLOAD_ENDED,
    DOWNLOAD_BY_ENDED
};

/** @brief SMEM_TABLES definitions, by smem_table_id. */
extern const struct smem_table_def smem_rows[];

#endif
