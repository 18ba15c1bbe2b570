/* The tags of devices: with their device they come and go, and by them devices are found. */
#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static struct device_tags tags_of(const char *const *names, size_t count)
{
    struct device_tags tags = {.count = 0};

    for (size_t i = 0; i < count; i++)
        assert_true(device_tags_add(&tags, names[i]));
    return tags;
}
#define TAGS(...) tags_of((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void set(struct fixture *f, const char *product, const char *device, struct device_tags tags)
{
    const struct device_key key = key_of(product, device);

    ok(DO(f, device_tags_set, &key, &tags));
}

static void expect_tags(struct fixture *f, const char *device, struct device_tags want)
{
    const struct device_key key = key_of("p", device);
    struct device_tags got = {.count = 99};

    ok(SEE(f, device_tags_get, &key, &got));
    assert_int_equal(got.count, want.count);
    for (uint32_t i = 0; i < want.count; i++)
        assert_string_equal(got.names[i], want.names[i]);
}

static void tags_are_replaced_as_a_whole(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    const struct device_tags none = {.count = 0};
    struct device_tags bad = TAGS("a", "b");

    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, device_tags_set, &key, &none));
    expect_tags(f, "d", none);
    add_device(f, "p", "d");
    add_device(f, "p", "d2");
    expect_tags(f, "d", none);
    set(f, "p", "d", TAGS("b", "a.1", "B"));
    expect_tags(f, "d", TAGS("B", "a.1", "b"));
    set(f, "p", "d", TAGS("b", "c"));
    expect_tags(f, "d", TAGS("b", "c"));
    expect_tags(f, "d2", none);
    memcpy(bad.names[1], "x y", 4);
    expect(FERRY_E_ARG, DO(f, device_tags_set, &key, &bad));
    bad.count = DEVICE_TAGS_MAX + 1;
    expect(FERRY_E_ARG, DO(f, device_tags_set, &key, &bad));
    expect(FERRY_E_READONLY, SEE(f, device_tags_set, &key, &none));
    expect_tags(f, "d", TAGS("b", "c"));
    set(f, "p", "d", none);
    expect_tags(f, "d", none);
}

static void as_many_tags_as_may_be_fit(void **state)
{
    struct fixture *f = *state;
    struct device_tags tags = {.count = 0};
    char tag[DEVICE_TAG_MAX + 1];

    add_product(f, "p");
    add_device(f, "p", "d");
    for (unsigned i = 0; i < DEVICE_TAGS_MAX; i++) {
        (void)snprintf(tag, sizeof(tag), "%064u", i);
        assert_true(device_tags_add(&tags, tag));
    }
    set(f, "p", "d", tags);
    expect_tags(f, "d", tags);
}

static void tags_go_with_their_device(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};

    add_product(f, "p");
    add_device(f, "p", "d");
    add_device(f, "p", "e");
    set(f, "p", "d", TAGS("a", "b"));
    set(f, "p", "e", TAGS("a"));
    ok(DO(f, device_remove, &key));
    expect_tags(f, "d", (struct device_tags){.count = 0});
    expect_tags(f, "e", TAGS("a"));
    add_device(f, "p", "d");
    expect_tags(f, "d", (struct device_tags){.count = 0});
}

static void tags_are_undone_with_their_transaction(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};

    add_product(f, "p");
    add_device(f, "p", "d");
    set(f, "p", "d", TAGS("a"));
    ok(DO(f, begin));
    set(f, "p", "d", TAGS("b"));
    expect_tags(f, "d", TAGS("a"));
    ok(DO(f, device_remove, &key));
    DO(f, rollback);
    expect_tags(f, "d", TAGS("a"));
}

static void devices_are_listed_by_tag(void **state)
{
    struct fixture *f = *state;
    const struct device_filter even = {.product = "p", .tag = "even"};
    char name[16];

    add_product(f, "p");
    add_product(f, "q");
    add_device(f, "q", "d2");
    set(f, "q", "d2", TAGS("even"));
    for (unsigned i = 0; i < 9; i++) {
        (void)snprintf(name, sizeof(name), "%c%u", i < 6 ? 'd' : 'e', i);
        add_device(f, "p", name);
        set(f, "p", name, i % 2 == 0 ? TAGS("even", "number") : TAGS("number"));
    }
    expect_devices(f, &even, PAGE(20), "d0 d2 d4 e6 e8 ");
    expect_devices(f, &even, PAGE(2), "d0 d2 ");
    expect_devices(f, &even, PAGE_AT("d2", 2, false), "d4 e6 ");
    expect_devices(f, &even, PAGE_AT("", 2, true), "e8 e6 ");
    expect_devices(f, &even, PAGE_AT("d4", 20, true), "d2 d0 ");
    expect_devices(f, &(struct device_filter){.product = "p", .tag = "even", .name_prefix = "e"}, PAGE(20), "e6 e8 ");
    expect_devices(f, &(struct device_filter){.product = "p", .tag = "number"}, PAGE(20), "d0 d1 d2 d3 d4 d5 e6 e7 e8 ");
    expect_devices(f, &(struct device_filter){.product = "p", .tag = "eve"}, PAGE(20), "");
    expect_devices(f, &(struct device_filter){.product = "p"}, PAGE(3), "d0 d1 d2 ");
}

static void listed_devices_by_tag_are_whole(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct device one, listed;
    size_t count;

    add_product(f, "p");
    add_device(f, "p", "d");
    set(f, "p", "d", TAGS("a"));
    ok(DO(f, device_set_disabled, &key, true));
    ok(SEE(f, device_get, &key, &one));
    ok(SEE(f, device_list, &(struct device_filter){.product = "p", .tag = "a"}, PAGE(1), &listed, &count));
    assert_int_equal(count, 1);
    assert_true(device_key_equal(&listed.key, &one.key));
    assert_int_equal(listed.secret.len, one.secret.len);
    assert_int_equal(listed.created_ms, one.created_ms);
    assert_true(listed.disabled);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(tags_are_replaced_as_a_whole),
    cmocka_unit_test(as_many_tags_as_may_be_fit),
    cmocka_unit_test(tags_go_with_their_device),
    cmocka_unit_test(tags_are_undone_with_their_transaction),
    cmocka_unit_test(devices_are_listed_by_tag),
    cmocka_unit_test(listed_devices_by_tag_are_whole),
};
const struct store_tests store_tag_tests = STORE_TESTS(tests);
