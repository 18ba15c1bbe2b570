/**
 * @file many_fixture.h
 * @brief The slots by which a store serves several processes, over a store that has them not: for tests.
 *
 * Each transaction of devices is rehearsed once, and each that claimed something is undone by others at its first commit: whatever the engine
 * does, it does twice, and nobody may notice. What is claimed and told is counted, and other processes do what the test says.
 */
#ifndef CORE_MANY_FIXTURE_H
#define CORE_MANY_FIXTURE_H

#include "api/store.h"

struct many {
    struct store_listener listener; /**< who listens; heard null: nobody */
    unsigned claims_of_devices, claims_of_everything, rehearsals;
    size_t devices;      /**< in the last scope of devices */
    uint32_t told;       /**< all bits since they were cleared */
    unsigned processes;  /* there are so many; 0 counts as 1 */
    bool timers_elsewhere; /**< another process has the timers */
    unsigned undo;       /**< so many transactions are undone by others, at their claim */
    bool rehearsing;
    bool claimed, undone; /* the transaction; and it was run before */
};

/** @brief Puts the slots into ops, a copy of real_ops, with all counters at 0. One store at a time. */
void many_install(struct store_ops *ops, const struct store_ops *real_ops);
/** @brief The counters of the store that was installed last. */
struct many *many_state(void);

#endif
