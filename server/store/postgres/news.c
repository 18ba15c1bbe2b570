#include "news.h"

#include "address.h"
#include "link.h"
#include "postgres_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    CONNECT_AGAIN_MS = 500,
    ASK_EVERY_MS = 5 * 1000, /* a server that is gone without a word is found out */
};

struct pgs_news {
    struct postgres_store *store;
    struct store_listener listener;
    int stop; /* an eventfd: readable when it is over */
    pthread_t thread;
};

/* True: it is over. */
static bool wait(const struct pgs_news *news, int also, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = news->stop, .events = POLLIN}, {.fd = also, .events = POLLIN}};

    (void)poll(fds, 2, timeout_ms); /* whatever it says: the caller looks */
    return (fds[0].revents & POLLIN) != 0;
}

static PGconn *connect_and_listen(const struct pgs_news *news)
{
    ferry_cleanup(PQfinish) PGconn *db = pgs_address_connect(news->store->uri, news->store->name);

    if (db == NULL || PQstatus(db) != CONNECTION_OK || PQsetnonblocking(db, 1) != 0)
        return NULL;
    (void)PQsetNoticeProcessor(db, pgs_link_ignore_notice, NULL);
    return pgs_link_run(db, "LISTEN " PGS_NEWS_CHANNEL, PGS_PATIENCE_MS, NULL) == FERRY_OK ? FERRY_TAKE(db) : NULL;
}

/* Our own commits are no news. */
static uint32_t take_news(const struct pgs_news *news, PGconn *db)
{
    uint32_t bits = 0;

    for (PGnotify *n; (n = PQnotifies(db)) != NULL; PQfreemem(n)) {
        if (n->be_pid != atomic_load(&news->store->writer_backend))
            bits |= (uint32_t)strtoul(n->extra, NULL, 10);
    }
    return bits;
}

/* Until the connection is lost, or all is over. */
static void hear(const struct pgs_news *news, PGconn *db)
{
    news->listener.heard(news->listener.arg, UINT32_MAX); /* what was told meanwhile, nobody knows */
    for (;;) {
        struct pollfd silent = {.fd = PQsocket(db), .events = POLLIN};
        uint32_t bits = take_news(news, db);

        if (bits != 0)
            news->listener.heard(news->listener.arg, bits);
        if (wait(news, PQsocket(db), ASK_EVERY_MS))
            return;
        if (poll(&silent, 1, 0) == 0 && pgs_link_run(db, "SELECT 1", PGS_PATIENCE_MS, NULL) != FERRY_OK)
            return;
        if (PQconsumeInput(db) != 1)
            return;
    }
}

static void *run(void *arg)
{
    struct pgs_news *news = arg;

    while (!wait(news, -1, 0)) {
        ferry_cleanup(PQfinish) PGconn *db = connect_and_listen(news);

        if (db != NULL)
            hear(news, db);
        else
            (void)wait(news, -1, CONNECT_AGAIN_MS);
    }
    return NULL;
}

ferry_err pgs_news_start(struct postgres_store *store, const struct store_listener *listener, struct pgs_news **ret_news)
{
    ferry_autofree struct pgs_news *news = ferry_calloc(1, sizeof(*news));

    if (news == NULL)
        return FERRY_E_NOMEM;
    news->store = store;
    news->listener = *listener;
    news->stop = eventfd(0, EFD_CLOEXEC);
    if (news->stop < 0)
        return FERRY_E_LIMIT;
    if (pthread_create(&news->thread, NULL, run, news) != 0) {
        (void)close(news->stop);
        return FERRY_E_NOMEM;
    }
    *ret_news = FERRY_TAKE(news);
    return FERRY_OK;
}

void pgs_news_stop(struct pgs_news *news)
{
    uint64_t one = 1;

    if (news == NULL)
        return;
    while (write(news->stop, &one, sizeof(one)) < 0)
        ; /* interrupted: the counter cannot be full */
    (void)pthread_join(news->thread, NULL);
    (void)close(news->stop);
    free(news);
}
