#include "checkpointer.h"

#include "base/alloc.h"
#include "error_map.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    BEGIN_PAGES = 4000, /* 16 MB: pages that change often are copied once */
    REST_PAGES = 1000,  /* so few the writer does itself: hardly more than a large commit */
    PASSES_MAX = 4,     /* a writer that is faster than the copying is not caught up with */
    LIMIT_PAGES = 16000, /* 64 MB: from here on the writer does it all, as often as BEGIN_PAGES were added */
};

struct checkpointer {
    sqlite3 *writer, *db;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wanted, copying, ending;
    int reached; /* of the log, by the thread, and the writer has not seen it yet; else 0 */

    int next_pages; /* the writer's alone: of the log, when the next copy is due */
};

static void copy(sqlite3 *db, int *ret_log, int *ret_copied)
{
    *ret_log = *ret_copied = 0;
    (void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, ret_log, ret_copied); /* what fails is tried again */
}

/* --- the thread ------------------------------------------------------------------------------------------- */

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

static void want(struct checkpointer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->wanted = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

/* One copies at a time. */
static void wait_for_thread(struct checkpointer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    while (c->copying)
        (void)pthread_cond_wait(&c->changed, &c->lock);
    (void)pthread_mutex_unlock(&c->lock);
}

/* Is what is left quickly done? The thread may have come to the end while this commit's transaction was under way: then the log went on. */
static bool take_rest(struct checkpointer *c, int pages)
{
    bool near;

    (void)pthread_mutex_lock(&c->lock);
    near = c->reached > 0 && pages > c->reached && pages - c->reached <= REST_PAGES;
    c->reached = 0;
    (void)pthread_mutex_unlock(&c->lock);
    return near;
}

/* After each commit. */
static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct checkpointer *c = arg;
    bool due = pages >= c->next_pages, full = due && pages >= LIMIT_PAGES;
    int log, copied;

    (void)name;
    if (full)
        wait_for_thread(c);
    if (take_rest(c, pages) || full)
        copy(db, &log, &copied);
    else if (due)
        want(c);
    if (due || pages < c->next_pages - BEGIN_PAGES) /* the log has begun anew */
        c->next_pages = due ? pages + BEGIN_PAGES : BEGIN_PAGES;
    return SQLITE_OK;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void discard(struct checkpointer *c)
{
    (void)sqlite3_close(c->db);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

ferry_err checkpointer_start(sqlite3 *writer, const char *path, struct checkpointer **ret_checkpointer)
{
    struct checkpointer *c = ferry_calloc(1, sizeof(*c));
    int code;

    if (c == NULL)
        return FERRY_E_NOMEM;
    c->writer = writer;
    c->next_pages = BEGIN_PAGES;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->changed, NULL);
    code = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
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
