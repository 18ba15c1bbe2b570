/**
 * @file clock.h
 * @brief Interface table "clock": time and chance, everything the engine takes from outside that no peer sent.
 *
 * Implementations: clock/system.h (the machine), clock/manual.h (tests and simulation: one seed, one run).
 */
#ifndef API_CLOCK_H
#define API_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock;

struct clock_ops {
    const char *name;
    /** Unix milliseconds. May step in both directions. Never blocks. Any thread. */
    uint64_t (*wall_ms)(struct clock *clock);
    /** Milliseconds since an unknown start; never goes back. Never blocks. Any thread. */
    uint64_t (*mono_ms)(struct clock *clock);
    /** Fills out with random bytes; the system's are fit for keys. Never fails. Any thread. */
    void (*random)(struct clock *clock, void *out, size_t len);
};

/** @brief What every implementation begins with. */
struct clock {
    const struct clock_ops *ops;
};

#endif
