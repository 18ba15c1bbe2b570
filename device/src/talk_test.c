#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UP FERRY_LANE_UP
#define finish_with(err, kept) machine_finish(&m, UP, err, kept)
#define answer(status) machine_answer(&m, UP, status)

static struct machine m;

static int fresh(void **state)
{
    (void)state;
    machine_init(&m);
    return 0;
}

static void a_refusal_ends_with_what_the_table_says(void **state)
{
    char text[256];

    (void)state;
    for (int code = 1; code <= 20; code++) {
        ferry_upload_request request = {.name = "f", .size = FILE_SIZE, .md5 = file_bytes};
        uint8_t verdict = ferry__decide(FERRY__ON_RESULT_UP, code)->verdict;
        machine_init(&m);
        assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        (void)snprintf(text, sizeof text,
                       "{'type':'create_upload_task_rsp','size':1,'name':'','md5sum':'','url':'','result_code':%d,"
                       "'result_msg':'','request_id':'$ID'}",
                       code);
        machine_say(&m, text);
        if (verdict == FERRY__STOP) {
            const ferry_action *act = machine_expect(&m, FERRY_ACT_FINISHED);
            assert_int_equal(act->why, FERRY_WHY_RESULT);
            assert_int_equal(act->detail, code);
        } else
            assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_PAUSE);
    }
}

static void a_cancel_from_the_platform_stops_the_request_at_once(void **state)
{
    static const char *const words[] = {
        "{'type':'report_upload_progress_rsp','result_code':10,'result_msg':'no'}",
        "{'type':'report_upload_progress_rsp','result_code':10,'result_msg':'no','request_id':'$ID'}",
        "{'type':'upload_result','report':{'progress':{'result_code':10}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        machine_init(&m);
        machine_upload_asked(&m);
        machine_expect(&m, FERRY_ACT_HTTP);
        machine_expect(&m, FERRY_ACT_WAIT);
        assert_int_equal(m.progress_reports, 1);
        machine_say(&m, words[i]);
        machine_expect(&m, FERRY_ACT_HTTP_ABORT);
        finish_with(FERRY_DEVICE_E_CANCELLED, false);
    }
}

static void a_word_for_another_transfer_is_not_heard(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':10,'result_msg':'','request_id':'0badc0de'}");
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':10,'result_msg':'','request_id':'x'}");
    machine_say(&m, "{'type':'report_download_progress_rsp','result_code':10,'result_msg':''}");
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_msg':''}");
    machine_say(&m, "{'type':'nonsense'}");
    machine_say(&m, "not JSON at all");
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_MOVE);
}

static void a_late_answer_to_progress_is_not_taken_for_the_answer_to_done(void **state)
{
    char progress_id[9];

    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    machine_expect(&m, FERRY_ACT_WAIT);
    memcpy(progress_id, m.id, sizeof progress_id);
    answer(200);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    char done_id[9];
    memcpy(done_id, m.id, sizeof done_id);
    assert_string_not_equal(progress_id, done_id);
    memcpy(m.id, progress_id, sizeof progress_id);
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_REPORT);
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':''}");
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_REPORT); /* this platform echoes ids */
    memcpy(m.id, done_id, sizeof done_id);
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':'','request_id':'$ID'}");
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_platform_without_request_ids_serves_as_well(void **state)
{
    ferry_upload_request request = {.name = "f", .size = FILE_SIZE, .tag = 7};
    ferry_event read = {.kind = FERRY_EV_READ, .bytes = file_bytes, .len = FILE_SIZE};
    char text[256];

    (void)state;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_READ);
    assert_int_equal(ferry_device_event(&m.device, m.now, &read), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'create_upload_task_rsp','size':5,'name':'f','md5sum':'00000000000000000000000000000000',"
                    "'url':'http://h/old'}"); /* the answer to an older request */
    machine_expect(&m, FERRY_ACT_WAIT);
    (void)snprintf(text, sizeof text,
                   "{'type':'create_upload_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'http://h/u'}", FILE_SIZE,
                   file_md5());
    machine_say(&m, text);
    assert_string_equal(machine_expect(&m, FERRY_ACT_HTTP)->url, "http://h/u");
    answer(200);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'report_upload_progress_rsp','result_code':0,'result_msg':''}");
    finish_with(FERRY_DEVICE_OK, false);
}

static void a_silent_platform_is_asked_again_and_then_left(void **state)
{
    ferry_upload_request request = {.name = "f", .size = 1, .md5 = file_bytes};
    unsigned questions = 0;

    (void)state;
    m.cfg.tries_max = 4;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_link(&m);
    while (machine_next(&m) == FERRY_ACT_PUBLISH) {
        questions++;
        machine_sleep(&m);
    }
    assert_int_equal(m.act.kind, FERRY_ACT_FINISHED);
    assert_int_equal(m.act.err, FERRY_DEVICE_E_SILENT);
    assert_true(m.act.kept);
    assert_int_equal(questions, 5);
}

static void a_url_that_cannot_be_a_request_line_is_no_answer(void **state)
{
    static const char *const urls[] = {
        "", "ftp://h/x", "http", "http://h/a b", "http://h/\\u000d\\u000aX: y", "http://h/\xc3\xa9"};
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        ferry_upload_request request = {.name = "f", .size = FILE_SIZE, .md5 = file_bytes};
        machine_init(&m);
        assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        (void)snprintf(text, sizeof text, "{'type':'create_upload_task_rsp','url':'%s','request_id':'$ID'}", urls[i]);
        machine_say(&m, text);
        assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_ASK);
    }
}

static void the_longest_url_fits_and_one_more_byte_does_not(void **state)
{
    char text[FERRY_URL_MAX + 200], url[FERRY_URL_MAX + 2];

    (void)state;
    for (size_t len = FERRY_URL_MAX; len <= FERRY_URL_MAX + 1; len++) {
        ferry_upload_request request = {.name = "f", .size = FILE_SIZE, .md5 = file_bytes};
        machine_init(&m);
        assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
        machine_link(&m);
        machine_expect(&m, FERRY_ACT_PUBLISH);
        memset(url, 'u', len);
        memcpy(url, "http://h/", 9);
        url[len] = '\0';
        (void)snprintf(text, sizeof text, "{'type':'create_upload_task_rsp','url':'%s','request_id':'$ID'}", url);
        machine_say(&m, text);
        assert_int_equal(machine_phase(&m, UP), len == FERRY_URL_MAX ? FERRY_PHASE_MOVE : FERRY_PHASE_ASK);
    }
}

static void the_longest_and_most_awkward_name_is_sent_whole(void **state)
{
    char name[FERRY_NAME_MAX + 1];
    ferry_upload_request request = {.name = name, .size = UINT64_MAX, .md5 = file_bytes};

    (void)state;
    memset(name, '"', FERRY_NAME_MAX);
    name[FERRY_NAME_MAX] = '\0';
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_int_equal(m.payload[m.act.len - 1], '}');
    assert_non_null(strstr(m.payload, "\"size\":18446744073709551615"));
    machine_say(&m, "{'type':'create_upload_task_rsp','url':'http://h/u','request_id':'$ID'}");
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(ferry_device_stop(&m.device, m.now, UP, FERRY_STOP_FOR_GOOD), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_int_equal(m.payload[m.act.len - 1], '}');
}

static void progress_is_reported_at_most_once_a_second_and_never_wraps(void **state)
{
    static const uint8_t md5[16];
    ferry_upload_request request = {.name = "f", .size = 1ull << 40, .md5 = md5};
    ferry_event sent = {.kind = FERRY_EV_SENT, .lane = UP};
    uint64_t end;

    (void)state;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    machine_say(&m, "{'type':'create_upload_task_rsp','url':'http://h/u','request_id':'$ID'}");
    machine_expect(&m, FERRY_ACT_HTTP);
    answer(403); /* to the probe: no tus */
    machine_expect(&m, FERRY_ACT_HTTP);
    for (end = m.now + 10000; m.now < end; m.now += 100) {
        sent.offset = (1ull << 40) / 2;
        assert_int_equal(ferry_device_event(&m.device, m.now, &sent), FERRY_DEVICE_OK);
        machine_expect(&m, FERRY_ACT_WAIT);
    }
    assert_int_equal(m.progress_reports, 10);
    assert_non_null(strstr(m.payload, "\"percent\":50"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(a_refusal_ends_with_what_the_table_says),
        T(a_cancel_from_the_platform_stops_the_request_at_once),
        T(a_word_for_another_transfer_is_not_heard),
        T(a_late_answer_to_progress_is_not_taken_for_the_answer_to_done),
        T(a_platform_without_request_ids_serves_as_well),
        T(a_silent_platform_is_asked_again_and_then_left),
        T(a_url_that_cannot_be_a_request_line_is_no_answer),
        T(the_longest_url_fits_and_one_more_byte_does_not),
        T(the_longest_and_most_awkward_name_is_sent_whole),
        T(progress_is_reported_at_most_once_a_second_and_never_wraps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
