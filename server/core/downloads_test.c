/* Downloads by hand-moved time: offered, fetched, refused, repeated, given up, and kept for a while. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bool text_is(ferry_text text, const char *expected)
{
    return ferry_text_equal(text, ferry_text_of(expected));
}

static void a_deployment_is_pushed_fetched_and_finished(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    struct deployment d = fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_true(text_is(a.msg.name, "fw"));
    assert_int_equal(a.msg.size, 5);
    assert_null(a.msg.sha256.ptr);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "done")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_DONE);
    struct deployment after;
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, &d.id, &after), FERRY_OK);
    assert_int_equal(after.state, DEPLOYMENT_FINISHED);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
}

static void one_at_a_time_and_the_next_at_once(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "one");
    fixture_add_resource(f, "two");
    fixture_deploy(f, "one", "D1", 0);
    fixture_advance_s(f, 1);
    fixture_deploy(f, "two", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_true(text_is(a.msg.name, "one"));
    fixture_expect_silence(f);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_true(text_is(a.msg.name, "one"));
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "one", "done")), FERRY_RESULT_OK);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_true(text_is(a.msg.name, "two"));
}

enum { PAUSED = 70 }; /* more than the engine reads at once */

static void the_one_that_runs_is_found_behind_many_that_are_paused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "first");
    fixture_deploy(f, "first", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    for (unsigned i = 0; i < PAUSED; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "paused%u", i);
        fixture_add_resource(f, name);
        struct command pause = {.kind = CMD_DEPLOYMENT_PAUSE, .id = fixture_deploy(f, name, "D1", 0).id};
        assert_int_equal(fixture_command(f, &pause), FERRY_OK);
    }
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "first", "done")), FERRY_RESULT_OK);
    fixture_expect_silence(f);
    fixture_add_resource(f, "last");
    fixture_deploy(f, "last", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_true(text_is(a.msg.name, "last"));
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_true(text_is(a.msg.name, "last"));
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "last", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "last").state, DOWNLOAD_DOWNLOADING);
    assert_int_equal(fixture_latest_download(f, "D1", "paused0").state, DOWNLOAD_QUEUED);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "last", "done")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "last").state, DOWNLOAD_DONE);
    fixture_expect_silence(f);
}

static void a_repeated_done_does_not_end_the_next_task(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_advance_s(f, 1);
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", "D1", 0);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "done")), FERRY_RESULT_OK);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "done")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_OFFERED);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "done")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_DONE);
}

static void a_silent_device_is_asked_again_and_times_out(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S - 1);
    fixture_expect_silence(f);
    fixture_advance_s(f, 1);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S);
    fixture_expect_silence(f);
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_advance_s(f, 3600);
    fixture_expect_silence(f);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_TIMED_OUT);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_EXPIRED);
}

static void a_rate_spreads_the_devices_over_time(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_device(f, "D2");
    fixture_add_device(f, "D3");
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", NULL, 2);
    fixture_turn(f);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_string_equal(a.topic, "$resource/down/service/P/D1");
    fixture_say(f, "D2", "{\"type\":\"get_download_task\"}"); /* not yet its turn */
    fixture_expect_silence(f);
    fixture_advance_s(f, 30);
    bool second = false;
    while (fixture_hear(f, &a))
        second |= strcmp(a.topic, "$resource/down/service/P/D2") == 0;
    assert_true(second);
    fixture_say(f, "D3", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
    fixture_advance_s(f, 30);
    fixture_say(f, "D3", "{\"type\":\"get_download_task\"}");
    bool third = false;
    while (fixture_hear(f, &a))
        third |= a.msg.type == FERRY_MSG_GET_DOWNLOAD_TASK_RSP;
    assert_true(third);
}

static unsigned count_pushes(struct fixture *f)
{
    struct answer a;
    unsigned count = 0;
    while (fixture_hear(f, &a))
        count += a.msg.type == FERRY_MSG_DOWNLOAD;
    return count;
}

static void who_asks_does_not_wait_for_many_that_are_silent(void **state)
{
    enum { DEVICES = 120, ASKING = 20 };
    struct fixture *f = *state;
    unsigned pushed = 0;
    fixture_add_devices(f, 2, DEVICES);
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", NULL, 0);
    fixture_turns(f, 10);
    assert_int_equal(count_pushes(f), DEVICES);
    fixture_wait_s(f, FERRY_PUSH_RETRY_FIRST_S);
    for (unsigned i = 0; i < ASKING; i++)
        fixture_send(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_turn(f); /* with those who ask: few of the others */
    pushed = count_pushes(f);
    assert_in_range(pushed, 1, ASKING / 4);
    fixture_turn(f); /* nobody asks: many */
    assert_true(count_pushes(f) > 4 * pushed);
    fixture_turns(f, 10);
    for (unsigned i = 1; i <= DEVICES; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "D%u", i);
        assert_int_equal(fixture_latest_download(f, name, "fw").pushes, 2);
    }
}

static void a_cancelled_download_is_stopped_by_its_next_report(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    struct deployment d = fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    struct command cancel = {.kind = CMD_DEPLOYMENT_CANCEL, .id = d.id};
    assert_int_equal(fixture_command(f, &cancel), FERRY_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_CANCELLED);
    assert_int_equal(fixture_command(f, &cancel), FERRY_E_STATE);
    fixture_expect_silence(f);
}

/* The generation of rights to fetch, which nobody can rely on beside other processes. */
static uint64_t rights(struct fixture *f)
{
    uint64_t generation = 0;
    assert_int_equal(engine_fetch_rights(f->engine, &generation), !f->many);
    return generation;
}

static void expect_rights_ended(struct fixture *f, uint64_t *generation)
{
    assert_true(f->many || rights(f) > *generation);
    *generation = rights(f);
}

static void each_end_of_a_right_to_fetch_is_told(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    uint64_t before = rights(f);
    fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(rights(f), before);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "fail")), FERRY_RESULT_OK);
    expect_rights_ended(f, &before);

    fixture_advance_s(f, 1);
    fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "done")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_DONE);
    assert_int_equal(rights(f), before); /* it may be fetched again */

    fixture_advance_s(f, 1);
    fixture_deploy(f, "fw", "D1", 0);
    fixture_advance_s(f, 30 * 86400u);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_TIMED_OUT);
    expect_rights_ended(f, &before);

    fixture_advance_s(f, (FERRY_RETENTION_DAYS - 29) * 86400u); /* the one that is done goes; the last one stays */
    expect_rights_ended(f, &before);
}

static void a_device_that_is_disabled_or_removed_loses_its_right_to_fetch(void **state)
{
    struct fixture *f = *state;
    uint64_t before = rights(f);
    struct command disable = {.kind = CMD_DEVICE_CHANGE, .disabled_given = true};
    assert_true(device_key_make("P", "D1", &disable.device.key));
    disable.device.disabled = true;
    assert_int_equal(fixture_command(f, &disable), FERRY_OK);
    expect_rights_ended(f, &before);
    struct command removal = {.kind = CMD_DEVICE_REMOVE, .device.key = disable.device.key};
    assert_int_equal(fixture_command(f, &removal), FERRY_OK);
    expect_rights_ended(f, &before);
}

static void failed_devices_can_be_tried_again(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    struct deployment d = fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "fail")), FERRY_RESULT_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "fw", "fail")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_FAILED);
    struct command retry = {.kind = CMD_DEPLOYMENT_RETRY, .id = d.id};
    assert_int_equal(fixture_command(f, &retry), FERRY_OK);
    assert_int_equal(retry.count, 1);
    fixture_turn(f);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    struct deployment after;
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, &d.id, &after), FERRY_OK);
    assert_int_equal(after.state, DEPLOYMENT_ACTIVE);
}

static void a_deployment_says_what_is_wrong_with_it(void **state)
{
    struct fixture *f = *state;
    const char *nobody = "nobody";
    struct command cmd = {.kind = CMD_DEPLOY, .deploy = {.product = "P", .resource_name = "fw", .all = true}};
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
    fixture_add_resource(f, "fw");
    cmd.deploy.timeout_s = 59;
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_ARG);
    assert_non_null(strstr(cmd.detail, "60 to"));
    cmd.deploy = (struct deploy_order){.product = "P", .resource_name = "fw", .devices = &nobody, .device_count = 1};
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
    assert_non_null(strstr(cmd.detail, "P/nobody"));

    fixture_add_resource(f, "quote\"d");
    cmd.deploy = (struct deploy_order){.product = "P", .resource_name = "quote\"d", .all = true};
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_ARG);
    cmd.deploy.force = true;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
}

static void a_removed_device_leaves_no_open_task(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    struct command cmd = {.kind = CMD_DEVICE_REMOVE};
    assert_true(device_key_make("P", "D1", &cmd.device.key));
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_CANCELLED);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_CANCELLED);
}

static void finished_tasks_go_after_their_retention(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    fixture_put_hello(f, &task.id);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done")), FERRY_RESULT_OK);

    fixture_advance_s(f, (FERRY_RETENTION_DAYS - 1) * 86400u);
    uint64_t size = 0;
    assert_int_equal(f->parts.objects->ops->stat(f->parts.objects, &task.id, &size), FERRY_OK);
    fixture_advance_s(f, 2 * 86400u);
    assert_int_equal(f->parts.objects->ops->stat(f->parts.objects, &task.id, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(f->real_store_ops->upload_get(f->reader, &task.id, &task), FERRY_E_NOT_FOUND);
}

#define PLATFORM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        PLATFORM_TEST(a_deployment_is_pushed_fetched_and_finished),
        PLATFORM_TEST(one_at_a_time_and_the_next_at_once),
        PLATFORM_TEST(the_one_that_runs_is_found_behind_many_that_are_paused),
        PLATFORM_TEST(a_repeated_done_does_not_end_the_next_task),
        PLATFORM_TEST(a_silent_device_is_asked_again_and_times_out),
        PLATFORM_TEST(who_asks_does_not_wait_for_many_that_are_silent),
        PLATFORM_TEST(a_rate_spreads_the_devices_over_time),
        PLATFORM_TEST(a_cancelled_download_is_stopped_by_its_next_report),
        PLATFORM_TEST(each_end_of_a_right_to_fetch_is_told),
        PLATFORM_TEST(a_device_that_is_disabled_or_removed_loses_its_right_to_fetch),
        PLATFORM_TEST(failed_devices_can_be_tried_again),
        PLATFORM_TEST(a_deployment_says_what_is_wrong_with_it),
        PLATFORM_TEST(a_removed_device_leaves_no_open_task),
        PLATFORM_TEST(finished_tasks_go_after_their_retention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
