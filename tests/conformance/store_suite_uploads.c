#include "store_suite_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void every_field_comes_back(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "log"), got = {.percent = 42};

    expect(FERRY_E_NOT_FOUND, SEE(f, upload_get, &t.id, &got));
    assert_int_equal(got.percent, 42);
    t.stored_ms = 1;
    t.ended_ms = 2;
    ok(DO(f, upload_put, &t));
    ok(SEE(f, upload_get, &t.id, &got));
    assert_upload_equal(&got, &t);

    memset(t.name, 'n', FERRY_NAME_MAX);
    memset(t.result_msg, '\'', FERRY_RESULT_MSG_MAX);
    memset(t.device.product, 'P', FERRY_IDENT_MAX);
    memset(t.device.device, 'D', FERRY_IDENT_MAX);
    t.id = id_of(2);
    t.percent = INT32_MIN;
    t.result_code = INT32_MAX;
    t.size = t.created_ms = t.updated_ms = t.stored_ms = t.ended_ms = t.expires_ms = INT64_MAX;
    ok(DO(f, upload_put, &t));
    ok(SEE(f, upload_get, &t.id, &got));
    assert_upload_equal(&got, &t);

    t = (struct upload_task){.id = id_of(3), .state = UPLOAD_CREATED};
    ok(DO(f, upload_put, &t));
    ok(SEE(f, upload_get, &t.id, &got));
    assert_upload_equal(&got, &t);
}

static void put_replaces_the_row_with_that_id(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "log"), got;
    const struct device_key old_key = t.device;
    size_t count;

    ok(DO(f, upload_put, &t));
    for (int s = UPLOAD_CREATED; s <= UPLOAD_CANCELLED; s++) { /* the fields that change in a task's life */
        t.state = (upload_state)s;
        t.percent++;
        t.result_code++;
        (void)snprintf(t.result_msg, sizeof(t.result_msg), "state %d", s);
        t.updated_ms++;
        t.expires_ms += 100;
        t.stored_ms = s >= UPLOAD_STORED ? 7 : 0;
        t.ended_ms = s > UPLOAD_STORED ? 8 : 0;
        ok(DO(f, upload_put, &t));
        ok(SEE(f, upload_get, &t.id, &got));
        assert_upload_equal(&got, &t);
    }
    t = upload_of(1, "q", "e", "other"); /* and all the others */
    t.size = 5;
    memset(t.md5, 'f', FERRY_MD5_HEX);
    ok(DO(f, upload_put, &t));
    ok(SEE(f, upload_get, &t.id, &got));
    assert_upload_equal(&got, &t);
    ok(SEE(f, upload_open, &old_key, &got, 1, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, upload_named, &old_key, "log", &got, 1, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, upload_list, &(struct upload_filter){.product = NULL}, PAGE(1), &got, &count));
    assert_int_equal(count, 1);
}

static void what_no_store_can_keep_is_refused(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "log"), got;

    t.state = (upload_state)0;
    expect(FERRY_E_ARG, DO(f, upload_put, &t));
    t.state = (upload_state)8;
    expect(FERRY_E_ARG, DO(f, upload_put, &t));
    t = upload_of(1, "p", "d", "log");
    t.size = (uint64_t)INT64_MAX + 1;
    expect(FERRY_E_ARG, DO(f, upload_put, &t));
    t.size = 1;
    t.expires_ms = UINT64_MAX;
    expect(FERRY_E_ARG, DO(f, upload_put, &t));
    t.expires_ms = 0;
    t.id = (ferry_id){""};
    expect(FERRY_E_ARG, DO(f, upload_put, &t));
    expect(FERRY_E_ARG, SEE(f, upload_get, &(ferry_id){"0000000000000000000000000"}, &got)); /* 25 characters */
    expect(FERRY_E_ARG, SEE(f, upload_get, &(ferry_id){"8zzzzzzzzzzzzzzzzzzzzzzzzz"}, &got)); /* 129 bits */
    expect(FERRY_E_ARG, SEE(f, upload_get, &(ferry_id){"0000000000000000000000000I"}, &got));
    expect(FERRY_E_NOT_FOUND, SEE(f, upload_get, &(ferry_id){"7zzzzzzzzzzzzzzzzzzzzzzzzz"}, &got));
    expect(FERRY_E_ARG, DO(f, upload_remove, &(ferry_id){"x"}));
}

static void open_gives_the_devices_unfinished_tasks_newest_first(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct upload_task out[10];
    size_t count;

    for (unsigned i = 0; i < 14; i++) {
        struct upload_task t = upload_of((i * 5) % 14, "p", "d", "same");

        t.state = (upload_state)(1 + t.percent % 7);
        ok(DO(f, upload_put, &t));
        t = upload_of(100 + i, i % 2 == 0 ? "p" : "q", i % 2 == 0 ? "e" : "d", "same");
        ok(DO(f, upload_put, &t));
    }
    ok(SEE(f, upload_open, &key, out, 10, &count)); /* states 1, 2, 3 have ids 0, 1, 2 and 7, 8, 9 */
    assert_int_equal(count, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_string_equal(out[i].id.text, id_of((const unsigned[]){9, 8, 7, 2, 1, 0}[i]).text);
    ok(SEE(f, upload_open, &key, out, 2, &count));
    assert_int_equal(count, 2);
    assert_string_equal(out[1].id.text, id_of(8).text);
    ok(SEE(f, upload_open, &(struct device_key){"p", "none"}, out, 2, &count));
    assert_int_equal(count, 0);
}

static void named_gives_the_newest_of_a_name_in_any_state(void **state)
{
    static const char *const names[] = {"a", "A", "a ", "aa", "\xc3\xa4", "it's", "1", "01", "1e0"};
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct upload_task got[4];
    size_t count;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (unsigned n = 0; n < 3; n++) {
            struct upload_task t = upload_of(10 * i + (n + 1) % 3, "p", "d", names[i]);

            t.state = (upload_state)(UPLOAD_DONE + n);
            ok(DO(f, upload_put, &t));
            t = upload_of(1000 + 10 * i + n, "p", "dd", names[i]);
            ok(DO(f, upload_put, &t));
        }
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ok(SEE(f, upload_named, &key, names[i], got, 4, &count));
        assert_int_equal(count, 3);
        for (unsigned n = 0; n < 3; n++) {
            assert_string_equal(got[n].id.text, id_of(10 * i + 2 - n).text);
            assert_string_equal(got[n].name, names[i]);
        }
        ok(SEE(f, upload_named, &key, names[i], got, 2, &count));
        assert_int_equal(count, 2);
        assert_string_equal(got[1].id.text, id_of(10 * i + 1).text);
    }
    ok(SEE(f, upload_named, &key, "b", got, 4, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, upload_named, &(struct device_key){"q", "d"}, "a", got, 4, &count));
    assert_int_equal(count, 0);
}

static void due_gives_what_has_expired_earliest_first(void **state)
{
    struct fixture *f = *state;
    struct upload_task out[10];
    uint64_t ms = 5;
    size_t count = 9;

    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, UINT64_MAX);
    ok(SEE(f, upload_due, UINT64_MAX, out, 10, &count));
    assert_int_equal(count, 0);
    for (unsigned i = 1; i <= 7; i++) { /* id i is in state i and expires at 1000 - i */
        struct upload_task t = upload_of(i, "p", "d", "a");

        t.state = (upload_state)i;
        t.expires_ms = 1000 - i;
        ok(DO(f, upload_put, &t));
    }
    struct upload_task never = upload_of(20, "p", "d", "a");

    never.expires_ms = 0;
    ok(DO(f, upload_put, &never));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 998);
    ok(SEE(f, upload_due, 997, out, 10, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, upload_due, 998, out, 10, &count));
    assert_int_equal(count, 1);
    assert_int_equal(out[0].state, UPLOAD_UPLOADING);
    ok(SEE(f, upload_due, UINT64_MAX, out, 10, &count));
    assert_int_equal(count, 2);
    assert_int_equal(out[0].state, UPLOAD_UPLOADING);
    assert_int_equal(out[1].state, UPLOAD_CREATED);
    ok(SEE(f, upload_due, 999, out, 1, &count));
    assert_int_equal(count, 1);
    out[0].expires_ms = 2000; /* it moves when the task does, and goes when the task ends */
    ok(DO(f, upload_put, &out[0]));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 999);
    out[0].state = UPLOAD_STORED;
    ok(DO(f, upload_put, &out[0]));
    ok(SEE(f, upload_due, 3000, out, 10, &count));
    assert_int_equal(count, 1);
}

static void ended_gives_the_oldest_before_the_time(void **state)
{
    struct fixture *f = *state;
    struct upload_task out[10];
    size_t count;

    for (unsigned i = 1; i <= 7; i++) { /* id i is in state i and ended at 1000 - i */
        struct upload_task t = upload_of(i, "p", "d", "a");

        t.state = (upload_state)i;
        t.ended_ms = t.state > UPLOAD_STORED ? 1000 - i : 0;
        ok(DO(f, upload_put, &t));
    }
    ok(SEE(f, upload_ended_before, 993, out, 10, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, upload_ended_before, 994, out, 10, &count));
    assert_int_equal(count, 1);
    assert_int_equal(out[0].state, UPLOAD_CANCELLED);
    ok(SEE(f, upload_ended_before, UINT64_MAX, out, 3, &count));
    assert_int_equal(count, 3);
    assert_int_equal(out[0].state, UPLOAD_CANCELLED);
    assert_int_equal(out[2].state, UPLOAD_FAILED);
    ok(DO(f, upload_remove, &out[0].id));
    ok(SEE(f, upload_ended_before, UINT64_MAX, out, 10, &count));
    assert_int_equal(count, 3);
    assert_int_equal(out[2].state, UPLOAD_DONE);
}

/* id n: product by n % 2, device by n % 3, name by n % 5, state by n % 7 */
static struct upload_task mixed(unsigned n)
{
    static const char *const names[] = {"a", "ab", "abc", "b", "\xc3\xa4"};
    struct upload_task t = upload_of(n, n % 2 == 0 ? "p" : "q", &"d-0\0d-1\0d-2"[4 * (n % 3)], names[n % 5]);

    t.state = (upload_state)(1 + n % 7);
    return t;
}

static bool mixed_fits(unsigned n, const struct upload_filter *filter)
{
    const struct upload_task t = mixed(n);

    return (filter->product == NULL || strcmp(t.device.product, filter->product) == 0) &&
           (filter->device == NULL || strcmp(t.device.device, filter->device) == 0) &&
           (filter->name_prefix == NULL || strncmp(t.name, filter->name_prefix, strlen(filter->name_prefix)) == 0) &&
           (filter->state == 0 || t.state == filter->state);
}

enum { MIXED = 210 };

struct pages_way {
    uint32_t limit, looks; /* looks 0: as many as it takes */
    bool descending;
};

/* One page; after becomes where the next one begins. Returns true when there may be one. */
static bool next_page(struct fixture *f, const struct upload_filter *filter, const struct pages_way *way, ferry_id *after,
                      struct upload_task *out, size_t *ret_count)
{
    struct store_reach reach = {.looks = way->looks};
    const struct store_page page = {.after = after->text, .limit = way->limit, .descending = way->descending,
                                    .reach = way->looks != 0 ? &reach : NULL};

    ok(SEE(f, upload_list, filter, &page, out, ret_count));
    assert_true(*ret_count <= way->limit);
    if (reach.stopped) {
        assert_true(way->looks != 0 && reach.looks == 0 && *ret_count < way->limit);
        assert_true(ferry_id_parse(reach.after, strlen(reach.after), after));
        return true;
    }
    if (*ret_count > 0)
        *after = out[*ret_count - 1].id;
    return *ret_count == way->limit;
}

/* Pages through a list and compares with what a walk over all numbers gives. */
static void check_pages(struct fixture *f, const struct upload_filter *filter, const struct pages_way *way)
{
    const bool descending = way->descending;
    struct upload_task out[FERRY_PAGE_MAX], want;
    ferry_id after = {""};
    unsigned next = 0, pages = 0;
    size_t count;
    bool more;

    do {
        more = next_page(f, filter, way, &after, out, &count);
        assert_true(++pages <= MIXED + 1);
        for (size_t i = 0; i < count; i++) {
            while (next < MIXED && !mixed_fits(descending ? MIXED - 1 - next : next, filter))
                next++;
            assert_true(next < MIXED);
            want = mixed(descending ? MIXED - 1 - next : next);
            next++;
            assert_upload_equal(&out[i], &want);
        }
    } while (more);
    while (next < MIXED && !mixed_fits(descending ? MIXED - 1 - next : next, filter))
        next++;
    assert_int_equal(next, MIXED);
}

static void lists_are_filtered_and_paged_both_ways(void **state)
{
    static const char *const products[] = {NULL, "p", "q", "r"}, *const devices[] = {NULL, "d-1"};
    static const char *const prefixes[] = {NULL, "", "a", "abc", "\xc3", "zz"};
    static const upload_state states[] = {(upload_state)0, UPLOAD_UPLOADING, UPLOAD_DONE, UPLOAD_FAILED};
    static const struct pages_way ways[] = {{1, 0, false}, {7, 0, true}, {FERRY_PAGE_MAX, 0, false},
                                            {1, 1, false}, {7, 5, true}, {7, 60, false}, {FERRY_PAGE_MAX, 100, true}};
    struct fixture *f = *state;

    ok(DO(f, begin));
    for (unsigned i = 0; i < MIXED; i++) {
        struct upload_task t = mixed((i * 11) % MIXED);

        ok(DO(f, upload_put, &t));
    }
    ok(DO(f, commit));
    for (unsigned i = 0; i < 4 * 2 * 6 * 4; i++) {
        const struct upload_filter filter = {.product = products[i % 4],
                                             .device = devices[i / 4 % 2],
                                             .name_prefix = prefixes[i / 8 % 6],
                                             .state = states[i / 48]};

        for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
            check_pages(f, &filter, &ways[w]);
    }
}

static void lists_are_bounded_by_the_time_in_the_id(void **state)
{
    enum { T = 30, NONE = -1 };
    const uint64_t zero_ms = 1700000000000u; /* the time of id_of(0) */
    static const struct {
        int since, until; /* NONE: not given */
        const char *cursor;
        bool down;
        int first, count;
    } rows[] = {
        {NONE, NONE, "", false, 0, T}, {10, NONE, "", false, 10, 20}, {NONE, 10, "", false, 0, 10},
        {10, 20, "", false, 10, 10},   {10, 20, "", true, 19, 10},    {10, 10, "", false, 0, 0},
        {40, NONE, "", false, 0, 0},   {10, 20, "12", false, 13, 7},  {10, 20, "12", true, 11, 2},
        {10, 20, "5", false, 10, 10},  {10, 20, "25", true, 19, 10},  {10, 20, "25", false, 0, 0},
    };
    struct fixture *f = *state;
    struct upload_task out[FERRY_PAGE_MAX];
    size_t count;

    for (unsigned n = 0; n < T; n++) {
        struct upload_task t = upload_of(n, "p", "d", "a.txt");

        ok(DO(f, upload_put, &t));
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned narrow = 0; narrow < 3; narrow++) {
            const struct upload_filter filter = {
                .product = narrow > 0 ? "p" : NULL,
                .device = narrow > 1 ? "d" : NULL,
                .made = {.since_ms = rows[i].since == NONE ? 0 : zero_ms + (unsigned)rows[i].since,
                         .until_ms = rows[i].until == NONE ? 0 : zero_ms + (unsigned)rows[i].until}};
            const ferry_id cursor = id_of((unsigned)strtoul(rows[i].cursor, NULL, 10));

            ok(SEE(f, upload_list, &filter, PAGE_AT(rows[i].cursor[0] != '\0' ? cursor.text : "", 250, rows[i].down), out,
                   &count));
            const ferry_id first = id_of((unsigned)rows[i].first);
            if (count != (size_t)rows[i].count || (count > 0 && !ferry_id_equal(&out[0].id, &first)))
                fail_msg("row %zu, %u", i, narrow);
        }
    ok(SEE(f, upload_list, &(struct upload_filter){.made = {.until_ms = UINT64_MAX}}, PAGE(250), out, &count));
    assert_int_equal(count, T);
    ok(SEE(f, upload_list, &(struct upload_filter){.made = {.since_ms = UINT64_MAX}}, PAGE(250), out, &count));
    assert_int_equal(count, 0);
}

static void list_limits_are_checked(void **state)
{
    struct fixture *f = *state;
    const struct upload_filter all = {.product = NULL};
    char long_prefix[FERRY_NAME_MAX + 2];
    struct upload_task out[1];
    size_t count = 9;

    memset(long_prefix, 'x', sizeof(long_prefix));
    long_prefix[FERRY_NAME_MAX + 1] = '\0';
    expect(FERRY_E_ARG, SEE(f, upload_list, &all, PAGE(0), out, &count));
    expect(FERRY_E_ARG, SEE(f, upload_list, &all, PAGE(FERRY_PAGE_MAX + 1), out, &count));
    expect(FERRY_E_ARG, SEE(f, upload_list, &all, PAGE_AT("?", 1, false), out, &count));
    expect(FERRY_E_ARG, SEE(f, upload_list, &all, PAGE_AT("'; DROP TABLE upload; --  ", 1, true), out, &count));
    expect(FERRY_E_ARG, SEE(f, upload_list, &(struct upload_filter){.name_prefix = long_prefix}, PAGE(1), out, &count));
    assert_int_equal(count, 9);
}

static void latest_time_is_that_of_the_newest_change(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "a");
    uint64_t ms = 1;

    ok(SEE(f, latest_ms, &ms));
    assert_int_equal(ms, 0);
    t.updated_ms = 5000;
    ok(DO(f, upload_put, &t));
    ok(SEE(f, latest_ms, &ms));
    assert_int_equal(ms, 5000);
    t.updated_ms = 4000; /* it never goes back */
    ok(DO(f, upload_put, &t));
    ok(DO(f, upload_remove, &t.id));
    ok(SEE(f, latest_ms, &ms));
    assert_int_equal(ms, 5000);
    ok(DO(f, begin));
    t.updated_ms = 6000;
    ok(DO(f, upload_put, &t));
    ok(DO(f, latest_ms, &ms));
    assert_int_equal(ms, 6000);
    ok(SEE(f, latest_ms, &ms));
    assert_int_equal(ms, 5000);
    ok(DO(f, commit));
    f->store->ops->disconnect(f->writer);
    ok(f->store->ops->connect(f->store, STORE_WRITER, &f->writer));
    ok(DO(f, latest_ms, &ms));
    assert_int_equal(ms, 6000);
    ok(DO(f, begin));
    ok(DO(f, latest_ms, &ms));
    assert_int_equal(ms, 6000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_field_comes_back),
    cmocka_unit_test(put_replaces_the_row_with_that_id),
    cmocka_unit_test(what_no_store_can_keep_is_refused),
    cmocka_unit_test(open_gives_the_devices_unfinished_tasks_newest_first),
    cmocka_unit_test(named_gives_the_newest_of_a_name_in_any_state),
    cmocka_unit_test(due_gives_what_has_expired_earliest_first),
    cmocka_unit_test(ended_gives_the_oldest_before_the_time),
    cmocka_unit_test(lists_are_filtered_and_paged_both_ways),
    cmocka_unit_test(lists_are_bounded_by_the_time_in_the_id),
    cmocka_unit_test(list_limits_are_checked),
    cmocka_unit_test(latest_time_is_that_of_the_newest_change),
};
const struct store_tests store_upload_tests = STORE_TESTS(tests);
