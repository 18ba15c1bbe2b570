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

static void a_download_opens_gets_commits_reports_and_ends(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    const ferry_action *act = machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(act->http, FERRY_HTTP_GET);
    assert_string_equal(act->url, "http://h/d1");
    assert_int_equal(act->offset, 0);
    assert_null(act->if_range);
    assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
    for (size_t at = 0; at < FILE_SIZE; at += 777)
        assert_int_equal(machine_body(&m, at, FILE_SIZE - at < 777 ? FILE_SIZE - at : 777), FERRY_DEVICE_OK);
    download_commit_and_confirm(&m);
    machine_expect(&m, FERRY_ACT_WAIT);
    assert_int_equal(m.act.deadline_ms, UINT64_MAX);
}

static void no_task_ends_a_fetch(void **state)
{
    (void)state;
    ferry_device_fetch(&m.device, m.now);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'get_download_task_rsp','size':1,'name':'','md5sum':'','url':'','result_code':8,"
                    "'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_E_NO_TASK, false);
}

static void a_platform_that_says_nothing_ends_a_fetch_after_some_questions(void **state)
{
    unsigned questions = 0;

    (void)state;
    ferry_device_fetch(&m.device, m.now);
    machine_link(&m);
    while (machine_next(&m) == FERRY_ACT_PUBLISH) {
        questions++;
        machine_sleep(&m);
    }
    assert_int_equal(m.act.kind, FERRY_ACT_FINISHED);
    assert_int_equal(m.act.err, FERRY_DEVICE_E_SILENT);
    assert_int_equal(questions, m.cfg.asks_max);
}

static void after_a_lost_connection_only_the_rest_is_fetched(void **state)
{
    ferry_http_head head = {.status = 200, .etag = "\"abc\""};

    (void)state;
    machine_fetch_opened(&m, 0);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_head(&m, DOWN, &head), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, 40000), FERRY_DEVICE_OK);
    assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, DOWN, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
    machine_sleep(&m);
    download_reopened(&m, 40000);
    const ferry_action *act = machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(act->offset, 40000);
    assert_string_equal(act->if_range, "\"abc\"");
    head = (ferry_http_head){
        .status = 206, .has_range = true, .range_start = 40000, .range_total = FILE_SIZE, .etag = "\"abc\""};
    assert_int_equal(machine_head(&m, DOWN, &head), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 40000, FILE_SIZE - 40000), FERRY_DEVICE_OK);
    download_commit_and_confirm(&m);
}

static void an_answer_that_ends_early_is_no_complete_answer(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, 10);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
    machine_sleep(&m);
    download_reopened(&m, 10);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->offset, 10);
}

static void a_connection_that_breaks_after_the_last_byte_costs_no_new_request(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_lose_at(&m, FILE_SIZE);
    download_reopened(&m, FILE_SIZE);
    machine_expect(&m, FERRY_ACT_COMMIT);
}

/* Each head says that the stored file is another one than the first part came from. */
static void a_changed_file_is_noticed_and_begun_again(void **state)
{
    static const ferry_http_head heads[] = {
        {.status = 206, .has_range = true, .range_start = 40000, .range_total = FILE_SIZE, .etag = "\"new\""},
        {.status = 206, .has_range = true, .range_start = 40000, .range_total = FILE_SIZE + 1},
        {.status = 206, .has_range = true, .range_start = 0, .range_total = FILE_SIZE},
        {.status = 206},
        {.status = 200, .has_length = true, .length = FILE_SIZE - 1},
        {.status = 416},
        {.status = 412},
    };
    ferry_http_head head = {.status = 200, .etag = "\"abc\""};

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        machine_init(&m);
        machine_fetch_opened(&m, 0);
        machine_expect(&m, FERRY_ACT_HTTP);
        assert_int_equal(machine_head(&m, DOWN, &head), FERRY_DEVICE_OK);
        assert_int_equal(machine_body(&m, 0, 40000), FERRY_DEVICE_OK);
        assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, DOWN, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
        machine_sleep(&m);
        download_reopened(&m, 40000);
        machine_expect(&m, FERRY_ACT_HTTP);
        assert_int_equal(machine_head(&m, DOWN, &heads[i]), FERRY_DEVICE_E_UNWANTED);
        assert_int_equal(machine_body(&m, 40000, 5), FERRY_DEVICE_E_UNWANTED);
        machine_sleep(&m);
        download_offer_again(&m, "http://h/d2");
        assert_int_equal(machine_expect(&m, FERRY_ACT_OPEN)->offset, 0);
        download_opened(&m, 0);
        download_receive(&m, FILE_SIZE);
        download_commit_and_confirm(&m);
    }
}

static void a_store_without_ranges_begins_at_zero_and_the_snapshot_knows_first(void **state)
{
    ferry_http_head head = {.status = 200, .has_length = true, .length = FILE_SIZE};

    (void)state;
    machine_fetch_opened(&m, 0);
    download_lose_at(&m, 40000);
    download_reopened(&m, 40000);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->offset, 40000);
    assert_int_equal(machine_head(&m, DOWN, &head), FERRY_DEVICE_E_UNWANTED);
    machine_expect(&m, FERRY_ACT_WAIT);
    for (int i = 0; i < 8; i++) /* the offset in the snapshot */
        assert_int_equal(m.saved[DOWN][8 + i], 0);
    machine_sleep(&m);
    download_reopened(&m, 0);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->offset, 0);
    assert_int_equal(machine_head(&m, DOWN, &head), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, FILE_SIZE), FERRY_DEVICE_OK);
    download_commit_and_confirm(&m);
}

static void damaged_bytes_never_become_a_file(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    for (unsigned i = 0; i <= m.cfg.restarts_max; i++) {
        machine_expect(&m, FERRY_ACT_HTTP);
        assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
        assert_int_equal(machine_body(&m, 0, FILE_SIZE - 1), FERRY_DEVICE_OK);
        assert_int_equal(machine_body(&m, 0, 1), FERRY_DEVICE_OK); /* the last byte is wrong */
        assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
        if (i == m.cfg.restarts_max)
            break;
        machine_sleep(&m);
        download_offer_again(&m, "http://h/d2");
        machine_expect(&m, FERRY_ACT_OPEN);
        download_opened(&m, 0);
    }
    machine_expect(&m, FERRY_ACT_DISCARD);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"result_code\":-4"));
    machine_say(&m, "{'type':'report_download_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_E_DIGEST, false);
}

static void more_bytes_than_announced_are_refused(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, FILE_SIZE);
    assert_int_equal(machine_body(&m, 0, 1), FERRY_DEVICE_E_UNWANTED);
    assert_int_equal(machine_phase(&m, DOWN), FERRY_PHASE_PAUSE);
}

static void an_expired_url_is_replaced_and_the_transfer_goes_on(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_lose_at(&m, 40000);
    download_reopened(&m, 40000);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_status(&m, DOWN, 403), FERRY_DEVICE_E_UNWANTED);
    download_offer_again(&m, "http://h/d2");
    assert_int_equal(machine_expect(&m, FERRY_ACT_OPEN)->offset, 40000);
    download_opened(&m, 40000);
    const ferry_action *act = machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(act->offset, 40000);
    assert_string_equal(act->url, "http://h/d2");
}

static void a_task_that_is_gone_is_dropped(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_status(&m, DOWN, 404), FERRY_DEVICE_E_UNWANTED);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'get_download_task_rsp','size':1,'name':'','md5sum':'','url':'','result_code':8,"
                    "'result_msg':'','request_id':'$ID'}");
    machine_expect(&m, FERRY_ACT_DISCARD);
    finish_with(FERRY_DEVICE_E_NO_TASK, false);
}

static void names_that_are_no_file_names_are_refused_and_reported(void **state)
{
    static const char *const names[] = {"/etc/passwd", "../x", "a/b",  ".hidden",   ".",        "..",
                                        "a\\\\b",      "",     "a\\nb", "a\\u0000b", "a\\u001fb"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        machine_init(&m);
        ferry_device_fetch(&m.device, m.now);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        download_offer(&m, "get_download_task_rsp", names[i], 5, file_md5(), "http://h/d");
        confirm("fail", 0); /* no OPEN */
        finish_with(FERRY_DEVICE_E_NAME, false);
    }
}

static void a_name_longer_than_the_device_can_hold_is_refused(void **state)
{
    char name[32];

    (void)state;
    for (uint16_t len = 10; len <= 11; len++) {
        m.cfg.name_max = 10;
        machine_reboot(&m);
        ferry_device_fetch(&m.device, m.now);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        memset(name, 'n', len);
        name[len] = '\0';
        download_offer(&m, "get_download_task_rsp", name, 5, file_md5(), "http://h/d");
        if (len == 10)
            machine_expect(&m, FERRY_ACT_OPEN);
        else
            confirm("fail", 0);
    }
}

static void an_offer_that_is_none_is_as_good_as_no_answer(void **state)
{
    static const char *const offers[] = {
        "{'type':'get_download_task_rsp','size':0,'name':'f','md5sum':'00000000000000000000000000000000','url':'http://"
        "h/d'}",
        "{'type':'get_download_task_rsp','size':5,'name':'f','md5sum':'0000','url':'http://h/d'}",
        "{'type':'get_download_task_rsp','size':5,'name':'f','md5sum':'g0000000000000000000000000000000','url':'http://"
        "h/d'}",
        "{'type':'get_download_task_rsp','size':5,'name':'f'}",
        "{'type':'get_download_task_rsp','size':5,'name':'f','md5sum':'00000000000000000000000000000000','url':'http",
        "{'type':'get_download_task_rsp','result_code':0}",
        "{'type':'get_download_task_rsp','request_id':'00000000','result_code':8,'url':''}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        machine_init(&m);
        ferry_device_fetch(&m.device, m.now);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        machine_say(&m, offers[i]);
        assert_int_equal(machine_phase(&m, DOWN), FERRY_PHASE_ASK);
    }
}

static void a_local_failure_is_reported(void **state)
{
    static const struct {
        ferry_fault fault;
        ferry_device_err err;
    } table[] = {
        {FERRY_FAULT_SPACE, FERRY_DEVICE_E_SPACE},
        {FERRY_FAULT_WRITE, FERRY_DEVICE_E_STORE},
        {FERRY_FAULT_NAME, FERRY_DEVICE_E_NAME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        machine_init(&m);
        ferry_device_fetch(&m.device, m.now);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        download_offer(&m, "get_download_task_rsp", "f", FILE_SIZE, file_md5(), "http://h/d");
        machine_expect(&m, FERRY_ACT_OPEN);
        assert_int_equal(machine_fault(&m, FERRY_EV_FILE_FAILED, DOWN, table[i].fault), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_DISCARD);
        confirm("fail", 0);
        finish_with(table[i].err, false);
        machine_init(&m); /* the same in the middle, and at the end */
        machine_fetch_opened(&m, 0);
        machine_expect(&m, FERRY_ACT_HTTP);
        assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
        assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, DOWN, table[i].fault), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_DISCARD);
        confirm("fail", 0);
        finish_with(table[i].err, false);
        machine_init(&m);
        machine_fetch_opened(&m, 0);
        download_receive(&m, FILE_SIZE);
        assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_COMMIT);
        assert_int_equal(machine_fault(&m, FERRY_EV_FILE_FAILED, DOWN, table[i].fault), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_DISCARD);
        confirm("fail", 0);
        finish_with(table[i].err, false);
    }
}

static void a_cancel_stops_at_once_and_leaves_nothing(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, 10);
    machine_expect(&m, FERRY_ACT_WAIT);
    machine_say(&m, "{'type':'report_download_progress_rsp','result_code':10,'result_msg':'','request_id':'$ID'}");
    assert_int_equal(machine_body(&m, 10, 10), FERRY_DEVICE_E_UNWANTED);
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_expect(&m, FERRY_ACT_DISCARD);
    finish_with(FERRY_DEVICE_E_CANCELLED, false);
}

static void a_listener_takes_a_push_and_asks_for_the_next_file(void **state)
{
    (void)state;
    ferry_device_listen(&m.device, m.now, true);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'get_download_task_rsp','size':1,'name':'','md5sum':'','url':'','result_code':8,"
                    "'result_msg':'','request_id':'$ID'}");
    machine_expect(&m, FERRY_ACT_WAIT);
    assert_int_equal(m.act.deadline_ms, m.now + m.cfg.poll_ms - 1); /* so that 0 is never */
    download_offer(&m, "download", "f", FILE_SIZE, file_md5(), "http://h/d");
    machine_expect(&m, FERRY_ACT_OPEN);
    download_opened(&m, 0);
    download_receive(&m, FILE_SIZE);
    download_commit_and_confirm(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "get_download_task"));
}

static void who_does_not_listen_takes_no_push(void **state)
{
    (void)state;
    download_offer(&m, "download", "f", FILE_SIZE, file_md5(), "http://h/d");
    machine_expect(&m, FERRY_ACT_WAIT);
    assert_int_equal(machine_phase(&m, DOWN), FERRY_PHASE_IDLE);
}

static void a_push_of_another_file_does_not_disturb_a_running_one(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    machine_expect(&m, FERRY_ACT_HTTP);
    download_offer(&m, "download", "other", 5, "00000000000000000000000000000000", "http://h/other");
    assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, FILE_SIZE), FERRY_DEVICE_OK);
    download_commit_and_confirm(&m);
}

static void a_listener_polls_and_asks_after_each_connect(void **state)
{
    (void)state;
    ferry_device_listen(&m.device, m.now, true);
    machine_link(&m);
    for (int i = 0; i < 3; i++) {
        machine_expect(&m, FERRY_ACT_PUBLISH);
        machine_say(&m, "{'type':'get_download_task_rsp','size':1,'name':'','md5sum':'','url':'','result_code':8,"
                        "'result_msg':'','request_id':'$ID'}");
        if (i == 0)
            machine_sleep(&m);
        else {
            assert_int_equal(machine_fault(&m, FERRY_EV_LINK_DOWN, DOWN, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
            machine_sleep(&m);
            machine_link(&m);
        }
    }
}

static void an_offer_of_the_finished_file_is_answered_with_done_again(void **state)
{
    (void)state;
    machine_fetch_opened(&m, 0);
    download_receive(&m, FILE_SIZE);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_COMMIT);
    assert_int_equal(machine_event(&m, FERRY_EV_COMMITTED, DOWN), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_expect(&m, FERRY_ACT_WAIT);
    download_offer(&m, "download", "f", FILE_SIZE, file_md5(), "http://h/d");
    confirm("done", 0); /* at once, not after the time to answer */
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_done_that_the_platform_does_not_want_ends_with_its_reason(void **state)
{
    static const int codes[] = {FERRY_RESULT_NO_TASK, FERRY_RESULT_EXPIRED, FERRY_RESULT_CANCELLED,
                                FERRY_RESULT_FINISHED};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        machine_init(&m);
        machine_fetch_opened(&m, 0);
        download_receive(&m, FILE_SIZE);
        assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, DOWN), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_COMMIT);
        assert_int_equal(machine_event(&m, FERRY_EV_COMMITTED, DOWN), FERRY_DEVICE_OK);
        confirm("done", codes[i]);
        const ferry_action *act = machine_expect(&m, FERRY_ACT_FINISHED); /* no DISCARD: the file is whole */
        assert_int_not_equal(act->err, FERRY_DEVICE_OK);
        assert_int_equal(act->detail, codes[i]);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(a_download_opens_gets_commits_reports_and_ends),
        T(no_task_ends_a_fetch),
        T(a_platform_that_says_nothing_ends_a_fetch_after_some_questions),
        T(after_a_lost_connection_only_the_rest_is_fetched),
        T(an_answer_that_ends_early_is_no_complete_answer),
        T(a_connection_that_breaks_after_the_last_byte_costs_no_new_request),
        T(a_changed_file_is_noticed_and_begun_again),
        T(a_store_without_ranges_begins_at_zero_and_the_snapshot_knows_first),
        T(damaged_bytes_never_become_a_file),
        T(more_bytes_than_announced_are_refused),
        T(an_expired_url_is_replaced_and_the_transfer_goes_on),
        T(a_task_that_is_gone_is_dropped),
        T(names_that_are_no_file_names_are_refused_and_reported),
        T(a_name_longer_than_the_device_can_hold_is_refused),
        T(an_offer_that_is_none_is_as_good_as_no_answer),
        T(a_local_failure_is_reported),
        T(a_cancel_stops_at_once_and_leaves_nothing),
        T(a_listener_takes_a_push_and_asks_for_the_next_file),
        T(who_does_not_listen_takes_no_push),
        T(a_push_of_another_file_does_not_disturb_a_running_one),
        T(a_listener_polls_and_asks_after_each_connect),
        T(an_offer_of_the_finished_file_is_answered_with_done_again),
        T(a_done_that_the_platform_does_not_want_ends_with_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
