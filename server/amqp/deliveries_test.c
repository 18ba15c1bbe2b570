#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliveries.h"

#include <stdio.h>

static int set_up(void **state)
{
    static struct deliveries d;

    deliveries_init(&d);
    *state = &d;
    return 0;
}

static int tear_down(void **state)
{
    deliveries_done(*state);
    return 0;
}

static void note(struct deliveries *d, const char *name, uint64_t tag, uint64_t now_ms)
{
    assert_int_equal(deliveries_note(d, name, tag, now_ms), FERRY_OK);
}

static void an_answer_settles_the_oldest_request_of_its_device(void **state)
{
    struct deliveries *d = *state;
    uint64_t tag = 0;

    note(d, "P/a", 1, 0);
    note(d, "P/b", 2, 0);
    note(d, "P/a", 3, 0);
    assert_true(deliveries_settle(d, "P/a", &tag));
    assert_int_equal(tag, 1);
    assert_true(deliveries_settle(d, "P/a", &tag));
    assert_int_equal(tag, 3);
    assert_false(deliveries_settle(d, "P/a", &tag));
    assert_false(deliveries_settle(d, "P/c", &tag));
    assert_int_equal(d->count, 1);
}

static void what_is_old_is_taken_in_its_order(void **state)
{
    struct deliveries *d = *state;
    uint64_t tag = 0;

    note(d, "P/a", 1, 10);
    note(d, "P/b", 2, 20);
    note(d, "P/a", 3, 30);
    assert_false(deliveries_take_old(d, 9, &tag));
    assert_true(deliveries_take_old(d, 20, &tag));
    assert_int_equal(tag, 1);
    assert_true(deliveries_take_old(d, 20, &tag));
    assert_int_equal(tag, 2);
    assert_false(deliveries_take_old(d, 20, &tag));
    assert_true(deliveries_settle(d, "P/a", &tag));
    assert_int_equal(tag, 3);
    assert_int_equal(d->askers.used, 0);
}

static void many_are_forgotten_at_once(void **state)
{
    struct deliveries *d = *state;

    for (uint64_t i = 0; i < 1000; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "P/%d", (int)(i % 100));
        note(d, name, i, i);
    }
    assert_int_equal(d->count, 1000);
    deliveries_done(d);
    assert_int_equal(d->count, 0);
    note(d, "P/1", 1, 1);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(an_answer_settles_the_oldest_request_of_its_device),
        RULE(what_is_old_is_taken_in_its_order),
        RULE(many_are_forgotten_at_once),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
