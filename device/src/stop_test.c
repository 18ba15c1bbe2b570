/* A transfer that is put aside goes on later; the platform is told nothing. */
#include "machine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define UP FERRY_LANE_UP
#define DOWN FERRY_LANE_DOWN

static struct machine m;

static int fresh(void **state)
{
    (void)state;
    machine_init(&m);
    return 0;
}

static ferry_device_err suspend(ferry_lane lane)
{
    return ferry_device_stop(&m.device, m.now, lane, FERRY_STOP_FOR_NOW);
}

static ferry_device_err upload_again(uint64_t tag)
{
    ferry_upload_request request = {.name = "f", .size = FILE_SIZE, .tag = tag};

    return ferry_device_upload(&m.device, m.now, &request);
}

static uint64_t tag_of_upload(void)
{
    ferry_lane_status status;

    ferry_device_status(&m.device, UP, &status);
    return status.tag;
}

static void a_suspended_upload_ends_its_request_and_goes_on_without_reading_the_file(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(suspend(UP), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_finish(&m, UP, FERRY_DEVICE_E_STOPPED, true);
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_KEPT);
    machine_expect(&m, FERRY_ACT_WAIT);
    assert_int_equal(upload_again(tag_of_upload()), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "create_upload_task"));
}

static void after_a_suspended_upload_another_file_is_read_first(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(suspend(UP), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_finish(&m, UP, FERRY_DEVICE_E_STOPPED, true);
    assert_int_equal(upload_again(tag_of_upload() + 1), FERRY_DEVICE_OK);
    assert_int_equal(machine_expect(&m, FERRY_ACT_READ)->offset, 0);
}

static void what_is_not_known_yet_is_not_kept(void **state)
{
    (void)state;
    assert_int_equal(upload_again(1), FERRY_DEVICE_OK);
    assert_int_equal(suspend(UP), FERRY_DEVICE_OK);
    while (machine_next(&m) == FERRY_ACT_CONNECT)
        ;
    assert_int_equal(m.act.kind, FERRY_ACT_FINISHED);
    assert_int_equal(m.act.err, FERRY_DEVICE_E_STOPPED);
    assert_false(m.act.kept);
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_IDLE);
}

static void a_suspended_download_fetches_the_rest_when_it_is_offered_again(void **state)
{
    char offer[256];

    (void)state;
    machine_fetch_opened(&m, 0);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(machine_status(&m, DOWN, 200), FERRY_DEVICE_OK);
    assert_int_equal(machine_body(&m, 0, 70000), FERRY_DEVICE_OK);
    assert_int_equal(suspend(DOWN), FERRY_DEVICE_OK);
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_finish(&m, DOWN, FERRY_DEVICE_E_STOPPED, true);
    ferry_device_fetch(&m.device, m.now);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    (void)snprintf(offer, sizeof offer,
                   "{'type':'get_download_task_rsp','size':%d,'name':'f','md5sum':'%s','url':'http://h/d2'}", FILE_SIZE,
                   file_md5());
    machine_say(&m, offer);
    assert_int_equal(machine_expect(&m, FERRY_ACT_OPEN)->offset, 70000);
}

static void a_suspended_result_is_told_after_the_next_start(void **state)
{
    (void)state;
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    machine_answer(&m, UP, 200);
    machine_expect(&m, FERRY_ACT_PUBLISH);
    assert_non_null(strstr(m.payload, "done"));
    assert_int_equal(suspend(UP), FERRY_DEVICE_OK);
    machine_finish(&m, UP, FERRY_DEVICE_E_STOPPED, true);
    assert_int_equal(machine_phase(&m, UP), FERRY_PHASE_IDLE);
    machine_reboot(&m);
    machine_link(&m);
    machine_confirm(&m, UP, "done", 0);
    machine_finish(&m, UP, FERRY_DEVICE_OK, false);
}

static void what_does_not_run_cannot_be_suspended(void **state)
{
    (void)state;
    assert_int_equal(suspend(UP), FERRY_DEVICE_E_STATE);
    assert_int_equal(suspend(DOWN), FERRY_DEVICE_E_STATE);
    machine_upload_asked(&m);
    machine_expect(&m, FERRY_ACT_HTTP);
    assert_int_equal(suspend(UP), FERRY_DEVICE_OK);
    assert_int_equal(suspend(UP), FERRY_DEVICE_E_STATE); /* its FINISHED comes anyway */
    machine_expect(&m, FERRY_ACT_HTTP_ABORT);
    machine_finish(&m, UP, FERRY_DEVICE_E_STOPPED, true);
    assert_int_equal(suspend(UP), FERRY_DEVICE_E_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_suspended_upload_ends_its_request_and_goes_on_without_reading_the_file, fresh),
        cmocka_unit_test_setup(after_a_suspended_upload_another_file_is_read_first, fresh),
        cmocka_unit_test_setup(what_is_not_known_yet_is_not_kept, fresh),
        cmocka_unit_test_setup(a_suspended_download_fetches_the_rest_when_it_is_offered_again, fresh),
        cmocka_unit_test_setup(a_suspended_result_is_told_after_the_next_start, fresh),
        cmocka_unit_test_setup(what_does_not_run_cannot_be_suspended, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
