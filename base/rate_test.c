#include "base/rate.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ferry_rate *rate_of(uint32_t per_minute, size_t keys)
{
    struct ferry_rate *rate = NULL;

    assert_int_equal(ferry_rate_new(per_minute, keys, &rate), FERRY_OK);
    return rate;
}

static unsigned taken(struct ferry_rate *rate, const char *key, unsigned tries, uint64_t now_ms)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tries; i++)
        count += ferry_rate_take(rate, key, strlen(key), now_ms);
    return count;
}

static void a_minutes_worth_may_come_at_once_and_no_more(void **state)
{
    struct ferry_rate *rate = rate_of(60, 100);

    (void)state;
    assert_int_equal(taken(rate, "a", 100, 5000), 60);
    assert_int_equal(taken(rate, "a", 100, 5000), 0);
    ferry_rate_free(rate);
}

static void what_was_used_comes_back_evenly(void **state)
{
    static const struct {
        uint64_t after_ms;
        unsigned come;
    } rows[] = {{999, 0}, {1000, 1}, {1500, 0}, {2000, 1}, {5000, 3}, {65000, 60}, {10000000, 60}};
    struct ferry_rate *rate = rate_of(60, 100);

    (void)state;
    assert_int_equal(taken(rate, "a", 60, 0), 60);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(taken(rate, "a", 100, rows[i].after_ms), rows[i].come);
    ferry_rate_free(rate);
}

/* Who goes on asking while refused is not punished for it, and not rewarded. */
static void a_refusal_costs_nothing(void **state)
{
    struct ferry_rate *rate = rate_of(60, 100);

    (void)state;
    assert_int_equal(taken(rate, "a", 1000000, 0), 60);
    assert_int_equal(taken(rate, "a", 100, 1000), 1);
    ferry_rate_free(rate);
}

static void one_key_does_not_spend_what_is_anothers(void **state)
{
    struct ferry_rate *rate = rate_of(10, 100);

    (void)state;
    assert_int_equal(taken(rate, "a", 100, 0), 10);
    assert_int_equal(taken(rate, "b", 100, 0), 10);
    assert_int_equal(taken(rate, "ab", 100, 0), 10);
    assert_int_equal(ferry_rate_take(rate, "a\0", 2, 0), true);
    ferry_rate_free(rate);
}

static void without_a_limit_everybody_may_come(void **state)
{
    struct ferry_rate *rate = rate_of(0, 100);

    (void)state;
    assert_int_equal(taken(rate, "a", 100000, 0), 100000);
    ferry_rate_free(rate);
}

static void the_most_rested_is_forgotten_first(void **state)
{
    struct ferry_rate *rate = rate_of(60, 1); /* one set */
    char key[2] = "a";

    (void)state;
    for (key[0] = 'a'; key[0] < 'a' + 8; key[0]++)
        assert_int_equal(taken(rate, key, 60, 1000), 60);
    assert_int_equal(taken(rate, "d", 1, 1000), 0);
    assert_int_equal(taken(rate, "a", 1, 31000), 1); /* 'a' has 29 more, all others 30 */
    assert_int_equal(taken(rate, "x", 100, 31000), 60); /* in the place of one of them */
    assert_int_equal(taken(rate, "a", 100, 31000), 29);
    ferry_rate_free(rate);
}

static void a_flood_of_keys_leaves_those_that_come_often_in_their_place(void **state)
{
    struct ferry_rate *rate = rate_of(60, 4096);

    (void)state;
    assert_int_equal(taken(rate, "greedy", 100, 1000), 60);
    for (unsigned i = 0; i < 100000; i++)
        (void)ferry_rate_take(rate, &i, sizeof(i), 1000);
    assert_int_equal(taken(rate, "greedy", 100, 1000), 0);
    ferry_rate_free(rate);
}

static void a_clock_that_goes_back_gives_nothing_away(void **state)
{
    struct ferry_rate *rate = rate_of(60, 100);

    (void)state;
    assert_int_equal(taken(rate, "a", 100, 1000000), 60);
    assert_int_equal(taken(rate, "a", 100, 0), 0);
    assert_int_equal(taken(rate, "a", 100, 1001000), 1);
    ferry_rate_free(rate);
}

static void a_limit_of_several_is_given_in_parts_and_never_less_than_one(void **state)
{
    struct ferry_rate *rate = rate_of(60, 100);

    (void)state;
    ferry_rate_share(rate, 3);
    assert_int_equal(taken(rate, "a", 100, 1000000), 20);
    assert_int_equal(taken(rate, "a", 100, 1003000), 1);
    ferry_rate_share(rate, 1000);
    assert_int_equal(taken(rate, "b", 100, 1003000), 1);
    assert_int_equal(taken(rate, "b", 100, 1063000), 1);
    ferry_rate_share(rate, 0); /* counts as one */
    assert_int_equal(taken(rate, "c", 100, 1063000), 60);
    ferry_rate_free(rate);
}

static void limits_and_memory_are_checked(void **state)
{
    struct ferry_rate *rate = NULL;

    (void)state;
    assert_int_equal(ferry_rate_new(FERRY_RATE_PER_MINUTE_MAX + 1, 1, &rate), FERRY_E_ARG);
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_rate_new(1, 1, &rate), FERRY_E_NOMEM);
    ferry_alloc_fail_at(0);
    assert_null(rate);
    ferry_rate_free(NULL);
    rate = rate_of(FERRY_RATE_PER_MINUTE_MAX, 1);
    assert_int_equal(taken(rate, "a", 1000, 0), 1000);
    ferry_rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest rules[] = {
        cmocka_unit_test(a_minutes_worth_may_come_at_once_and_no_more),
        cmocka_unit_test(what_was_used_comes_back_evenly),
        cmocka_unit_test(a_refusal_costs_nothing),
        cmocka_unit_test(one_key_does_not_spend_what_is_anothers),
        cmocka_unit_test(without_a_limit_everybody_may_come),
        cmocka_unit_test(the_most_rested_is_forgotten_first),
        cmocka_unit_test(a_flood_of_keys_leaves_those_that_come_often_in_their_place),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing_away),
        cmocka_unit_test(a_limit_of_several_is_given_in_parts_and_never_less_than_one),
        cmocka_unit_test(limits_and_memory_are_checked),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
