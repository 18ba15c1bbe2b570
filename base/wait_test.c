#include "base/wait.h"

#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

static void a_wait_takes_the_time_it_was_given(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    ferry_cond_init(&cond);
    struct timespec until = ferry_deadline_in(40);
    uint64_t before_ms = ferry_mono_ms();
    pthread_mutex_lock(&lock);
    assert_int_equal(pthread_cond_timedwait(&cond, &lock, &until), ETIMEDOUT);
    pthread_mutex_unlock(&lock);
    assert_true(ferry_mono_ms() - before_ms >= 39);
    pthread_cond_destroy(&cond);
}

static void a_deadline_is_a_proper_time(void **state)
{
    (void)state;
    struct timespec now, until;
    for (uint64_t ms = 0; ms < 2000; ms += 37) {
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        until = ferry_deadline_in(ms);
        assert_true(until.tv_nsec >= 0 && until.tv_nsec < 1000000000);
        int64_t ahead_ms = (int64_t)(until.tv_sec - now.tv_sec) * 1000 + (until.tv_nsec - now.tv_nsec) / 1000000;
        assert_true(ahead_ms >= (int64_t)ms - 1 && ahead_ms < (int64_t)ms + 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_takes_the_time_it_was_given),
        cmocka_unit_test(a_deadline_is_a_proper_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
