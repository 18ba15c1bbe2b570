/* Deployments whose tasks have ended and are tried again by order, some in each turn. */
#include "deployment_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

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
    uint64_t ended = deployment_count_of(f, d, DOWNLOAD_TIMED_OUT);
    assert_true(ended >= DEVICES);
    assert_int_equal(retried(f, d, (struct retry_cause){.has_code = true, .code = 77}), 0);
    assert_int_equal(retried(f, d, (struct retry_cause){.has_msg = true, .msg = "no such text"}), 0);
    assert_int_equal(retried(f, d, (struct retry_cause){.state = DOWNLOAD_FAILED}), 0);
    assert_int_equal(deployment_count_of(f, d, DOWNLOAD_TIMED_OUT), ended);
    struct retry_cause expired = {.state = DOWNLOAD_TIMED_OUT, .has_code = true, .code = FERRY_RESULT_EXPIRED};
    assert_int_equal(retried(f, d, expired), ended);
    fixture_turns(f, 20);
    assert_int_equal(deployment_count_of(f, d, DOWNLOAD_TIMED_OUT), 0);
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
    assert_int_equal(deployment_make(f, order, &d), FERRY_OK);
    fixture_turns(f, 50);
    fixture_advance_s(f, 800);
    for (unsigned i = 0; i < 100 && deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT) < FLEET; i++) {
        fixture_turn(f);
        while (fixture_hear(f, &a))
            continue;
    }
    fixture_turn(f); /* nothing more is due */
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), FLEET);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    return d;
}

static void a_large_deployment_is_tried_again_in_steps_at_its_pace(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.rate_per_min = 600});
    assert_int_equal(retried(f, &d, (struct retry_cause){.has_code = true, .code = FERRY_RESULT_EXPIRED}), FLEET);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_ACTIVE);
    assert_in_range(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), 1, FLEET - 1);
    fixture_crash(f); /* between two steps */
    struct command again = {.kind = CMD_DEPLOYMENT_RETRY, .id = d.id};
    assert_int_equal(fixture_command(f, &again), FERRY_E_STATE);
    assert_non_null(strstr(again.detail, "still being retried"));
    fixture_turns(f, 150);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), 0);
    fixture_advance_s(f, 100);
    fixture_turns(f, 50);
    while (fixture_hear(f, &a))
        continue;
    assert_in_range(deployment_count_of(f, &d, DOWNLOAD_OFFERED), 999, 1002);
    fixture_advance_s(f, 60);
    fixture_turns(f, 50);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_OFFERED), FLEET);
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
    assert_true(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT) > 0);
    fixture_turns(f, 150);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), 0);
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
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(retried(f, &d, (struct retry_cause){.has_code = true}), 2); /* code 0 */
    fixture_turn(f);
    refuse(f, &first); /* nothing is open now */
    assert_int_equal(state_now(f, &last), DOWNLOAD_REJECTED);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_ACTIVE);
    fixture_turns(f, 150);
    refuse(f, &last);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), FLEET - 2);
}

static void a_cancelled_deployment_tries_nothing_again_any_more(void **state)
{
    struct fixture *f = *state;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.retries = 0});
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), FLEET);
    uint64_t left = deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_CANCEL, &d), FERRY_OK);
    fixture_turns(f, 150);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_CANCELLED);
    assert_true(left > 0);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), left);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_CANCELLED), FLEET - left);
}

static void a_deployment_that_is_tried_again_can_be_paused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment d = deployment_in_vain(f, (struct deploy_order){.rate_per_min = 600});
    assert_int_equal(retried(f, &d, (struct retry_cause){.state = 0}), FLEET);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_PAUSE, &d), FERRY_OK);
    struct command resume = {.kind = CMD_DEPLOYMENT_RESUME, .id = d.id};
    assert_int_equal(fixture_command(f, &resume), FERRY_E_STATE);
    assert_non_null(strstr(resume.detail, "still being retried"));
    fixture_turns(f, 150);
    fixture_advance_s(f, 1000);
    fixture_turns(f, 50);
    while (fixture_hear(f, &a))
        continue;
    uint64_t before = deployment_count_of(f, &d, DOWNLOAD_OFFERED);
    assert_in_range(before, 0, 2);
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_QUEUED), FLEET - before);
    assert_int_equal(deployment_order(f, CMD_DEPLOYMENT_RESUME, &d), FERRY_OK);
    fixture_turns(f, 100);
    fixture_advance_s(f, 50);
    fixture_turns(f, 50);
    assert_in_range(deployment_count_of(f, &d, DOWNLOAD_OFFERED), 499, 504);
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
    assert_int_equal(deployment_count_of(f, &d, DOWNLOAD_TIMED_OUT), FLEET);
    assert_int_equal(deployment_state_of(f, &d), DEPLOYMENT_FINISHED);
}

#define PLATFORM_TEST(name) cmocka_unit_test_setup_teardown(name, deployment_platform_open, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLATFORM_TEST(of_more_than_a_page_only_what_ended_for_the_cause_is_tried_again),
        PLATFORM_TEST(a_large_deployment_is_tried_again_in_steps_at_its_pace),
        PLATFORM_TEST(who_fails_while_others_are_tried_again_is_not_tried_twice),
        PLATFORM_TEST(a_retry_that_goes_on_keeps_the_deployment_open),
        PLATFORM_TEST(a_cancelled_deployment_tries_nothing_again_any_more),
        PLATFORM_TEST(a_deployment_that_is_tried_again_can_be_paused),
        PLATFORM_TEST(at_its_end_a_deployment_tries_nothing_again_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
