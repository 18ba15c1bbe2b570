#include "download_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DOWN FERRY_LANE_DOWN

static struct machine m;

static int fresh(void **state)
{
    (void)state;
    machine_init(&m);
    return 0;
}

#define finish_with(err, kept) machine_finish(&m, DOWN, err, kept)
#define confirm(state, code) machine_confirm(&m, DOWN, state, code)

static void after_a_reboot_the_rest_is_fetched_without_reading_the_file(void **state)
{
    ferry_http_head head = {.status = 206, .has_range = true, .range_start = 70000, .range_total = FILE_SIZE};

    (void)state;
    m.cfg.save_bytes = 1;
    m.cfg.save_ms = 0;
    machine_fetch_opened(&m, 0);
    download_receive(&m, 69990);
    assert_int_equal(machine_body(&m, 69990, 10), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_WAIT);
    machine_reboot(&m);
    machine_link(&m);
    download_offer_again(&m, "http://h/d2");
    assert_int_equal(machine_expect(&m, FERRY_ACT_OPEN)->offset, 70000);
    download_opened(&m, 70000);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->offset, 70000);
    assert_int_equal(machine_head(&m, DOWN, &head), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 70000, FILE_SIZE - 70000), FERRY_DEVICE_OK);
    download_commit_and_confirm(&m);
}

static void a_partial_file_that_is_shorter_than_remembered_is_begun_again(void **state)
{
    (void)state;
    m.cfg.save_bytes = 1;
    m.cfg.save_ms = 0;
    machine_fetch_opened(&m, 0);
    download_receive(&m, 70000);
    machine_expect(&m, FERRY_ACT_WAIT);
    machine_reboot(&m);
    machine_link(&m);
    download_offer_again(&m, "http://h/d2");
    machine_expect(&m, FERRY_ACT_OPEN);
    download_opened(&m, 0);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->offset, 0);
    assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, FILE_SIZE), FERRY_DEVICE_OK);
    download_commit_and_confirm(&m);
}

static void after_a_reboot_another_file_begins_at_zero(void **state)
{
    (void)state;
    m.cfg.save_bytes = 1;
    m.cfg.save_ms = 0;
    machine_fetch_opened(&m, 0);
    download_receive(&m, 70000);
    machine_expect(&m, FERRY_ACT_WAIT);
    machine_reboot(&m);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    download_offer(&m, "get_download_task_rsp", "f", FILE_SIZE, "00000000000000000000000000000000", "http://h/d");
    assert_int_equal(machine_expect(&m, FERRY_ACT_OPEN)->offset, 0);
}

static void a_reboot_between_verified_and_named_commits_again(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, FILE_SIZE);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_COMMIT);
    machine_reboot(&m);
    while (machine_next(&m) == FERRY_ACT_CONNECT)
        ;
    assert_int_equal(m.act.kind, FERRY_ACT_COMMIT);
    assert_string_equal(m.act.name, "f");
    assert_int_equal(m.act.size, FILE_SIZE);
    assert_int_equal(machine_event(&m, FERRY_EV_COMMITTED, DOWN), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_LINK_UP, DOWN), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_SUBSCRIBE);
    assert_int_equal(machine_event(&m, FERRY_EV_SUBSCRIBED, DOWN), FERRY_DEVICE_OK);
    confirm("done", 0);
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_verified_file_that_is_gone_when_it_shall_get_its_name_is_fetched_again(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, FILE_SIZE);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_COMMIT);
    machine_reboot(&m);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_COMMIT);
    assert_int_equal(machine_fault(&m, FERRY_EV_FILE_FAILED, DOWN, FERRY_FAULT_GONE), FERRY_DEVICE_OK);
    machine_sleep(&m);
    download_offer_again(&m, "http://h/d2");
    assert_int_equal(machine_expect(&m, FERRY_ACT_OPEN)->offset, 0);
    download_opened(&m, 0);
    download_receive(&m, FILE_SIZE);
    download_commit_and_confirm(&m);
}

static void a_reboot_before_the_confirmation_reports_again(void **state)
{
    static const bool failed[] = {false, true};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        machine_init(&m);
        machine_fetch_opened(&m, 0);
        download_receive(&m, FILE_SIZE);
        assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_COMMIT);
        if (failed[i]) {
            assert_int_equal(machine_fault(&m, FERRY_EV_FILE_FAILED, DOWN, FERRY_FAULT_SPACE), FERRY_DEVICE_OK);
            machine_expect(&m, FERRY_ACT_DISCARD);
        } else
            assert_int_equal(machine_event(&m, FERRY_EV_COMMITTED, DOWN), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        machine_reboot(&m);
        machine_link(&m);
        confirm(failed[i] ? "fail" : "done", 0);
        finish_with(failed[i] ? FERRY_DEVICE_E_SPACE : FERRY_DEVICE_OK, false);
    }
}

static void snapshots_keep_their_distance_in_time_and_bytes(void **state)
{
    unsigned before;

    (void)state;
    m.cfg.save_bytes = 10000;
    m.cfg.save_ms = 5000;
    machine_fetch_opened(&m, 0);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_WAIT);
    before = m.saves;
    for (size_t at = 0; at < 90000; at += 1000, m.now += 100) { /* 9 seconds */
        assert_int_equal(machine_body(&m, at, 1000), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_WAIT);
    }
    assert_int_equal(m.saves - before, 2); /* at 10,000 bytes, and five seconds later */
}

static void a_busy_platform_after_a_reboot_is_asked_for_the_url_before_anything_else(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, 10);
    assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, DOWN, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_WAIT); /* saves */
    machine_reboot(&m);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'get_download_task_rsp','url':'','result_code':7,'request_id':'$ID'}");
    machine_say(&m, "{'type':'report_download_progress_rsp','result_code':7,'result_msg':''}");
    machine_sleep(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "get_download_task"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(after_a_reboot_the_rest_is_fetched_without_reading_the_file),
        T(a_partial_file_that_is_shorter_than_remembered_is_begun_again),
        T(after_a_reboot_another_file_begins_at_zero),
        T(a_reboot_between_verified_and_named_commits_again),
        T(a_verified_file_that_is_gone_when_it_shall_get_its_name_is_fetched_again),
        T(a_reboot_before_the_confirmation_reports_again),
        T(a_busy_platform_after_a_reboot_is_asked_for_the_url_before_anything_else),
        T(snapshots_keep_their_distance_in_time_and_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
