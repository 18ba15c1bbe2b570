/**
 * @file ferry_signals.h
 * @brief Signals as facts that the main loop looks at. Each one also ends what the library waits for.
 *
 * One per process, for its one thread that works.
 */
#ifndef FERRY_SIGNALS_H
#define FERRY_SIGNALS_H

#include "ferry/ferry.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief SIGINT and SIGTERM ask for the end, SIGPIPE is ignored. SIGHUP: a service reads its settings again, and a
 *  child that ends wakes it; for others SIGHUP is the end as well, unless it was ignored before. */
void ferry_signals_catch(bool service);
/** @brief Whose waiting a signal ends; null: nobody's. Look at the facts after setting it, before the call. */
void ferry_signals_interrupt(struct ferry *ferry);
/** @brief How often the end was asked for. */
int ferry_signals_ends(void);
/** @brief True once after SIGHUP. */
bool ferry_signals_take_reload(void);
/** @brief Sleeps until this time of ferry_mono_ms() or the next signal; one since the last call counts too. */
void ferry_signals_sleep(uint64_t until_ms);

#endif
