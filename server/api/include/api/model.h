/**
 * @file model.h
 * @brief The things the platform keeps, as the rules see them and the store holds them.
 *
 * Plain values without pointers: they can be copied, compared and thrown away. Times are Unix
 * milliseconds of the engine's clock (never going back, see core/timekeeper); 0 means "not".
 * Texts are valid UTF-8 and terminated; validation happened at the border.
 */
#ifndef API_MODEL_H
#define API_MODEL_H

#include "base/id.h"
#include "proto/limits.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief A device's full name: product/device. */
struct device_key {
    char product[FERRY_IDENT_MAX + 1];
    char device[FERRY_IDENT_MAX + 1];
};

enum {
    DEVICE_SECRET_MAX = 64, /**< bytes of a secret before base64; ours have 32 */
    SEAL_OVERHEAD = 45,     /**< bytes that sealing adds */
    SEALED_MAX = DEVICE_SECRET_MAX + SEAL_OVERHEAD,
};

/** @brief A secret as it is kept: nobody can read it without the key file (access/seal.h). len 0: there is none. */
struct sealed {
    uint32_t len;
    uint8_t bytes[SEALED_MAX];
};

struct product {
    char name[FERRY_IDENT_MAX + 1];
    uint64_t created_ms;
    struct sealed secret;  /**< with it, devices of the product may register themselves; none: they may not */
};

/** @brief The devices of a product. */
struct device_counts {
    uint64_t devices, online;
};

struct device {
    struct device_key key;
    struct sealed secret;
    bool disabled;
    uint64_t created_ms;
    struct sealed old_secret; /**< the one before: good until old_until_ms */
    uint64_t old_until_ms;
    uint32_t secret_no;       /**< 1, and one more with each new secret */
    bool unheard;             /**< it registered itself, and no message of it has come yet: it may register again */
    uint64_t online_ms;       /**< connected since then without a break; 0: it is not */
    uint64_t seen_ms;         /**< it came, went, or (to the minute) a message of it came; 0: never */
};

enum {
    DEVICE_TAG_MAX = 64,  /**< characters of a tag */
    DEVICE_TAGS_MAX = 32, /**< tags of one device */
};

/** @brief The tags of a device: a set, in the order of their bytes. */
struct device_tags {
    uint32_t count;
    char names[DEVICE_TAGS_MAX][DEVICE_TAG_MAX + 1];
};

enum { RESOURCE_DESCRIPTION_MAX = 1000 }; /**< bytes */

/** @brief One version of a file that the platform holds for a product. Its object's key is its id. */
struct resource {
    ferry_id id;
    char product[FERRY_IDENT_MAX + 1];
    char name[FERRY_NAME_MAX + 1];
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];       /**< lower case */
    char sha256[FERRY_SHA256_HEX + 1]; /**< lower case */
    uint64_t created_ms;
    char description[RESOURCE_DESCRIPTION_MAX + 1]; /**< the operator's words; may change */
};

/** @brief A resource whose bytes are being sent in several requests. The resource that it becomes has its id. */
struct resource_upload {
    ferry_id id;
    char product[FERRY_IDENT_MAX + 1];
    char name[FERRY_NAME_MAX + 1];
    char description[RESOURCE_DESCRIPTION_MAX + 1];
    uint64_t size;                     /**< of the whole file */
    char md5[FERRY_MD5_HEX + 1];       /**< what it must be, lower case; "": not said */
    char sha256[FERRY_SHA256_HEX + 1]; /**< likewise */
    uint64_t created_ms;
    uint64_t stored_ms;  /**< when it became a resource; 0: not yet, then its size counts as used */
    uint64_t expires_ms; /**< it is looked at then: when no byte has come, or it is a resource, it goes */
    uint64_t seen_bytes; /**< so many had come when it was looked at last */
};

/* Numbers are in the database: never reuse one. */
#define UPLOAD_STATE_LIST(X)                                                                      \
    X(UPLOAD_CREATED, 1, "created")                                                               \
    X(UPLOAD_UPLOADING, 2, "uploading")                                                           \
    X(UPLOAD_STORED, 3, "stored")                                                                 \
    X(UPLOAD_DONE, 4, "done")                                                                     \
    X(UPLOAD_FAILED, 5, "failed")                                                                 \
    X(UPLOAD_EXPIRED, 6, "expired")                                                               \
    X(UPLOAD_CANCELLED, 7, "cancelled")

typedef enum {
#define X(name, number, text) name = (number),
    UPLOAD_STATE_LIST(X)
#undef X
} upload_state;

/** @brief A device's request to send a file, from the request to the verified object. Object key: id. */
struct upload_task {
    ferry_id id;
    struct device_key device;
    char name[FERRY_NAME_MAX + 1];
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1]; /**< lower case */
    upload_state state;
    int32_t percent;
    int32_t result_code; /**< last one from the device, or why the platform ended it */
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    uint64_t created_ms;
    uint64_t updated_ms;
    uint64_t stored_ms;  /**< when the object was whole */
    uint64_t ended_ms;   /**< when the state became one of the ends */
    uint64_t expires_ms; /**< created and uploading end then, unless something is heard */
};

#define DEPLOYMENT_STATE_LIST(X)                                                                  \
    X(DEPLOYMENT_ACTIVE, 1, "active")                                                             \
    X(DEPLOYMENT_FINISHED, 2, "finished")                                                         \
    X(DEPLOYMENT_CANCELLED, 3, "cancelled")                                                       \
    X(DEPLOYMENT_PAUSED, 4, "paused")

typedef enum {
#define X(name, number, text) name = (number),
    DEPLOYMENT_STATE_LIST(X)
#undef X
} deployment_state;

#define DOWNLOAD_STATE_LIST(X)                                                                    \
    X(DOWNLOAD_QUEUED, 1, "queued")                                                               \
    X(DOWNLOAD_OFFERED, 2, "offered")                                                             \
    X(DOWNLOAD_DOWNLOADING, 3, "downloading")                                                     \
    X(DOWNLOAD_DONE, 4, "done")                                                                   \
    X(DOWNLOAD_FAILED, 5, "failed")                                                               \
    X(DOWNLOAD_TIMED_OUT, 6, "timed_out")                                                         \
    X(DOWNLOAD_CANCELLED, 7, "cancelled")                                                         \
    X(DOWNLOAD_REJECTED, 8, "rejected")

typedef enum {
#define X(name, number, text) name = (number),
    DOWNLOAD_STATE_LIST(X)
#undef X
} download_state;

/** @brief Which tasks of a deployment are tried again; zeros: all of download_state_failed(). */
struct retry_cause {
    download_state state; /**< only those that ended so; 0: any of them */
    bool has_code, has_msg;
    int32_t code;                       /**< with has_code: only those with this result code */
    char msg[FERRY_RESULT_MSG_MAX + 1]; /**< with has_msg: only those with this text, which may be "" */
};

/** @brief What is being done to many tasks of a deployment, some in each step. Numbers are in the database: never reuse one. */
typedef enum {
    SWEEP_NONE = 0,
    SWEEP_RESUME = 1, /**< what waits has its turn again */
    SWEEP_CANCEL = 2, /**< what is open is cancelled */
    SWEEP_RETRY = 3,  /**< what failed is queued again */
} deployment_sweep;

/** @brief An operator's order to deliver one resource to a set of devices. */
struct deployment {
    ferry_id id;
    char product[FERRY_IDENT_MAX + 1];
    ferry_id resource;
    char resource_name[FERRY_NAME_MAX + 1]; /**< read-only: filled in by the store from the resource */
    deployment_state state;
    bool target_all;           /**< all devices of the product at the time they are reached */
    char target_tag[DEVICE_TAG_MAX + 1]; /**< "", or: those with this tag at the time they are reached */
    uint32_t rate_per_min;     /**< devices started a minute; 0: no limit */
    uint32_t timeout_s;        /**< each device's time, counted from its release */
    uint32_t retries;          /**< how often a device is tried again by itself after it failed or ran out of time */
    uint64_t start_ms;         /**< nothing is offered before */
    uint64_t end_ms;           /**< what has not ended by then has run out of time; 0: never */
    uint64_t paused_ms;        /**< when it was paused last */
    uint64_t shift_ms;         /**< resuming: how long it was */
    deployment_sweep sweep;
    ferry_id sweep_cursor;     /**< resuming, retrying: the last task that was */
    uint64_t sweep_ms;         /**< retrying: when that was ordered; what ends later stays as it is */
    struct retry_cause retry;  /**< retrying: of what */
    uint64_t pace_ms;          /**< turns of devices that are tried again are counted from here ... */
    uint64_t paced;            /**< ... and so many are taken */
    uint64_t expanded;         /**< download tasks made so far */
    bool expand_done;          /**< every target has its task */
    char expand_cursor[FERRY_IDENT_MAX + 1]; /**< target_all, target_tag: the last device that has its task */
    uint64_t created_ms;
    uint64_t updated_ms;
};

/** @brief One device's share of a deployment. */
struct download_task {
    ferry_id id;
    ferry_id deployment;
    ferry_id resource;
    struct device_key device;
    download_state state;
    int32_t percent;
    int32_t result_code;
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    uint32_t pushes;      /**< download messages sent */
    uint32_t retries;     /**< how often it was tried again by itself */
    uint64_t release_ms;  /**< not offered before (pacing) */
    uint64_t wake_ms;     /**< when a timer must look at it again: push, repeat; 0: not before deadline_ms */
    uint64_t deadline_ms; /**< timed_out then */
    uint64_t created_ms;
    uint64_t updated_ms;
    uint64_t ended_ms;
    /* read-only: filled in by the store from the resource */
    char name[FERRY_NAME_MAX + 1];
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];
    char sha256[FERRY_SHA256_HEX + 1];
};

#define REPORT_STATE_LIST(X)                                                                      \
    X(REPORT_RUNNING, 1, "running")                                                               \
    X(REPORT_DONE, 2, "done")                                                                     \
    X(REPORT_FAILED, 3, "failed")

typedef enum {
#define X(name, number, text) name = (number),
    REPORT_STATE_LIST(X)
#undef X
} report_state;

enum { TASK_REPORTS_MAX = 100 }; /**< that are kept of one task: the first one and the latest */

/** @brief What a device once reported about an upload or download task. */
struct task_report {
    uint64_t number; /**< 1, 2, ... within its task; given by the store */
    uint64_t time_ms;
    report_state state;
    int32_t percent;
    int32_t result_code;
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
};

/** @brief "created", "uploading", …; null for a number that is no state. */
const char *upload_state_name(upload_state state);
const char *deployment_state_name(deployment_state state);
const char *download_state_name(download_state state);
const char *report_state_name(report_state state);
/** @brief The state with that name; false when there is none. */
bool upload_state_parse(const char *name, upload_state *ret_state);
bool deployment_state_parse(const char *name, deployment_state *ret_state);
bool download_state_parse(const char *name, download_state *ret_state);

/** @brief created and uploading: the device may still send the bytes. (stored only waits for its word.) */
bool upload_state_open(upload_state state);
/** @brief queued, offered, downloading. */
bool download_state_open(download_state state);
/** @brief May the device fetch the file? done, too: vendor devices fetch a file again that they have. */
bool download_state_fetchable(download_state state);
/** @brief failed, timed_out, rejected: what an operator may want to try again. */
bool download_state_failed(download_state state);
/** @brief The task has failed, and for this cause. */
bool retry_cause_fits(const struct retry_cause *cause, const struct download_task *task);

/** @brief Fills a key; false when a part is not a valid identifier. */
bool device_key_make(const char *product, const char *device, struct device_key *ret_key);
bool device_key_equal(const struct device_key *a, const struct device_key *b);
/** @brief By product, then by device, as strcmp() says. */
int device_key_compare(const struct device_key *a, const struct device_key *b);

/** @brief At most RESOURCE_DESCRIPTION_MAX bytes of UTF-8 without control characters but the newline. */
bool resource_description_valid(const char *text);

/** @brief 1 to DEVICE_TAG_MAX of A-Z a-z 0-9 . _ : - */
bool device_tag_valid(const char *tag);
/** @brief Every one valid, and not too many. */
bool device_tags_valid(const struct device_tags *tags);
/** @brief Adds a tag to the set; one that is there stays. False when it is not valid, or the set is full. */
bool device_tags_add(struct device_tags *tags, const char *tag);

#endif
