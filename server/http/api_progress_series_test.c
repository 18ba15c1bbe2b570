#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api_progress_series.h"

enum { BEGIN_MS = 1000001 };

static void expect_sums(const struct progress_series *s, int64_t done, int64_t failed)
{
    for (size_t i = 0; i < PROGRESS_POINTS_MAX; i++) {
        if (i >= s->count)
            assert_true(s->points[i].done == 0 && s->points[i].failed == 0);
        done -= s->points[i].done;
        failed -= s->points[i].failed;
    }
    assert_true(done == 0 && failed == 0);
}

static void what_has_not_begun_to_end_has_no_points(void **state)
{
    struct progress_series s;

    (void)state;
    progress_series_begin(&s, BEGIN_MS, 250);
    assert_int_equal(s.count, 0);
}

static void short_deployments_have_points_of_two_seconds(void **state)
{
    static const struct deployment_step steps[] = {{1000000, 1, 0}, {1004000, 3, 1}, {1118000, 0, -1}};
    struct progress_series s;

    (void)state;
    progress_series_begin(&s, BEGIN_MS, 250);
    for (size_t i = 0; i < 3; i++)
        progress_series_add(&s, &steps[i]);
    assert_int_equal(s.count, 60);
    assert_int_equal(s.points[0].done, 1);
    assert_int_equal(s.points[2].done, 3);
    assert_int_equal(s.points[59].failed, -1);
    assert_int_equal(progress_series_end_ms(&s, 0), 1002000);
    assert_int_equal(progress_series_end_ms(&s, 59), 1120000);
    expect_sums(&s, 4, 0);
}

static void points_become_longer_as_time_goes_on(void **state)
{
    struct progress_series s;
    struct deployment_step step = {.done = 2, .failed = 1};

    (void)state;
    progress_series_begin(&s, BEGIN_MS, 250);
    for (unsigned i = 0; i < 1000; i++) {
        step.at_ms = 1000000 + i * (uint64_t)60000;
        progress_series_add(&s, &step);
        assert_in_range(s.count, i == 0 ? 1 : PROGRESS_POINTS_MAX / 2, PROGRESS_POINTS_MAX);
        expect_sums(&s, 2 * (i + 1), i + 1);
        assert_true(progress_series_end_ms(&s, s.count - 1) > step.at_ms);
    }
}

static void a_span_that_is_far_away_is_found_a_place(void **state)
{
    const struct deployment_step early = {.at_ms = 5, .done = 1}, late = {.at_ms = UINT64_MAX / 4, .failed = 1};
    struct progress_series s;

    (void)state;
    progress_series_begin(&s, BEGIN_MS, 250);
    progress_series_add(&s, &early); /* before the beginning: a full hour */
    progress_series_add(&s, &late);
    assert_int_equal(s.points[0].done, 1);
    expect_sums(&s, 1, 1);
}

static void fewer_points_hold_the_same_numbers(void **state)
{
    struct deployment_step step = {.done = 2, .failed = 1};

    (void)state;
    for (size_t max = 1; max <= 9; max++) {
        struct progress_series s;

        progress_series_begin(&s, BEGIN_MS, max);
        for (unsigned i = 0; i < 100; i++) {
            step.at_ms = 1000000 + i * (uint64_t)6000;
            progress_series_add(&s, &step);
        }
        assert_in_range(s.count, 1, max);
        expect_sums(&s, 200, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_not_begun_to_end_has_no_points),
        cmocka_unit_test(short_deployments_have_points_of_two_seconds),
        cmocka_unit_test(points_become_longer_as_time_goes_on),
        cmocka_unit_test(fewer_points_hold_the_same_numbers),
        cmocka_unit_test(a_span_that_is_far_away_is_found_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
