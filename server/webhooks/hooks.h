/**
 * @file hooks.h
 * @brief Each webhook with its request and its place, for the thread that serves them. That thread alone, but for what a lock guards.
 */
#ifndef WEBHOOKS_HOOKS_H
#define WEBHOOKS_HOOKS_H

#include "webhooks/webhooks.h"

#include "post.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    HOOKS_EVENTS = 64, /* events read at once */
    HOOKS_ROWS = 32,   /* webhooks read at once */
};

#define HOOKS_SOMEBODY UINT64_MAX

typedef enum { NOTE_NONE, NOTE_OUT, NOTE_BACK } note_state;

struct hook {
    struct hook *next;
    struct webhooks *all;
    struct webhook w; /* as it is; what the store has may be older */
    struct post post;
    bool busy;        /* a request is under way: of this event */
    uint64_t event;
    bool found, gone; /* in the store at the last look; not any more */
    bool unsaved, urgent;
    uint64_t saved_event;
    uint64_t saved_ms;    /* monotonic */
    struct command *note; /* what the engine is to keep */
    note_state note_state; /* guarded by all->lock */
};

struct webhooks {
    struct webhooks_config config;
    CURLM *multi;
    atomic_bool woken, closed;
    atomic_uint_fast64_t nobody; /* the generation in which there was no webhook at the last look; else HOOKS_SOMEBODY */
    pthread_mutex_t lock; /* guards note_state of each, notes_out */
    pthread_cond_t note_back;
    unsigned notes_out;
    bool started;
    pthread_t thread;
    /* the thread's own */
    struct hook *hooks;
    struct store_conn *conn; /* null: to be made */
    uint64_t generation;     /* of the webhooks, when they were read */
    bool read;               /* they were */
    bool mine;               /* this process delivers, of several on one store */
    struct event_bounds bounds;
    uint64_t page_after;
    size_t page_count;
    struct event page[HOOKS_EVENTS];
    struct webhook rows[HOOKS_ROWS];
};

/** @brief Reads the webhooks if they were changed since. */
FERRY_MUST_CHECK ferry_err hooks_refresh(struct webhooks *all);
/** @brief Begins what is due. *ret_more: there is more of the log to look at. Errors: those of the store. */
FERRY_MUST_CHECK ferry_err hooks_serve(struct webhooks *all, bool *ret_more);
/** @brief A request has ended. */
void hooks_ended(struct hook *h, CURLcode code);
/** @brief Gives the engine what it is to keep, and forgets those that are gone. all_now: also what could wait. */
void hooks_save(struct webhooks *all, bool all_now);
/** @brief Milliseconds until something is due, at most max. */
uint64_t hooks_wait_ms(const struct webhooks *all, uint64_t max);
/** @brief Breaks off what is under way. */
void hooks_abort(struct webhooks *all);
/** @brief The same, and everything is read anew: another process may have delivered meanwhile. */
void hooks_forget(struct webhooks *all);
void hooks_free(struct webhooks *all);

#endif
