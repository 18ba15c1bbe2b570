#include "inbox.h"

#include "base/alloc.h"
#include "base/wait.h"

#include <errno.h>
#include <stdlib.h>

ferry_err inbox_init(struct inbox *inbox, size_t cap)
{
    *inbox = (struct inbox){.cap = cap};
    pthread_mutex_init(&inbox->lock, NULL);
    ferry_cond_init(&inbox->filled);
    inbox->ring = ferry_calloc(cap, sizeof *inbox->ring);
    return inbox->ring != NULL ? FERRY_OK : FERRY_E_NOMEM;
}

void inbox_done(struct inbox *inbox)
{
    free(inbox->ring);
    inbox->ring = NULL;
    pthread_cond_destroy(&inbox->filled);
    pthread_mutex_destroy(&inbox->lock);
}

/* With the lock held. */
static ferry_err put(struct inbox *inbox, struct inbox_item item)
{
    if (inbox->closed)
        return FERRY_E_CLOSED;
    if (inbox->count == inbox->cap)
        return FERRY_E_BUSY;
    inbox->ring[(inbox->head + inbox->count) % inbox->cap] = item;
    inbox->count++;
    return FERRY_OK;
}

ferry_err inbox_put(struct inbox *inbox, struct inbox_item item)
{
    pthread_mutex_lock(&inbox->lock);
    ferry_err err = put(inbox, item);
    if (err == FERRY_OK)
        pthread_cond_signal(&inbox->filled); /* costs nothing when nobody waits */
    pthread_mutex_unlock(&inbox->lock);
    return err;
}

ferry_err inbox_put_quietly(struct inbox *inbox, struct inbox_item item)
{
    pthread_mutex_lock(&inbox->lock);
    ferry_err err = put(inbox, item);
    if (inbox->count == inbox->cap)
        pthread_cond_signal(&inbox->filled);
    pthread_mutex_unlock(&inbox->lock);
    return err;
}

void inbox_ring(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    if (inbox->count > 0)
        pthread_cond_signal(&inbox->filled);
    pthread_mutex_unlock(&inbox->lock);
}

size_t inbox_take(struct inbox *inbox, struct inbox_item *out, size_t max)
{
    pthread_mutex_lock(&inbox->lock);
    size_t taken = inbox->count < max ? inbox->count : max;
    for (size_t i = 0; i < taken; i++)
        out[i] = inbox->ring[(inbox->head + i) % inbox->cap];
    inbox->head = (inbox->head + taken) % inbox->cap;
    inbox->count -= taken;
    pthread_mutex_unlock(&inbox->lock);
    return taken;
}

void inbox_wait(struct inbox *inbox, uint64_t wait_ms)
{
    struct timespec until = ferry_deadline_in(wait_ms);
    pthread_mutex_lock(&inbox->lock);
    while (inbox->count == 0 && !inbox->closed) {
        if (pthread_cond_timedwait(&inbox->filled, &inbox->lock, &until) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&inbox->lock);
}

void inbox_close(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->closed = true;
    pthread_cond_broadcast(&inbox->filled);
    pthread_mutex_unlock(&inbox->lock);
}

bool inbox_is_closed(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    bool closed = inbox->closed;
    pthread_mutex_unlock(&inbox->lock);
    return closed;
}

size_t inbox_depth(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    size_t depth = inbox->count;
    pthread_mutex_unlock(&inbox->lock);
    return depth;
}
