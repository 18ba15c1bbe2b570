#include "engine_fixture.h"
#include "many_fixture.h"

#include "clock/manual.h"
#include "mqtt/mem_bus.h"
#include "proto/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { TRIES = 2 }; /* the first of each transaction is undone by others */

static int setup(void **state)
{
    (void)fixture_setup_many(state);
    struct many *many = many_state();
    struct store_listener listener = many->listener;
    fixture_turn(*state);
    *many = (struct many){.listener = listener};
    return 0;
}

/* Into the inbox, without a turn. */
static void inject(struct fixture *f, const char *device, const char *json)
{
    char topic[FERRY_TOPIC_SIZE];
    assert_true(ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of("P"), ferry_text_of(device), topic));
    assert_int_equal(mem_bus_inject(f->parts.bus, topic, json, strlen(json)), FERRY_OK);
}

static void messages_claim_their_devices_each_once(void **state)
{
    struct fixture *f = *state;
    struct many *many = many_state();
    fixture_add_devices(f, 2, 9);
    *many = (struct many){.listener = many->listener};
    static const char *const devices[] = {"D7", "D2", "D7", "D9", "D2"};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        inject(f, devices[i], FIXTURE_CREATE_HELLO);
    fixture_turn(f);
    assert_int_equal(many->claims_of_devices, TRIES);
    assert_int_equal(many->devices, 3);
    assert_int_equal(many->claims_of_everything, 0);
    assert_int_equal(many->rehearsals, TRIES);
    struct answer a;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) /* once each, in their order */
        fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    fixture_expect_silence(f);
}

static void bytes_of_an_upload_claim_its_device(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    fixture_put_hello(f, &task.id);
    struct many *many = many_state();
    unsigned before = many->claims_of_devices;
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id, .device.key = task.device};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(many->claims_of_devices, before + TRIES);
    assert_int_equal(many->claims_of_everything, 0);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_STORED);
}

static void an_operators_command_claims_everything_after_the_devices(void **state)
{
    struct fixture *f = *state;
    struct many *many = many_state();
    struct command add = {.kind = CMD_PRODUCT_ADD};
    add.product.name[0] = 'Q';
    inject(f, "D1", FIXTURE_CREATE_HELLO);
    assert_int_equal(fixture_command(f, &add), FERRY_OK);
    assert_int_equal(many->claims_of_devices, TRIES);
    assert_int_equal(many->claims_of_everything, TRIES);
}

static void what_others_undo_is_done_again_and_told_once(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    many_state()->undo = 3;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
    fixture_expect_silence(f);

    many_state()->undo = 1000; /* but not for ever */
    assert_int_equal(fixture_result(f, "D1", FIXTURE_CREATE_HELLO), FERRY_RESULT_INTERNAL);
    assert_int_equal(engine_health(f->engine), FERRY_E_BUSY);
    many_state()->undo = 0;
    fixture_advance_s(f, 2);
    assert_int_equal(engine_health(f->engine), FERRY_OK);
}

static void timers_are_left_to_the_one_who_has_them(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    many_state()->timers_elsewhere = true;
    fixture_advance_s(f, FERRY_URL_LIFE_S + 1);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_CREATED);
    many_state()->timers_elsewhere = false; /* it died */
    fixture_advance_s(f, 2);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_EXPIRED);
}

/* Of the requests that a device may make in a minute this process lets its part through. */
static void each_gives_its_part_of_a_devices_limit(void **state)
{
    struct fixture *f = *state;
    f->settings.device_requests_per_min = 30;
    fixture_crash(f);
    many_state()->processes = 3;
    fixture_advance_s(f, 60);
    unsigned answered = 0;
    for (unsigned i = 0; i < 30; i++)
        answered += fixture_result(f, "D1", FIXTURE_REPORT("upload", "none", "uploading")) != FERRY_RESULT_BUSY;
    assert_int_equal(answered, 10);
    many_state()->processes = 1; /* the others are gone */
    fixture_advance_s(f, 60);
    for (unsigned i = 0; i < 30; i++)
        assert_int_not_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "none", "uploading")), FERRY_RESULT_BUSY);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "none", "uploading")), FERRY_RESULT_BUSY);
}

/* Of two that work, one starts: what lies there may be what the other writes just now. */
static void start_beside_another_leaves_unfinished_things_alone(void **state)
{
    struct fixture *f = *state;
    uint64_t size = 0;
    struct upload_task task = fixture_begin_upload(f);
    fixture_put_hello(f, &task.id);
    uint8_t chance[FERRY_ID_RANDOM_BYTES] = {0xff};
    ferry_id another = ferry_id_make(FIXTURE_START_MS, chance);
    fixture_put_hello(f, &another);
    many_state()->processes = 2;
    fixture_crash(f);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_CREATED);
    assert_int_equal(f->parts.objects->ops->stat(f->parts.objects, &another, &size), FERRY_OK);
    many_state()->processes = 1;
    fixture_crash(f);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_STORED);
    assert_int_equal(f->parts.objects->ops->stat(f->parts.objects, &another, &size), FERRY_E_NOT_FOUND);
}

static unsigned woken;

static void count_wake(void *arg)
{
    (void)arg;
    woken++;
}

/* What one tells is what the others do with it: the same bits make this engine look again. */
static void what_is_told_makes_the_others_look_again(void **state)
{
    struct fixture *f = *state;
    struct many *many = many_state();
    struct engine_stats stats;
    struct command token = {.kind = CMD_TOKEN_ADD};
    token.token.name[0] = 't';
    memcpy(token.token.role, "viewer", sizeof "viewer");
    assert_int_equal(fixture_command(f, &token), FERRY_OK);
    assert_int_not_equal(many->told, 0);
    uint64_t operators = engine_operators_generation(f->engine);
    many->listener.heard(many->listener.arg, many->told);
    assert_true(engine_operators_generation(f->engine) > operators);

    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    many->told = 0;
    struct command remove = {.kind = CMD_UPLOAD_REMOVE, .id = fixture_latest_upload(f, "D1", "a.txt").id};
    assert_int_equal(fixture_command(f, &remove), FERRY_OK);
    engine_get_stats(f->engine, &stats);
    uint64_t revocations = stats.revocations_total;
    woken = 0;
    assert_int_equal(engine_watch_events(f->engine, count_wake, NULL), FERRY_OK);
    many->listener.heard(many->listener.arg, many->told);
    engine_unwatch_events(f->engine, count_wake, NULL);
    engine_get_stats(f->engine, &stats);
    assert_true(stats.revocations_total > revocations);
    assert_int_equal(woken, 1);
}

static struct store_conn *writer;
static const struct store_ops *real;

static ferry_err note_writer(struct store_conn *c)
{
    writer = c;
    return real->begin(c);
}

static unsigned events_of_kind(struct fixture *f, event_kind kind)
{
    static struct event events[FERRY_PAGE_MAX];
    size_t count = 0, of_kind = 0;
    assert_int_equal(real->event_list(f->reader, 0, events, FERRY_PAGE_MAX, &count), FERRY_OK);
    for (size_t i = 0; i < count; i++)
        of_kind += events[i].kind == kind;
    return (unsigned)of_kind;
}

/* The broker tells one process who is connected; when that dies, the next one: what it has written down is not told twice. */
static void who_is_told_of_connected_devices_next_does_not_tell_again(void **state)
{
    static const char list[] = "all 0 0 end\n+1700000010000 P/D1\n";
    struct fixture *f = *state;
    struct device_key d1 = {"P", "D1"};
    f->settings.broker_is_ours = true;
    fixture_crash(f);
    real = f->real_store_ops;
    f->store_ops.begin = note_writer;
    fixture_advance_s(f, 100);
    assert_int_equal(real->device_set_online(writer, &d1, FIXTURE_START_MS + 10000, FIXTURE_START_MS + 10000), FERRY_OK); /* by another */
    unsigned before = events_of_kind(f, EVENT_ONLINE);
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, list, strlen(list)), FERRY_OK);
    fixture_turns(f, 3);
    fixture_advance_s(f, 2);
    assert_true(engine_presence_known(f->engine));
    assert_int_equal(events_of_kind(f, EVENT_ONLINE), before);
}

/* As another process says that the broker tells it, or told it until then. */
static void another_is_told_at(struct fixture *f, uint64_t at_ms)
{
    assert_int_equal(real->value_put(writer, "presence.alive", &at_ms, sizeof at_ms), FERRY_OK);
    fixture_advance_s(f, 3);
    fixture_turns(f, 2);
}

static void who_is_connected_is_known_while_another_process_is_told(void **state)
{
    struct fixture *f = *state;
    f->settings.broker_is_ours = true;
    fixture_crash(f);
    real = f->real_store_ops;
    f->store_ops.begin = note_writer;
    fixture_advance_s(f, 100);
    assert_false(engine_presence_known(f->engine));
    uint64_t shown = engine_topic_generation(f->engine, ENGINE_TOPIC_PRESENCE);
    another_is_told_at(f, engine_now_ms(f->engine));
    assert_true(engine_presence_known(f->engine));
    assert_true(engine_topic_generation(f->engine, ENGINE_TOPIC_PRESENCE) > shown);
    struct engine_stats stats;
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.presence_known_now, 0); /* by itself it knows nothing */
    fixture_advance_s(f, 30);
    assert_false(engine_presence_known(f->engine)); /* the other one is silent */

    another_is_told_at(f, engine_now_ms(f->engine));
    mem_bus_set_link(f->parts.bus, false);
    assert_false(engine_presence_known(f->engine));
    fixture_advance_s(f, 1);
    mem_bus_set_link(f->parts.bus, true);
    assert_false(engine_presence_known(f->engine)); /* that was of the broker before it came back */
    another_is_told_at(f, engine_now_ms(f->engine) + 1);
    assert_true(engine_presence_known(f->engine));
}

static void nothing_that_failed_is_told(void **state)
{
    struct fixture *f = *state;
    struct many *many = many_state();
    struct command remove = {.kind = CMD_UPLOAD_REMOVE, .id = {"01gz000000000000000000000a"}};
    assert_int_equal(fixture_command(f, &remove), FERRY_E_NOT_FOUND);
    assert_int_equal(many->told, 0);
}

#define SHARE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARE_TEST(messages_claim_their_devices_each_once),
        SHARE_TEST(bytes_of_an_upload_claim_its_device),
        SHARE_TEST(an_operators_command_claims_everything_after_the_devices),
        SHARE_TEST(what_others_undo_is_done_again_and_told_once),
        SHARE_TEST(timers_are_left_to_the_one_who_has_them),
        SHARE_TEST(each_gives_its_part_of_a_devices_limit),
        SHARE_TEST(start_beside_another_leaves_unfinished_things_alone),
        SHARE_TEST(what_is_told_makes_the_others_look_again),
        SHARE_TEST(nothing_that_failed_is_told),
        SHARE_TEST(who_is_told_of_connected_devices_next_does_not_tell_again),
        SHARE_TEST(who_is_connected_is_known_while_another_process_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
