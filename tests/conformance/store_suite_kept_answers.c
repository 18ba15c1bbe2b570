/* Answers that are given again: found by key, replaced, and removed from the oldest on. */
#include "store_suite_internal.h"

#include <string.h>

static struct kept_answer answer_of(uint8_t n, uint64_t made_ms)
{
    struct kept_answer a = {.made_ms = made_ms, .status = 201, .location = "/api/v1/devices/p/d", .body = "{\"name\":\"caf\xc3\xa9\"}",
                            .secret_name = "secret", .secret = {{.len = SEALED_MAX}, {.len = 1}}};

    memset(a.key, n, sizeof(a.key));
    memset(a.request, n + 100, sizeof(a.request));
    memset(a.secret[0].bytes, n, SEALED_MAX);
    a.secret[1].bytes[0] = n;
    return a;
}

static void put(struct fixture *f, uint8_t n, uint64_t made_ms)
{
    const struct kept_answer a = answer_of(n, made_ms);

    ok(DO(f, kept_answer_put, &a));
}

static bool has(struct fixture *f, uint8_t n)
{
    const struct kept_answer a = answer_of(n, 0);
    struct kept_answer got;
    ferry_err err = SEE(f, kept_answer_get, a.key, &got);

    if (err != FERRY_E_NOT_FOUND)
        ok(err);
    return err == FERRY_OK;
}

static void kept_answer_has_every_field(void **state)
{
    struct fixture *f = *state;
    struct kept_answer a = answer_of(7, 12), got;

    assert_false(has(f, 7));
    ok(DO(f, kept_answer_put, &a));
    ok(SEE(f, kept_answer_get, a.key, &got));
    assert_memory_equal(got.key, a.key, sizeof(a.key));
    assert_memory_equal(got.request, a.request, sizeof(a.request));
    assert_int_equal(got.made_ms, 12);
    assert_int_equal(got.status, 201);
    assert_string_equal(got.location, a.location);
    assert_string_equal(got.body, a.body);
    assert_string_equal(got.secret_name, "secret");
    for (size_t i = 0; i < KEPT_SECRET_PARTS; i++) {
        assert_int_equal(got.secret[i].len, a.secret[i].len);
        assert_memory_equal(got.secret[i].bytes, a.secret[i].bytes, a.secret[i].len);
    }
    a.secret[1].len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, kept_answer_put, &a));
    expect(FERRY_E_READONLY, SEE(f, kept_answer_put, &got));
}

static void kept_answer_holds_a_long_body(void **state)
{
    struct fixture *f = *state;
    struct kept_answer a = answer_of(1, 1), got;

    memset(a.body, 'x', sizeof(a.body) - 1);
    ok(DO(f, kept_answer_put, &a));
    ok(SEE(f, kept_answer_get, a.key, &got));
    assert_string_equal(got.body, a.body);
}

static void kept_answer_goes_with_its_transaction(void **state)
{
    struct fixture *f = *state;

    ok(DO(f, begin));
    put(f, 1, 1);
    ok(DO(f, savepoint));
    put(f, 2, 1);
    ok(DO(f, rewind));
    ok(DO(f, commit));
    assert_true(has(f, 1));
    assert_false(has(f, 2));
}

static void oldest_answers_are_removed_first(void **state)
{
    struct fixture *f = *state;
    size_t removed = 9;

    ok(DO(f, kept_answer_prune, UINT64_MAX, 0, 10, &removed));
    assert_int_equal(removed, 0);
    for (uint8_t n = 1; n <= 6; n++)
        put(f, n, n * 10u);
    ok(DO(f, kept_answer_prune, 30, 100, 10, &removed));
    assert_int_equal(removed, 2);
    assert_false(has(f, 2));
    assert_true(has(f, 3));
    ok(DO(f, kept_answer_prune, 0, 2, 1, &removed));
    assert_int_equal(removed, 1);
    assert_true(has(f, 4));
    ok(DO(f, kept_answer_prune, 0, 2, 10, &removed));
    assert_int_equal(removed, 1);
    assert_false(has(f, 4));
    put(f, 5, 99); /* it is the newest now */
    ok(DO(f, kept_answer_prune, 61, 100, 10, &removed));
    assert_int_equal(removed, 1);
    assert_true(has(f, 5));
    assert_false(has(f, 6));
    expect(FERRY_E_ARG, DO(f, kept_answer_prune, 0, 0, 0, &removed));
    expect(FERRY_E_ARG, DO(f, kept_answer_prune, 0, 0, FERRY_PAGE_MAX + 1, &removed));
    ok(DO(f, kept_answer_prune, UINT64_MAX, UINT64_MAX, 10, &removed));
    assert_int_equal(removed, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(kept_answer_has_every_field),
    cmocka_unit_test(kept_answer_holds_a_long_body),
    cmocka_unit_test(kept_answer_goes_with_its_transaction),
    cmocka_unit_test(oldest_answers_are_removed_first),
};
const struct store_tests store_kept_answer_tests = STORE_TESTS(tests);
