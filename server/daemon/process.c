#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np */

#include "process.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CMDLINE_MAX = 65536, PID_FILE_MAX = 32 };

extern char **environ;

FERRY_DEFINE_CLEANUP(DIR *, closedir)

/* --- finding the program ---------------------------------------------------------------------------------- */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

ferry_err process_find_program(const char *name, char **ret_path)
{
    /* people who are not root have no sbin in their PATH on Debian */
    ferry_autofree char *folders = ferry_asprintf("%s:/usr/local/sbin:/usr/sbin:/sbin",
                                                  getenv("PATH") != NULL ? getenv("PATH") : "/usr/bin:/bin");
    char *rest = folders;

    if (folders == NULL)
        return FERRY_E_NOMEM;
    if (strchr(name, '/') != NULL) {
        if (!is_program(name))
            return FERRY_E_NOT_FOUND;
        *ret_path = ferry_strdup(name);
        return *ret_path != NULL ? FERRY_OK : FERRY_E_NOMEM;
    }
    for (const char *folder; (folder = strsep(&rest, ":")) != NULL;) {
        ferry_autofree char *path = folder[0] == '/' ? ferry_asprintf("%s/%s", folder, name) : NULL;

        if (path != NULL && is_program(path)) {
            *ret_path = FERRY_TAKE(path);
            return FERRY_OK;
        }
    }
    return FERRY_E_NOT_FOUND;
}

/* --- starting --------------------------------------------------------------------------------------------- */

/* All steps are tried; the first failure counts. */
static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, const char *log_path)
{
    sigset_t none, all;
    int failed[7];

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    failed[0] = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed[1] = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    failed[2] = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    /* libraries open descriptors that are not close-on-exec; the lock of the data folder must not live on there */
    failed[3] = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    failed[4] = posix_spawnattr_setsigmask(attributes, &none);
    failed[5] = posix_spawnattr_setsigdefault(attributes, &all);
    /* a group of its own: Ctrl-C in a terminal goes to ferryd alone, which ends the broker last */
    failed[6] = posix_spawnattr_setflags(attributes,
                                         POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++)
        if (failed[i] != 0)
            return failed[i];
    return 0;
}

ferry_err process_start(const char *program, const char *conf_path, const char *log_path, struct process *ret_process)
{
    ferry_autofree char *arg0 = ferry_strdup(program), *arg2 = ferry_strdup(conf_path);
    char option[] = "-c";
    char *argv[] = {arg0, option, arg2, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    struct process process = {.child = true, .fd = -1};
    int failed;

    if (arg0 == NULL || arg2 == NULL || posix_spawn_file_actions_init(&actions) != 0)
        return FERRY_E_NOMEM;
    (void)posix_spawnattr_init(&attributes);
    failed = prepare(&actions, &attributes, log_path);
    if (failed == 0)
        failed = posix_spawn(&process.pid, program, &actions, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        return ferry_err_from_errno(failed);
    process.fd = pidfd_open(process.pid, 0);
    if (process.fd < 0) {
        ferry_err err = ferry_err_from_errno(errno);

        (void)kill(process.pid, SIGKILL); /* not reaped yet: the number is still the child's */
        (void)waitpid(process.pid, NULL, 0);
        return err;
    }
    *ret_process = process;
    return FERRY_OK;
}

/* --- what a dead ferryd left ------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Is the command line exactly: program, "-c", conf_path? */
static bool is_command(const struct ferry_buf *cmdline, const char *program, const char *conf_path)
{
    const char *args[3] = {NULL};
    size_t count = 0;

    for (size_t at = 0; at < cmdline->len; at += strlen(cmdline->data + at) + 1) {
        if (count == 3)
            return false;
        args[count++] = cmdline->data + at;
    }
    return count == 3 && strcmp(base_name(args[0]), base_name(program)) == 0 && strcmp(args[1], "-c") == 0 &&
           strcmp(args[2], conf_path) == 0;
}

/* The same path may lead elsewhere in another container. */
static bool is_same_file(pid_t pid, const char *path)
{
    ferry_autofree char *seen_by_it = ferry_asprintf("/proc/%d/root%s", (int)pid, path);
    struct stat theirs, ours;

    return seen_by_it != NULL && stat(seen_by_it, &theirs) == 0 && stat(path, &ours) == 0 &&
           theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* Holds the process if it is the wanted one. First the descriptor, then the look at who it is: what is read is
 * of the process that is held. */
static bool try_adopt(pid_t pid, const char *program, const char *conf_path, struct process *ret_process)
{
    ferry_autobuf cmdline = FERRY_BUF_INIT(CMDLINE_MAX);
    struct process process = {.pid = pid, .child = false, .fd = pidfd_open(pid, 0)};
    char path[64], end[PROCESS_END_SIZE];

    if (process.fd < 0)
        return false;
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    if (ferry_file_read(path, &cmdline) != FERRY_OK || !is_command(&cmdline, program, conf_path) ||
        !is_same_file(pid, conf_path) || process_ended(&process, 0, end)) {
        process_release(&process);
        return false;
    }
    *ret_process = process;
    return true;
}

static pid_t parse_pid(const char *text)
{
    char *end;
    long pid = strtol(text, &end, 10);

    return end != text && (*end == '\0' || *end == '\n') && pid > 1 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static pid_t read_pid(const char *pid_path)
{
    ferry_autobuf text = FERRY_BUF_INIT(PID_FILE_MAX);

    return ferry_file_read(pid_path, &text) == FERRY_OK ? parse_pid(text.data) : 0;
}

ferry_err process_adopt(const char *program, const char *conf_path, const char *pid_path, struct process *ret_process)
{
    pid_t pid = read_pid(pid_path);
    ferry_cleanup(closedir) DIR *proc = NULL;

    if (pid != 0 && try_adopt(pid, program, conf_path, ret_process))
        return FERRY_OK;
    /* ferryd may have died before the broker wrote its file */
    proc = opendir("/proc");
    for (const struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
        pid = parse_pid(entry->d_name);
        if (pid != 0 && try_adopt(pid, program, conf_path, ret_process))
            return FERRY_OK;
    }
    return FERRY_E_NOT_FOUND;
}

/* --- afterwards ------------------------------------------------------------------------------------------- */

bool process_ended(struct process *process, int timeout_ms, char out[PROCESS_END_SIZE])
{
    struct pollfd poll_fd = {.fd = process->fd, .events = POLLIN};
    siginfo_t info = {.si_pid = 0};

    if (poll(&poll_fd, 1, timeout_ms) <= 0)
        return false;
    if (!process->child || waitid(P_PIDFD, (id_t)process->fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        (void)snprintf(out, PROCESS_END_SIZE, "without telling us how");
    else if (info.si_code == CLD_EXITED)
        (void)snprintf(out, PROCESS_END_SIZE, "with status %d", info.si_status);
    else
        (void)snprintf(out, PROCESS_END_SIZE, "by signal %d", info.si_status);
    return true;
}

void process_signal(const struct process *process, int signal)
{
    if (process->fd >= 0)
        (void)pidfd_send_signal(process->fd, signal, NULL, 0);
}

void process_stop(struct process *process, int grace_ms)
{
    char end[PROCESS_END_SIZE];

    if (process->fd < 0)
        return;
    process_signal(process, SIGTERM);
    process_signal(process, SIGCONT); /* one that was stopped could not end */
    if (!process_ended(process, grace_ms, end)) {
        process_signal(process, SIGKILL);
        (void)process_ended(process, -1, end);
    }
    process_release(process);
}

void process_release(struct process *process)
{
    if (process->fd >= 0)
        (void)close(process->fd);
    *process = PROCESS_NONE;
}
