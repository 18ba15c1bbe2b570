/**
 * @file signals.h
 * @brief SIGTERM and SIGINT: the first asks for a clean end, one that comes half a second later or more ends at once.
 * SIGHUP: the certificates are to be read again.
 */
#ifndef DAEMON_SIGNALS_H
#define DAEMON_SIGNALS_H

#include <stdbool.h>

/** @brief Blocks the signals in this thread and all that it will make. First thing in the process. */
void signals_block(void);

/** @brief Waits for one of the signals; 0: none came for timeout_s. */
int signals_wait(int timeout_s);

/** @brief From now on a further SIGTERM or SIGINT ends the process at once, with status 1; a managed broker is left behind. */
void signals_end_at_next(void);

#endif
