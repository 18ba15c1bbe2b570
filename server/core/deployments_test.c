/* Deployments by hand-moved time: when devices are offered their file, tried again, and given up. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_platform(void **state)
{
    int done = fixture_setup(state);
    fixture_add_resource(*state, "fw");
    return done;
}

static ferry_err deploy(struct fixture *f, struct deploy_order order, struct deployment *ret_deployment)
{
    static const char *const devices[] = {"D1"};
    struct command cmd = {.kind = CMD_DEPLOY, .deploy = order};
    memcpy(cmd.deploy.product, "P", 2);
    memcpy(cmd.deploy.resource_name, "fw", 3);
    cmd.deploy.devices = devices;
    cmd.deploy.device_count = order.all ? 0 : 1;
    ferry_err err = fixture_command(f, &cmd);
    fixture_turn(f);
    *ret_deployment = cmd.deployment;
    return err;
}

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

static deployment_state state_of(struct fixture *f, const struct deployment *d)
{
    struct deployment now;
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, &d->id, &now), FERRY_OK);
    return now.state;
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
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 2}, &d), FERRY_OK);
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
    assert_int_equal(state_of(f, &d), DEPLOYMENT_ACTIVE);
    say(f, "fail", -4);
    assert_int_equal(task_of(f).state, DOWNLOAD_FAILED);
    assert_int_equal(task_of(f).retries, 2);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
}

static void a_device_that_waits_for_its_retry_gets_the_next_file_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 1}, &d), FERRY_OK);
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
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 1, .timeout_s = 60}, &d), FERRY_OK);
    fixture_advance_s(f, 60);
    while (fixture_hear(f, &a))
        continue;
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    fixture_advance_s(f, FERRY_DEPLOY_RETRY_FIRST_S);
    expect_offer(f);
    say(f, "done", 0);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(task_of(f).result_code, 0);
}

static void nothing_is_offered_before_the_start_and_it_survives_a_crash(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    uint64_t now_ms = engine_now_ms(f->engine);
    assert_int_equal(deploy(f, (struct deploy_order){.start_ms = now_ms + 100000}, &d), FERRY_OK);
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
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 5, .end_ms = now_ms + 90000}, &d), FERRY_OK);
    expect_offer(f);
    say(f, "downloading", 0);
    fixture_advance_s(f, 90);
    while (fixture_hear(f, &a))
        continue;
    assert_int_equal(task_of(f).state, DOWNLOAD_TIMED_OUT);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    struct command retry = {.kind = CMD_DEPLOYMENT_RETRY, .id = d.id};
    assert_int_equal(fixture_command(f, &retry), FERRY_E_STATE);
    assert_non_null(strstr(retry.detail, "is over"));
    struct command one = {.kind = CMD_DOWNLOAD_RETRY, .id = task_of(f).id};
    assert_int_equal(fixture_command(f, &one), FERRY_E_STATE);
}

static ferry_err order(struct fixture *f, command_kind kind, const struct deployment *d)
{
    struct command cmd = {.kind = kind, .id = d->id};
    ferry_err err = fixture_command(f, &cmd);
    fixture_turn(f);
    return err;
}

static void a_paused_deployment_offers_nothing_and_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    assert_int_equal(deploy(f, (struct deploy_order){.start_ms = engine_now_ms(f->engine) + 30000, .timeout_s = 60}, &d),
                     FERRY_OK);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_E_STATE);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_E_STATE);
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
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_crash(f);
    fixture_advance_s(f, 29);
    fixture_expect_silence(f);
    fixture_advance_s(f, 1);
    expect_offer(f);
    say(f, "done", 0);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
}

/* More than are read at once; one of them. */
static struct deployment pause_many(struct fixture *f)
{
    struct deployment d;
    for (unsigned i = 0; i < 70; i++) {
        assert_int_equal(deploy(f, (struct deploy_order){.start_ms = engine_now_ms(f->engine) + 10000}, &d), FERRY_OK);
        assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
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
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &paused), FERRY_OK);
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
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 1}, &d), FERRY_OK);
    expect_offer(f);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    say(f, "downloading", 0);
    fixture_advance_s(f, 3000);
    say(f, "fail", -4);
    fixture_advance_s(f, 5000); /* its retry waits */
    fixture_expect_silence(f);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_advance_s(f, FERRY_DEPLOY_RETRY_FIRST_S);
    expect_offer(f);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    say(f, "done", 0);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_E_STATE);
}

static void a_paused_deployment_ends_at_its_end_and_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    struct deployment d;
    uint64_t now_ms = engine_now_ms(f->engine);
    assert_int_equal(deploy(f, (struct deploy_order){.start_ms = now_ms + 10000, .end_ms = now_ms + 90000}, &d), FERRY_OK);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 89);
    assert_int_equal(task_of(f).state, DOWNLOAD_QUEUED);
    fixture_advance_s(f, 1);
    assert_int_equal(task_of(f).state, DOWNLOAD_TIMED_OUT);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(deploy(f, (struct deploy_order){.start_ms = now_ms + 900000}, &d), FERRY_OK);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    assert_int_equal(order(f, CMD_DEPLOYMENT_CANCEL, &d), FERRY_OK);
    assert_int_equal(task_of(f).state, DOWNLOAD_CANCELLED);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_E_STATE);
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
    assert_int_equal(deploy(f, (struct deploy_order){.all = true, .start_ms = engine_now_ms(f->engine) + 100000}, &d), FERRY_OK);
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
    assert_int_equal(deploy(f, (struct deploy_order){.all = true}, &d), FERRY_OK);
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

static uint64_t count_of(struct fixture *f, const struct deployment *d, download_state state)
{
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d->id, &counts), FERRY_OK);
    return counts.by_state[state];
}

static void of_a_paced_deployment_only_who_has_a_turn_is_offered_a_task(void **state)
{
    enum { DEVICES = 4 };
    struct fixture *f = *state;
    struct deployment d;
    fixture_add_devices(f, 2, DEVICES);
    assert_int_equal(deploy(f, (struct deploy_order){.all = true, .rate_per_min = 2}, &d), FERRY_OK);
    for (unsigned offered = 1; offered <= DEVICES; offered++) {
        assert_int_equal(count_of(f, &d, DOWNLOAD_OFFERED), offered);
        fixture_advance_s(f, 29);
        assert_int_equal(count_of(f, &d, DOWNLOAD_OFFERED), offered);
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
    assert_int_equal(deploy(f, (struct deploy_order){.all = true}, &d), FERRY_OK);
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
    assert_int_equal(deploy(f, (struct deploy_order){.timeout_s = 60}, &first), FERRY_OK);
    expect_offer(f);
    assert_int_equal(deploy(f, (struct deploy_order){.start_ms = now_ms + 60000}, &second), FERRY_OK);
    fixture_advance_s(f, 60);
    expect_offer(f);
    fixture_expect_silence(f);
    assert_int_equal(count_of(f, &first, DOWNLOAD_TIMED_OUT), 1);
    assert_int_equal(count_of(f, &second, DOWNLOAD_OFFERED), 1);
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
    assert_int_equal(deploy(f, (struct deploy_order){.all = true, .rate_per_min = 60}, &d), FERRY_OK);
    fixture_turns(f, 25);
    fixture_advance_s(f, 99);
    fixture_turns(f, 10);
    while (fixture_hear(f, &a))
        offered += a.msg.type == FERRY_MSG_DOWNLOAD;
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 1000);
    fixture_turns(f, 25);
    while (fixture_hear(f, &a)) /* who was offered it hears of it again; nobody else */
        continue;
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d.id, &counts), FERRY_OK);
    assert_int_equal(counts.by_state[DOWNLOAD_OFFERED], 100);
    assert_int_equal(counts.by_state[DOWNLOAD_QUEUED], DEVICES - 100);
    assert_true(offered >= 100);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
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
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 0}, &d), FERRY_OK);
    expect_offer(f);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 3000);
    say(f, "fail", -4);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED); /* nothing waits any more */
    assert_int_equal(deploy(f, (struct deploy_order){.retries = 0}, &d), FERRY_OK);
    expect_offer(f);
    fixture_add_device(f, "D2"); /* whose task keeps the deployment open */
    assert_int_equal(deploy(f, (struct deploy_order){.all = true, .rate_per_min = 1}, &d), FERRY_OK);
    say(f, "done", 0);
    expect_offer(f);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_advance_s(f, 3000);
    say(f, "fail", -4);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RETRY, &d), FERRY_OK);
    fixture_expect_silence(f);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_PAUSED);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
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
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    fixture_turns(f, 40);
    fixture_advance_s(f, 89);
    fixture_expect_silence(f);
    fixture_advance_s(f, 1);
    fixture_turns(f, 40);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, &d.id, &counts), FERRY_OK);
    assert_int_equal(counts.by_state[DOWNLOAD_TIMED_OUT], DEVICES);
    while (fixture_hear(f, &a))
        assert_int_not_equal(a.msg.type, FERRY_MSG_DOWNLOAD);
}

static uint64_t retried(struct fixture *f, const struct deployment *d, struct retry_cause cause)
{
    struct command cmd = {.kind = CMD_DEPLOYMENT_RETRY, .id = d->id, .retry = cause};
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    return cmd.count;
}

static void of_more_than_a_page_only_what_ended_for_the_cause_is_tried_again(void **state)
{
    enum { DEVICES = 2 * FERRY_PAGE_MAX + 1 };
    struct fixture *f = *state;
    fixture_add_devices(f, 2, DEVICES);
    struct command make = {.kind = CMD_DEPLOY,
                           .deploy = {.product = "P", .resource_name = "fw", .all = true, .timeout_s = 60}};
    assert_int_equal(fixture_command(f, &make), FERRY_OK);
    const struct deployment *d = &make.deployment;
    fixture_turns(f, 40);
    fixture_advance_s(f, 600);
    fixture_turns(f, 40);
    uint64_t ended = count_of(f, d, DOWNLOAD_TIMED_OUT);
    assert_true(ended >= DEVICES);
    assert_int_equal(retried(f, d, (struct retry_cause){.has_code = true, .code = 77}), 0);
    assert_int_equal(retried(f, d, (struct retry_cause){.has_msg = true, .msg = "no such text"}), 0);
    assert_int_equal(retried(f, d, (struct retry_cause){.state = DOWNLOAD_FAILED}), 0);
    assert_int_equal(count_of(f, d, DOWNLOAD_TIMED_OUT), ended);
    struct retry_cause expired = {.state = DOWNLOAD_TIMED_OUT, .has_code = true, .code = FERRY_RESULT_EXPIRED};
    assert_int_equal(retried(f, d, expired), ended);
    fixture_turns(f, 20);
    assert_int_equal(count_of(f, d, DOWNLOAD_TIMED_OUT), 0);
}

enum { FLEET = 1600 }; /* more than a command tries again by itself */

/* A deployment to so many devices, all of which have run out of time. */
static struct deployment deployment_in_vain(struct fixture *f, struct deploy_order order)
{
    struct deployment d;
    struct answer a;
    fixture_add_devices(f, 2, FLEET);
    order.all = true;
    order.timeout_s = 600;
    assert_int_equal(deploy(f, order, &d), FERRY_OK);
    fixture_turns(f, 50);
    fixture_advance_s(f, 800);
    for (unsigned i = 0; i < 100 && count_of(f, &d, DOWNLOAD_TIMED_OUT) < FLEET; i++) {
        fixture_turn(f);
        while (fixture_hear(f, &a))
            continue;
    }
    fixture_turn(f); /* nothing more is due */
    assert_int_equal(count_of(f, &d, DOWNLOAD_TIMED_OUT), FLEET);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    return d;
}

static void a_large_deployment_is_tried_again_in_steps_at_its_pace(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.rate_per_min = 600});
    assert_int_equal(retried(f, &d, (struct retry_cause){.has_code = true, .code = FERRY_RESULT_EXPIRED}), FLEET);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_ACTIVE);
    assert_in_range(count_of(f, &d, DOWNLOAD_TIMED_OUT), 1, FLEET - 1);
    fixture_crash(f); /* between two steps */
    struct command again = {.kind = CMD_DEPLOYMENT_RETRY, .id = d.id};
    assert_int_equal(fixture_command(f, &again), FERRY_E_STATE);
    assert_non_null(strstr(again.detail, "still being retried"));
    fixture_turns(f, 150);
    assert_int_equal(count_of(f, &d, DOWNLOAD_TIMED_OUT), 0);
    fixture_advance_s(f, 100);
    fixture_turns(f, 50);
    while (fixture_hear(f, &a))
        continue;
    assert_in_range(count_of(f, &d, DOWNLOAD_OFFERED), 999, 1002);
    fixture_advance_s(f, 60);
    fixture_turns(f, 50);
    assert_int_equal(count_of(f, &d, DOWNLOAD_OFFERED), FLEET);
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), 0); /* it is over: it may be ordered anew */
}

/* The task with the smallest or the greatest id. */
static struct download_task first_in(struct fixture *f, const struct deployment *d, download_state state, bool from_end)
{
    struct download_filter filter = {.deployment = &d->id, .state = state};
    struct store_page page = {.after = "", .limit = 1, .descending = from_end};
    struct download_task task;
    size_t count = 0;
    assert_int_equal(f->real_store_ops->download_list(f->reader, &filter, &page, &task, &count), FERRY_OK);
    assert_int_equal(count, 1);
    return task;
}

static download_state state_now(struct fixture *f, const struct download_task *task)
{
    struct download_task now;
    assert_int_equal(f->real_store_ops->download_get(f->reader, &task->id, &now), FERRY_OK);
    return now.state;
}

/* It refuses what it is offered. */
static void refuse(struct fixture *f, const struct download_task *task)
{
    assert_int_equal(state_now(f, task), DOWNLOAD_OFFERED);
    fixture_say(f, task->device.device, FIXTURE_REPORT("download", "fw", "fail"));
    assert_int_equal(state_now(f, task), DOWNLOAD_REJECTED);
}

static void try_alone(struct fixture *f, const struct download_task *task)
{
    struct command one = {.kind = CMD_DOWNLOAD_RETRY, .id = task->id};
    assert_int_equal(fixture_command(f, &one), FERRY_OK);
    fixture_advance_s(f, 1);
    for (unsigned i = 0; i < 15 && state_now(f, task) != DOWNLOAD_OFFERED; i++)
        fixture_turn(f); /* others are due as well */
    refuse(f, task);
}

static void who_fails_while_others_are_tried_again_is_not_tried_twice(void **state)
{
    struct fixture *f = *state;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.retries = 0});
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), FLEET);
    fixture_turn(f);
    struct download_task behind = first_in(f, &d, DOWNLOAD_OFFERED, false), ahead = first_in(f, &d, DOWNLOAD_TIMED_OUT, true);
    refuse(f, &behind);
    try_alone(f, &ahead);
    assert_true(count_of(f, &d, DOWNLOAD_TIMED_OUT) > 0);
    fixture_turns(f, 150);
    assert_int_equal(count_of(f, &d, DOWNLOAD_TIMED_OUT), 0);
    assert_int_equal(state_now(f, &behind), DOWNLOAD_REJECTED);
    assert_int_equal(state_now(f, &ahead), DOWNLOAD_REJECTED);
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = DOWNLOAD_REJECTED, .has_code = true}), 2);
}

static void a_retry_that_goes_on_keeps_the_deployment_open(void **state)
{
    struct fixture *f = *state;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.retries = 0});
    struct download_task first = first_in(f, &d, DOWNLOAD_TIMED_OUT, false), last = first_in(f, &d, DOWNLOAD_TIMED_OUT, true);
    try_alone(f, &first);
    try_alone(f, &last);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(retried(f, &d, (struct retry_cause){.has_code = true}), 2); /* code 0 */
    fixture_turn(f);
    refuse(f, &first); /* nothing is open now */
    assert_int_equal(state_now(f, &last), DOWNLOAD_REJECTED);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_ACTIVE);
    fixture_turns(f, 150);
    refuse(f, &last);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(count_of(f, &d, DOWNLOAD_TIMED_OUT), FLEET - 2);
}

static void a_cancelled_deployment_tries_nothing_again_any_more(void **state)
{
    struct fixture *f = *state;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.retries = 0});
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), FLEET);
    uint64_t left = count_of(f, &d, DOWNLOAD_TIMED_OUT);
    assert_int_equal(order(f, CMD_DEPLOYMENT_CANCEL, &d), FERRY_OK);
    fixture_turns(f, 150);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_CANCELLED);
    assert_true(left > 0);
    assert_int_equal(count_of(f, &d, DOWNLOAD_TIMED_OUT), left);
    assert_int_equal(count_of(f, &d, DOWNLOAD_CANCELLED), FLEET - left);
}

static void a_deployment_that_is_tried_again_can_be_paused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.rate_per_min = 600});
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), FLEET);
    assert_int_equal(order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    struct command resume = {.kind = CMD_DEPLOYMENT_RESUME, .id = d.id};
    assert_int_equal(fixture_command(f, &resume), FERRY_E_STATE);
    assert_non_null(strstr(resume.detail, "still being retried"));
    fixture_turns(f, 150);
    fixture_advance_s(f, 1000);
    fixture_turns(f, 50);
    while (fixture_hear(f, &a))
        continue;
    uint64_t before = count_of(f, &d, DOWNLOAD_OFFERED);
    assert_in_range(before, 0, 2);
    assert_int_equal(count_of(f, &d, DOWNLOAD_QUEUED), FLEET - before);
    assert_int_equal(order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_turns(f, 100);
    fixture_advance_s(f, 50);
    fixture_turns(f, 50);
    assert_in_range(count_of(f, &d, DOWNLOAD_OFFERED), 499, 504);
}

static void at_its_end_a_deployment_tries_nothing_again_any_more(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    uint64_t end_ms = engine_now_ms(f->engine) + 2000000;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.end_ms = end_ms});
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), FLEET);
    fixture_advance_s(f, 2000);
    for (unsigned i = 0; i < 30; i++) {
        fixture_turn(f);
        while (fixture_hear(f, &a))
            continue;
    }
    fixture_turn(f); /* nothing more is due */
    assert_int_equal(count_of(f, &d, DOWNLOAD_TIMED_OUT), FLEET);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_FINISHED);
}

static void a_large_deployment_is_cancelled_in_steps_and_offers_nothing_meanwhile(void **state)
{
    enum { DEVICES = 1500 };
    struct fixture *f = *state;
    struct deployment d;
    struct answer a;
    fixture_add_devices(f, 2, DEVICES);
    assert_int_equal(deploy(f, (struct deploy_order){.all = true, .rate_per_min = 60}, &d), FERRY_OK);
    fixture_turns(f, 40);
    assert_int_equal(count_of(f, &d, DOWNLOAD_QUEUED), DEVICES - 1);
    while (fixture_hear(f, &a))
        continue;
    struct command cancel = {.kind = CMD_DEPLOYMENT_CANCEL, .id = d.id};
    assert_int_equal(fixture_command(f, &cancel), FERRY_OK);
    assert_in_range(count_of(f, &d, DOWNLOAD_CANCELLED), 400, DEVICES - 1);
    assert_int_equal(task_of(f).state, DOWNLOAD_CANCELLED); /* the one that ran was the first */
    assert_int_equal(order(f, CMD_DEPLOYMENT_RETRY, &d), count_of(f, &d, DOWNLOAD_QUEUED) > 0 ? FERRY_E_STATE : FERRY_OK);
    fixture_say(f, "D1500", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
    fixture_crash(f); /* between two steps */
    fixture_turns(f, 40);
    assert_int_equal(count_of(f, &d, DOWNLOAD_CANCELLED), DEVICES);
    assert_int_equal(state_of(f, &d), DEPLOYMENT_CANCELLED);
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
        assert_int_equal(deploy(f, wrong[i], &d), FERRY_E_ARG);
    assert_int_equal(deploy(f, (struct deploy_order){.start_ms = 1}, &d), FERRY_OK); /* long ago: at once */
    expect_offer(f);
}

#define PLATFORM_TEST(name) cmocka_unit_test_setup_teardown(name, open_platform, fixture_teardown)

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
        PLATFORM_TEST(of_more_than_a_page_only_what_ended_for_the_cause_is_tried_again),
        PLATFORM_TEST(a_large_deployment_is_tried_again_in_steps_at_its_pace),
        PLATFORM_TEST(who_fails_while_others_are_tried_again_is_not_tried_twice),
        PLATFORM_TEST(a_retry_that_goes_on_keeps_the_deployment_open),
        PLATFORM_TEST(a_cancelled_deployment_tries_nothing_again_any_more),
        PLATFORM_TEST(a_deployment_that_is_tried_again_can_be_paused),
        PLATFORM_TEST(at_its_end_a_deployment_tries_nothing_again_any_more),
        PLATFORM_TEST(a_large_deployment_is_cancelled_in_steps_and_offers_nothing_meanwhile),
        PLATFORM_TEST(an_order_that_cannot_be_kept_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
