#include "base/histogram.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { THREADS = 4, EACH = 10000 };

static const uint64_t bounds[] = {10, 20, 50};

static void values_lie_below_the_bounds_that_they_reach(void **state)
{
    static const uint64_t values[] = {0, 10, 11, 20, 21, 50, 51, 1000000};
    struct ferry_histogram h;
    struct ferry_histogram_view view;
    (void)state;
    ferry_histogram_init(&h, bounds, 3);
    ferry_histogram_view(&h, &view);
    assert_true(view.count == 0 && view.sum == 0 && view.at_most[2] == 0);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ferry_histogram_add(&h, values[i]);
    ferry_histogram_view(&h, &view);
    assert_int_equal(view.bound_count, 3);
    assert_int_equal(view.at_most[0], 2);
    assert_int_equal(view.at_most[1], 4);
    assert_int_equal(view.at_most[2], 6);
    assert_int_equal(view.count, 8);
    assert_int_equal(view.sum, 1000163);
}

static void *add_many(void *arg)
{
    for (unsigned i = 0; i < EACH; i++)
        ferry_histogram_add(arg, i % 60);
    return NULL;
}

static void no_value_of_many_threads_is_lost(void **state)
{
    struct ferry_histogram h;
    struct ferry_histogram_view view;
    pthread_t threads[THREADS];
    (void)state;
    ferry_histogram_init(&h, bounds, 3);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &h), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    ferry_histogram_view(&h, &view);
    assert_int_equal(view.count, THREADS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_lie_below_the_bounds_that_they_reach),
        cmocka_unit_test(no_value_of_many_threads_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
