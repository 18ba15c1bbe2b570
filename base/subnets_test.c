#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/subnets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LONG_WORD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct ferry_subnets subnets_of(const char *text)
{
    struct ferry_subnets subnets;
    assert_int_equal(ferry_subnets_parse(text, &subnets), FERRY_OK);
    return subnets;
}

static bool has(const struct ferry_subnets *subnets, const char *text)
{
    struct in6_addr address;
    char mapped[INET6_ADDRSTRLEN + sizeof "::ffff:"];
    (void)snprintf(mapped, sizeof mapped, strchr(text, ':') == NULL ? "::ffff:%s" : "%s", text);
    assert_int_equal(inet_pton(AF_INET6, mapped, &address), 1);
    return ferry_subnets_have(subnets, &address);
}

static void a_list_is_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        ferry_err err;
        size_t count;
    } rows[] = {
        {NULL, FERRY_OK, 0},
        {"10.0.0.1", FERRY_OK, 1},
        {" 10.0.0.1 , 10.0.0.2 ", FERRY_OK, 2},
        {"0.0.0.0/0,::/0", FERRY_OK, 2},
        {"10.0.0.1/32,::1/128,fd00::/8", FERRY_OK, 3},
        {"", FERRY_E_FORMAT, 0},
        {",10.0.0.1", FERRY_E_FORMAT, 0},
        {"10.0.0.1,", FERRY_E_FORMAT, 0},
        {"10.0.0.1 10.0.0.2", FERRY_E_FORMAT, 0},
        {"10.0.0.1/8", FERRY_E_FORMAT, 0}, /* was 10.0.0.0/8 meant, or the one? */
        {"fd00::1/8", FERRY_E_FORMAT, 0},
        {"10.0.0.0/33", FERRY_E_FORMAT, 0},
        {"::/129", FERRY_E_FORMAT, 0},
        {"10.0.0.0/", FERRY_E_FORMAT, 0},
        {"10.0.0.0/-1", FERRY_E_FORMAT, 0},
        {"10.0.0.0/0000", FERRY_E_FORMAT, 0},
        {"10.0.0.1:80", FERRY_E_FORMAT, 0},
        {"haproxy.example", FERRY_E_FORMAT, 0},
        {LONG_WORD, FERRY_E_FORMAT, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ferry_subnets subnets = {.count = 0};
        if (ferry_subnets_parse(rows[i].text, &subnets) != rows[i].err || subnets.count != rows[i].count)
            fail_msg("row %zu", i);
    }
}

static void there_is_a_limit(void **state)
{
    char text[(FERRY_SUBNETS_MAX + 1) * sizeof "::1,"] = "::1";
    struct ferry_subnets subnets;
    (void)state;
    for (size_t i = 1; i < FERRY_SUBNETS_MAX; i++)
        memcpy(text + 4 * i - 1, ",::1", sizeof ",::1");
    assert_int_equal(ferry_subnets_parse(text, &subnets), FERRY_OK);
    assert_int_equal(subnets.count, FERRY_SUBNETS_MAX);
    memcpy(text + 4 * FERRY_SUBNETS_MAX - 1, ",::1", sizeof ",::1");
    assert_int_equal(ferry_subnets_parse(text, &subnets), FERRY_E_FULL);
}

static void a_network_has_the_length_that_is_written(void **state)
{
    static const struct {
        const char *subnets, *address;
        bool within;
    } rows[] = {
        {"10.0.0.0/30", "10.0.0.3", true},        {"10.0.0.0/30", "10.0.0.4", false},
        {"10.0.0.0/31", "10.0.0.1", true}, {"10.0.0.0/31", "10.0.0.2", false},
        {"0.0.0.0/0", "203.0.113.5", true},       {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},            {"::/0", "203.0.113.5", false},
        {"::ffff:10.0.0.1", "10.0.0.1", true},    {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ferry_subnets subnets = subnets_of(rows[i].subnets);
        if (has(&subnets, rows[i].address) != rows[i].within)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_or_refused),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(a_network_has_the_length_that_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
