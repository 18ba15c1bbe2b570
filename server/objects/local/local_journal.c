#define _GNU_SOURCE /* syncfs */

#include "local_journal.h"
#include "local_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"
#include "base/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct journal_entry {
    ferry_id key;
    bool live; /* a sudden end would bring it back */
    bool named;
};

struct journal_half {
    struct journal_half_head head;
    uint32_t next_page;
    size_t held; /* records whose file has no name yet, or that are being cancelled: it stays until they are done */
    struct timespec due;
    struct journal_entry entries[JOURNAL_HALF_PAGES]; /* by the page where the record begins */
};

struct local_journal {
    struct objects_local *store;
    int fd;
    pthread_t thread; /* writes back */

    pthread_mutex_t mutex;  /* guards all below; never held during I/O */
    pthread_cond_t changed; /* for the thread, and for who waits for it */
    pthread_cond_t synced;
    struct journal_half halves[JOURNAL_HALVES];
    unsigned active;
    uint64_t order;            /* the last one given to a half */
    uint64_t written, durable; /* records */
    bool syncing;
    bool wanted; /* the active half is to be written back now */
    bool ending;
    bool broken; /* a sync failed: what is in it stays for the next start, nothing is added */
};

/* --- what is in it: with the mutex held ------------------------------------------------------------------ */

static void half_begin(struct journal_half *half, const struct journal_half_head *head)
{
    memset(half->entries, 0, sizeof half->entries);
    half->head = *head;
    half->next_page = 1;
}

static bool is_empty(const struct journal_half *half)
{
    return half->next_page == 1;
}

static struct journal_entry *find(struct local_journal *journal, const ferry_id *key, struct local_place *ret_place)
{
    for (unsigned h = 0; h < JOURNAL_HALVES; h++)
        for (uint32_t page = 1; page < journal->halves[h].next_page; page++) {
            struct journal_entry *entry = &journal->halves[h].entries[page];
            if (entry->live && ferry_id_equal(&entry->key, key)) {
                *ret_place = (struct local_place){.half = h, .page = page};
                return entry;
            }
        }
    return NULL;
}

/* Nobody waits for the active half. */
static void let_go(struct local_journal *journal, unsigned half)
{
    if (--journal->halves[half].held == 0 && half != journal->active)
        (void)pthread_cond_broadcast(&journal->changed);
}

static void want(struct local_journal *journal)
{
    journal->wanted = true;
    (void)pthread_cond_broadcast(&journal->changed);
}

static void breaks(struct local_journal *journal, const char *what)
{
    journal->broken = true;
    (void)pthread_cond_broadcast(&journal->changed);
    (void)pthread_cond_broadcast(&journal->synced);
    ferry_log(FERRY_LOG_ERROR, "objects", "%s: until the next start each small object is synced by itself", what);
}

/* --- a record -------------------------------------------------------------------------------------------- */

static bool reserve(struct local_journal *journal, const ferry_id *key, uint64_t size, struct local_place *ret_place,
                    uint64_t *ret_nonce)
{
    uint32_t pages = journal_record_pages(size);
    (void)pthread_mutex_lock(&journal->mutex);
    struct journal_half *half = &journal->halves[journal->active];
    bool fits = !journal->broken && half->next_page + pages <= JOURNAL_HALF_PAGES;
    if (fits) {
        if (is_empty(half)) {
            half->due = ferry_deadline_in(JOURNAL_WRITE_BACK_MS);
            (void)pthread_cond_broadcast(&journal->changed);
        }
        half->entries[half->next_page] = (struct journal_entry){.key = *key, .live = true};
        *ret_place = (struct local_place){.half = journal->active, .page = half->next_page};
        *ret_nonce = half->head.nonce;
        half->next_page += pages;
        half->held++;
    }
    if (!journal->wanted && half->next_page > JOURNAL_WANTED_PAGES)
        want(journal);
    (void)pthread_mutex_unlock(&journal->mutex);
    return fits;
}

/* With the mutex held, but for the sync: who comes first syncs for all that have written by now. */
static void sync_for_all(struct local_journal *journal)
{
    uint64_t upto = journal->written;
    journal->syncing = true;
    (void)pthread_mutex_unlock(&journal->mutex);
    bool done = fdatasync(journal->fd) == 0;
    (void)pthread_mutex_lock(&journal->mutex);
    journal->syncing = false;
    if (done)
        journal->durable = upto;
    else
        breaks(journal, "the journal of small objects cannot be synced");
    (void)pthread_cond_broadcast(&journal->synced);
}

static bool make_durable(struct local_journal *journal)
{
    (void)pthread_mutex_lock(&journal->mutex);
    uint64_t mine = ++journal->written;
    while (journal->durable < mine && !journal->broken) {
        if (journal->syncing)
            (void)pthread_cond_wait(&journal->synced, &journal->mutex);
        else
            sync_for_all(journal);
    }
    bool durable = journal->durable >= mine;
    (void)pthread_mutex_unlock(&journal->mutex);
    return durable;
}

bool local_journal_add(struct local_journal *journal, const ferry_id *key, const uint8_t md5[16], int fd, uint64_t size,
                       struct local_place *ret_place)
{
    struct local_place place;
    uint64_t nonce;
    if (journal == NULL || size > JOURNAL_OBJECT_MAX || !reserve(journal, key, size, &place, &nonce))
        return false;
    if (journal_record_write(journal->fd, &place, nonce, key, md5, fd, (uint32_t)size) != FERRY_OK ||
        !make_durable(journal)) {
        local_journal_named(journal, &place, false);
        return false;
    }
    *ret_place = place;
    return true;
}

void local_journal_named(struct local_journal *journal, const struct local_place *place, bool named)
{
    if (!named)
        (void)journal_record_cancel(journal->fd, place); /* else it may come back as what it is: whole, and of nobody */
    (void)pthread_mutex_lock(&journal->mutex);
    struct journal_entry *entry = &journal->halves[place->half].entries[place->page];
    entry->named = true;
    entry->live = named;
    let_go(journal, place->half);
    (void)pthread_mutex_unlock(&journal->mutex);
}

void local_journal_forget(struct local_journal *journal, const ferry_id *key)
{
    if (journal == NULL)
        return;
    struct local_place place;
    struct journal_entry *entry;
    (void)pthread_mutex_lock(&journal->mutex);
    while ((entry = find(journal, key, &place)) != NULL &&
           entry->named) { /* what is just being given its name is another one */
        entry->live = false;
        journal->halves[place.half].held++;
        (void)pthread_mutex_unlock(&journal->mutex);
        (void)journal_record_cancel(journal->fd, &place);
        (void)pthread_mutex_lock(&journal->mutex);
        let_go(journal, place.half);
    }
    (void)pthread_mutex_unlock(&journal->mutex);
}

ferry_err local_journal_settle(struct local_journal *journal, const ferry_id *key)
{
    if (journal == NULL)
        return FERRY_OK;
    struct local_place place;
    (void)pthread_mutex_lock(&journal->mutex);
    while (!journal->broken && find(journal, key, &place) != NULL) {
        if (place.half == journal->active && !journal->wanted)
            want(journal);
        (void)pthread_cond_wait(&journal->changed, &journal->mutex);
    }
    bool left = find(journal, key, &place) != NULL;
    (void)pthread_mutex_unlock(&journal->mutex);
    return left ? FERRY_E_IO : FERRY_OK;
}

/* --- writing back ------------------------------------------------------------------------------------------ */

/* With the mutex held, but for the disk. */
static void write_back(struct local_journal *journal)
{
    unsigned which = journal->active;
    struct journal_half *half = &journal->halves[which];
    if (is_empty(half))
        return;
    journal->active = (which + 1) % JOURNAL_HALVES;
    while (half->held > 0)
        (void)pthread_cond_wait(&journal->changed, &journal->mutex);
    struct journal_half_head head = {.order = ++journal->order};
    ferry_random_bytes(&head.nonce, sizeof head.nonce);
    (void)pthread_mutex_unlock(&journal->mutex);
    bool done = syncfs(journal->store->root_fd) == 0 && journal_file_begin(journal->fd, which, &head) == FERRY_OK;
    (void)pthread_mutex_lock(&journal->mutex);
    if (done)
        half_begin(half, &head);
    else
        breaks(journal, "small objects cannot be written back");
    (void)pthread_cond_broadcast(&journal->changed);
}

/* With the mutex held. False: the end. */
static bool wait_until_due(struct local_journal *journal)
{
    while (!journal->wanted && !journal->ending && !journal->broken) {
        const struct journal_half *half = &journal->halves[journal->active];
        if (is_empty(half))
            (void)pthread_cond_wait(&journal->changed, &journal->mutex);
        else if (pthread_cond_timedwait(&journal->changed, &journal->mutex, &half->due) == ETIMEDOUT)
            break;
    }
    journal->wanted = false;
    return !journal->broken && (!journal->ending || !is_empty(&journal->halves[journal->active]));
}

static void *thread_main(void *arg)
{
    struct local_journal *journal = arg;
    (void)pthread_mutex_lock(&journal->mutex);
    while (wait_until_due(journal))
        write_back(journal);
    (void)pthread_mutex_unlock(&journal->mutex);
    return NULL;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static void discard(struct local_journal *journal)
{
    (void)close(journal->fd);
    (void)pthread_cond_destroy(&journal->synced);
    (void)pthread_cond_destroy(&journal->changed);
    (void)pthread_mutex_destroy(&journal->mutex);
    free(journal);
}

ferry_err local_journal_open(struct objects_local *store, struct local_journal **ret_journal)
{
    struct journal_half_head heads[JOURNAL_HALVES];
    int fd = -1;
    *ret_journal = NULL;
    ferry_err err = journal_file_open(store, &fd, heads);
    if (err != FERRY_OK || fd < 0)
        return err;
    struct local_journal *journal = ferry_calloc(1, sizeof *journal);
    if (journal == NULL) {
        (void)close(fd);
        return FERRY_E_NOMEM;
    }
    journal->store = store;
    journal->fd = fd;
    (void)pthread_mutex_init(&journal->mutex, NULL);
    ferry_cond_init(&journal->changed);
    ferry_cond_init(&journal->synced);
    for (unsigned half = 0; half < JOURNAL_HALVES; half++)
        half_begin(&journal->halves[half], &heads[half]);
    journal->order = heads[JOURNAL_HALVES - 1].order;
    if (pthread_create(&journal->thread, NULL, thread_main, journal) != 0) {
        discard(journal);
        return FERRY_E_NOMEM;
    }
    *ret_journal = journal;
    return FERRY_OK;
}

void local_journal_close(struct local_journal *journal)
{
    if (journal == NULL)
        return;
    (void)pthread_mutex_lock(&journal->mutex);
    journal->ending = true;
    (void)pthread_cond_broadcast(&journal->changed);
    (void)pthread_mutex_unlock(&journal->mutex);
    (void)pthread_join(journal->thread, NULL);
    discard(journal);
}
