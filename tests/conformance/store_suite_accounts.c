#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

/* --- values ------------------------------------------------------------------------------------ */

static void values_are_kept_and_replaced(void **state)
{
    struct fixture *f = *state;
    uint8_t key[32], out[STORE_VALUE_MAX], big[STORE_VALUE_MAX];
    size_t len = 7;

    for (unsigned i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7);
    memcpy(key, big, sizeof(key));
    expect(FERRY_E_NOT_FOUND, SEE(f, value_get, "url_key", out, sizeof(out), &len));
    assert_int_equal(len, 7);
    ok(DO(f, value_put, "url_key", key, sizeof(key)));
    ok(SEE(f, value_get, "url_key", out, sizeof(out), &len));
    assert_int_equal(len, sizeof(key));
    assert_memory_equal(out, key, sizeof(key));
    ok(DO(f, value_put, "url_key", big, sizeof(big)));
    ok(SEE(f, value_get, "url_key", out, sizeof(out), &len));
    assert_int_equal(len, sizeof(big));
    assert_memory_equal(out, big, sizeof(big));
    ok(DO(f, value_put, "url_key", NULL, 0));
    ok(SEE(f, value_get, "url_key", NULL, 0, &len));
    assert_int_equal(len, 0);
}

static void values_out_of_range_are_refused(void **state)
{
    struct fixture *f = *state;
    char long_key[FERRY_IDENT_MAX + 2], bytes[STORE_VALUE_MAX + 1] = "", out[4] = "abc";
    size_t len = 7;

    memset(long_key, 'k', sizeof(long_key));
    long_key[FERRY_IDENT_MAX + 1] = '\0';
    expect(FERRY_E_ARG, DO(f, value_put, "", "v", 1));
    expect(FERRY_E_ARG, DO(f, value_put, long_key, "v", 1));
    expect(FERRY_E_ARG, DO(f, value_put, "k", bytes, sizeof(bytes)));
    expect(FERRY_E_NOT_FOUND, SEE(f, value_get, long_key, out, sizeof(out), &len));
    ok(DO(f, value_put, long_key + 1, "four", 4));
    expect(FERRY_E_LIMIT, SEE(f, value_get, long_key + 1, out, 3, &len));
    assert_int_equal(len, 7);
    assert_string_equal(out, "abc");
}

/* --- products ---------------------------------------------------------------------------------- */

static void product_is_added_once(void **state)
{
    struct fixture *f = *state;
    const struct product p = {.name = "p", .created_ms = INT64_MAX};
    struct product got = {.created_ms = 5};

    expect(FERRY_E_NOT_FOUND, SEE(f, product_get, "p", &got));
    assert_int_equal(got.created_ms, 5);
    ok(DO(f, product_add, &p));
    expect(FERRY_E_EXISTS, DO(f, product_add, &p));
    ok(SEE(f, product_get, "p", &got));
    assert_string_equal(got.name, "p");
    assert_int_equal(got.created_ms, INT64_MAX);
    expect(FERRY_E_NOT_FOUND, SEE(f, product_get, "P", &got));
    expect(FERRY_E_ARG, DO(f, product_add, &(struct product){.name = "x", .created_ms = (uint64_t)INT64_MAX + 1}));
    ok(DO(f, product_remove, "p"));
    expect(FERRY_E_NOT_FOUND, DO(f, product_remove, "p"));
}

/* Something of each kind that holds a product, and how it goes away. */
static void product_in_use_cannot_be_removed(void **state)
{
    struct fixture *f = *state;
    struct upload_task upload = upload_of(1, "p", "gone", "a");
    struct download_task download = download_of(2, 1, 1, "p", "gone");
    struct deployment deployment = deployment_of(1, "p", 1);
    size_t removed;

    add_product(f, "p");
    add_product(f, "o"); /* neighbours in every order do not count */
    add_product(f, "q");
    add_device(f, "o", "d");
    add_device(f, "q", "d");
    ok(DO(f, upload_put, &upload));
    expect(FERRY_E_STATE, DO(f, product_remove, "p"));
    ok(DO(f, upload_remove, &upload.id));
    add_device(f, "p", "d");
    expect(FERRY_E_STATE, DO(f, product_remove, "p"));
    ok(DO(f, device_remove, &(struct device_key){"p", "d"}));
    add_deployment(f, 1);
    expect(FERRY_E_STATE, DO(f, product_remove, "p"));
    download.state = DOWNLOAD_DONE;
    download.ended_ms = 1;
    ok(DO(f, download_put, &download));
    deployment.state = DEPLOYMENT_FINISHED;
    ok(DO(f, deployment_put, &deployment));
    ok(DO(f, download_prune, 1000, 10, &removed));
    expect(FERRY_E_STATE, DO(f, product_remove, "p")); /* the resource */
    ok(DO(f, resource_remove, &deployment.resource));
    ok(DO(f, product_remove, "p"));
}

/* Pages through all products and checks names and order. */
static void check_product_pages(struct fixture *f, unsigned total, uint32_t limit, bool descending)
{
    struct product out[FERRY_PAGE_MAX];
    char after[FERRY_IDENT_MAX + 1] = "", want[16];
    unsigned seen = 0;

    for (;;) {
        size_t count = 99;

        ok(SEE(f, product_list, PAGE_AT(after, limit, descending), out, &count));
        for (size_t i = 0; i < count; i++, seen++) {
            (void)snprintf(want, sizeof(want), "prod-%03u", descending ? total - 1 - seen : seen);
            assert_string_equal(out[i].name, want);
        }
        if (count < limit)
            break;
        (void)snprintf(after, sizeof(after), "%s", out[count - 1].name);
    }
    assert_int_equal(seen, total);
}

static void products_are_paged_by_name_both_ways(void **state)
{
    struct fixture *f = *state;
    struct product out[1];
    size_t count = 9;
    char name[16];

    ok(SEE(f, product_list, PAGE(1), out, &count));
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < 30; i++) {
        (void)snprintf(name, sizeof(name), "prod-%03u", (i * 7) % 30);
        add_product(f, name);
    }
    for (int descending = 0; descending <= 1; descending++) {
        check_product_pages(f, 30, 1, descending != 0);
        check_product_pages(f, 30, 7, descending != 0);
        check_product_pages(f, 30, 10, descending != 0);
        check_product_pages(f, 30, FERRY_PAGE_MAX, descending != 0);
    }
    ok(SEE(f, product_list, PAGE_AT("prod-0105", 1, false), out, &count)); /* a cursor that is no row */
    assert_string_equal(out[0].name, "prod-011");
    ok(SEE(f, product_list, PAGE_AT("prod-0105", 1, true), out, &count));
    assert_string_equal(out[0].name, "prod-010");
}

static void page_limits_are_checked(void **state)
{
    struct fixture *f = *state;
    struct product out[1];
    struct device device[1];
    char cursor[FERRY_IDENT_MAX + 2];
    size_t count = 9;

    memset(cursor, 'c', sizeof(cursor));
    cursor[FERRY_IDENT_MAX + 1] = '\0';
    expect(FERRY_E_ARG, SEE(f, product_list, PAGE(0), out, &count));
    expect(FERRY_E_ARG, SEE(f, product_list, PAGE(FERRY_PAGE_MAX + 1), out, &count));
    expect(FERRY_E_ARG, SEE(f, product_list, PAGE_AT(cursor, 1, false), out, &count));
    expect(FERRY_E_ARG, SEE(f, device_list, &(struct device_filter){.product = NULL}, PAGE(1), device, &count));
    expect(FERRY_E_ARG, SEE(f, device_list, &(struct device_filter){.product = "p"}, PAGE(0), device, &count));
    expect(FERRY_E_ARG, SEE(f, device_list, &(struct device_filter){.product = "p", .name_prefix = cursor}, PAGE(1),
                            device, &count));
    assert_int_equal(count, 9);
}

/* --- devices ----------------------------------------------------------------------------------- */

static void assert_sealed_equal(const struct sealed *a, const struct sealed *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

static void assert_device_equal(const struct device *a, const struct device *b)
{
    assert_string_equal(a->key.product, b->key.product);
    assert_string_equal(a->key.device, b->key.device);
    assert_sealed_equal(&a->secret, &b->secret);
    assert_sealed_equal(&a->old_secret, &b->old_secret);
    assert_int_equal(a->old_until_ms, b->old_until_ms);
    assert_int_equal(a->secret_no, b->secret_no);
    assert_int_equal(a->unheard, b->unheard);
    assert_int_equal(a->disabled, b->disabled);
    assert_int_equal(a->created_ms, b->created_ms);
}

static void device_needs_its_product_and_is_added_once(void **state)
{
    struct fixture *f = *state;
    struct device d = {.key = {"p", "d"}, .secret.len = 32, .created_ms = 77, .disabled = true, .secret_no = 1, .unheard = true}, got;

    for (unsigned i = 0; i < d.secret.len; i++)
        d.secret.bytes[i] = (uint8_t)(i * 9); /* begins with a NUL */
    expect(FERRY_E_NOT_FOUND, DO(f, device_add, &d));
    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, SEE(f, device_get, &d.key, &got));
    ok(DO(f, device_add, &d));
    expect(FERRY_E_EXISTS, DO(f, device_add, &d));
    ok(SEE(f, device_get, &d.key, &got));
    assert_device_equal(&got, &d);
    d.secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, device_add, &d));
    d.secret.len = 1;
    d.old_secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, device_add, &d));
}

static void device_names_are_texts_whatever_they_look_like(void **state)
{
    static const char *const names[] = {"007", "7", "1e3", "1000", "NULL", "null", "0x10", "-1", "a:b_c-D", "Device", "device"};
    struct fixture *f = *state;
    struct device out[FERRY_PAGE_MAX], got;
    size_t count;

    add_product(f, "007");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        add_device(f, "007", names[i]);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct device_key key = key_of("007", names[i]);

        ok(SEE(f, device_get, &key, &got));
        assert_string_equal(got.key.product, "007");
        assert_string_equal(got.key.device, names[i]);
    }
    expect(FERRY_E_NOT_FOUND, SEE(f, device_get, &(struct device_key){"7", "007"}, &got));
    expect(FERRY_E_NOT_FOUND, SEE(f, device_get, &(struct device_key){"007", "07"}, &got));
    ok(SEE(f, device_list, &(struct device_filter){.product = "007"}, PAGE(FERRY_PAGE_MAX), out, &count));
    assert_int_equal(count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(out[i - 1].key.device, out[i].key.device) < 0);
}

static void longest_names_and_secrets_fit(void **state)
{
    struct fixture *f = *state;
    struct device d = {.secret.len = SEALED_MAX, .old_secret.len = SEALED_MAX, .created_ms = 1}, got;
    char joined[2 * FERRY_IDENT_MAX + 1];
    size_t count;

    memset(d.key.product, 'P', FERRY_IDENT_MAX);
    memset(d.key.device, 'D', FERRY_IDENT_MAX);
    memset(d.secret.bytes, 0xfe, sizeof(d.secret.bytes));
    memset(d.old_secret.bytes, 0xfd, sizeof(d.old_secret.bytes));
    d.old_until_ms = INT64_MAX;
    d.secret_no = UINT32_MAX;
    add_product(f, d.key.product);
    ok(DO(f, device_add, &d));
    ok(SEE(f, device_get, &d.key, &got));
    assert_device_equal(&got, &d);
    (void)snprintf(joined, sizeof(joined), "%s%s", d.key.product, d.key.device);
    ok(SEE(f, device_find_joined, joined, &got, 1, &count));
    assert_int_equal(count, 1);
    assert_device_equal(&got, &d);
    (void)memset(&d.key.device, 0, sizeof(d.key.device));
    memset(d.key.device, 'E', FERRY_IDENT_MAX);
    d.secret.len = d.old_secret.len = 0;
    ok(DO(f, device_add, &d));
    ok(SEE(f, device_get, &d.key, &got));
    assert_device_equal(&got, &d);
}

static void joined_name_finds_every_device_that_reads_so(void **state)
{
    struct fixture *f = *state;
    struct device out[3];
    size_t count = 9;

    add_product(f, "ab");
    add_product(f, "a");
    add_product(f, "abc");
    add_device(f, "ab", "cd");
    add_device(f, "a", "bcd");
    add_device(f, "abc", "d");
    add_device(f, "abc", "de");
    ok(SEE(f, device_find_joined, "abcd", out, 3, &count));
    assert_int_equal(count, 3);
    assert_string_equal(out[0].key.product, "a");
    assert_string_equal(out[1].key.product, "ab");
    assert_string_equal(out[2].key.product, "abc");
    ok(SEE(f, device_find_joined, "abcd", out, 2, &count));
    assert_int_equal(count, 2);
    ok(SEE(f, device_find_joined, "abcde", out, 3, &count));
    assert_int_equal(count, 1);
    ok(SEE(f, device_find_joined, "abc", out, 3, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, device_find_joined, "", out, 3, &count));
    assert_int_equal(count, 0);
    ok(DO(f, device_remove, &(struct device_key){"ab", "cd"}));
    ok(SEE(f, device_find_joined, "abcd", out, 3, &count));
    assert_int_equal(count, 2);
}

static void device_is_disabled_and_removed_without_its_tasks(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct upload_task t = upload_of(1, "p", "d", "a");
    struct device got;
    size_t count;

    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, device_set_disabled, &key, true));
    expect(FERRY_E_NOT_FOUND, DO(f, device_remove, &key));
    add_device(f, "p", "d");
    ok(DO(f, upload_put, &t));
    ok(DO(f, device_set_disabled, &key, true));
    ok(SEE(f, device_get, &key, &got));
    assert_true(got.disabled);
    assert_int_equal(got.secret.len, 3);
    ok(DO(f, device_set_disabled, &key, false));
    ok(SEE(f, device_get, &key, &got));
    assert_false(got.disabled);
    ok(DO(f, device_remove, &key));
    expect(FERRY_E_NOT_FOUND, SEE(f, device_get, &key, &got));
    ok(SEE(f, upload_open, &key, &t, 1, &count));
    assert_int_equal(count, 1);
}

static void secrets_of_a_device_are_replaced_together(void **state)
{
    struct fixture *f = *state;
    struct device d = {.key = {"p", "d"}, .secret = {3, {7, 8, 9}}, .old_secret = {2, {5, 6}}, .old_until_ms = 99,
                       .secret_no = 2, .unheard = true}, got;

    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, device_set_secrets, &d));
    add_device(f, "p", "d");
    ok(DO(f, device_set_disabled, &d.key, true));
    ok(SEE(f, device_get, &d.key, &got));
    d.created_ms = got.created_ms;
    d.disabled = true; /* stays */
    ok(DO(f, device_set_secrets, &d));
    ok(SEE(f, device_get, &d.key, &got));
    assert_device_equal(&got, &d);
    d.secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, device_set_secrets, &d));
    d.secret.len = 0;
    d.old_secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, device_set_secrets, &d));
    d.old_secret.len = 0;
    d.old_until_ms = 0;
    d.unheard = false;
    ok(DO(f, device_set_secrets, &d));
    ok(SEE(f, device_get, &d.key, &got));
    assert_device_equal(&got, &d);
}

static void old_secrets_are_found_when_their_time_is_over(void **state)
{
    static const struct {
        const char *name;
        uint64_t until_ms;
    } devices[] = {{"a", 30}, {"b", 0}, {"c", 10}, {"d", 20}, {"e", INT64_MAX}};
    struct fixture *f = *state;
    struct device got[4];
    uint64_t ms;
    size_t count;

    add_product(f, "p");
    ok(SEE(f, next_due_ms, &ms));
    assert_true(ms == UINT64_MAX);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        struct device d = {.secret = {1, {7}}, .old_secret = {1, {5}}, .old_until_ms = devices[i].until_ms};

        assert_true(device_key_make("p", devices[i].name, &d.key));
        add_device(f, "p", devices[i].name);
        ok(DO(f, device_set_secrets, &d));
    }
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 10);
    ok(SEE(f, device_old_secrets, 9, got, 4, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, device_old_secrets, 30, got, 4, &count));
    assert_int_equal(count, 3);
    assert_string_equal(got[0].key.device, "c");
    assert_string_equal(got[1].key.device, "d");
    assert_string_equal(got[2].key.device, "a");
    assert_int_equal(got[0].old_secret.len, 1);
    ok(SEE(f, device_old_secrets, UINT64_MAX, got, 2, &count));
    assert_int_equal(count, 2);
    got[0].old_until_ms = 0;
    ok(DO(f, device_set_secrets, &got[0]));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 20);
    ok(DO(f, device_remove, &got[1].key));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 30);
}

static void secret_of_a_product_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct product p = {.name = "p", .created_ms = 4, .secret = {2, {1, 2}}}, got, listed;
    struct sealed secret = {.len = SEALED_MAX};
    size_t count;

    expect(FERRY_E_NOT_FOUND, DO(f, product_set_secret, "p", &secret));
    ok(DO(f, product_add, &p));
    ok(SEE(f, product_get, "p", &got));
    assert_sealed_equal(&got.secret, &p.secret);
    memset(secret.bytes, 0xee, sizeof(secret.bytes));
    ok(DO(f, product_set_secret, "p", &secret));
    ok(SEE(f, product_get, "p", &got));
    assert_sealed_equal(&got.secret, &secret);
    assert_int_equal(got.created_ms, 4);
    ok(SEE(f, product_list, PAGE(1), &listed, &count));
    assert_sealed_equal(&listed.secret, &secret);
    secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, product_set_secret, "p", &secret));
    secret.len = 0;
    ok(DO(f, product_set_secret, "p", &secret));
    ok(SEE(f, product_get, "p", &got));
    assert_int_equal(got.secret.len, 0);
}

static void devices_are_listed_by_name_within_their_product(void **state)
{
    struct fixture *f = *state;
    const struct device_filter all = {.product = "p"}, some = {.product = "p", .name_prefix = "dev-1"};
    struct device out[FERRY_PAGE_MAX];
    size_t count;
    char name[16];

    add_product(f, "o");
    add_product(f, "p");
    add_product(f, "q");
    add_device(f, "o", "dev-11");
    add_device(f, "q", "dev-12");
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "dev-%02u", (i * 7) % 20);
        add_device(f, "p", name);
    }
    ok(SEE(f, device_list, &all, PAGE(FERRY_PAGE_MAX), out, &count));
    assert_int_equal(count, 20);
    ok(SEE(f, device_list, &all, PAGE_AT("dev-04", 3, false), out, &count));
    assert_int_equal(count, 3);
    assert_string_equal(out[0].key.device, "dev-05");
    assert_string_equal(out[2].key.device, "dev-07");
    ok(SEE(f, device_list, &all, PAGE_AT("dev-04", 10, true), out, &count));
    assert_int_equal(count, 4);
    assert_string_equal(out[0].key.device, "dev-03");
    ok(SEE(f, device_list, &some, PAGE(FERRY_PAGE_MAX), out, &count));
    assert_int_equal(count, 10);
    assert_string_equal(out[0].key.device, "dev-10");
    ok(SEE(f, device_list, &some, PAGE_AT("dev-15", 10, false), out, &count));
    assert_int_equal(count, 4);
    assert_string_equal(out[0].key.device, "dev-16");
    ok(SEE(f, device_list, &some, PAGE_AT("", 10, true), out, &count));
    assert_int_equal(count, 10);
    assert_string_equal(out[0].key.device, "dev-19");
    ok(SEE(f, device_list, &some, PAGE_AT("dev-12", 10, true), out, &count));
    assert_int_equal(count, 2);
    assert_string_equal(out[1].key.device, "dev-10");
    ok(SEE(f, device_list, &(struct device_filter){.product = "r"}, PAGE(10), out, &count));
    assert_int_equal(count, 0);
}

/* --- tokens ------------------------------------------------------------------------------------ */

static void tokens_are_found_by_hash_and_replaced_by_name(void **state)
{
    struct fixture *f = *state;
    struct token t = {.name = "admin", .role = "admin", .hash = {0, 1, 2}, .created_ms = 5, .expires_ms = 0}, got;
    const struct token other = {.name = "ops", .role = "operator", .hash = {0, 1, 3}, .created_ms = 6, .expires_ms = 7};
    const struct token first = t;

    expect(FERRY_E_NOT_FOUND, SEE(f, token_find, t.hash, &got));
    ok(DO(f, token_put, &t));
    ok(DO(f, token_put, &other));
    ok(SEE(f, token_find, other.hash, &got));
    assert_string_equal(got.name, "ops");
    assert_string_equal(got.role, "operator");
    assert_memory_equal(got.hash, other.hash, sizeof(got.hash));
    assert_int_equal(got.created_ms, 6);
    assert_int_equal(got.expires_ms, 7);
    t.hash[31] = 255;
    t.expires_ms = 99;
    ok(DO(f, token_put, &t));
    expect(FERRY_E_NOT_FOUND, SEE(f, token_find, first.hash, &got));
    ok(SEE(f, token_find, t.hash, &got));
    assert_string_equal(got.name, "admin");
    assert_int_equal(got.expires_ms, 99);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(values_are_kept_and_replaced),
    cmocka_unit_test(values_out_of_range_are_refused),
    cmocka_unit_test(product_is_added_once),
    cmocka_unit_test(product_in_use_cannot_be_removed),
    cmocka_unit_test(products_are_paged_by_name_both_ways),
    cmocka_unit_test(page_limits_are_checked),
    cmocka_unit_test(device_needs_its_product_and_is_added_once),
    cmocka_unit_test(device_names_are_texts_whatever_they_look_like),
    cmocka_unit_test(longest_names_and_secrets_fit),
    cmocka_unit_test(joined_name_finds_every_device_that_reads_so),
    cmocka_unit_test(device_is_disabled_and_removed_without_its_tasks),
    cmocka_unit_test(secrets_of_a_device_are_replaced_together),
    cmocka_unit_test(old_secrets_are_found_when_their_time_is_over),
    cmocka_unit_test(secret_of_a_product_is_replaced),
    cmocka_unit_test(devices_are_listed_by_name_within_their_product),
    cmocka_unit_test(tokens_are_found_by_hash_and_replaced_by_name),
};
const struct store_tests store_account_tests = STORE_TESTS(tests);
