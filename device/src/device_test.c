#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct machine m;

static int fresh(void **state)
{
    (void)state;
    machine_init(&m);
    return 0;
}

/* ---- memory and settings ---- */

static void the_memory_is_enough_to_the_byte(void **state)
{
    size_t need = 0, exact = FERRY_DEVICE_MEM(FERRY_NAME_MAX, FERRY_URL_MAX);

    (void)state;
    assert_int_equal(ferry_device_init(&m.device, &m.cfg, m.mem, exact - 1, 1, &need), FERRY_DEVICE_E_MEMORY);
    assert_int_equal(need, exact);
    assert_int_equal(ferry_device_init(&m.device, &m.cfg, m.mem, exact - 1, 1, NULL), FERRY_DEVICE_E_MEMORY);
    assert_int_equal(ferry_device_init(&m.device, &m.cfg, m.mem, exact, 1, &need), FERRY_DEVICE_OK);
}

static void the_context_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(ferry_device) <= 1024);
}

static void settings_out_of_range_are_refused(void **state)
{
    static const ferry_device_config good = {.product = "p", .device = "d", FERRY_DEVICE_DEFAULTS};
    ferry_device_config c;

    (void)state;
#define REFUSED(change)                                                                                       \
    do {                                                                                                      \
        c = good;                                                                                             \
        c.change;                                                                                             \
        assert_int_equal(ferry_device_init(&m.device, &c, m.mem, sizeof m.mem, 1, NULL), FERRY_DEVICE_E_ARG); \
    } while (0)
    REFUSED(product = NULL);
    REFUSED(product = "");
    REFUSED(device = "a/b");
    REFUSED(device = "a\"b");
    REFUSED(product = "a\\b");
    REFUSED(name_max = 0);
    REFUSED(name_max = FERRY_NAME_MAX + 1);
    REFUSED(url_max = 63);
    REFUSED(tries_max = 0);
    REFUSED(answer_ms = 0);
    REFUSED(connect_ms = 0);
    REFUSED(stall_ms = 0);
    REFUSED(backoff_first_ms = 0);
    REFUSED(backoff_max_ms = 0);
    REFUSED(confirm_ms = 0);
    REFUSED(give_up_ms = 0);
    REFUSED(progress_ms = 0);
}

static void an_upload_with_a_bad_name_or_size_is_refused(void **state)
{
    char name[FERRY_NAME_MAX + 2];
    ferry_upload_request request = {.name = name, .size = 1};

    (void)state;
    memset(name, 'n', sizeof name);
    name[FERRY_NAME_MAX + 1] = '\0';
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_E_ARG);
    name[0] = '\0';
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_E_ARG);
    request.name = "a\nb";
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_E_ARG);
    request.name = "ok";
    request.size = 0;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_E_ARG);
    request.size = 1;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_E_STATE);
}

static void every_error_has_a_name_and_a_number_of_its_own(void **state)
{
    int number = 0;

    (void)state;
#define X(name, value, wire, text)    \
    assert_int_equal(name, number++); \
    assert_string_equal(ferry_device_err_text(name), text);
    FERRY_DEVICE_ERR_LIST(X)
#undef X
    assert_string_equal(ferry_device_err_text((ferry_device_err)number), "unknown error");
}

/* ---- the link ---- */

static void an_idle_device_does_not_connect(void **state)
{
    (void)state;
    machine_expect(&m, FERRY_ACT_WAIT);
    assert_int_equal(m.act.deadline_ms, UINT64_MAX);
}

static void a_broker_that_is_gone_is_tried_with_growing_pauses_for_ever(void **state)
{
    uint64_t before, longest = 0;

    (void)state;
    ferry_device_listen(&m.device, m.now, true);
    for (int i = 0; i < 300; i++) {
        machine_expect(&m, FERRY_ACT_CONNECT);
        assert_int_equal(machine_fault(&m, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_CONNECT), FERRY_DEVICE_OK);
        before = m.now;
        machine_sleep(&m);
        if (m.now - before > longest)
            longest = m.now - before;
        assert_true(m.now - before >= 500 && m.now - before <= m.cfg.backoff_max_ms);
    }
    assert_true(longest > m.cfg.backoff_max_ms / 2);
}

static void two_devices_do_not_pause_in_step(void **state)
{
    static struct machine other;
    unsigned same = 0;

    (void)state;
    machine_init(&other);
    assert_int_equal(ferry_device_init(&other.device, &other.cfg, other.mem, sizeof other.mem, 43, NULL),
                     FERRY_DEVICE_OK);
    for (int i = 1; i < 20; i++)
        same += ferry__backoff(&m.device, 7) == ferry__backoff(&other.device, 7);
    assert_true(same < 3);
}

static void a_connection_that_hangs_is_dropped(void **state)
{
    (void)state;
    ferry_device_listen(&m.device, m.now, true);
    machine_expect(&m, FERRY_ACT_CONNECT);
    machine_sleep(&m);
    machine_expect(&m, FERRY_ACT_DISCONNECT);
    machine_sleep(&m);
    machine_expect(&m, FERRY_ACT_CONNECT);
    assert_int_equal(machine_event(&m, FERRY_EV_LINK_UP, FERRY_LANE_UP), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_SUBSCRIBE);
    machine_sleep(&m); /* no SUBACK */
    machine_expect(&m, FERRY_ACT_DISCONNECT);
}

static void a_refused_credential_ends_a_transfer_but_not_a_listener(void **state)
{
    ferry_upload_request request = {.name = "f", .size = 1, .md5 = file_bytes};

    (void)state;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_CONNECT);
    assert_int_equal(machine_fault(&m, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_REFUSED), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_FINISHED);
    assert_int_equal(m.act.err, FERRY_DEVICE_E_CREDENTIAL);
    assert_true(m.act.kept);
    machine_init(&m);
    ferry_device_listen(&m.device, m.now, true);
    machine_expect(&m, FERRY_ACT_CONNECT);
    assert_int_equal(machine_fault(&m, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_REFUSED), FERRY_DEVICE_OK);
    uint64_t before = m.now;
    machine_sleep(&m);
    assert_true(m.now - before >= m.cfg.backoff_max_ms / 2);
    machine_expect(&m, FERRY_ACT_CONNECT);
}

static void without_a_broker_a_transfer_gives_up_in_time(void **state)
{
    ferry_upload_request request = {.name = "f", .size = 1, .md5 = file_bytes};
    uint64_t start = m.now;

    (void)state;
    m.cfg.give_up_ms = 90000;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    while (machine_next(&m) != FERRY_ACT_FINISHED) {
        if (m.act.kind == FERRY_ACT_CONNECT)
            (void)machine_fault(&m, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_DNS);
        else
            m.now = m.act.deadline_ms;
    }
    assert_int_equal(m.now - start, 90000);
    assert_int_equal(m.act.err, FERRY_DEVICE_E_NETWORK);
    assert_int_equal(m.act.detail, FERRY_FAULT_DNS);
    assert_true(m.act.kept);
}

static void a_lost_link_does_not_disturb_a_transfer(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_fault(&m, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
    assert_int_equal(machine_status(&m, FERRY_LANE_UP, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, FERRY_LANE_UP), FERRY_DEVICE_OK);
    machine_sleep(&m);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "\"done\""));
}

static void a_question_whose_answer_went_with_the_link_is_asked_again(void **state)
{
    ferry_upload_request request = {.name = "f", .size = 1, .md5 = file_bytes};

    (void)state;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_int_equal(machine_fault(&m, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, FERRY_FAULT_LOST), FERRY_DEVICE_OK);
    machine_sleep(&m);
    machine_link(&m);
    machine_expect(&m, FERRY_ACT_PUBLISH);
}

/* ---- both lanes, time ---- */

static void both_directions_run_at_once(void **state)
{
    char text[256];

    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(m.act.lane, FERRY_LANE_UP);
    ferry_device_fetch(&m.device, m.now);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    (void)snprintf(text, sizeof text,
                   "{'type':'get_download_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'http://h/d1'}", FILE_SIZE,
                   file_md5());
    machine_say(&m, text);
    machine_expect(&m, FERRY_ACT_OPEN);
    ferry_event opened = {.kind = FERRY_EV_OPENED, .lane = FERRY_LANE_DOWN};
    assert_int_equal(ferry_device_event(&m.device, m.now, &opened), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(m.act.lane, FERRY_LANE_DOWN);
    assert_int_equal(machine_status(&m, FERRY_LANE_DOWN, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, FILE_SIZE), FERRY_DEVICE_OK);
    assert_int_equal(machine_status(&m, FERRY_LANE_UP, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, FERRY_LANE_UP), FERRY_DEVICE_OK);
    assert_int_equal(machine_event(&m, FERRY_EV_HTTP_END, FERRY_LANE_DOWN), FERRY_DEVICE_OK);
    assert_int_equal(machine_phase(&m, FERRY_LANE_UP), FERRY_PHASE_REPORT);
    assert_int_equal(machine_phase(&m, FERRY_LANE_DOWN), FERRY_PHASE_COMMIT);
}

static void a_lane_that_reads_does_not_starve_the_other(void **state)
{
    ferry_upload_request request = {.name = "big", .size = 1u << 30};
    ferry_event read = {.kind = FERRY_EV_READ, .bytes = file_bytes, .len = 1000};

    (void)state;
    assert_int_equal(ferry_device_upload(&m.device, m.now, &request), FERRY_DEVICE_OK);
    ferry_device_fetch(&m.device, m.now);
    machine_link(&m);
    for (int i = 0; i < 4 && machine_next(&m) != FERRY_ACT_PUBLISH; i++)
        assert_int_equal(ferry_device_event(&m.device, m.now, &read), FERRY_DEVICE_OK);
    assert_int_equal(m.act.kind, FERRY_ACT_PUBLISH);
}

static void events_that_do_not_fit_change_nothing(void **state)
{
    ferry_device before;
    ferry_http_head head = {.status = 200};

    (void)state;
    before = m.device;
    for (int lane = FERRY_LANE_UP; lane <= FERRY_LANE_DOWN; lane++)
        for (int kind = 0; kind <= FERRY_EV_HTTP_END + 1; kind++) {
            char payload[] = "{}";
            ferry_event event = {.kind = (ferry_event_kind)kind,
                                 .lane = (ferry_lane)lane,
                                 .head = &head,
                                 .bytes = file_bytes,
                                 .payload = payload,
                                 .len = 2};
            ferry_device_err err = ferry_device_event(&m.device, m.now, &event);
            assert_true(kind == FERRY_EV_MESSAGE || err != FERRY_DEVICE_OK);
            before.now_ms = m.device.now_ms;
            assert_memory_equal(&m.device, &before, sizeof before);
        }
}

static void time_that_goes_back_is_ignored(void **state)
{
    (void)state;
    m.now = 1ull << 40;
    ferry_device_listen(&m.device, m.now, true);
    machine_expect(&m, FERRY_ACT_CONNECT);
    ferry_action act;
    ferry_device_next(&m.device, 5, &act);
    assert_int_equal(act.kind, FERRY_ACT_WAIT);
    assert_int_equal(act.deadline_ms, (1ull << 40) + m.cfg.connect_ms);
}

static void time_beyond_32_bits_and_years_of_waiting_are_no_trouble(void **state)
{
    (void)state;
    m.now = UINT32_MAX - 5;
    ferry_device_listen(&m.device, m.now, true);
    machine_expect(&m, FERRY_ACT_CONNECT);
    machine_sleep(&m);
    assert_true(m.now > UINT32_MAX);
    machine_expect(&m, FERRY_ACT_DISCONNECT);
    m.now += 10ull * 365 * 86400 * 1000;
    machine_expect(&m, FERRY_ACT_CONNECT);
}

static void two_devices_in_one_process_do_not_touch_each_other(void **state)
{
    static struct machine other;

    (void)state;
    machine_init(&other);
    other.cfg.device = "other";
    machine_upload_asked(&m);
    ferry_device_fetch(&other.device, other.now);
    machine_expect(&other, FERRY_ACT_CONNECT);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_phase(&other, FERRY_LANE_UP), FERRY_PHASE_IDLE);
    assert_int_equal(machine_phase(&m, FERRY_LANE_DOWN), FERRY_PHASE_IDLE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        T(the_memory_is_enough_to_the_byte),
        T(the_context_is_small),
        T(settings_out_of_range_are_refused),
        T(an_upload_with_a_bad_name_or_size_is_refused),
        T(every_error_has_a_name_and_a_number_of_its_own),
        T(an_idle_device_does_not_connect),
        T(a_broker_that_is_gone_is_tried_with_growing_pauses_for_ever),
        T(two_devices_do_not_pause_in_step),
        T(a_connection_that_hangs_is_dropped),
        T(a_refused_credential_ends_a_transfer_but_not_a_listener),
        T(without_a_broker_a_transfer_gives_up_in_time),
        T(a_lost_link_does_not_disturb_a_transfer),
        T(a_question_whose_answer_went_with_the_link_is_asked_again),
        T(both_directions_run_at_once),
        T(a_lane_that_reads_does_not_starve_the_other),
        T(events_that_do_not_fit_change_nothing),
        T(time_that_goes_back_is_ignored),
        T(time_beyond_32_bits_and_years_of_waiting_are_no_trouble),
        T(two_devices_in_one_process_do_not_touch_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
