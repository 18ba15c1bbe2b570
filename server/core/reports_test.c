/* The history of tasks: which reports are in it, and when it goes. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int open_platform(void **state)
{
    int done = fixture_setup(state);
    fixture_add_resource(*state, "fw");
    return done;
}

static void say(struct fixture *f, const char *name, const char *state, int percent, int code)
{
    char json[256];
    struct answer a;
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"report_download_progress\",\"name\":\"%s\",\"progress\":{\"state\":\"%s\",\"percent\":%d,"
                   "\"result_code\":%d,\"result_msg\":\"why\"}}", name, state, percent, code);
    while (fixture_hear(f, &a))
        assert_int_equal(a.msg.type, FERRY_MSG_DOWNLOAD);
    fixture_say(f, "D1", json);
    fixture_expect(f, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, &a);
}

static size_t reports_of(struct fixture *f, const ferry_id *task, struct task_report out[FERRY_PAGE_MAX])
{
    const struct store_page page = {.after = "", .limit = FERRY_PAGE_MAX};
    size_t count = 0;
    assert_int_equal(f->real_store_ops->report_list(f->reader, task, &page, out, &count), FERRY_OK);
    return count;
}

static void every_report_of_a_task_is_in_its_history(void **state)
{
    struct fixture *f = *state;
    struct task_report reports[FERRY_PAGE_MAX];
    fixture_deploy(f, "fw", "D1", 0);
    const ferry_id task = fixture_latest_download(f, "D1", "fw").id;
    say(f, "fw", "downloading", 10, 0);
    fixture_advance_s(f, 5);
    say(f, "fw", "downloading", 20, 0);
    say(f, "fw", "fail", 20, -4);
    assert_int_equal(reports_of(f, &task, reports), 3);
    assert_int_equal(reports[0].state, REPORT_RUNNING);
    assert_int_equal(reports[0].percent, 10);
    assert_int_equal(reports[1].time_ms, reports[0].time_ms + 5000);
    assert_int_equal(reports[2].state, REPORT_FAILED);
    assert_int_equal(reports[2].result_code, -4);
    assert_string_equal(reports[2].result_msg, "why");
}

static void a_report_of_no_task_is_in_no_history(void **state)
{
    struct fixture *f = *state;
    struct task_report reports[FERRY_PAGE_MAX];
    fixture_deploy(f, "fw", "D1", 0);
    const ferry_id task = fixture_latest_download(f, "D1", "fw").id;
    say(f, "fw", "done", 100, 0);
    say(f, "another", "downloading", 10, 0);
    assert_int_equal(reports_of(f, &task, reports), 1);
}

static void the_history_goes_with_its_task(void **state)
{
    struct fixture *f = *state;
    struct task_report reports[FERRY_PAGE_MAX];
    struct download_task gone;
    fixture_deploy(f, "fw", "D1", 0);
    const ferry_id task = fixture_latest_download(f, "D1", "fw").id;
    say(f, "fw", "done", 100, 0);
    fixture_advance_s(f, (FERRY_RETENTION_DAYS - 1) * 86400u);
    assert_int_equal(reports_of(f, &task, reports), 1);
    fixture_advance_s(f, 2 * 86400u);
    assert_int_equal(f->real_store_ops->download_get(f->reader, &task, &gone), FERRY_E_NOT_FOUND);
    assert_int_equal(reports_of(f, &task, reports), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_report_of_a_task_is_in_its_history, open_platform, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_report_of_no_task_is_in_no_history, open_platform, fixture_teardown),
        cmocka_unit_test_setup_teardown(the_history_goes_with_its_task, open_platform, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
