/** @file schedule.h  @brief What happens when: a heap of actions on simulated time. Equal times keep the order in which they were set. */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;

/** subject and arg are the setter's; owned is freed after the action, or at the end. */
typedef void sim_action(struct sim *s, void *subject, uint64_t arg, void *owned);

struct planned {
    uint64_t at_ms, order;
    sim_action *run;
    void *subject, *owned;
    uint64_t arg;
};

struct schedule {
    struct planned *heap;
    size_t count, cap;
    uint64_t orders;
};

/** Aborts when there is no memory: a simulation without it shows nothing. */
void schedule_add(struct schedule *q, uint64_t at_ms, sim_action *run, void *subject, uint64_t arg, void *owned);
/** False when nothing is planned. */
bool schedule_take(struct schedule *q, struct planned *ret);
void schedule_done(struct schedule *q);

#endif
