/**
 * @file scrub.h
 * @brief Compares the objects at rest with what the store knows of them, on a thread of its own and at a bounded rate.
 *
 * One run at a time, and its result stays until the next one, also when ferryd is started anew. What is found to be torn or altered is set aside, so that nobody
 * is given it, and told by the engine (event, audit log, counter), once. In a bucket the store's own word counts: no bytes are read,
 * and what is wrong stays where it is, because others read it past us; that is said.
 */
#ifndef SCRUB_SCRUB_H
#define SCRUB_SCRUB_H

#include "api/objects.h"
#include "api/store.h"
#include "base/error.h"
#include "core/engine.h"

#include <stddef.h>
#include <stdint.h>

struct scrub;

/** name, word in the API, sentence: what may be wrong with an object */
#define SCRUB_FAULT_LIST(X)                                                                                    \
    X(SCRUB_MISSING, "missing", "the file is not there")                                                       \
    X(SCRUB_TORN, "torn", "the file has another size than it had")                                             \
    X(SCRUB_ALTERED, "altered", "the file's MD5 is not what it was")                                           \
    X(SCRUB_SET_ASIDE, "set_aside", "the file was found to be damaged before")                                 \
    X(SCRUB_UNREADABLE, "unreadable", "the file cannot be read")                                               \
    X(SCRUB_ORPHAN, "orphan", "the file belongs to nothing; the next start after a sudden end removes it")

typedef enum {
#define X(name, word, sentence) name,
    SCRUB_FAULT_LIST(X)
#undef X
        SCRUB_FAULTS,
} scrub_fault;

typedef enum {
    SCRUB_NEVER,   /**< none is known */
    SCRUB_RUNNING,
    SCRUB_DONE,
    SCRUB_STOPPED, /**< somebody ended it, or ferryd */
    SCRUB_FAILED,  /**< the store or the bucket could not be asked */
} scrub_state;

enum {
    SCRUB_FINDINGS_MAX = 1000,      /**< that are named; all are counted */
    SCRUB_RATE_DEFAULT = 50 << 20,  /**< bytes in a second: a disk has some left for others */
    SCRUB_FILE_COSTS = 16384,       /**< bytes that a file counts at least: small ones cost more than their bytes */
    SCRUB_YOUNG_S = 3600,           /**< a file that young may belong to what is not yet known */
};

struct scrub_order {
    char product[FERRY_IDENT_MAX + 1]; /**< "": all products, and what belongs to none */
    uint64_t rate_bytes;               /**< in a second; 0: SCRUB_RATE_DEFAULT */
};

struct scrub_finding {
    scrub_fault fault;
    ferry_id key;
    bool is_resource;
    bool stays;               /**< torn or altered, and not set aside: it is still given out */
    struct device_key device; /**< device "" for a resource; both "" for an orphan */
    char name[FERRY_NAME_MAX + 1];
};

struct scrub_view {
    scrub_state state;
    struct scrub_order order;
    uint64_t started_ms, ended_ms; /**< engine time; 0: not */
    uint64_t objects, bytes;       /**< looked at */
    uint64_t faults[SCRUB_FAULTS];
    ferry_err err; /**< of a run that failed */
    size_t finding_count;
};

struct scrub_config {
    struct engine *engine;
    struct store *store;
    struct objects *objects;
    const char *path; /**< where the last run is written down; null: nowhere */
    /** An object was set aside: what is kept of it in memory must go. Any thread; may be null. */
    void (*forget)(void *arg, const ferry_id *key);
    void *forget_arg;
};

/** @brief All that the configuration names must outlive it. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err scrub_new(const struct scrub_config *config, struct scrub **ret_scrub);
/** @brief Ends a run within one block of a file, and begins none any more. Accepts null. */
void scrub_stop(struct scrub *scrub);
/** @brief After scrub_stop(), when nobody calls any more. Accepts null. */
void scrub_free(struct scrub *scrub);

/** @brief Begins a run. Any thread. @retval FERRY_E_STATE one is under way | FERRY_E_CLOSED | FERRY_E_IO no thread */
FERRY_MUST_CHECK ferry_err scrub_begin(struct scrub *scrub, const struct scrub_order *order);
/** @brief Asks the run that is under way to end; never blocks. Any thread. */
void scrub_end(struct scrub *scrub);

/** @brief How it stands. Of the findings at most cap are given. Any thread. */
void scrub_get(struct scrub *scrub, struct scrub_view *ret_view, struct scrub_finding *out, size_t cap);

/** @brief "never", ... */
const char *scrub_state_word(scrub_state state);
/** @brief "missing", ... */
const char *scrub_fault_word(scrub_fault fault);
/** @brief The sentence. */
const char *scrub_finding_text(const struct scrub_finding *finding);

#endif
