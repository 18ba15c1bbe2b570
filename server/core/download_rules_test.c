/* Every state x every event, from one table; then pacing, repeated pushes and the choice of the next task. */
#include "download_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define NOW 1700000000000u

static const struct push_pace pace = {.first_s = 10, .max_s = 100, .retry_first_s = 60, .retry_max_s = 200};
static const struct deployment order = {.state = DEPLOYMENT_ACTIVE, .timeout_s = 120};

static struct download_task task_in(download_state state)
{
    struct download_task t = {
        .id = {"01hf0000000000000000000000"},
        .state = state,
        .release_ms = NOW - 1000,
        .wake_ms = NOW,
        .deadline_ms = NOW + 60000,
        .created_ms = NOW - 1000,
        .updated_ms = NOW - 1000,
    };
    if (!download_state_open(state)) {
        t.ended_ms = NOW - 500;
        t.wake_ms = 0;
    }
    return t;
}

struct expected {
    download_state to;
    int answer;
};

#define T(state, answer) {DOWNLOAD_##state, FERRY_RESULT_##answer}

static const struct expected matrix[][DOWNLOAD_EV_COUNT] = {
    /*                          OFFER                    PUSH                     WAIT                     RUNNING                  DONE                     FAIL                 TIME_OUT              CANCEL                   RETRY                    HOLD                     RESUME                   CAME */
    [DOWNLOAD_QUEUED]      = {T(OFFERED, OK),         T(OFFERED, OK),         T(QUEUED, OK),          T(QUEUED, OK),           T(DONE, OK),             T(QUEUED, OK),       T(TIMED_OUT, OK),     T(CANCELLED, OK),        T(QUEUED, FINISHED), T(QUEUED, OK), T(QUEUED, OK), T(QUEUED, FINISHED)},
    [DOWNLOAD_OFFERED]     = {T(OFFERED, OK),         T(OFFERED, OK),         T(OFFERED, OK),         T(DOWNLOADING, OK),      T(DONE, OK),             T(FAILED, OK),       T(TIMED_OUT, OK),     T(CANCELLED, OK),        T(OFFERED, FINISHED), T(OFFERED, FINISHED), T(OFFERED, FINISHED), T(OFFERED, OK)},
    [DOWNLOAD_DOWNLOADING] = {T(OFFERED, OK),         T(DOWNLOADING, OK),     T(DOWNLOADING, OK),     T(DOWNLOADING, OK),      T(DONE, OK),             T(FAILED, OK),       T(TIMED_OUT, OK),     T(CANCELLED, OK),        T(DOWNLOADING, FINISHED), T(DOWNLOADING, FINISHED), T(DOWNLOADING, FINISHED), T(DOWNLOADING, FINISHED)},
    [DOWNLOAD_DONE]        = {T(DONE, FINISHED),      T(DONE, FINISHED),      T(DONE, FINISHED),      T(DONE, OK),             T(DONE, OK),             T(DONE, OK),         T(DONE, OK),          T(DONE, FINISHED),       T(DONE, FINISHED), T(DONE, FINISHED), T(DONE, FINISHED), T(DONE, FINISHED)},
    [DOWNLOAD_FAILED]      = {T(FAILED, FINISHED),    T(FAILED, FINISHED),    T(FAILED, FINISHED),    T(FAILED, FINISHED),     T(DONE, OK),             T(FAILED, OK),       T(FAILED, OK),        T(FAILED, FINISHED),     T(QUEUED, OK), T(FAILED, FINISHED), T(FAILED, FINISHED), T(FAILED, FINISHED)},
    [DOWNLOAD_TIMED_OUT]   = {T(TIMED_OUT, FINISHED), T(TIMED_OUT, FINISHED), T(TIMED_OUT, FINISHED), T(TIMED_OUT, EXPIRED),   T(DONE, OK),             T(TIMED_OUT, OK),    T(TIMED_OUT, OK),     T(TIMED_OUT, FINISHED),  T(QUEUED, OK), T(TIMED_OUT, FINISHED), T(TIMED_OUT, FINISHED), T(TIMED_OUT, FINISHED)},
    [DOWNLOAD_CANCELLED]   = {T(CANCELLED, FINISHED), T(CANCELLED, FINISHED), T(CANCELLED, FINISHED), T(CANCELLED, CANCELLED), T(CANCELLED, CANCELLED), T(CANCELLED, OK),    T(CANCELLED, OK),     T(CANCELLED, FINISHED),  T(QUEUED, OK), T(CANCELLED, FINISHED), T(CANCELLED, FINISHED), T(CANCELLED, FINISHED)},
    [DOWNLOAD_REJECTED]    = {T(REJECTED, FINISHED),  T(REJECTED, FINISHED),  T(REJECTED, FINISHED),  T(REJECTED, FINISHED),   T(DONE, OK),             T(REJECTED, OK),     T(REJECTED, OK),      T(REJECTED, FINISHED),   T(QUEUED, OK), T(REJECTED, FINISHED), T(REJECTED, FINISHED), T(REJECTED, FINISHED)},
};

static void every_event_in_every_state_does_what_the_matrix_says(void **state)
{
    (void)state;
    for (int from = DOWNLOAD_QUEUED; from <= DOWNLOAD_REJECTED; from++) {
        for (int kind = 0; kind < DOWNLOAD_EV_COUNT; kind++) {
            struct download_task before = task_in((download_state)from), after;
            struct download_event event = {
                .kind = (download_event_kind)kind, .percent = 50, .result_code = -1, .deployment = &order};
            ferry_result answer = download_apply(&before, &event, NOW, &pace, &after);
            if (after.state != matrix[from][kind].to || (int)answer != matrix[from][kind].answer)
                fail_msg("%s x event %d: became %s with %d", download_state_name((download_state)from), kind,
                         download_state_name(after.state), answer);
            bool open = download_state_open(after.state);
            assert_int_equal(after.ended_ms == 0, open);
            if (!open)
                assert_int_equal(after.wake_ms, 0);
            if (answer != FERRY_RESULT_OK)
                assert_memory_equal(&after, &before, sizeof before);
        }
    }
}

static void pushes_without_a_sign_of_life_back_off(void **state)
{
    (void)state;
    static const uint32_t waits_s[] = {10, 20, 40, 80, 100, 100, 100};
    struct download_task t = task_in(DOWNLOAD_QUEUED), after;
    struct download_event push = {.kind = DOWNLOAD_EV_PUSH};
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        (void)download_apply(&t, &push, NOW, &pace, &after);
        assert_int_equal(after.pushes, i + 1);
        assert_int_equal(after.wake_ms, NOW + 1000u * waits_s[i]);
        t = after;
    }
    t.pushes = UINT32_MAX - 1;
    (void)download_apply(&t, &push, NOW, &pace, &after);
    assert_int_equal(after.wake_ms, NOW + 100000);
}

static void who_is_away_is_not_pushed_to_and_is_due_when_he_comes(void **state)
{
    (void)state;
    struct download_task t = task_in(DOWNLOAD_QUEUED), put_off, after;
    struct download_event push = {.kind = DOWNLOAD_EV_PUSH, .away = true}, came = {.kind = DOWNLOAD_EV_CAME};
    (void)download_apply(&t, &push, NOW, &pace, &put_off);
    assert_int_equal(put_off.state, DOWNLOAD_OFFERED); /* it may ask */
    assert_int_equal(put_off.pushes, 0);
    assert_int_equal(put_off.wake_ms, NOW + 100000);
    (void)download_apply(&put_off, &came, NOW + 5000, &pace, &after);
    assert_int_equal(after.wake_ms, NOW + 6000);
    assert_int_equal(after.pushes, 0);
    push.away = false;
    t = after;
    (void)download_apply(&t, &push, NOW + 6000, &pace, &after);
    assert_int_equal(after.pushes, 1);
    assert_int_equal(after.wake_ms, NOW + 16000);
}

static void a_report_keeps_the_push_timer_quiet(void **state)
{
    (void)state;
    struct download_task t = task_in(DOWNLOAD_OFFERED), after;
    struct download_event running = {.kind = DOWNLOAD_EV_RUNNING, .percent = 3};
    (void)download_apply(&t, &running, NOW, &pace, &after);
    assert_int_equal(after.wake_ms, NOW + 100000);
    assert_int_equal(after.percent, 3);
    struct download_event wait = {.kind = DOWNLOAD_EV_WAIT};
    (void)download_apply(&t, &wait, NOW, &pace, &after);
    assert_int_equal(after.wake_ms, 0);
}

static void a_refusal_before_the_beginning_is_a_rejection(void **state)
{
    (void)state;
    static const struct {
        download_state from;
        int code;
        download_state to;
    } rows[] = {
        {DOWNLOAD_OFFERED, -2, DOWNLOAD_REJECTED},   {DOWNLOAD_OFFERED, 99, DOWNLOAD_REJECTED},
        {DOWNLOAD_OFFERED, -1, DOWNLOAD_FAILED},     {DOWNLOAD_OFFERED, -3, DOWNLOAD_FAILED},
        {DOWNLOAD_OFFERED, -4, DOWNLOAD_FAILED},
        {DOWNLOAD_DOWNLOADING, -2, DOWNLOAD_FAILED}, {DOWNLOAD_DOWNLOADING, -4, DOWNLOAD_FAILED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct download_task t = task_in(rows[i].from), after;
        struct download_event event = {.kind = DOWNLOAD_EV_FAIL, .result_code = rows[i].code, .result_msg = "no"};
        assert_int_equal(download_apply(&t, &event, NOW, &pace, &after), FERRY_RESULT_OK);
        assert_int_equal(after.state, rows[i].to);
        assert_int_equal(after.result_code, rows[i].code);
        assert_string_equal(after.result_msg, "no");
    }
}

/* Devices of the vendor say `fail` twice, and a message at QoS 1 may come twice. */
static void what_is_said_of_an_earlier_try_costs_no_other(void **state)
{
    (void)state;
    static const int codes[] = {-1, -2, -3};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct deployment d = order;
        struct download_task t = task_in(DOWNLOAD_DOWNLOADING), once, twice;
        struct download_event event = {
            .kind = DOWNLOAD_EV_FAIL, .result_code = codes[i], .result_msg = "no", .deployment = &d};
        d.retries = 1;
        assert_int_equal(download_apply(&t, &event, NOW, &pace, &once), FERRY_RESULT_OK);
        assert_int_equal(once.state, DOWNLOAD_QUEUED);
        assert_int_equal(once.retries, 1);
        assert_int_equal(download_apply(&once, &event, NOW + 200, &pace, &twice), FERRY_RESULT_OK);
        assert_memory_equal(&twice, &once, sizeof once);
        struct download_event late = {.kind = DOWNLOAD_EV_RUNNING, .percent = 50}; /* another worker had it */
        assert_int_equal(download_apply(&once, &late, NOW + 200, &pace, &twice), FERRY_RESULT_OK);
        assert_memory_equal(&twice, &once, sizeof once);
    }
}

static void a_retry_starts_from_the_beginning(void **state)
{
    (void)state;
    struct download_task t = task_in(DOWNLOAD_FAILED), after;
    t.pushes = 9;
    t.percent = 80;
    t.result_code = -4;
    t.retries = 3;
    struct download_event retry = {.kind = DOWNLOAD_EV_RETRY, .deployment = &order};
    assert_int_equal(download_apply(&t, &retry, NOW, &pace, &after), FERRY_RESULT_OK);
    assert_int_equal(after.state, DOWNLOAD_QUEUED);
    assert_int_equal(after.pushes, 0);
    assert_int_equal(after.percent, 0);
    assert_int_equal(after.retries, 0);
    assert_int_equal(after.result_code, 0);
    assert_int_equal(after.release_ms, NOW);
    assert_int_equal(after.wake_ms, NOW);
    assert_int_equal(after.deadline_ms, NOW + 120000);
    assert_int_equal(after.ended_ms, 0);
    retry.release_ms = NOW + 5000; /* its turn by the deployment's rate */
    assert_int_equal(download_apply(&t, &retry, NOW, &pace, &after), FERRY_RESULT_OK);
    assert_int_equal(after.release_ms, NOW + 5000);
    assert_int_equal(after.wake_ms, NOW + 5000);
    assert_int_equal(after.deadline_ms, NOW + 125000);
}

static void a_failure_is_tried_again_as_often_as_the_deployment_says(void **state)
{
    static const struct {
        download_state from;
        download_event_kind kind;
        int code;
        uint32_t retries, left_s; /* so far; seconds to the deployment's end, 0: it has none */
        deployment_state deployment;
        download_state to;
        uint32_t pause_s;
    } rows[] = {
        {DOWNLOAD_DOWNLOADING, DOWNLOAD_EV_FAIL, -4, 0, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_QUEUED, 60},
        {DOWNLOAD_DOWNLOADING, DOWNLOAD_EV_FAIL, -4, 1, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_QUEUED, 120},
        {DOWNLOAD_DOWNLOADING, DOWNLOAD_EV_FAIL, -4, 2, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_QUEUED, 200},
        {DOWNLOAD_DOWNLOADING, DOWNLOAD_EV_FAIL, -4, 3, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_FAILED, 0},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_TIME_OUT, 0, 0, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_QUEUED, 60},
        {DOWNLOAD_QUEUED, DOWNLOAD_EV_TIME_OUT, 0, 0, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_QUEUED, 60},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_TIME_OUT, 0, 3, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_TIMED_OUT, 0},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_FAIL, -2, 0, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_REJECTED, 0}, /* it does not want it */
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_CANCEL, 0, 0, 0, DEPLOYMENT_ACTIVE, DOWNLOAD_CANCELLED, 0},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_FAIL, -1, 0, 0, DEPLOYMENT_CANCELLED, DOWNLOAD_FAILED, 0},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_FAIL, -1, 0, 0, DEPLOYMENT_PAUSED, DOWNLOAD_QUEUED, 60},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_FAIL, -1, 0, 61, DEPLOYMENT_ACTIVE, DOWNLOAD_QUEUED, 60},
        {DOWNLOAD_OFFERED, DOWNLOAD_EV_FAIL, -1, 0, 60, DEPLOYMENT_ACTIVE, DOWNLOAD_FAILED, 0}, /* no time left */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct deployment d = {.state = rows[i].deployment, .timeout_s = 100, .retries = 3, .paused_ms = NOW,
                               .end_ms = rows[i].left_s == 0 ? 0 : NOW + 1000u * rows[i].left_s};
        struct download_task t = task_in(rows[i].from), after;
        struct download_event event = {.kind = rows[i].kind, .result_code = rows[i].code, .result_msg = "no",
                                       .deployment = &d};
        t.retries = rows[i].retries;
        t.pushes = 5;
        t.percent = 40;
        assert_int_equal(download_apply(&t, &event, NOW, &pace, &after), FERRY_RESULT_OK);
        if (after.state != rows[i].to)
            fail_msg("row %zu: became %s", i, download_state_name(after.state));
        assert_int_equal(after.ended_ms == 0, download_state_open(after.state));
        assert_int_equal(after.retries, rows[i].retries + (rows[i].pause_s > 0));
        if (rows[i].pause_s == 0)
            continue;
        uint64_t release_ms = NOW + 1000u * rows[i].pause_s, deadline_ms = release_ms + 100000;
        assert_int_equal(after.release_ms, release_ms);
        assert_int_equal(after.wake_ms, release_ms);
        assert_int_equal(after.deadline_ms, d.end_ms != 0 && d.end_ms < deadline_ms ? d.end_ms : deadline_ms);
        assert_int_equal(after.pushes, 0);
        assert_int_equal(after.percent, 0);
        assert_true(after.result_code != 0); /* why it was tried again */
    }
}

static void a_pause_stops_the_time_of_who_was_not_offered_anything(void **state)
{
    static const struct {
        int64_t release_s; /* from the pause on */
        int64_t after_s;   /* from now on, 500 s later */
    } rows[] = {{-100, 0}, {0, 0}, {1, 1}, {300, 300}, {700, 700}};
    struct deployment d = {.state = DEPLOYMENT_PAUSED, .timeout_s = 60};
    struct download_event hold = {.kind = DOWNLOAD_EV_HOLD, .deployment = &d};
    struct download_event resume = {.kind = DOWNLOAD_EV_RESUME, .deployment = &d};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct download_task t = task_in(DOWNLOAD_QUEUED), held, after;
        t.release_ms = NOW + (uint64_t)(1000 * rows[i].release_s);
        d.end_ms = 0;
        assert_int_equal(download_apply(&t, &hold, NOW, &pace, &held), FERRY_RESULT_OK);
        assert_int_equal(held.wake_ms, 0);
        assert_int_equal(held.deadline_ms, 0);
        assert_int_equal(held.release_ms, t.release_ms);
        d.end_ms = NOW + 9000000;
        assert_int_equal(download_apply(&t, &hold, NOW, &pace, &held), FERRY_RESULT_OK);
        assert_int_equal(held.deadline_ms, d.end_ms);
        d.paused_ms = NOW;
        d.shift_ms = 500000;
        assert_int_equal(download_apply(&held, &resume, NOW + d.shift_ms, &pace, &after), FERRY_RESULT_OK);
        assert_int_equal(after.release_ms, NOW + d.shift_ms + (uint64_t)(1000 * rows[i].after_s));
        assert_int_equal(after.wake_ms, after.release_ms);
        assert_int_equal(after.deadline_ms, after.release_ms + 60000);
    }
}

static void what_is_paused_or_not_yet_resumed_is_held(void **state)
{
    static const struct {
        download_state task;
        deployment_state deployment;
        deployment_sweep sweep;
        const char *cursor;
        bool held;
    } rows[] = {
        {DOWNLOAD_QUEUED, DEPLOYMENT_PAUSED, SWEEP_NONE, "", true},
        {DOWNLOAD_QUEUED, DEPLOYMENT_CANCELLED, SWEEP_CANCEL, "", true},
        {DOWNLOAD_OFFERED, DEPLOYMENT_PAUSED, SWEEP_NONE, "", false},
        {DOWNLOAD_DOWNLOADING, DEPLOYMENT_PAUSED, SWEEP_NONE, "", false},
        {DOWNLOAD_QUEUED, DEPLOYMENT_ACTIVE, SWEEP_NONE, "", false},
        {DOWNLOAD_QUEUED, DEPLOYMENT_ACTIVE, SWEEP_RESUME, "", true},
        {DOWNLOAD_QUEUED, DEPLOYMENT_ACTIVE, SWEEP_RESUME, "01hf0000000000000000000000", false},
        {DOWNLOAD_QUEUED, DEPLOYMENT_ACTIVE, SWEEP_RESUME, "01he0000000000000000000000", true},
        {DOWNLOAD_OFFERED, DEPLOYMENT_ACTIVE, SWEEP_RESUME, "", false},
        {DOWNLOAD_QUEUED, DEPLOYMENT_ACTIVE, SWEEP_RETRY, "", false},
        {DOWNLOAD_QUEUED, DEPLOYMENT_PAUSED, SWEEP_RETRY, "", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct download_task t = task_in(rows[i].task);
        struct deployment d = {.state = rows[i].deployment, .sweep = rows[i].sweep};
        memcpy(d.sweep_cursor.text, rows[i].cursor, strlen(rows[i].cursor) + 1);
        if (download_is_held(&t, &d) != rows[i].held)
            fail_msg("row %zu", i);
    }
}

static void nothing_runs_past_the_end_of_a_deployment(void **state)
{
    static const struct {
        uint64_t release_ms, end_ms, deadline_ms;
    } rows[] = {{NOW, 0, NOW + 60000}, {NOW, NOW + 60000, NOW + 60000}, {NOW, NOW + 59999, NOW + 59999},
                {NOW + 100, NOW + 50, NOW + 50}};
    struct device_key key = {"P", "D"};
    ferry_id id = {"01hf0000000000000000000003"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct deployment d = {.timeout_s = 60, .end_ms = rows[i].end_ms};
        struct download_task t = download_new(&id, &d, &key, rows[i].release_ms, NOW);
        assert_int_equal(t.deadline_ms, rows[i].deadline_ms);
    }
}

static void a_rate_is_nothing_but_release_times(void **state)
{
    (void)state;
    assert_int_equal(download_release_ms(NOW, 0, 1000000), NOW);
    assert_int_equal(download_release_ms(NOW, 60, 0), NOW);
    assert_int_equal(download_release_ms(NOW, 60, 1), NOW + 1000);
    assert_int_equal(download_release_ms(NOW, 60, 90), NOW + 90000);
    assert_int_equal(download_release_ms(NOW, 7, 7), NOW + 60000);
    assert_int_equal(download_release_ms(NOW, 1, 1000000), NOW + 60000000000u);
}

static void a_device_has_one_task_at_a_time(void **state)
{
    (void)state;
    struct download_task open[3] = {task_in(DOWNLOAD_QUEUED), task_in(DOWNLOAD_QUEUED), task_in(DOWNLOAD_QUEUED)};
    assert_null(download_current(open, 0, NOW));
    assert_ptr_equal(download_current(open, 3, NOW), &open[0]);
    open[0].release_ms = open[0].wake_ms = NOW + 1;
    assert_ptr_equal(download_current(open, 3, NOW), &open[1]);
    open[2].state = DOWNLOAD_DOWNLOADING;
    assert_ptr_equal(download_current(open, 3, NOW), &open[2]);
    open[2].state = DOWNLOAD_OFFERED;
    open[2].release_ms = NOW + 5000;
    assert_ptr_equal(download_current(open, 3, NOW), &open[2]);
    open[2].state = DOWNLOAD_QUEUED;
    open[1].release_ms = NOW + 1;
    for (int i = 0; i < 3; i++)
        open[i].wake_ms = open[i].release_ms;
    assert_null(download_current(open, 3, NOW));
}

/* Another worker, whose clock is ahead, saw its turn come while the device was busy: no timer will look at it again. */
static void what_has_had_its_turn_is_current_by_any_clock(void **state)
{
    (void)state;
    struct download_task open = task_in(DOWNLOAD_QUEUED), waiting;
    struct download_event wait = {.kind = DOWNLOAD_EV_WAIT};
    open.release_ms = open.wake_ms = NOW + 1500;
    assert_null(download_current(&open, 1, NOW));
    assert_int_equal(download_apply(&open, &wait, NOW + 1500, &pace, &waiting), FERRY_RESULT_OK);
    assert_ptr_equal(download_current(&waiting, 1, NOW), &waiting);
}

static void a_new_task_waits_for_its_release(void **state)
{
    (void)state;
    struct deployment d = {.id = {"01hf0000000000000000000001"}, .resource = {"01hf0000000000000000000002"},
                           .timeout_s = 60};
    struct device_key key = {"P", "D"};
    ferry_id id = {"01hf0000000000000000000003"};
    struct download_task t = download_new(&id, &d, &key, NOW + 5000, NOW);
    assert_int_equal(t.state, DOWNLOAD_QUEUED);
    assert_int_equal(t.wake_ms, NOW + 5000);
    assert_int_equal(t.deadline_ms, NOW + 65000);
    assert_true(ferry_id_equal(&t.resource, &d.resource));
}

/* --- what is a change --- */

static void only_what_a_rule_may_change_is_a_change(void **state)
{
    const struct download_task before = {.state = DOWNLOAD_QUEUED, .result_msg = "no"};
    struct download_task after = before;
    (void)state;
    after.result_msg[sizeof after.result_msg - 1] = 'x'; /* behind the end */
    assert_false(download_changed(&before, &after));
#define CHANGE(field, value)                                                                                           \
    after = before;                                                                                                    \
    after.field = (value);                                                                                             \
    assert_true(download_changed(&before, &after))
    CHANGE(state, DOWNLOAD_OFFERED);
    CHANGE(percent, 1);
    CHANGE(result_code, 1);
    CHANGE(result_msg[0], 'N');
    CHANGE(updated_ms, 1);
    CHANGE(ended_ms, 1);
    CHANGE(pushes, 1);
    CHANGE(retries, 1);
    CHANGE(release_ms, 1);
    CHANGE(wake_ms, 1);
    CHANGE(deadline_ms, 1);
#undef CHANGE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_state_does_what_the_matrix_says),
        cmocka_unit_test(pushes_without_a_sign_of_life_back_off),
        cmocka_unit_test(who_is_away_is_not_pushed_to_and_is_due_when_he_comes),
        cmocka_unit_test(a_report_keeps_the_push_timer_quiet),
        cmocka_unit_test(a_refusal_before_the_beginning_is_a_rejection),
        cmocka_unit_test(what_is_said_of_an_earlier_try_costs_no_other),
        cmocka_unit_test(a_retry_starts_from_the_beginning),
        cmocka_unit_test(a_failure_is_tried_again_as_often_as_the_deployment_says),
        cmocka_unit_test(a_pause_stops_the_time_of_who_was_not_offered_anything),
        cmocka_unit_test(what_is_paused_or_not_yet_resumed_is_held),
        cmocka_unit_test(nothing_runs_past_the_end_of_a_deployment),
        cmocka_unit_test(a_rate_is_nothing_but_release_times),
        cmocka_unit_test(a_device_has_one_task_at_a_time),
        cmocka_unit_test(what_has_had_its_turn_is_current_by_any_clock),
        cmocka_unit_test(a_new_task_waits_for_its_release),
        cmocka_unit_test(only_what_a_rule_may_change_is_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
