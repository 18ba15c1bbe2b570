/* Webhooks: every field is kept, and they are listed by id. */
#include "store_suite_internal.h"

#include <string.h>

static struct webhook webhook_of(unsigned n)
{
    return (struct webhook){
        .id = id_of(n),
        .url = "https://receiver.example:8443/hook?x=1",
        .filter = {.kinds = n, .product = "p", .device = "d"},
        .secret = {.len = 3, .bytes = {1, 2, (uint8_t)n}},
        .old_secret = {.len = 2, .bytes = {3, (uint8_t)n}},
        .old_until_ms = 90 + n,
        .state = WEBHOOK_ACTIVE,
        .revision = 10 + n,
        .created_ms = 20 + n,
        .updated_ms = 30 + n,
        .progress = {.last_event = 40 + n,
                     .failures = 50 + n,
                     .failing_ms = 60 + n,
                     .next_attempt_ms = 70 + n,
                     .last_status = 500 + n,
                     .last_error = "it's \"down\"",
                     .last_success_ms = 80 + n},
    };
}

static void assert_webhook_equal(const struct webhook *a, const struct webhook *b)
{
    assert_string_equal(a->id.text, b->id.text);
    assert_string_equal(a->url, b->url);
    assert_int_equal(a->filter.kinds, b->filter.kinds);
    assert_string_equal(a->filter.product, b->filter.product);
    assert_string_equal(a->filter.device, b->filter.device);
    assert_int_equal(a->secret.len, b->secret.len);
    assert_memory_equal(a->secret.bytes, b->secret.bytes, a->secret.len);
    assert_int_equal(a->old_secret.len, b->old_secret.len);
    assert_memory_equal(a->old_secret.bytes, b->old_secret.bytes, a->old_secret.len);
    assert_int_equal(a->old_until_ms, b->old_until_ms);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->updated_ms, b->updated_ms);
    assert_int_equal(a->progress.last_event, b->progress.last_event);
    assert_int_equal(a->progress.failures, b->progress.failures);
    assert_int_equal(a->progress.failing_ms, b->progress.failing_ms);
    assert_int_equal(a->progress.next_attempt_ms, b->progress.next_attempt_ms);
    assert_int_equal(a->progress.last_status, b->progress.last_status);
    assert_string_equal(a->progress.last_error, b->progress.last_error);
    assert_int_equal(a->progress.last_success_ms, b->progress.last_success_ms);
}

static void every_field_is_kept_and_replaced(void **state)
{
    struct fixture *f = *state;
    struct webhook put = webhook_of(3), got;

    ok(DO(f, webhook_put, &put));
    ok(SEE(f, webhook_get, &put.id, &got));
    assert_webhook_equal(&got, &put);
    put = webhook_of(5);
    put.id = got.id;
    put.state = WEBHOOK_PARKED;
    put.filter = (struct webhook_filter){.product = "", .device = ""};
    memset(put.url, 'x', WEBHOOK_URL_MAX);
    memset(put.progress.last_error, 'y', WEBHOOK_ERROR_MAX);
    put.secret.len = put.old_secret.len = SEALED_MAX;
    ok(DO(f, webhook_put, &put));
    ok(SEE(f, webhook_get, &put.id, &got));
    assert_webhook_equal(&got, &put);
}

static void what_no_webhook_can_be_is_refused(void **state)
{
    struct fixture *f = *state;
    struct webhook put = webhook_of(1), got;
    size_t count;

    expect(FERRY_E_READONLY, SEE(f, webhook_put, &put));
    put.state = (webhook_state)4;
    expect(FERRY_E_ARG, DO(f, webhook_put, &put));
    put = webhook_of(1);
    put.secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, webhook_put, &put));
    put = webhook_of(1);
    put.old_secret.len = SEALED_MAX + 1;
    expect(FERRY_E_ARG, DO(f, webhook_put, &put));
    put = webhook_of(1);
    put.old_until_ms = UINT64_MAX;
    expect(FERRY_E_ARG, DO(f, webhook_put, &put));
    put = webhook_of(1);
    put.progress.last_event = UINT64_MAX;
    expect(FERRY_E_ARG, DO(f, webhook_put, &put));
    put = webhook_of(1);
    put.id.text[0] = '\0';
    expect(FERRY_E_ARG, DO(f, webhook_put, &put));
    expect(FERRY_E_ARG, SEE(f, webhook_get, &put.id, &got));
    expect(FERRY_E_ARG, SEE(f, webhook_list, PAGE(0), &got, &count));
}

static void they_are_listed_by_id_and_removed(void **state)
{
    struct fixture *f = *state;
    struct webhook got[3];
    size_t count = 0;

    for (unsigned n = 1; n <= 3; n++) {
        struct webhook put = webhook_of(4 - n);
        ok(DO(f, webhook_put, &put));
    }
    ok(SEE(f, webhook_list, PAGE(2), got, &count));
    assert_int_equal(count, 2);
    assert_string_equal(got[0].id.text, id_of(1).text);
    ok(SEE(f, webhook_list, PAGE_AT(got[1].id.text, 3, false), got, &count));
    assert_int_equal(count, 1);
    assert_string_equal(got[0].id.text, id_of(3).text);
    ok(SEE(f, webhook_list, PAGE_AT("", 1, true), got, &count));
    assert_string_equal(got[0].id.text, id_of(3).text);
    ok(DO(f, webhook_remove, &got[0].id));
    expect(FERRY_E_NOT_FOUND, DO(f, webhook_remove, &got[0].id));
    expect(FERRY_E_NOT_FOUND, SEE(f, webhook_get, &got[0].id, &got[1]));
}

static void totals_count_those_that_are_parked(void **state)
{
    struct fixture *f = *state;
    struct webhook one = webhook_of(1), two = webhook_of(2);
    struct store_totals totals;

    two.state = WEBHOOK_PARKED;
    ok(DO(f, webhook_put, &one));
    ok(DO(f, webhook_put, &two));
    ok(SEE(f, totals, &totals));
    assert_int_equal(totals.webhooks, 2);
    assert_int_equal(totals.webhooks_parked, 1);
}

static void old_secrets_are_found_when_their_time_is_over(void **state)
{
    static const uint64_t until_ms[] = {30, 0, 10, 20};
    struct fixture *f = *state;
    struct webhook got[4];
    size_t count = 9;
    uint64_t ms = 0;

    ok(SEE(f, webhook_old_secrets, UINT64_MAX, got, 4, &count));
    assert_int_equal(count, 0);
    for (unsigned n = 0; n < 4; n++) {
        struct webhook put = webhook_of(n + 1);
        put.old_until_ms = until_ms[n];
        ok(DO(f, webhook_put, &put));
    }
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 10);
    ok(SEE(f, webhook_old_secrets, 9, got, 4, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, webhook_old_secrets, 20, got, 4, &count));
    assert_int_equal(count, 2);
    assert_string_equal(got[0].id.text, id_of(3).text);
    assert_string_equal(got[1].id.text, id_of(4).text);
    ok(SEE(f, webhook_old_secrets, UINT64_MAX, got, 1, &count));
    assert_int_equal(count, 1);
    got[0].old_until_ms = 0;
    ok(DO(f, webhook_put, &got[0]));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 20);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_field_is_kept_and_replaced),
    cmocka_unit_test(what_no_webhook_can_be_is_refused),
    cmocka_unit_test(they_are_listed_by_id_and_removed),
    cmocka_unit_test(totals_count_those_that_are_parked),
    cmocka_unit_test(old_secrets_are_found_when_their_time_is_over),
};
const struct store_tests store_webhook_tests = STORE_TESTS(tests);
