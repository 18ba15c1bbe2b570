/* Every state x every event, from one table; then the edges that the table cannot show. */
#include "upload_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define NOW 1700000000000u
#define LIFE_S 3600u
#define SOME_MD5 "0123456789abcdef0123456789abcdef"

static struct upload_task task_in(upload_state state)
{
    struct upload_task t = {
        .id = {"01hf0000000000000000000000"},
        .device = {"P", "D"},
        .name = "log.bin",
        .size = 100,
        .md5 = "0123456789abcdef0123456789abcdef",
        .state = state,
        .percent = 7,
        .created_ms = NOW - 9000,
        .updated_ms = NOW - 5000,
        .expires_ms = NOW + 1000,
    };
    if (state == UPLOAD_STORED || state == UPLOAD_DONE)
        t.stored_ms = NOW - 5000;
    if (!upload_state_open(state) && state != UPLOAD_STORED)
        t.ended_ms = NOW - 5000;
    return t;
}

struct matrix_row {
    upload_state from;
    upload_event_kind event;
    bool object;
    upload_state to;
    int answer;
};

#define DONE_NO UPLOAD_EV_DONE, false
#define DONE_YES UPLOAD_EV_DONE, true
#define EV(kind) UPLOAD_EV_##kind, false

static const struct matrix_row matrix[] = {
    {UPLOAD_CREATED, EV(RUNNING), UPLOAD_UPLOADING, FERRY_RESULT_OK},
    {UPLOAD_CREATED, DONE_NO, UPLOAD_CREATED, FERRY_RESULT_NO_OBJECT},
    {UPLOAD_CREATED, DONE_YES, UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_CREATED, EV(FAIL), UPLOAD_FAILED, FERRY_RESULT_OK},
    {UPLOAD_CREATED, EV(ACTIVE), UPLOAD_UPLOADING, FERRY_RESULT_OK},
    {UPLOAD_CREATED, EV(STORED), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_CREATED, EV(EXPIRE), UPLOAD_EXPIRED, FERRY_RESULT_OK},
    {UPLOAD_CREATED, EV(CANCEL), UPLOAD_CANCELLED, FERRY_RESULT_OK},

    {UPLOAD_UPLOADING, EV(RUNNING), UPLOAD_UPLOADING, FERRY_RESULT_OK},
    {UPLOAD_UPLOADING, DONE_NO, UPLOAD_UPLOADING, FERRY_RESULT_NO_OBJECT},
    {UPLOAD_UPLOADING, DONE_YES, UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_UPLOADING, EV(FAIL), UPLOAD_FAILED, FERRY_RESULT_OK},
    {UPLOAD_UPLOADING, EV(ACTIVE), UPLOAD_UPLOADING, FERRY_RESULT_OK},
    {UPLOAD_UPLOADING, EV(STORED), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_UPLOADING, EV(EXPIRE), UPLOAD_EXPIRED, FERRY_RESULT_OK},
    {UPLOAD_UPLOADING, EV(CANCEL), UPLOAD_CANCELLED, FERRY_RESULT_OK},

    {UPLOAD_STORED, EV(RUNNING), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_STORED, DONE_NO, UPLOAD_STORED, FERRY_RESULT_NO_OBJECT},
    {UPLOAD_STORED, DONE_YES, UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_STORED, EV(FAIL), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_STORED, EV(ACTIVE), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_STORED, EV(STORED), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_STORED, EV(EXPIRE), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_STORED, EV(CANCEL), UPLOAD_STORED, FERRY_RESULT_OK},

    {UPLOAD_DONE, EV(RUNNING), UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_DONE, DONE_NO, UPLOAD_DONE, FERRY_RESULT_NO_OBJECT},
    {UPLOAD_DONE, DONE_YES, UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_DONE, EV(FAIL), UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_DONE, EV(ACTIVE), UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_DONE, EV(STORED), UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_DONE, EV(EXPIRE), UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_DONE, EV(CANCEL), UPLOAD_DONE, FERRY_RESULT_OK},

    {UPLOAD_FAILED, EV(RUNNING), UPLOAD_FAILED, FERRY_RESULT_FINISHED},
    {UPLOAD_FAILED, DONE_NO, UPLOAD_FAILED, FERRY_RESULT_NO_OBJECT},
    {UPLOAD_FAILED, DONE_YES, UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_FAILED, EV(FAIL), UPLOAD_FAILED, FERRY_RESULT_OK},
    {UPLOAD_FAILED, EV(ACTIVE), UPLOAD_FAILED, FERRY_RESULT_OK},
    {UPLOAD_FAILED, EV(STORED), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_FAILED, EV(EXPIRE), UPLOAD_FAILED, FERRY_RESULT_OK},
    {UPLOAD_FAILED, EV(CANCEL), UPLOAD_FAILED, FERRY_RESULT_OK},

    {UPLOAD_EXPIRED, EV(RUNNING), UPLOAD_EXPIRED, FERRY_RESULT_EXPIRED},
    {UPLOAD_EXPIRED, DONE_NO, UPLOAD_EXPIRED, FERRY_RESULT_NO_OBJECT},
    {UPLOAD_EXPIRED, DONE_YES, UPLOAD_DONE, FERRY_RESULT_OK},
    {UPLOAD_EXPIRED, EV(FAIL), UPLOAD_EXPIRED, FERRY_RESULT_OK},
    {UPLOAD_EXPIRED, EV(ACTIVE), UPLOAD_EXPIRED, FERRY_RESULT_OK},
    {UPLOAD_EXPIRED, EV(STORED), UPLOAD_STORED, FERRY_RESULT_OK},
    {UPLOAD_EXPIRED, EV(EXPIRE), UPLOAD_EXPIRED, FERRY_RESULT_OK},
    {UPLOAD_EXPIRED, EV(CANCEL), UPLOAD_EXPIRED, FERRY_RESULT_OK},

    {UPLOAD_CANCELLED, EV(RUNNING), UPLOAD_CANCELLED, FERRY_RESULT_CANCELLED},
    {UPLOAD_CANCELLED, DONE_NO, UPLOAD_CANCELLED, FERRY_RESULT_CANCELLED},
    {UPLOAD_CANCELLED, DONE_YES, UPLOAD_CANCELLED, FERRY_RESULT_CANCELLED},
    {UPLOAD_CANCELLED, EV(FAIL), UPLOAD_CANCELLED, FERRY_RESULT_OK},
    {UPLOAD_CANCELLED, EV(ACTIVE), UPLOAD_CANCELLED, FERRY_RESULT_CANCELLED},
    {UPLOAD_CANCELLED, EV(STORED), UPLOAD_CANCELLED, FERRY_RESULT_CANCELLED},
    {UPLOAD_CANCELLED, EV(EXPIRE), UPLOAD_CANCELLED, FERRY_RESULT_OK},
    {UPLOAD_CANCELLED, EV(CANCEL), UPLOAD_CANCELLED, FERRY_RESULT_OK},
};

static void the_matrix_names_every_state_and_event(void **state)
{
    (void)state;
    bool seen[UPLOAD_CANCELLED + 1][UPLOAD_EV_COUNT][2] = {0};
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++)
        seen[matrix[i].from][matrix[i].event][matrix[i].object] = true;
    for (int from = UPLOAD_CREATED; from <= UPLOAD_CANCELLED; from++) {
        for (int event = 0; event < UPLOAD_EV_COUNT; event++)
            assert_true(seen[from][event][false]);
        assert_true(seen[from][UPLOAD_EV_DONE][true]);
    }
}

static void every_event_in_every_state_does_what_the_matrix_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        const struct matrix_row *row = &matrix[i];
        struct upload_task before = task_in(row->from), after;
        struct upload_event event = {
            .kind = row->event, .object_present = row->object, .percent = 50, .result_code = -1, .result_msg = "x"};
        ferry_result answer = upload_apply(&before, &event, NOW, LIFE_S, &after);
        if (after.state != row->to || answer != row->answer)
            fail_msg("%s x event %d: became %s with %d", upload_state_name(row->from), row->event,
                     upload_state_name(after.state), answer);
        bool ended = !upload_state_open(after.state) && after.state != UPLOAD_STORED;
        assert_int_equal(after.ended_ms != 0, ended);
        bool whole = after.state == UPLOAD_STORED || after.state == UPLOAD_DONE;
        assert_int_equal(after.stored_ms != 0, whole);
        if (whole && after.state != before.state)
            assert_int_equal(after.percent, 100);
        assert_memory_equal(&after.id, &before.id, sizeof before.id);
        assert_int_equal(after.created_ms, before.created_ms);
    }
}

static void an_end_is_final_but_for_late_bytes(void **state)
{
    (void)state;
    static const upload_event_kind harmless[] = {UPLOAD_EV_RUNNING, UPLOAD_EV_FAIL, UPLOAD_EV_ACTIVE,
                                                 UPLOAD_EV_EXPIRE, UPLOAD_EV_CANCEL};
    static const upload_state ends[] = {UPLOAD_DONE, UPLOAD_FAILED, UPLOAD_EXPIRED, UPLOAD_CANCELLED};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 5; k++) {
            struct upload_task before = task_in(ends[i]), after;
            struct upload_event event = {.kind = harmless[k], .percent = 99, .result_code = -4};
            (void)upload_apply(&before, &event, NOW, LIFE_S, &after);
            assert_memory_equal(&after, &before, sizeof before);
        }
    }
}

static void a_sign_of_life_moves_the_expiry(void **state)
{
    (void)state;
    struct upload_task before = task_in(UPLOAD_UPLOADING), after;
    struct upload_event event = {.kind = UPLOAD_EV_RUNNING, .percent = -42};
    (void)upload_apply(&before, &event, NOW, LIFE_S, &after);
    assert_int_equal(after.expires_ms, NOW + 1000ull * LIFE_S);
    assert_int_equal(after.percent, -42); /* shown, never believed */
    assert_int_equal(after.updated_ms, NOW);

    event = (struct upload_event){.kind = UPLOAD_EV_ACTIVE};
    (void)upload_apply(&before, &event, NOW, LIFE_S, &after);
    assert_int_equal(after.expires_ms, NOW + 1000ull * LIFE_S);
    assert_int_equal(after.percent, 7);
}

static void a_sign_of_life_soon_after_another_leaves_the_expiry(void **state)
{
    (void)state;
    const uint64_t life_ms = 1000ull * LIFE_S, step_ms = life_ms / UPLOAD_EXPIRY_STEPS;
    struct upload_task before = task_in(UPLOAD_UPLOADING), after;
    const struct upload_event event = {.kind = UPLOAD_EV_RUNNING, .percent = 8};
    before.expires_ms = NOW + life_ms;
    (void)upload_apply(&before, &event, NOW + step_ms - 1, LIFE_S, &after);
    assert_int_equal(after.expires_ms, NOW + life_ms);
    assert_int_equal(after.updated_ms, NOW + step_ms - 1);
    (void)upload_apply(&before, &event, NOW + step_ms, LIFE_S, &after);
    assert_int_equal(after.expires_ms, NOW + step_ms + life_ms);
    (void)upload_apply(&before, &event, NOW, LIFE_S / 2, &after); /* the setting was made less */
    assert_int_equal(after.expires_ms, NOW + life_ms / 2);
}

static void a_failure_keeps_the_devices_words(void **state)
{
    (void)state;
    struct upload_task before = task_in(UPLOAD_UPLOADING), after;
    char longer[400];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct upload_event event = {.kind = UPLOAD_EV_FAIL, .result_code = -4, .result_msg = longer};
    (void)upload_apply(&before, &event, NOW, LIFE_S, &after);
    assert_int_equal(after.result_code, -4);
    assert_int_equal(strlen(after.result_msg), FERRY_RESULT_MSG_MAX);

    event.result_msg = NULL;
    (void)upload_apply(&before, &event, NOW, LIFE_S, &after);
    assert_string_equal(after.result_msg, "");
}

static void a_stored_object_is_not_lost_by_a_failing_device(void **state)
{
    (void)state;
    struct upload_task before = task_in(UPLOAD_STORED), after;
    struct upload_event event = {.kind = UPLOAD_EV_FAIL, .result_code = -1};
    assert_int_equal(upload_apply(&before, &event, NOW, LIFE_S, &after), FERRY_RESULT_OK);
    assert_int_equal(after.state, UPLOAD_STORED);
    assert_int_equal(after.result_code, -1);
    event = (struct upload_event){.kind = UPLOAD_EV_DONE, .object_present = true};
    before = after;
    assert_int_equal(upload_apply(&before, &event, NOW, LIFE_S, &after), FERRY_RESULT_OK);
    assert_int_equal(after.state, UPLOAD_DONE);
    assert_int_equal(after.result_code, 0);
}

static void requests_are_checked_at_the_border(void **state)
{
    (void)state;
    ferry_text name = ferry_text_of("a"), md5 = ferry_text_of("0123456789ABCDEF0123456789abcdef");
    ferry_text none = {0}, empty = ferry_text_of("");
    const uint64_t max = 1000;
    assert_int_equal(upload_check_request(name, true, 1, md5, max), FERRY_RESULT_OK);
    assert_int_equal(upload_check_request(name, true, max, md5, max), FERRY_RESULT_OK);
    assert_int_equal(upload_check_request(name, true, max + 1, md5, max), FERRY_RESULT_TOO_LARGE);
    assert_int_equal(upload_check_request(name, true, UINT64_MAX, md5, max), FERRY_RESULT_TOO_LARGE);
    assert_int_equal(upload_check_request(name, true, 0, md5, max), FERRY_RESULT_BAD_SIZE);
    assert_int_equal(upload_check_request(name, false, 5, md5, max), FERRY_RESULT_BAD_SIZE);
    assert_int_equal(upload_check_request(none, true, 1, md5, max), FERRY_RESULT_BAD_NAME);
    assert_int_equal(upload_check_request(empty, true, 1, md5, max), FERRY_RESULT_BAD_NAME);
    assert_int_equal(upload_check_request(ferry_text_of("a\nb"), true, 1, md5, max), FERRY_RESULT_BAD_NAME);
    assert_int_equal(upload_check_request(name, true, 1, none, max), FERRY_RESULT_BAD_MD5);
    assert_int_equal(upload_check_request(name, true, 1, ferry_text_of("xyz"), max), FERRY_RESULT_BAD_MD5);
}

static void a_plan_goes_on_replaces_or_begins(void **state)
{
    (void)state;
    const char *md5 = "0123456789abcdef0123456789abcdef";
    struct upload_task tasks[3] = {task_in(UPLOAD_CREATED), task_in(UPLOAD_STORED), task_in(UPLOAD_UPLOADING)};
    memcpy(tasks[1].name, "kept.bin", 9);
    memcpy(tasks[2].name, "other.bin", 10);

    struct upload_plan plan = upload_plan_request(tasks, 3, "log.bin", 100, md5);
    assert_ptr_equal(plan.same, &tasks[0]);
    assert_null(plan.replace);
    assert_int_equal(plan.open_count, 2);

    plan = upload_plan_request(tasks, 3, "log.bin", 101, md5);
    assert_null(plan.same);
    assert_ptr_equal(plan.replace, &tasks[0]);

    plan = upload_plan_request(tasks, 3, "kept.bin", 100, md5); /* stored: only the word is missing */
    assert_ptr_equal(plan.same, &tasks[1]);
    plan = upload_plan_request(tasks, 3, "kept.bin", 5, md5); /* a stored version stays */
    assert_null(plan.same);
    assert_null(plan.replace);

    plan = upload_plan_request(tasks, 0, "log.bin", 100, md5);
    assert_null(plan.same);
    assert_int_equal(plan.open_count, 0);
}

static void the_quietest_task_gives_way_after_its_silence(void **state)
{
    (void)state;
    struct upload_task tasks[3] = {task_in(UPLOAD_UPLOADING), task_in(UPLOAD_CREATED), task_in(UPLOAD_STORED)};
    tasks[1].updated_ms = NOW - UPLOAD_SILENT_MS;
    tasks[2].updated_ms = 1; /* has its object: holds no slot */
    struct upload_plan plan = upload_plan_request(tasks, 3, "new", 1, SOME_MD5);
    assert_ptr_equal(plan.quietest, &tasks[1]);
    assert_true(upload_silent(plan.quietest, NOW));
    assert_false(upload_silent(plan.quietest, NOW - 1));
    assert_false(upload_silent(&tasks[0], NOW));
    assert_false(upload_silent(NULL, NOW));
}

static void a_garbled_name_means_the_only_task_alive(void **state)
{
    (void)state;
    struct upload_task tasks[2] = {task_in(UPLOAD_UPLOADING), task_in(UPLOAD_STORED)};
    assert_null(upload_match_only(tasks, 0, NOW));
    assert_ptr_equal(upload_match_only(tasks, 1, NOW), &tasks[0]);
    assert_null(upload_match_only(tasks, 2, NOW));
    tasks[1].expires_ms = NOW; /* a device that died long ago confuses nothing */
    assert_ptr_equal(upload_match_only(tasks, 2, NOW), &tasks[0]);
}

/* --- what is a change --- */

static void only_what_a_rule_may_change_is_a_change(void **state)
{
    const struct upload_task before = {.state = UPLOAD_CREATED, .result_msg = "no"};
    struct upload_task after = before;
    (void)state;
    after.result_msg[sizeof after.result_msg - 1] = 'x'; /* behind the end */
    assert_false(upload_changed(&before, &after));
#define CHANGE(field, value)                                                                                           \
    after = before;                                                                                                    \
    after.field = (value);                                                                                             \
    assert_true(upload_changed(&before, &after))
    CHANGE(state, UPLOAD_UPLOADING);
    CHANGE(percent, 1);
    CHANGE(result_code, 1);
    CHANGE(result_msg[0], 'N');
    CHANGE(updated_ms, 1);
    CHANGE(stored_ms, 1);
    CHANGE(ended_ms, 1);
    CHANGE(expires_ms, 1);
#undef CHANGE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix_names_every_state_and_event),
        cmocka_unit_test(every_event_in_every_state_does_what_the_matrix_says),
        cmocka_unit_test(an_end_is_final_but_for_late_bytes),
        cmocka_unit_test(a_sign_of_life_moves_the_expiry),
        cmocka_unit_test(a_sign_of_life_soon_after_another_leaves_the_expiry),
        cmocka_unit_test(a_failure_keeps_the_devices_words),
        cmocka_unit_test(a_stored_object_is_not_lost_by_a_failing_device),
        cmocka_unit_test(requests_are_checked_at_the_border),
        cmocka_unit_test(a_plan_goes_on_replaces_or_begins),
        cmocka_unit_test(the_quietest_task_gives_way_after_its_silence),
        cmocka_unit_test(a_garbled_name_means_the_only_task_alive),
        cmocka_unit_test(only_what_a_rule_may_change_is_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
