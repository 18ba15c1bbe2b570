/**
 * @file process.h
 * @brief The broker's process: started by us, or left over by a ferryd that died.
 *
 * A process is held by a descriptor (pidfd), never by its number alone: a number may belong to a stranger
 * by the time a signal is sent. Not thread-safe, except where it says so.
 */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    int fd;     /**< pidfd: readable when the process has ended; -1: there is none */
    bool child; /**< ours: it must be reaped */
};

#define PROCESS_NONE ((struct process){.pid = 0, .fd = -1, .child = false})

enum { PROCESS_END_SIZE = 64 };

/**
 * @brief The path of a program: as given when it has a slash, else looked for in PATH and the sbin folders.
 * @retval FERRY_OK *ret_path is the caller's | FERRY_E_NOT_FOUND | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err process_find_program(const char *name, char **ret_path);

/**
 * @brief Starts `{program} -c {conf_path}`: in a process group of its own, no descriptor of ours, output into the log.
 * @retval FERRY_OK | from errno
 */
FERRY_MUST_CHECK ferry_err process_start(const char *program, const char *conf_path, const char *log_path,
                                         struct process *ret_process);

/**
 * @brief The process that the pid file names, when it really is `{program} -c {conf_path}` with the same file;
 * else any such process.
 * @retval FERRY_OK | FERRY_E_NOT_FOUND there is none; a stranger that has the number now is left alone
 */
FERRY_MUST_CHECK ferry_err process_adopt(const char *program, const char *conf_path, const char *pid_path,
                                         struct process *ret_process);

/** @brief True when it has ended, within timeout_ms; writes how ("with status 3", "by signal 9"). */
bool process_ended(struct process *process, int timeout_ms, char out[PROCESS_END_SIZE]);

/** @brief Sends a signal; nothing happens when it has ended. Any thread, also in a signal handler. */
void process_signal(const struct process *process, int signal);

/** @brief SIGTERM, and SIGKILL when that does not help within grace_ms; waits for the end. Lets go. */
void process_stop(struct process *process, int grace_ms);

/** @brief Lets go without touching the process. */
void process_release(struct process *process);

#endif
