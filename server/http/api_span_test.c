#include "api_span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HOURS(n) ((n) * STATISTICS_HOUR_MS)
#define DAYS(n) HOURS((n) * 24)
enum { NOW_DAY = 20000, NOW_HOUR = NOW_DAY * 24 + 5 };

static const uint64_t now_ms = HOURS(NOW_HOUR) + 7;

static void span_is_of_whole_hours_or_days(void **state)
{
    static const struct {
        struct api_query query;
        uint64_t first_hour;
        uint32_t hours_each, count;
    } rows[] = {
        {{.days = false}, NOW_HOUR - 23, 1, 24},
        {{.days = true}, (NOW_DAY - 29) * 24, 24, 30},
        {{.made = {.since_ms = HOURS(NOW_HOUR - 2) + 9}}, NOW_HOUR - 2, 1, 3},
        {{.made = {.until_ms = HOURS(NOW_HOUR - 2)}}, NOW_HOUR - 26, 1, 24},
        {{.made = {.until_ms = HOURS(NOW_HOUR - 2) + 1}}, NOW_HOUR - 25, 1, 24},
        {{.made = {.since_ms = HOURS(NOW_HOUR - 1), .until_ms = HOURS(NOW_HOUR + 90)}}, NOW_HOUR - 1, 1, 2}, /* up to now */
        {{.made = {.since_ms = HOURS(100), .until_ms = HOURS(101)}}, 100, 1, 1},
        {{.made = {.since_ms = HOURS(100), .until_ms = HOURS(100) + 1}}, 100, 1, 1},
        {{.days = true, .made = {.since_ms = HOURS(49), .until_ms = HOURS(73)}}, 48, 24, 2},
        {{.made = {.since_ms = 5, .until_ms = HOURS(3)}}, 1, 1, 2},
        {{.made = {.until_ms = HOURS(3)}}, 1, 1, 2},
        {{.made = {.since_ms = HOURS(1), .until_ms = HOURS(1 + API_SPAN_MAX)}}, 1, 1, API_SPAN_MAX},
        {{.days = true, .made = {.since_ms = DAYS(1), .until_ms = DAYS(1 + API_SPAN_MAX)}}, 24, 24, API_SPAN_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct statistics_span span = {0};
        struct api_fault fault;

        assert_true(api_span_of(&rows[i].query, now_ms, 1, &span, &fault));
        assert_int_equal(span.first_hour, rows[i].first_hour);
        assert_int_equal(span.hours_each, rows[i].hours_each);
        assert_int_equal(span.count, rows[i].count);
    }
}

static void what_is_empty_or_too_long_is_refused(void **state)
{
    static const struct {
        struct api_query query;
        size_t products;
    } rows[] = {
        {{.made = {.since_ms = HOURS(100), .until_ms = HOURS(100)}}, 1},
        {{.made = {.since_ms = HOURS(NOW_HOUR + 1)}}, 1},
        {{.made = {.until_ms = 1}}, 1},
        {{.made = {.since_ms = 1, .until_ms = 2}}, 1},
        {{.made = {.since_ms = HOURS(1), .until_ms = HOURS(2 + API_SPAN_MAX)}}, 1},
        {{.days = true, .made = {.since_ms = DAYS(1), .until_ms = DAYS(2 + API_SPAN_MAX)}}, 1},
        {{.made = {.since_ms = 1000, .until_ms = UINT64_C(253402300799000)}}, 1},
        {{.days = true}, 1 + API_SPAN_HOURS_MAX / (24 * API_SPAN_DEFAULT_DAYS)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct statistics_span span;
        struct api_fault fault;

        assert_false(api_span_of(&rows[i].query, now_ms, rows[i].products, &span, &fault));
        assert_int_equal(fault.problem, API_INVALID_PARAMETER);
        assert_string_equal(fault.field, "since");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(span_is_of_whole_hours_or_days),
        cmocka_unit_test(what_is_empty_or_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
