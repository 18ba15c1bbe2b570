/* The one datagram of sd_notify(3). */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static int listener(const struct sockaddr_un *at, size_t len)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void expect(int fd, const char *text)
{
    char got[64] = "";

    assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), (int)strlen(text));
    assert_string_equal(got, text);
}

static void a_word_arrives_at_a_socket_with_a_path(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/ferry-notify-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", folder);
    int fd = listener(&at, strlen(at.sun_path));
    ferry_notify(at.sun_path, "READY=1");
    expect(fd, "READY=1");
    (void)close(fd);
    (void)unlink(at.sun_path);
    (void)rmdir(folder);
}

static void a_word_arrives_at_an_abstract_socket(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64];

    (void)state;
    (void)snprintf(name, sizeof(name), "@ferry-notify-%d", (int)getpid());
    memcpy(at.sun_path, name, strlen(name));
    at.sun_path[0] = '\0';
    int fd = listener(&at, strlen(name));
    ferry_notify(name, "STATUS=a\nWATCHDOG=1");
    expect(fd, "STATUS=a\nWATCHDOG=1");
    (void)close(fd);
}

static void without_a_listener_nothing_happens(void **state)
{
    char endless[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 2];

    (void)state;
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    ferry_notify(NULL, "READY=1");
    ferry_notify("", "READY=1");
    ferry_notify("/nowhere/socket", "READY=1");
    ferry_notify(endless, "READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_arrives_at_a_socket_with_a_path),
        cmocka_unit_test(a_word_arrives_at_an_abstract_socket),
        cmocka_unit_test(without_a_listener_nothing_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
