/* The reports of a task: how many are kept, in which order they come, and when they go. */
#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static void add(struct fixture *f, unsigned task, unsigned n)
{
    const ferry_id id = id_of(task);
    struct task_report r = {.time_ms = 1000 + n, .state = n % 3 == 0 ? REPORT_FAILED : REPORT_RUNNING,
                            .percent = (int32_t)n, .result_code = -(int32_t)n};

    (void)snprintf(r.result_msg, sizeof(r.result_msg), "it's \"%u\"", n);
    ok(DO(f, report_add, &id, &r));
}

static size_t list(struct fixture *f, unsigned task, const struct store_page *page, struct task_report *out)
{
    const ferry_id id = id_of(task);
    size_t count = 0;

    ok(SEE(f, report_list, &id, page, out, &count));
    return count;
}

static void reports_come_back_in_their_order(void **state)
{
    struct fixture *f = *state;
    struct task_report out[10];

    assert_int_equal(list(f, 1, PAGE(10), out), 0);
    for (unsigned n = 1; n <= 5; n++) {
        add(f, 1, n);
        add(f, 2, 10 * n);
    }
    assert_int_equal(list(f, 1, PAGE(10), out), 5);
    for (unsigned n = 1; n <= 5; n++)
        assert_int_equal(out[n - 1].number, n);
    assert_int_equal(out[2].time_ms, 1003);
    assert_int_equal(out[2].state, REPORT_FAILED);
    assert_int_equal(out[2].percent, 3);
    assert_int_equal(out[2].result_code, -3);
    assert_string_equal(out[2].result_msg, "it's \"3\"");
    assert_int_equal(list(f, 2, PAGE_AT("", 2, true), out), 2);
    assert_int_equal(out[0].percent, 50);
    assert_int_equal(list(f, 2, PAGE_AT("4", 10, true), out), 3);
    assert_int_equal(out[0].number, 3);
    assert_int_equal(list(f, 2, PAGE_AT("4", 10, false), out), 1);
    assert_int_equal(out[0].number, 5);
}

static void of_many_the_first_and_the_latest_are_kept(void **state)
{
    struct fixture *f = *state;
    struct task_report out[FERRY_PAGE_MAX];

    for (unsigned n = 1; n <= TASK_REPORTS_MAX; n++)
        add(f, 1, n);
    assert_int_equal(list(f, 1, PAGE(FERRY_PAGE_MAX), out), TASK_REPORTS_MAX);
    assert_int_equal(out[1].number, 2);
    for (unsigned n = TASK_REPORTS_MAX + 1; n <= 250; n++)
        add(f, 1, n);
    assert_int_equal(list(f, 1, PAGE(FERRY_PAGE_MAX), out), TASK_REPORTS_MAX);
    assert_int_equal(out[0].number, 1);
    assert_int_equal(out[1].number, 152);
    assert_int_equal(out[TASK_REPORTS_MAX - 1].number, 250);
}

static void reports_go_with_their_task(void **state)
{
    struct fixture *f = *state;
    const ferry_id first = id_of(1);
    struct upload_task upload = upload_of(1, "p", "d", "a");
    struct download_task download = download_of(3, 2, 2, "p", "d");
    struct task_report out[1];
    size_t removed;

    add_deployment(f, 2);
    add_device(f, "p", "d");
    ok(DO(f, upload_put, &upload));
    download.state = DOWNLOAD_DONE;
    download.ended_ms = 5;
    ok(DO(f, download_put, &download));
    add(f, 1, 1);
    add(f, 3, 1);
    add(f, 4, 1);
    upload.state = UPLOAD_UPLOADING;
    ok(DO(f, upload_put, &upload)); /* a change leaves them */
    assert_int_equal(list(f, 1, PAGE(1), out), 1);
    ok(DO(f, upload_remove, &first));
    assert_int_equal(list(f, 1, PAGE(1), out), 0);
    assert_int_equal(list(f, 3, PAGE(1), out), 1);
    ok(DO(f, download_prune, 6, 10, &removed));
    assert_int_equal(removed, 1);
    assert_int_equal(list(f, 3, PAGE(1), out), 0);
    assert_int_equal(list(f, 4, PAGE(1), out), 1);
}

static void what_is_no_report_is_refused(void **state)
{
    struct fixture *f = *state;
    const ferry_id id = id_of(1), none = {""};
    struct task_report r = {.state = REPORT_DONE}, out[1];
    size_t count;

    expect(FERRY_E_ARG, DO(f, report_add, &none, &r));
    expect(FERRY_E_READONLY, SEE(f, report_add, &id, &r));
    r.state = (report_state)4;
    expect(FERRY_E_ARG, DO(f, report_add, &id, &r));
    expect(FERRY_E_ARG, SEE(f, report_list, &id, PAGE_AT("x", 1, false), out, &count));
    expect(FERRY_E_ARG, SEE(f, report_list, &id, PAGE_AT("-1", 1, false), out, &count));
    expect(FERRY_E_ARG, SEE(f, report_list, &id, PAGE(0), out, &count));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(reports_come_back_in_their_order),
    cmocka_unit_test(of_many_the_first_and_the_latest_are_kept),
    cmocka_unit_test(reports_go_with_their_task),
    cmocka_unit_test(what_is_no_report_is_refused),
};
const struct store_tests store_report_tests = STORE_TESTS(tests);
