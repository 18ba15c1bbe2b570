#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ferry_network by_socket(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return ferry_network_of((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return ferry_network_of((const struct sockaddr *)&v6);
}

static void a_socket_and_its_text_are_one_network(void **state)
{
    static const struct {
        const char *one, *other;
        bool equal;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8::1", "2001:db8::ffff:1:2:3", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"192.0.2.1", "c000:201::", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ferry_network one = by_socket(rows[i].one), other = ferry_network_of_text(rows[i].other);
        if (ferry_network_equal(&one, &other) != rows[i].equal)
            fail_msg("%s and %s", rows[i].one, rows[i].other);
    }
}

static void what_is_no_address_is_nobodys_network_and_never_limited(void **state)
{
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct ferry_network nobodys[] = {ferry_network_of(NULL), ferry_network_of(&local), ferry_network_of_text(NULL),
                                      ferry_network_of_text(""), ferry_network_of_text("192.0.2")};
    struct ferry_rate *rate = NULL;
    (void)state;
    assert_int_equal(ferry_rate_new(1, 10, &rate), FERRY_OK);
    for (size_t i = 0; i < sizeof nobodys / sizeof *nobodys; i++) {
        assert_int_equal(nobodys[i].len, 0);
        assert_true(ferry_network_take(rate, &nobodys[i], 0) && ferry_network_take(rate, &nobodys[i], 0));
    }
    ferry_rate_free(rate);
}

static void a_network_has_one_rate_however_it_is_written(void **state)
{
    struct ferry_network v4 = by_socket("192.0.2.1"), mapped = by_socket("::ffff:192.0.2.1");
    struct ferry_rate *rate = NULL;
    (void)state;
    assert_int_equal(ferry_rate_new(1, 10, &rate), FERRY_OK);
    assert_true(ferry_network_take(rate, &v4, 0));
    assert_false(ferry_network_take(rate, &mapped, 0));
    ferry_rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_and_its_text_are_one_network),
        cmocka_unit_test(what_is_no_address_is_nobodys_network_and_never_limited),
        cmocka_unit_test(a_network_has_one_rate_however_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
