/**
 * @file signals.h
 * @brief SIGTERM, SIGINT and SIGHUP: the first asks for a clean end, one that comes half a second later or more ends at once.
 */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <stdbool.h>

/** @brief Blocks the signals in this thread and all that it will make. First thing in the process. */
void signals_block(void);

/** @brief Waits for one of the signals. */
int signals_wait(void);

/** @brief From now on a further signal ends the process at once, with status 1; a managed broker is left behind. */
void signals_end_at_next(void);

#endif
