#include "store_suite_internal.h"

#include <stdio.h>
#include <string.h>

static void download_comes_back_with_what_it_delivers(void **state)
{
    struct fixture *f = *state;
    struct resource fw = resource_of(1, "p", "fw"), big = resource_of(2, "p", "");
    struct download_task t = download_of(7, 1, 1, "p", "d"), got = {.percent = 42};

    memset(big.name, 'n', FERRY_NAME_MAX);
    big.size = INT64_MAX;
    add_product(f, "p");
    expect(FERRY_E_NOT_FOUND, DO(f, download_put, &t)); /* no such resource */
    expect(FERRY_E_NOT_FOUND, SEE(f, download_get, &t.id, &got));
    assert_int_equal(got.percent, 42);
    ok(DO(f, resource_add, &fw));
    ok(DO(f, resource_add, &big));
    (void)snprintf(t.name, sizeof(t.name), "is ignored");
    ok(DO(f, download_put, &t));
    ok(SEE(f, download_get, &t.id, &got));
    assert_download_equal(&got, &t, &fw);

    for (int s = DOWNLOAD_QUEUED; s <= DOWNLOAD_REJECTED; s++) {
        t.state = (download_state)s;
        t.percent++;
        t.result_code--;
        t.pushes++;
        t.retries++;
        t.release_ms++;
        t.wake_ms = s % 2 == 0 ? 0 : 123;
        t.deadline_ms++;
        t.updated_ms++;
        t.ended_ms = s > DOWNLOAD_DOWNLOADING ? 99 : 0;
        ok(DO(f, download_put, &t));
        ok(SEE(f, download_get, &t.id, &got));
        assert_download_equal(&got, &t, &fw);
    }
    t = download_of(7, 9, 2, "q", "e");
    t.pushes = UINT32_MAX;
    t.release_ms = t.wake_ms = t.deadline_ms = t.created_ms = t.updated_ms = t.ended_ms = INT64_MAX;
    ok(DO(f, download_put, &t));
    ok(SEE(f, download_get, &t.id, &got));
    assert_download_equal(&got, &t, &big);
    size_t count = 1;
    ok(SEE(f, download_named, &(struct device_key){"p", "d"}, "fw", &got, 1, &count));
    assert_int_equal(count, 0);
    t.state = (download_state)9;
    expect(FERRY_E_ARG, DO(f, download_put, &t));
    t.state = DOWNLOAD_QUEUED;
    t.wake_ms = (uint64_t)INT64_MAX + 1;
    expect(FERRY_E_ARG, DO(f, download_put, &t));
}

static void open_gives_the_devices_oldest_tasks(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    struct download_task out[10];
    size_t count;

    add_deployment(f, 1);
    for (unsigned i = 0; i < 16; i++) { /* id n is in state 1 + n % 8 */
        struct download_task t = download_of((i * 5) % 16, 1, 1, "p", "d");

        t.state = (download_state)(1 + (i * 5) % 16 % 8);
        ok(DO(f, download_put, &t));
        t = download_of(100 + i, 1, 1, i % 2 == 0 ? "p" : "q", i % 2 == 0 ? "e" : "d");
        ok(DO(f, download_put, &t));
    }
    ok(SEE(f, download_open, &key, NULL, out, 10, &count));
    assert_int_equal(count, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_string_equal(out[i].id.text, id_of((const unsigned[]){0, 1, 2, 8, 9, 10}[i]).text);
    assert_string_equal(out[0].name, "firmware");
    ok(SEE(f, download_open, &key, NULL, out, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(out[0].id.text, id_of(0).text);
    for (unsigned i = 0; i < 2; i++) { /* behind one that is open, behind one that has ended */
        ferry_id after = id_of(i == 0 ? 2 : 5);
        ok(SEE(f, download_open, &key, &after, out, 10, &count));
        assert_int_equal(count, 3);
        assert_string_equal(out[0].id.text, id_of(8).text);
    }
    ok(SEE(f, download_running, &key, out, 10, &count));
    assert_int_equal(count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(out[i].id.text, id_of((const unsigned[]){1, 2, 9, 10}[i]).text);
    assert_string_equal(out[0].name, "firmware");
    ok(SEE(f, download_running, &key, out, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(out[0].id.text, id_of(1).text);
}

static void named_gives_the_newest_tasks_for_a_name(void **state)
{
    struct fixture *f = *state;
    const struct device_key key = {"p", "d"};
    const struct resource one = resource_of(1, "p", "fw"), two = resource_of(2, "p", "fw"), app = resource_of(3, "p", "app");
    static const unsigned of_fw[] = {14, 13, 11, 10}; /* any version of the resource */
    struct download_task got[5];
    size_t count;

    add_product(f, "p");
    ok(DO(f, resource_add, &one));
    ok(DO(f, resource_add, &two));
    ok(DO(f, resource_add, &app));
    for (unsigned i = 0; i < 6; i++) {
        struct download_task t = download_of(10 + (i * 5) % 6, 1, 1 + (i * 5) % 6 % 3, "p", "d");

        t.state = DOWNLOAD_FAILED;
        ok(DO(f, download_put, &t));
    }
    ok(SEE(f, download_named, &key, "fw", got, 5, &count));
    assert_int_equal(count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(got[i].id.text, id_of(of_fw[i]).text);
    assert_string_equal(got[0].resource.text, two.id.text);
    assert_string_equal(got[3].resource.text, one.id.text);
    ok(SEE(f, download_named, &key, "app", got, 1, &count));
    assert_int_equal(count, 1);
    assert_string_equal(got[0].id.text, id_of(15).text);
    ok(SEE(f, download_named, &key, "f", got, 5, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, download_named, &(struct device_key){"p", "e"}, "fw", got, 5, &count));
    assert_int_equal(count, 0);
}

static void due_goes_by_the_earlier_of_wake_and_deadline(void **state)
{
    static const struct {
        uint64_t wake, deadline;
        download_state state;
    } rows[] = {
        {500, 900, DOWNLOAD_QUEUED},      /* 0: at 500 */
        {0, 400, DOWNLOAD_OFFERED},       /* 1: at 400 */
        {800, 300, DOWNLOAD_DOWNLOADING}, /* 2: at 300 */
        {600, 0, DOWNLOAD_QUEUED},        /* 3: at 600 */
        {0, 0, DOWNLOAD_QUEUED},          /* never */
        {10, 10, DOWNLOAD_DONE},          /* ended */
        {10, 10, DOWNLOAD_REJECTED},
    };
    struct fixture *f = *state;
    struct download_task out[10];
    struct upload_task upload = upload_of(50, "p", "d", "a");
    uint64_t ms;
    size_t count;

    add_deployment(f, 1);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct download_task t = download_of(i, 1, 1, "p", "d");

        t.wake_ms = rows[i].wake;
        t.deadline_ms = rows[i].deadline;
        t.state = rows[i].state;
        ok(DO(f, download_put, &t));
    }
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 300);
    ok(SEE(f, download_due, 299, out, 10, &count));
    assert_int_equal(count, 0);
    ok(SEE(f, download_due, 300, out, 10, &count));
    assert_int_equal(count, 1);
    ok(SEE(f, download_due, UINT64_MAX, out, 10, &count));
    assert_int_equal(count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(out[i].id.text, id_of((const unsigned[]){2, 1, 0, 3}[i]).text);
    assert_string_equal(out[0].name, "firmware");
    ok(SEE(f, download_due, UINT64_MAX, out, 2, &count));
    assert_int_equal(count, 2);
    upload.expires_ms = 250; /* the earlier of both kinds */
    ok(DO(f, upload_put, &upload));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 250);
    upload.expires_ms = 301;
    ok(DO(f, upload_put, &upload));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 300);
    out[0].state = DOWNLOAD_TIMED_OUT;
    ok(DO(f, download_put, &out[0]));
    ok(SEE(f, next_due_ms, &ms));
    assert_int_equal(ms, 301);
}

static void counts_are_by_state_of_one_deployment(void **state)
{
    struct fixture *f = *state;
    struct download_counts counts = {{77}};

    add_deployment(f, 1);
    add_deployment(f, 2);
    for (unsigned i = 0; i < 36; i++) { /* state s: s tasks */
        struct download_task t = download_of(100 + i, 1, 1, "p", "d");
        unsigned s = 1;

        while (s * (s + 1) / 2 <= i)
            s++;
        t.state = (download_state)s;
        ok(DO(f, download_put, &t));
        t = download_of(200 + i, 2, 2, "p", "d");
        ok(DO(f, download_put, &t));
    }
    expect(FERRY_E_ARG, SEE(f, deployment_counts, &(ferry_id){""}, &counts));
    assert_int_equal(counts.by_state[0], 77);
    ferry_id id = id_of(1);

    ok(SEE(f, deployment_counts, &id, &counts));
    for (unsigned s = 0; s <= 8; s++)
        assert_int_equal(counts.by_state[s], s);
    id = id_of(3);
    ok(SEE(f, deployment_counts, &id, &counts)); /* no tasks: all zero */
    for (unsigned s = 0; s <= 8; s++)
        assert_int_equal(counts.by_state[s], 0);
}

static struct download_task failed_of(unsigned n, download_state state, int32_t code, const char *msg)
{
    struct download_task t = download_of(n, 1, 1, "p", "d");

    t.state = state;
    t.result_code = code;
    (void)snprintf(t.result_msg, sizeof(t.result_msg), "%s", msg);
    t.ended_ms = 5;
    return t;
}

static void expect_causes(struct fixture *f, const struct failure_cause *want, size_t want_count, uint64_t want_all, size_t cap)
{
    const ferry_id id = id_of(1);
    struct failure_cause out[10];
    size_t count = 77;
    uint64_t all = 77;

    ok(SEE(f, deployment_causes, &id, out, cap, &count, &all));
    assert_int_equal(count, want_count);
    assert_int_equal(all, want_all);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(out[i].state, want[i].state);
        assert_int_equal(out[i].result_code, want[i].result_code);
        assert_string_equal(out[i].result_msg, want[i].result_msg);
        assert_int_equal(out[i].count, want[i].count);
    }
}

static void causes_are_those_of_failed_tasks_with_most_first(void **state)
{
    static const struct failure_cause want[] = {
        {DOWNLOAD_TIMED_OUT, -4, "disk full", 2}, {DOWNLOAD_FAILED, -5, "", 1},          {DOWNLOAD_FAILED, -4, "Disk full", 1},
        {DOWNLOAD_FAILED, -4, "disk full", 1},    {DOWNLOAD_REJECTED, -4, "disk full", 1},
    };
    struct fixture *f = *state;
    const struct download_task tasks[] = {
        failed_of(101, DOWNLOAD_REJECTED, -4, "disk full"),  failed_of(102, DOWNLOAD_FAILED, -4, "disk full"),
        failed_of(103, DOWNLOAD_TIMED_OUT, -4, "disk full"), failed_of(104, DOWNLOAD_FAILED, -5, ""),
        failed_of(105, DOWNLOAD_TIMED_OUT, -4, "disk full"), failed_of(106, DOWNLOAD_CANCELLED, -4, "disk full"),
        failed_of(107, DOWNLOAD_DONE, 0, ""),                failed_of(108, DOWNLOAD_FAILED, -4, "Disk full"),
    };
    const struct download_task other = download_of(201, 2, 2, "p", "d");

    add_deployment(f, 1);
    add_deployment(f, 2);
    expect_causes(f, want, 0, 0, 10);
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
        ok(DO(f, download_put, &tasks[i]));
    ok(DO(f, download_put, &other));
    expect_causes(f, want, 5, 6, 10);
    expect_causes(f, want, 5, 6, 5);
    expect_causes(f, want, 2, 6, 2); /* the others are only counted */
    struct failure_cause out[1];
    size_t count = 77;
    uint64_t all = 77;

    expect(FERRY_E_ARG, SEE(f, deployment_causes, &(ferry_id){""}, out, 1, &count, &all));
    assert_int_equal(count, 77);
    assert_int_equal(all, 77);
}

static void failed_tasks_are_counted_by_state_code_and_text(void **state)
{
    static const struct {
        struct retry_cause cause;
        uint64_t count;
    } rows[] = {
        {{.state = 0}, 6},
        {{.state = DOWNLOAD_FAILED}, 3},
        {{.state = DOWNLOAD_TIMED_OUT}, 2},
        {{.state = DOWNLOAD_REJECTED}, 1},
        {{.state = DOWNLOAD_CANCELLED}, 0},
        {{.has_code = true, .code = -4}, 5},
        {{.has_code = true, .code = -7}, 0},
        {{.state = DOWNLOAD_FAILED, .has_code = true, .code = -4}, 2},
        {{.has_msg = true, .msg = "disk full"}, 4},
        {{.has_msg = true}, 1},
        {{.state = DOWNLOAD_FAILED, .has_msg = true, .msg = "disk full"}, 1},
        {{.has_code = true, .code = -5, .has_msg = true}, 1},
        {{.state = DOWNLOAD_TIMED_OUT, .has_code = true, .code = -4, .has_msg = true, .msg = "disk full"}, 2},
        {{.state = DOWNLOAD_TIMED_OUT, .has_code = true, .code = -4, .has_msg = true, .msg = "disk"}, 0},
    };
    struct fixture *f = *state;
    const struct download_task tasks[] = {
        failed_of(101, DOWNLOAD_REJECTED, -4, "disk full"),  failed_of(102, DOWNLOAD_FAILED, -4, "disk full"),
        failed_of(103, DOWNLOAD_TIMED_OUT, -4, "disk full"), failed_of(104, DOWNLOAD_FAILED, -5, ""),
        failed_of(105, DOWNLOAD_TIMED_OUT, -4, "disk full"), failed_of(106, DOWNLOAD_CANCELLED, -4, "disk full"),
        failed_of(107, DOWNLOAD_FAILED, -4, "too old"),
    };
    const ferry_id id = id_of(1), none = id_of(3);
    uint64_t count = 77;

    add_deployment(f, 1);
    for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
        ok(DO(f, download_put, &tasks[i]));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ok(SEE(f, deployment_failed, &id, &rows[i].cause, &count));
        if (count != rows[i].count)
            fail_msg("row %zu: %llu", i, (unsigned long long)count);
        ok(SEE(f, deployment_failed, &none, &rows[i].cause, &count));
        assert_int_equal(count, 0);
    }
    expect(FERRY_E_ARG, SEE(f, deployment_failed, &(ferry_id){""}, &rows[0].cause, &count));
}

static void causes_follow_every_change_of_a_task(void **state)
{
    static const struct failure_cause want[] = {{DOWNLOAD_FAILED, -4, "old", 1}, {DOWNLOAD_FAILED, -4, "new", 1},
                                                {DOWNLOAD_TIMED_OUT, -4, "new", 1}};
    struct fixture *f = *state;
    struct download_task t = failed_of(101, DOWNLOAD_FAILED, -4, "old");
    size_t removed = 0;

    add_deployment(f, 1);
    add_deployment(f, 2);
    ok(DO(f, download_put, &t));
    expect_causes(f, &want[0], 1, 1, 10);
    ok(DO(f, download_put, &t)); /* nothing new */
    expect_causes(f, &want[0], 1, 1, 10);
    memcpy(t.result_msg, "new", 4); /* in the same state */
    ok(DO(f, download_put, &t));
    expect_causes(f, &want[1], 1, 1, 10);
    t.state = DOWNLOAD_TIMED_OUT;
    ok(DO(f, download_put, &t));
    expect_causes(f, &want[2], 1, 1, 10);
    t.state = DOWNLOAD_QUEUED;
    ok(DO(f, download_put, &t));
    expect_causes(f, want, 0, 0, 10);
    t.state = DOWNLOAD_FAILED;
    ok(DO(f, download_put, &t));
    expect_causes(f, &want[1], 1, 1, 10);
    t.deployment = id_of(2); /* another identity */
    ok(DO(f, download_put, &t));
    expect_causes(f, want, 0, 0, 10);
    t.deployment = id_of(1);
    ok(DO(f, download_put, &t));
    expect_causes(f, &want[1], 1, 1, 10);
    ok(DO(f, download_prune, 6, 10, &removed));
    assert_int_equal(removed, 1);
    expect_causes(f, want, 0, 0, 10);
}

enum { MIXED = 96 };

/* id n: deployment 1000 + n % 2, product by n % 3, device by n % 4, state 1 + n % 8 */
static struct download_task mixed(unsigned n)
{
    struct download_task t = download_of(n, 1000 + n % 2, 1000 + n % 2, n % 3 == 0 ? "p" : "q", n % 4 == 0 ? "d" : "e");

    t.state = (download_state)(1 + n % 8);
    return t;
}

static bool mixed_fits(unsigned n, const struct download_filter *filter)
{
    const struct download_task t = mixed(n);

    return (filter->deployment == NULL || strcmp(t.deployment.text, filter->deployment->text) == 0) &&
           (filter->product == NULL || strcmp(t.device.product, filter->product) == 0) &&
           (filter->device == NULL || strcmp(t.device.device, filter->device) == 0) &&
           (filter->state == 0 || t.state == filter->state);
}

static void check_pages(struct fixture *f, const struct download_filter *filter, uint32_t limit, bool descending)
{
    struct download_task out[FERRY_PAGE_MAX];
    ferry_id after = {""};
    unsigned next = 0;
    size_t count;

    do {
        ok(SEE(f, download_list, filter, PAGE_AT(after.text, limit, descending), out, &count));
        for (size_t i = 0; i < count; i++, next++) {
            while (next < MIXED && !mixed_fits(descending ? MIXED - 1 - next : next, filter))
                next++;
            assert_true(next < MIXED);
            assert_string_equal(out[i].id.text, id_of(descending ? MIXED - 1 - next : next).text);
            assert_string_equal(out[i].name, "firmware");
        }
        if (count > 0)
            after = out[count - 1].id;
    } while (count == limit);
    while (next < MIXED && !mixed_fits(descending ? MIXED - 1 - next : next, filter))
        next++;
    assert_int_equal(next, MIXED);
}

static void lists_are_filtered_and_paged_both_ways(void **state)
{
    static const char *const products[] = {NULL, "p", "q"}, *const devices[] = {NULL, "d"};
    struct fixture *f = *state;
    const ferry_id deployments[] = {id_of(1000), id_of(1001), id_of(9999)};
    struct download_task out[1];
    struct download_task some[4];
    size_t count = 9;

    ok(DO(f, begin));
    add_deployment(f, 1000);
    add_deployment(f, 1001);
    for (unsigned i = 0; i < MIXED; i++) {
        struct download_task t = mixed((i * 11) % MIXED);

        ok(DO(f, download_put, &t));
    }
    ok(DO(f, commit));
    for (unsigned i = 0; i < 3 * 2 * 4 * 3; i++) {
        const struct download_filter filter = {.product = products[i % 3],
                                               .device = devices[i / 3 % 2],
                                               .deployment = i / 6 % 4 == 3 ? NULL : &deployments[i / 6 % 4],
                                               .state = (download_state)(i / 24 * 2)};

        for (int way = 0; way < 2; way++) {
            check_pages(f, &filter, 5, way != 0);
            check_pages(f, &filter, FERRY_PAGE_MAX, way != 0);
        }
    }
    ok(SEE(f, download_list, &(struct download_filter){.made = {1700000000003u, 1700000000005u}}, PAGE(4), some, &count));
    assert_int_equal(count, 2);
    count = 9;
    expect(FERRY_E_ARG, SEE(f, download_list, &(struct download_filter){.product = "p"}, PAGE_AT("x", 1, false), out, &count));
    expect(FERRY_E_ARG, SEE(f, download_list, &(struct download_filter){.deployment = &(ferry_id){"x"}}, PAGE(1), out,
                            &count));
    assert_int_equal(count, 9);
}

/* --- house-keeping ----------------------------------------------------------------------------- */

static void prune_removes_what_ended_before_the_time(void **state)
{
    struct fixture *f = *state;
    struct deployment d = deployment_of(1, "p", 1), active = deployment_of(2, "p", 2), fresh = deployment_of(3, "p", 1);
    struct download_task got;
    size_t removed = 99, count;

    add_deployment(f, 1);
    add_deployment(f, 2);
    d.state = DEPLOYMENT_FINISHED;
    d.updated_ms = 100;
    ok(DO(f, deployment_put, &d));
    fresh.state = DEPLOYMENT_CANCELLED; /* without tasks, but too young */
    fresh.updated_ms = 500;
    ok(DO(f, deployment_put, &fresh));
    for (unsigned i = 0; i < 8; i++) { /* ended at 10 * i, one of them open; all of the finished deployment */
        struct download_task t = download_of(10 + i, 1, 1, "p", "d");

        t.state = i == 0 ? DOWNLOAD_OFFERED : (download_state)(DOWNLOAD_DONE + i % 5);
        t.ended_ms = i == 0 ? 1 : 10 * i; /* an open task is kept whatever it bears */
        ok(DO(f, download_put, &t));
    }
    ok(DO(f, download_prune, 10, 100, &removed));
    assert_int_equal(removed, 0);
    ok(DO(f, download_prune, 31, 2, &removed)); /* the oldest first */
    assert_int_equal(removed, 2);
    ok(SEE(f, download_list, &(struct download_filter){.product = NULL}, PAGE(1), &got, &count));
    assert_string_equal(got.id.text, id_of(10).text); /* the open one stays */
    ok(DO(f, download_prune, 31, 100, &removed));
    assert_int_equal(removed, 1);
    ok(SEE(f, deployment_get, &d.id, &d));
    ok(DO(f, download_prune, UINT64_MAX, 100, &removed));
    assert_int_equal(removed, 4);
    ok(SEE(f, deployment_get, &d.id, &d)); /* still has the open task */
    expect(FERRY_E_NOT_FOUND, SEE(f, deployment_get, &fresh.id, &fresh));
    ok(SEE(f, deployment_get, &active.id, &active));
    got.state = DOWNLOAD_CANCELLED;
    got.ended_ms = 100;
    ok(DO(f, download_put, &got));
    ok(DO(f, download_prune, 101, 100, &removed));
    assert_int_equal(removed, 1);
    expect(FERRY_E_NOT_FOUND, SEE(f, deployment_get, &d.id, &d));
}

static void totals_count_everything(void **state)
{
    struct fixture *f = *state;
    const struct resource big = resource_of(50, "p", "big");
    struct store_totals t;

    ok(SEE(f, totals, &t));
    assert_memory_equal(&t, &(struct store_totals){0}, sizeof(t));
    add_deployment(f, 1);
    add_product(f, "q");
    add_device(f, "p", "d");
    add_device(f, "p", "e");
    add_device(f, "q", "d");
    ok(DO(f, resource_add, &big));
    for (unsigned s = 1; s <= 7; s++) {
        struct upload_task u = upload_of(10 + s, "p", "d", "a");

        u.state = (upload_state)s;
        u.size = 1ull << (40 + s);
        u.ended_ms = s > 3 ? 5 : 0;
        ok(DO(f, upload_put, &u));
    }
    for (unsigned s = 1; s <= 8; s++) {
        struct download_task d = download_of(20 + s, 1, 1, "p", "d");

        d.state = (download_state)s;
        ok(DO(f, download_put, &d));
    }
    ok(SEE(f, totals, &t));
    assert_int_equal(t.products, 2);
    assert_int_equal(t.devices, 3);
    assert_int_equal(t.resources, 2);
    assert_int_equal(t.deployments, 1);
    assert_int_equal(t.deployments_open, 1);
    assert_int_equal(t.uploads_open, 2);
    assert_int_equal(t.uploads_stored_bytes, (1ull << 43) + (1ull << 44));
    assert_int_equal(t.downloads_open, 3);
    assert_int_equal(t.resource_bytes, 5001 + 5050);
}

static void totals_end_at_the_greatest_number(void **state)
{
    struct fixture *f = *state;
    struct store_totals t;

    for (unsigned i = 0; i < 4; i++) {
        struct upload_task u = upload_of(i, "p", "d", "a");

        u.state = UPLOAD_STORED;
        u.size = INT64_MAX;
        ok(DO(f, upload_put, &u));
        ok(SEE(f, totals, &t));
        assert_int_equal(t.uploads_stored_bytes, i < 2 ? (i + 1) * (uint64_t)INT64_MAX : UINT64_MAX);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(download_comes_back_with_what_it_delivers),
    cmocka_unit_test(open_gives_the_devices_oldest_tasks),
    cmocka_unit_test(named_gives_the_newest_tasks_for_a_name),
    cmocka_unit_test(due_goes_by_the_earlier_of_wake_and_deadline),
    cmocka_unit_test(counts_are_by_state_of_one_deployment),
    cmocka_unit_test(causes_are_those_of_failed_tasks_with_most_first),
    cmocka_unit_test(failed_tasks_are_counted_by_state_code_and_text),
    cmocka_unit_test(causes_follow_every_change_of_a_task),
    cmocka_unit_test(lists_are_filtered_and_paged_both_ways),
    cmocka_unit_test(prune_removes_what_ended_before_the_time),
    cmocka_unit_test(totals_count_everything),
    cmocka_unit_test(totals_end_at_the_greatest_number),
};
const struct store_tests store_download_tests = STORE_TESTS(tests);
