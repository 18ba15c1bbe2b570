#include "api_guard.h"

#include "core/lockout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void address_waits_after_its_free_failures_until_it_succeeds(void **state)
{
    struct api_guard *guard;

    (void)state;
    assert_int_equal(api_guard_new(&guard), FERRY_OK);
    assert_int_equal(api_guard_until_ms(guard, "192.0.2.1"), 0);
    for (int i = 0; i < API_GUARD_FREE; i++)
        api_guard_failed(guard, "192.0.2.1", 1000);
    assert_true(api_guard_until_ms(guard, "192.0.2.1") <= 1000);
    api_guard_failed(guard, "192.0.2.1", 1000);
    assert_int_equal(api_guard_until_ms(guard, "192.0.2.1"), 1000 + 1000 * LOCKOUT_FIRST_S);
    assert_int_equal(api_guard_until_ms(guard, "192.0.2.2"), 0);
    api_guard_succeeded(guard, "192.0.2.1");
    assert_int_equal(api_guard_until_ms(guard, "192.0.2.1"), 0);
    api_guard_free(guard);
    api_guard_free(NULL);
}

static void network_of_an_ipv6_address_counts_as_one(void **state)
{
    struct api_guard *guard;

    (void)state;
    assert_int_equal(api_guard_new(&guard), FERRY_OK);
    for (int i = 0; i <= API_GUARD_FREE; i++) {
        char address[48];
        (void)snprintf(address, sizeof address, "2001:db8:1:2:%x::1", i + 1);
        api_guard_failed(guard, address, 1000);
    }
    assert_true(api_guard_until_ms(guard, "2001:db8:1:2:ffff::9") > 1000);
    assert_int_equal(api_guard_until_ms(guard, "2001:db8:1:3:ffff::9"), 0);
    api_guard_free(guard);
}

static void table_keeps_its_size_and_the_oldest_gives_way(void **state)
{
    struct api_guard *guard;
    char address[48];

    (void)state;
    assert_int_equal(api_guard_new(&guard), FERRY_OK);
    for (unsigned n = 0; n < API_GUARD_ADDRESSES + 1; n++) {
        (void)snprintf(address, sizeof address, "10.0.%u.%u", n / 256, n % 256);
        for (int i = 0; i <= API_GUARD_FREE; i++)
            api_guard_failed(guard, address, 1000 + n);
    }
    assert_int_equal(api_guard_until_ms(guard, "10.0.0.0"), 0);
    assert_true(api_guard_until_ms(guard, "10.0.0.1") > 0);
    assert_true(api_guard_until_ms(guard, address) > 0);
    api_guard_free(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_waits_after_its_free_failures_until_it_succeeds),
        cmocka_unit_test(network_of_an_ipv6_address_counts_as_one),
        cmocka_unit_test(table_keeps_its_size_and_the_oldest_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
