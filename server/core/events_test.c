/* What the event log tells of each change, and what it keeps. */
#include "engine_fixture.h"

#include "clock/manual.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static uint64_t last_id(struct fixture *f)
{
    struct event_bounds bounds;
    assert_int_equal(f->real_store_ops->event_bounds(f->reader, &bounds), FERRY_OK);
    return bounds.last;
}

/* The events behind the id, as "kind before>state" lines. */
static void expect_log(struct fixture *f, uint64_t after, const char *want)
{
    struct event events[32];
    char got[2048] = "";
    size_t count = 0, len = 0;
    assert_int_equal(f->real_store_ops->event_list(f->reader, after, events, 32, &count), FERRY_OK);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(events[i].product, "P");
        len += (size_t)snprintf(got + len, sizeof got - len, "%s %s>%s\n", event_kind_name(events[i].kind),
                                events[i].before, events[i].state);
    }
    assert_string_equal(got, want);
}

static void report(struct fixture *f, const char *state, int percent, int code)
{
    char json[256];
    struct answer a;
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"report_download_progress\",\"name\":\"fw\",\"progress\":{\"state\":\"%s\",\"percent\":%d,"
                   "\"result_code\":%d,\"result_msg\":\"why\"}}", state, percent, code);
    fixture_say(f, "D1", json);
    while (fixture_hear(f, &a))
        continue;
}

static void delivery_is_told_from_the_order_to_the_end(void **state)
{
    struct fixture *f = *state;
    struct event last;
    size_t count = 0;
    fixture_add_resource(f, "fw");
    uint64_t before = last_id(f);
    fixture_deploy(f, "fw", "D1", 0);
    fixture_turn(f);
    report(f, "downloading", 1, 0);
    report(f, "downloading", 5, 0); /* the same ten */
    report(f, "downloading", 55, 0);
    report(f, "fail", 55, -3);
    expect_log(f, before,
               "deployment.changed >active\ndownload.changed >queued\ndownload.changed queued>offered\n"
               "download.changed offered>downloading\ndownload.changed downloading>downloading\n"
               "download.changed downloading>failed\ndeployment.changed active>finished\n");
    assert_int_equal(f->real_store_ops->event_list(f->reader, before + 5, &last, 1, &count), FERRY_OK);
    assert_int_equal(last.result_code, -3);
    assert_int_equal(last.percent, 55);
    assert_string_equal(last.text, "why");
    assert_string_equal(last.device, "D1");
}

static void uploads_devices_and_resources_are_told(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    uint64_t before = last_id(f);
    struct command disable = {
        .kind = CMD_DEVICE_CHANGE, .device = {.key = {"P", "D1"}, .disabled = true}, .disabled_given = true};
    struct command resource = {.kind = CMD_RESOURCE_REMOVE};
    struct command device = {.kind = CMD_DEVICE_REMOVE, .device = {.key = {"P", "D1"}}};

    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"log\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    resource.id = fixture_add_resource(f, "fw");
    assert_int_equal(fixture_command(f, &resource), FERRY_OK);
    assert_int_equal(fixture_command(f, &disable), FERRY_OK);
    assert_int_equal(fixture_command(f, &disable), FERRY_OK); /* nothing new */
    assert_int_equal(fixture_command(f, &device), FERRY_OK);
    expect_log(f, before,
               "upload.changed >created\nresource.changed >available\nresource.changed available>deleted\n"
               "device.changed enabled>disabled\ndevice.changed disabled>deleted\nupload.changed created>cancelled\n");
}

static void upload_that_recovery_finds_stored_is_told(void **state)
{
    struct fixture *f = *state;
    struct event created;
    struct answer a;
    ferry_id id;
    size_t count = 0;
    uint64_t before = last_id(f);
    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"log\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(f->real_store_ops->event_list(f->reader, before, &created, 1, &count), FERRY_OK);
    assert_true(ferry_id_parse(created.task, strlen(created.task), &id));
    fixture_put_hello(f, &id);
    fixture_crash(f);
    expect_log(f, before, "upload.changed >created\nupload.changed created>stored\n");
}

static void command_that_is_undone_leaves_no_event(void **state)
{
    struct fixture *f = *state;
    uint64_t before = last_id(f);
    struct command none = {.kind = CMD_DEVICE_REMOVE, .device = {.key = {"P", "nobody"}}};
    struct command again = {.kind = CMD_DEVICE_ADD, .device = {.key = {"P", "D1"}}};
    assert_int_equal(fixture_command(f, &none), FERRY_E_NOT_FOUND);
    assert_int_equal(fixture_command(f, &again), FERRY_E_EXISTS);
    assert_int_equal(last_id(f), before);
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

static void watcher_is_woken_by_commits_with_events_only(void **state)
{
    struct fixture *f = *state;
    int calls = 0, others = 0;
    struct command product = {.kind = CMD_PRODUCT_ADD, .product = {.name = "Q"}};
    assert_int_equal(engine_watch_events(f->engine, count_call, &calls), FERRY_OK);
    assert_int_equal(engine_watch_events(f->engine, count_call, &others), FERRY_OK);
    assert_int_equal(fixture_command(f, &product), FERRY_OK);
    assert_int_equal(calls, 0);
    fixture_add_resource(f, "fw");
    assert_int_equal(calls, 1);
    engine_unwatch_events(f->engine, count_call, &calls);
    fixture_add_resource(f, "fw2");
    assert_int_equal(calls, 1);
    assert_int_equal(others, 2);
}

static void expect_first(struct fixture *f, uint64_t first)
{
    struct event_bounds bounds;
    assert_int_equal(f->real_store_ops->event_bounds(f->reader, &bounds), FERRY_OK);
    assert_int_equal(bounds.first, first);
}

static void log_is_cut_by_age_and_never_empty(void **state)
{
    struct fixture *f = *state;
    uint64_t old = last_id(f);
    fixture_advance_s(f, 20 * 86400);
    fixture_add_resource(f, "a");
    fixture_advance_s(f, 11 * 86400);
    fixture_turn(f);
    expect_first(f, old + 1);
    fixture_advance_s(f, 100 * 86400);
    fixture_turn(f);
    expect_first(f, old + 1); /* the last one stays */
}

static void log_is_cut_by_count(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    memset(f, 0, sizeof *f);
    fixture_open(f);
    f->settings.events_max = 3;
    fixture_crash(f);
    fixture_add_devices(f, 0, 7);
    fixture_advance_s(f, 61);
    fixture_turn(f);
    expect_first(f, last_id(f) - 2);
}

/* By halving, retention finds where the log is to be cut: that takes times that never go back. */
static void times_in_the_log_do_not_go_back_over_a_restart(void **state)
{
    struct fixture *f = *state;
    struct event events[2];
    size_t count = 0;
    uint64_t before = last_id(f);
    fixture_advance_s(f, 3600);
    fixture_add_resource(f, "a");
    clock_manual_step_wall(f->parts.clock, -1800 * 1000);
    fixture_crash(f);
    fixture_add_resource(f, "b");
    assert_int_equal(f->real_store_ops->event_list(f->reader, before, events, 2, &count), FERRY_OK);
    assert_int_equal(count, 2);
    assert_true(events[1].time_ms >= events[0].time_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(delivery_is_told_from_the_order_to_the_end, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(uploads_devices_and_resources_are_told, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(upload_that_recovery_finds_stored_is_told, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(command_that_is_undone_leaves_no_event, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(watcher_is_woken_by_commits_with_events_only, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(times_in_the_log_do_not_go_back_over_a_restart, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(log_is_cut_by_age_and_never_empty, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(log_is_cut_by_count, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
