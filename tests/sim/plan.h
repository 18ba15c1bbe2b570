/** @file plan.h  @brief What a run is made of: everything follows from it, so it is all that repeats a run. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, word in a plan's text, what is drawn. A run may have any set of them; shrinking takes them away one by one. */
#define SIM_FAULT_LIST(X)                                                                  \
    X(FAULT_LOSS, "loss", "a message is lost")                                             \
    X(FAULT_DUPLICATE, "duplicate", "a device's message arrives twice")                    \
    X(FAULT_DELAY, "delay", "a message or an HTTP packet comes late")                      \
    X(FAULT_CUT, "cut", "a device's connection to the broker breaks")                      \
    X(FAULT_HALF_OPEN, "half-open", "one breaks and the device does not notice")           \
    X(FAULT_BROKER, "broker", "the broker restarts: all connections break")                \
    X(FAULT_HTTP, "http", "an HTTP request breaks off, or cannot be made")                 \
    X(FAULT_DEVICE, "device", "a device loses its power")                                  \
    X(FAULT_DEVICE_DISK, "device-disk", "a device cannot read or write its file")          \
    X(FAULT_WORKER, "worker", "a worker is killed between two turns")                      \
    X(FAULT_POINT, "point", "a worker is killed at a durable step or an effect of a turn") \
    X(FAULT_STALL, "stall", "a worker stands still for a while")                           \
    X(FAULT_COMMIT, "commit", "the store cannot commit")                                   \
    X(FAULT_AGAIN, "again", "the store undoes a transaction: it is to be run again")       \
    X(FAULT_OBJECT, "object", "an object cannot be written")                               \
    X(FAULT_TORN, "torn", "what was written of an object ends in rubbish after a kill")    \
    X(FAULT_CLOCK, "clock", "a worker's wall clock is set")                                \
    X(FAULT_CANCEL, "cancel", "an operator cancels, removes or disables something")        \
    X(FAULT_PAUSE, "pause", "an operator pauses a deployment, resumes it, retries")         \
    X(FAULT_MIDST, "midst", "a message comes in the midst of a worker's turn")             \
    X(FAULT_LIE, "lie", "a device says that it has sent what it has not")                  \
    X(FAULT_FLIP, "flip", "a bit of a file changes on its way")

typedef enum {
#define X(name, word, text) name,
    SIM_FAULT_LIST(X)
#undef X
        SIM_FAULTS,
} sim_fault;

enum { PLAN_DEVICES_MAX = 4096, PLAN_WORKERS_MAX = 4 };

struct sim_plan {
    uint64_t seed;
    uint32_t devices, workers;
    uint32_t steps;  /* with faults and new work; then all of it must come to its end */
    uint32_t faults; /* bits 1 << sim_fault */
    uint32_t one_in; /* how rare faults are: of so many chances one is taken */
};

/** A plan drawn from the seed: each has some of the faults, not all. */
struct sim_plan plan_of_seed(uint64_t seed);
/** The plan of a text like "seed=7 devices=3 faults=loss,cut", words apart by spaces; what it does not say is drawn from its seed.
 *  False when it is not understood. */
bool plan_of_text(const char *text, struct sim_plan *ret_plan);
enum { PLAN_TEXT = 512 };
/** The text that plan_of_text() understands. */
void plan_write(const struct sim_plan *plan, char out[PLAN_TEXT]);

#endif
