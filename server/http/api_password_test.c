#include "api_password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void password_is_known_by_its_hash_alone(void **state)
{
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];

    (void)state;
    assert_int_equal(api_password_init(), FERRY_OK);
    assert_int_equal(api_password_hash("correct horse", hash), FERRY_OK);
    assert_int_equal(api_password_hash("correct horse", again), FERRY_OK);
    assert_string_not_equal(hash, again);
    assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
    assert_true(api_password_check("correct horse", hash));
    assert_false(api_password_check("correct horse ", hash));
    assert_false(api_password_check("", hash));
    assert_false(api_password_check("correct horse", ""));
    assert_false(api_password_check("correct horse", "no hash"));
}

/* Of this thread alone: other work on the machine must not decide. */
static uint64_t cpu_ms(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The least so far. */
static void measure(const char *hash, uint64_t *best_ms)
{
    uint64_t start = cpu_ms();
    assert_false(api_password_check("wrong", hash));
    uint64_t took = cpu_ms() - start;
    *best_ms = took < *best_ms ? took : *best_ms;
}

static void stranger_takes_as_long_as_a_user(void **state)
{
    char hash[PASSWORD_HASH_SIZE];

    (void)state;
    assert_int_equal(api_password_hash("correct horse", hash), FERRY_OK);
    uint64_t user_ms = UINT64_MAX, stranger_ms = UINT64_MAX;
    for (int i = 0; i < 5; i++) { /* by turns: the machine may be slower for a while */
        measure(hash, &user_ms);
        measure(NULL, &stranger_ms);
    }
    assert_true(stranger_ms * 3 >= user_ms * 2 && user_ms * 3 >= stranger_ms * 2);
    assert_true(user_ms >= 10); /* it is slow on purpose */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_is_known_by_its_hash_alone),
        cmocka_unit_test(stranger_takes_as_long_as_a_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
