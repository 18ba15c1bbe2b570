/* One run of the user's program: what it gets, how it ends, what it cannot do to us. */
#include "ferry_hook.h"

#include "base/buf.h"
#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { LONG_MS = 60000 };

struct world {
    char folder[64];
    char out[96];    /* where hooks write */
    char script[96]; /* a program of ours */
    struct ferry_job job;
    char path[16], name[16], md5[8];
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/ferry-hook-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->out, sizeof w->out, "%s/out", w->folder);
    (void)snprintf(w->script, sizeof w->script, "%s/script", w->folder);
    (void)snprintf(w->path, sizeof w->path, "/inbox/a b");
    (void)snprintf(w->name, sizeof w->name, "a b");
    (void)snprintf(w->md5, sizeof w->md5, "abc");
    w->job = (struct ferry_job){.path = w->path, .name = w->name, .md5 = w->md5, .size = 7, .attempts = 1};
    assert_int_equal(setenv("OUT", w->out, 1), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];

    (void)snprintf(command, sizeof command, "rm -r %s", w->folder);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static struct ferry_hook start(struct world *w, const char *shell, uint64_t timeout_ms)
{
    struct ferry_hook_command command = {.shell = shell, .product = "p", .device = "d", .timeout_ms = timeout_ms};
    struct ferry_hook hook;
    char why[FERRY_HOOK_MESSAGE_SIZE];

    assert_true(ferry_hook_start(&hook, &command, &w->job, ferry_mono_ms(), why));
    return hook;
}

static struct ferry_hook_end finish(struct ferry_hook *hook)
{
    struct ferry_hook_end end;

    while (!ferry_hook_ended(hook, ferry_mono_ms(), &end)) {
        ferry_hook_tick(hook, ferry_mono_ms());
        (void)poll(NULL, 0, 2);
    }
    assert_int_equal(hook->pid, 0);
    return end;
}

/* What the hook has written, one read at the end. */
static const char *written(const struct world *w, struct ferry_buf *text)
{
    *text = FERRY_BUF_INIT(1 << 20);
    assert_int_equal(ferry_file_read(w->out, text), FERRY_OK);
    return text->data;
}

/* Soon it runs no more. (It may stay as a zombie, where nobody takes orphans.) */
static void assert_dies(pid_t pid)
{
    char stat[64];

    assert_true(pid > 0);
    (void)snprintf(stat, sizeof stat, "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 500; i++) {
        ferry_autobuf line = FERRY_BUF_INIT(4096);
        if (ferry_file_read(stat, &line) != FERRY_OK || strstr(line.data, ") Z") != NULL)
            return;
        (void)poll(NULL, 0, 10);
    }
    fail_msg("process %d lives on", (int)pid);
}

static void run_and_compare(struct world *w, const char *shell, const char *expected)
{
    struct ferry_buf text;
    struct ferry_hook hook = start(w, shell, LONG_MS);
    struct ferry_hook_end end = finish(&hook);

    assert_int_equal(end.how, HOOK_EXITED);
    assert_int_equal(end.number, 0);
    assert_string_equal(written(w, &text), expected);
    ferry_buf_done(&text);
}

static void it_learns_the_file_by_argument_and_variables(void **state)
{
    struct world *w = *state;

    run_and_compare(w,
                    "echo \"$#|$1|$FERRY_RESULT|$FERRY_FILE|$FERRY_NAME|$FERRY_SIZE|$FERRY_MD5|$FERRY_PRODUCT|"
                    "$FERRY_DEVICE|$FERRY_ATTEMPT|${FERRY_ERROR-none}|${FERRY_MESSAGE-none}\" >$OUT",
                    "1|/inbox/a b|done|/inbox/a b|a b|7|abc|p|d|1|none|none\n");
}

static void it_learns_why_a_file_failed(void **state)
{
    struct world *w = *state;
    char error[] = "FERRY_DEVICE_E_SPACE", message[] = "no space";

    w->job.path = w->job.md5 = NULL;
    w->job.error = error;
    w->job.message = message;
    run_and_compare(w,
                    "echo \"$#|$FERRY_RESULT|${FERRY_FILE-none}|${FERRY_MD5-none}|$FERRY_ERROR|$FERRY_MESSAGE\" >$OUT",
                    "0|failed|none|none|FERRY_DEVICE_E_SPACE|no space\n");
}

static void make_script(const struct world *w, const char *text, mode_t mode)
{
    assert_int_equal(ferry_file_replace(w->script, text, strlen(text), mode), FERRY_OK);
}

static void a_program_is_run_without_a_shell(void **state)
{
    struct world *w = *state;
    struct ferry_hook_command command = {.program = w->script, .product = "p", .device = "d", .timeout_ms = LONG_MS};
    struct ferry_hook hook;
    char why[FERRY_HOOK_MESSAGE_SIZE], path[] = "/inbox/$(touch /tmp/x);`id`";
    struct ferry_buf text;

    make_script(w, "#!/bin/sh\nprintf '%s|%s' \"$#\" \"$1\" >$OUT\n", 0700);
    w->job.path = path;
    assert_true(ferry_hook_start(&hook, &command, &w->job, ferry_mono_ms(), why));
    assert_int_equal(finish(&hook).number, 0);
    assert_string_equal(written(w, &text), "1|/inbox/$(touch /tmp/x);`id`");
    ferry_buf_done(&text);
}

static void what_cannot_be_started_is_said_and_leaves_no_process(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *word;
    } cases[] = {{NULL, 0, "No such file"}, {"x", 0700, "#!"}, {"#!/nowhere/sh\n", 0700, "No such file"}};
    struct world *w = *state;
    struct ferry_hook hook;
    char why[FERRY_HOOK_MESSAGE_SIZE];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ferry_hook_command command = {.program = w->script, .product = "p", .device = "d", .timeout_ms = 1};
        if (cases[i].text != NULL)
            make_script(w, cases[i].text, cases[i].mode);
        assert_false(ferry_hook_start(&hook, &command, &w->job, 0, why));
        assert_non_null(strstr(why, w->script));
        assert_non_null(strstr(why, cases[i].word));
        assert_int_equal(hook.pid, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child at all */
    }
}

static void it_gets_nothing_that_is_ours_alone(void **state)
{
    static const char *const ours[] = {"FERRY_SECRET_FILE", "FERRY_CONFIG", "FERRY_BROKER", "NOTIFY_SOCKET",
                                       "WATCHDOG_USEC",     "WATCHDOG_PID", "LISTEN_FDS",   "CREDENTIALS_DIRECTORY"};
    struct world *w = *state;
    struct ferry_buf text;

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        assert_int_equal(setenv(ours[i], "x", 1), 0);
    assert_int_equal(setenv("MINE", "kept", 1), 0);
    struct ferry_hook hook = start(w, "env >$OUT", LONG_MS);
    assert_int_equal(finish(&hook).number, 0);
    (void)written(w, &text);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_null(strstr(text.data, ours[i]));
        (void)unsetenv(ours[i]);
    }
    assert_non_null(strstr(text.data, "MINE=kept\n"));
    ferry_buf_done(&text);
}

static void it_gets_no_descriptor_but_the_standard_ones_and_input_is_empty(void **state)
{
    struct world *w = *state;
    int extra = open("/dev/null", O_RDWR), high = fcntl(extra, F_DUPFD, 200);

    assert_true(extra > 2 && high >= 200);
    run_and_compare(w, "exec >$OUT; cat; ls /proc/$$/fd; readlink /proc/$$/fd/0", "0\n1\n2\n/dev/null\n");
    (void)close(extra);
    (void)close(high);
}

static void it_gets_no_signal_that_is_blocked_or_ignored(void **state)
{
    struct world *w = *state;
    sigset_t some, old;

    (void)sigemptyset(&some);
    (void)sigaddset(&some, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &some, &old);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    /* signals 32 and 33 are the C library's own, and its posix_spawn() leaves one or both ignored */
    run_and_compare(
        w, "sed -nE '/^Sig(Blk|Ign):/{s/.*\\t0*//;s/^(18|10|8)0{7}$//;p}' /proc/self/status | tr '\\n' '|' >$OUT",
        "||");
    (void)signal(SIGPIPE, before);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
}

static void it_is_the_first_of_a_session_and_a_group_of_its_own(void **state)
{
    struct world *w = *state;
    struct ferry_hook hook = start(w, "sleep 60", LONG_MS);

    assert_int_equal(getpgid(hook.pid), hook.pid);
    assert_int_equal(getsid(hook.pid), hook.pid);
    ferry_hook_stop(&hook, ferry_mono_ms());
    (void)finish(&hook);
}

static void what_it_prints_goes_to_standard_error(void **state)
{
    struct world *w = *state;
    struct ferry_buf text;
    int kept = dup(STDERR_FILENO), file = open(w->out, O_WRONLY | O_CREAT, 0600);

    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    struct ferry_hook hook = start(w, "echo out; echo err >&2", LONG_MS);
    (void)finish(&hook);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(kept);
    (void)close(file);
    assert_string_equal(written(w, &text), "out\nerr\n");
    ferry_buf_done(&text);
}

static void its_status_or_signal_is_told(void **state)
{
    struct world *w = *state;
    struct ferry_hook hook = start(w, "exit 7", LONG_MS);
    struct ferry_hook_end end = finish(&hook);

    assert_int_equal(end.how, HOOK_EXITED);
    assert_int_equal(end.number, 7);
    hook = start(w, "kill -KILL $$", LONG_MS);
    end = finish(&hook);
    assert_int_equal(end.how, HOOK_SIGNALLED);
    assert_int_equal(end.number, SIGKILL);
}

static void when_its_time_is_over_its_whole_group_is_ended(void **state)
{
    struct world *w = *state;
    struct ferry_buf text;
    struct ferry_hook hook = start(w, "sleep 300 & echo $! >$OUT; wait", 300);
    struct ferry_hook_end end = finish(&hook);

    assert_int_equal(end.how, HOOK_LATE);
    assert_true(end.ms >= 300 && end.ms < 5000);
    pid_t child = (pid_t)strtol(written(w, &text), NULL, 10);
    ferry_buf_done(&text);
    assert_dies(child);
}

static void one_that_does_not_listen_is_killed_a_little_later(void **state)
{
    struct world *w = *state;
    struct ferry_hook hook = start(w, "trap '' TERM; echo ready >$OUT; while :; do sleep 0.05; done", LONG_MS);
    struct ferry_hook_end end;

    while (access(w->out, F_OK) != 0)
        (void)poll(NULL, 0, 2);
    uint64_t now = hook.started_ms + LONG_MS; /* time is an argument: nobody has to wait */
    ferry_hook_tick(&hook, now - 1);
    assert_false(hook.ending);
    ferry_hook_tick(&hook, now);
    assert_true(hook.ending);
    (void)poll(NULL, 0, 50);
    assert_false(ferry_hook_ended(&hook, now, &end));
    ferry_hook_tick(&hook, hook.due_ms);
    end = finish(&hook);
    assert_int_equal(end.how, HOOK_LATE);
    assert_int_equal(end.number, SIGKILL);
}

static void one_that_is_asked_to_end_may_say_that_it_is_done(void **state)
{
    static const struct {
        const char *shell;
        int how;
    } cases[] = {{"trap 'exit 0' TERM; echo >$OUT; while :; do sleep 0.01; done", HOOK_EXITED},
                 {"trap 'exit 3' TERM; echo >$OUT; while :; do sleep 0.01; done", HOOK_STOPPED},
                 {"echo >$OUT; sleep 60", HOOK_STOPPED}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)unlink(w->out);
        struct ferry_hook hook = start(w, cases[i].shell, LONG_MS);
        while (access(w->out, F_OK) != 0)
            (void)poll(NULL, 0, 2);
        ferry_hook_stop(&hook, ferry_mono_ms());
        assert_int_equal(finish(&hook).how, cases[i].how);
    }
}

/* The agent is another process here, so that it can be killed. */
static void when_the_agent_is_killed_the_hook_is_too(void **state)
{
    struct world *w = *state;
    struct ferry_buf text;
    pid_t agent = fork();

    assert_true(agent >= 0);
    if (agent == 0) {
        struct ferry_hook hook = start(w, "echo $$ >$OUT.new; mv $OUT.new $OUT; exec sleep 300", LONG_MS);
        (void)hook;
        (void)pause();
        _exit(0);
    }
    while (access(w->out, F_OK) != 0)
        (void)poll(NULL, 0, 2);
    pid_t hook = (pid_t)strtol(written(w, &text), NULL, 10);
    ferry_buf_done(&text);
    assert_true(hook > 0 && kill(hook, 0) == 0);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    assert_dies(hook);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(it_learns_the_file_by_argument_and_variables),
        RULE(it_learns_why_a_file_failed),
        RULE(a_program_is_run_without_a_shell),
        RULE(what_cannot_be_started_is_said_and_leaves_no_process),
        RULE(it_gets_nothing_that_is_ours_alone),
        RULE(it_gets_no_descriptor_but_the_standard_ones_and_input_is_empty),
        RULE(it_gets_no_signal_that_is_blocked_or_ignored),
        RULE(it_is_the_first_of_a_session_and_a_group_of_its_own),
        RULE(what_it_prints_goes_to_standard_error),
        RULE(its_status_or_signal_is_told),
        RULE(when_its_time_is_over_its_whole_group_is_ended),
        RULE(one_that_does_not_listen_is_killed_a_little_later),
        RULE(one_that_is_asked_to_end_may_say_that_it_is_done),
        RULE(when_the_agent_is_killed_the_hook_is_too),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
