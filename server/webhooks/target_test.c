#include "target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static bool ask(const char *text, bool public_only)
{
    struct sockaddr_storage storage;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    memset(&storage, 0, sizeof storage);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&storage, &v4, sizeof v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&storage, &v6, sizeof v6);
    }
    return target_allowed((const struct sockaddr *)&storage, public_only);
}

static void addresses_are_public_private_or_nobodys(void **state)
{
    static const struct {
        const char *address;
        bool any, public_only;
    } rows[] = {
        {"8.8.8.8", true, true},          {"172.15.255.255", true, true},  {"172.32.0.0", true, true},
        {"100.63.255.255", true, true},   {"100.128.0.0", true, true},     {"192.167.255.255", true, true},
        {"2001:db8::1", true, true},      {"fb00::1", true, true},         {"::2", true, true},
        {"10.255.255.255", true, false},  {"172.16.0.0", true, false},     {"172.31.255.255", true, false},
        {"192.168.0.1", true, false},     {"100.64.0.1", true, false},     {"127.0.0.1", true, false},
        {"127.255.255.255", true, false}, {"::1", true, false},            {"fd00::1", true, false},
        {"fc00::1", true, false},         {"::ffff:10.0.0.1", true, false}, {"::ffff:8.8.8.8", true, true},
        {"0.0.0.0", false, false},        {"0.1.2.3", false, false},       {"169.254.169.254", false, false},
        {"224.0.0.1", false, false},      {"239.1.1.1", false, false},     {"255.255.255.255", false, false},
        {"::", false, false},             {"fe80::1", false, false},       {"febf::1", false, false},
        {"ff02::1", false, false},        {"::ffff:169.254.169.254", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (ask(rows[i].address, false) != rows[i].any || ask(rows[i].address, true) != rows[i].public_only)
            fail_msg("%s", rows[i].address);
    }
}

static void other_families_are_refused(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/x"};

    (void)state;
    assert_false(target_allowed((const struct sockaddr *)&local, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_public_private_or_nobodys),
        cmocka_unit_test(other_families_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
