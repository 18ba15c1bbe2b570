/* Numbers by the hour: what counts, for whom, and that they stay. */
#include "store_suite_internal.h"

#include <string.h>

enum { HOUR = 5 };
#define AT_HOUR(hour) ((hour) * STATISTICS_HOUR_MS + 1)

static void expect_tasks(const struct ended_tasks *got, uint64_t done, uint64_t failed, uint64_t cancelled, uint64_t bytes)
{
    assert_int_equal(got->done, done);
    assert_int_equal(got->failed, failed);
    assert_int_equal(got->cancelled, cancelled);
    assert_int_equal(got->bytes, bytes);
}

static struct statistics sums_of(struct fixture *f, const char *product, uint64_t first_hour, uint32_t hours)
{
    struct statistics s = {.uploads.done = 0};

    ok(DO(f, statistics, product, &((struct statistics_span){first_hour, hours, 1}), &s));
    return s;
}

static void put_upload(struct fixture *f, unsigned n, const char *product, upload_state state, uint64_t hour)
{
    struct upload_task t = upload_of(n, product, "d", "a");

    t.size = 100;
    t.state = state;
    t.stored_ms = state == UPLOAD_STORED || state == UPLOAD_DONE ? AT_HOUR(hour) : 0;
    t.ended_ms = state >= UPLOAD_DONE ? AT_HOUR(state == UPLOAD_DONE ? hour + 1 : hour) : 0;
    ok(DO(f, upload_put, &t));
}

static void put_download(struct fixture *f, unsigned n, download_state state, uint64_t hour)
{
    struct download_task t = download_of(n, 900, 900, "p", "d");

    t.state = state;
    t.ended_ms = download_state_open(state) ? 0 : AT_HOUR(hour);
    ok(DO(f, download_put, &t));
}

static void upload_counts_once_when_it_is_whole_or_lost(void **state)
{
    static const struct {
        upload_state end;
        uint64_t done, failed, cancelled;
    } rows[] = {
        {UPLOAD_STORED, 1, 0, 0}, {UPLOAD_DONE, 1, 0, 0},      {UPLOAD_FAILED, 0, 1, 0},
        {UPLOAD_EXPIRED, 0, 1, 0}, {UPLOAD_CANCELLED, 0, 0, 1},
    };
    struct fixture *f = *state;
    struct statistics s;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_upload(f, i, "p", UPLOAD_CREATED, HOUR);
        put_upload(f, i, "p", UPLOAD_UPLOADING, HOUR);
        s = sums_of(f, "p", 10 * i, 10);
        expect_tasks(&s.uploads, 0, 0, 0, 0);
        put_upload(f, i, "p", rows[i].end, 10 * i);
        put_upload(f, i, "p", rows[i].end, 10 * i);
        if (rows[i].end == UPLOAD_STORED)
            put_upload(f, i, "p", UPLOAD_DONE, 10 * i);
        s = sums_of(f, "p", 10 * i, 10);
        expect_tasks(&s.uploads, rows[i].done, rows[i].failed, rows[i].cancelled, 100 * rows[i].done);
        expect_tasks(&s.downloads, 0, 0, 0, 0);
        assert_memory_equal(&s, &(struct statistics){.uploads = s.uploads}, sizeof(s));
        s = sums_of(f, "p", 10 * i, 1);
        assert_int_equal(s.uploads.done, rows[i].done); /* in the hour in which it was stored */
    }
}

static void download_counts_each_time_that_it_ends(void **state)
{
    static const struct {
        download_state end;
        uint64_t done, failed, cancelled;
    } rows[] = {
        {DOWNLOAD_DONE, 1, 0, 0},      {DOWNLOAD_FAILED, 0, 1, 0},    {DOWNLOAD_TIMED_OUT, 0, 1, 0},
        {DOWNLOAD_CANCELLED, 0, 0, 1}, {DOWNLOAD_REJECTED, 0, 1, 0},
    };
    struct fixture *f = *state;
    uint64_t size = resource_of(900, "p", "firmware").size;

    add_deployment(f, 900);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned times = 1; times <= 2; times++) {
            put_download(f, i, DOWNLOAD_QUEUED, HOUR);
            put_download(f, i, rows[i].end, 10 + i);
            put_download(f, i, rows[i].end, 10 + i);
            const struct statistics s = sums_of(f, "p", 10 + i, 1);
            expect_tasks(&s.downloads, times * rows[i].done, times * rows[i].failed, times * rows[i].cancelled,
                         times * rows[i].done * size);
            expect_tasks(&s.uploads, 0, 0, 0, 0);
        }
    }
}

static void of_all_products_are_those_of_each(void **state)
{
    struct fixture *f = *state;
    struct statistics s;

    put_upload(f, 1, "p", UPLOAD_STORED, HOUR);
    put_upload(f, 2, "q", UPLOAD_FAILED, HOUR);
    s = sums_of(f, NULL, HOUR, 1);
    expect_tasks(&s.uploads, 1, 1, 0, 100);
    s = sums_of(f, "p", HOUR, 1);
    expect_tasks(&s.uploads, 1, 0, 0, 100);
    s = sums_of(f, "nobody", HOUR, 1);
    expect_tasks(&s.uploads, 0, 0, 0, 0);
}

static void times_of_a_span_have_their_own_numbers(void **state)
{
    struct fixture *f = *state;
    struct statistics s[3] = {{.uploads.done = 7}};

    for (unsigned hour = 9; hour <= 16; hour++)
        put_upload(f, hour, "p", UPLOAD_DONE, hour);
    ok(DO(f, statistics, "p", &((struct statistics_span){10, 2, 3}), s)); /* 10 and 11, 12 and 13, 14 and 15 */
    expect_tasks(&s[0].uploads, 9, 0, 0, 200); /* added to what is there */
    expect_tasks(&s[1].uploads, 2, 0, 0, 200);
    expect_tasks(&s[2].uploads, 2, 0, 0, 200);
    ok(DO(f, statistics, "p", &((struct statistics_span){UINT64_MAX, 2, 3}), s));
    expect(FERRY_E_ARG, DO(f, statistics, "p", &((struct statistics_span){10, 0, 3}), s));
    expect(FERRY_E_ARG, DO(f, statistics, "p", &((struct statistics_span){10, 1, 0}), s));
}

static void numbers_stay_when_the_task_goes_and_are_undone_with_it(void **state)
{
    struct fixture *f = *state;
    const ferry_id id = id_of(1);
    struct statistics s;

    put_upload(f, 1, "p", UPLOAD_DONE, HOUR);
    ok(DO(f, upload_remove, &id));
    ok(DO(f, begin));
    put_upload(f, 2, "p", UPLOAD_DONE, HOUR);
    ok(DO(f, savepoint));
    put_upload(f, 3, "p", UPLOAD_DONE, HOUR);
    ok(DO(f, rewind));
    s = sums_of(f, "p", HOUR, 1);
    assert_int_equal(s.uploads.done, 2);
    DO(f, rollback);
    s = sums_of(f, "p", HOUR, 1);
    assert_int_equal(s.uploads.done, 1);
}

static void bytes_end_at_the_greatest_number(void **state)
{
    struct fixture *f = *state;
    struct statistics s;

    for (unsigned n = 1; n <= 3; n++) {
        struct upload_task t = upload_of(n, "p", "d", "a");
        t.state = UPLOAD_STORED;
        t.size = INT64_MAX;
        t.stored_ms = AT_HOUR(HOUR + n % 2);
        ok(DO(f, upload_put, &t));
    }
    s = sums_of(f, "p", HOUR, 1);
    assert_true(s.uploads.bytes == (uint64_t)INT64_MAX);
    s = sums_of(f, "p", HOUR, 2);
    assert_true(s.uploads.bytes == UINT64_MAX);
}

static void old_numbers_go_oldest_first(void **state)
{
    struct fixture *f = *state;
    struct statistics s;
    size_t removed = 0;

    for (unsigned hour = 1; hour <= 4; hour++)
        put_upload(f, hour, "p", UPLOAD_DONE, hour);
    ok(DO(f, statistics_prune, 1, 100, &removed));
    assert_int_equal(removed, 0);
    ok(DO(f, statistics_prune, 4, 4, &removed)); /* of the product and of all */
    assert_int_equal(removed, 4);
    s = sums_of(f, NULL, 0, 10);
    assert_int_equal(s.uploads.done, 2);
    ok(DO(f, statistics_prune, 4, 100, &removed));
    assert_int_equal(removed, 2);
    s = sums_of(f, "p", 0, 10);
    assert_int_equal(s.uploads.done, 1);
    expect(FERRY_E_READONLY, SEE(f, statistics_prune, 4, 100, &removed));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(upload_counts_once_when_it_is_whole_or_lost),
    cmocka_unit_test(download_counts_each_time_that_it_ends),
    cmocka_unit_test(of_all_products_are_those_of_each),
    cmocka_unit_test(times_of_a_span_have_their_own_numbers),
    cmocka_unit_test(numbers_stay_when_the_task_goes_and_are_undone_with_it),
    cmocka_unit_test(bytes_end_at_the_greatest_number),
    cmocka_unit_test(old_numbers_go_oldest_first),
};
const struct store_tests store_statistics_tests = STORE_TESTS(tests);
