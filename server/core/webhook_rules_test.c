#include "core/webhook_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct webhook_limits limits = {.retry_first_s = 4, .retry_max_s = 60, .failures_max = 5, .park_after_s = 1000};

static void urls_are_http_with_a_host_and_nothing_secret(void **state)
{
    static const struct {
        const char *url;
        bool valid;
    } rows[] = {
        {"http://a", true},
        {"https://hooks.example", true},
        {"https://hooks.example:8443/ferry?x=1&y=%20", true},
        {"http://127.0.0.1:9/", true},
        {"http://[::1]:8080/x", true},
        {"http://[fe80::1]", true},
        {"http://host_1.lab?x", true},
        {"", false},
        {"http://", false},
        {"http:///x", false},
        {"HTTP://a", false},
        {"ftp://a", false},
        {"file:///etc/passwd", false},
        {"http://user:password@a", false},
        {"http://a@b", false},
        {"http://a:0", false},
        {"http://a:65536", false},
        {"http://a:", false},
        {"http://a:80x", false},
        {"http://[::1", false},
        {"http://[]:80", false},
        {"http://[::1]x", false},
        {"http://a#part", false},
        {"http://a b", false},
        {"http://a/\n", false},
        {"http://a/\x7f", false},
        {"http://caf\xc3\xa9", false},
        {"https://a/{x}", false},
    };
    char longest[WEBHOOK_URL_MAX + 2] = "http://a/";

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (webhook_url_valid(rows[i].url) != rows[i].valid)
            fail_msg("%s", rows[i].url);
    }
    memset(longest + strlen(longest), 'x', WEBHOOK_URL_MAX - strlen(longest));
    assert_true(webhook_url_valid(longest));
    longest[WEBHOOK_URL_MAX] = 'x';
    assert_false(webhook_url_valid(longest));
}

static void secrets_are_neither_short_nor_long(void **state)
{
    char text[DEVICE_SECRET_MAX + 2] = "";

    (void)state;
    memset(text, 'k', WEBHOOK_SECRET_MIN - 1);
    assert_false(webhook_secret_valid(text));
    text[WEBHOOK_SECRET_MIN - 1] = 'k';
    assert_true(webhook_secret_valid(text));
    text[0] = ' ';
    assert_false(webhook_secret_valid(text));
    memset(text, '~', DEVICE_SECRET_MAX);
    assert_true(webhook_secret_valid(text));
    text[DEVICE_SECRET_MAX] = '~';
    assert_false(webhook_secret_valid(text));
}

static void filter_takes_what_fits_all_its_words(void **state)
{
    static const struct event event = {.kind = EVENT_UPLOAD, .product = "p", .device = "d"};
    static const struct {
        struct webhook_filter filter;
        bool wants;
    } rows[] = {
        {{0, "", ""}, true},
        {{WEBHOOK_KIND(EVENT_UPLOAD), "", ""}, true},
        {{WEBHOOK_KIND(EVENT_UPLOAD) | WEBHOOK_KIND(EVENT_DEVICE), "p", "d"}, true},
        {{WEBHOOK_KIND(EVENT_DOWNLOAD), "", ""}, false},
        {{0, "p", ""}, true},
        {{0, "pp", ""}, false},
        {{0, "p", "e"}, false},
        {{0, "", "d"}, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (webhook_wants(&rows[i].filter, &event) != rows[i].wants)
            fail_msg("row %zu", i);
    }
}

static void pauses_double_up_to_the_greatest_and_vary(void **state)
{
    static const struct {
        uint32_t failures;
        uint64_t least_ms, most_ms;
    } rows[] = {
        {1, 2000, 4000}, {2, 4000, 8000}, {3, 8000, 16000}, {4, 16000, 32000}, {5, 30000, 60000}, {4000000000u, 30000, 60000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(webhook_pause_ms(&limits, rows[i].failures, 0), rows[i].least_ms);
        assert_int_equal(webhook_pause_ms(&limits, rows[i].failures, (uint32_t)(rows[i].most_ms - rows[i].least_ms)),
                         rows[i].most_ms);
        assert_in_range(webhook_pause_ms(&limits, rows[i].failures, UINT32_MAX), rows[i].least_ms, rows[i].most_ms);
    }
}

static struct webhook failing(uint32_t failures, uint64_t since_ms)
{
    return (struct webhook){.state = WEBHOOK_ACTIVE,
                            .progress = {.last_event = 7, .failures = failures, .failing_ms = since_ms, .last_success_ms = 3}};
}

static void answers_decide_what_follows(void **state)
{
    static const struct {
        uint32_t failures_before;
        uint64_t since_ms;
        struct webhook_outcome outcome;
        webhook_verdict verdict;
        uint64_t last_event;
        uint32_t failures;
        const char *error;
    } rows[] = {
        {0, 0, {8, 200, NULL, 0}, WEBHOOK_DELIVERED, 8, 0, ""},
        {0, 0, {8, 204, "", 0}, WEBHOOK_DELIVERED, 8, 0, ""},
        {3, 50000, {8, 299, NULL, 0}, WEBHOOK_RECOVERED, 8, 0, ""},
        {0, 0, {8, 199, NULL, 0}, WEBHOOK_FAILED, 7, 1, "the receiver answered 199"},
        {0, 0, {8, 302, NULL, 0}, WEBHOOK_FAILED, 7, 1, "the receiver answered 302"},
        {0, 0, {8, 404, NULL, 0}, WEBHOOK_FAILED, 7, 1, "the receiver answered 404"},
        {1, 50000, {8, 500, NULL, 0}, WEBHOOK_FAILED, 7, 2, "the receiver answered 500"},
        {0, 0, {8, 0, "timed\nout", 0}, WEBHOOK_FAILED, 7, 1, "timed?out"},
        {0, 0, {8, 200, "broke off", 0}, WEBHOOK_FAILED, 7, 1, "broke off"}, /* no whole answer */
        {0, 0, {8, 410, NULL, 0}, WEBHOOK_GIVEN_UP, 7, 1, "the receiver answered 410"},
        {4, 50000, {8, 500, NULL, 0}, WEBHOOK_GIVEN_UP, 7, 5, "the receiver answered 500"},
        {1, 100, {8, 0, "refused", 0}, WEBHOOK_GIVEN_UP, 7, 2, "refused"}, /* for too long */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct webhook w = failing(rows[i].failures_before, rows[i].since_ms);
        webhook_verdict verdict = webhook_judge(&w, &rows[i].outcome, &limits, 1000100, 0);
        if (verdict != rows[i].verdict || w.progress.last_event != rows[i].last_event ||
            w.progress.failures != rows[i].failures || strcmp(w.progress.last_error, rows[i].error) != 0)
            fail_msg("row %zu: %d, event %llu, %u failures, \"%s\"", i, (int)verdict,
                     (unsigned long long)w.progress.last_event, w.progress.failures, w.progress.last_error);
        assert_int_equal(w.progress.last_status, rows[i].outcome.status);
        assert_int_equal(w.state, verdict == WEBHOOK_GIVEN_UP ? WEBHOOK_PARKED : WEBHOOK_ACTIVE);
        assert_int_equal(w.progress.last_success_ms, verdict <= WEBHOOK_RECOVERED ? 1000100 : 3);
        assert_int_equal(w.progress.next_attempt_ms,
                         verdict == WEBHOOK_FAILED ? 1000100 + webhook_pause_ms(&limits, rows[i].failures, 0) : 0);
    }
}

static void a_receiver_that_is_busy_says_when_it_will_have_time(void **state)
{
    static const struct {
        uint32_t status;
        uint64_t after_s, pause_ms;
    } rows[] = {
        {503, 30, 30000}, {429, 30, 30000}, {429, 1, 4000}, {503, UINT64_MAX, 60000}, {503, 0, 2000}, {500, 30, 2000}, {404, 30, 2000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct webhook w = failing(0, 0);
        struct webhook_outcome o = {.event = 8, .status = rows[i].status, .retry_after_s = rows[i].after_s};
        assert_int_equal(webhook_judge(&w, &o, &limits, 1000100, 0), WEBHOOK_FAILED);
        assert_int_equal(w.progress.next_attempt_ms, 1000100 + rows[i].pause_ms);
    }
}

static void nothing_is_due_before_its_time_or_when_parked(void **state)
{
    struct webhook w = {.state = WEBHOOK_ACTIVE, .progress = {.next_attempt_ms = 100}};

    (void)state;
    assert_false(webhook_is_due(&w, 99));
    assert_true(webhook_is_due(&w, 100));
    w.state = WEBHOOK_PARKED;
    assert_false(webhook_is_due(&w, 100));
    w.progress.failures = 9;
    w.progress.failing_ms = 8;
    webhook_begin(&w);
    assert_true(webhook_is_due(&w, 0));
    assert_int_equal(w.progress.failures, 0);
    assert_int_equal(w.progress.failing_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_http_with_a_host_and_nothing_secret),
        cmocka_unit_test(secrets_are_neither_short_nor_long),
        cmocka_unit_test(filter_takes_what_fits_all_its_words),
        cmocka_unit_test(pauses_double_up_to_the_greatest_and_vary),
        cmocka_unit_test(answers_decide_what_follows),
        cmocka_unit_test(a_receiver_that_is_busy_says_when_it_will_have_time),
        cmocka_unit_test(nothing_is_due_before_its_time_or_when_parked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
