#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static void resource_needs_its_product_and_is_added_once(void **state)
{
    struct fixture *f = *state;
    struct resource r = resource_of(1, "p", "firmware"), got;

    expect(FERRY_E_NOT_FOUND, DO(f, resource_add, &r));
    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_get, &r.id, &got));
    ok(DO(f, resource_add, &r));
    expect(FERRY_E_EXISTS, DO(f, resource_add, &r));
    ok(SEE(f, resource_get, &r.id, &got));
    assert_resource_equal(&got, &r);
    r.id = (ferry_id){"not an id"};
    expect(FERRY_E_ARG, DO(f, resource_add, &r));
    r = resource_of(2, "p", "firmware");
    r.size = (uint64_t)INT64_MAX + 1;
    expect(FERRY_E_ARG, DO(f, resource_add, &r));
}

static void names_and_sizes_come_back_exactly(void **state)
{
    static const char *const names[] = {
        "it's", "say \"hi\"", "a;b--c/*", "%s%n", "\xc3\xbc\xe6\x96\x87\xf0\x9f\x9a\xa2", "007", "1e3", "NULL", " ", "a/../b",
    };
    static const uint64_t sizes[] = {0, 1, 4294967295u, 4294967296u, (1ull << 53) - 1, (1ull << 53) + 1, INT64_MAX};
    struct fixture *f = *state;
    struct resource r, got;
    unsigned n = 0;

    add_product(f, "p");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        r = resource_of(n++, "p", names[i]);
        ok(DO(f, resource_add, &r));
        ok(SEE(f, resource_find, "p", names[i], &got));
        assert_resource_equal(&got, &r);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        r = resource_of(n++, "p", "size");
        r.size = sizes[i];
        ok(DO(f, resource_add, &r));
        ok(SEE(f, resource_get, &r.id, &got));
        assert_int_equal(got.size, sizes[i]);
    }
    r = resource_of(n, "p", "");
    memset(r.name, 'n', FERRY_NAME_MAX);
    ok(DO(f, resource_add, &r));
    ok(SEE(f, resource_find, "p", r.name, &got));
    assert_resource_equal(&got, &r);
}

static void find_gives_the_newest_version(void **state)
{
    struct fixture *f = *state;
    const struct resource versions[] = {resource_of(2, "p", "fw"), resource_of(3, "p", "fw"), resource_of(1, "p", "fw")};
    const struct resource others[] = {resource_of(9, "q", "fw"), resource_of(8, "p", "fw2"), resource_of(7, "p", "f")};
    struct resource got;

    add_product(f, "p");
    add_product(f, "q");
    for (int i = 0; i < 3; i++) {
        ok(DO(f, resource_add, &versions[i]));
        ok(DO(f, resource_add, &others[i]));
    }
    ok(SEE(f, resource_find, "p", "fw", &got));
    assert_string_equal(got.id.text, versions[1].id.text);
    ok(DO(f, resource_remove, &versions[1].id));
    ok(SEE(f, resource_find, "p", "fw", &got));
    assert_string_equal(got.id.text, versions[0].id.text);
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_find, "p", "FW", &got));
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_find, "x", "fw", &got));
}

static void description_is_replaced_and_has_its_limits(void **state)
{
    struct fixture *f = *state;
    struct resource r = resource_of(1, "p", "fw"), got;
    char longest[RESOURCE_DESCRIPTION_MAX + 2] = "";

    add_product(f, "p");
    memset(longest, 'x', RESOURCE_DESCRIPTION_MAX + 1);
    expect(FERRY_E_NOT_FOUND, DO(f, resource_describe, &r.id, "words"));
    memcpy(r.description, "\t", 2);
    expect(FERRY_E_ARG, DO(f, resource_add, &r));
    r.description[0] = '\0';
    ok(DO(f, resource_add, &r));
    expect(FERRY_E_ARG, DO(f, resource_describe, &r.id, longest));
    expect(FERRY_E_ARG, DO(f, resource_describe, &r.id, "\xff"));
    expect(FERRY_E_READONLY, SEE(f, resource_describe, &r.id, "words"));
    longest[RESOURCE_DESCRIPTION_MAX] = '\0';
    ok(DO(f, resource_describe, &r.id, longest));
    memcpy(r.description, longest, sizeof(r.description));
    ok(SEE(f, resource_get, &r.id, &got));
    assert_resource_equal(&got, &r);
    ok(DO(f, resource_describe, &r.id, ""));
    ok(SEE(f, resource_find, "p", "fw", &got));
    assert_string_equal(got.description, "");
}

static void resource_of_a_deployment_cannot_be_removed(void **state)
{
    struct fixture *f = *state;
    struct deployment d = deployment_of(1, "p", 1);
    struct resource other = resource_of(2, "p", "other");
    size_t removed;

    add_deployment(f, 1);
    ok(DO(f, resource_add, &other));
    expect(FERRY_E_STATE, DO(f, resource_remove, &d.resource));
    d.state = DEPLOYMENT_FINISHED;
    ok(DO(f, deployment_put, &d));
    expect(FERRY_E_STATE, DO(f, resource_remove, &d.resource));
    ok(DO(f, resource_remove, &other.id));
    ok(DO(f, download_prune, UINT64_MAX, 10, &removed)); /* takes the deployment away */
    ok(DO(f, resource_remove, &d.resource));
    expect(FERRY_E_NOT_FOUND, DO(f, resource_remove, &d.resource));
    expect(FERRY_E_ARG, DO(f, resource_remove, &(ferry_id){""}));
}

static void resources_are_listed_by_filter_and_page(void **state)
{
    struct fixture *f = *state;
    struct resource out[FERRY_PAGE_MAX];
    size_t count = 9;
    char name[16];

    add_product(f, "p");
    add_product(f, "q");
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "%s-%u", i % 2 == 0 ? "app" : "fw", i);
        struct resource r = resource_of((i * 7) % 20, (i * 7) % 20 < 15 ? "p" : "q", name);

        ok(DO(f, resource_add, &r));
    }
    ok(SEE(f, resource_list, &(struct resource_filter){.product = NULL}, PAGE(FERRY_PAGE_MAX), out, &count));
    assert_int_equal(count, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_string_equal(out[i].id.text, id_of(i).text);
    ok(SEE(f, resource_list, &(struct resource_filter){.product = "p"}, PAGE_AT(id_of(12).text, 10, false), out, &count));
    assert_int_equal(count, 2);
    assert_string_equal(out[1].id.text, id_of(14).text);
    ok(SEE(f, resource_list, &(struct resource_filter){.product = "q"}, PAGE_AT(id_of(17).text, 1, true), out, &count));
    assert_int_equal(count, 1);
    assert_string_equal(out[0].id.text, id_of(16).text);
    ok(SEE(f, resource_list, &(struct resource_filter){.name_prefix = "app-"}, PAGE(FERRY_PAGE_MAX), out, &count));
    assert_int_equal(count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_memory_equal(out[i].name, "app-", 4);
    ok(SEE(f, resource_list, &(struct resource_filter){.product = "p", .name_prefix = "fw-1"}, PAGE_AT("", 250, true), out,
           &count));
    for (unsigned i = 0; i < count; i++)
        assert_memory_equal(out[i].name, "fw-1", 4);
    assert_true(count > 0);
    ok(SEE(f, resource_list, &(struct resource_filter){.made = {1700000000005u, 1700000000008u}}, PAGE_AT("", 250, true), out,
           &count));
    assert_int_equal(count, 3);
    assert_string_equal(out[0].id.text, id_of(7).text);
    ok(SEE(f, resource_list, &(struct resource_filter){.name_prefix = "_"}, PAGE(1), out, &count));
    assert_int_equal(count, 0);
    expect(FERRY_E_ARG, SEE(f, resource_list, &(struct resource_filter){.product = "p"}, PAGE_AT("no id", 1, false), out,
                            &count));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(resource_needs_its_product_and_is_added_once),
    cmocka_unit_test(names_and_sizes_come_back_exactly),
    cmocka_unit_test(find_gives_the_newest_version),
    cmocka_unit_test(description_is_replaced_and_has_its_limits),
    cmocka_unit_test(resource_of_a_deployment_cannot_be_removed),
    cmocka_unit_test(resources_are_listed_by_filter_and_page),
};
const struct store_tests store_resource_tests = STORE_TESTS(tests);
