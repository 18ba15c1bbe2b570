/**
 * @file ferry_hook.h
 * @brief One run of the user's program for a file: started, watched, ended.
 *
 * It runs in a session and process group of its own, with standard input from /dev/null, standard output and error to
 * our standard error, no other descriptor, no blocked or ignored signal, and an environment without our settings.
 * When the agent dies it is killed.
 */
#ifndef FERRY_HOOK_H
#define FERRY_HOOK_H

#include "ferry_spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FERRY_HOOK_MESSAGE_SIZE = 256 };

/** @brief What to run, and for whom. */
struct ferry_hook_command {
    const char *program; /**< run with the file's path as its argument ... */
    const char *shell;   /**< ... or, when program is null, this command by /bin/sh, the path as "$1" */
    const char *product, *device;
    uint64_t timeout_ms;
};

/** @brief A running hook; zero when there is none. */
struct ferry_hook {
    pid_t pid;
    uint64_t started_ms;
    uint64_t due_ms; /**< when the next signal is due */
    bool ending;     /**< it got SIGTERM; SIGKILL is next */
    bool late;       /**< because its time was over */
};

/** @brief How a hook ended. */
struct ferry_hook_end {
    enum { HOOK_EXITED, HOOK_SIGNALLED, HOOK_LATE, HOOK_STOPPED } how; /**< LATE, STOPPED: by us */
    int number; /**< exit status, or the signal; of LATE and STOPPED whichever it was */
    uint64_t ms;
};

/** @brief Starts it. @return false: it could not be; reterr_message says why */
bool ferry_hook_start(struct ferry_hook *hook, const struct ferry_hook_command *command, const struct ferry_job *job,
                      uint64_t now_ms, char reterr_message[FERRY_HOOK_MESSAGE_SIZE]);
/** @brief Sends the signals that are due: SIGTERM to its group when its time is over, SIGKILL a little later. */
void ferry_hook_tick(struct ferry_hook *hook, uint64_t now_ms);
/** @brief Asks it to end now, as if its time was over. A second time: kills it. */
void ferry_hook_stop(struct ferry_hook *hook, uint64_t now_ms);
/** @brief True once when it has ended. What it left in its group goes with it, if it had to be ended. */
bool ferry_hook_ended(struct ferry_hook *hook, uint64_t now_ms, struct ferry_hook_end *ret_end);

#endif
