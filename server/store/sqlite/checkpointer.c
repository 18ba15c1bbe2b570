#include "checkpointer.h"

#include "base/alloc.h"
#include "base/wait.h"
#include "error_map.h"
#include "spreading.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    BEGIN_PAGES = 4000, /* 16 MB: pages that change often are copied once */
    REST_PAGES = 1000,  /* so few the writer does itself: hardly more than a large commit */
    PASSES_MAX = 4,     /* a writer that is faster than the copying is not caught up with */
    PAUSE_MS = 10,      /* so long a piece waits for the end of a commit */
    LIMIT_PAGES = 16000, /* 64 MB: from here on the writer does it all, as often as BEGIN_PAGES were added */
};

struct checkpointer {
    sqlite3 *writer, *db;
    struct spreading *spreading; /* of db */
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wanted, copying, waited_for, ending;
    unsigned commits;
    int reached; /* of the log, by the thread, and the writer has not seen it yet; else 0 */

    /* the writer's alone: */
    int pages;      /* of the log, after the last commit */
    int next_pages; /* when the next copy is due */
    bool full;
};

static void copy(sqlite3 *db, int *ret_log, int *ret_copied)
{
    *ret_log = *ret_copied = 0;
    (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, ret_log, ret_copied); /* what fails is tried again */
}

/* --- the thread ------------------------------------------------------------------------------------------- */

/* Does the writer wait, or is it a whole copy ahead? */
static bool is_late(const struct checkpointer *c)
{
    return c->wanted || c->waited_for || c->ending;
}

/* A piece is synced behind a commit: until the next one the writer needs no disk. */
static bool await_commit(void *arg)
{
    struct checkpointer *c = arg;
    struct timespec until = ferry_deadline_in(PAUSE_MS);
    unsigned before;
    bool late;

    (void)pthread_mutex_lock(&c->lock);
    before = c->commits;
    while (!is_late(c) && c->commits == before) {
        if (pthread_cond_timedwait(&c->changed, &c->lock, &until) != 0)
            break;
    }
    late = is_late(c);
    (void)pthread_mutex_unlock(&c->lock);
    return !late;
}

/* What a pass says of the log is from its beginning: the next one shows what came meanwhile. Gives how far it came. */
static int catch_up(struct checkpointer *c)
{
    int log = 0, copied = 0, before = -1;

    for (int pass = 0; pass < PASSES_MAX && (log != before || copied != log); pass++) {
        before = log;
        copy(c->db, &log, &copied);
    }
    return copied;
}

static void *run(void *arg)
{
    struct checkpointer *c = arg;

    (void)pthread_mutex_lock(&c->lock);
    while (!c->ending) {
        int reached;

        if (!c->wanted) {
            (void)pthread_cond_wait(&c->changed, &c->lock);
            continue;
        }
        c->wanted = false;
        c->copying = true;
        (void)pthread_mutex_unlock(&c->lock);
        reached = catch_up(c);
        (void)pthread_mutex_lock(&c->lock);
        c->copying = false;
        c->reached = reached;
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* --- the writer's side ------------------------------------------------------------------------------------ */

/* One copies at a time. */
static void wait_for_thread(struct checkpointer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->waited_for = true;
    (void)pthread_cond_broadcast(&c->changed);
    while (c->copying)
        (void)pthread_cond_wait(&c->changed, &c->lock);
    c->waited_for = false;
    (void)pthread_mutex_unlock(&c->lock);
}

/* Is what is left quickly done? The thread may have come to the end while a transaction was under way: then the log went on. */
static bool take_rest(struct checkpointer *c)
{
    bool near;

    (void)pthread_mutex_lock(&c->lock);
    near = c->reached > 0 && c->pages > c->reached && c->pages - c->reached <= REST_PAGES;
    c->reached = 0;
    (void)pthread_mutex_unlock(&c->lock);
    return near;
}

/* For the thread: a commit is over, and perhaps a copy is wanted. */
static void tell(struct checkpointer *c, bool wanted)
{
    (void)pthread_mutex_lock(&c->lock);
    c->commits++;
    c->wanted |= wanted;
    if (c->copying || wanted)
        (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

/* After each commit. */
static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct checkpointer *c = arg;
    bool due = pages >= c->next_pages;

    (void)db;
    (void)name;
    c->full |= due && pages >= LIMIT_PAGES;
    tell(c, due && !c->full);
    if (due || pages < c->next_pages - BEGIN_PAGES) /* the log has begun anew */
        c->next_pages = due ? pages + BEGIN_PAGES : BEGIN_PAGES;
    c->pages = pages;
    return SQLITE_OK;
}

void checkpointer_between(struct checkpointer *c)
{
    int log, copied;

    if (c == NULL)
        return;
    if (c->full)
        wait_for_thread(c);
    if (take_rest(c) || c->full)
        copy(c->writer, &log, &copied);
    c->full = false;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void discard(struct checkpointer *c)
{
    (void)sqlite3_close(c->db);
    spreading_free(c->spreading);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

ferry_err checkpointer_start(sqlite3 *writer, const char *path, struct checkpointer **ret_checkpointer)
{
    struct checkpointer *c = ferry_calloc(1, sizeof(*c));
    ferry_err err;
    int code;

    if (c == NULL)
        return FERRY_E_NOMEM;
    c->writer = writer;
    c->next_pages = BEGIN_PAGES;
    (void)pthread_mutex_init(&c->lock, NULL);
    ferry_cond_init(&c->changed);
    err = spreading_new(await_commit, c, &c->spreading);
    if (err != FERRY_OK) {
        discard(c);
        return err;
    }
    code = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, spreading_vfs(c->spreading));
    if (code == SQLITE_OK) /* until a connection has read something it has no log, and copies nothing */
        code = sqlite3_exec(c->db, "PRAGMA synchronous = FULL; PRAGMA schema_version", NULL, NULL, NULL);
    if (code != SQLITE_OK || pthread_create(&c->thread, NULL, run, c) != 0) {
        discard(c);
        return code != SQLITE_OK ? sq_error_map(code, 0) : FERRY_E_NOMEM;
    }
    (void)sqlite3_wal_hook(writer, after_commit, c);
    *ret_checkpointer = c;
    return FERRY_OK;
}

void checkpointer_stop(struct checkpointer *c)
{
    if (c == NULL)
        return;
    (void)sqlite3_wal_hook(c->writer, NULL, NULL);
    (void)pthread_mutex_lock(&c->lock);
    c->ending = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    discard(c);
}
