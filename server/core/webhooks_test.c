/* Webhooks in the engine: what operators change, and whose word counts when deliveries end meanwhile. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct command order(command_kind kind)
{
    struct command cmd = {.kind = kind, .webhook = {.id = {"01000000000000000000000001"}}};
    return cmd;
}

static ferry_err add_hook(struct fixture *f)
{
    static const char url[] = "https://a.example/x?key=1";
    struct command cmd = order(CMD_WEBHOOK_ADD);
    memcpy(cmd.webhook.url, url, sizeof url);
    cmd.webhook.state = WEBHOOK_ACTIVE;
    return fixture_command(f, &cmd);
}

static struct webhook stored(struct fixture *f)
{
    struct command cmd = order(CMD_WEBHOOK_ADD);
    struct webhook w;
    assert_int_equal(f->real_store_ops->webhook_get(f->reader, &cmd.webhook.id, &w), FERRY_OK);
    return w;
}

static uint64_t last_event(struct fixture *f)
{
    struct event_bounds bounds;
    assert_int_equal(f->real_store_ops->event_bounds(f->reader, &bounds), FERRY_OK);
    return bounds.last;
}

static ferry_err note(struct fixture *f, uint64_t revision, webhook_state state, uint64_t event)
{
    struct command cmd = order(CMD_WEBHOOK_NOTE);
    cmd.webhook.revision = revision;
    cmd.webhook.state = state;
    cmd.webhook.progress = (struct webhook_progress){.last_event = event, .failures = 4};
    return fixture_command(f, &cmd);
}

static void new_one_begins_behind_the_last_event(void **state)
{
    struct fixture *f = *state;
    uint64_t before = engine_webhooks_generation(f->engine);
    uint64_t told = engine_topic_generation(f->engine, ENGINE_TOPIC_WEBHOOKS);

    assert_true(last_event(f) > 0);
    assert_int_equal(add_hook(f), FERRY_OK);
    struct webhook w = stored(f);
    assert_int_equal(w.progress.last_event, last_event(f));
    assert_int_equal(w.revision, 1);
    assert_int_equal(w.created_ms, w.updated_ms);
    assert_true(w.created_ms >= FIXTURE_START_MS);
    assert_true(engine_webhooks_generation(f->engine) > before);
    assert_true(engine_topic_generation(f->engine, ENGINE_TOPIC_WEBHOOKS) > told);
}

static void there_are_not_more_than_the_setting_says(void **state)
{
    struct fixture *f = *state;
    struct command cmd = order(CMD_WEBHOOK_ADD);

    assert_int_equal(add_hook(f), FERRY_OK);
    cmd.webhook.id.text[FERRY_ID_LEN - 1] = '2';
    cmd.webhook.state = WEBHOOK_ACTIVE;
    f->settings.webhooks_max = 1;
    fixture_crash(f);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_STATE);
    assert_non_null(strstr(cmd.detail, "webhooks-max"));
}

static void change_takes_only_what_was_given(void **state)
{
    struct fixture *f = *state;
    struct command cmd = order(CMD_WEBHOOK_CHANGE);

    assert_int_equal(add_hook(f), FERRY_OK);
    cmd.webhook.filter.kinds = WEBHOOK_KIND(EVENT_UPLOAD);
    cmd.webhook.filter.product[0] = 'P';
    cmd.webhook_given = COMMAND_WEBHOOK_PRODUCT;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    struct webhook w = stored(f);
    assert_string_equal(w.filter.product, "P");
    assert_int_equal(w.filter.kinds, 0);
    assert_string_equal(w.url, "https://a.example/x?key=1");
    assert_int_equal(w.revision, 2);
    assert_string_equal(cmd.webhook.url, w.url); /* and the command has all of it */
}

static void deliveries_do_not_undo_what_an_operator_did(void **state)
{
    struct fixture *f = *state;
    struct command cmd = order(CMD_WEBHOOK_CHANGE);

    assert_int_equal(add_hook(f), FERRY_OK);
    assert_int_equal(note(f, 1, WEBHOOK_ACTIVE, 50), FERRY_OK);
    assert_int_equal(stored(f).progress.last_event, 50);
    cmd.webhook.state = WEBHOOK_DISABLED;
    cmd.webhook_given = COMMAND_WEBHOOK_DISABLED;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(note(f, 1, WEBHOOK_ACTIVE, 51), FERRY_OK);
    assert_int_equal(stored(f).state, WEBHOOK_DISABLED);
    assert_int_equal(stored(f).progress.last_event, 50);
    cmd = order(CMD_WEBHOOK_RESUME);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_STATE);
    cmd = order(CMD_WEBHOOK_REMOVE);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(note(f, 2, WEBHOOK_ACTIVE, 52), FERRY_OK);
    cmd = order(CMD_WEBHOOK_REMOVE);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
}

static void parked_one_goes_on_at_its_place_or_skips(void **state)
{
    struct fixture *f = *state;
    struct command cmd = order(CMD_WEBHOOK_RESUME);

    assert_int_equal(add_hook(f), FERRY_OK);
    assert_int_equal(note(f, 1, WEBHOOK_PARKED, 1), FERRY_OK);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(stored(f).state, WEBHOOK_ACTIVE);
    assert_int_equal(stored(f).progress.last_event, 1);
    assert_int_equal(stored(f).progress.failures, 0);
    cmd = order(CMD_WEBHOOK_RESUME);
    cmd.webhook_skip = true;
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    assert_int_equal(stored(f).progress.last_event, last_event(f));
}

static ferry_err rotate(struct fixture *f, uint8_t secret, uint64_t overlap_ms)
{
    struct command cmd = order(CMD_WEBHOOK_ROTATE);
    cmd.webhook.secret = (struct sealed){.len = 1, .bytes = {secret}};
    cmd.webhook.old_until_ms = overlap_ms;
    return fixture_command(f, &cmd);
}

static void assert_secrets(struct fixture *f, uint8_t secret, uint8_t old_secret)
{
    struct webhook w = stored(f);
    assert_int_equal(w.secret.len, 1);
    assert_int_equal(w.secret.bytes[0], secret);
    assert_int_equal(w.old_secret.len, old_secret != 0 ? 1 : 0);
    if (old_secret != 0)
        assert_int_equal(w.old_secret.bytes[0], old_secret);
    assert_int_equal(w.old_until_ms != 0, old_secret != 0);
}

static void old_secret_is_kept_for_its_time_and_no_longer(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add_hook(f), FERRY_OK);
    assert_int_equal(rotate(f, 1, 0), FERRY_OK);
    assert_secrets(f, 1, 0);
    assert_int_equal(rotate(f, 2, 60000), FERRY_OK);
    assert_secrets(f, 2, 1);
    assert_int_equal(note(f, stored(f).revision, WEBHOOK_ACTIVE, 50), FERRY_OK);
    assert_secrets(f, 2, 1); /* deliveries change nothing about it */
    fixture_advance_s(f, 59);
    fixture_turns(f, 2);
    assert_secrets(f, 2, 1);
    uint64_t told = engine_topic_generation(f->engine, ENGINE_TOPIC_WEBHOOKS);
    fixture_advance_s(f, 1);
    fixture_turns(f, 2);
    assert_secrets(f, 2, 0);
    assert_true(engine_topic_generation(f->engine, ENGINE_TOPIC_WEBHOOKS) > told);
    assert_int_equal(stored(f).progress.last_event, 50);
}

static void old_secret_ends_after_a_crash_and_with_the_next_one(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(add_hook(f), FERRY_OK);
    assert_int_equal(rotate(f, 1, 0), FERRY_OK);
    assert_int_equal(rotate(f, 2, 60000), FERRY_OK);
    assert_int_equal(rotate(f, 3, 60000), FERRY_OK);
    assert_secrets(f, 3, 2); /* one before, not two */
    fixture_crash(f);
    assert_secrets(f, 3, 2);
    fixture_advance_s(f, 61);
    fixture_turns(f, 2);
    assert_secrets(f, 3, 0);
    assert_int_equal(rotate(f, 4, 60000), FERRY_OK);
    assert_int_equal(rotate(f, 5, 0), FERRY_OK); /* at once */
    assert_secrets(f, 5, 0);
}

static void audit_log_has_the_url_without_its_query(void **state)
{
    struct fixture *f = *state;
    struct audit_filter all = {.action_prefix = "webhook."};
    struct store_page page = {.after = "", .limit = 9};
    struct audit_record got[9];
    size_t count = 0;

    assert_int_equal(add_hook(f), FERRY_OK);
    assert_int_equal(note(f, 1, WEBHOOK_PARKED, 1), FERRY_OK);
    assert_int_equal(f->real_store_ops->audit_list(f->reader, &all, &page, got, &count), FERRY_OK);
    assert_int_equal(count, 1);
    assert_string_equal(got[0].action, "webhook.add");
    assert_non_null(strstr(got[0].after, "\"https://a.example/x\""));
    assert_null(strstr(got[0].after, "key"));
}

static void count_call(void *arg)
{
    ++*(unsigned *)arg;
}

static void those_who_deliver_are_woken_by_a_change(void **state)
{
    struct fixture *f = *state;
    unsigned calls = 0, places = 0;

    assert_int_equal(engine_watch_events(f->engine, count_call, &calls), FERRY_OK);
    assert_int_equal(add_hook(f), FERRY_OK);
    assert_int_equal(calls, 1);
    assert_int_equal(note(f, 1, WEBHOOK_ACTIVE, 3), FERRY_OK);
    assert_int_equal(calls, 1);
    while (engine_watch_events(f->engine, count_call, &places) == FERRY_OK)
        places++;
    assert_true(places >= 1);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(new_one_begins_behind_the_last_event),
        ENGINE_TEST(there_are_not_more_than_the_setting_says),
        ENGINE_TEST(change_takes_only_what_was_given),
        ENGINE_TEST(deliveries_do_not_undo_what_an_operator_did),
        ENGINE_TEST(parked_one_goes_on_at_its_place_or_skips),
        ENGINE_TEST(old_secret_is_kept_for_its_time_and_no_longer),
        ENGINE_TEST(old_secret_ends_after_a_crash_and_with_the_next_one),
        ENGINE_TEST(audit_log_has_the_url_without_its_query),
        ENGINE_TEST(those_who_deliver_are_woken_by_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
