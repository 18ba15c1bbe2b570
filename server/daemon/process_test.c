#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "process.h"

#include "base/system.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

/* This program plays the broker when it is started with -c; the configuration says how. */
static int play_broker(const char *conf_path)
{
    ferry_autobuf conf = FERRY_BUF_INIT(64);

    if (ferry_file_read(conf_path, &conf) != FERRY_OK)
        return 99;
    if (strcmp(conf.data, "status 3") == 0)
        return 3;
    if (strcmp(conf.data, "descriptors") == 0) {
        for (int fd = 3; fd < 100; fd++)
            if (fcntl(fd, F_GETFD) >= 0)
                return 1;
        return 0;
    }
    if (strcmp(conf.data, "stubborn") == 0)
        (void)signal(SIGTERM, SIG_IGN);
    for (;;)
        (void)pause();
}

struct world {
    char folder[64], conf[96], log[96], pid_file[96], self[PATH_MAX];
    struct process process;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->process = PROCESS_NONE;
    assert_true(readlink("/proc/self/exe", w->self, sizeof(w->self) - 1) > 0);
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/ferry-process-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->conf, sizeof(w->conf), "%s/conf", w->folder);
    (void)snprintf(w->log, sizeof(w->log), "%s/log", w->folder);
    (void)snprintf(w->pid_file, sizeof(w->pid_file), "%s/pid", w->folder);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    process_stop(&w->process, 0);
    (void)unlink(w->conf);
    (void)unlink(w->log);
    (void)unlink(w->pid_file);
    (void)rmdir(w->folder);
    free(w);
    return 0;
}

static void start(struct world *w, const char *conf)
{
    assert_int_equal(ferry_file_replace(w->conf, conf, strlen(conf), 0600), FERRY_OK);
    assert_int_equal(process_start(w->self, w->conf, w->log, &w->process), FERRY_OK);
}

static void write_pid(const struct world *w, long pid)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%ld", pid);
    assert_int_equal(ferry_file_replace(w->pid_file, text, strlen(text), 0600), FERRY_OK);
}

/* A child's command line is ours until it has become the other program. */
static ferry_err adopt(const struct world *w, struct process *found)
{
    ferry_err err = FERRY_E_NOT_FOUND;

    for (int tries = 0; err != FERRY_OK && tries < 200; tries++) {
        err = process_adopt(w->self, w->conf, w->pid_file, found);
        if (err != FERRY_OK)
            (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return err;
}

static bool gone(pid_t pid)
{
    return kill(pid, 0) != 0;
}

static void programs_are_found_in_path_and_sbin(void **state)
{
    char *path = NULL;

    (void)state;
    assert_int_equal(process_find_program("sh", &path), FERRY_OK);
    assert_int_equal(path[0], '/');
    free(path);
    assert_int_equal(process_find_program("/bin/sh", &path), FERRY_OK);
    assert_string_equal(path, "/bin/sh");
    free(path);
    path = NULL;
    assert_int_equal(process_find_program("ferry-no-such-program", &path), FERRY_E_NOT_FOUND);
    assert_int_equal(process_find_program("/bin/ferry-no-such-program", &path), FERRY_E_NOT_FOUND);
    assert_null(path);
}

static void the_end_of_a_child_is_told_as_it_was(void **state)
{
    struct world *w = *state;
    char end[PROCESS_END_SIZE];

    start(w, "status 3");
    assert_true(process_ended(&w->process, PATIENCE_MS, end));
    assert_string_equal(end, "with status 3");
    process_release(&w->process);
    start(w, "");
    assert_false(process_ended(&w->process, 20, end));
    process_signal(&w->process, SIGKILL);
    assert_true(process_ended(&w->process, PATIENCE_MS, end));
    assert_string_equal(end, "by signal 9");
}

static void a_child_inherits_no_descriptor(void **state)
{
    struct world *w = *state;
    char end[PROCESS_END_SIZE];
    int leak = dup(STDERR_FILENO);

    start(w, "descriptors");
    assert_true(process_ended(&w->process, PATIENCE_MS, end));
    assert_string_equal(end, "with status 0");
    (void)close(leak);
}

static void a_child_that_ignores_the_request_is_killed(void **state)
{
    struct world *w = *state;
    pid_t pid;

    start(w, "stubborn");
    pid = w->process.pid;
    process_stop(&w->process, 50);
    assert_true(gone(pid));
    assert_int_equal(w->process.fd, -1);
}

static void a_leftover_is_found_by_its_pid_file(void **state)
{
    struct world *w = *state;
    struct process found;

    start(w, "");
    write_pid(w, w->process.pid);
    assert_int_equal(adopt(w, &found), FERRY_OK);
    assert_int_equal(found.pid, w->process.pid);
    assert_false(found.child);
    process_release(&found);
}

static void a_leftover_without_a_pid_file_is_found_by_its_command(void **state)
{
    struct world *w = *state;
    struct process found;

    start(w, "");
    assert_int_equal(adopt(w, &found), FERRY_OK);
    assert_int_equal(found.pid, w->process.pid);
    process_release(&found);
    write_pid(w, getpid()); /* a stale file whose number is a stranger's now */
    assert_int_equal(adopt(w, &found), FERRY_OK);
    assert_int_equal(found.pid, w->process.pid);
    process_release(&found);
}

static void a_stranger_is_never_taken_for_the_broker(void **state)
{
    struct world *w = *state;
    struct process found = PROCESS_NONE;
    static const char *const texts[] = {"", "0", "1", "-1", "x", "99999999999", "4194305"};
    struct world other = *w;

    /* the same program with another configuration */
    (void)snprintf(other.conf, sizeof(other.conf), "%s/other", w->folder);
    start(&other, "");
    assert_int_equal(ferry_file_replace(w->conf, "", 0, 0600), FERRY_OK);
    assert_int_equal(adopt(&other, &found), FERRY_OK);
    process_release(&found);
    write_pid(w, other.process.pid);
    assert_int_equal(process_adopt(w->self, w->conf, w->pid_file, &found), FERRY_E_NOT_FOUND);
    assert_int_equal(process_adopt("/usr/sbin/mosquitto", other.conf, w->pid_file, &found), FERRY_E_NOT_FOUND);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(ferry_file_replace(w->pid_file, texts[i], strlen(texts[i]), 0600), FERRY_OK);
        assert_int_equal(process_adopt(w->self, w->conf, w->pid_file, &found), FERRY_E_NOT_FOUND);
    }
    assert_false(gone(other.process.pid));
    process_stop(&other.process, 0);
    (void)unlink(other.conf);
}

static void nothing_happens_to_no_process(void **state)
{
    struct process none = PROCESS_NONE;

    (void)state;
    process_signal(&none, SIGKILL);
    process_stop(&none, 0);
    process_release(&none);
    assert_int_equal(none.fd, -1);
}

int main(int argc, char **argv)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(programs_are_found_in_path_and_sbin),
        RULE(the_end_of_a_child_is_told_as_it_was),
        RULE(a_child_inherits_no_descriptor),
        RULE(a_child_that_ignores_the_request_is_killed),
        RULE(a_leftover_is_found_by_its_pid_file),
        RULE(a_leftover_without_a_pid_file_is_found_by_its_command),
        RULE(a_stranger_is_never_taken_for_the_broker),
        RULE(nothing_happens_to_no_process),
    };
#undef RULE

    if (argc == 3 && strcmp(argv[1], "-c") == 0)
        return play_broker(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
