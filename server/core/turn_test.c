/* Who comes while a turn is under way, and what a turn does for nobody meanwhile. */
#include "background_rules.h"
#include "engine_fixture.h"

#include "api/presence.h"
#include "mqtt/mem_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKS "{\"type\":\"get_download_task\",\"request_id\":\"1\"}"

enum { FEW = 20, FLEET = 120, STEP = 50 };

/* What happens in the midst of a turn: slots of the store get no argument of ours. */
static struct {
    struct fixture *f;
    void (*happens)(struct fixture *f); /* once, when the turn makes or wakes a task */
    unsigned commits, failures;
} midst;

static void strike(void)
{
    void (*happens)(struct fixture *f) = midst.happens;
    midst.happens = NULL;
    if (happens != NULL)
        happens(midst.f);
}

static ferry_err list_devices(struct store_conn *c, const struct device_filter *filter, const struct store_page *page, struct device *out,
                              size_t *ret_count)
{
    strike();
    return midst.f->real_store_ops->device_list(c, filter, page, out, ret_count);
}

static ferry_err set_online(struct store_conn *c, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms)
{
    strike();
    return midst.f->real_store_ops->device_set_online(c, key, online_ms, seen_ms);
}

static ferry_err commit(struct store_conn *c)
{
    midst.commits++;
    if (midst.failures == 0)
        return midst.f->real_store_ops->commit(c);
    midst.failures--;
    midst.f->real_store_ops->rollback(c);
    return FERRY_E_FULL;
}

static ferry_err open_in_vain(struct store_conn *c, const struct device_key *device, const ferry_id *after, struct download_task *out,
                              size_t max, size_t *ret_count)
{
    (void)c, (void)device, (void)after, (void)out, (void)max, (void)ret_count;
    return FERRY_E_IO;
}

static void install(struct fixture *f)
{
    midst.f = f;
    midst.happens = NULL;
    midst.commits = midst.failures = 0;
    f->store_ops.device_list = list_devices;
    f->store_ops.device_set_online = set_online;
    f->store_ops.commit = commit;
}

static int set_up(void **state)
{
    int done = fixture_setup(state);
    fixture_add_resource(*state, "fw");
    fixture_add_devices(*state, 2, FEW);
    install(*state);
    return done;
}

static int set_up_many(void **state)
{
    int done = fixture_setup_many(state);
    fixture_add_resource(*state, "fw");
    fixture_add_devices(*state, 2, FEW);
    install(*state);
    return done;
}

/* The next turn makes its tasks. */
static ferry_id order(struct fixture *f)
{
    struct command cmd = {.kind = CMD_DEPLOY,
                          .deploy = {.product = "P", .resource_name = "fw", .all = true, .timeout_s = 3600}};
    cmd.deploy.start_ms = engine_now_ms(f->engine) + 10000000;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    return cmd.deployment.id;
}

static struct deployment deployment_now(struct fixture *f, const ferry_id *id)
{
    struct deployment d;
    assert_int_equal(f->real_store_ops->deployment_get(f->reader, id, &d), FERRY_OK);
    return d;
}

static void a_device_asks(struct fixture *f)
{
    fixture_send(f, "D1", ASKS);
}

/* --- late ----------------------------------------------------------------------------------------------- */

static void who_comes_while_tasks_are_made_is_answered_by_the_same_commit(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct engine_stats before, after;
    (void)order(f);
    engine_get_stats(f->engine, &before);
    midst.commits = 0;
    midst.happens = a_device_asks;
    fixture_turn(f);
    assert_int_equal(midst.commits, 1);
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    engine_get_stats(f->engine, &after);
    assert_int_equal(after.batches_total - before.batches_total, 1);
    assert_int_equal(after.inbox_depth_now, 0);
}

static void of_several_processes_none_is_held_up_by_it(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    (void)order(f);
    midst.happens = a_device_asks;
    fixture_turn(f);
    fixture_expect_silence(f);
    fixture_turn(f);
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
}

static void who_came_late_is_refused_when_nothing_is_committed(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    (void)order(f);
    midst.happens = a_device_asks;
    midst.failures = 1;
    fixture_turn(f);
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_INTERNAL);
    fixture_expect_silence(f);
}

static void a_late_message_that_fails_fails_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ferry_id id = order(f);
    midst.happens = a_device_asks;
    f->store_ops.download_open = open_in_vain;
    fixture_turn(f);
    f->store_ops.download_open = f->real_store_ops->download_open;
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_INTERNAL);
    assert_true(deployment_now(f, &id).expanded > 0);
}

static void many_ask(struct fixture *f)
{
    for (unsigned i = 0; i < 160; i++)
        fixture_send(f, "D1", ASKS);
}

static void who_comes_late_adds_to_what_the_next_turn_does(void **state)
{
    struct fixture *f = *state;
    fixture_add_devices(f, FEW + 1, FLEET);
    ferry_id id = order(f);
    midst.happens = many_ask;
    fixture_turn(f);
    assert_null(midst.happens);
    uint64_t before = deployment_now(f, &id).expanded;
    fixture_say(f, "D1", ASKS);
    assert_int_equal(deployment_now(f, &id).expanded - before, 160 / BACKGROUND_EACH);
}

static void the_broker_speaks(struct fixture *f)
{
    static const char text[] = "changes 2\n-1700000030000 P/D1\n";
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, text, sizeof text - 1), FERRY_OK);
}

/* ... and comes while the turn writes that it came. */
static void who_leaves_while_it_is_written_as_connected_is_not_connected(void **state)
{
    static const char text[] = "changes 1\n+1700000020000 P/D1\n";
    struct fixture *f = *state;
    struct device_key key = {"P", "D1"};
    struct device device;
    f->settings.broker_is_ours = true;
    fixture_crash(f);
    fixture_advance_s(f, 100);
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, "all 0 0 end\n", 12), FERRY_OK);
    fixture_turns(f, 3);
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, text, sizeof text - 1), FERRY_OK);
    midst.happens = the_broker_speaks;
    fixture_turns(f, 3);
    assert_null(midst.happens);
    fixture_advance_s(f, 1);
    assert_int_equal(f->real_store_ops->device_get(f->reader, &key, &device), FERRY_OK);
    assert_int_equal(device.online_ms, 0);
    assert_int_equal(device.seen_ms, FIXTURE_START_MS + 30000);
}

static void the_device_comes(struct fixture *f)
{
    static const char text[] = "changes 1\n+1700000020000 P/D1\n";
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, text, sizeof text - 1), FERRY_OK);
}

/* Its task is made as that of one who is away; the word that it is there comes behind it, in the same turn. */
static void who_comes_while_its_task_is_made_is_told(void **state)
{
    struct fixture *f = *state;
    f->settings.broker_is_ours = true;
    fixture_crash(f);
    fixture_advance_s(f, 100);
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, "all 0 0 end\n", 12), FERRY_OK);
    fixture_turns(f, 3);
    midst.happens = the_device_comes;
    fixture_deploy(f, "fw", NULL, 0);
    assert_null(midst.happens);
    fixture_turns(f, 3);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").pushes, 0);
    fixture_advance_s(f, 1);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").pushes, 1);
    assert_int_equal(fixture_latest_download(f, "D2", "fw").pushes, 0);
}

/* --- what nobody waits for ------------------------------------------------------------------------------------- */

static uint64_t count_of(struct fixture *f, const ferry_id *id, download_state state)
{
    struct download_counts counts;
    assert_int_equal(f->real_store_ops->deployment_counts(f->reader, id, &counts), FERRY_OK);
    return counts.by_state[state];
}

/* Turns in each of which somebody asks. */
static void turns_under_load(struct fixture *f, unsigned count)
{
    struct answer a;
    for (unsigned i = 0; i < count; i++) {
        fixture_say(f, "D1", ASKS);
        while (fixture_hear(f, &a))
            continue;
    }
}

static void expect_a_few(uint64_t done, unsigned turns)
{
    assert_in_range(done, (uint64_t)turns * BACKGROUND_LEAST, (uint64_t)turns * (STEP / BACKGROUND_PART));
}

static void a_deployment_goes_on_under_load(void **state)
{
    enum { TURNS = 10 };
    struct fixture *f = *state;
    fixture_add_devices(f, FEW + 1, FLEET);
    ferry_id id = order(f);
    uint64_t before = deployment_now(f, &id).expanded;
    turns_under_load(f, TURNS);
    expect_a_few(deployment_now(f, &id).expanded - before, TURNS);
    turns_under_load(f, FLEET);
    assert_true(deployment_now(f, &id).expand_done);
    assert_int_equal(count_of(f, &id, DOWNLOAD_QUEUED), FLEET);
}

static ferry_err submit(struct fixture *f, struct command *cmd, command_kind kind, const ferry_id *id)
{
    *cmd = (struct command){.kind = kind, .id = *id};
    return fixture_command(f, cmd);
}

static ferry_id whole_deployment(struct fixture *f)
{
    fixture_add_devices(f, FEW + 1, FLEET);
    ferry_id id = order(f);
    fixture_turns(f, FLEET);
    assert_true(deployment_now(f, &id).expand_done);
    return id;
}

static void a_sweep_goes_on_under_load(void **state)
{
    enum { TURNS = 5 };
    struct fixture *f = *state;
    struct command cmd;
    ferry_id id = whole_deployment(f);
    fixture_send(f, "D1", ASKS); /* waits for the command's end */
    assert_int_equal(submit(f, &cmd, CMD_DEPLOYMENT_CANCEL, &id), FERRY_OK);
    uint64_t at_once = count_of(f, &id, DOWNLOAD_CANCELLED);
    assert_in_range(at_once, STEP, STEP + STEP / BACKGROUND_PART); /* one step, and the timer's part */
    turns_under_load(f, TURNS);
    expect_a_few(count_of(f, &id, DOWNLOAD_CANCELLED) - at_once, TURNS);
    turns_under_load(f, FLEET);
    assert_int_equal(count_of(f, &id, DOWNLOAD_CANCELLED), FLEET);
}

static void a_command_does_a_small_deployment_at_once_when_nobody_waits(void **state)
{
    struct fixture *f = *state;
    struct command cmd;
    ferry_id id = whole_deployment(f);
    assert_int_equal(submit(f, &cmd, CMD_DEPLOYMENT_CANCEL, &id), FERRY_OK);
    assert_int_equal(count_of(f, &id, DOWNLOAD_CANCELLED), FLEET);
}

static void going_on_after_a_pause_gives_way_and_leaves_nobody_out(void **state)
{
    struct fixture *f = *state;
    struct command cmd;
    ferry_id id = whole_deployment(f);
    assert_int_equal(submit(f, &cmd, CMD_DEPLOYMENT_PAUSE, &id), FERRY_OK);
    fixture_wait_s(f, 20000);
    assert_int_equal(submit(f, &cmd, CMD_DEPLOYMENT_RESUME, &id), FERRY_OK);
    for (unsigned i = 0; i < FLEET && deployment_now(f, &id).sweep != SWEEP_NONE; i++)
        turns_under_load(f, 1);
    assert_int_equal(deployment_now(f, &id).sweep, SWEEP_NONE);
    struct download_filter filter = {.deployment = &id};
    struct store_page page = {.after = "", .limit = FLEET};
    struct download_task *tasks = calloc(FLEET, sizeof *tasks);
    size_t count = 0;
    assert_non_null(tasks);
    assert_int_equal(f->real_store_ops->download_list(f->reader, &filter, &page, tasks, &count), FERRY_OK);
    assert_int_equal(count, FLEET);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tasks[i].release_ms, deployment_now(f, &id).start_ms);
    free(tasks);
}

static void trying_again_gives_way_and_leaves_nobody_out(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_add_devices(f, FEW + 1, FLEET);
    struct command cmd = {.kind = CMD_DEPLOY, .deploy = {.product = "P", .resource_name = "fw", .all = true, .timeout_s = 60}};
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    ferry_id id = cmd.deployment.id;
    fixture_turns(f, FLEET);
    for (unsigned i = 2; i < FLEET; i += 3) { /* among those that run out of time some refuse, and some are done */
        char name[16];
        (void)snprintf(name, sizeof name, "D%u", i);
        fixture_say(f, name, i % 2 == 0 ? FIXTURE_REPORT("download", "fw", "fail") : FIXTURE_REPORT("download", "fw", "done"));
    }
    fixture_advance_s(f, 100);
    fixture_turns(f, FLEET);
    while (fixture_hear(f, &a))
        continue;
    uint64_t done = count_of(f, &id, DOWNLOAD_DONE);
    assert_true(count_of(f, &id, DOWNLOAD_REJECTED) > 0 && done > 0);
    assert_int_equal(count_of(f, &id, DOWNLOAD_REJECTED) + count_of(f, &id, DOWNLOAD_TIMED_OUT) + done, FLEET);
    fixture_send(f, "D1", ASKS);
    struct command retry = {.kind = CMD_DEPLOYMENT_RETRY, .id = id};
    assert_int_equal(fixture_command(f, &retry), FERRY_OK);
    assert_int_equal(retry.count, FLEET - done);
    assert_true(count_of(f, &id, DOWNLOAD_TIMED_OUT) > 0);
    for (unsigned i = 0; i < FLEET && deployment_now(f, &id).sweep != SWEEP_NONE; i++)
        turns_under_load(f, 1);
    assert_int_equal(deployment_now(f, &id).sweep, SWEEP_NONE);
    assert_int_equal(count_of(f, &id, DOWNLOAD_REJECTED) + count_of(f, &id, DOWNLOAD_TIMED_OUT), 0);
}

#define TURN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TURN_TEST(who_comes_while_tasks_are_made_is_answered_by_the_same_commit),
        cmocka_unit_test_setup_teardown(of_several_processes_none_is_held_up_by_it, set_up_many, fixture_teardown),
        TURN_TEST(who_came_late_is_refused_when_nothing_is_committed),
        TURN_TEST(a_late_message_that_fails_fails_alone),
        TURN_TEST(who_comes_late_adds_to_what_the_next_turn_does),
        TURN_TEST(who_leaves_while_it_is_written_as_connected_is_not_connected),
        TURN_TEST(who_comes_while_its_task_is_made_is_told),
        TURN_TEST(a_deployment_goes_on_under_load),
        TURN_TEST(a_sweep_goes_on_under_load),
        TURN_TEST(a_command_does_a_small_deployment_at_once_when_nobody_waits),
        TURN_TEST(going_on_after_a_pause_gives_way_and_leaves_nobody_out),
        TURN_TEST(trying_again_gives_way_and_leaves_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
