#include "background_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEP = 50 };

static const size_t loads[] = {0, 1, 2, 15, 16, 31, 32, 100, 512, 100000};

static size_t share_of(size_t items, bool answered, size_t step)
{
    return background_share(&(struct background_load){.items = items, .answered = answered}, step);
}

static void whole_steps_are_done_when_nobody_waits(void **state)
{
    (void)state;
    assert_int_equal(share_of(0, false, STEP), STEP);
    assert_int_equal(share_of(0, true, STEP), STEP);
    assert_int_equal(share_of(0, false, 1), 1);
}

static void who_waits_waits_for_a_small_part(void **state)
{
    (void)state;
    assert_int_equal(share_of(1, false, STEP), STEP / BACKGROUND_PART);
    assert_int_equal(share_of(1, false, 16 * STEP), STEP); /* cheap pieces have large steps */
    assert_int_equal(share_of(1, true, STEP), STEP / 2); /* was answered already: hardly anybody waits */
    assert_int_equal(share_of(9, true, STEP), STEP / 10);
}

static void every_turn_does_some_under_any_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        for (int answered = 0; answered < 2; answered++) {
            size_t share = share_of(loads[i], answered, STEP);
            assert_in_range(share, BACKGROUND_LEAST, STEP);
            assert_true(share == STEP || share >= loads[i] / BACKGROUND_EACH);
        }
    }
    assert_int_equal(share_of(100000, false, STEP), STEP); /* never more than a step */
    assert_int_equal(share_of(100, false, 1), 1);
}

static void late_items_count_in_the_next_turn(void **state)
{
    (void)state;
    struct background_load load = {.items = 1, .late = 20 * BACKGROUND_EACH - 1};
    assert_int_equal(background_share(&load, STEP), 20);
    assert_false(background_gives_way(&load, 19, 1));
    assert_true(background_gives_way(&load, 20, 1));
}

static void a_step_ends_for_who_comes_but_not_before_its_least(void **state)
{
    (void)state;
    struct background_load idle = {.items = 0}, many = {.items = 100};
    assert_false(background_gives_way(&idle, BACKGROUND_LEAST - 1, 1));
    assert_true(background_gives_way(&idle, BACKGROUND_LEAST, 1));
    assert_false(background_gives_way(&idle, STEP, 0));
    assert_false(background_gives_way(&many, 100 / BACKGROUND_EACH - 1, 1));
    assert_true(background_gives_way(&many, 100 / BACKGROUND_EACH, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_steps_are_done_when_nobody_waits),
        cmocka_unit_test(who_waits_waits_for_a_small_part),
        cmocka_unit_test(every_turn_does_some_under_any_load),
        cmocka_unit_test(late_items_count_in_the_next_turn),
        cmocka_unit_test(a_step_ends_for_who_comes_but_not_before_its_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
