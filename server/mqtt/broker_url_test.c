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
        {"mqtt://broker", {.host = "broker", .port = 1883, .vhost = "/"}},
        {"mqtt://broker/", {.host = "broker", .port = 1883, .vhost = "/"}},
        {"mqtts://broker.example", {.tls = true, .host = "broker.example", .port = 8883, .username = "", .password = "", .vhost = "/"}},
        {"mqtt://127.0.0.1:11883", {.tls = false, .host = "127.0.0.1", .port = 11883, .username = "", .password = "", .vhost = "/"}},
        {"mqtt://[::1]:1884", {.tls = false, .host = "::1", .port = 1884, .username = "", .password = "", .vhost = "/"}},
        {"mqtts://[2001:db8::1]", {.tls = true, .host = "2001:db8::1", .port = 8883, .username = "", .password = "", .vhost = "/"}},
        {"mqtt://ferry@broker:1", {.tls = false, .host = "broker", .port = 1, .username = "ferry", .password = "", .vhost = "/"}},
        {"mqtt://ferry:@broker", {.tls = false, .host = "broker", .port = 1883, .username = "ferry", .password = "", .vhost = "/"}},
        {"mqtts://ferry:secret@broker:65535", {.tls = true, .host = "broker", .port = 65535, .username = "ferry", .password = "secret", .vhost = "/"}},
        {"mqtt://a%40b:c%3Ad%2f%25@broker", {.tls = false, .host = "broker", .port = 1883, .username = "a@b", .password = "c:d/%", .vhost = "/"}},
        {"mqtt://a:b@c:d@broker", {.tls = false, .host = "broker", .port = 1883, .username = "a", .password = "b@c:d", .vhost = "/"}},
        {"amqp://rabbit", {.amqp = true, .host = "rabbit", .port = 5672, .vhost = "/"}},
        {"amqps://u:p@rabbit/", {.amqp = true, .tls = true, .host = "rabbit", .port = 5671, .username = "u", .password = "p", .vhost = "/"}},
        {"amqp://rabbit:1/ferry", {.amqp = true, .host = "rabbit", .port = 1, .vhost = "ferry"}},
        {"amqp://rabbit/%2Fa%2fb", {.amqp = true, .host = "rabbit", .port = 5672, .vhost = "/a/b"}},
        {"amqp://a,b:7,[::1],[::2]:9/v",
         {.amqp = true, .host = "a", .port = 5672, .vhost = "v", .more = {{"b", 7}, {"::1", 5672}, {"::2", 9}}, .more_count = 3}},
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
        assert_int_equal(url.amqp, cases[i].url.amqp);
        assert_string_equal(url.vhost, cases[i].url.vhost);
        assert_int_equal(url.more_count, cases[i].url.more_count);
        for (size_t k = 0; k < url.more_count; k++) {
            assert_string_equal(url.more[k].host, cases[i].url.more[k].host);
            assert_int_equal(url.more[k].port, cases[i].url.more[k].port);
        }
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
        "mqtt://a,b", "amqp://a,", "amqp://,a", "amqp://a,,b", "amqp://a:,b", "amqp://a:1x,b", "amqp://a/%0", "amqp://a/%00",
        "amqp://a,b,c,d,e,f,g,h,i", "amqp://[::1,b", "amqp:///v",
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
