#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void an_address_is_numeric(void **state)
{
    static const char *const wrong[] = {"",      "localhost", "127.0.0.1:80", "127.0.0.256",
                                        "[::1]", "::1%lo",    " 127.0.0.1"};
    struct address address = {.len = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(address_parse(wrong[i], 1, &address), FERRY_E_FORMAT);
    assert_int_equal(address.len, 1);
}

static void addresses_are_told_apart_and_written_as_urls(void **state)
{
    static const struct {
        const char *ip;
        bool loopback, any;
        const char *url, *reach;
    } cases[] = {
        {"127.0.0.1", true, false, "mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1883"},
        {"127.9.9.9", true, false, "mqtt://127.9.9.9:1883", "mqtt://127.9.9.9:1883"},
        {"0.0.0.0", false, true, "mqtt://0.0.0.0:1883", "mqtt://127.0.0.1:1883"},
        {"192.0.2.7", false, false, "mqtt://192.0.2.7:1883", "mqtt://192.0.2.7:1883"},
        {"::1", true, false, "mqtt://[::1]:1883", "mqtt://[::1]:1883"},
        {"::", false, true, "mqtt://[::]:1883", "mqtt://[::1]:1883"},
        {"2001:db8::1", false, false, "mqtt://[2001:db8::1]:1883", "mqtt://[2001:db8::1]:1883"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address address, reach;
        char url[ADDRESS_URL_SIZE];

        assert_int_equal(address_parse(cases[i].ip, 1883, &address), FERRY_OK);
        assert_int_equal(address_port(&address), 1883);
        assert_int_equal(address_is_loopback(&address), cases[i].loopback);
        assert_int_equal(address_is_any(&address), cases[i].any);
        address_url(&address, "mqtt", url);
        assert_string_equal(url, cases[i].url);
        reach = address_to_reach(&address);
        address_url(&reach, "mqtt", url);
        assert_string_equal(url, cases[i].reach);
    }
}

static void a_port_in_use_is_named_with_its_flag(void **state)
{
    struct address wanted, real, again;
    char problem[ADDRESS_PROBLEM_SIZE] = "", port[16];
    int fd = -1, other = -1;

    (void)state;
    assert_int_equal(address_parse("127.0.0.1", 0, &wanted), FERRY_OK);
    assert_int_equal(address_listen(&wanted, "--api-port", &fd, &real, problem), FERRY_OK);
    assert_int_not_equal(address_port(&real), 0);
    assert_int_equal(address_listen(&real, "--api-port", &other, &again, problem), FERRY_E_EXISTS);
    assert_int_equal(other, -1);
    (void)snprintf(port, sizeof(port), "%u", address_port(&real));
    assert_non_null(strstr(problem, port));
    assert_non_null(strstr(problem, "in use"));
    assert_non_null(strstr(problem, "--api-port"));
    (void)close(fd);
    assert_int_equal(address_listen(&real, "--api-port", &other, &again, problem), FERRY_OK);
    (void)close(other);
}

static void an_address_of_another_machine_is_named(void **state)
{
    char problem[ADDRESS_PROBLEM_SIZE] = "";
    struct address wanted, real;
    int fd = -1;

    (void)state;
    assert_int_equal(address_parse("192.0.2.1", 0, &wanted), FERRY_OK);
    assert_int_equal(address_listen(&wanted, "--api-port", &fd, &real, problem), FERRY_E_IO);
    assert_non_null(strstr(problem, "192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_numeric),
        cmocka_unit_test(addresses_are_told_apart_and_written_as_urls),
        cmocka_unit_test(a_port_in_use_is_named_with_its_flag),
        cmocka_unit_test(an_address_of_another_machine_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
