/* The event log: numbered without gaps, undone with its transaction, cut only at its beginning. */
#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static void append(struct fixture *f, uint64_t time_ms)
{
    struct event e = {.id = 99, .time_ms = time_ms, .kind = EVENT_DOWNLOAD, .product = "p", .device = "d",
                      .task = "01", .deployment = "02", .resource = "03", .before = "offered", .state = "downloading",
                      .percent = -5, .result_code = -70000, .text = "caf\xc3\xa9"};

    ok(DO(f, event_append, &e));
}

static void expect_bounds(struct fixture *f, uint64_t first, uint64_t last)
{
    struct event_bounds bounds = {7, 7};

    ok(SEE(f, event_bounds, &bounds));
    assert_int_equal(bounds.first, first);
    assert_int_equal(bounds.last, last);
}

static void events_are_numbered_and_keep_every_field(void **state)
{
    struct fixture *f = *state;
    struct event got[3];
    size_t count = 0;

    expect_bounds(f, 0, 0);
    append(f, 10);
    append(f, 20);
    expect_bounds(f, 1, 2);
    ok(SEE(f, event_list, 1, got, 3, &count));
    assert_int_equal(count, 1);
    assert_int_equal(got[0].id, 2);
    assert_int_equal(got[0].time_ms, 20);
    assert_int_equal(got[0].kind, EVENT_DOWNLOAD);
    assert_string_equal(got[0].product, "p");
    assert_string_equal(got[0].device, "d");
    assert_string_equal(got[0].task, "01");
    assert_string_equal(got[0].deployment, "02");
    assert_string_equal(got[0].resource, "03");
    assert_string_equal(got[0].before, "offered");
    assert_string_equal(got[0].state, "downloading");
    assert_int_equal(got[0].percent, -5);
    assert_int_equal(got[0].result_code, -70000);
    assert_string_equal(got[0].text, "caf\xc3\xa9");
    ok(SEE(f, event_list, UINT64_MAX, got, 3, &count));
    assert_int_equal(count, 0);
    expect(FERRY_E_ARG, SEE(f, event_list, 0, got, 0, &count));
    expect(FERRY_E_READONLY, SEE(f, event_append, &got[0]));
}

static void undone_events_leave_no_gap(void **state)
{
    struct fixture *f = *state;

    ok(DO(f, begin));
    append(f, 1);
    ok(DO(f, savepoint));
    append(f, 2);
    ok(DO(f, rewind));
    append(f, 3);
    expect_bounds(f, 0, 0);
    ok(DO(f, commit));
    expect_bounds(f, 1, 2);
}

static void cut_log_keeps_its_last_event(void **state)
{
    struct fixture *f = *state;

    expect(FERRY_E_ARG, DO(f, event_cut, 0));
    for (uint64_t i = 1; i <= 5; i++)
        append(f, i);
    ok(DO(f, event_cut, 3));
    expect_bounds(f, 4, 5);
    ok(DO(f, event_cut, 2));
    expect(FERRY_E_ARG, DO(f, event_cut, 5));
    ok(DO(f, event_cut, 4));
    expect_bounds(f, 5, 5);
    append(f, 6);
    expect_bounds(f, 5, 6);
}

static void append_presence(struct fixture *f, event_kind kind, const char *product, const char *device)
{
    struct event e = {.time_ms = 10, .kind = kind, .before = "offline", .state = "online", .text = "why"};

    (void)snprintf(e.product, sizeof(e.product), "%s", product);
    (void)snprintf(e.device, sizeof(e.device), "%s", device);
    ok(DO(f, event_append, &e));
}

static void expect_presence(struct fixture *f, const struct store_page *page, const uint64_t *ids, size_t count)
{
    const struct device_key key = {"p", "d"};
    struct event got[5];
    size_t found = 99;

    ok(SEE(f, event_presence, &key, page, got, &found));
    assert_int_equal(found, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got[i].id, ids[i]);
        assert_string_equal(got[i].device, "d");
    }
}

static void a_device_has_its_own_comings_and_goings(void **state)
{
    static const uint64_t up[] = {2, 5, 7}, down[] = {7, 5, 2};
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct event got[1];
    size_t count = 0;

    append(f, 1); /* of another kind */
    append_presence(f, EVENT_ONLINE, "p", "d");
    append_presence(f, EVENT_ONLINE, "p", "d2");
    append_presence(f, EVENT_ONLINE, "q", "d");
    append_presence(f, EVENT_OFFLINE, "p", "d");
    append(f, 6);
    append_presence(f, EVENT_ONLINE, "p", "d");
    expect_presence(f, PAGE(5), up, 3);
    expect_presence(f, PAGE_AT("", 5, true), down, 3);
    expect_presence(f, PAGE_AT("", 2, true), down, 2);
    expect_presence(f, PAGE_AT("5", 5, true), down + 2, 1);
    expect_presence(f, PAGE_AT("2", 1, false), up + 1, 1);
    expect_presence(f, PAGE_AT("2", 1, true), up, 0);
    ok(SEE(f, event_presence, &key, PAGE(1), got, &count));
    assert_int_equal(got[0].kind, EVENT_ONLINE);
    assert_string_equal(got[0].text, "why");
    expect(FERRY_E_ARG, SEE(f, event_presence, &key, PAGE_AT("x", 1, true), got, &count));
    ok(DO(f, event_cut, 5));
    expect_presence(f, PAGE(5), up + 2, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(events_are_numbered_and_keep_every_field),
    cmocka_unit_test(undone_events_leave_no_gap),
    cmocka_unit_test(cut_log_keeps_its_last_event),
    cmocka_unit_test(a_device_has_its_own_comings_and_goings),
};
const struct store_tests store_event_tests = STORE_TESTS(tests);
