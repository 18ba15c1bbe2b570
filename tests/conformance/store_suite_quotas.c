/* Quotas, and the account of what counts: it must be right after every kind of change. */
#include "store_suite_internal.h"

#include <string.h>

static struct fixture *fixture_of(void **state)
{
    return *state;
}

static void expect_usage(struct fixture *f, const char *device, uint64_t files, uint64_t bytes)
{
    struct usage usage = {1, 1};

    ok(DO(f, usage_get, "p", device, &usage));
    assert_int_equal(usage.files, files);
    assert_int_equal(usage.bytes, bytes);
}

static struct upload_task sized(unsigned n, const char *device, uint64_t size, upload_state state)
{
    struct upload_task t = upload_of(n, "p", device, "log");

    t.size = size;
    t.state = state;
    return t;
}

static ferry_err remove_upload(struct fixture *f, unsigned n)
{
    const ferry_id id = id_of(n);

    return DO(f, upload_remove, &id);
}

static void what_was_granted_counts_until_it_ends_without_an_object(void **state)
{
    static const struct {
        upload_state state;
        bool counts;
    } rows[] = {
        {UPLOAD_CREATED, true}, {UPLOAD_UPLOADING, true},   {UPLOAD_STORED, true}, {UPLOAD_DONE, true},
        {UPLOAD_FAILED, false}, {UPLOAD_EXPIRED, false},    {UPLOAD_STORED, true}, {UPLOAD_CANCELLED, false},
        {UPLOAD_FAILED, false}, {UPLOAD_UPLOADING, true},
    };
    struct fixture *f = fixture_of(state);

    add_product(f, "p");
    expect_usage(f, "d", 0, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct upload_task t = sized(1, "d", 100, rows[i].state);

        ok(DO(f, upload_put, &t));
        expect_usage(f, "d", rows[i].counts, rows[i].counts ? 100 : 0);
        expect_usage(f, NULL, rows[i].counts, rows[i].counts ? 100 : 0);
    }
    ok(remove_upload(f, 1));
    expect_usage(f, "d", 0, 0);
    expect_usage(f, NULL, 0, 0);
}

static void devices_and_their_product_have_separate_accounts(void **state)
{
    struct fixture *f = fixture_of(state);
    struct resource resource = resource_of(1, "p", "firmware");

    add_product(f, "p");
    add_product(f, "q");
    for (unsigned n = 0; n < 6; n++) {
        struct upload_task t = sized(n, n % 2 ? "d1" : "d2", 10 + n, UPLOAD_STORED);

        ok(DO(f, upload_put, &t));
    }
    resource.size = 1000;
    ok(DO(f, resource_add, &resource));
    expect_usage(f, "d1", 3, 39);
    expect_usage(f, "d2", 3, 36);
    expect_usage(f, "d3", 0, 0);
    expect_usage(f, NULL, 7, 1075);
    ok(remove_upload(f, 3));
    ok(DO(f, resource_remove, &resource.id));
    expect_usage(f, "d1", 2, 26);
    expect_usage(f, NULL, 5, 62);
}

/* A row whose other fields change too is replaced, which is another statement in some stores. */
static void a_task_that_changes_wholly_is_counted_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct upload_task t = sized(1, "d1", 100, UPLOAD_CREATED);

    add_product(f, "p");
    ok(DO(f, upload_put, &t));
    t = sized(1, "d2", 70, UPLOAD_UPLOADING);
    ok(DO(f, upload_put, &t));
    expect_usage(f, "d1", 0, 0);
    expect_usage(f, "d2", 1, 70);
    expect_usage(f, NULL, 1, 70);
    t = sized(1, "d2", 60, UPLOAD_FAILED);
    ok(DO(f, upload_put, &t));
    expect_usage(f, NULL, 0, 0);
}

static void the_account_is_part_of_the_transaction(void **state)
{
    struct fixture *f = fixture_of(state);
    struct upload_task first = sized(1, "d", 1, UPLOAD_CREATED), second = sized(2, "d", 20, UPLOAD_CREATED);
    struct usage seen;

    add_product(f, "p");
    ok(DO(f, begin));
    ok(DO(f, upload_put, &first));
    ok(DO(f, savepoint));
    ok(DO(f, upload_put, &second));
    expect_usage(f, "d", 2, 21);
    ok(DO(f, rewind));
    expect_usage(f, "d", 1, 1);
    ok(SEE(f, usage_get, "p", "d", &seen));
    assert_int_equal(seen.files, 0);
    ok(DO(f, commit));
    ok(SEE(f, usage_get, "p", "d", &seen));
    assert_int_equal(seen.files, 1);
    ok(DO(f, begin));
    ok(DO(f, upload_put, &second));
    DO(f, rollback);
    expect_usage(f, "d", 1, 1);
}

static void a_sum_beyond_all_numbers_is_the_greatest(void **state)
{
    struct fixture *f = fixture_of(state);

    add_product(f, "p");
    for (unsigned n = 0; n < 3; n++) {
        struct upload_task t = sized(n, "d", INT64_MAX, UPLOAD_CREATED);

        ok(DO(f, upload_put, &t));
    }
    expect_usage(f, "d", 3, UINT64_MAX);
    ok(remove_upload(f, 0));
    ok(remove_upload(f, 1));
    expect_usage(f, "d", 1, INT64_MAX);
}

static void a_product_has_its_own_limits_until_they_are_removed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct quota quota = {.product = "p", .limits = {1, 2, 3, INT64_MAX}}, got;

    expect(FERRY_E_NOT_FOUND, DO(f, quota_put, &quota));
    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, quota_get, "p", &got));
    expect(FERRY_E_NOT_FOUND, DO(f, quota_remove, "p"));
    ok(DO(f, quota_put, &quota));
    ok(SEE(f, quota_get, "p", &got));
    assert_string_equal(got.product, "p");
    assert_memory_equal(&got.limits, &quota.limits, sizeof(got.limits));
    quota.limits = (struct quota_limits){.device_files = 7};
    ok(DO(f, quota_put, &quota));
    ok(SEE(f, quota_get, "p", &got));
    assert_memory_equal(&got.limits, &quota.limits, sizeof(got.limits));
    ok(DO(f, quota_remove, "p"));
    expect(FERRY_E_NOT_FOUND, SEE(f, quota_get, "p", &got));
    quota.limits.product_bytes = (uint64_t)INT64_MAX + 1;
    expect(FERRY_E_ARG, DO(f, quota_put, &quota));
    expect(FERRY_E_READONLY, SEE(f, quota_put, &(struct quota){.product = "p"}));
    expect(FERRY_E_READONLY, SEE(f, quota_remove, "p"));
}

static void limits_go_with_their_product(void **state)
{
    struct fixture *f = fixture_of(state);
    struct quota got;

    add_product(f, "p");
    ok(DO(f, quota_put, &(struct quota){.product = "p"}));
    ok(DO(f, product_remove, "p"));
    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, quota_get, "p", &got));
}

static const struct CMUnitTest quota_tests[] = {
    cmocka_unit_test(what_was_granted_counts_until_it_ends_without_an_object),
    cmocka_unit_test(devices_and_their_product_have_separate_accounts),
    cmocka_unit_test(a_task_that_changes_wholly_is_counted_once),
    cmocka_unit_test(the_account_is_part_of_the_transaction),
    cmocka_unit_test(a_sum_beyond_all_numbers_is_the_greatest),
    cmocka_unit_test(a_product_has_its_own_limits_until_they_are_removed),
    cmocka_unit_test(limits_go_with_their_product),
};
const struct store_tests store_quota_tests = STORE_TESTS(quota_tests);
