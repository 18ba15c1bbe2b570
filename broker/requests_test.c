#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "requests.h"

#include <stdio.h>
#include <string.h>

static const int first, second; /* workers: only their addresses count */

static int set_up(void **state)
{
    static struct requests table;

    requests_init(&table, 4096);
    *state = &table;
    return 0;
}

static int tear_down(void **state)
{
    requests_done(*state);
    return 0;
}

static void note(struct requests *r, const char *name, const char *payload, const void *worker, uint64_t now_ms)
{
    requests_note(r, name, payload, strlen(payload), worker, now_ms);
}

/* The payloads in order, each with a blank behind. */
static void expect_waiting(struct requests *r, const char *want)
{
    char got[256] = "";
    size_t used = 0;

    for (const struct request *at = requests_waiting(r, NULL); at != NULL; at = requests_waiting(r, at))
        used += (size_t)snprintf(got + used, sizeof(got) - used, "%.*s ", (int)at->len, (const char *)at->payload);
    assert_string_equal(got, want);
}

static void what_a_dead_worker_had_goes_to_another(void **state)
{
    note(*state, "P/a", "one", &first, 0);
    note(*state, "P/b", "two", &second, 0);
    note(*state, "P/c", "three", &first, 0);
    expect_waiting(*state, "");
    requests_take_back(*state, &first);
    expect_waiting(*state, "one three ");
}

static void an_answer_settles_the_oldest_that_its_sender_had(void **state)
{
    note(*state, "P/a", "one", &first, 0);
    note(*state, "P/a", "two", &second, 0);
    note(*state, "P/a", "three", &first, 0);
    requests_settle(*state, "P/a", &first);
    requests_settle(*state, "P/b", &first);
    requests_take_back(*state, &first);
    requests_take_back(*state, &second);
    expect_waiting(*state, "two three ");
}

static void what_is_answered_is_forgotten(void **state)
{
    struct requests *r = *state;

    for (int i = 0; i < 100; i++) {
        note(r, "P/a", "request", &first, 0);
        requests_settle(r, "P/a", &first);
    }
    assert_int_equal(r->bytes, 0);
    assert_int_equal(r->askers.used, 0);
}

static void what_was_repeated_is_known_again_and_repeated_twice(void **state)
{
    for (int i = 0; i < REQUESTS_REPEATS_MAX; i++) {
        note(*state, "P/a", "one", &first, 0);
        requests_take_back(*state, &first);
        expect_waiting(*state, "one ");
    }
    note(*state, "P/a", "one", &first, 0);
    requests_take_back(*state, &first);
    expect_waiting(*state, "");
    assert_int_equal(((struct requests *)*state)->bytes, 0);
}

static void a_question_that_may_have_no_answer_is_repeated_once(void **state)
{
    static const char question[] = "{\"type\":\"get_download_task\"}";

    note(*state, "P/a", question, &first, 0);
    requests_take_back(*state, &first);
    expect_waiting(*state, "{\"type\":\"get_download_task\"} ");
    note(*state, "P/a", question, &second, 0);
    requests_take_back(*state, &second);
    expect_waiting(*state, "");
}

static void what_comes_while_nobody_works_waits(void **state)
{
    note(*state, "P/a", "one", NULL, 0);
    expect_waiting(*state, "one ");
    note(*state, "P/a", "one", &first, 0);
    expect_waiting(*state, "");
    requests_settle(*state, "P/a", &first);
    assert_int_equal(((struct requests *)*state)->bytes, 0);
}

static void what_is_old_is_forgotten(void **state)
{
    struct requests *r = *state;

    note(r, "P/a", "waits", NULL, 0);
    note(r, "P/b", "had", &first, 0);
    note(r, "P/c", "fresh", &first, REQUESTS_KEPT_MS);
    requests_age(r, REQUESTS_KEPT_MS);
    requests_take_back(r, &first);
    expect_waiting(r, "waits fresh ");
    requests_age(r, REQUESTS_WAIT_MS);
    expect_waiting(r, "fresh ");
}

static void a_device_has_at_most_a_few(void **state)
{
    for (int i = 0; i < REQUESTS_PER_DEVICE + 2; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", i);
        note(*state, "P/a", text, &first, 0);
    }
    requests_take_back(*state, &first);
    expect_waiting(*state, "2 3 4 5 ");
}

static void memory_is_bounded(void **state)
{
    struct requests *r = *state;
    static char huge[8192];

    for (int i = 0; i < 1000; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "P/%d", i);
        note(r, name, "request", &first, 0);
        assert_true(r->bytes <= r->bytes_max);
        assert_non_null(ferry_dict_find(&r->askers, name));
    }
    assert_null(ferry_dict_find(&r->askers, "P/0"));
    requests_note(r, "P/huge", huge, sizeof(huge), &first, 0);
    assert_null(ferry_dict_find(&r->askers, "P/huge"));
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(what_a_dead_worker_had_goes_to_another),
        RULE(an_answer_settles_the_oldest_that_its_sender_had),
        RULE(what_is_answered_is_forgotten),
        RULE(what_was_repeated_is_known_again_and_repeated_twice),
        RULE(a_question_that_may_have_no_answer_is_repeated_once),
        RULE(what_comes_while_nobody_works_waits),
        RULE(what_is_old_is_forgotten),
        RULE(a_device_has_at_most_a_few),
        RULE(memory_is_bounded),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
