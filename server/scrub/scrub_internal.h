/* What the files of the scrub share. */
#ifndef SCRUB_INTERNAL_H
#define SCRUB_INTERNAL_H

#include "scrub/scrub.h"

#include <pthread.h>

struct scrub {
    struct scrub_config config;
    pthread_t thread;
    pthread_mutex_t life; /* guards the next two and thread; taken before lock */
    bool joinable, closed;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t ended; /* stop was set */
    bool stop;
    struct scrub_view view;
    struct scrub_finding *findings; /* SCRUB_FINDINGS_MAX */

    /* the thread's own */
    struct store_conn *conn;
    uint64_t began_ms, paid_bytes; /* pace */
    uint64_t kept_ms;              /* when the run was last written down */
};

/* scrub_look.c: each runs on the thread. FERRY_E_CLOSED: it is to stop. */
ferry_err scrub_look_uploads(struct scrub *s);
ferry_err scrub_look_resources(struct scrub *s);
ferry_err scrub_look_orphans(struct scrub *s);

/* scrub_keep.c: writes a view and the findings down; what goes wrong is logged. On the thread. */
void scrub_keep(struct scrub *s, const struct scrub_view *view);
/* Reads them, before there is a thread. */
void scrub_recall(struct scrub *s);

/* Waits until so many bytes more are within the rate. FERRY_E_CLOSED: it is to stop. */
ferry_err scrub_pay(struct scrub *s, uint64_t bytes);
/* One file more was looked at. */
void scrub_count(struct scrub *s, uint64_t bytes);
void scrub_note(struct scrub *s, const struct scrub_finding *finding);
/* Takes back the orphans that are gone by now. */
void scrub_drop_gone(struct scrub *s);

#endif
