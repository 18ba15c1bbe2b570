#include "core/lockout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void waits_double_up_to_their_limit(void **state)
{
    static const struct {
        uint32_t failures, wait_s;
    } rows[] = {{0, 0}, {1, 0}, {5, 0}, {6, 5}, {7, 10}, {8, 20}, {9, 40}, {12, 320}, {13, 640}, {14, 900},
                {15, 900}, {1000, 900}, {UINT32_MAX, 900}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(lockout_wait_ms(rows[i].failures, LOCKOUT_FREE), 1000 * rows[i].wait_s);
}

static void failures_add_up_until_a_day_without_one(void **state)
{
    const uint64_t day_ms = 1000ull * LOCKOUT_FORGET_S;
    struct lockout l = {.name = "x"};

    (void)state;
    for (uint32_t n = 1; n <= 7; n++)
        lockout_fail(&l, LOCKOUT_FREE, day_ms + n);
    assert_int_equal(l.failures, 7);
    assert_int_equal(l.until_ms, day_ms + 7 + 10000);
    lockout_fail(&l, LOCKOUT_FREE, 2 * day_ms + 6);
    assert_int_equal(l.failures, 8);
    lockout_fail(&l, LOCKOUT_FREE, 3 * day_ms + 6);
    assert_int_equal(l.failures, 1);
    assert_int_equal(l.until_ms, 3 * day_ms + 6);
}

static void count_never_wraps(void **state)
{
    struct lockout l = {.failures = UINT32_MAX, .updated_ms = 10};

    (void)state;
    lockout_fail(&l, LOCKOUT_FREE, 11);
    assert_int_equal(l.failures, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_their_limit),
        cmocka_unit_test(failures_add_up_until_a_day_without_one),
        cmocka_unit_test(count_never_wraps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
