/* Deployments by hand-moved time: when devices are offered their file, tried again, and given up. */
#include "deployment_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(struct fixture *f, const char *state, int code)
{
    char json[256];
    struct answer a;
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"report_download_progress\",\"name\":\"fw\",\"progress\":{\"state\":\"%s\",\"percent\":1,"
                   "\"result_code\":%d,\"result_msg\":\"why\"}}", state, code);
    while (fixture_hear(f, &a)) /* offers that were repeated meanwhile */
        assert_int_equal(a.msg.type, FERRY_MSG_DOWNLOAD);
    fixture_say(f, "D1", json);
    fixture_expect(f, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_OK);
}

static struct download_task task_of(struct fixture *f)
{
    return fixture_latest_download(f, "D1", "fw");
}

static void expect_offer(struct fixture *f)
{
    struct answer a;
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
}

static void a_device_that_failed_is_tried_again_and_the_deployment_goes_on(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 2}, &d), FERRY_OK);
    expect_offer(f);
    say(f, "fail", -4);
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    assert_int_equal(task_of(f).result_code, -4);
    fixture_advance_s(f, FERRY_DEPLOY_RETRY_FIRST_S - 1);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}"); /* nor when it asks */
    fixture_expect_silence(f);
    fixture_advance_s(f, 1);
    expect_offer(f);
    say(f, "fail", -4);
    fixture_advance_s(f, 2 * FERRY_DEPLOY_RETRY_FIRST_S - 1);
    fixture_expect_silence(f);
    fixture_crash(f); /* all of it is on disk */
    fixture_advance_s(f, 1);
    expect_offer(f);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_ACTIVE);
    say(f, "fail", -4);
    assert_int_equal(task_of(f).state, DOWNLOAD_FAILED);
    assert_int_equal(task_of(f).retries, 2);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
}

static void a_device_that_waits_for_its_retry_gets_the_next_file_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 1}, &d), FERRY_OK);
    expect_offer(f);
    fixture_add_resource(f, "other");
    fixture_deploy(f, "other", "D1", 0);
    fixture_expect_silence(f);
    say(f, "fail", -4);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_true(ferry_text_equal(a.msg.name, ferry_text_of("other")));
}

static void a_silent_device_is_tried_again_after_its_time(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 1, .timeout_s = 60}, &d), FERRY_OK);
    fixture_advance_s(f, 60);
    while (fixture_hear(f, &a))
        continue;
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    fixture_advance_s(f, FERRY_DEPLOY_RETRY_FIRST_S);
    expect_offer(f);
    say(f, "done", 0);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(task_of(f).result_code, 0);
}

static void nothing_is_offered_before_the_start_and_it_survives_a_crash(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    uint64_t now_ms = engine_now_ms(f->engine);
    assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = now_ms + 100000}, &d), FERRY_OK);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_advance_s(f, 50);
    fixture_crash(f);
    fixture_advance_s(f, 49);
    fixture_expect_silence(f);
    fixture_advance_s(f, 2);
    expect_offer(f);
    assert_int_equal(task_of(f).deadline_ms, now_ms + 100000 + 1000ull * FERRY_DEPLOY_TIMEOUT_S);
}

static void at_its_end_a_deployment_gives_up_what_has_not_ended(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    uint64_t now_ms = engine_now_ms(f->engine);
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 5, .end_ms = now_ms + 90000}, &d), FERRY_OK);
    expect_offer(f);
    say(f, "downloading", 0);
    fixture_advance_s(f, 90);
    while (fixture_hear(f, &a))
        continue;
    assert_int_equal(task_of(f).state, DOWNLOAD_TIMED_OUT);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    struct command retry = {.kind = CMD_DEPLOYMENT_RETRY, .id = d.id};
    assert_int_equal(fixture_command(f, &retry), FERRY_E_STATE);
    assert_non_null(strstr(retry.detail, "is over"));
    struct command one = {.kind = CMD_DOWNLOAD_RETRY, .id = task_of(f).id};
    assert_int_equal(fixture_command(f, &one), FERRY_E_STATE);
}

static void a_paused_deployment_offers_nothing_and_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = engine_now_ms(f->engine) + 30000, .timeout_s = 60}, &d),
                     FERRY_OK);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_E_STATE);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_E_STATE);
    fixture_advance_s(f, 1000); /* past its start and its time */
    fixture_crash(f);
    fixture_advance_s(f, 1000);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    fixture_add_resource(f, "other"); /* who waits for it is free for others */
    fixture_deploy(f, "other", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_true(ferry_text_equal(a.msg.name, ferry_text_of("other")));
    fixture_say(f, "D1", "{\"type\":\"report_download_progress\",\"name\":\"other\",\"progress\":{\"state\":\"done\"}}");
    fixture_expect(f, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, &a);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_crash(f);
    fixture_advance_s(f, 29);
    fixture_expect_silence(f);
    fixture_advance_s(f, 1);
    expect_offer(f);
    say(f, "done", 0);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
}

/* More than are read at once; one of them. */
static struct deployment pause_many(struct fixture *f)
{
    struct deployment d;
    for (unsigned i = 0; i < 70; i++) {
        assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = engine_now_ms(f->engine) + 10000}, &d), FERRY_OK);
        assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    }
    fixture_advance_s(f, 20);
    return d;
}

static void expect_file(struct fixture *f, ferry_msg_type type, const char *name)
{
    struct answer a;
    fixture_expect(f, type, &a);
    assert_true(ferry_text_equal(a.msg.name, ferry_text_of(name)));
}

static void what_is_behind_many_paused_ones_is_offered_alone(void **state)
{
    struct fixture *f = *state;
    struct deployment paused = pause_many(f);
    struct answer a;
    fixture_add_resource(f, "other");
    fixture_deploy(f, "other", "D1", 0);
    expect_file(f, FERRY_MSG_DOWNLOAD, "other");
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    expect_file(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, "other");
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &paused), FERRY_OK);
    fixture_advance_s(f, 15);
    while (fixture_hear(f, &a)) /* it is pushed again */
        assert_true(ferry_text_equal(a.msg.name, ferry_text_of("other")));
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    expect_file(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, "other");
    fixture_expect_silence(f);
    fixture_say(f, "D1", "{\"type\":\"report_download_progress\",\"name\":\"\",\"progress\":{\"state\":\"done\"}}"); /* of the running one */
    fixture_expect(f, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, &a);
    expect_file(f, FERRY_MSG_DOWNLOAD, "fw");
    assert_int_equal(fixture_latest_download(f, "D1", "other").state, DOWNLOAD_DONE);
}

static void what_runs_goes_on_through_a_pause(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 1}, &d), FERRY_OK);
    expect_offer(f);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    say(f, "downloading", 0);
    fixture_advance_s(f, 3000);
    say(f, "fail", -4);
    fixture_advance_s(f, 5000); /* its retry waits */
    fixture_expect_silence(f);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_advance_s(f, FERRY_DEPLOY_RETRY_FIRST_S);
    expect_offer(f);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    say(f, "done", 0);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_E_STATE);
}

static void a_paused_deployment_ends_at_its_end_and_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    uint64_t now_ms = engine_now_ms(f->engine);
    assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = now_ms + 10000, .end_ms = now_ms + 90000}, &d), FERRY_OK);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 89);
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    fixture_advance_s(f, 1);
    assert_int_equal(task_of(f).state, DOWNLOAD_TIMED_OUT);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = now_ms + 900000}, &d), FERRY_OK);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_CANCEL, &d), FERRY_OK);
    assert_int_equal(task_of(f).state, DOWNLOAD_CANCELLED);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_E_STATE);
}

static struct fixture *asked; /* by a device, whenever a task is written */

static ferry_err put_while_asked(struct store_conn *c, const struct download_task *task)
{
    fixture_send(asked, "D1", "{\"type\":\"get_download_task\"}");
    return asked->real_store_ops->download_put(c, task);
}

static uint64_t tasks_made(struct fixture *f, const struct deployment *d)
{
    struct deployment now;
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, &d->id, &now), FERRY_OK);
    return now.expanded;
}

static void tasks_are_made_a_few_at_a_time_while_devices_ask(void **state)
{
    enum { DEVICES = 100, TURNS = 5 };
    struct fixture *f = *state;
    struct deployment d;
    fixture_add_devices(f, 2, DEVICES);
    asked = f;
    f->store_ops.download_put = put_while_asked;
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true, .start_ms = engine_now_ms(f->engine) + 100000}, &d), FERRY_OK);
    fixture_turns(f, TURNS);
    assert_in_range(tasks_made(f, &d), TURNS, 3 * (TURNS + 2)); /* a few in each turn */
    f->store_ops.download_put = f->real_store_ops->download_put;
    fixture_turns(f, DEVICES);
    assert_int_equal(tasks_made(f, &d), DEVICES);
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
}

static unsigned unoffered; /* tasks that were written so, but D1's */

static ferry_err put_counted(struct store_conn *c, const struct download_task *task)
{
    unoffered += task->pushes == 0 && strcmp(task->device.device, "D1") != 0;
    return asked->real_store_ops->download_put(c, task);
}

static void who_has_nothing_else_to_fetch_is_offered_its_task_as_it_is_made(void **state)
{
    enum { DEVICES = 20 };
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    fixture_add_devices(f, 2, DEVICES);
    fixture_add_resource(f, "other");
    fixture_deploy(f, "other", "D1", 0);
    expect_file(f, FERRY_MSG_DOWNLOAD, "other");
    asked = f;
    unoffered = 0;
    f->store_ops.download_put = put_counted;
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true}, &d), FERRY_OK);
    assert_int_equal(unoffered, 0);
    for (unsigned i = 2; i <= DEVICES; i++)
        expect_file(f, FERRY_MSG_DOWNLOAD, "fw");
    fixture_expect_silence(f);
    fixture_crash(f); /* what was offered is on disk as such */
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    struct download_task offered = fixture_latest_download(f, "D2", "fw");
    assert_int_equal(offered.state, DOWNLOAD_OFFERED);
    assert_int_equal(offered.pushes, 1);
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S - 1);
    fixture_expect_silence(f);
    fixture_say(f, "D1", "{\"type\":\"report_download_progress\",\"name\":\"other\",\"progress\":{\"state\":\"done\"}}");
    fixture_expect(f, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, &a);
    expect_file(f, FERRY_MSG_DOWNLOAD, "fw");
}

static void of_a_paced_deployment_only_who_has_a_turn_is_offered_a_task(void **state)
{
    enum { DEVICES = 4 };
    struct fixture *f = *state;
    struct deployment d;
    fixture_add_devices(f, 2, DEVICES);
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true, .rate_per_min = 2}, &d), FERRY_OK);
    for (unsigned offered = 1; offered <= DEVICES; offered++) {
        assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_OFFERED), offered);
        fixture_advance_s(f, 29);
        assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_OFFERED), offered);
        fixture_advance_s(f, 1);
    }
}

static unsigned read_alone; /* tasks, in a turn */

static ferry_err get_counted(struct store_conn *c, const ferry_id *id, struct download_task *ret)
{
    read_alone++;
    return asked->real_store_ops->download_get(c, id, ret);
}

static void who_stays_silent_is_pushed_again_without_a_second_look(void **state)
{
    enum { DEVICES = 20 };
    struct fixture *f = *state;
    struct deployment d;
    fixture_add_devices(f, 2, DEVICES);
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true}, &d), FERRY_OK);
    for (unsigned i = 1; i <= DEVICES; i++)
        expect_offer(f);
    asked = f;
    read_alone = 0;
    f->store_ops.download_get = get_counted;
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S);
    for (unsigned i = 1; i <= DEVICES; i++)
        expect_offer(f);
    fixture_expect_silence(f);
    assert_int_equal(read_alone, 0);
}

/* Both fall due at the same time: the first one's end has the second one pushed, which is then not due any more. */
static void what_follows_a_task_that_times_out_is_pushed_once(void **state)
{
    struct fixture *f = *state;
    struct deployment first, second;
    uint64_t now_ms = engine_now_ms(f->engine);
    assert_int_equal(deployment_make(f, (struct deploy_order){.timeout_s = 60}, &first), FERRY_OK);
    expect_offer(f);
    assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = now_ms + 60000}, &second), FERRY_OK);
    fixture_advance_s(f, 60);
    expect_offer(f);
    fixture_expect_silence(f);
    assert_int_equal(deployment_count_of(f, &first, DOWNLOAD_TIMED_OUT), 1);
    assert_int_equal(deployment_count_of(f, &second, DOWNLOAD_OFFERED), 1);
    assert_int_equal(task_of(f).pushes, 1);
}

/* More devices than one turn of the engine releases. */
static void a_large_deployment_is_resumed_in_steps_and_keeps_its_pace(void **state)
{
    enum { DEVICES = 600 };
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    unsigned offered = 0;
    fixture_add_devices(f, 2, DEVICES);
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true, .rate_per_min = 60}, &d), FERRY_OK);
    fixture_turns(f, 25);
    fixture_advance_s(f, 99);
    fixture_turns(f, 10);
    while (fixture_hear(f, &a))
        offered += a.msg.type == FERRY_MSG_DOWNLOAD;
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 1000);
    fixture_turns(f, 25);
    while (fixture_hear(f, &a)) /* who was offered it hears of it again; nobody else */
        continue;
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d.id, &counts), FERRY_OK);
    assert_int_equal(counts.by_state[DOWNLOAD_OFFERED], 100);
    assert_int_equal(counts.by_state[DOWNLOAD_QUEUED], DEVICES - 100);
    assert_true(offered >= 100);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_crash(f); /* between two steps */
    fixture_turns(f, 25);
    fixture_advance_s(f, 50);
    fixture_turns(f, 25);
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d.id, &counts), FERRY_OK);
    assert_in_range(counts.by_state[DOWNLOAD_OFFERED], 149, 151);
    fixture_advance_s(f, 500);
    fixture_turns(f, 25);
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d.id, &counts), FERRY_OK);
    assert_int_equal(counts.by_state[DOWNLOAD_OFFERED], DEVICES);
}

static void what_failed_during_a_pause_is_tried_soon_after_it(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 0}, &d), FERRY_OK);
    expect_offer(f);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 3000);
    say(f, "fail", -4);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED); /* nothing waits any more */
    assert_int_equal(deployment_make(f, (struct deploy_order){.retries = 0}, &d), FERRY_OK);
    expect_offer(f);
    fixture_add_device(f, "D2"); /* whose task keeps the deployment open */
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true, .rate_per_min = 1}, &d), FERRY_OK);
    say(f, "done", 0);
    expect_offer(f);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 3000);
    say(f, "fail", -4);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RETRY, &d), FERRY_OK);
    fixture_expect_silence(f);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_PAUSED);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_turn(f);
    fixture_advance_s(f, 1);
    expect_offer(f); /* at once, not after the pause again */
}

static void a_deployment_paused_while_it_is_made_ends_at_its_end(void **state)
{
    enum { DEVICES = 1200 };
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    fixture_add_devices(f, 2, DEVICES);
    uint64_t now_ms = engine_now_ms(f->engine);
    struct command make = {.kind = CMD_DEPLOY,
                           .deploy = {.product = "P", .resource_name = "fw", .all = true,
                                      .start_ms = now_ms + 10000, .end_ms = now_ms + 90000}};
    assert_int_equal(fixture_command(f, &make), FERRY_OK);
    d = make.deployment;
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_turns(f, 40);
    fixture_advance_s(f, 89);
    fixture_expect_silence(f);
    fixture_advance_s(f, 1);
    fixture_turns(f, 40);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d.id, &counts), FERRY_OK);
    assert_int_equal(counts.by_state[DOWNLOAD_TIMED_OUT], DEVICES);
    while (fixture_hear(f, &a))
        assert_int_not_equal(a.msg.type, FERRY_MSG_DOWNLOAD);
}

static void a_large_deployment_is_cancelled_in_steps_and_offers_nothing_meanwhile(void **state)
{
    enum { DEVICES = 1500 };
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    fixture_add_devices(f, 2, DEVICES);
    assert_int_equal(deployment_make(f, (struct deploy_order){.all = true, .rate_per_min = 60}, &d), FERRY_OK);
    fixture_turns(f, 40);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_QUEUED), DEVICES - 1);
    while (fixture_hear(f, &a))
        continue;
    struct command cancel = {.kind = CMD_DEPLOYMENT_CANCEL, .id = d.id};
    assert_int_equal(fixture_command(f, &cancel), FERRY_OK);
    assert_in_range(deployment_count_of(f, &d, DOWNLOAD_CANCELLED), 400, DEVICES - 1);
    assert_int_equal(task_of(f).state, DOWNLOAD_CANCELLED); /* the one that ran was the first */
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RETRY, &d), deployment_count_of(f, &d, DOWNLOAD_QUEUED) > 0 ? FERRY_E_STATE : FERRY_OK);
    fixture_say(f, "D1500", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
    fixture_crash(f); /* between two steps */
    fixture_turns(f, 40);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_CANCELLED), DEVICES);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_CANCELLED);
    fixture_expect_silence(f);
}

static void an_order_that_cannot_be_kept_is_refused(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    uint64_t now_ms = engine_now_ms(f->engine);
    const struct deploy_order wrong[] = {
        {.end_ms = 1}, {.end_ms = now_ms}, {.start_ms = now_ms + 5000, .end_ms = now_ms + 5000},
        {.retries = FERRY_DEPLOY_RETRIES_MAX + 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(deployment_make(f, wrong[i], &d), FERRY_E_ARG);
    assert_int_equal(deployment_make(f, (struct deploy_order){.start_ms = 1}, &d), FERRY_OK); /* long ago: at once */
    expect_offer(f);
}

#define PLATFORM_TEST(name) cmocka_unit_test_setup_teardown(name, deployment_platform_open, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLATFORM_TEST(a_device_that_failed_is_tried_again_and_the_deployment_goes_on),
        PLATFORM_TEST(a_device_that_waits_for_its_retry_gets_the_next_file_meanwhile),
        PLATFORM_TEST(a_silent_device_is_tried_again_after_its_time),
        PLATFORM_TEST(nothing_is_offered_before_the_start_and_it_survives_a_crash),
        PLATFORM_TEST(at_its_end_a_deployment_gives_up_what_has_not_ended),
        PLATFORM_TEST(a_paused_deployment_offers_nothing_and_goes_on_where_it_was),
        PLATFORM_TEST(what_is_behind_many_paused_ones_is_offered_alone),
        PLATFORM_TEST(what_runs_goes_on_through_a_pause),
        PLATFORM_TEST(a_paused_deployment_ends_at_its_end_and_can_be_cancelled),
        PLATFORM_TEST(tasks_are_made_a_few_at_a_time_while_devices_ask),
        PLATFORM_TEST(who_has_nothing_else_to_fetch_is_offered_its_task_as_it_is_made),
        PLATFORM_TEST(of_a_paced_deployment_only_who_has_a_turn_is_offered_a_task),
        PLATFORM_TEST(who_stays_silent_is_pushed_again_without_a_second_look),
        PLATFORM_TEST(what_follows_a_task_that_times_out_is_pushed_once),
        PLATFORM_TEST(a_large_deployment_is_resumed_in_steps_and_keeps_its_pace),
        PLATFORM_TEST(what_failed_during_a_pause_is_tried_soon_after_it),
        PLATFORM_TEST(a_deployment_paused_while_it_is_made_ends_at_its_end),
        PLATFORM_TEST(a_large_deployment_is_cancelled_in_steps_and_offers_nothing_meanwhile),
        PLATFORM_TEST(an_order_that_cannot_be_kept_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
