/* Which devices are connected and when each was seen: kept, and found by it. */
#include "store_suite_internal.h"

#include <stdio.h>

static void set_online(struct fixture *f, const char *device, uint64_t online_ms, uint64_t seen_ms)
{
    const struct device_key key = key_of("p", device);

    ok(DO(f, device_set_online, &key, online_ms, seen_ms));
}

static void expect_device(struct fixture *f, const char *device, uint64_t online_ms, uint64_t seen_ms)
{
    const struct device_key key = key_of("p", device);
    struct device d;

    ok(SEE(f, device_get, &key, &d));
    assert_int_equal(d.online_ms, online_ms);
    assert_int_equal(d.seen_ms, seen_ms);
}

static void a_device_is_online_until_it_is_not(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"}, nobody = {"p", "x"};

    add_product(f, "p");
    add_device(f, "p", "d");
    add_device(f, "p", "e");
    expect_device(f, "d", 0, 0);
    set_online(f, "d", 5, 6);
    expect_device(f, "d", 5, 6);
    expect_device(f, "e", 0, 0);
    ok(DO(f, device_set_seen, &key, 9));
    expect_device(f, "d", 5, 9);
    ok(DO(f, device_set_seen, &key, 8)); /* it only grows */
    set_online(f, "d", 0, 7);
    expect_device(f, "d", 0, 9);
    expect(FERRY_E_NOT_FOUND, DO(f, device_set_online, &nobody, 1, 1));
    expect(FERRY_E_NOT_FOUND, DO(f, device_set_seen, &nobody, 1));
    expect(FERRY_E_ARG, DO(f, device_set_online, &key, UINT64_MAX, 1));
    expect(FERRY_E_ARG, DO(f, device_set_online, &key, 1, UINT64_MAX));
    expect(FERRY_E_ARG, DO(f, device_set_seen, &key, UINT64_MAX));
    expect(FERRY_E_READONLY, SEE(f, device_set_online, &key, 1, 1));
    expect(FERRY_E_READONLY, SEE(f, device_set_seen, &key, 1));
    expect_device(f, "d", 0, 9);
}

static void it_stays_with_other_changes_and_goes_with_the_device(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct device d;

    add_product(f, "p");
    add_device(f, "p", "d");
    set_online(f, "d", 5, 6);
    ok(DO(f, device_set_disabled, &key, true));
    ok(SEE(f, device_get, &key, &d));
    d.secret_no = 2;
    d.online_ms = d.seen_ms = 99; /* not of that operation */
    ok(DO(f, device_set_secrets, &d));
    expect_device(f, "d", 5, 6);
    ok(DO(f, device_remove, &key));
    ok(DO(f, device_add, &d));
    expect_device(f, "d", 0, 0);
    ok(DO(f, begin));
    set_online(f, "d", 7, 8);
    DO(f, rollback);
    expect_device(f, "d", 0, 0);
}

static void devices_are_listed_by_being_online(void **state)
{
    struct fixture *f = *state;
    const struct device_filter on = {.product = "p", .which = DEVICES_ONLINE}, off = {.product = "p", .which = DEVICES_OFFLINE};
    const struct device_tags tags = {.count = 1, .names = {"lab"}};
    char name[16];

    add_product(f, "p");
    add_product(f, "q");
    add_device(f, "q", "d2");
    for (unsigned i = 0; i < 9; i++) {
        (void)snprintf(name, sizeof(name), "%c%u", i < 6 ? 'd' : 'e', i);
        const struct device_key key = key_of("p", name);
        add_device(f, "p", name);
        if (i < 3)
            ok(DO(f, device_tags_set, &key, &tags));
        if (i % 2 == 0)
            set_online(f, name, 100 - i, 100);
    }
    expect_devices(f, &on, PAGE(20), "d0 d2 d4 e6 e8 ");
    expect_devices(f, &off, PAGE(20), "d1 d3 d5 e7 ");
    expect_devices(f, &on, PAGE(2), "d0 d2 ");
    expect_devices(f, &on, PAGE_AT("d2", 2, false), "d4 e6 ");
    expect_devices(f, &on, PAGE_AT("d3", 2, false), "d4 e6 "); /* the one of the cursor has gone meanwhile */
    expect_devices(f, &off, PAGE_AT("", 2, true), "e7 d5 ");
    expect_devices(f, &off, PAGE_AT("d5", 20, true), "d3 d1 ");
    expect_devices(f, &(struct device_filter){.product = "p", .which = DEVICES_ONLINE, .name_prefix = "e"}, PAGE(20), "e6 e8 ");
    expect_devices(f, &(struct device_filter){.product = "p", .which = DEVICES_ONLINE, .tag = "lab"}, PAGE(20), "d0 d2 ");
    expect_devices(f, &(struct device_filter){.product = "p", .which = DEVICES_OFFLINE, .tag = "lab"}, PAGE(20), "d1 ");
    set_online(f, "d0", 0, 200);
    set_online(f, "d1", 200, 200);
    expect_devices(f, &on, PAGE(2), "d1 d2 ");
    expect_devices(f, &off, PAGE(2), "d0 d3 ");
    expect_devices(f, &(struct device_filter){.product = "p"}, PAGE(3), "d0 d1 d2 ");
    expect_devices(f, &(struct device_filter){.product = "q", .which = DEVICES_ONLINE}, PAGE(3), "");
}

static void expect_counts(struct fixture *f, const char *product, uint64_t devices, uint64_t online)
{
    struct device_counts counts = {77, 77};

    ok(DO(f, device_counts, product, &counts));
    assert_int_equal(counts.devices, devices);
    assert_int_equal(counts.online, online);
}

static void devices_of_a_product_are_counted(void **state)
{
    struct fixture *f = *state;
    const struct device_key d = {"p", "d"}, e = {"p", "e"};

    expect_counts(f, "p", 0, 0);
    add_product(f, "p");
    add_product(f, "q");
    add_device(f, "p", "d");
    add_device(f, "p", "e");
    add_device(f, "q", "d");
    expect_counts(f, "p", 2, 0);
    set_online(f, "d", 5, 6);
    set_online(f, "d", 7, 8); /* it was online before */
    expect_counts(f, "p", 2, 1);
    expect_counts(f, "q", 1, 0);
    ok(DO(f, device_set_seen, &e, 9));
    ok(DO(f, begin));
    set_online(f, "e", 9, 9);
    ok(DO(f, device_remove, &d));
    expect_counts(f, "p", 1, 1);
    DO(f, rollback);
    expect_counts(f, "p", 2, 1);
    set_online(f, "d", 0, 9);
    set_online(f, "d", 0, 9);
    expect_counts(f, "p", 2, 0);
    set_online(f, "e", 9, 9);
    ok(DO(f, device_remove, &e)); /* it goes online */
    expect_counts(f, "p", 1, 0);
    ok(DO(f, device_remove, &d));
    expect_counts(f, "p", 0, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(devices_of_a_product_are_counted),
    cmocka_unit_test(a_device_is_online_until_it_is_not),
    cmocka_unit_test(it_stays_with_other_changes_and_goes_with_the_device),
    cmocka_unit_test(devices_are_listed_by_being_online),
};
const struct store_tests store_presence_tests = STORE_TESTS(tests);
