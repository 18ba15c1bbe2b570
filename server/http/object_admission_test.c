#include "object_admission.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct ferry_network nobody = {.len = 0};

static struct object_admission *admission_of(struct object_admission_limits limits)
{
    struct object_admission *admission = NULL;
    assert_int_equal(object_admission_new(&limits, &admission), FERRY_OK);
    return admission;
}

static struct device_key device(const char *product, const char *name)
{
    struct device_key key;
    assert_true(device_key_make(product, name, &key));
    return key;
}

static void transfers_of_a_device_are_counted_until_they_end(void **state)
{
    (void)state;
    struct object_admission *admission = admission_of((struct object_admission_limits){.device_transfers_max = 2});
    struct device_key a = device("p", "a"), b = device("p", "b"), other = device("q", "a");
    assert_true(object_admission_begin(admission, &a, &nobody, 1));
    assert_true(object_admission_begin(admission, &a, &nobody, 1));
    assert_false(object_admission_begin(admission, &a, &nobody, 1));
    assert_true(object_admission_begin(admission, &b, &nobody, 1));
    assert_true(object_admission_begin(admission, &other, &nobody, 1));
    object_admission_end(admission, &a, &nobody, 1);
    assert_true(object_admission_begin(admission, &a, &nobody, 1));
    assert_false(object_admission_begin(admission, &a, &nobody, 1));
    object_admission_end(admission, &a, &nobody, 1);
    object_admission_end(admission, &a, &nobody, 1);
    object_admission_end(admission, &b, &nobody, 1);
    object_admission_end(admission, &other, &nobody, 1);
    object_admission_free(admission);
}

static void bytes_under_way_have_a_limit_that_a_single_file_may_pass(void **state)
{
    static const struct {
        uint64_t held, asked;
        bool may;
    } rows[] = {
        {0, 1, true},   {0, 101, true},  {0, UINT64_MAX, true}, {1, 99, true}, {1, 100, false},
        {99, 1, true},  {100, 1, false}, {100, 0, true},        {101, 0, false}, {1, UINT64_MAX, false},
        {UINT64_MAX, 1, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct object_admission *admission = admission_of((struct object_admission_limits){.device_bytes_max = 100});
        struct device_key a = device("p", "a");
        if (rows[i].held > 0)
            assert_true(object_admission_begin(admission, &a, &nobody, rows[i].held));
        bool may = object_admission_begin(admission, &a, &nobody, rows[i].asked);
        if (may != rows[i].may)
            fail_msg("row %zu", i);
        if (may)
            object_admission_end(admission, &a, &nobody, rows[i].asked);
        if (rows[i].held > 0)
            object_admission_end(admission, &a, &nobody, rows[i].held);
        object_admission_free(admission);
    }
}

static void many_devices_have_their_own_accounts(void **state)
{
    (void)state;
    struct object_admission *admission = admission_of((struct object_admission_limits){.device_transfers_max = 1});
    char name[16];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            (void)snprintf(name, sizeof name, "d%u", i);
            struct device_key key = device("p", name);
            assert_true(object_admission_begin(admission, &key, &nobody, i));
            assert_false(object_admission_begin(admission, &key, &nobody, i));
        }
        for (unsigned i = 0; i < 5000; i++) {
            (void)snprintf(name, sizeof name, "d%u", i);
            struct device_key key = device("p", name);
            object_admission_end(admission, &key, &nobody, i);
        }
    }
    object_admission_free(admission);
}

static void the_bytes_of_an_address_are_those_of_all_its_devices(void **state)
{
    (void)state;
    struct object_admission *admission = admission_of((struct object_admission_limits){.address_bytes_max = 100});
    struct device_key a = device("p", "a"), b = device("p", "b");
    struct ferry_network here = ferry_network_of_text("10.0.0.1"), there = ferry_network_of_text("10.0.0.2");
    const struct ferry_network *one = &here, *two = &there;
    assert_true(object_admission_begin(admission, &a, one, 1000)); /* alone, it may */
    assert_false(object_admission_begin(admission, &b, one, 1));
    assert_true(object_admission_begin(admission, &b, two, 60));
    assert_false(object_admission_begin(admission, &a, two, 41));
    assert_true(object_admission_begin(admission, &a, two, 40));
    assert_true(object_admission_begin(admission, &b, &nobody, 1000));
    object_admission_end(admission, &a, one, 1000);
    assert_true(object_admission_begin(admission, &b, one, 100));
    object_admission_end(admission, &b, one, 100);
    object_admission_end(admission, &b, two, 60);
    object_admission_end(admission, &a, two, 40);
    object_admission_end(admission, &b, &nobody, 1000);
    object_admission_free(admission);
}

static bool address_may(struct object_admission *admission, const char *text)
{
    struct ferry_network network = ferry_network_of_text(text);
    assert_true(network.len > 0);
    return object_admission_address(admission, &network, 0);
}

static void an_address_is_the_network_that_its_owner_has(void **state)
{
    static const struct {
        const char *address;
        bool may;
    } rows[] = {
        {"192.0.2.1", true},        {"192.0.2.1", false},   {"192.0.2.2", true},      {"::ffff:192.0.2.2", false},
        {"::ffff:192.0.2.3", true}, {"2001:db8::1", true},  {"2001:db8::2", false},   {"2001:db8::ffff:1:2:3", false},
        {"2001:db8:0:1::1", true},  {"2001:db8:1::1", true}, {"2001:db8:1::", false},
    };
    (void)state;
    struct object_admission *admission = admission_of((struct object_admission_limits){.address_requests_per_min = 1});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (address_may(admission, rows[i].address) != rows[i].may)
            fail_msg("row %zu: %s", i, rows[i].address);
    assert_true(object_admission_address(admission, &nobody, 0));
    object_admission_free(admission);
}

static void requests_of_a_device_are_its_own(void **state)
{
    (void)state;
    struct object_admission *admission = admission_of((struct object_admission_limits){.device_requests_per_min = 2});
    struct device_key a = device("p", "a"), b = device("p", "b");
    assert_true(object_admission_device(admission, &a, 0));
    assert_true(object_admission_device(admission, &a, 0));
    assert_false(object_admission_device(admission, &a, 0));
    assert_true(object_admission_device(admission, &b, 0));
    assert_true(object_admission_device(admission, &a, 30000));
    object_admission_free(admission);
}

static void zero_is_no_limit_and_no_memory_is_a_no(void **state)
{
    (void)state;
    struct object_admission_limits none = {0};
    struct object_admission *admission = NULL;
    for (unsigned nth = 1; nth <= 3; nth++) {
        ferry_alloc_fail_at(nth);
        assert_int_equal(object_admission_new(&none, &admission), FERRY_E_NOMEM);
        ferry_alloc_fail_at(0);
    }
    object_admission_free(NULL);
    admission = admission_of(none);
    struct device_key a = device("p", "a");
    ferry_alloc_fail_at(1);
    assert_false(object_admission_begin(admission, &a, &nobody, 1));
    ferry_alloc_fail_at(0);
    for (unsigned i = 0; i < 10000; i++) {
        assert_true(object_admission_device(admission, &a, 0) && address_may(admission, "192.0.2.1"));
        assert_true(object_admission_begin(admission, &a, &nobody, 1));
    }
    for (unsigned i = 0; i < 10000; i++)
        object_admission_end(admission, &a, &nobody, 1);
    object_admission_free(admission);
}

int main(void)
{
    const struct CMUnitTest rules[] = {
        cmocka_unit_test(transfers_of_a_device_are_counted_until_they_end),
        cmocka_unit_test(bytes_under_way_have_a_limit_that_a_single_file_may_pass),
        cmocka_unit_test(the_bytes_of_an_address_are_those_of_all_its_devices),
        cmocka_unit_test(many_devices_have_their_own_accounts),
        cmocka_unit_test(an_address_is_the_network_that_its_owner_has),
        cmocka_unit_test(requests_of_a_device_are_its_own),
        cmocka_unit_test(zero_is_no_limit_and_no_memory_is_a_no),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
