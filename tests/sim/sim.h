/**
 * @file sim.h
 * @brief The whole system in one process on simulated time: what the files of the simulation share.
 *
 * The platform's engines, store and objects are the real ones, the devices' engines too; messages and URLs go between them as
 * bytes. The way between them, and everything that can go wrong, is drawn from the plan's seed. See docs/simulation.md.
 */
#ifndef SIM_H
#define SIM_H

#include "api/objects.h"
#include "api/store.h"
#include "chance.h"
#include "content.h"
#include "core/engine.h"
#include "ferry/device.h"
#include "plan.h"
#include "schedule.h"
#include "trace.h"

enum {
    SIM_START_MS = 1000000, /* simulated time begins here, so that no time is 0 */
    SIM_FAILURE = 400,
    SIM_NAME = 32,
    SIM_PRODUCT_LIMIT = 1 << 26, /* bytes of all objects */
    DEVICE_NAME_MAX = 32,
    DEVICE_URL_MAX = 256,
    DEVICE_JOBS_MAX = 4096,
    DEVICE_FILES_MAX = 4096,
};

struct sim;
struct worker;
struct exchange;

/* --- the platform --------------------------------------------------------------------------------- */

/* A message that a worker has and has not answered: with several workers the broker gives it to another one when it dies. */
struct held {
    struct held *next;
    unsigned device;
    size_t len;
    char payload[];
};

struct worker {
    struct sim *sim;
    unsigned no;
    uint32_t life;         /* grows with each start */
    struct engine *engine; /* null: it does not run */
    struct store store;    /* its side of the store */
    struct bus *bus, *real_bus;
    struct objects *objects;
    struct clock *clock;
    uint64_t clock_ms;       /* simulated time up to which its clock was moved */
    int64_t clock_offset_ms; /* of its wall clock, from the right time */
    bool dead;               /* killed in the middle of a turn: nothing that it still does has an effect */
    unsigned steps_left;     /* until it is killed so; 0: it is not */
    bool linked;
    bool rehearsing;
    uint32_t news; /* told in its transaction */
    uint64_t stalled_until_ms;
    uint64_t wake_ms, wake_token; /* of the turn that is planned */
    struct held *held, **held_end;
    struct held *coming, **coming_end; /* messages that arrive in the midst of its next turn */
    struct store_listener listener;
    struct engine_stats gone; /* what its former lives had counted */
};

/* --- a device --------------------------------------------------------------------------------------- */

typedef enum { LINK_NONE, LINK_DIALS, LINK_UP, LINK_HALF_OPEN } link_state;

struct job {
    char name[SIM_NAME];
    struct content content;
    uint64_t tag;
    unsigned attempts;
    bool finished, removed; /* removed: by an operator, what came of it */
};

struct received {
    unsigned resource; /* of sim.resources */
    unsigned commits;
};

struct flash {
    uint8_t snapshot[FERRY_LANES][FERRY_SNAPSHOT_MAX(DEVICE_NAME_MAX)];
    size_t snapshot_len[FERRY_LANES];
    uint8_t part[CONTENT_MAX];
    size_t part_len, durable_len;
    bool has_part;
};

struct sim_device {
    struct sim *sim;
    unsigned no;
    const char *product;
    char name[SIM_NAME];
    ferry_device_config cfg;
    ferry_device machine;
    uint32_t mem[FERRY_DEVICE_MEM(DEVICE_NAME_MAX, DEVICE_URL_MAX) / 4 + 1];
    bool on, disabled;
    uint32_t life;
    uint64_t boot_ms;
    uint64_t wake_token;
    bool running; /* its actions are being carried out: no second time from within */
    link_state link;
    uint32_t link_no;
    uint64_t up_ms, down_ms; /* in its connection nothing overtakes what arrives then */
    bool subscribed;
    struct flash flash;
    struct exchange *http[FERRY_LANES];
    struct job *jobs;
    unsigned jobs_count, jobs_next; /* jobs_next: the first that is not finished */
    uint64_t job_after_ms;          /* not before */
    bool job_runs;
    struct received *received;
    unsigned received_count;
};

/* --- what the operator has --------------------------------------------------------------------------- */

struct sim_resource {
    ferry_id id;
    char name[SIM_NAME];
    struct content content;
    char md5[FERRY_MD5_HEX + 1];
    bool there;
};

struct figures {
    uint64_t steps, uploads, downloads, faults, crashes, messages, requests, fetched_again, acknowledged, settle_ms;
    uint64_t moved_ms; /* until every file was where it had to be, after the last fault */
    uint64_t by_fault[SIM_FAULTS];
};

/* --- the world --------------------------------------------------------------------------------------- */

struct reader; /* of the event log: invariants_events.c */

struct sim {
    struct sim_plan plan;
    struct chance faults, work, net, device_chance;
    struct schedule schedule;
    struct trace trace;
    uint64_t now_ms;
    bool healing; /* no faults and no new work any more */
    uint64_t heal_ms;
    bool failed;
    char failure[SIM_FAILURE];
    struct figures figures;

    struct store *store;
    struct store_ops store_ops; /* those of the store, with slots replaced */
    struct store_conn *writer;  /* the one that the workers share: no two of their transactions overlap */
    unsigned writers;
    struct store_conn *conn; /* a reader's */
    struct objects *objects;
    struct engine_settings settings;
    struct worker workers[PLAN_WORKERS_MAX];
    struct worker *current; /* whose engine is running */
    bool broker_up;

    struct sim_device *devices; /* and behind them the one that lies */
    struct exchange *exchanges;

    struct sim_resource *resources;
    unsigned resources_count;
    unsigned orders_open; /* the operator has no answer yet */
    uint32_t contents;    /* numbers given out */

    struct reader *reader;
};

/* --- world.c ------------------------------------------------------------------------------------------ */

/** What a plan leads to. text: where the trace goes, or null. */
struct sim_result {
    bool failed;
    char failure[SIM_FAILURE];
    uint64_t digest;
    struct figures figures;
};
void sim_run(const struct sim_plan *plan, FILE *text, struct sim_result *ret);
/** For tests: the platform with its product and registered devices, of which none is switched on; nothing fails. */
struct sim *sim_platform_new(const struct sim_plan *plan);
void sim_platform_free(struct sim *s);
/** Lets the next thing happen; false when it led to a failure, or there is none. */
bool sim_step(struct sim *s);

/** The first failure counts; the run ends with the step. */
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_after(struct sim *s, uint64_t ms, sim_action *run, void *subject, uint64_t arg, void *owned);
/** Does this fault of the plan strike now? Rarely: so many times less often than the plan says. Often: every other time, where
 *  another fault had to come first. */
bool sim_strikes(struct sim *s, sim_fault fault);
bool sim_strikes_rarely(struct sim *s, sim_fault fault, uint32_t times);
bool sim_strikes_often(struct sim *s, sim_fault fault);
void sim_note(struct sim *s, const char *what, uint64_t who, const void *bytes, size_t len);
void *sim_alloc(size_t bytes); /* zeros; aborts when there is none */

/* --- platform.c: workers -------------------------------------------------------------------------------- */
void platform_open(struct sim *s);
void platform_close(struct sim *s);
/** A durable step or an effect is about to be: false when the worker is not alive to do it. */
bool worker_step(struct worker *w);
bool worker_runs(const struct worker *w);
/** One that runs and, of several, by chance; null: none. */
struct worker *platform_any(struct sim *s);
void worker_wake(struct worker *w, uint64_t in_ms);
uint64_t worker_now_ms(struct worker *w);
/** Gives the engine a command; false: it does not run, or has no room. */
bool worker_submit(struct worker *w, struct command *cmd);
void worker_kill(struct worker *w);
void worker_link(struct worker *w, bool up);
/** What the devices' broker brings. */
void worker_message(struct worker *w, unsigned device, const void *payload, size_t len);
/** A place in a turn at which messages may arrive. */
void worker_midst(struct worker *w);
/** Faults of workers that come with time, not with a turn. */
void platform_trouble(struct sim *s);
void platform_heal(struct sim *s);
/** Sums what all lives of all workers have counted. */
void platform_stats(struct sim *s, struct engine_stats *ret);

/* --- side_store.c, side_objects.c: a worker's side of them, where it can be dead and they can fail ------------ */
void side_store_open(struct sim *s);
void side_store_close(struct sim *s);
void side_objects_open(struct worker *w);
void side_objects_close(struct worker *w);

/* --- broker.c ------------------------------------------------------------------------------------------------ */
void broker_dial(struct sim_device *d);
void broker_subscribe(struct sim_device *d);
void broker_hang_up(struct sim_device *d);
void broker_publish(struct sim_device *d, const char *payload, size_t len, int qos);
void broker_from_platform(struct sim *s, const char *topic, const void *payload, size_t len);
/** To a worker, whichever is there. */
void broker_deliver(struct sim *s, unsigned device, const void *payload, size_t len);
void broker_trouble(struct sim *s);

/* --- http.c, http_server.c, http_text.c ----------------------------------------------------------------------- */
void http_request(struct sim_device *d, const ferry_action *act);
void http_abort(struct sim_device *d, ferry_lane lane);
void http_worker_gone(struct worker *w);
void http_close(struct sim *s);

/* --- device_host.c, device_disk.c, device_jobs.c ----------------------------------------------------------------- */
void devices_open(struct sim *s);
void devices_close(struct sim *s);
/** Tells the machine, and carries out what it wants then. */
ferry_device_err device_event(struct sim_device *d, const ferry_event *event);
/** Only tells it; device_run() must follow. */
ferry_device_err device_tell(struct sim_device *d, const ferry_event *event);
void device_run(struct sim_device *d);
void device_power_off(struct sim_device *d);
void device_trouble(struct sim *s);
void devices_heal(struct sim *s);
void disk_read(struct sim_device *d, const ferry_action *act);
void disk_open(struct sim_device *d, const ferry_action *act);
void disk_commit(struct sim_device *d, const ferry_action *act);
void disk_save(struct sim_device *d, const ferry_action *act);
void disk_power_cut(struct sim_device *d);
bool disk_write(struct sim_device *d, uint64_t offset, const void *bytes, size_t len);
void jobs_add(struct sim_device *d, const char *name, struct content content);
/** Begins the next upload when it is time. */
void jobs_go_on(struct sim_device *d);
void jobs_finished(struct sim_device *d, const ferry_action *act);
struct job *jobs_find(struct sim_device *d, const char *name, uint64_t tag);

/* --- liar.c: a device without an engine, in a product of its own --------------------------------------------------- */
void liar_open(struct sim *s);
void liar_trouble(struct sim *s);

/* --- operator.c ----------------------------------------------------------------------------------------------------- */
void operator_open(struct sim *s);
void operator_close(struct sim *s);
void operator_work(struct sim *s);
void operator_trouble(struct sim *s);
/** Resumes, enables and retries until everything is on its way. */
void operator_heal(struct sim *s);
struct content operator_content(struct sim *s);
int operator_resource_of(struct sim *s, const char *name, const char *md5);

/* --- invariants.c, invariants_events.c ---------------------------------------------------------------------------------- */
/** After a turn of a worker that says when it must have its next one. */
void check_turn(struct worker *w, uint64_t again_ms);
/** A worker has started, and made up for a sudden end: nothing that is stored is gone. */
void check_start(struct sim *s);
void check_published(struct sim *s, unsigned device, const char *payload, size_t len);
void check_stored(struct sim *s, const ferry_id *task);
void check_job(struct sim_device *d, const struct job *job);
void check_received(struct sim_device *d, const char *name, const char *md5);
/** Bytes that do not have their MD5 come of damage alone. */
void check_bytes(struct sim_device *d, ferry_lane lane);
/** Everything, as a reader sees it now. */
void check_whole(struct sim *s);
/** True when nothing is under way any more. why: what is, if not. */
bool check_ended(struct sim *s, const char **ret_why);
void check_end(struct sim *s);
void events_reader_open(struct sim *s);
void events_reader_close(struct sim *s);
void events_read(struct sim *s);
void events_check_tasks(struct sim *s);

#endif
