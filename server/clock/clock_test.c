/* The suite runs against both clocks; what only the manual one can promise stands below it. */
#include "clock/manual.h"
#include "clock/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void check_contract(struct clock *c)
{
    assert_non_null(c->ops->name);
    uint64_t before = c->ops->mono_ms(c);
    assert_true(c->ops->mono_ms(c) >= before);
    assert_true(c->ops->wall_ms(c) > 1500000000000u);

    uint8_t a[32] = {0}, b[32] = {0};
    c->ops->random(c, a, sizeof a);
    c->ops->random(c, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    c->ops->random(c, a, 0);
}

static void system_clock_keeps_the_contract(void **state)
{
    (void)state;
    check_contract(clock_system());
}

static void manual_clock_keeps_the_contract(void **state)
{
    (void)state;
    struct clock *c = NULL;
    assert_int_equal(clock_manual_new(1700000000000u, 1, &c), FERRY_OK);
    check_contract(c);
    clock_manual_free(c);
}

static void manual_clock_moves_only_by_hand(void **state)
{
    (void)state;
    struct clock *c = NULL;
    assert_int_equal(clock_manual_new(1700000000000u, 1, &c), FERRY_OK);
    clock_manual_advance(c, 5000);
    assert_int_equal(c->ops->mono_ms(c), 5000);
    assert_int_equal(c->ops->wall_ms(c), 1700000005000u);
    clock_manual_step_wall(c, -3600000);
    assert_int_equal(c->ops->mono_ms(c), 5000);
    assert_int_equal(c->ops->wall_ms(c), 1700000005000u - 3600000u);
    clock_manual_free(c);
}

static void manual_clock_gives_the_same_chance_for_the_same_seed(void **state)
{
    (void)state;
    struct clock *one = NULL, *two = NULL, *other = NULL;
    assert_int_equal(clock_manual_new(1, 42, &one), FERRY_OK);
    assert_int_equal(clock_manual_new(1, 42, &two), FERRY_OK);
    assert_int_equal(clock_manual_new(1, 43, &other), FERRY_OK);
    uint8_t a[16], b[16], d[16];
    one->ops->random(one, a, sizeof a);
    two->ops->random(two, b, sizeof b);
    other->ops->random(other, d, sizeof d);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, d, sizeof a);
    clock_manual_free(one);
    clock_manual_free(two);
    clock_manual_free(other);
    clock_manual_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_clock_keeps_the_contract),
        cmocka_unit_test(manual_clock_keeps_the_contract),
        cmocka_unit_test(manual_clock_moves_only_by_hand),
        cmocka_unit_test(manual_clock_gives_the_same_chance_for_the_same_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
