/* What the platform makes of its broker's word about who is connected. */
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

#define T0 FIXTURE_START_MS
#define AT(seconds) (T0 + (uint64_t)(seconds) * 1000)

/* A platform whose broker has our plugin, with D1 to D3, at AT(100). */
static int set_up(void **state)
{
    struct fixture *f;
    if (fixture_setup(state) != 0)
        return -1;
    f = *state;
    fixture_add_devices(f, 2, 3);
    f->settings.broker_is_ours = true;
    fixture_crash(f);
    fixture_advance_s(f, 100);
    return 0;
}

static void tell(struct fixture *f, const char *text)
{
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, text, strlen(text)), FERRY_OK);
    fixture_turns(f, 3);
}

/* How often it has said that to the plugin since the last look. */
static unsigned said(struct fixture *f, const char *text)
{
    struct bus_message *m;
    unsigned count = 0;
    while ((m = mem_bus_take(f->parts.bus)) != NULL) {
        count += strcmp(m->topic, BUS_CONTROL_TOPIC) == 0 && m->len == strlen(text) && memcmp(m->payload, text, m->len) == 0;
        free(m);
    }
    return count;
}

/* ... has asked for the list of all. */
static unsigned asked(struct fixture *f)
{
    return said(f, "presence");
}

static void expect(struct fixture *f, const char *name, uint64_t online_ms, uint64_t seen_ms)
{
    struct device_key key = {.product = "P"};
    struct device device;
    (void)ferry_text_copy(ferry_text_of(name), key.device, sizeof key.device);
    assert_int_equal(f->real_store_ops->device_get(f->reader, &key, &device), FERRY_OK);
    assert_int_equal(device.online_ms, online_ms);
    assert_int_equal(device.seen_ms, seen_ms);
}

static void expect_connected(struct fixture *f, bool known, uint64_t count)
{
    struct engine_stats stats;
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.presence_known_now, known);
    assert_int_equal(stats.devices_connected_now, count);
    assert_int_equal(engine_presence_known(f->engine), known);
}

static void it_asks_when_the_link_comes_up_and_knows_by_the_answer(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(asked(f), 1);
    fixture_advance_s(f, 15); /* no answer has come */
    assert_int_equal(asked(f), 1);
    expect_connected(f, false, 0);
    tell(f, "all 0 0 more\n+1700000010000 P/D1\n");
    expect_connected(f, false, 0);
    tell(f, "all 0 1 end\n+1700000020000 P/D2\n");
    expect_connected(f, true, 2);
    expect(f, "D1", AT(10), AT(10));
    expect(f, "D2", AT(20), AT(20));
    expect(f, "D3", 0, 0);
    uint64_t generation = engine_topic_generation(f->engine, ENGINE_TOPIC_PRESENCE);
    tell(f, "changes 1\n-1700000030000 P/D1\n+1700000040000 P/D3\n+1700000040000 P/unknown\n");
    assert_true(engine_topic_generation(f->engine, ENGINE_TOPIC_PRESENCE) > generation);
    expect_connected(f, true, 3);
    expect(f, "D1", 0, AT(30));
    expect(f, "D3", AT(40), AT(40));
    assert_int_equal(said(f, "presence 1"), 0);
    fixture_advance_s(f, 1);
    assert_int_equal(said(f, "presence 1"), 1); /* the plugin may go on */
    fixture_advance_s(f, 1000);
    assert_int_equal(said(f, "presence 1"), 1); /* would show that a message behind it was lost */
    fixture_advance_s(f, 1000);
    assert_int_equal(asked(f), 0);
}

static void what_was_lost_on_the_way_is_asked_for(void **state)
{
    static const char *const losses[] = {
        "changes 2\n+1700000050000 P/D2\n",    /* 1 was lost */
        "changes 1\n+1700000050000 P/D2\nx\n", /* not of the form */
        "nonsense",
        "",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
        (void)asked(f);
        tell(f, losses[i]);
        fixture_advance_s(f, 15);
        assert_int_equal(asked(f), 1);
        expect_connected(f, true, i < 2 ? 2 : 1); /* what was understood counts meanwhile */
    }
    tell(f, "all 9 0 end\n+1700000010000 P/D1\n");
    expect_connected(f, true, 1);
    tell(f, "changes 10\n+1700000050000 P/D2\n");
    fixture_advance_s(f, 100);
    assert_int_equal(asked(f), 0);
}

static void a_list_with_a_part_lost_is_no_list(void **state)
{
    struct fixture *f = *state;
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n+1700000010000 P/D2\n");
    mem_bus_set_link(f->parts.bus, false);
    mem_bus_set_link(f->parts.bus, true);
    tell(f, "all 0 0 more\n+1700000010000 P/D1\n");
    tell(f, "all 0 2 end\n");
    expect_connected(f, false, 0);
    expect(f, "D2", AT(10), AT(10));
    tell(f, "all 0 1 end\n"); /* of a list that is over */
    expect_connected(f, false, 0);
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    expect_connected(f, true, 1);
}

static void a_broker_that_died_takes_its_devices_along(void **state)
{
    struct fixture *f = *state;
    tell(f, "all 5 0 end\n+1700000010000 P/D1\n+1700000010000 P/D2\n");
    (void)asked(f);
    mem_bus_set_link(f->parts.bus, false); /* at AT(100) */
    fixture_advance_s(f, 50);
    expect_connected(f, false, 0);
    expect(f, "D1", AT(10), AT(10)); /* the broker may live: only the link is down */
    mem_bus_set_link(f->parts.bus, true);
    assert_int_equal(asked(f), 1);
    expect_connected(f, false, 0);
    tell(f, "all 0 0 end\n+1700000140000 P/D2\n");
    expect_connected(f, true, 1);
    expect(f, "D1", 0, AT(100)); /* so long it was there at least */
    expect(f, "D2", AT(140), AT(140));
    tell(f, "changes 1\n+1700000145000 P/D1\n");
    expect_connected(f, true, 2);
}

static void a_platform_that_starts_again_makes_it_right(void **state)
{
    struct fixture *f = *state;
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n+1700000010000 P/D2\n");
    bool many = f->store_ops.claim != NULL;
    fixture_advance_s(f, 100); /* it notes that it is there, at AT(200); as one of many more often */
    fixture_advance_s(f, 30);
    fixture_crash(f);
    expect_connected(f, false, 0);
    fixture_advance_s(f, 70);
    tell(f, "all 7 0 end\n+1700000010000 P/D2\n+1700000250000 P/D3\n");
    expect_connected(f, true, 2);
    expect(f, "D1", 0, many ? AT(230) : AT(200));
    expect(f, "D2", AT(10), AT(10));
    expect(f, "D3", AT(250), AT(250));
}

static void a_message_of_a_device_shows_that_it_was_there(void **state)
{
    struct fixture *f = *state;
    f->settings.broker_is_ours = false; /* another broker: nobody tells who is connected */
    fixture_crash(f);
    assert_int_equal(asked(f), 0);
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_advance_s(f, 10);
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    expect(f, "D1", 0, 0);
    fixture_advance_s(f, 50);
    expect(f, "D1", 0, AT(110));
    expect_connected(f, false, 0);
}

static void nothing_is_written_while_nothing_changes(void **state)
{
    struct fixture *f = *state;
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    uint64_t generation = engine_topic_generation(f->engine, ENGINE_TOPIC_PRESENCE);
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_advance_s(f, 61);
    expect(f, "D1", AT(10), AT(100));
    assert_int_equal(engine_topic_generation(f->engine, ENGINE_TOPIC_PRESENCE), generation); /* that it was heard draws no page anew */
}

static ferry_err no_space(struct store_conn *conn, const struct device_key *key, uint64_t online_ms, uint64_t seen_ms)
{
    (void)conn;
    (void)key;
    (void)online_ms;
    (void)seen_ms;
    return FERRY_E_FULL;
}

static void what_could_not_be_written_is_written_later(void **state)
{
    struct fixture *f = *state;
    f->store_ops.device_set_online = no_space;
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    expect(f, "D1", 0, 0);
    f->store_ops.device_set_online = f->real_store_ops->device_set_online;
    fixture_advance_s(f, 2);
    expect(f, "D1", AT(10), AT(10));
}

/* The events of presence since the one given, as text; *inout_id moves on. */
static void expect_events(struct fixture *f, uint64_t *inout_id, const char *want)
{
    struct event events[16];
    size_t count = 0;
    char got[512] = "";
    assert_int_equal(f->real_store_ops->event_list(f->reader, *inout_id, events, 16, &count), FERRY_OK);
    for (size_t i = 0; i < count; i++) {
        const struct event *e = &events[i];
        size_t len = strlen(got);
        (void)snprintf(got + len, sizeof got - len, "%s %s %s>%s%s\n", event_kind_name(e->kind), e->device, e->before, e->state,
                       e->text[0] != '\0' ? " (text)" : "");
        *inout_id = e->id;
    }
    assert_string_equal(got, want);
}

static uint64_t last_event(struct fixture *f)
{
    struct event_bounds bounds;
    assert_int_equal(f->real_store_ops->event_bounds(f->reader, &bounds), FERRY_OK);
    return bounds.last;
}

static void each_change_is_one_event_and_what_is_no_change_is_none(void **state)
{
    struct fixture *f = *state;
    uint64_t id = last_event(f);
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n+1700000010000 P/unknown\n");
    expect_events(f, &id, "device.online D1 offline>online\n");
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_advance_s(f, 61);
    id = last_event(f);
    tell(f, "changes 1\n-1700000020000 P/D1\n+1700000021000 P/D1\n+1700000021000 P/D2\n-1700000022000 P/D3\n");
    expect_events(f, &id, "device.online D1 online>online\ndevice.online D2 offline>online\n");
    tell(f, "changes 2\n-1700000030000 P/D1\n");
    expect_events(f, &id, "device.offline D1 online>offline\n");
    tell(f, "all 2 0 end\n");
    expect_events(f, &id, "device.offline D2 online>offline (text)\n");
}

static void no_event_is_lost_or_told_twice_over_a_failure_and_a_crash(void **state)
{
    struct fixture *f = *state;
    uint64_t id = last_event(f);
    f->store_ops.device_set_online = no_space;
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    expect_events(f, &id, "");
    f->store_ops.device_set_online = f->real_store_ops->device_set_online;
    fixture_advance_s(f, 2);
    expect_events(f, &id, "device.online D1 offline>online\n");
    fixture_crash(f);
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    expect_events(f, &id, "");
    fixture_crash(f);
    tell(f, "all 0 0 end\n");
    expect_events(f, &id, "device.offline D1 online>offline (text)\n");
}

static void a_setting_keeps_presence_out_of_the_log(void **state)
{
    struct fixture *f = *state;
    f->settings.no_presence_events = true;
    fixture_crash(f);
    uint64_t id = last_event(f);
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    expect(f, "D1", AT(10), AT(10));
    expect_events(f, &id, "");
}

/* --- files for who is away ------------------------------------------------------------------------------------------- */

/* How many messages the device was sent since the last look. */
static unsigned sent(struct fixture *f, const char *device)
{
    struct bus_message *m;
    char topic[FERRY_TOPIC_SIZE];
    unsigned count = 0;
    assert_true(ferry_topic_write(FERRY_TOPIC_DOWN, ferry_text_of("P"), ferry_text_of(device), topic));
    while ((m = mem_bus_take(f->parts.bus)) != NULL) {
        count += strcmp(m->topic, topic) == 0;
        free(m);
    }
    return count;
}

static unsigned pushed_to_d1(struct fixture *f)
{
    fixture_deploy(f, "fw", "D1", 0);
    fixture_turns(f, 3);
    return sent(f, "D1");
}

/* Nobody is connected when D1 is to get a file. False: as one of several processes it pushes, whoever is there. */
static bool d1_is_away(struct fixture *f)
{
    fixture_add_resource(f, "fw");
    tell(f, "all 0 0 end\n");
    unsigned pushed = pushed_to_d1(f);
    assert_int_equal(pushed, f->store_ops.claim != NULL);
    return pushed == 0;
}

static void d1_comes(struct fixture *f)
{
    tell(f, "changes 1\n+1700000090000 P/D1\n");
}

static void who_is_away_is_told_of_its_file_when_it_comes(void **state)
{
    struct fixture *f = *state;
    if (!d1_is_away(f))
        return;
    assert_int_equal(fixture_latest_download(f, "D1", "fw").state, DOWNLOAD_OFFERED);
    for (unsigned i = 0; i < 4; i++)
        fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S << i);
    assert_int_equal(sent(f, "D1"), 0);
    d1_comes(f);
    fixture_advance_s(f, 1);
    assert_int_equal(sent(f, "D1"), 1);
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S); /* it is there, and says nothing */
    assert_int_equal(sent(f, "D1"), 1);
    tell(f, "changes 2\n-1700000091000 P/D1\n");
    fixture_advance_s(f, 2 * FERRY_PUSH_RETRY_FIRST_S);
    fixture_advance_s(f, 4 * FERRY_PUSH_RETRY_FIRST_S);
    assert_int_equal(sent(f, "D1"), 0);
    assert_int_equal(fixture_latest_download(f, "D1", "fw").pushes, 2);
}

static void who_is_away_may_ask(void **state)
{
    struct fixture *f = *state;
    if (!d1_is_away(f))
        return;
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    assert_int_equal(sent(f, "D1"), 1);
}

static void who_is_not_known_to_be_away_is_pushed_to(void **state)
{
    static const struct {
        const char *told, *then;
        bool link_lost, heard;
    } rows[] = {
        {.told = NULL},
        {.told = "all 0 0 more\n"},
        {.told = "all 0 0 end\n+1700000010000 P/D1\n"},
        {.told = "all 0 0 end\n", .then = "changes 1\n+1700000010000 P/D1\n"},
        {.told = "all 0 0 end\n", .then = "changes 2\n+1700000010000 P/D2\n"}, /* 1 was lost */
        {.told = "all 0 0 end\n", .then = "nonsense"},
        {.told = "all 0 0 end\n", .link_lost = true},
        {.told = "all 0 0 end\n", .heard = true},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_crash(f);
        fixture_add_resource(f, "fw");
        if (rows[i].told != NULL)
            tell(f, rows[i].told);
        if (rows[i].then != NULL)
            tell(f, rows[i].then);
        if (rows[i].link_lost) {
            mem_bus_set_link(f->parts.bus, false);
            mem_bus_set_link(f->parts.bus, true);
        }
        if (rows[i].heard)
            fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
        (void)sent(f, "D1");
        if (pushed_to_d1(f) != 1)
            fail_msg("row %zu", i);
        fixture_say(f, "D1", FIXTURE_REPORT("download", "fw", "done"));
        fixture_wait_s(f, 20); /* the next one would be taken for a repetition */
    }
}

/* Nothing comes any more, for good: then it is pushed as ever, if late. */
static void a_push_that_was_put_off_waits_no_longer_than_any_other(void **state)
{
    struct fixture *f = *state;
    if (!d1_is_away(f))
        return;
    mem_bus_set_link(f->parts.bus, false);
    mem_bus_set_link(f->parts.bus, true);
    fixture_advance_s(f, FERRY_PUSH_RETRY_MAX_S);
    assert_int_equal(sent(f, "D1"), 1);
    fixture_advance_s(f, FERRY_PUSH_RETRY_FIRST_S);
    assert_int_equal(sent(f, "D1"), 1);
}

static ferry_err no_room(struct store_conn *conn, const struct download_task *task)
{
    (void)conn;
    (void)task;
    return FERRY_E_FULL;
}

static void who_comes_is_told_over_a_failure_and_a_crash(void **state)
{
    struct fixture *f = *state;
    if (!d1_is_away(f))
        return;
    f->store_ops.download_put = no_room;
    d1_comes(f);
    expect(f, "D1", 0, 0); /* neither the one nor the other is written */
    f->store_ops.download_put = f->real_store_ops->download_put;
    fixture_advance_s(f, 2);
    expect(f, "D1", AT(90), AT(90));
    fixture_crash(f);
    (void)sent(f, "D1");
    fixture_advance_s(f, 1);
    assert_int_equal(sent(f, "D1"), 1);
}

static void who_fetches_is_not_told_again_for_coming_back(void **state)
{
    struct fixture *f = *state;
    fixture_add_resource(f, "fw");
    tell(f, "all 0 0 end\n+1700000010000 P/D1\n");
    assert_int_equal(pushed_to_d1(f), 1);
    fixture_say(f, "D1", FIXTURE_REPORT("download", "fw", "downloading"));
    (void)sent(f, "D1");
    tell(f, "changes 1\n-1700000020000 P/D1\n");
    tell(f, "changes 2\n+1700000090000 P/D1\n");
    fixture_advance_s(f, 2);
    assert_int_equal(sent(f, "D1"), 0);
}

enum { HERD = 120, STEP = 50 };

/* Of D1 to that one: how many tasks are due, or will be within a second? */
static unsigned awake(struct fixture *f)
{
    char name[16];
    unsigned count = 0;
    for (unsigned i = 1; i <= HERD; i++) {
        (void)snprintf(name, sizeof name, "D%u", i);
        count += fixture_latest_download(f, name, "fw").wake_ms <= engine_now_ms(f->engine) + 1000;
    }
    return count;
}

static void a_herd_that_comes_is_woken_some_at_a_time(void **state)
{
    struct fixture *f = *state;
    char text[8192] = "changes 1\n", name[16];
    fixture_add_devices(f, 4, HERD);
    fixture_add_resource(f, "fw");
    tell(f, "all 0 0 end\n");
    fixture_deploy(f, "fw", NULL, 0);
    fixture_turns(f, HERD);
    if (f->store_ops.claim != NULL)
        return;
    assert_int_equal(awake(f), 0);
    size_t len = strlen(text);
    for (unsigned i = 1; i <= HERD; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "+1700000090000 P/D%u\n", i);
    assert_int_equal(mem_bus_inject(f->parts.bus, BUS_PRESENCE_TOPIC, text, len), FERRY_OK);
    for (unsigned turn = 0, before = 0; turn < HERD; turn++) {
        fixture_turn(f);
        unsigned now = awake(f);
        assert_in_range(now, before, before + STEP);
        before = now;
    }
    assert_int_equal(awake(f), HERD);
    fixture_advance_s(f, 1);
    fixture_turns(f, HERD);
    for (unsigned i = 1; i <= HERD; i++) {
        (void)snprintf(name, sizeof name, "D%u", i);
        assert_int_equal(fixture_latest_download(f, name, "fw").pushes, 1);
    }
}

int main(void)
{
#define UNIT(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_teardown)
    const struct CMUnitTest tests[] = {
        UNIT(it_asks_when_the_link_comes_up_and_knows_by_the_answer),
        UNIT(what_was_lost_on_the_way_is_asked_for),
        UNIT(a_list_with_a_part_lost_is_no_list),
        UNIT(a_broker_that_died_takes_its_devices_along),
        UNIT(a_platform_that_starts_again_makes_it_right),
        UNIT(a_message_of_a_device_shows_that_it_was_there),
        UNIT(nothing_is_written_while_nothing_changes),
        UNIT(what_could_not_be_written_is_written_later),
        UNIT(each_change_is_one_event_and_what_is_no_change_is_none),
        UNIT(no_event_is_lost_or_told_twice_over_a_failure_and_a_crash),
        UNIT(a_setting_keeps_presence_out_of_the_log),
        UNIT(who_is_away_is_told_of_its_file_when_it_comes),
        UNIT(who_is_away_may_ask),
        UNIT(who_is_not_known_to_be_away_is_pushed_to),
        UNIT(a_push_that_was_put_off_waits_no_longer_than_any_other),
        UNIT(who_comes_is_told_over_a_failure_and_a_crash),
        UNIT(who_fetches_is_not_told_again_for_coming_back),
        UNIT(a_herd_that_comes_is_woken_some_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
