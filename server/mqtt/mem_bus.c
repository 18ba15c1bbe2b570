#include "mqtt/mem_bus.h"

#include "mqtt/outbox.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

struct mem_bus {
    struct bus bus;
    struct bus_listener listener; /* set by start, under both locks */
    bool started, stopped, up;    /* changed under both locks, read under either */
    pthread_mutex_t calling;      /* held during a listener call, so that stop can wait for its end */
    pthread_mutex_t lock;         /* outbox; always taken after calling */
    struct outbox outbox;
    bool holding;
    size_t free_to_go; /* while holding: messages that were there before */
};

static struct mem_bus *mem_of(struct bus *bus)
{
    return (struct mem_bus *)bus;
}

static void lock_all(struct mem_bus *mem)
{
    (void)pthread_mutex_lock(&mem->calling);
    (void)pthread_mutex_lock(&mem->lock);
}

static void unlock_all(struct mem_bus *mem)
{
    (void)pthread_mutex_unlock(&mem->lock);
    (void)pthread_mutex_unlock(&mem->calling);
}

/* Called with calling held. */
static void tell_link(struct mem_bus *mem)
{
    if (!mem->stopped && mem->listener.link != NULL)
        mem->listener.link(mem->listener.arg, mem->up);
}

static ferry_err mem_start(struct bus *bus, const struct bus_listener *listener)
{
    struct mem_bus *mem = mem_of(bus);

    lock_all(mem);
    if (mem->started) {
        unlock_all(mem);
        return FERRY_E_STATE;
    }
    mem->listener = *listener;
    mem->started = true;
    mem->up = true;
    (void)pthread_mutex_unlock(&mem->lock);
    tell_link(mem);
    (void)pthread_mutex_unlock(&mem->calling);
    return FERRY_OK;
}

static ferry_err mem_publish(struct bus *bus, const char *topic, const void *payload, size_t len)
{
    struct mem_bus *mem = mem_of(bus);
    ferry_err err;

    (void)pthread_mutex_lock(&mem->lock);
    err = mem->started ? outbox_put(&mem->outbox, topic, payload, len) : FERRY_E_NETWORK;
    (void)pthread_mutex_unlock(&mem->lock);
    return err;
}

static void mem_hold(struct bus *bus)
{
    struct mem_bus *mem = mem_of(bus);

    (void)pthread_mutex_lock(&mem->lock);
    mem->holding = true;
    mem->free_to_go = mem->outbox.count;
    (void)pthread_mutex_unlock(&mem->lock);
}

static void mem_let_go(struct bus *bus)
{
    struct mem_bus *mem = mem_of(bus);

    (void)pthread_mutex_lock(&mem->lock);
    mem->holding = false;
    (void)pthread_mutex_unlock(&mem->lock);
}

static void mem_stop(struct bus *bus)
{
    struct mem_bus *mem = mem_of(bus);

    lock_all(mem);
    mem->stopped = true;
    unlock_all(mem);
}

static void mem_close(struct bus *bus)
{
    struct mem_bus *mem = mem_of(bus);

    if (mem == NULL)
        return;
    mem_stop(bus);
    outbox_clear(&mem->outbox);
    (void)pthread_mutex_destroy(&mem->lock);
    (void)pthread_mutex_destroy(&mem->calling);
    free(mem);
}

static const struct bus_ops mem_ops = {
    .name = "mem",
    .start = mem_start,
    .publish = mem_publish,
    .hold = mem_hold,
    .let_go = mem_let_go,
    .stop = mem_stop,
    .close = mem_close,
};

ferry_err mem_bus_open(struct bus **ret_bus)
{
    struct mem_bus *mem = ferry_calloc(1, sizeof(*mem));

    if (mem == NULL)
        return FERRY_E_NOMEM;
    mem->bus.ops = &mem_ops;
    (void)pthread_mutex_init(&mem->calling, NULL); /* cannot fail without attributes */
    (void)pthread_mutex_init(&mem->lock, NULL);
    outbox_init(&mem->outbox, MEM_BUS_QUEUE_BYTES);
    *ret_bus = &mem->bus;
    return FERRY_OK;
}

ferry_err mem_bus_inject(struct bus *bus, const char *topic, const void *payload, size_t len)
{
    struct mem_bus *mem = mem_of(bus);
    ferry_err err = FERRY_E_NETWORK;

    (void)pthread_mutex_lock(&mem->calling);
    if (mem->up && !mem->stopped) {
        mem->listener.message(mem->listener.arg, topic, payload, len);
        if (mem->listener.passed != NULL)
            mem->listener.passed(mem->listener.arg);
        err = FERRY_OK;
    }
    (void)pthread_mutex_unlock(&mem->calling);
    return err;
}

void mem_bus_set_link(struct bus *bus, bool up)
{
    struct mem_bus *mem = mem_of(bus);
    bool change;

    lock_all(mem);
    change = mem->started && mem->up != up;
    if (change)
        mem->up = up;
    (void)pthread_mutex_unlock(&mem->lock);
    if (change)
        tell_link(mem);
    (void)pthread_mutex_unlock(&mem->calling);
}

/* With lock held. */
static struct bus_message *take(struct mem_bus *mem)
{
    if (!mem->up || (mem->holding && mem->free_to_go == 0))
        return NULL;
    if (mem->holding)
        mem->free_to_go--;
    return outbox_take(&mem->outbox);
}

struct bus_message *mem_bus_take(struct bus *bus)
{
    struct mem_bus *mem = mem_of(bus);
    struct bus_message *message;

    (void)pthread_mutex_lock(&mem->lock);
    message = take(mem);
    (void)pthread_mutex_unlock(&mem->lock);
    return message;
}
