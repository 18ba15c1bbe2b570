#include "timekeeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define WALL 1700000000000u
#define HOUR 3600000u

static void time_follows_the_wall_clock(void **state)
{
    (void)state;
    struct timekeeper t;
    timekeeper_init(&t, WALL, 10, 0);
    assert_int_equal(timekeeper_now(&t, WALL, 10), WALL);
    assert_int_equal(timekeeper_now(&t, WALL + 500, 510), WALL + 500);
    assert_int_equal(timekeeper_now(&t, WALL + HOUR, 1010), WALL + HOUR);
}

static void time_goes_on_when_the_clock_is_set_back(void **state)
{
    (void)state;
    struct timekeeper t;
    timekeeper_init(&t, WALL, 0, 0);
    assert_int_equal(timekeeper_now(&t, WALL + 1000 - HOUR, 1000), WALL + 1000);
    assert_int_equal(timekeeper_now(&t, WALL + 2000 - HOUR, 2000), WALL + 2000);
}

static void a_restart_goes_on_from_the_time_on_disk(void **state)
{
    (void)state;
    struct timekeeper t;
    timekeeper_init(&t, WALL - HOUR, 0, WALL);
    assert_int_equal(timekeeper_now(&t, WALL - HOUR + 5, 5), WALL + 5);
}

static void a_time_on_disk_far_ahead_is_not_believed(void **state)
{
    (void)state;
    struct timekeeper t;
    timekeeper_init(&t, WALL, 0, WALL + TIMEKEEPER_TRUST_MS + 1);
    assert_int_equal(timekeeper_now(&t, WALL, 0), WALL);
    timekeeper_init(&t, WALL, 0, WALL + TIMEKEEPER_TRUST_MS);
    assert_int_equal(timekeeper_now(&t, WALL, 0), WALL + TIMEKEEPER_TRUST_MS);
}

static void a_reader_with_an_older_monotonic_time_moves_nothing(void **state)
{
    (void)state;
    struct timekeeper t;
    timekeeper_init(&t, WALL, 1000, 0);
    assert_int_equal(timekeeper_now(&t, WALL, 900), WALL);
    assert_int_equal(timekeeper_now(&t, WALL, 1000), WALL);
    assert_int_equal(timekeeper_now(&t, WALL, 1100), WALL + 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_follows_the_wall_clock),
        cmocka_unit_test(time_goes_on_when_the_clock_is_set_back),
        cmocka_unit_test(a_restart_goes_on_from_the_time_on_disk),
        cmocka_unit_test(a_time_on_disk_far_ahead_is_not_believed),
        cmocka_unit_test(a_reader_with_an_older_monotonic_time_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
