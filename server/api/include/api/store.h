/**
 * @file store.h
 * @brief Interface table "store": everything the platform knows, except the bytes.
 *
 * A store is opened once; work is done over connections. There is one writer connection, used by
 * the engine's thread alone, and any number of readers, each used by one thread at a time. Readers
 * see only what was committed, and never wait for the writer. A change outside begin and commit is a
 * transaction of its own.
 *
 * Implementations: store/sqlite.h (default), store/mem.h (tests, simulation); PostgreSQL comes with many
 * machines. One conformance suite runs against each (tests/conformance/store_suite).
 *
 * Several processes may work on one store, if it can tell them apart (the slots at the end of the table are not null).
 *
 * Errors of every call that touches data, besides those named at the slot:
 *   FERRY_E_FULL no space · FERRY_E_READONLY · FERRY_E_BUSY locked by somebody else for too long ·
 *   FERRY_E_CORRUPT the file is damaged · FERRY_E_IO anything else · FERRY_E_NOMEM
 *   FERRY_E_READONLY also: a change over a reader
 *   FERRY_E_NETWORK it is on another machine, and cannot be reached now
 *   FERRY_E_AGAIN  in a transaction: it was undone because of another process's, or because the connection was lost. Nothing of
 *                  it has happened; it may be begun again at once
 *   FERRY_E_ARG an id or a cursor that is none, a number above 2^63-1, a state or a limit outside its range
 * Outputs are written only on FERRY_OK (of an array: ret_count). Inputs are copied. "get", "remove" and
 * "set" give FERRY_E_NOT_FOUND. "Oldest" and "newest" go by id.
 */
#ifndef API_STORE_H
#define API_STORE_H

#include "api/event.h"
#include "api/kept_answer.h"
#include "api/model.h"
#include "api/operators.h"
#include "api/position.h"
#include "api/quota.h"
#include "api/statistics.h"
#include "api/webhook.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_conn; /* opaque, of the implementation */

typedef enum { STORE_WRITER = 1, STORE_READER = 2 } store_mode;

enum { STORE_VALUE_MAX = 1024 }; /**< bytes of a value_put() */

/** @brief By what the rows of a list are ordered: their key (id or name), or a value, and rows of the same value by their key. */
typedef enum {
    STORE_BY_KEY,
    STORE_BY_NAME,  /**< resources by name, deployments by that of their resource; of one product */
    STORE_BY_SIZE,  /**< resources of one product */
    STORE_BY_SEEN,  /**< devices by seen_ms */
    STORE_BY_ENDED, /**< uploads of one product and downloads of one deployment by ended_ms */
} store_sort;

/**
 * @brief One page of a list. Rows are ordered by id (for names: by name), newest or greatest last,
 * or the other way with descending. after: the last id or name of the page before (position.h when sorted by a value), "" to
 * begin. Only the lists above can be sorted by a value, and need the filter that stands there: else FERRY_E_ARG; others do not
 * look at sort.
 */
struct store_page {
    const char *after;
    uint32_t limit; /**< 1 .. FERRY_PAGE_MAX */
    bool descending;
    store_sort sort;
    struct store_reach *reach; /**< of lists with a filter; null: read on until the page is full or the list at its end */
};

/**
 * @brief How many rows a page may look at, fit or not. When they are used up before the page is full or the list at its
 * end, it has stopped, and goes on behind the last row that it looked at.
 */
struct store_reach {
    uint32_t looks; /**< in: at least 1 · out: what is left */
    bool stopped;   /**< out */
    char after[STORE_POSITION_SIZE]; /**< out, when stopped: for the next page */
};

/** @brief Made since the one and before the other; 0: any. Of what has an id: by the time in it. */
struct store_times {
    uint64_t since_ms, until_ms;
};

/** @brief Filters of a list; null or 0 means "any". */
struct upload_filter {
    const char *product, *device, *name_prefix;
    upload_state state;
    struct store_times made;
};
struct download_filter {
    const ferry_id *deployment;
    const char *product, *device;
    download_state state;
    struct store_times made;
};
struct deployment_filter {
    const char *product;
    deployment_state state;
    struct store_times made;
};
struct resource_filter {
    const char *product, *name_prefix;
    struct store_times made;
};
typedef enum { DEVICES_ALL, DEVICES_ONLINE, DEVICES_OFFLINE } device_choice;
struct device_filter {
    const char *product, *name_prefix, *tag;
    device_choice which; /**< by online_ms */
};
struct audit_filter {
    const char *product, *actor, *object, *action_prefix;
    uint64_t since_ms, until_ms; /**< until: exclusive */
};

/** @brief Number of download tasks of one deployment in each state, by the state's number. */
struct download_counts {
    uint64_t by_state[9];
};

/** @brief How many tasks of one deployment have failed for one cause. */
struct failure_cause {
    download_state state; /**< one of download_state_failed() */
    int32_t result_code;
    char result_msg[FERRY_RESULT_MSG_MAX + 1];
    uint64_t count; /**< at least 1 */
};

/** @brief By how much the numbers of a deployment's tasks that ended well, and that ended otherwise, changed in a span. */
struct deployment_step {
    uint64_t at_ms; /**< where the span begins */
    int64_t done, failed; /**< less than 0 when tasks are tried again */
};

/**
 * @brief How long the span is into which a change of a task counts: 2 s in its first ten minutes, a minute in its first
 *        day, then an hour. So short deployments have a shape, and long ones some thousands of spans at most.
 */
static inline uint64_t deployment_span_ms(uint64_t created_ms, uint64_t at_ms)
{
    if (at_ms < created_ms + 10 * 60 * 1000)
        return 2000;
    return at_ms < created_ms + 24 * 60 * 60 * 1000 ? 60 * 1000 : 60 * 60 * 1000;
}

/** @brief What a transaction is going to change, for a store that other processes change too. */
struct store_scope {
    const struct device_key *devices; /**< the tasks of these, and what the store keeps with them; each once, in the order
                                           of device_key_compare() */
    size_t device_count;
    bool everything;                  /**< whatever it likes; the devices are not looked at */
};

/** @brief Work that one process at a time does for all. */
typedef enum {
    STORE_DUTY_TIMERS = 1,   /**< what falls due: taken for one transaction */
    STORE_DUTY_WEBHOOKS = 2, /**< deliveries: taken for a connection, and kept by asking again */
} store_duty;
enum { STORE_DUTY_KEPT_MS = 5000 }; /**< a connection that did not ask again for that long may lose its duty */

/** @brief Who is told what other processes have committed. Bits of news mean what the tellers mean by them. */
struct store_listener {
    /** On a thread of the store; must not block. After a time without a connection: with all bits. */
    void (*heard)(void *arg, uint32_t news);
    void *arg;
};

/** @brief Totals for status and metrics. */
struct store_totals {
    uint64_t products, devices, resources, deployments, deployments_open;
    uint64_t uploads_open, uploads_stored_bytes, downloads_open;
    uint64_t resource_bytes;
    uint64_t webhooks, webhooks_parked;
};

struct store_ops {
    const char *name;

    /** @retval FERRY_E_LIMIT too many connections, or a second writer */
    ferry_err (*connect)(struct store *s, store_mode mode, struct store_conn **ret_conn);
    void (*disconnect)(struct store_conn *c); /**< rolls back what is open; accepts null */
    void (*close)(struct store *s);           /**< after every disconnect; accepts null */

    /* --- transactions (writer) --------------------------------------------------------------- */

    /** Begins the transaction of a batch. @retval FERRY_E_STATE one is open */
    ferry_err (*begin)(struct store_conn *c);
    /** Makes it durable: when it returns FERRY_OK, a power loss loses nothing. On failure everything since
     *  begin is undone and no transaction is open. */
    ferry_err (*commit)(struct store_conn *c);
    /** Undoes everything since begin. Never fails from the caller's view. */
    void (*rollback)(struct store_conn *c);
    /** Marks a point in the open transaction; not nested. */
    ferry_err (*savepoint)(struct store_conn *c);
    /** Forgets the mark, keeps the changes. */
    ferry_err (*release)(struct store_conn *c);
    /** Undoes the changes since the mark and forgets it. @retval any error: the transaction is lost, roll it back */
    ferry_err (*rewind)(struct store_conn *c);

    /* --- values of the installation (signing keys and such) ----------------------------------- */

    /** *ret_len at most cap. @retval FERRY_E_NOT_FOUND | FERRY_E_LIMIT longer than cap */
    ferry_err (*value_get)(struct store_conn *c, const char *key, void *out, size_t cap, size_t *ret_len);
    /** Adds or replaces. @retval FERRY_E_ARG key not 1 .. FERRY_IDENT_MAX bytes, or more than STORE_VALUE_MAX */
    ferry_err (*value_put)(struct store_conn *c, const char *key, const void *bytes, size_t len);
    /** The greatest time that any row of tasks has borne (updated_ms), also when it is gone; 0 for an empty store. */
    ferry_err (*latest_ms)(struct store_conn *c, uint64_t *ret_ms);

    /* --- products, devices, tokens ------------------------------------------------------------ */

    /** @retval FERRY_E_EXISTS */
    ferry_err (*product_add)(struct store_conn *c, const struct product *p);
    ferry_err (*product_get)(struct store_conn *c, const char *name, struct product *ret);
    /** Replaces its secret; of length 0: none. @retval FERRY_E_ARG too long */
    ferry_err (*product_set_secret)(struct store_conn *c, const char *name, const struct sealed *secret);
    /** @retval FERRY_E_NOT_FOUND | FERRY_E_STATE it still has devices, resources, deployments or tasks */
    ferry_err (*product_remove)(struct store_conn *c, const char *name);
    ferry_err (*product_list)(struct store_conn *c, const struct store_page *page, struct product *out,
                              size_t *ret_count);

    /** @retval FERRY_E_EXISTS | FERRY_E_NOT_FOUND no such product | FERRY_E_ARG a secret is too long.
     *  online_ms and seen_ms are 0, whatever is given. */
    ferry_err (*device_add)(struct store_conn *c, const struct device *d);
    ferry_err (*device_get)(struct store_conn *c, const struct device_key *key, struct device *ret);
    /** Every device whose product and name, written one after the other, are text (the vendor's user names
     *  have no separator). At most cap are given. */
    ferry_err (*device_find_joined)(struct store_conn *c, const char *text, struct device *out, size_t cap,
                                    size_t *ret_count);
    ferry_err (*device_set_disabled)(struct store_conn *c, const struct device_key *key, bool disabled);
    /** Replaces secret, old_secret, old_until_ms, secret_no and unheard of the device with that key. @retval FERRY_E_ARG too long */
    ferry_err (*device_set_secrets)(struct store_conn *c, const struct device *d);
    /** Devices whose old_until_ms (when not 0) is at or before now, earliest first. */
    ferry_err (*device_old_secrets)(struct store_conn *c, uint64_t now_ms, struct device *out, size_t cap,
                                    size_t *ret_count);
    /** Replaces the device's tags. @retval FERRY_E_ARG more than DEVICE_TAGS_MAX, or one that is not valid */
    ferry_err (*device_tags_set)(struct store_conn *c, const struct device_key *key, const struct device_tags *tags);
    /** FERRY_OK also when there is no such device: none. */
    ferry_err (*device_tags_get)(struct store_conn *c, const struct device_key *key, struct device_tags *ret);
    /** seen_ms grows only. */
    ferry_err (*device_set_online)(struct store_conn *c, const struct device_key *key, uint64_t online_ms,
                                   uint64_t seen_ms);
    ferry_err (*device_set_seen)(struct store_conn *c, const struct device_key *key, uint64_t seen_ms);
    /** Removes the device and its tags, not its tasks. */
    ferry_err (*device_remove)(struct store_conn *c, const struct device_key *key);
    /** As totals: never counted anew. Zeros when there is no such product. */
    ferry_err (*device_counts)(struct store_conn *c, const char *product, struct device_counts *ret);
    /** Needs filter->product. Ordered by device name. */
    ferry_err (*device_list)(struct store_conn *c, const struct device_filter *f, const struct store_page *page,
                             struct device *out, size_t *ret_count);

    /** Adds or replaces by name. */
    ferry_err (*token_put)(struct store_conn *c, const struct token *t);
    ferry_err (*token_find)(struct store_conn *c, const uint8_t hash[32], struct token *ret);

    /* --- resources ---------------------------------------------------------------------------- */

    /** Inserts a new version. @retval FERRY_E_EXISTS the id is taken | FERRY_E_NOT_FOUND no such product |
     *  FERRY_E_ARG its description is not valid */
    ferry_err (*resource_add)(struct store_conn *c, const struct resource *r);
    ferry_err (*resource_get)(struct store_conn *c, const ferry_id *id, struct resource *ret);
    /** The newest version of the name. */
    ferry_err (*resource_find)(struct store_conn *c, const char *product, const char *name, struct resource *ret);
    /** Replaces the description. @retval FERRY_E_ARG not valid */
    ferry_err (*resource_describe)(struct store_conn *c, const ferry_id *id, const char *description);
    /** @retval FERRY_E_STATE a deployment (of any state) refers to it */
    ferry_err (*resource_remove)(struct store_conn *c, const ferry_id *id);
    ferry_err (*resource_list)(struct store_conn *c, const struct resource_filter *f, const struct store_page *page,
                               struct resource *out, size_t *ret_count);

    /* --- upload tasks ------------------------------------------------------------------------- */

    /** Inserts, or replaces the row with that id. */
    ferry_err (*upload_put)(struct store_conn *c, const struct upload_task *t);
    ferry_err (*upload_get)(struct store_conn *c, const ferry_id *id, struct upload_task *ret);
    /** The device's tasks in created, uploading or stored, NEWEST first, at most cap. */
    ferry_err (*upload_open)(struct store_conn *c, const struct device_key *device, struct upload_task *out,
                             size_t cap, size_t *ret_count);
    /** The device's tasks of that name, in any state, NEWEST first, at most cap. */
    ferry_err (*upload_named)(struct store_conn *c, const struct device_key *device, const char *name,
                              struct upload_task *out, size_t cap, size_t *ret_count);
    /** Tasks in created or uploading whose expires_ms (when not 0) is at or before now, earliest first. */
    ferry_err (*upload_due)(struct store_conn *c, uint64_t now_ms, struct upload_task *out, size_t cap,
                            size_t *ret_count);
    ferry_err (*upload_remove)(struct store_conn *c, const ferry_id *id);
    ferry_err (*upload_list)(struct store_conn *c, const struct upload_filter *f, const struct store_page *page,
                             struct upload_task *out, size_t *ret_count);

    /* --- deployments and download tasks ------------------------------------------------------- */

    /** Inserts, or replaces the row with that id. @retval FERRY_E_NOT_FOUND no such resource */
    ferry_err (*deployment_put)(struct store_conn *c, const struct deployment *d);
    ferry_err (*deployment_get)(struct store_conn *c, const ferry_id *id, struct deployment *ret);
    ferry_err (*deployment_list)(struct store_conn *c, const struct deployment_filter *f,
                                 const struct store_page *page, struct deployment *out, size_t *ret_count);
    /** Active or paused deployments whose expand_done is false, oldest first. */
    ferry_err (*deployment_expanding)(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count);
    /** Deployments with a sweep, oldest first. */
    ferry_err (*deployment_sweeping)(struct store_conn *c, struct deployment *out, size_t cap, size_t *ret_count);
    /** As totals: never counted anew. */
    ferry_err (*deployment_counts)(struct store_conn *c, const ferry_id *id, struct download_counts *ret);
    /** How many of its tasks have failed for the cause: one look-up, unless the cause names a code or a text and not all three. */
    ferry_err (*deployment_failed)(struct store_conn *c, const ferry_id *id, const struct retry_cause *cause, uint64_t *ret_count);
    /** The causes that most of its tasks failed for, at most cap (at least 1), most first, then by state, code and text. Kept as
     *  the counts are. ret_all: tasks that failed, for these causes and others. */
    ferry_err (*deployment_causes)(struct store_conn *c, const ferry_id *id, struct failure_cause *out, size_t cap,
                                   size_t *ret_count, uint64_t *ret_all);
    /** The spans in which tasks of the deployment ended or were tried again, from from_ms on, in the order of time. Kept
     *  by every change; they stay when retention removes the tasks, and go with the deployment. */
    ferry_err (*deployment_steps)(struct store_conn *c, const ferry_id *id, uint64_t from_ms, struct deployment_step *out,
                                  size_t cap, size_t *ret_count);

    /** Inserts, or replaces the row with that id (its read-only fields are ignored).
     *  @retval FERRY_E_NOT_FOUND no such resource */
    ferry_err (*download_put)(struct store_conn *c, const struct download_task *t);
    ferry_err (*download_get)(struct store_conn *c, const ferry_id *id, struct download_task *ret);
    /** The device's oldest open tasks, at most cap; after: those behind this one, null: all. */
    ferry_err (*download_open)(struct store_conn *c, const struct device_key *device, const ferry_id *after,
                               struct download_task *out, size_t cap, size_t *ret_count);
    /** Those of them that it was told of and has not ended, oldest first, at most cap. */
    ferry_err (*download_running)(struct store_conn *c, const struct device_key *device, struct download_task *out, size_t cap,
                                  size_t *ret_count);
    /** The device's tasks for resources of that name, in any state, NEWEST first, at most cap. */
    ferry_err (*download_named)(struct store_conn *c, const struct device_key *device, const char *name,
                                struct download_task *out, size_t cap, size_t *ret_count);
    /** Open tasks whose wake_ms or deadline_ms (when not 0) is at or before now, earliest first. */
    ferry_err (*download_due)(struct store_conn *c, uint64_t now_ms, struct download_task *out, size_t cap,
                              size_t *ret_count);
    ferry_err (*download_list)(struct store_conn *c, const struct download_filter *f, const struct store_page *page,
                               struct download_task *out, size_t *ret_count);

    /* --- what devices reported about their tasks; it goes with the task ------------------------ */

    /** Adds a report with the next number. Of more than TASK_REPORTS_MAX the second oldest goes. Whether there is such a
     *  task is the caller's affair. */
    ferry_err (*report_add)(struct store_conn *c, const ferry_id *task, const struct task_report *r);
    /** Ordered by number; page->after is one in decimal digits. @retval FERRY_E_ARG it is not */
    ferry_err (*report_list)(struct store_conn *c, const ferry_id *task, const struct store_page *page,
                             struct task_report *out, size_t *ret_count);

    /* --- house-keeping ------------------------------------------------------------------------ */

    /** The earliest time at which upload_due, download_due, device_old_secrets or webhook_old_secrets will give something;
     *  UINT64_MAX when nothing waits. */
    ferry_err (*next_due_ms)(struct store_conn *c, uint64_t *ret_ms);
    /** Ended tasks with ended_ms before the time, those of one product oldest first: for retention. */
    ferry_err (*upload_ended_before)(struct store_conn *c, uint64_t ms, struct upload_task *out, size_t cap,
                                     size_t *ret_count);
    /** Removes at most cap download tasks that ended before the time (their number is given), and at most cap
     *  finished or cancelled deployments without tasks that were last changed before it. */
    ferry_err (*download_prune)(struct store_conn *c, uint64_t ended_before_ms, size_t cap, size_t *ret_removed);
    /** Kept up to date by every change, never counted anew: one look-up. (The store in memory does count: it is for tests.) */
    ferry_err (*totals)(struct store_conn *c, struct store_totals *ret);
    /** Adds what ended in each time of the span, of a product or (null) of all, to span->count numbers. They are kept by every
     *  change, and stay when a task or its product goes. @retval FERRY_E_ARG a time of no hours, or none */
    ferry_err (*statistics)(struct store_conn *c, const char *product, const struct statistics_span *span,
                            struct statistics *inout);
    /** Removes, oldest first and at most cap, numbers (of a product, an hour and a direction) of before that hour. */
    ferry_err (*statistics_prune)(struct store_conn *c, uint64_t before_hour, size_t cap, size_t *ret_removed);

    /* --- operators (token_put and token_find stand above) -------------------------------------- */

    ferry_err (*token_get)(struct store_conn *c, const char *name, struct token *ret);
    ferry_err (*token_remove)(struct store_conn *c, const char *name);
    /** Sets used_ms. */
    ferry_err (*token_touch)(struct store_conn *c, const char *name, uint64_t used_ms);
    ferry_err (*token_list)(struct store_conn *c, const struct store_page *page, struct token *out, size_t *ret_count);

    /** Adds or replaces by name. */
    ferry_err (*user_put)(struct store_conn *c, const struct user *u);
    ferry_err (*user_get)(struct store_conn *c, const char *name, struct user *ret);
    ferry_err (*user_remove)(struct store_conn *c, const char *name);
    ferry_err (*user_list)(struct store_conn *c, const struct store_page *page, struct user *out, size_t *ret_count);

    /** Adds or replaces by hash. */
    ferry_err (*session_put)(struct store_conn *c, const struct session *s);
    ferry_err (*session_find)(struct store_conn *c, const uint8_t hash[32], struct session *ret);
    ferry_err (*session_remove)(struct store_conn *c, const uint8_t hash[32]);
    ferry_err (*session_touch)(struct store_conn *c, const uint8_t hash[32], uint64_t used_ms);
    /** Removes the user's sessions, but for the newest of them; FERRY_OK also when there is none. */
    ferry_err (*session_trim)(struct store_conn *c, const char *user, uint32_t keep);
    /** Removes sessions that were last used before the first time or expire at or before the second. */
    ferry_err (*session_prune)(struct store_conn *c, uint64_t used_before_ms, uint64_t now_ms);

    ferry_err (*lockout_get)(struct store_conn *c, const char *name, struct lockout *ret);
    /** Adds or replaces by name. Of more than cap rows, those of no user that were changed longest ago are removed. */
    ferry_err (*lockout_put)(struct store_conn *c, const struct lockout *l, uint32_t cap);
    ferry_err (*lockout_remove)(struct store_conn *c, const char *name);

    /* --- the audit log: records are added and never changed ------------------------------------- */

    /** The end of the log; zeros for an empty one. */
    ferry_err (*audit_head)(struct store_conn *c, struct audit_head *ret);
    /** @retval FERRY_E_STATE seq does not follow the last one, or prev is not its hash | FERRY_E_EXISTS somebody
     *  else has put a record there */
    ferry_err (*audit_append)(struct store_conn *c, const struct audit_record *r);
    /** Ordered by seq; page->after is one in decimal digits. @retval FERRY_E_ARG it is not */
    ferry_err (*audit_list)(struct store_conn *c, const struct audit_filter *f, const struct store_page *page,
                            struct audit_record *out, size_t *ret_count);
    /** Removes the records up to seq, for good. @retval FERRY_E_ARG above the last one */
    ferry_err (*audit_cut)(struct store_conn *c, uint64_t seq);

    /* --- the event log (event.h): events are added, and removed only from its beginning ------------ */

    /** Gives it the next id, whatever it has. */
    ferry_err (*event_append)(struct store_conn *c, const struct event *e);
    ferry_err (*event_bounds)(struct store_conn *c, struct event_bounds *ret);
    /** The events behind the id, oldest first, at most cap. @retval FERRY_E_ARG cap not 1 .. FERRY_PAGE_MAX */
    ferry_err (*event_list)(struct store_conn *c, uint64_t after, struct event *out, size_t cap, size_t *ret_count);
    /** When a device came (EVENT_ONLINE) and went (EVENT_OFFLINE), ordered by id; page->after is one in decimal digits.
     *  @retval FERRY_E_ARG it is not */
    ferry_err (*event_presence)(struct store_conn *c, const struct device_key *key, const struct store_page *page,
                                struct event *out, size_t *ret_count);
    /** Removes the events up to the id. @retval FERRY_E_ARG the last one is among them: it stays */
    ferry_err (*event_cut)(struct store_conn *c, uint64_t id);

    /* --- answers that are given again (kept_answer.h) ------------------------------------------- */

    /** Adds or replaces by key; it is the newest then. @retval FERRY_E_ARG a secret is too long */
    ferry_err (*kept_answer_put)(struct store_conn *c, const struct kept_answer *a);
    ferry_err (*kept_answer_get)(struct store_conn *c, const uint8_t key[KEPT_DIGEST_BYTES], struct kept_answer *ret);
    /** Removes, oldest first and at most cap (FERRY_PAGE_MAX), those that were made before the time, and those that are not
     *  among the newest keep. */
    ferry_err (*kept_answer_prune)(struct store_conn *c, uint64_t before_ms, uint64_t keep, size_t cap, size_t *ret_removed);

    /* --- resources on their way in ---------------------------------------------------------------- */

    /** Inserts, or replaces stored_ms, expires_ms and seen_bytes of the row with that id.
     *  @retval FERRY_E_NOT_FOUND no such product | FERRY_E_ARG */
    ferry_err (*resource_upload_put)(struct store_conn *c, const struct resource_upload *u);
    ferry_err (*resource_upload_get)(struct store_conn *c, const ferry_id *id, struct resource_upload *ret);
    /** The newest with this product, name, size, md5 and sha256. */
    ferry_err (*resource_upload_same)(struct store_conn *c, const struct resource_upload *like,
                                      struct resource_upload *ret);
    ferry_err (*resource_upload_remove)(struct store_conn *c, const ferry_id *id);
    /** product: null for all. */
    ferry_err (*resource_upload_list)(struct store_conn *c, const char *product, const struct store_page *page,
                                      struct resource_upload *out, size_t *ret_count);
    /** Those to be looked at by now, the longest due first, at most cap. */
    ferry_err (*resource_upload_due)(struct store_conn *c, uint64_t now_ms, struct resource_upload *out, size_t cap,
                                     size_t *ret_count);

    /* --- webhooks (webhook.h) ------------------------------------------------------------------- */

    /** Inserts, or replaces the row with that id. */
    ferry_err (*webhook_put)(struct store_conn *c, const struct webhook *w);
    ferry_err (*webhook_get)(struct store_conn *c, const ferry_id *id, struct webhook *ret);
    ferry_err (*webhook_remove)(struct store_conn *c, const ferry_id *id);
    ferry_err (*webhook_list)(struct store_conn *c, const struct store_page *page, struct webhook *out,
                              size_t *ret_count);
    /** Webhooks whose old_until_ms (when not 0) is at or before now, earliest first. */
    ferry_err (*webhook_old_secrets)(struct store_conn *c, uint64_t now_ms, struct webhook *out, size_t cap,
                                     size_t *ret_count);

    /* --- quotas (quota.h) --------------------------------------------------------------------- */

    /** Adds or replaces a product's own limits. @retval FERRY_E_NOT_FOUND no such product */
    ferry_err (*quota_put)(struct store_conn *c, const struct quota *q);
    /** @retval FERRY_E_NOT_FOUND it has none of its own */
    ferry_err (*quota_get)(struct store_conn *c, const char *product, struct quota *ret);
    /** They also go with their product. */
    ferry_err (*quota_remove)(struct store_conn *c, const char *product);
    /** What counts for a device, or (null) for the whole product; zeros when there is no such thing. Kept up to date by
     *  every change, never counted anew: one look-up. */
    ferry_err (*usage_get)(struct store_conn *c, const char *product, const char *device, struct usage *ret);

    /* --- many processes: all null in a store that one process has for itself ------------------- */

    /**
     * In a transaction, before anything is read: waits until no other process changes what is in the scope, and keeps others
     * from it until the transaction ends. Once in a transaction. What the transaction reads afterwards is of now.
     * @retval FERRY_E_BUSY not within the time that the store waits for others
     */
    ferry_err (*claim)(struct store_conn *c, const struct store_scope *scope);
    /** Takes a duty unless another process has it; never waits. In a transaction: to its end. Outside: for as long as the
     *  connection stands, and it is asked for again within STORE_DUTY_KEPT_MS each time. */
    ferry_err (*take_duty)(struct store_conn *c, store_duty duty, bool *ret_mine);
    /**
     * Saves round trips: what a transaction will read is found out by running it without effect. The first call begins the
     * rehearsal; until a call gives false, changes and savepoints do nothing, and a read whose answer is not here gives
     * FERRY_E_AGAIN. Each further call fetches at once what was asked for. *ret_again: run once more; else run in earnest.
     */
    ferry_err (*rehearse)(struct store_conn *c, bool *ret_again);
    /** How many processes have a writer now, this one too: at least 1. */
    ferry_err (*processes)(struct store_conn *c, unsigned *ret_count);
    /** Tells the other processes, when the transaction is committed. */
    ferry_err (*tell)(struct store_conn *c, uint32_t news);
    /** Begins to listen, before the first turn; null ends it: when that returns, no call runs or will run.
     *  @retval FERRY_E_STATE somebody listens | FERRY_E_NOMEM */
    ferry_err (*listen)(struct store *s, const struct store_listener *listener);
};

struct store {
    const struct store_ops *ops;
};

/** @brief begin, while no other process changes anything until the transaction ends. Errors: those of begin and claim; then no
 *  transaction is open. */
FERRY_MUST_CHECK ferry_err store_begin_alone(const struct store_ops *ops, struct store_conn *conn);

#endif
