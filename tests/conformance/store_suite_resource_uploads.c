/* Resources on their way in: what is kept, found again, due, and counted as used. */
#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static struct resource_upload upload(unsigned n, const char *product)
{
    struct resource_upload u = {
        .id = id_of(n),
        .name = "it's \"firmware\"",
        .description = "words\nof two lines",
        .md5 = "0123456789abcdef0123456789abcdef",
        .size = 100 + n,
        .created_ms = 10 + n,
        .expires_ms = 1000 - n,
        .seen_bytes = 20 + n,
    };
    (void)snprintf(u.product, sizeof(u.product), "%s", product);
    memset(u.sha256, 'a', FERRY_SHA256_HEX);
    return u;
}

static void assert_same(const struct resource_upload *a, const struct resource_upload *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_string_equal(a->product, b->product);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->description, b->description);
    assert_string_equal(a->md5, b->md5);
    assert_string_equal(a->sha256, b->sha256);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->stored_ms, b->stored_ms);
    assert_int_equal(a->expires_ms, b->expires_ms);
    assert_int_equal(a->seen_bytes, b->seen_bytes);
}

static void put(struct fixture *f, unsigned n, const char *product)
{
    struct resource_upload u = upload(n, product);

    ok(DO(f, resource_upload_put, &u));
}

static void every_field_is_kept_and_only_progress_changes(void **state)
{
    struct fixture *f = *state;
    struct resource_upload u = upload(3, "p"), got, other;

    expect(FERRY_E_NOT_FOUND, DO(f, resource_upload_put, &u));
    add_product(f, "p");
    ok(DO(f, resource_upload_put, &u));
    ok(SEE(f, resource_upload_get, &u.id, &got));
    assert_same(&got, &u);
    other = u;
    other.size = 1;
    other.name[0] = 'x';
    u.stored_ms = other.stored_ms = 5;
    u.expires_ms = other.expires_ms = 6;
    u.seen_bytes = other.seen_bytes = 7;
    ok(DO(f, resource_upload_put, &other));
    ok(SEE(f, resource_upload_get, &u.id, &got));
    assert_same(&got, &u);
    u.description[0] = '\x01';
    expect(FERRY_E_ARG, DO(f, resource_upload_put, &u));
    u = upload(3, "p");
    expect(FERRY_E_READONLY, SEE(f, resource_upload_put, &u));
}

static void the_newest_of_the_same_is_found(void **state)
{
    struct fixture *f = *state;
    struct resource_upload like = upload(1, "p"), got;

    add_product(f, "p");
    add_product(f, "q");
    ok(DO(f, resource_upload_put, &like));
    like.id = id_of(2);
    ok(DO(f, resource_upload_put, &like));
    put(f, 5, "p"); /* of another size */
    put(f, 6, "q");
    ok(SEE(f, resource_upload_same, &like, &got));
    assert_string_equal(got.id.text, id_of(2).text);
    like.md5[0] = '1';
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_upload_same, &like, &got));
    like = upload(1, "p");
    like.sha256[0] = '\0';
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_upload_same, &like, &got));
    like = upload(1, "p");
    like.name[0] = 'x';
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_upload_same, &like, &got));
}

static void they_are_listed_by_id_and_removed(void **state)
{
    struct fixture *f = *state;
    struct resource_upload got[4];
    size_t count = 0;

    add_product(f, "p");
    add_product(f, "q");
    put(f, 1, "p");
    put(f, 2, "q");
    put(f, 3, "p");
    ok(SEE(f, resource_upload_list, NULL, PAGE(2), got, &count));
    assert_int_equal(count, 2);
    assert_string_equal(got[1].id.text, id_of(2).text);
    ok(SEE(f, resource_upload_list, "p", PAGE_AT("", 4, true), got, &count));
    assert_int_equal(count, 2);
    assert_string_equal(got[0].id.text, id_of(3).text);
    ok(SEE(f, resource_upload_list, "nobody", PAGE(4), got, &count));
    assert_int_equal(count, 0);
    ok(DO(f, resource_upload_remove, &got[0].id));
    expect(FERRY_E_NOT_FOUND, DO(f, resource_upload_remove, &got[0].id));
    expect(FERRY_E_NOT_FOUND, SEE(f, resource_upload_get, &got[0].id, &got[1]));
}

static void the_longest_due_come_first(void **state)
{
    struct fixture *f = *state;
    struct resource_upload got[4];
    uint64_t ms = 0;
    size_t count = 0;

    add_product(f, "p");
    for (unsigned n = 1; n <= 3; n++)
        put(f, n, "p"); /* due at 999, 998, 997 */
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 997);
    ok(SEE(f, resource_upload_due, 996, got, 4, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, resource_upload_due, 998, got, 4, &count));
    assert_int_equal(count, 2);
    assert_string_equal(got[0].id.text, id_of(3).text);
    ok(SEE(f, resource_upload_due, UINT64_MAX, got, 1, &count));
    assert_int_equal(count, 1);
}

static void expect_usage(struct fixture *f, uint64_t files, uint64_t bytes)
{
    struct usage usage = {1, 1};

    ok(SEE(f, usage_get, "p", NULL, &usage));
    assert_int_equal(usage.files, files);
    assert_int_equal(usage.bytes, bytes);
}

static void what_they_will_need_is_used_until_they_are_resources(void **state)
{
    struct fixture *f = *state;
    struct resource_upload one = upload(1, "p"), two = upload(2, "p");

    add_product(f, "p");
    ok(DO(f, resource_upload_put, &one));
    ok(DO(f, resource_upload_put, &two));
    expect_usage(f, 2, 203);
    one.seen_bytes = 50;
    ok(DO(f, resource_upload_put, &one));
    expect_usage(f, 2, 203);
    one.stored_ms = 9;
    ok(DO(f, resource_upload_put, &one));
    ok(DO(f, resource_upload_put, &one));
    expect_usage(f, 1, 102);
    ok(DO(f, resource_upload_remove, &one.id));
    expect_usage(f, 1, 102);
    expect(FERRY_E_STATE, DO(f, product_remove, "p"));
    ok(DO(f, resource_upload_remove, &two.id));
    expect_usage(f, 0, 0);
    ok(DO(f, product_remove, "p"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_field_is_kept_and_only_progress_changes),
    cmocka_unit_test(the_newest_of_the_same_is_found),
    cmocka_unit_test(they_are_listed_by_id_and_removed),
    cmocka_unit_test(the_longest_due_come_first),
    cmocka_unit_test(what_they_will_need_is_used_until_they_are_resources),
};
const struct store_tests store_resource_upload_tests = STORE_TESTS(tests);
