#include "object_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct pace_limits limits = {.head_ms = 10, .idle_ms = 30, .window_ms = 20, .window_min_bytes = 100};

/* Looks every millisecond; gives the time at which the connection is cut, or 0 when it lives until end_ms.
 * received and acked grow by so much a millisecond. */
static uint64_t cut_at(struct pace_look look, uint64_t received_per_ms, uint64_t acked_per_ms, uint64_t end_ms)
{
    struct pace pace = {.begun = false};
    const uint64_t start = (1ull << 32) - 5;
    for (uint64_t ms = 0; ms < end_ms; ms++) {
        look.now_ms = start + ms;
        if (pace_too_slow(&pace, &look, &limits))
            return ms;
        look.received_bytes += received_per_ms;
        look.acked_bytes += acked_per_ms;
    }
    return 0;
}

static void fresh_connection_must_bring_its_head_however_it_drips(void **state)
{
    (void)state;
    struct pace_look look = {.phase = PACE_HEAD};
    assert_int_equal(cut_at(look, 0, 0, 100), 11);
    assert_int_equal(cut_at(look, 1, 0, 100), 11);
    assert_int_equal(cut_at(look, 1000, 0, 100), 11);
}

static void served_connection_may_rest_but_a_head_begun_must_be_finished(void **state)
{
    (void)state;
    struct pace_look look = {.phase = PACE_HEAD, .served = true, .turn = 3, .received_bytes = 500};
    assert_int_equal(cut_at(look, 0, 0, 100), 31);
    assert_int_equal(cut_at(look, 1, 0, 100), 12);
}

static void served_connection_that_still_takes_the_answer_is_not_resting(void **state)
{
    (void)state;
    struct pace_look look = {.phase = PACE_HEAD, .served = true, .turn = 3};
    assert_int_equal(cut_at(look, 0, 10, 200), 0);
}

static void body_must_keep_a_minimum_rate_after_the_first_window(void **state)
{
    (void)state;
    struct pace_look look = {.phase = PACE_BODY, .turn = 1, .received_bytes = 9999};
    assert_int_equal(cut_at(look, 0, 1000, 100), 20);
    assert_int_equal(cut_at(look, 4, 1000, 100), 20);
    assert_int_equal(cut_at(look, 5, 0, 1000), 0);
}

static void answer_must_be_taken_at_a_minimum_rate(void **state)
{
    (void)state;
    struct pace_look look = {.phase = PACE_ANSWER, .turn = 1};
    assert_int_equal(cut_at(look, 1000, 4, 100), 20);
    assert_int_equal(cut_at(look, 0, 5, 1000), 0);
}

static void a_burst_does_not_pay_for_later_windows(void **state)
{
    (void)state;
    struct pace pace = {.begun = false};
    struct pace_look look = {.phase = PACE_BODY, .turn = 1, .now_ms = 1000};
    assert_false(pace_too_slow(&pace, &look, &limits));
    look.received_bytes = 1000000;
    look.now_ms = 1020;
    assert_false(pace_too_slow(&pace, &look, &limits));
    look.now_ms = 1040;
    assert_true(pace_too_slow(&pace, &look, &limits));
}

static void client_that_has_gone_is_noticed_before_its_time_runs_out(void **state)
{
    (void)state;
    static const pace_phase phases[] = {PACE_HEAD, PACE_BODY};
    for (size_t i = 0; i < 2; i++) {
        struct pace_look look = {.phase = phases[i], .turn = 1, .ended = true};
        assert_int_equal(cut_at(look, 0, 0, 100), 1);
        struct pace pace = {.begun = false};
        for (uint32_t turn = 1; turn < 9; turn++) { /* seen once in each phase is not enough */
            look.turn = turn;
            look.now_ms = turn;
            assert_false(pace_too_slow(&pace, &look, &limits));
        }
    }
    struct pace_look answering = {.phase = PACE_ANSWER, .turn = 1, .ended = true};
    assert_int_equal(cut_at(answering, 0, 10, 1000), 0);
    struct pace_look working = {.phase = PACE_OURS, .turn = 1, .ended = true};
    assert_int_equal(cut_at(working, 0, 0, 1000), 0);
}

static void platform_may_take_its_time(void **state)
{
    (void)state;
    struct pace_look look = {.phase = PACE_OURS, .turn = 1};
    assert_int_equal(cut_at(look, 0, 0, 10000), 0);
}

static void each_phase_starts_its_own_clock(void **state)
{
    (void)state;
    struct pace pace = {.begun = false};
    struct pace_look look = {.phase = PACE_HEAD};
    for (uint64_t ms = 0; ms < 200; ms++) {
        look.now_ms = ms;
        look.turn = (uint32_t)(ms / 9);
        look.phase = ms / 9 % 2 == 0 ? PACE_HEAD : PACE_BODY;
        assert_false(pace_too_slow(&pace, &look, &limits));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_connection_must_bring_its_head_however_it_drips),
        cmocka_unit_test(served_connection_may_rest_but_a_head_begun_must_be_finished),
        cmocka_unit_test(served_connection_that_still_takes_the_answer_is_not_resting),
        cmocka_unit_test(body_must_keep_a_minimum_rate_after_the_first_window),
        cmocka_unit_test(answer_must_be_taken_at_a_minimum_rate),
        cmocka_unit_test(a_burst_does_not_pay_for_later_windows),
        cmocka_unit_test(client_that_has_gone_is_noticed_before_its_time_runs_out),
        cmocka_unit_test(platform_may_take_its_time),
        cmocka_unit_test(each_phase_starts_its_own_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
