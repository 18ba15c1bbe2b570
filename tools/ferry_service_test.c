/* What systemd is told, and what journald can sort. */
#include "ferry_say.h"
#include "ferry_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    int fd; /* systemd's end */
    struct ferry_service service;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64];

    assert_non_null(w);
    (void)snprintf(name, sizeof name, "@ferry-service-%d", (int)getpid());
    memcpy(at.sun_path + 1, name + 1, strlen(name) - 1);
    w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(
        bind(w->fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    ferry_service_done(&w->service);
    (void)close(w->fd);
    free(w);
    return 0;
}

/* The next word, "" when there is none. */
static const char *heard(const struct world *w)
{
    static char text[1024];
    ssize_t n = recv(w->fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void each_step_of_life_is_told(void **state)
{
    struct world *w = *state;

    ferry_service_init(&w->service, 0);
    ferry_service_ready(&w->service);
    assert_string_equal(heard(w), "READY=1");
    ferry_service_reloading(&w->service);
    const char *text = heard(w);
    assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
    assert_true(strtoull(text + 27, NULL, 10) > 0);
    ferry_service_stopping(&w->service);
    assert_string_equal(heard(w), "STOPPING=1");
}

static void a_status_is_told_once_and_is_one_line(void **state)
{
    struct world *w = *state;

    ferry_service_init(&w->service, 0);
    ferry_service_status(&w->service, "Receiving %s", "a\nREADY=1");
    assert_string_equal(heard(w), "STATUS=Receiving a READY=1");
    ferry_service_status(&w->service, "Receiving %s", "a\nREADY=1");
    assert_string_equal(heard(w), "");
    ferry_service_status(&w->service, "Waiting");
    assert_string_equal(heard(w), "STATUS=Waiting");
}

static void the_variables_are_not_left_for_children(void **state)
{
    struct world *w = *state;

    assert_int_equal(setenv("WATCHDOG_USEC", "1", 1), 0);
    ferry_service_init(&w->service, 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
}

static void a_sign_of_life_comes_twice_in_each_period(void **state)
{
    struct world *w = *state;

    assert_int_equal(setenv("WATCHDOG_USEC", "2000000", 1), 0);
    ferry_service_init(&w->service, 500);
    assert_int_equal(w->service.due_ms, 500);
    ferry_service_alive(&w->service, 500);
    assert_string_equal(heard(w), "WATCHDOG=1");
    assert_int_equal(w->service.due_ms, 1500);
    ferry_service_alive(&w->service, 1499);
    assert_string_equal(heard(w), "");
    ferry_service_alive(&w->service, 1500);
    assert_string_equal(heard(w), "WATCHDOG=1");
}

static void a_watchdog_of_somebody_else_is_not_fed(void **state)
{
    static const struct {
        const char *usec, *pid;
    } cases[] = {{NULL, NULL}, {"0", NULL}, {"x", NULL}, {"2000000", "1"}, {"2000000", "x"}};
    struct world *w = *state;
    char *socket = strdup(getenv("NOTIFY_SOCKET"));

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].usec != NULL)
            assert_int_equal(setenv("WATCHDOG_USEC", cases[i].usec, 1), 0);
        if (cases[i].pid != NULL)
            assert_int_equal(setenv("WATCHDOG_PID", cases[i].pid, 1), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", socket, 1), 0);
        ferry_service_done(&w->service);
        ferry_service_init(&w->service, 0);
        assert_true(w->service.due_ms == UINT64_MAX);
        ferry_service_alive(&w->service, UINT64_MAX - 1);
        assert_string_equal(heard(w), "");
    }
    free(socket);
}

static void without_systemd_nothing_is_told(void **state)
{
    struct world *w = *state;

    (void)unsetenv("NOTIFY_SOCKET");
    assert_int_equal(setenv("WATCHDOG_USEC", "2000000", 1), 0);
    ferry_service_init(&w->service, 0);
    ferry_service_ready(&w->service);
    ferry_service_status(&w->service, "x");
    ferry_service_alive(&w->service, 10000);
    assert_string_equal(heard(w), "");
    assert_true(w->service.due_ms == UINT64_MAX);
}

/* --- lines --- */

/* What ferry_say() writes with this $JOURNAL_STREAM; "%s" in it is that of standard error. */
static void say_and_compare(const char *journal, ferry_say_level level, const char *text, const char *expected)
{
    char got[4096] = "", own[64];
    struct stat st;
    int ends[2], kept = dup(STDERR_FILENO);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fstat(ends[1], &st), 0);
    (void)snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    if (journal == NULL)
        (void)unsetenv("JOURNAL_STREAM");
    else
        assert_int_equal(setenv("JOURNAL_STREAM", strcmp(journal, "own") == 0 ? own : journal, 1), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    ferry_say(level, "%s", text);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    (void)close(kept);
    (void)close(ends[1]);
    assert_true(read(ends[0], got, sizeof got - 1) > 0);
    (void)close(ends[0]);
    assert_string_equal(got, expected);
}

static void a_line_has_a_priority_where_the_journal_listens_and_only_there(void **state)
{
    (void)state;
    say_and_compare("own", SAY_ERROR, "a", "<3>ferry: a\n");
    say_and_compare("own", SAY_WARNING, "a", "<4>ferry: a\n");
    say_and_compare("own", SAY_NOTICE, "a", "<5>ferry: a\n");
    say_and_compare("own", SAY_INFO, "a", "<6>ferry: a\n");
    say_and_compare(NULL, SAY_ERROR, "a", "ferry: a\n");
    say_and_compare("1:1", SAY_ERROR, "a", "ferry: a\n"); /* inherited, but standard error leads elsewhere */
    say_and_compare("nonsense", SAY_ERROR, "a", "ferry: a\n");
}

static void a_line_stays_one_line_however_long(void **state)
{
    char text[5000], expected[5000];

    (void)state;
    say_and_compare(NULL, SAY_INFO, "a\nb\x1b[2Jc", "ferry: a b [2Jc\n");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)snprintf(expected, sizeof expected, "ferry: %.*s\n", 2047 - 1 - (int)strlen("ferry: "), text);
    say_and_compare(NULL, SAY_INFO, text, expected);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(each_step_of_life_is_told),
        RULE(a_status_is_told_once_and_is_one_line),
        RULE(the_variables_are_not_left_for_children),
        RULE(a_sign_of_life_comes_twice_in_each_period),
        RULE(a_watchdog_of_somebody_else_is_not_fed),
        RULE(without_systemd_nothing_is_told),
        cmocka_unit_test(a_line_has_a_priority_where_the_journal_listens_and_only_there),
        cmocka_unit_test(a_line_stays_one_line_however_long),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
