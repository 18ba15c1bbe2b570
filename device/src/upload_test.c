#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UP FERRY_LANE_UP

static struct machine m;

static int fresh(void **state)
{
    (void)state;
    machine_init(&m);
    return 0;
}

#define finish_with(err, kept) machine_finish(&m, UP, err, kept)
#define answer(status) machine_answer(&m, UP, status)
#define confirm(code) machine_confirm(&m, UP, "done", code)

static void answer_url(const char *url)
{
    char text[256];

    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "create_upload_task"));
    (void)snprintf(text, sizeof text,
                   "{'type':'create_upload_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'%s','request_id':'$ID'}",
                   FILE_SIZE, file_md5(), url);
    machine_say(&m, text);
}

static void an_upload_asks_puts_reports_and_ends(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    assert_string_equal(strstr(m.payload, "{\"type\""), m.payload);
    assert_non_null(strstr(m.payload, "\"size\":100000"));
    assert_non_null(strstr(m.payload, file_md5()));
    const ferry_action *act = machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(act->http, FERRY_HTTP_PUT);
    assert_string_equal(act->url, "http://h/u1");
    assert_int_equal(act->size, FILE_SIZE);
    answer(200);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"state\":\"done\""));
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_OK, false);
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_IDLE);
}

static void an_upload_whose_md5_is_known_is_not_read(void **state)
{
    static const uint8_t md5[16] = {0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04,
                                    0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e};
    ferry_upload_request request = {.name = "f", .size = 1, .md5 = md5};

    (void)state;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH); /* no READ: the caller knew the MD5 */
    machine_say(&m, "{'type':'create_upload_task_rsp','size':1,'name':'f','md5sum':'D41D8CD98F00B204E9800998ECF8427E',"
                    "'url':'http://h/u'}");
    assert_memory_equal(machine_expect(&m, FERRY_ACT_HTTP)->md5, md5, sizeof md5);
}

static void a_large_upload_is_probed_and_patched_from_where_it_broke_off(void **state)
{
    ferry_http_head probe = {.status = 200, .has_upload_offset = true, .upload_offset = 0};

    (void)state;
    m.cfg.resumable_bytes = 1000;
    machine_upload_asked(&m);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->http, FERRY_HTTP_PROBE);
    assert_int_equal(machine_head(&m, UP, &probe), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, UP), FERRY_DEVICE_OK);
    const ferry_action *act = machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(act->http, FERRY_HTTP_PATCH);
    assert_int_equal(act->offset, 0);
    assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, UP, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
    machine_sleep(&m);
    assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->http, FERRY_HTTP_PROBE);
    probe.upload_offset = 60000;
    assert_int_equal(machine_head(&m, UP, &probe), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, UP), FERRY_DEVICE_OK);
    act = machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(act->http, FERRY_HTTP_PATCH);
    assert_int_equal(act->offset, 60000);
    ferry_http_head patched = {.status = 204, .has_upload_offset = true, .upload_offset = FILE_SIZE};
    assert_int_equal(machine_head(&m, UP, &patched), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, UP), FERRY_DEVICE_OK);
    confirm(0);
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_probe_that_finds_everything_leads_to_done(void **state)
{
    ferry_http_head probe = {.status = 200, .has_upload_offset = true, .upload_offset = FILE_SIZE};

    (void)state;
    m.cfg.resumable_bytes = 1;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_head(&m, UP, &probe), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, UP), FERRY_DEVICE_OK);
    confirm(0);
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_store_without_tus_gets_the_whole_file(void **state)
{
    static const unsigned statuses[] = {200, 403, 404, 405, 501}; /* 200: a HEAD without Upload-Offset */

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        machine_init(&m);
        m.cfg.resumable_bytes = 1;
        machine_upload_asked(&m);
        assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->http, FERRY_HTTP_PROBE);
        answer(statuses[i]);
        assert_int_equal(machine_expect(&m, FERRY_ACT_HTTP)->http, FERRY_HTTP_PUT);
        answer(200);
        confirm(0);
        finish_with(FERRY_DEVICE_OK, false);
    }
}

static void an_expired_url_is_replaced_at_once(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(403);
    answer_url("http://h/u2"); /* no pause before the question */
    assert_string_equal(machine_expect(&m, FERRY_ACT_HTTP)->url, "http://h/u2");
    answer(200);
    confirm(0);
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_url_that_is_always_refused_ends_with_a_report(void **state)
{
    unsigned urls = 0;

    (void)state;
    m.cfg.tries_max = 5;
    machine_upload_asked(&m);
    for (;;) {
        machine_expect(&m, FERRY_ACT_HTTP);
        answer(403);
        if (++urls > m.cfg.tries_max)
            break;
        if (machine_next(&m) == FERRY_ACT_WAIT) {
            m.now = m.act.deadline_ms;
            machine_next(&m);
        }
        assert_int_equal(m.act.kind, FERRY_ACT_PUBLISH);
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{'type':'create_upload_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'http://h/u'}",
                       FILE_SIZE, file_md5());
        machine_say(&m, text);
    }
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"state\":\"fail\""));
    assert_non_null(strstr(m.payload, "\"result_code\":-3"));
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_E_URL, false);
}

static void a_dead_store_is_tried_with_growing_pauses_and_then_left_for_later(void **state)
{
    uint64_t before = 0;

    (void)state;
    m.cfg.tries_max = 6;
    machine_upload_asked(&m);
    for (unsigned i = 1; i <= 6; i++) {
        machine_expect(&m, FERRY_ACT_HTTP);
        assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, UP, FERRY_FAULT_CONNECT), FERRY_DEVICE_OK);
        before = m.now;
        machine_sleep(&m);
        uint64_t whole = 1000u << (i - 1);
        assert_in_range(m.now - before, whole / 2, whole);
    }
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, UP, FERRY_FAULT_CONNECT), FERRY_DEVICE_OK);
    finish_with(FERRY_DEVICE_E_NETWORK, true);
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_KEPT);
}

/* However long the store wants to be left alone: nobody waits longer than until giving up, or an hour. */
static void retry_after_never_outlasts_the_patience(void **state)
{
    static const uint16_t seconds[] = {3, 60, 3600, UINT16_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        ferry_http_head busy = {.status = 503, .retry_after_s = seconds[i]};
        machine_init(&m);
        m.cfg.give_up_ms = 4000;
        machine_upload_asked(&m);
        machine_expect(&m, FERRY_ACT_HTTP);
        uint64_t start = m.now;
        assert_int_equal(machine_head(&m, UP, &busy), FERRY_DEVICE_E_UNWANTED);
        machine_sleep(&m);
        assert_in_range(m.now - start, 3000, 4000);
        machine_expect(&m, FERRY_ACT_HTTP); /* one more, then that was enough */
        assert_int_equal(machine_head(&m, UP, &busy), FERRY_DEVICE_E_UNWANTED);
        if (i == 0) {
            machine_sleep(&m);
            machine_expect(&m, FERRY_ACT_HTTP);
            assert_int_equal(machine_head(&m, UP, &busy), FERRY_DEVICE_E_UNWANTED);
        }
        finish_with(FERRY_DEVICE_E_NETWORK, true);
        assert_true(m.now - start <= 4000);
    }
    ferry_http_head busy = {.status = 503, .retry_after_s = UINT16_MAX};
    machine_init(&m);
    m.cfg.give_up_ms = UINT32_MAX;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    uint64_t start = m.now;
    assert_int_equal(machine_head(&m, UP, &busy), FERRY_DEVICE_E_UNWANTED);
    machine_sleep(&m);
    assert_int_equal(m.now - start, 3600000);
}

static void a_url_that_is_refused_to_the_end_is_reported_and_not_laid_on_the_network(void **state)
{
    unsigned requests = 0;

    (void)state;
    m.cfg.give_up_ms = 4000;
    machine_upload_asked(&m);
    uint64_t start = m.now;
    while (machine_next(&m) == FERRY_ACT_HTTP) {
        requests++;
        machine_answer(&m, UP, 403);
        while (machine_next(&m) == FERRY_ACT_WAIT)
            m.now = m.act.deadline_ms;
        if (strstr(m.payload, "fail") != NULL)
            break;
        machine_say(&m,
                    "{'type':'create_upload_task_rsp','size':100000,'name':'f','url':'http://h/u','request_id':'$ID'}");
    }
    assert_in_range(requests, 3, 5);
    assert_int_equal(m.now - start, 4000); /* and not before */
    assert_non_null(strstr(m.payload, "\"result_code\":-3"));
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_E_URL, false);
}

static void a_broker_that_never_answers_is_a_timeout_when_time_is_up(void **state)
{
    ferry_upload_request request = {.name = "f", .size = 1, .md5 = file_bytes};

    (void)state;
    m.cfg.give_up_ms = 4000;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_CONNECT);
    machine_sleep(&m);
    finish_with(FERRY_DEVICE_E_NETWORK, true);
    assert_int_equal(m.act.why, FERRY_WHY_FAULT);
    assert_int_equal(m.act.detail, FERRY_FAULT_TIMEOUT);
}

static void retry_after_is_obeyed(void **state)
{
    ferry_http_head busy = {.status = 503, .retry_after_s = 120};
    uint64_t before = m.now;

    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_head(&m, UP, &busy), FERRY_DEVICE_E_UNWANTED);
    machine_sleep(&m);
    assert_int_equal(m.now - before, 120000);
}

static void a_file_that_the_store_finds_damaged_is_read_again(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(400);
    machine_sleep(&m);
    assert_int_equal(machine_expect(&m, FERRY_ACT_READ)->offset, 0);
}

/* After a pause the file is read once more. */
static void read_again(void)
{
    ferry_event read = {.kind = FERRY_EV_READ, .bytes = file_bytes, .len = FILE_SIZE};

    machine_sleep(&m);
    machine_expect(&m, FERRY_ACT_READ);
    assert_int_equal(ferry_device_event(&m.device, m.now, &read), FERRY_DEVICE_OK);
}

static void a_file_that_is_damaged_each_time_ends_with_a_report(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    for (unsigned i = 0; i < m.cfg.restarts_max; i++) {
        machine_expect(&m, FERRY_ACT_HTTP);
        answer(400);
        read_again();
        answer_url("http://h/u");
    }
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(400);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"result_code\":-4"));
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_E_DIGEST, false);
}

static void a_request_in_which_nothing_moves_is_ended(void **state)
{
    ferry_event sent = {.kind = FERRY_EV_SENT, .lane = UP, .offset = 10};
    uint64_t before = m.now;

    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    while (machine_next(&m) == FERRY_ACT_WAIT) {
        if (m.now - before < 30000)
            sent.offset++, (void)ferry_device_event(&m.device, m.now, &sent);
        m.now = m.act.deadline_ms;
    }
    assert_int_equal(m.act.kind, FERRY_ACT_HTTP_ABORT);
    assert_true(m.now - before >= 29000 + m.cfg.stall_ms);
    assert_int_equal(machine_fault(&m, FERRY_EV_HTTP_END, UP, FERRY_FAULT_NONE), FERRY_DEVICE_E_STATE); /* late */
    machine_sleep(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
}

static void done_is_repeated_until_it_is_confirmed(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(200);
    for (int i = 0; i < 5; i++) {
        machine_expect(&m, FERRY_ACT_PUBLISH);
        assert_non_null(strstr(m.payload, "done"));
        machine_sleep(&m);
    }
    confirm(0);
    finish_with(FERRY_DEVICE_OK, false);
}

static void done_that_the_platform_cannot_keep_now_is_said_again_as_done(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(200);
    confirm(FERRY_RESULT_INTERNAL);
    machine_sleep(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"done\""));
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_OK, false);
}

static void done_without_an_object_sends_the_file_again(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(200);
    confirm(FERRY_RESULT_NO_OBJECT);
    read_again();
    answer_url("http://h/u2");
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(200);
    confirm(0);
    finish_with(FERRY_DEVICE_OK, false);
}

static void done_that_is_never_believed_ends_with_a_report(void **state)
{
    static const int codes[] = {FERRY_RESULT_NO_TASK, FERRY_RESULT_NO_OBJECT, FERRY_RESULT_EXPIRED};

    (void)state;
    for (size_t k = 0; k < sizeof codes / sizeof codes[0]; k++) {
        machine_init(&m);
        machine_upload_asked(&m);
        for (unsigned i = 0; i < m.cfg.restarts_max; i++) {
            machine_expect(&m, FERRY_ACT_HTTP);
            answer(200);
            confirm(codes[k]);
            read_again();
            answer_url("http://h/u");
        }
        machine_expect(&m, FERRY_ACT_HTTP);
        answer(200);
        confirm(codes[k]);
        machine_confirm(&m, UP, "fail", 0);
        finish_with(FERRY_DEVICE_E_REFUSED, false);
        assert_int_equal(m.act.why, FERRY_WHY_RESULT);
        assert_int_equal(m.act.detail, codes[k]);
    }
}

static void an_unconfirmed_done_survives_a_reboot(void **state)
{
    (void)state;
    m.cfg.confirm_ms = 60000;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(200);
    while (machine_next(&m) != FERRY_ACT_FINISHED)
        if (m.act.kind == FERRY_ACT_WAIT)
            m.now = m.act.deadline_ms;
    assert_int_equal(m.act.err, FERRY_DEVICE_E_UNCONFIRMED);
    assert_true(m.act.kept);
    machine_reboot(&m);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"done\""));
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_OK, false);
    assert_int_equal(m.act.tag, 7);
}

static void after_a_reboot_the_same_file_is_not_read_again(void **state)
{
    ferry_upload_request same = {.name = "f", .size = FILE_SIZE, .tag = 7};
    static const ferry_upload_request others[] = {
        {.name = "f", .size = FILE_SIZE, .tag = 8},
        {.name = "f", .size = FILE_SIZE - 1, .tag = 7},
        {.name = "g", .size = FILE_SIZE, .tag = 7},
    };

    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    machine_reboot(&m);
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_KEPT);
    machine_expect(&m, FERRY_ACT_WAIT); /* it waits for the application to name the file */
    assert_int_equal(ferry_device_upload(&m.device, m.now, &same), FERRY_DEVICE_OK);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, file_md5()));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        machine_reboot(&m);
        assert_int_equal(ferry_device_upload(&m.device, m.now, &others[i]), FERRY_DEVICE_OK);
        machine_link(&m);
        assert_int_equal(machine_expect(&m, FERRY_ACT_READ)->offset, 0);
    }
}

static void a_source_that_cannot_be_read_ends_without_a_word_to_the_platform(void **state)
{
    ferry_upload_request request = {.name = "f", .size = FILE_SIZE};
    ferry_event empty = {.kind = FERRY_EV_READ, .bytes = file_bytes, .len = 0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        machine_init(&m);
        assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_READ);
        if (i == 0)
            assert_int_equal(machine_fault(&m, FERRY_EV_FILE_FAILED, UP, FERRY_FAULT_READ), FERRY_DEVICE_OK);
        else
            assert_int_equal(ferry_device_event(&m.device, m.now, &empty), FERRY_DEVICE_OK);
        finish_with(FERRY_DEVICE_E_SOURCE, false);
    }
}

static void a_cancel_by_the_device_tells_the_platform(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(ferry_device_stop(&m.device, m.now, UP, FERRY_STOP_FOR_GOOD), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"fail\""));
    assert_int_equal(ferry_device_stop(&m.device, m.now, UP, FERRY_STOP_FOR_GOOD), FERRY_DEVICE_E_STATE);
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':8,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_E_STOPPED, false);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(an_upload_asks_puts_reports_and_ends),
        T(an_upload_whose_md5_is_known_is_not_read),
        T(a_large_upload_is_probed_and_patched_from_where_it_broke_off),
        T(a_probe_that_finds_everything_leads_to_done),
        T(a_store_without_tus_gets_the_whole_file),
        T(an_expired_url_is_replaced_at_once),
        T(a_url_that_is_always_refused_ends_with_a_report),
        T(a_dead_store_is_tried_with_growing_pauses_and_then_left_for_later),
        T(a_broker_that_never_answers_is_a_timeout_when_time_is_up),
        T(retry_after_is_obeyed),
        T(retry_after_never_outlasts_the_patience),
        T(a_url_that_is_refused_to_the_end_is_reported_and_not_laid_on_the_network),
        T(a_file_that_the_store_finds_damaged_is_read_again),
        T(a_file_that_is_damaged_each_time_ends_with_a_report),
        T(a_request_in_which_nothing_moves_is_ended),
        T(done_is_repeated_until_it_is_confirmed),
        T(done_that_the_platform_cannot_keep_now_is_said_again_as_done),
        T(done_without_an_object_sends_the_file_again),
        T(done_that_is_never_believed_ends_with_a_report),
        T(an_unconfirmed_done_survives_a_reboot),
        T(after_a_reboot_the_same_file_is_not_read_again),
        T(a_source_that_cannot_be_read_ends_without_a_word_to_the_platform),
        T(a_cancel_by_the_device_tells_the_platform),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
