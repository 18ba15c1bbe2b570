#include "ferry_hook.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GRACE_MS = 5000, /* between SIGTERM and SIGKILL */
    FACTS = 12,      /* variables of ours */
    REPORT_FD = 3,   /* in the child: where it says that it could not begin */
};

/* --- its environment ---------------------------------------------------------------------------------- */

/* Our settings, and what systemd gave to us alone. The hook could speak in our name, or log in. */
static bool is_ours(const char *variable)
{
    static const char *const beginnings[] = {"FERRY_", "NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_",
                                             "CREDENTIALS_DIRECTORY="};

    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

struct environment {
    char **all; /* ended by null; those of ours come first */
    size_t ours;
};

static void environment_done(struct environment *e)
{
    for (size_t i = 0; i < e->ours; i++)
        free(e->all[i]);
    free(e->all);
}

static bool add(struct environment *e, const char *name, const char *value)
{
    char *variable = value == NULL ? NULL : ferry_asprintf("FERRY_%s=%s", name, value);

    if (variable != NULL)
        e->all[e->ours++] = variable;
    return value == NULL || variable != NULL;
}

static bool add_number(struct environment *e, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return add(e, name, text);
}

static bool add_facts(struct environment *e, const struct ferry_hook_command *command, const struct ferry_job *job)
{
    return add(e, "RESULT", job->path != NULL ? "done" : "failed") && add(e, "FILE", job->path) &&
           add(e, "NAME", job->name) && add_number(e, "SIZE", job->size) && add(e, "MD5", job->md5) &&
           add(e, "PRODUCT", command->product) && add(e, "DEVICE", command->device) &&
           add_number(e, "ATTEMPT", job->attempts) && add(e, "ERROR", job->error) && add(e, "MESSAGE", job->message);
}

static bool environment_init(struct environment *e, const struct ferry_hook_command *command,
                             const struct ferry_job *job)
{
    size_t count = 0;

    while (environ[count] != NULL)
        count++;
    *e = (struct environment){.all = ferry_calloc(count + FACTS + 1, sizeof e->all[0])};
    if (e->all == NULL || !add_facts(e, command, job))
        return false;
    size_t at = e->ours;
    for (size_t i = 0; i < count; i++)
        if (!is_ours(environ[i]))
            e->all[at++] = environ[i];
    return true;
}

/* --- the child ---------------------------------------------------------------------------------------- */

/* After fork: only what is safe in a signal handler. */
static void become(const char *const *argv, char *const *env, pid_t parent, int report_fd)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    int null_fd = open("/dev/null", O_RDONLY);
    sigset_t none;

    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* the agent died in between: nobody would kill us */
    (void)sigemptyset(&none);
    (void)sigaction(SIGPIPE, &plain, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        (report_fd != REPORT_FD && dup2(report_fd, REPORT_FD) < 0))
        _exit(127);
    (void)fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
    closefrom(REPORT_FD + 1);
    (void)execve(argv[0], (char *const *)(uintptr_t)argv, env); /* which changes nothing, but cannot say so */
    int why = errno;
    (void)!write(REPORT_FD, &why, sizeof why);
    _exit(127);
}

/* What keeps it from beginning, as errno; 0 when it runs. */
static int run(struct ferry_hook *hook, const char *const *argv, char *const *env)
{
    int ends[2], why = 0;
    pid_t parent = getpid();

    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    ferry_autoclose int in = ends[0];
    ferry_autoclose int out = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        become(argv, env, parent, out);
    (void)close(FERRY_TAKE_FD(out));
    ssize_t n;
    do
        n = read(in, &why, sizeof why); /* ends when it is another program, or has ended */
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof why) {
        hook->pid = pid;
        return 0;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return why;
}

/* --- its life ----------------------------------------------------------------------------------------- */

bool ferry_hook_start(struct ferry_hook *hook, const struct ferry_hook_command *command, const struct ferry_job *job,
                      uint64_t now_ms, char reterr_message[FERRY_HOOK_MESSAGE_SIZE])
{
    struct environment e;
    bool shell = command->program == NULL;
    const char *const by_shell[] = {"/bin/sh", "-c", command->shell, "ferry-hook", job->path, NULL};
    const char *const plain[] = {command->program, job->path, NULL};
    const char *const *argv = shell ? by_shell : plain;

    *hook = (struct ferry_hook){.started_ms = now_ms, .due_ms = now_ms + command->timeout_ms};
    int why = environment_init(&e, command, job) ? run(hook, argv, e.all) : ENOMEM;
    environment_done(&e);
    if (why == 0)
        return true;
    (void)snprintf(reterr_message, FERRY_HOOK_MESSAGE_SIZE, "%.180s: %.70s", argv[0],
                   why == ENOEXEC ? "it is neither a program nor a script that begins with #!" : strerror(why));
    return false;
}

void ferry_hook_stop(struct ferry_hook *hook, uint64_t now_ms)
{
    if (hook->pid == 0)
        return;
    (void)kill(-hook->pid, hook->ending ? SIGKILL : SIGTERM);
    hook->due_ms = hook->ending ? UINT64_MAX : now_ms + GRACE_MS;
    hook->ending = true;
}

void ferry_hook_tick(struct ferry_hook *hook, uint64_t now_ms)
{
    if (hook->pid == 0 || now_ms < hook->due_ms)
        return;
    hook->late = hook->late || !hook->ending;
    ferry_hook_stop(hook, now_ms);
}

bool ferry_hook_ended(struct ferry_hook *hook, uint64_t now_ms, struct ferry_hook_end *ret_end)
{
    siginfo_t info = {0};

    if (hook->pid == 0 || waitid(P_PID, (id_t)hook->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
        return false;
    if (hook->ending) /* while it is not waited for, nobody else can have its number */
        (void)kill(-hook->pid, SIGKILL);
    while (waitpid(hook->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    *ret_end = (struct ferry_hook_end){.number = info.si_status, .ms = now_ms - hook->started_ms};
    if (hook->late)
        ret_end->how = HOOK_LATE;
    else if (hook->ending && !(info.si_code == CLD_EXITED && info.si_status == 0)) /* 0: it brought it to an end */
        ret_end->how = HOOK_STOPPED;
    else
        ret_end->how = info.si_code == CLD_EXITED ? HOOK_EXITED : HOOK_SIGNALLED;
    *hook = (struct ferry_hook){0};
    return true;
}
