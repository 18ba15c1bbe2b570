#include "inbox.h"

#include "base/alloc.h"
#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct inbox_item item(uintptr_t number)
{
    return (struct inbox_item){.command = (struct command *)number};
}

static void it_is_first_in_first_out_and_never_grows(void **state)
{
    (void)state;
    struct inbox inbox;
    struct inbox_item out[8];
    assert_int_equal(inbox_init(&inbox, 3), FERRY_OK);
    for (uintptr_t round = 0; round < 5; round++) {
        for (uintptr_t i = 1; i <= 3; i++)
            assert_int_equal(inbox_put(&inbox, item(i)), FERRY_OK);
        assert_int_equal(inbox_put(&inbox, item(4)), FERRY_E_BUSY);
        assert_int_equal(inbox_depth(&inbox), 3);
        assert_int_equal(inbox_take(&inbox, out, 2), 2);
        assert_ptr_equal(out[0].command, item(1).command);
        assert_ptr_equal(out[1].command, item(2).command);
        assert_int_equal(inbox_take(&inbox, out, 8), 1);
        assert_ptr_equal(out[0].command, item(3).command);
        assert_int_equal(inbox_take(&inbox, out, 8), 0);
    }
    inbox_done(&inbox);
}

static void a_closed_inbox_gives_but_does_not_take(void **state)
{
    (void)state;
    struct inbox inbox;
    struct inbox_item out;
    assert_int_equal(inbox_init(&inbox, 2), FERRY_OK);
    assert_int_equal(inbox_put(&inbox, item(1)), FERRY_OK);
    inbox_close(&inbox);
    assert_true(inbox_is_closed(&inbox));
    assert_int_equal(inbox_put(&inbox, item(2)), FERRY_E_CLOSED);
    inbox_wait(&inbox, 60000); /* returns at once */
    assert_int_equal(inbox_take(&inbox, &out, 1), 1);
    inbox_done(&inbox);
}

static void waiting_ends_with_time(void **state)
{
    (void)state;
    struct inbox inbox;
    assert_int_equal(inbox_init(&inbox, 1), FERRY_OK);
    uint64_t before_ms = ferry_mono_ms();
    inbox_wait(&inbox, 30);
    assert_true(ferry_mono_ms() - before_ms >= 29);
    inbox_done(&inbox);
}

static void *wait_long(void *arg)
{
    inbox_wait(arg, 60000);
    return NULL;
}

static void what_is_put_quietly_is_told_by_a_ring_or_when_it_is_full(void **state)
{
    (void)state;
    enum { CAP = 3 };
    for (uintptr_t count = 1; count <= CAP; count++) {
        struct inbox inbox;
        pthread_t thread;
        assert_int_equal(inbox_init(&inbox, CAP), FERRY_OK);
        assert_int_equal(pthread_create(&thread, NULL, wait_long, &inbox), 0);
        inbox_ring(&inbox); /* for nothing: nobody is woken */
        for (uintptr_t i = 1; i <= count; i++)
            assert_int_equal(inbox_put_quietly(&inbox, item(i)), FERRY_OK);
        if (count < CAP)
            inbox_ring(&inbox);
        else
            assert_int_equal(inbox_put_quietly(&inbox, item(CAP + 1)), FERRY_E_BUSY);
        pthread_join(thread, NULL);
        assert_int_equal(inbox_depth(&inbox), count);
        inbox_done(&inbox);
    }
}

enum { PER_THREAD = 20000 };

static void *put_many(void *arg)
{
    struct inbox *inbox = arg;
    for (uintptr_t i = 1; i <= PER_THREAD; i++) {
        while (inbox_put(inbox, item(i)) == FERRY_E_BUSY)
            sched_yield();
    }
    return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
    (void)state;
    struct inbox inbox;
    pthread_t threads[2];
    struct inbox_item out[64];
    assert_int_equal(inbox_init(&inbox, 100), FERRY_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &inbox), 0);
    uint64_t sum = 0, count = 0;
    while (count < 2 * PER_THREAD) {
        inbox_wait(&inbox, 1000);
        size_t taken = inbox_take(&inbox, out, 64);
        for (size_t i = 0; i < taken; i++)
            sum += (uintptr_t)out[i].command;
        count += taken;
    }
    assert_int_equal(sum, (uint64_t)PER_THREAD * (PER_THREAD + 1));
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    inbox_done(&inbox);
}

static void no_memory_is_an_error_that_can_be_cleaned_up(void **state)
{
    (void)state;
    struct inbox inbox;
    ferry_alloc_fail_at(1);
    assert_int_equal(inbox_init(&inbox, 10), FERRY_E_NOMEM);
    inbox_done(&inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_first_in_first_out_and_never_grows),
        cmocka_unit_test(a_closed_inbox_gives_but_does_not_take),
        cmocka_unit_test(waiting_ends_with_time),
        cmocka_unit_test(what_is_put_quietly_is_told_by_a_ring_or_when_it_is_full),
        cmocka_unit_test(nothing_is_lost_between_threads),
        cmocka_unit_test(no_memory_is_an_error_that_can_be_cleaned_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
