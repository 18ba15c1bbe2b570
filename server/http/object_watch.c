#include "object_watch.h"

#include "base/alloc.h"
#include "base/system.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

struct object_connection {
    struct object_connection *next, **link; /* in watch->first */
    int fd;
    struct http_tls *tls;
    bool extra;
    bool extra_client; /* of a proxy's: there are too many of whom its request is for */
    bool cut;
    struct ferry_network address;
    ferry_id writes;
    ferry_id serves;
    struct pace pace;
    atomic_uint phase; /* pace_phase and, above it, the turn: written by the serving thread, read by the watch */
};

enum { PHASE_BITS = 2, PHASE_MASK = 3 };
enum { STATE_CLOSE_WAIT = 8 }; /* TCP_CLOSE_WAIT of tcp(7): the header that names it clashes with linux/tcp.h */

struct object_watch {
    struct object_watch_config cfg;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards everything below and the links, writes, serves and descriptors of connections */
    pthread_cond_t wake;
    struct object_connection *first;
    uint32_t count;
    bool over;
};

/* Linear: the limit is off by default, and a connection costs more than a walk over some thousand. */
static bool address_is_full(const struct object_watch *watch, const struct ferry_network *address)
{
    uint32_t same = 0;
    if (watch->cfg.per_address_max == 0 || address->len == 0)
        return false;
    for (const struct object_connection *c = watch->first; c != NULL; c = c->next)
        same += ferry_network_equal(&c->address, address);
    return same >= watch->cfg.per_address_max;
}

struct object_connection *object_watch_opened(struct object_watch *watch, int fd, const struct ferry_network *address)
{
    struct object_connection *c = ferry_calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->fd = fd;
    c->tls = watch->cfg.tls;
    c->address = *address;
    atomic_init(&c->phase, PACE_HEAD);
    pthread_mutex_lock(&watch->mutex);
    c->extra = watch->count >= watch->cfg.connections_max || address_is_full(watch, &c->address);
    c->next = watch->first;
    c->link = &watch->first;
    if (c->next != NULL)
        c->next->link = &c->next;
    watch->first = c;
    watch->count++;
    pthread_mutex_unlock(&watch->mutex);
    return c;
}

void object_watch_closed(struct object_watch *watch, struct object_connection *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&watch->mutex);
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    watch->count--;
    pthread_mutex_unlock(&watch->mutex);
    free(c);
}

void object_connection_from(struct object_watch *watch, struct object_connection *c, const struct ferry_network *client)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&watch->mutex);
    c->extra_client = client != NULL && address_is_full(watch, client);
    c->address = client != NULL && !c->extra_client ? *client : (struct ferry_network){.len = 0};
    pthread_mutex_unlock(&watch->mutex);
}

void object_connection_phase(struct object_connection *c, pace_phase phase)
{
    if (c == NULL)
        return;
    unsigned turn = (atomic_load_explicit(&c->phase, memory_order_relaxed) >> PHASE_BITS) + 1;
    atomic_store_explicit(&c->phase, turn << PHASE_BITS | (unsigned)phase, memory_order_relaxed);
}

struct http_tls *object_connection_tls(const struct object_connection *c)
{
    return c != NULL ? c->tls : NULL;
}

bool object_connection_is_extra(const struct object_connection *c)
{
    return c == NULL || c->extra || c->extra_client;
}

void object_connection_writes(struct object_watch *watch, struct object_connection *c, const ferry_id *key)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&watch->mutex);
    if (key != NULL)
        c->writes = *key;
    else
        memset(&c->writes, 0, sizeof c->writes);
    pthread_mutex_unlock(&watch->mutex);
}

/* The serving thread sees the end of the stream and closes. With the mutex held: the descriptor is still the
 * connection's, because object_watch_closed comes before close(2). */
static void cut(struct object_connection *c)
{
    if (!c->cut)
        (void)shutdown(c->fd, SHUT_RDWR);
    c->cut = true;
}

void object_watch_cut_writer(struct object_watch *watch, const ferry_id *key)
{
    pthread_mutex_lock(&watch->mutex);
    for (struct object_connection *c = watch->first; c != NULL; c = c->next)
        if (ferry_id_equal(&c->writes, key))
            cut(c);
    pthread_mutex_unlock(&watch->mutex);
}

void object_connection_serves(struct object_watch *watch, struct object_connection *c, const ferry_id *task)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&watch->mutex);
    if (task != NULL)
        c->serves = *task;
    else
        memset(&c->serves, 0, sizeof c->serves);
    pthread_mutex_unlock(&watch->mutex);
}

size_t object_watch_tasks(struct object_watch *watch, ferry_id *out, size_t cap)
{
    size_t count = 0;
    pthread_mutex_lock(&watch->mutex);
    for (const struct object_connection *c = watch->first; c != NULL; c = c->next) {
        if (c->serves.text[0] == '\0')
            continue;
        if (count < cap)
            out[count] = c->serves;
        count++;
    }
    pthread_mutex_unlock(&watch->mutex);
    return cap == 0 || count < cap ? count : cap;
}

void object_watch_cut_task(struct object_watch *watch, const ferry_id *task)
{
    pthread_mutex_lock(&watch->mutex);
    for (struct object_connection *c = watch->first; c != NULL; c = c->next)
        if (ferry_id_equal(&c->serves, task))
            cut(c);
    pthread_mutex_unlock(&watch->mutex);
}

static pace_phase phase_of(const struct object_connection *c, uint32_t *ret_turn)
{
    unsigned phase = atomic_load_explicit(&c->phase, memory_order_relaxed);
    *ret_turn = phase >> PHASE_BITS;
    return (pace_phase)(phase & PHASE_MASK);
}

size_t object_watch_busy(struct object_watch *watch, bool bodies)
{
    size_t busy = 0;
    uint32_t turn;
    pthread_mutex_lock(&watch->mutex);
    for (const struct object_connection *c = watch->first; c != NULL; c = c->next) {
        pace_phase phase = phase_of(c, &turn);
        busy += phase == PACE_OURS || phase == PACE_ANSWER || (bodies && phase == PACE_BODY);
    }
    pthread_mutex_unlock(&watch->mutex);
    return busy;
}

/* libmicrohttpd 0.9.75 overlooks the end of a stream that comes together with the last bytes. */
static bool has_ended(const struct object_connection *c, const struct tcp_info *info)
{
    int unread = 0;
    return info->tcpi_state == STATE_CLOSE_WAIT && ioctl(c->fd, FIONREAD, &unread) == 0 && unread == 0;
}

static void look_at(struct object_watch *watch, struct object_connection *c, uint64_t now_ms)
{
    struct tcp_info info;
    socklen_t len = sizeof info;
    struct pace_look look = {.now_ms = now_ms};
    look.phase = phase_of(c, &look.turn);
    look.served = look.turn > 0;
    if (look.phase == PACE_OURS)
        return;
    memset(&info, 0, sizeof info);
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return;
    look.received_bytes = info.tcpi_bytes_received;
    look.acked_bytes = info.tcpi_bytes_acked;
    look.ended = has_ended(c, &info);
    if (pace_too_slow(&c->pace, &look, &watch->cfg.pace))
        cut(c);
}

static struct timespec next_look(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += WATCH_EVERY_MS * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    return at;
}

static void *watch_main(void *arg)
{
    struct object_watch *watch = arg;
    pthread_mutex_lock(&watch->mutex);
    while (!watch->over) {
        struct timespec until = next_look();
        while (!watch->over && pthread_cond_timedwait(&watch->wake, &watch->mutex, &until) != ETIMEDOUT) {
        }
        uint64_t now_ms = ferry_mono_ms();
        for (struct object_connection *c = watch->first; c != NULL; c = c->next)
            look_at(watch, c, now_ms);
        pthread_mutex_unlock(&watch->mutex);
        if (watch->cfg.tick != NULL)
            watch->cfg.tick(watch->cfg.arg, watch);
        pthread_mutex_lock(&watch->mutex);
    }
    pthread_mutex_unlock(&watch->mutex);
    return NULL;
}

static void watch_done(struct object_watch *watch)
{
    (void)pthread_cond_destroy(&watch->wake);
    (void)pthread_mutex_destroy(&watch->mutex);
    free(watch);
}

ferry_err object_watch_new(const struct object_watch_config *cfg, struct object_watch **ret_watch)
{
    struct object_watch *watch = ferry_calloc(1, sizeof *watch);
    pthread_condattr_t monotonic;
    if (watch == NULL)
        return FERRY_E_NOMEM;
    watch->cfg = *cfg;
    (void)pthread_mutex_init(&watch->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&watch->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&watch->thread, NULL, watch_main, watch) != 0) {
        watch_done(watch);
        return FERRY_E_IO;
    }
    *ret_watch = watch;
    return FERRY_OK;
}

void object_watch_free(struct object_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_mutex_lock(&watch->mutex);
    watch->over = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->mutex);
    (void)pthread_join(watch->thread, NULL);
    watch_done(watch);
}
