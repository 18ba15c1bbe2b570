#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_client.h"

#include <arpa/inet.h>
#include <string.h>

#define LONG_LIST "203.0.113.1,203.0.113.2,203.0.113.3,203.0.113.4,203.0.113.5,203.0.113.6,203.0.113.7,203.0.113.8,"
#define LONG_WORD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct ferry_subnets proxies_of(const char *text)
{
    struct ferry_subnets proxies;
    assert_int_equal(ferry_subnets_parse(text, &proxies), FERRY_OK);
    return proxies;
}

static struct http_client peer_of(const struct ferry_subnets *proxies, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return http_client_of_peer(proxies, (const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return http_client_of_peer(proxies, (const struct sockaddr *)&v6);
}

/* The proxies are 10.0.0.1, 10.1.0.0/16 and fd00::/8. */
static void the_client_is_the_last_that_is_no_trusted_proxy(void **state)
{
    static const struct {
        const char *peer, *header, *next_header, *client;
    } rows[] = {
        /* nobody is believed but a proxy */
        {"192.0.2.9", "203.0.113.5", NULL, "192.0.2.9"},
        {"10.0.0.2", "203.0.113.5", NULL, "10.0.0.2"},
        {"2001:db8::9", "203.0.113.5", NULL, "2001:db8::9"},
        {"::ffff:192.0.2.9", "203.0.113.5", NULL, "192.0.2.9"},
        /* what a proxy says */
        {"10.0.0.1", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.5", NULL, "203.0.113.5"},
        {"::ffff:10.0.0.1", "203.0.113.5", NULL, "203.0.113.5"},
        {"fd12::1", "2001:db8::5", NULL, "2001:db8::5"},
        {"10.1.200.3", " \t203.0.113.5\t ", NULL, "203.0.113.5"},
        /* what its client wrote before counts for nothing */
        {"10.0.0.1", "198.51.100.1, 203.0.113.5", NULL, "203.0.113.5"},
        {"10.0.0.1", "198.51.100.1", "203.0.113.5", "203.0.113.5"},
        {"10.0.0.1", "10.0.0.1, 203.0.113.5", NULL, "203.0.113.5"},
        {"10.0.0.1", "unknown, 203.0.113.5", NULL, "203.0.113.5"},
        {"10.0.0.1", LONG_LIST LONG_LIST LONG_LIST "203.0.113.9", NULL, "203.0.113.9"},
        {"10.0.0.1", LONG_WORD ",203.0.113.9", NULL, "203.0.113.9"},
        {"10.0.0.1", ",,, ,203.0.113.5,, ,", ",", "203.0.113.5"},
        /* proxies behind each other */
        {"10.0.0.1", "198.51.100.1, 203.0.113.5, 10.1.2.3", NULL, "203.0.113.5"},
        {"10.0.0.1", "203.0.113.5, 10.1.2.3", "fd00::7, 10.1.9.9", "203.0.113.5"},
        {"10.0.0.1", "203.0.113.5, 192.0.2.7", "10.1.2.3", "192.0.2.7"},
        {"10.0.0.1", "10.1.0.1, 10.1.0.2", NULL, "10.1.0.1"}, /* the client is one of them */
        /* ports and forms */
        {"10.0.0.1", "203.0.113.5:4711", NULL, "203.0.113.5"},
        {"10.0.0.1", "[2001:db8::5]", NULL, "2001:db8::5"},
        {"10.0.0.1", "[2001:db8::5]:4711", NULL, "2001:db8::5"},
        {"10.0.0.1", "2001:DB8:0:0:0:0:0:5", NULL, "2001:db8::5"},
        {"10.0.0.1", "::ffff:203.0.113.5", NULL, "203.0.113.5"},
        {"10.0.0.1", "203.0.113.5, ::ffff:10.1.2.3", NULL, "203.0.113.5"},
        /* garbage: as far as one can see */
        {"10.0.0.1", "203.0.113.5, unknown", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.5, unknown, 10.1.2.3", NULL, "10.1.2.3"},
        {"10.0.0.1", "203.0.113.5, _hidden, 10.1.2.3, 10.1.2.4", NULL, "10.1.2.3"},
        {"10.0.0.1", "203.0.113.5:", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.5:123456", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.5:8x", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113", NULL, "10.0.0.1"},
        {"10.0.0.1", "0xcb.0.113.5", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.256", NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.5 203.0.113.6", NULL, "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::5", NULL, "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::5]x", NULL, "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::5]:", NULL, "10.0.0.1"},
        {"10.0.0.1", "2001:db8::5]", NULL, "10.0.0.1"},
        {"10.0.0.1", "fe80::1%eth0", NULL, "10.0.0.1"},
        {"10.0.0.1", "::", NULL, "10.0.0.1"},
        {"10.0.0.1", "for=203.0.113.5", NULL, "10.0.0.1"},
        {"10.0.0.1", LONG_WORD, NULL, "10.0.0.1"},
        {"10.0.0.1", "203.0.113.5" LONG_WORD, NULL, "10.0.0.1"},
    };
    struct ferry_subnets proxies = proxies_of("10.0.0.1, 10.1.0.0/16,fd00::/8");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_client client = peer_of(&proxies, rows[i].peer);
        const char *headers[] = {rows[i].header, rows[i].next_header};
        char text[ADDRESS_TEXT_SIZE];
        for (size_t h = 0; h < 2 && headers[h] != NULL; h++)
            http_client_forwarded(&proxies, &client, headers[h], strlen(headers[h]));
        http_client_text(&client, text);
        if (strcmp(text, rows[i].client) != 0)
            fail_msg("row %zu: %s instead of %s", i, text, rows[i].client);
        bool for_itself = client.by_proxy && (rows[i].header == NULL || rows[i].header[0] == '\0');
        struct ferry_network counted = http_client_network(&client);
        struct ferry_network wanted = ferry_network_of_text(for_itself ? NULL : rows[i].client);
        assert_true(ferry_network_equal(&counted, &wanted));
    }
}

static void without_proxies_nobody_is_believed(void **state)
{
    struct ferry_subnets none = proxies_of(NULL);
    struct http_client client = peer_of(&none, "127.0.0.1"), nobody = http_client_of_peer(&none, NULL);
    char text[ADDRESS_TEXT_SIZE];
    (void)state;
    http_client_forwarded(&none, &client, "203.0.113.5", 11);
    http_client_text(&client, text);
    assert_string_equal(text, "127.0.0.1");
    http_client_text(&nobody, text);
    assert_string_equal(text, "");
    assert_int_equal(http_client_network(&nobody).len, 0);
}

static void a_nul_does_not_end_an_address(void **state)
{
    struct ferry_subnets proxies = proxies_of("10.0.0.1");
    struct http_client client = peer_of(&proxies, "10.0.0.1");
    char text[ADDRESS_TEXT_SIZE];
    (void)state;
    http_client_forwarded(&proxies, &client, "203.0.113.5\0x", 13);
    http_client_text(&client, text);
    assert_string_equal(text, "10.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_the_last_that_is_no_trusted_proxy),
        cmocka_unit_test(without_proxies_nobody_is_believed),
        cmocka_unit_test(a_nul_does_not_end_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
