#include "mqtt/bus_thread.h"

#include "base/system.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct bus_thread *thread_of(struct bus *bus)
{
    return (struct bus_thread *)bus;
}

ferry_err bus_thread_init(struct bus_thread *t, const struct bus_thread_config *cfg)
{
    t->bus.ops = cfg->ops;
    t->run = cfg->run;
    t->retry_first_ms = t->pause_ms = cfg->retry_first_ms;
    t->retry_max_ms = cfg->retry_max_ms;
    (void)pthread_mutex_init(&t->calling, NULL); /* cannot fail without attributes */
    (void)pthread_mutex_init(&t->lock, NULL);
    outbox_init(&t->outbox, cfg->queue_bytes_max);
    t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return t->wake_fd >= 0 ? FERRY_OK : FERRY_E_NOMEM;
}

void bus_thread_done(struct bus_thread *t)
{
    outbox_clear(&t->outbox);
    if (t->wake_fd >= 0)
        (void)close(t->wake_fd);
    (void)pthread_mutex_destroy(&t->lock);
    (void)pthread_mutex_destroy(&t->calling);
}

/* --- for others -------------------------------------------------------------------------------------------- */

void bus_thread_wake(const struct bus_thread *t)
{
    uint64_t one = 1;

    if (write(t->wake_fd, &one, sizeof(one)) < 0)
        return; /* EAGAIN: it is awake already */
}

/* Signals are for the threads that wait for them. */
static int start_thread(struct bus_thread *t)
{
    sigset_t all, before;
    int failed;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&t->thread, NULL, t->run, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

ferry_err bus_thread_start(struct bus *bus, const struct bus_listener *listener)
{
    struct bus_thread *t = thread_of(bus);

    if (t->started)
        return FERRY_E_STATE;
    t->listener = *listener;
    t->since_ms = ferry_mono_ms();
    (void)pthread_mutex_lock(&t->lock); /* the thread may have something to be answered before this one goes on */
    t->started = start_thread(t) == 0;
    (void)pthread_mutex_unlock(&t->lock);
    return t->started ? FERRY_OK : FERRY_E_NOMEM;
}

ferry_err bus_thread_publish(struct bus *bus, const char *topic, const void *payload, size_t len)
{
    struct bus_thread *t = thread_of(bus);
    ferry_err err = FERRY_E_NETWORK;
    bool wanted = false;

    (void)pthread_mutex_lock(&t->lock);
    if (t->started) {
        wanted = t->outbox.first == NULL && !t->holding;
        err = outbox_put(&t->outbox, topic, payload, len);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (err == FERRY_OK && wanted)
        bus_thread_wake(t);
    return err;
}

void bus_thread_hold(struct bus *bus)
{
    struct bus_thread *t = thread_of(bus);

    (void)pthread_mutex_lock(&t->lock);
    t->holding = true;
    (void)pthread_mutex_unlock(&t->lock);
}

size_t bus_thread_end_hold(struct bus_thread *t)
{
    size_t waiting;

    (void)pthread_mutex_lock(&t->lock);
    t->holding = false;
    waiting = t->outbox.count;
    (void)pthread_mutex_unlock(&t->lock);
    return waiting;
}

void bus_thread_let_go(struct bus *bus)
{
    struct bus_thread *t = thread_of(bus);

    if (bus_thread_end_hold(t) > 0)
        bus_thread_wake(t);
}

void bus_thread_stop(struct bus *bus)
{
    struct bus_thread *t = thread_of(bus);

    (void)pthread_mutex_lock(&t->calling);
    t->stopped = true;
    (void)pthread_mutex_unlock(&t->calling);
    bus_thread_wake(t);
}

void bus_thread_close(struct bus_thread *t)
{
    bus_thread_stop(&t->bus);
    (void)pthread_mutex_lock(&t->lock);
    t->closing = true;
    (void)pthread_mutex_unlock(&t->lock);
    bus_thread_wake(t);
}

/* --- for the thread ---------------------------------------------------------------------------------------- */

bool bus_thread_is_closing(struct bus_thread *t)
{
    bool closing;

    (void)pthread_mutex_lock(&t->lock);
    closing = t->closing;
    (void)pthread_mutex_unlock(&t->lock);
    return closing;
}

bool bus_thread_is_stopped(struct bus_thread *t)
{
    bool stopped;

    (void)pthread_mutex_lock(&t->calling);
    stopped = t->stopped;
    (void)pthread_mutex_unlock(&t->calling);
    return stopped;
}

bool bus_thread_goes_on(struct bus_thread *t)
{
    return !bus_thread_is_closing(t) && !bus_thread_is_stopped(t);
}

void bus_thread_set_connected(struct bus_thread *t, bool connected)
{
    (void)pthread_mutex_lock(&t->lock);
    if (connected && ferry_mono_ms() - t->since_ms > BUS_KEEP_MS)
        outbox_clear(&t->outbox);
    if (t->connected && !connected)
        t->since_ms = ferry_mono_ms();
    t->connected = connected;
    (void)pthread_mutex_unlock(&t->lock);
}

void bus_thread_tell_link(const struct bus_thread *t, bool up)
{
    if (!t->stopped && t->listener.link != NULL)
        t->listener.link(t->listener.arg, up);
}

size_t bus_thread_waiting(struct bus_thread *t)
{
    size_t waiting;

    (void)pthread_mutex_lock(&t->lock);
    waiting = t->outbox.count;
    (void)pthread_mutex_unlock(&t->lock);
    return waiting;
}

struct bus_message *bus_thread_take(struct bus_thread *t)
{
    struct bus_message *message;

    (void)pthread_mutex_lock(&t->lock);
    message = outbox_take(&t->outbox);
    (void)pthread_mutex_unlock(&t->lock);
    return message;
}

void bus_thread_hush(const struct bus_thread *t)
{
    uint64_t count;

    if (read(t->wake_fd, &count, sizeof(count)) < 0)
        return; /* EAGAIN: it was quiet */
}

void bus_thread_pause(struct bus_thread *t)
{
    struct pollfd fd = {.fd = t->wake_fd, .events = POLLIN};
    uint32_t jitter;

    ferry_random_bytes(&jitter, sizeof(jitter));
    if (poll(&fd, 1, (int)(t->pause_ms + jitter % (t->pause_ms / 4 + 1))) > 0)
        bus_thread_hush(t);
    t->pause_ms = t->pause_ms > t->retry_max_ms / 2 ? t->retry_max_ms : t->pause_ms * 2;
}

void bus_thread_forget_pauses(struct bus_thread *t)
{
    t->pause_ms = t->retry_first_ms;
}
