#include "api_gate.h"

#include "base/wait.h"

#include <errno.h>

void api_gate_init(struct api_gate *gate)
{
    *gate = (struct api_gate){.active = 0, .suspended = 0, .closed = false};
    pthread_mutex_init(&gate->lock, NULL);
    ferry_cond_init(&gate->changed);
}

void api_gate_done(struct api_gate *gate)
{
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}

void api_gate_request_begun(struct api_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->active++;
    pthread_mutex_unlock(&gate->lock);
}

void api_gate_request_ended(struct api_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->active--;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

bool api_gate_suspend(struct api_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool open = !gate->closed;
    if (open)
        gate->suspended++;
    pthread_mutex_unlock(&gate->lock);
    return open;
}

void api_gate_resumed(struct api_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->suspended--;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void api_gate_close(struct api_gate *gate, unsigned grace_s)
{
    struct timespec end = ferry_deadline_in(1000ull * grace_s);
    int status = 0;

    pthread_mutex_lock(&gate->lock);
    gate->closed = true;
    while (gate->active > 0 && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&gate->changed, &gate->lock, &end);
    while (gate->suspended > 0)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}
