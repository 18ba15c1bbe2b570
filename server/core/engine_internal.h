/**
 * @file engine_internal.h
 * @brief What the files of the engine share. Everything here runs on the engine's thread, inside a
 * transaction, unless it says otherwise.
 */
#ifndef CORE_ENGINE_INTERNAL_H
#define CORE_ENGINE_INTERNAL_H

#include "api/presence.h"
#include "core/engine.h"
#include "core/measures.h"
#include "base/rate.h"
#include "background_rules.h"
#include "effects.h"
#include "inbox.h"
#include "presence_table.h"
#include "proto/message.h"
#include "proto/topic.h"
#include "core/quota_rules.h"
#include "timekeeper.h"
#include "core/webhook_rules.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    ENGINE_UNFINISHED_MAX = 64, /* newest unfinished uploads of a device that a message is matched against */
    ENGINE_OPEN_DOWNLOADS_MAX = 64,
    ENGINE_RUNNING_MAX = 2, /* downloads of a device that run: one, and the one that has just ended */
    ENGINE_NAMED_MAX = 64, /* newest tasks of one name among which a report's MD5 is looked for */
    ENGINE_ROWS_MAX = 128, /* tasks that are read at once */
    ENGINE_DUE_STEP = 50,  /* of those that are due, or old, so many a turn handles when nobody waits: so long does who comes meanwhile */
    ENGINE_DEVICES_MAX = FERRY_PAGE_MAX, /* devices that are read at once */
    ENGINE_SETTLING_MAX = 64,  /* deployments whose end a turn looks for at its end; of more at once */
    ENGINE_WATCHERS_MAX = 4,
    ENGINE_IDS_AHEAD = 32, /* for which random bytes are drawn together: a system call costs more than an id */
    ENGINE_STATS_COUNT = sizeof(struct engine_stats) / sizeof(uint64_t),
};
_Static_assert(ENGINE_DUE_STEP <= ENGINE_ROWS_MAX && ENGINE_NAMED_MAX <= ENGINE_ROWS_MAX && ENGINE_UNFINISHED_MAX <= ENGINE_ROWS_MAX,
               "they are read into the same rows");

/** @brief Was the object that a report of an end means looked for, where that takes a network? */
typedef enum { LOOKED_NOT, LOOKED_UP, LOOKED_IN_VAIN } message_looked; /* the last: the store did not say */

/** @brief One parsed device message; its texts point into payload. */
struct device_message {
    struct device_key device;
    message_looked looked;
    ferry_msg msg;
    uint64_t arrived_us; /* by ferry_mono_us() */
    char payload[];
};

/** @brief A message of the broker's plugin (api/presence.h). */
struct presence_report {
    uint64_t epoch; /* of the link over which it came */
    size_t len;
    char text[];
};

/** @brief What the engine's thread knows of who is connected. */
struct presence_state {
    struct presence_table table;
    uint64_t epoch;     /* of the link that the rest is about */
    uint64_t told_epoch; /* in which the list of all came last */
    bool in_step;       /* nothing was missed since the last list of all */
    bool listing;       /* a list has begun, and none of its parts was lost */
    uint64_t next_seq, next_part;
    uint64_t ask_ms;    /* while not in step: when the list is asked for again */
    uint64_t go_on_ms;  /* while in step: when the plugin is told what came last */
    uint64_t retry_ms;  /* nothing is written before: it could not be */
    size_t writing;     /* entries in the transaction that is open */
    uint64_t writing_ms;
    bool writing_changes; /* one of them came or went */
    bool shown;           /* when it was looked at last: it is known, to this process or to another */
};

/** @brief What lets several processes work on one store; nothing of it when there is one. */
struct share {
    struct device_key *scope;  /* batch_max of them */
    struct inbox_item *others; /* likewise */
    bool listening;
};

/** @brief The items of a batch that one transaction runs. */
struct part {
    size_t from, to;
    size_t late;     /* from here on they came while it was under way */
    bool of_devices; /* each item concerns one device alone */
    bool timers;     /* they are due, and run after the items */
};

/** @brief Random bytes of the next ids. No child of this process has an engine, so nobody else draws from a copy. */
struct id_chance {
    uint8_t bytes[ENGINE_IDS_AHEAD][FERRY_ID_RANDOM_BYTES];
    size_t left;
};

/** @brief When work is done next of which the store knows nothing: as it was when the last transaction was committed. */
struct next_times {
    uint64_t prune_ms, audit_cut_ms, event_cut_ms, answer_cut_ms, statistics_cut_ms;
    uint64_t alive_ms; /* that the platform was there */
    uint64_t look_ms;  /* whether another process is told who is connected */
    uint64_t count_ms; /* that processes are counted */
};

struct engine {
    struct engine_parts parts;
    struct engine_settings settings;
    const struct store_ops *store; /* of parts.store */
    struct store_conn *conn;       /* the writer */

    struct inbox inbox;
    struct inbox_item *batch; /* settings.batch_max items */
    size_t batch_count;       /* of this turn */
    size_t late_count;        /* of the turn before: items that came while it was under way */
    struct effects effects;
    size_t item; /* of the batch, that is being handled */
    size_t failed_count; /* items of this transaction that were undone alone */
    bool careful;        /* messages have savepoints too: without one, whatever fails undoes the transaction */
    struct command *inputs; /* batch_max of them: the commands as they came, for a transaction that begins again */
    struct errands *errands; /* null: the object store is asked by the engine's thread itself */
    struct ferry_rate *device_rate; /* of messages */

    pthread_mutex_t time_lock; /* guards time */
    struct timekeeper time;
    uint64_t next_due_ms;
    struct next_times next;
    struct id_chance chance;

    struct share share;
    ferry_id settling[ENGINE_SETTLING_MAX];
    size_t settling_count;

    struct presence_state presence;
    _Atomic uint64_t link_epoch;       /* grows with each change of the link; odd: it is up */
    _Atomic uint64_t presence_known;   /* the epoch in which the list of all came last */
    _Atomic uint64_t presence_gone_ms; /* who is not in the next list was there until then; 0: until now */
    _Atomic uint64_t presence_up_ms;    /* when the link came up last */
    _Atomic uint64_t presence_alive_ms; /* of several processes: when the one that is told was there last */
    _Atomic uint64_t presence_connected; /* likewise: the number of devices that it wrote down */
    _Atomic bool presence_missed;      /* a message of the plugin could not be taken in */

    bool topics_changed[ENGINE_TOPICS];     /* since the last commit */
    _Atomic uint64_t topics[ENGINE_TOPICS]; /* their generations */

    bool fetch_rights_ended;                /* since the last commit: some, perhaps */
    bool downloads_handed_on;               /* in this round of those that are due: one that ended had another one pushed */
    _Atomic uint64_t fetch_rights;          /* their generation */

    bool events_written;         /* since the last commit */
    pthread_mutex_t events_lock; /* guards watchers */
    struct {
        void (*wake)(void *arg); /* null: free */
        void *arg;
    } watchers[ENGINE_WATCHERS_MAX];

    _Atomic uint64_t counters[ENGINE_STATS_COUNT + ENGINE_MSG_TYPES * ENGINE_RESULTS]; /* the stats, then the answers */
    struct ferry_histogram histograms[ENGINE_HISTOGRAMS];
    _Atomic uint64_t operators_generation, webhooks_generation;
    _Atomic int health; /* ferry_err of the last transaction */

    bool started;
    pthread_t thread;

    /* scratch for lists, so that they are on no stack */
    struct upload_task uploads[ENGINE_ROWS_MAX];
    struct download_task downloads[ENGINE_ROWS_MAX];
    struct upload_task open_uploads[ENGINE_UNFINISHED_MAX];
    struct download_task open_downloads[ENGINE_OPEN_DOWNLOADS_MAX];
    struct download_task running[ENGINE_RUNNING_MAX];
    struct device devices[ENGINE_DEVICES_MAX];
    struct resource_upload resource_uploads[FERRY_PAGE_MAX];
};

#define ENGINE_STAT(field) (offsetof(struct engine_stats, field) / sizeof(uint64_t))

/* --- uploads.c ---------------------------------------------------------------------------------- */
ferry_err uploads_on_message(struct engine *e, const struct device_message *m, uint64_t now_ms);
ferry_err uploads_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);
ferry_err uploads_expire(struct engine *e, uint64_t now_ms, bool *ret_more);
ferry_err uploads_cancel_device(struct engine *e, const struct device_key *device, uint64_t now_ms);

/* --- downloads.c -------------------------------------------------------------------------------- */
ferry_err downloads_on_message(struct engine *e, const struct device_message *m, uint64_t now_ms);
/** A new task, which waits to be woken. */
ferry_err downloads_add(struct engine *e, const struct download_task *task, uint64_t now_ms);
/** One of d, of whose file it is. What would be pushed when it is woken is pushed now: then its rows are written once, not twice. */
ferry_err downloads_add_and_offer(struct engine *e, const struct download_task *task, const struct deployment *d,
                                  const struct resource *resource, uint64_t now_ms);
/** The device has connected: what it was offered and does not fetch yet is pushed in a moment. */
ferry_err downloads_came(struct engine *e, const struct device_key *device, uint64_t now_ms, size_t *inout_woken);
ferry_err downloads_wake(struct engine *e, uint64_t now_ms, bool *ret_more);
ferry_err downloads_cancel(struct engine *e, const struct download_task *task, uint64_t now_ms);
/** release_ms 0: at once. */
ferry_err downloads_retry(struct engine *e, const struct download_task *task, const struct deployment *d, uint64_t release_ms,
                          uint64_t now_ms);
/** A queued task of a deployment that goes on. */
ferry_err downloads_resume(struct engine *e, const struct download_task *task, const struct deployment *d, uint64_t now_ms);
ferry_err downloads_cancel_device(struct engine *e, const struct device_key *device, uint64_t now_ms);
/** Offers the device its current task, if that is not running yet. */
ferry_err downloads_offer_next(struct engine *e, const struct device_key *device, uint64_t now_ms);

/* --- deployments.c, deployment_orders.c ------------------------------------------------------------ */
ferry_err deployments_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);
ferry_err deployments_expand(struct engine *e, uint64_t now_ms, bool *ret_more);
/** The order of the command becomes a deployment. */
ferry_err deployments_order(struct engine *e, struct command *cmd, uint64_t now_ms);
/** The device's task of it. */
ferry_err deployments_add_task(struct engine *e, struct deployment *d, const struct device_key *device, uint64_t now_ms);
/** Releases queued tasks of a deployment that was paused, cancels open ones or queues failed ones again, some in each turn. */
ferry_err deployments_sweep(struct engine *e, uint64_t now_ms, bool *ret_more);
/** Makes a deployment finished when none of its tasks is open. */
ferry_err deployments_settle(struct engine *e, const ferry_id *id, uint64_t now_ms);
/** The same at the end of the transaction: once, however many of its tasks end. */
ferry_err deployments_settle_later(struct engine *e, const ferry_id *id, uint64_t now_ms);

/* --- registry.c --------------------------------------------------------------------------------- */
ferry_err registry_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);
/** The first message of a device that registered itself: it cannot do so again. */
ferry_err registry_heard(struct engine *e, struct device *device);

/** Takes secrets away whose time beside their successors is over, and ends the connections that they had proved. */
ferry_err registry_end_old_secrets(struct engine *e, uint64_t now_ms, bool *ret_more);

/* --- resource_uploads.c ------------------------------------------------------------------------- */
ferry_err resource_uploads_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);
/** Those to which nothing came for the time of the setting, and those that have become resources before it. */
ferry_err resource_uploads_expire(struct engine *e, uint64_t now_ms, bool *ret_more);
/** After a sudden end: objects that nobody was told of become partial ones again, to be verified once more. */
ferry_err resource_uploads_reopen(struct engine *e);

/* --- damage.c ----------------------------------------------------------------------------------- */
ferry_err damage_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);

/* --- operators.c -------------------------------------------------------------------------------- */
ferry_err operators_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);

/* --- audit.c ------------------------------------------------------------------------------------ */
typedef ferry_err audit_work(struct engine *e, struct command *cmd, uint64_t now_ms);
/** Does the work and leaves a record of it, in one transaction. */
ferry_err audit_command(struct engine *e, struct command *cmd, uint64_t now_ms, audit_work *work);
/** Does the list of commands say what becomes of this one? */
bool audit_has_rule(command_kind kind);
ferry_err audit_retain(struct engine *e, uint64_t now_ms, bool *ret_more);

/* --- events.c: each writes an event in the transaction of the change ------------------------------- */
#define EVENT_DELETED "deleted" /* a state that nothing in the store has */
/** before null: it is new. Nothing when neither the state nor the tens of the percent have changed. */
ferry_err events_download(struct engine *e, const struct download_task *before, const struct download_task *task,
                          uint64_t now_ms);
ferry_err events_upload(struct engine *e, const struct upload_task *before, const struct upload_task *task);
#define EVENT_DAMAGED "damaged" /* likewise */
/** Its object is not what it was; damage: one sentence. */
ferry_err events_upload_damaged(struct engine *e, const struct upload_task *task, const char *damage, uint64_t now_ms);
ferry_err events_resource_damaged(struct engine *e, const struct resource *resource, const char *damage, uint64_t now_ms);
ferry_err events_upload_removed(struct engine *e, const struct upload_task *task, uint64_t now_ms);
/** before: name of the state it had, or null. */
ferry_err events_deployment(struct engine *e, const char *before, const struct deployment *d);
ferry_err events_device(struct engine *e, const struct device_key *key, const char *before, const char *state,
                        const char *text, uint64_t now_ms);
/** Came (it has been there all along: and was away for a moment) or went; unlisted: the broker did not say when. */
ferry_err events_presence(struct engine *e, const struct device_key *key, const struct presence_entry *entry, uint64_t now_ms);
ferry_err events_resource(struct engine *e, const struct resource *resource, const char *before, const char *state,
                          uint64_t now_ms);
ferry_err events_retain(struct engine *e, uint64_t now_ms, bool *ret_more);
/** The time of the last event; 0: there is none. */
ferry_err events_latest_ms(struct engine *e, uint64_t *ret_ms);
/** Something of the topic changes with the transaction. */
void events_topic(struct engine *e, engine_topic topic);
/** After a commit: who watches is woken when there are new ones. */
void events_committed(struct engine *e);
void events_wake(struct engine *e);

/* --- quotas.c ----------------------------------------------------------------------------------- */
/** May the product (and its device, unless null) keep one more file? giving_way (may be null): counts no more. */
ferry_err quotas_ask(struct engine *e, const char *product, const char *device, uint64_t size,
                     const struct upload_task *giving_way, quota_verdict *ret_verdict);
ferry_err quotas_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);

/* --- webhooks.c --------------------------------------------------------------------------------- */
ferry_err webhooks_on_command(struct engine *e, struct command *cmd, uint64_t now_ms);
ferry_err webhooks_end_old_secrets(struct engine *e, uint64_t now_ms, bool *ret_more);

/* --- answers.c ---------------------------------------------------------------------------------- */
/** Holds a message to a device until the commit. Drops our extensions when it would be too long for a vendor device. */
ferry_err answers_send(struct engine *e, const struct device_key *device, const ferry_msg *msg);
/** The refusal that a request is answered with; FERRY_MSG_NONE for a message that has no answer. Any thread. Pure. */
ferry_msg answers_refusal(const ferry_msg *request, ferry_result why);
/** Answers a report. */
ferry_err answers_report(struct engine *e, const struct device_message *m, ferry_result result);
/** Writes topic and payload of a message to a device. Any thread. Pure. */
ferry_err answers_encode(const struct device_key *device, const ferry_msg *msg, char topic[FERRY_TOPIC_SIZE],
                         char *out, size_t cap, size_t *ret_len);

/** Signs the object URL of a task and gives its expiry; task, key, method, size and md5 of url are given. */
ferry_err answers_sign(struct engine *e, struct object_url *url, uint64_t now_ms, char out[FERRY_URL_MAX + 1]);

/* --- kept_answers.c ----------------------------------------------------------------------------- */
/** Removes answers that are no longer given again, some in each turn. */
ferry_err answers_retain(struct engine *e, uint64_t now_ms, bool *ret_more);

/* --- statistics.c ------------------------------------------------------------------------------- */
ferry_err statistics_retain(struct engine *e, uint64_t now_ms, bool *ret_more);

/* --- measures.c --------------------------------------------------------------------------------- */
void measures_init(struct engine *e);
/** The part's items are done, and their answers are out. */
void measures_batch(struct engine *e, const struct part *part);
/** The counter of messages like this one, for effects_publish(). */
size_t measures_answer(const ferry_msg *msg);

/* --- reports.c ---------------------------------------------------------------------------------- */
/** Adds a device's report to the history of the task that it means. result_msg: its text, cut and cleaned. */
ferry_err reports_keep(struct engine *e, const ferry_id *task, const ferry_msg *msg, const char *result_msg,
                       uint64_t now_ms);

/* --- presence.c --------------------------------------------------------------------------------- */
/** The next three: any thread. */
void presence_on_link(struct engine *e, bool up);
void presence_on_message(struct engine *e, const void *payload, size_t len);
/** What the plugin has told was lost: the list of all is asked for. */
void presence_missed(struct engine *e);
/** Takes a message of the plugin in; into the store it comes with presence_tick(). */
void presence_take(struct engine *e, const struct presence_report *report, uint64_t now_ms);
void presence_heard(struct engine *e, const struct device_key *device, uint64_t now_ms);
ferry_err presence_tick(struct engine *e, uint64_t now_ms, bool *ret_more);
/** Any thread. Is it this process that the broker tells who is connected? */
bool presence_is_told(struct engine *e);
/** Is it known that the device is not connected? Never while anything may have been missed, nor of several processes: what another one is
 *  told comes late. */
bool presence_is_away(struct engine *e, const struct device_key *device);
/** When presence_tick() has something to do. */
uint64_t presence_next_ms(struct engine *e);
/** After each transaction. */
void presence_committed(struct engine *e, bool written);
/** After a start, outside any transaction: who was connected when the store was written last. */
ferry_err presence_load(struct engine *e);
/** At a clean end: nothing waits any more. */
void presence_note_end(struct engine *e);

/* --- turn.c ------------------------------------------------------------------------------------- */
typedef ferry_err turn_work(struct engine *e, void *arg, uint64_t now_ms);
/** A step of a transaction, undone alone when it fails; ret_failed: what it said. The return value is an error of the whole
 *  transaction. */
ferry_err turn_step(struct engine *e, turn_work *run, void *arg, uint64_t now_ms, ferry_err *ret_failed);
/** How much of a step of work for which nobody waits this turn does (background_rules.h). */
size_t turn_background(const struct engine *e, size_t step);
/** Ends such a step after so much of it, because somebody has come meanwhile. */
bool turn_gives_way(struct engine *e, size_t done);
/** Does anybody else wait for the end of the turn in which a command runs? */
bool turn_is_waited_for(struct engine *e);

/* --- timers.c ----------------------------------------------------------------------------------- */
struct timers_outcome {
    bool more; /* they have something to do at once */
    bool mine; /* all of them ran: no other process was at those that one does for all */
    ferry_err asked; /* of the store: when they must run next */
    uint64_t due_ms; /* what it said */
};
ferry_err timers_run(struct engine *e, uint64_t now_ms, struct timers_outcome *out);
/** At the end of the transaction: asks the store when the timers must run next. */
void timers_ask(struct engine *e, struct timers_outcome *out);
/** After a turn, which ended with err: when the timers must run next. */
void timers_plan(struct engine *e, ferry_err err, struct timers_outcome *out, uint64_t now_ms);

/* --- share.c ------------------------------------------------------------------------------------ */
/** Do other processes change the store too? */
bool share_is_many(const struct engine *e);
ferry_err share_init(struct engine *e);
/** After a failed init too. */
void share_done(struct engine *e);
/** Puts the items that concern one device alone before the others; of count items the first so many. 0 when nobody else changes the
 *  store: then one transaction runs all. */
size_t share_split(struct engine *e, size_t count);
/** Keeps others off what the part may touch. */
ferry_err share_claim(struct engine *e, const struct part *part);
typedef ferry_err part_item(struct engine *e, struct inbox_item item, uint64_t now_ms);
/** Lets the store fetch ahead what the items will read. */
ferry_err share_rehearse(struct engine *e, const struct part *part, part_item *run, uint64_t now_ms);
/** Counts the processes now and then: each gives its part of the limits that hold over all. */
ferry_err share_count(struct engine *e, uint64_t now_ms, bool *ret_more);
/** Before the commit: what the others must know. */
ferry_err share_tell(struct engine *e);

/* --- errands.c: what a store across a network is asked and told, by threads of its own ------------- */
enum { ERRAND_TIME_MS = 60 * 1000 }; /* for which what is due is put off while it is looked for */
/** Leaves e->errands null for a store that is on this machine. */
ferry_err errands_new(struct engine *e);
/** Also begins to sweep what is old: at once, and each day. */
ferry_err errands_start(struct engine *e);
/** Ends the threads; what removes something is still carried out as long as the store answers. */
void errands_stop(struct engine *e);
void errands_free(struct engine *e);
/** Is there room for one more? The engine's thread alone adds some: it is still there when the batch is committed. */
bool errands_room(struct engine *e);
/** After the commit: takes an EFFECT_ERRAND; the message of an ERRAND_REPORT leaves the batch. */
void errands_take(struct engine *e, const struct effect *effect);
void errands_remove(struct engine *e, const ferry_id *key, errand_kind kind);

/* --- link.c ------------------------------------------------------------------------------------- */
/** Says that it is too much, without the engine; counted as stat. Any thread. */
void link_answer_busy(struct engine *e, const struct device_message *m, size_t stat);

/* --- recovery.c --------------------------------------------------------------------------------- */
/** After a start, outside any transaction: makes up for a sudden end. */
ferry_err recovery_run(struct engine *e);
/** Removes leftovers from the object store. every_object: each is looked up. Reads over conn, which may be another thread's. */
ferry_err recovery_sweep(struct engine *e, struct store_conn *conn, bool every_object);
/** Notes a clean end, so that the next start need not look at every object. */
void recovery_note_clean_end(struct engine *e);

/* --- engine.c ----------------------------------------------------------------------------------- */
ferry_id engine_new_id(struct engine *e, uint64_t now_ms);
ferry_err engine_count(struct engine *e, size_t stat); /* counted only if the batch commits */
/** Transfers under way are looked at again, once the batch is committed: some may have lost their right. */
ferry_err engine_revoked(struct engine *e);
/** A command's failure with its sentence. */
ferry_err engine_fail(struct command *cmd, ferry_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
