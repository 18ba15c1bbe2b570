/**
 * @file api_gate.h
 * @brief Counts the requests that are under way, so that the server can end when they have. Any thread.
 */
#ifndef HTTP_API_GATE_H
#define HTTP_API_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct api_gate {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    unsigned active;    /* requests that were begun and not completed */
    unsigned suspended; /* ... and that a worker or the engine has */
    bool closed;
};

void api_gate_init(struct api_gate *gate);
void api_gate_done(struct api_gate *gate);

void api_gate_request_begun(struct api_gate *gate);
void api_gate_request_ended(struct api_gate *gate);
/** @brief A request goes to a worker; false when the gate is closed. */
bool api_gate_suspend(struct api_gate *gate);
/** @brief ... and has come back. */
void api_gate_resumed(struct api_gate *gate);

/** @brief No request goes to a worker any more; waits at most grace_s for the active ones, and without limit for
 *  those that a worker has. */
void api_gate_close(struct api_gate *gate, unsigned grace_s);

#endif
