#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workers.h"

static const int clients[WORKERS_MAX + 1]; /* only their addresses count */

/* Looks each tenth of a second, as Mosquitto does. */
static const void *look_until(struct workers *w, uint64_t from_ms, uint64_t to_ms)
{
    const void *silent = NULL;

    for (uint64_t now_ms = from_ms; now_ms <= to_ms && silent == NULL; now_ms += 100)
        silent = workers_silent(w, now_ms);
    return silent;
}

static void who_gives_no_sign_of_life_stands_still(void **state)
{
    struct workers w = {.count = 0};

    (void)state;
    assert_true(workers_add(&w, &clients[0]));
    assert_true(workers_add(&w, &clients[1]));
    workers_heard(&w, &clients[0], 1000);
    workers_heard(&w, &clients[1], 1000);
    assert_null(look_until(&w, 1000, 2500));
    workers_heard(&w, &clients[1], 2500);
    assert_ptr_equal(look_until(&w, 2600, 1000 + WORKERS_SILENT_MS), &clients[0]);
}

static void who_has_never_given_one_is_left_alone(void **state)
{
    struct workers w = {.count = 0};

    (void)state;
    assert_true(workers_add(&w, &clients[0]));
    assert_null(look_until(&w, 0, 100000));
}

static void a_broker_that_stood_still_itself_blames_nobody(void **state)
{
    struct workers w = {.count = 0};

    (void)state;
    assert_true(workers_add(&w, &clients[0]));
    workers_heard(&w, &clients[0], 1000);
    assert_null(look_until(&w, 1000, 1500));
    assert_null(workers_silent(&w, 60000));
    assert_null(look_until(&w, 60100, 60000 + WORKERS_SILENT_MS - 100));
    assert_ptr_equal(workers_silent(&w, 60000 + WORKERS_SILENT_MS), &clients[0]);
}

static void workers_come_once_and_go(void **state)
{
    struct workers w = {.count = 0};

    (void)state;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        assert_true(workers_add(&w, &clients[i]));
    assert_false(workers_add(&w, &clients[WORKERS_MAX]));
    assert_true(workers_add(&w, &clients[0]));
    assert_true(workers_remove(&w, &clients[0]));
    assert_false(workers_remove(&w, &clients[0]));
    assert_false(workers_have(&w, &clients[0]));
    assert_true(workers_have(&w, &clients[1]));
    assert_true(workers_add(&w, &clients[WORKERS_MAX]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gives_no_sign_of_life_stands_still),
        cmocka_unit_test(who_has_never_given_one_is_left_alone),
        cmocka_unit_test(a_broker_that_stood_still_itself_blames_nobody),
        cmocka_unit_test(workers_come_once_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
