#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mqtt/broker_url.h"

#include <stdio.h>
#include <string.h>

static void an_address_is_split_into_its_parts(void **state)
{
    static const struct {
        const char *text;
        struct broker_url url;
    } cases[] = {
        {"mqtt://broker", {false, "broker", 1883, "", ""}},
        {"mqtt://broker/", {false, "broker", 1883, "", ""}},
        {"mqtts://broker.example", {true, "broker.example", 8883, "", ""}},
        {"mqtt://127.0.0.1:11883", {false, "127.0.0.1", 11883, "", ""}},
        {"mqtt://[::1]:1884", {false, "::1", 1884, "", ""}},
        {"mqtts://[2001:db8::1]", {true, "2001:db8::1", 8883, "", ""}},
        {"mqtt://ferry@broker:1", {false, "broker", 1, "ferry", ""}},
        {"mqtt://ferry:@broker", {false, "broker", 1883, "ferry", ""}},
        {"mqtts://ferry:secret@broker:65535", {true, "broker", 65535, "ferry", "secret"}},
        {"mqtt://a%40b:c%3Ad%2f%25@broker", {false, "broker", 1883, "a@b", "c:d/%"}},
        {"mqtt://a:b@c:d@broker", {false, "broker", 1883, "a", "b@c:d"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct broker_url url;
        char message[BROKER_URL_MESSAGE_SIZE] = "";

        print_message("%s\n", cases[i].text);
        assert_int_equal(broker_url_parse(cases[i].text, &url, message), FERRY_OK);
        assert_int_equal(url.tls, cases[i].url.tls);
        assert_string_equal(url.host, cases[i].url.host);
        assert_int_equal(url.port, cases[i].url.port);
        assert_string_equal(url.username, cases[i].url.username);
        assert_string_equal(url.password, cases[i].url.password);
    }
}

static void a_malformed_address_is_refused_and_touches_nothing(void **state)
{
    static const char *const cases[] = {
        "", "broker", "broker:1883", "http://broker", "mqtt:/broker", "mqtt://", "mqtt:///", "mqtt://:1883",
        "mqtt://@broker", "mqtt://:secret@broker", "mqtt://broker:", "mqtt://broker:0", "mqtt://broker:65536",
        "mqtt://broker:18x3", "mqtt://broker:-1", "mqtt://broker:123456", "mqtt://broker/path", "mqtt://bro ker",
        "mqtt://[::1", "mqtt://[]:1883", "mqtt://[::1]1883", "mqtt://::1", "mqtt://u%4@broker", "mqtt://u%zz@broker",
        "mqtt://u%00x@broker", "mqtt://u:p%@broker", "mqtt://a b@bro\nker", "mqtts://broker?x=1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct broker_url url = {.port = 7};
        char message[BROKER_URL_MESSAGE_SIZE] = "";

        print_message("%s\n", cases[i]);
        assert_int_equal(broker_url_parse(cases[i], &url, message), FERRY_E_FORMAT);
        assert_int_equal(url.port, 7);
        assert_string_not_equal(message, "");
        assert_null(strstr(message, "secret"));
    }
}

static void each_part_has_a_longest_length(void **state)
{
    static const struct {
        const char *before;
        size_t max;
        const char *after;
    } parts[] = {
        {"mqtt://", BROKER_URL_HOST_SIZE - 1, ""},
        {"mqtt://", BROKER_URL_CREDENTIAL_SIZE - 1, "@h"},
        {"mqtt://u:", BROKER_URL_CREDENTIAL_SIZE - 1, "@h"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        for (size_t over = 0; over < 2; over++) {
            char text[2048], part[1024] = "", message[BROKER_URL_MESSAGE_SIZE];
            struct broker_url url;

            memset(part, 'x', parts[i].max + over);
            (void)snprintf(text, sizeof(text), "%s%s%s", parts[i].before, part, parts[i].after);
            assert_int_equal(broker_url_parse(text, &url, message), over == 0 ? FERRY_OK : FERRY_E_FORMAT);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_split_into_its_parts),
        cmocka_unit_test(a_malformed_address_is_refused_and_touches_nothing),
        cmocka_unit_test(each_part_has_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
