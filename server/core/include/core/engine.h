/**
 * @file engine.h
 * @brief The engine: one thread that owns every change of state (docs/architecture.md).
 *
 * Whatever changes something is a command in one bounded inbox. The engine takes a batch, runs the
 * rules on each command inside one transaction, commits, and only then lets the effects out:
 * answers to devices, results to callers. What anybody was told is on disk.
 */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "api/bus.h"
#include "api/clock.h"
#include "api/model.h"
#include "api/objects.h"
#include "api/store.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

/** @brief Settings; zero-initialise, then engine_settings_defaults(). */
struct engine_settings {
    uint32_t inbox_max;       /**< commands that may wait */
    uint32_t batch_max;       /**< commands in one transaction */
    uint64_t object_size_max; /**< bytes */
    uint32_t url_life_s;      /**< FERRY_URL_LIFE_MIN_S .. FERRY_URL_LIFE_MAX_S */
    uint32_t uploads_open_max;
    uint32_t push_retry_first_s;
    uint32_t push_retry_max_s;
    uint32_t deploy_retry_first_s;
    uint32_t deploy_retry_max_s;
    uint32_t retention_days;  /**< 0: finished tasks are kept for ever */
    uint32_t audit_retention_days; /**< 0: the audit log is kept for ever */
    uint32_t events_days;     /**< 0: events are not removed for their age */
    uint64_t events_max;      /**< ... but the oldest when there are more than so many; at least 1 */
    uint32_t statistics_days; /**< 0: the numbers by the hour are kept for ever */
    uint32_t resource_upload_life_s; /**< a resource on its way in is given up when no byte came for that long */
    uint32_t answers_kept_s;  /**< answers to requests with a key are given again for that long */
    uint32_t answers_max;     /**< ... but no more of them than this are kept; at least 1 */
    uint32_t session_idle_s;  /**< a session that was not used for that long is over */
    uint32_t session_life_s;  /**< ... and so is one of that age */
    struct quota_limits quota; /**< of every product that has none of its own */
    uint32_t device_requests_per_min; /**< of one device, evenly or at once; 0: no limit */
    uint32_t webhooks_max;    /**< at most so many */
    bool no_presence_events;  /**< that devices came and went is not in the event log */
    bool broker_is_ours;      /**< it has our plugin: it is told of devices that may have lost their right to connect */
};

void engine_settings_defaults(struct engine_settings *settings);

/** @brief What the engine works with. All must outlive it; it closes none of them. */
struct engine_parts {
    struct store *store;
    struct objects *objects;
    struct bus *bus;
    struct clock *clock;
};

/* --- commands of the HTTP side ------------------------------------------------------------------ */

typedef enum {
    CMD_PRODUCT_ADD = 1,   /**< product */
    CMD_PRODUCT_REMOVE,    /**< product.name. E_NOT_FOUND, E_STATE */
    CMD_DEVICE_ADD,        /**< device (secret given), tags. E_EXISTS, E_NOT_FOUND product */
    CMD_DEVICE_IMPORT,     /**< imports: new devices of one product; those that are there already stay as they are. count out:
                                so many were added. E_NOT_FOUND product */
    CMD_DEVICE_REMOVE,     /**< device.key; its open tasks are cancelled. E_NOT_FOUND */
    CMD_DEVICE_CHANGE,     /**< device.key; device.disabled and tags count with disabled_given, tags_given. E_NOT_FOUND */
    CMD_DEVICE_ROTATE,     /**< device.key, its new device.secret; device.old_until_ms: how long the present one is good
                                besides, in ms. device out. E_NOT_FOUND */
    CMD_DEVICE_REGISTER,   /**< device with its secret: it registers itself, once more if it was not heard since.
                                E_DENIED the product has no secret, or the device is there */
    CMD_PRODUCT_SECRET,    /**< product.name, product.secret (none: length 0). E_NOT_FOUND */
    CMD_RESOURCE_ADD,      /**< resource; its object is there already. E_NOT_FOUND product, E_QUOTA the quota */
    CMD_RESOURCE_CHANGE,   /**< id, resource.description. E_NOT_FOUND */
    CMD_RESOURCE_REMOVE,   /**< id: that version. E_NOT_FOUND, E_STATE in use */
    CMD_RESOURCE_UPLOAD_ADD, /**< resource_upload: a resource will come in several requests. With a digest, and when there is the same
                                already, that one. resource_upload out; count: 1 when it is new. E_NOT_FOUND product, E_QUOTA */
    CMD_RESOURCE_UPLOAD_DONE, /**< resource: of the upload with its id, whose object is there. resource_upload out; count: 0 when it was
                                one already. E_NOT_FOUND it was given up */
    CMD_RESOURCE_UPLOAD_CAME, /**< id: its object came to the store by itself, and is what the upload says (both digests).
                                resource_upload out; count: 0 when it was a resource already. E_NOT_FOUND it was given up */
    CMD_RESOURCE_UPLOAD_REMOVE, /**< id: it is given up; a resource that it has become stays. E_NOT_FOUND */
    CMD_DEPLOY,            /**< deploy in, deployment out. E_NOT_FOUND (also: no device has the tag), E_ARG (detail says which device) */
    CMD_DEPLOYMENT_CANCEL, /**< id. Cancels every open task. E_NOT_FOUND, E_STATE ended already */
    CMD_DEPLOYMENT_PAUSE,  /**< id: nothing more is offered. deployment out. E_NOT_FOUND, E_STATE */
    CMD_DEPLOYMENT_RESUME, /**< id: it goes on. deployment out. E_NOT_FOUND, E_STATE not paused */
    CMD_DEPLOYMENT_RETRY,  /**< id, retry: tasks that ended for that cause are queued again, in steps; count out: how many
                                there are. E_NOT_FOUND, E_ARG, E_STATE it is being resumed, retried or cancelled */
    CMD_DOWNLOAD_CANCEL,   /**< id: one device's task. E_NOT_FOUND, E_STATE ended already */
    CMD_DOWNLOAD_RETRY,    /**< id: one device's ended task is queued again. E_NOT_FOUND, E_STATE it is open or done */
    CMD_UPLOAD_ACTIVE,     /**< id, device.key: bytes are arriving; the task is uploading and does not expire. E_NOT_FOUND, E_STATE cancelled, E_QUOTA
                                the quota: a task that had ended must fit in anew */
    CMD_UPLOAD_STORED,     /**< id, device.key: the object is whole, verified and durable. E_NOT_FOUND, E_STATE cancelled, or its device is
                                disabled, E_QUOTA the quota: then CMD_UPLOAD_UNWANTED is due. E_BUSY the object is gone */
    CMD_UPLOAD_UNWANTED,   /**< id, device.key: what was brought is refused; its object is removed, unless another transfer of the same bytes
                                has been told that it is stored */
    CMD_QUOTA_SET,         /**< quota. E_NOT_FOUND product, E_ARG a number above 2^63-1 */
    CMD_QUOTA_RESET,       /**< quota.product: the settings' limits again. E_NOT_FOUND it has none of its own */
    CMD_UPLOAD_EXPIRE,     /**< id: its object was looked for and is not there; an open task whose time is over ends */
    CMD_RESOURCE_UPLOAD_SEEN, /**< id, resource_upload.seen_bytes: so much is there of one to which nothing seemed to come */
    CMD_UPLOAD_REMOVE,     /**< id: task and object; an open one is cancelled first. E_NOT_FOUND */
    CMD_OBJECTS_VERIFY,    /**< product.name, "" for all: what is in the object store is about to be compared. E_NOT_FOUND product */
    CMD_OBJECTS_VERIFY_END, /**< ... is compared no further */
    CMD_OBJECT_DAMAGED,    /**< id, damage: the object of this upload task or resource is not what it was. E_NOT_FOUND */
    CMD_TOKEN_ADD,         /**< token. E_EXISTS */
    CMD_TOKEN_REMOVE,      /**< token.name. E_NOT_FOUND */
    CMD_USER_ADD,          /**< user. E_EXISTS */
    CMD_USER_CHANGE,       /**< user; what is empty stays, products count with user_scope_given. Ends the user's sessions. E_NOT_FOUND */
    CMD_USER_REMOVE,       /**< user.name; ends the sessions. E_NOT_FOUND */
    CMD_LOGIN,             /**< login, user.name, user.password (what was compared with), session.hash and from */
    CMD_LOGOUT,            /**< session. E_NOT_FOUND */
    CMD_TOUCH,             /**< token.name, or session.hash: it was used now */
    CMD_WEBHOOK_ADD,       /**< webhook with id, url, filter, secret and state. E_STATE too many */
    CMD_WEBHOOK_CHANGE,    /**< webhook.id, and of it what webhook_given names. webhook out. E_NOT_FOUND */
    CMD_WEBHOOK_ROTATE,    /**< webhook.id, its new webhook.secret; webhook.old_until_ms: how long requests are signed with the
                                present one besides, in ms. webhook out. E_NOT_FOUND */
    CMD_WEBHOOK_RESUME,    /**< webhook.id: begins anew, also a parked one; webhook_skip: with what happens from now on.
                                webhook out. E_NOT_FOUND, E_STATE disabled */
    CMD_WEBHOOK_REMOVE,    /**< webhook.id. E_NOT_FOUND */
    CMD_WEBHOOK_NOTE,      /**< webhook.id, its revision, state and progress: how the deliveries go */
    CMD_COUNT,             /**< no command: behind the last one */
} command_kind;

/** @brief What a CMD_WEBHOOK_CHANGE changes. DISABLED: webhook.state is WEBHOOK_DISABLED or WEBHOOK_ACTIVE. */
enum {
    COMMAND_WEBHOOK_URL = 1 << 0,
    COMMAND_WEBHOOK_TYPES = 1 << 1,
    COMMAND_WEBHOOK_PRODUCT = 1 << 2,
    COMMAND_WEBHOOK_DEVICE = 1 << 3,
    COMMAND_WEBHOOK_DISABLED = 1 << 4,
};

/** @brief An order to deliver a resource. The arrays are the caller's until the command is done. */
struct deploy_order {
    char product[FERRY_IDENT_MAX + 1];
    char resource_name[FERRY_NAME_MAX + 1];
    ferry_id resource;                      /**< which version of it; none: the newest */
    const char *const *devices;             /**< device names; ignored with all and tag */
    size_t device_count;
    bool all;
    char tag[DEVICE_TAG_MAX + 1];           /**< "", or: all that have this tag */
    bool force;             /**< also what vendor devices cannot handle (name not portable, 2 GiB and more) */
    uint32_t rate_per_min;  /**< 0: no limit */
    uint32_t timeout_s;     /**< 0: FERRY_DEPLOY_TIMEOUT_S */
    uint32_t retries;       /**< of each device, by itself, at most FERRY_DEPLOY_RETRIES_MAX */
    uint64_t start_ms;      /**< Unix ms; in the past, or 0: at once */
    uint64_t end_ms;        /**< 0: never; else after now and start_ms */
};

/** @brief A new device in a list. */
struct device_import {
    struct device device; /**< key and secret */
    struct device_tags tags;
};

enum { COMMAND_DETAIL_SIZE = 192 };

/** @brief Who gives a command, for the audit log; zeros: the platform itself. */
struct command_origin {
    char actor[AUDIT_ACTOR_SIZE]; /**< "token/NAME", "user/NAME", "device/P/D" */
    char from[ADDRESS_TEXT_SIZE];
};

/** @brief An attempt to log in. */
struct login_attempt {
    bool matched;      /**< in: the password was that of user.password */
    bool decided;      /**< out: the rest is valid */
    bool accepted;     /**< the session exists */
    uint32_t failures; /**< not accepted: so many in a row */
    uint64_t until_ms; /**< ... no attempt is looked at before */
};

/**
 * @brief One command with its result. The memory is the caller's from the beginning to done().
 */
struct command {
    command_kind kind;
    struct command_origin origin;
    /** Looked at first, on the engine's thread, in the transaction of the change; may be null. It reads over conn and must not
     *  block. Other than FERRY_OK: that is the result, and nothing is changed. */
    ferry_err (*condition)(struct command *command, struct store_conn *conn);
    /** Called last in the transaction, likewise, when the change is done; may be null. It may write over conn. Other than FERRY_OK:
     *  the change is undone. The transaction may still fail after it. */
    ferry_err (*completion)(struct command *command, struct store_conn *conn);
    /* in, as the kind says */
    ferry_id id;
    struct product product;
    struct device device;
    struct device_tags tags;
    bool disabled_given, tags_given;
    const struct device_import *imports; /**< the caller's until the command is done */
    size_t import_count;
    struct resource resource;
    struct resource_upload resource_upload;
    struct quota quota;
    struct deploy_order deploy;
    struct retry_cause retry;
    const char *damage; /**< one sentence; static storage */
    uint64_t rate_bytes; /**< of CMD_OBJECTS_VERIFY, for who gave it */
    struct token token;
    struct user user;
    bool user_scope_given;
    struct session session;
    struct login_attempt login;
    struct webhook webhook;
    unsigned webhook_given; /**< COMMAND_WEBHOOK_... */
    bool webhook_skip;
    /* out, valid in and after done() */
    ferry_err result;                 /**< FERRY_OK: committed to disk */
    char detail[COMMAND_DETAIL_SIZE]; /**< on failure: what is wrong and what to do, one sentence */
    struct deployment deployment;
    uint64_t count;
    struct upload_task upload; /**< CMD_UPLOAD_...: the task as it is now */
    /** Called once, on the engine's thread after the commit; must not block and may free the command. Required. */
    void (*done)(struct command *command, void *arg);
    void *arg;
};

/**
 * @brief Makes an engine and connects its writer to the store. Also makes up for what a sudden end left:
 * open upload tasks whose object is whole become stored, leftovers in the object store are swept.
 * Errors: those of the store, the objects, FERRY_E_NOMEM, FERRY_E_ARG. May wait for the disk.
 */
FERRY_MUST_CHECK ferry_err engine_new(const struct engine_parts *parts, const struct engine_settings *settings,
                                      struct engine **ret_engine);
/** @brief Stops if needed, frees. Accepts null. */
void engine_free(struct engine *engine);

/** @brief Starts the engine's own thread. A simulation calls engine_turn() instead. */
FERRY_MUST_CHECK ferry_err engine_start(struct engine *engine);
/** @brief Takes no new commands (FERRY_E_CLOSED), finishes those in the inbox, ends the thread. Idempotent. */
void engine_stop(struct engine *engine);

/**
 * @brief One turn: due timers and at most one batch of commands, committed, effects let out.
 * Only without engine_start(), by one thread. *ret_again_ms: engine time when the next timer is due.
 */
void engine_turn(struct engine *engine, uint64_t *ret_again_ms);

/**
 * @brief Puts a command into the inbox. Any thread. Never blocks.
 * @retval FERRY_E_BUSY the inbox is full: done() will not be called | FERRY_E_CLOSED likewise
 */
FERRY_MUST_CHECK ferry_err engine_submit(struct engine *engine, struct command *command);
/** @brief Submits and waits for done (arg and done are overwritten). Returns command->result, or BUSY/CLOSED.
 *  Not from the engine's thread. */
FERRY_MUST_CHECK ferry_err engine_call(struct engine *engine, struct command *command);

/**
 * @brief The listener to give to bus start: parses device messages and puts them into the inbox; when it is
 * full, or a device sends more than its share, answers "busy" at once. arg is the engine.
 */
struct bus_listener engine_bus_listener(struct engine *engine);

/** @brief The engine's time: Unix milliseconds that never go back, whatever happens to the wall clock
 *  (URL expiry is judged by it). Any thread. */
uint64_t engine_now_ms(struct engine *engine);

/** @brief Grows after the commit of each change of tokens, users or sessions, before anybody hears of it: what was
 *  read of them before is no longer to be trusted. Any thread. */
uint64_t engine_operators_generation(struct engine *engine);

/** @brief Grows after the commit of each change that may take away the right to fetch a file (a download task that ended otherwise than
 *  done or is gone, a device that is disabled or gone), before anybody hears of it: what was read of them since *ret_generation was
 *  taken holds until it grows. False: other processes change them too, and nothing holds. Any thread. */
bool engine_fetch_rights(struct engine *engine, uint64_t *ret_generation);
/** @brief The counter revocations_total alone: cheaper than all of them. Any thread. */
uint64_t engine_revocations(struct engine *engine);

/** @brief Is it known now which devices are connected? Only of a broker with our plugin, while the connection to it
 *  stands. Else what the store has is of before. Of several processes one is told: the others know it from the store. Any thread. */
bool engine_presence_known(struct engine *engine);
/** @brief How many devices are connected; while that is not known, how many were. Any thread. */
uint64_t engine_devices_connected(struct engine *engine);

/** @brief What changes and is in no event log: who shows it is told that it did, and reads it again. */
typedef enum {
    ENGINE_TOPIC_PRESENCE, /**< devices came or went */
    ENGINE_TOPIC_WEBHOOKS, /**< by an operator, or how their deliveries go */
    ENGINE_TOPIC_USERS,
    ENGINE_TOPIC_TOKENS, /**< that one was used too */
    ENGINE_TOPIC_AUDIT,
    ENGINE_TOPICS,
} engine_topic;

/** @brief Grows after each commit that changed something of it. Who watches events is woken by presence only: the rest is
 *  looked at now and then. Any thread. */
uint64_t engine_topic_generation(struct engine *engine, engine_topic topic);

/** @brief Grows after the commit of each change of webhooks by an operator. Any thread. */
uint64_t engine_webhooks_generation(struct engine *engine);
/** @brief Counts an attempt to tell a webhook of an event. Any thread. */
void engine_count_delivery(struct engine *engine, bool delivered);

/** @brief wake is called after each commit that wrote events, or changed webhooks or who is connected, on the engine's thread: it must not block. Any
 *  thread. @retval FERRY_E_LIMIT too many watch already */
FERRY_MUST_CHECK ferry_err engine_watch_events(struct engine *engine, void (*wake)(void *arg), void *arg);
/** @brief Ends that. When this returns no such call is under way. Nothing happens when there is no such watcher. */
void engine_unwatch_events(struct engine *engine, void (*wake)(void *arg), void *arg);

/* --- counters ------------------------------------------------------------------------------------ */

/** name, help text: each is a monotonic counter except those that end in _now */
#define ENGINE_STATS_LIST(X)                                                                      \
    X(messages_total, "device messages taken in")                                                 \
    X(messages_ignored_total, "device messages that are no JSON object or have no known type")    \
    X(messages_busy_total, "device messages answered with busy because the inbox was full")       \
    X(messages_limited_total, "device messages refused because the device sent too many")           \
    X(messages_unknown_device_total, "device messages from devices that are not registered or disabled") \
    X(commands_total, "commands of the HTTP side")                                                \
    X(commands_failed_total, "commands that were undone alone")                                   \
    X(batches_total, "transactions committed")                                                    \
    X(batches_failed_total, "transactions that could not be committed")                           \
    X(published_total, "messages given to the broker")                                            \
    X(publish_failed_total, "messages that could not be given to the broker")                     \
    X(uploads_created_total, "upload tasks made")                                                 \
    X(uploads_stored_total, "uploads verified and stored")                                        \
    X(objects_damaged_total, "objects found to be missing, or not what they were")                 \
    X(downloads_offered_total, "download tasks offered to a device")                              \
    X(downloads_done_total, "download tasks finished by the device")                              \
    X(revocations_total, "changes that may take away the right to a transfer under way")                \
    X(webhook_deliveries_total, "events that a webhook's receiver has taken")                     \
    X(webhook_failures_total, "attempts to tell a webhook of an event that failed")               \
    X(inbox_depth_now, "commands waiting")                                                        \
    X(link_up_now, "1 while the connection to the broker stands")                                 \
    X(presence_known_now, "1 while it is known which devices are connected")                      \
    X(devices_connected_now, "devices connected to the broker; 0 while that is not known")

struct engine_stats {
#define X(name, help) uint64_t name;
    ENGINE_STATS_LIST(X)
#undef X
};

/** @brief A snapshot of the counters. Any thread, never blocks for long. */
void engine_get_stats(struct engine *engine, struct engine_stats *ret_stats);
/** @brief FERRY_OK when the last transaction could be committed, else why not. Any thread. */
ferry_err engine_health(struct engine *engine);

#endif
