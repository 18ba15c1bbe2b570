#include "base/alloc.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static int disarm(void **state)
{
    (void)state;
    ferry_alloc_fail_at(0);
    return 0;
}

static void allocations_work_as_those_of_libc(void **state)
{
    static const unsigned char zeros[12];
    ferry_autofree char *a = ferry_malloc(10);
    ferry_autofree void *b = ferry_calloc(3, 4);
    ferry_autofree char *c = ferry_strdup("text");
    ferry_autofree char *d = ferry_asprintf("%s-%d", "n", 7);
    ferry_autofree char *e = ferry_asprintf("%s", "");

    (void)state;
    assert_non_null(a);
    assert_memory_equal(b, zeros, sizeof(zeros));
    assert_string_equal(c, "text");
    assert_string_equal(d, "n-7");
    assert_string_equal(e, "");
    memcpy(a, "123456789", 10);
    a = ferry_realloc(a, 1000);
    assert_string_equal(a, "123456789");
}

static void calloc_refuses_a_product_that_overflows(void **state)
{
    (void)state;
    assert_null(ferry_calloc(SIZE_MAX / 2, 4));
}

static void each_function_fails_when_its_turn_comes(void **state)
{
    ferry_autofree char *kept = ferry_strdup("kept");

    (void)state;
    ferry_alloc_fail_at(1);
    assert_null(ferry_malloc(1));
    ferry_alloc_fail_at(1);
    assert_null(ferry_calloc(1, 1));
    ferry_alloc_fail_at(1);
    assert_null(ferry_strdup("x"));
    ferry_alloc_fail_at(1);
    assert_null(ferry_asprintf("x"));
    ferry_alloc_fail_at(1);
    assert_null(ferry_realloc(kept, 100));
    assert_string_equal(kept, "kept");
}

static void only_the_nth_allocation_fails_and_only_once(void **state)
{
    (void)state;
    ferry_alloc_fail_at(3);
    for (int i = 1; i <= 6; i++) {
        ferry_autofree void *p = ferry_malloc(1);

        assert_int_equal(p == NULL, i == 3);
    }
}

static void hook_can_be_disarmed(void **state)
{
    ferry_autofree void *p = NULL;

    (void)state;
    ferry_alloc_fail_at(1);
    ferry_alloc_fail_at(0);
    p = ferry_malloc(1);
    assert_non_null(p);
}

static char *made_and_handed_on(void)
{
    ferry_autofree char *text = ferry_strdup("mine");

    return FERRY_TAKE(text);
}

static int opened_and_handed_on(int *ret_closed)
{
    ferry_autoclose int closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ferry_autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    *ret_closed = closed;
    return FERRY_TAKE_FD(fd);
}

static void scope_cleans_up_unless_ownership_was_taken(void **state)
{
    ferry_autofree char *text = made_and_handed_on();
    int closed = -1;
    ferry_autoclose int fd = opened_and_handed_on(&closed);

    (void)state;
    assert_string_equal(text, "mine");
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_true(closed >= 0);
    assert_int_equal(fcntl(closed, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(allocations_work_as_those_of_libc, disarm),
        cmocka_unit_test_teardown(calloc_refuses_a_product_that_overflows, disarm),
        cmocka_unit_test_teardown(each_function_fails_when_its_turn_comes, disarm),
        cmocka_unit_test_teardown(only_the_nth_allocation_fails_and_only_once, disarm),
        cmocka_unit_test_teardown(hook_can_be_disarmed, disarm),
        cmocka_unit_test_teardown(scope_cleans_up_unless_ownership_was_taken, disarm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
