#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "answers.h"

static struct answers *fresh(void)
{
    static struct answers a;

    answers_init(&a);
    return &a;
}

static void each_is_taken_once(void **state)
{
    struct answers *a = fresh();
    uint64_t tag = 0;

    (void)state;
    assert_true(answers_note(a, 1, 10));
    assert_true(answers_note(a, 4, 11));
    assert_true(answers_note(a, 5, 12));
    assert_true(answers_take(a, 4, &tag));
    assert_int_equal(tag, 11);
    assert_false(answers_take(a, 4, &tag));
    assert_false(answers_take(a, 3, &tag)); /* it was no answer */
    assert_true(answers_take(a, 1, &tag));
    assert_int_equal(tag, 10);
    assert_int_equal(a->count, 1);
    assert_true(answers_take(a, 5, &tag));
    assert_int_equal(tag, 12);
    assert_false(answers_take(a, 5, &tag));
}

static void several_are_confirmed_at_once(void **state)
{
    struct answers *a = fresh();
    uint64_t tag = 0;

    (void)state;
    for (uint64_t number = 1; number <= 4; number++)
        assert_true(answers_note(a, number, 100 + number));
    assert_true(answers_take(a, 2, &tag));
    assert_true(answers_take_up_to(a, 3, &tag));
    assert_int_equal(tag, 101);
    assert_true(answers_take_up_to(a, 3, &tag));
    assert_int_equal(tag, 103);
    assert_false(answers_take_up_to(a, 3, &tag));
    assert_true(answers_take_up_to(a, 9, &tag));
    assert_int_equal(tag, 104);
}

static void there_is_room_for_what_a_worker_may_have(void **state)
{
    struct answers *a = fresh();
    uint64_t tag = 0, number = 1;

    (void)state;
    for (; number <= AMQP_BUS_PREFETCH; number++)
        assert_true(answers_note(a, number, number));
    assert_false(answers_note(a, number, number));
    assert_true(answers_take_up_to(a, 1, &tag));
    assert_true(answers_note(a, number, number)); /* round the end of the ring */
    assert_true(answers_take(a, number, &tag));
    assert_int_equal(tag, number);
    assert_true(answers_take(a, 2, &tag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_taken_once),
        cmocka_unit_test(several_are_confirmed_at_once),
        cmocka_unit_test(there_is_room_for_what_a_worker_may_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
