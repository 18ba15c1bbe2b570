/* What the numbers by the hour say of tasks that end, and how long they are kept. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, LOOK_DAYS = 5 };

/* Of all days that a test may last. */
static void expect_sums(struct fixture *f, const char *want)
{
    const struct statistics_span span = {
        .first_hour = engine_now_ms(f->engine) / STATISTICS_HOUR_MS - LOOK_DAYS * 24, .hours_each = 30 * 24, .count = 1};
    struct statistics s = {.uploads.done = 0};
    char got[128];
    assert_int_equal(f->real_store_ops->statistics(f->reader, "P", &span, &s), FERRY_OK);
    (void)snprintf(got, sizeof got, "up %d/%d/%d %d, down %d/%d/%d %d", (int)s.uploads.done, (int)s.uploads.failed,
                   (int)s.uploads.cancelled, (int)s.uploads.bytes, (int)s.downloads.done, (int)s.downloads.failed,
                   (int)s.downloads.cancelled, (int)s.downloads.bytes);
    assert_string_equal(got, want);
}

static void upload_hello(struct fixture *f)
{
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    const struct upload_task task = fixture_latest_upload(f, "D1", "a.txt");
    fixture_put_hello(f, &task.id);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
}

static void an_upload_counts_when_its_file_is_whole(void **state)
{
    struct fixture *f = *state;
    expect_sums(f, "up 0/0/0 0, down 0/0/0 0");
    upload_hello(f);
    expect_sums(f, "up 1/0/0 5, down 0/0/0 0");
    fixture_say(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done"));
    expect_sums(f, "up 1/0/0 5, down 0/0/0 0");
}

static void a_download_counts_each_time_that_it_ends(void **state)
{
    struct fixture *f = *state;
    fixture_add_resource(f, "fw");
    fixture_deploy(f, "fw", "D1", 0);
    fixture_turn(f);
    fixture_say(f, "D1", FIXTURE_REPORT("download", "fw", "downloading"));
    fixture_say(f, "D1", FIXTURE_REPORT("download", "fw", "fail"));
    expect_sums(f, "up 0/0/0 0, down 0/1/0 0");
    struct command retry = {.kind = CMD_DOWNLOAD_RETRY, .id = fixture_latest_download(f, "D1", "fw").id};
    assert_int_equal(fixture_command(f, &retry), FERRY_OK);
    fixture_turn(f);
    fixture_say(f, "D1", FIXTURE_REPORT("download", "fw", "downloading"));
    fixture_say(f, "D1", FIXTURE_REPORT("download", "fw", "done"));
    expect_sums(f, "up 0/0/0 0, down 1/1/0 5");
}

static void numbers_stay_when_tasks_go_and_go_after_their_own_time(void **state)
{
    struct fixture *f = *state;
    f->settings.retention_days = 1;
    f->settings.statistics_days = 3;
    fixture_crash(f);
    upload_hello(f);
    fixture_say(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done"));
    fixture_advance_s(f, 2 * DAY_S);
    fixture_turns(f, 5);
    struct upload_task task;
    size_t count = 1;
    assert_int_equal(f->real_store_ops->upload_named(f->reader, &(struct device_key){"P", "D1"}, "a.txt", &task, 1, &count),
                     FERRY_OK);
    assert_int_equal(count, 0);
    expect_sums(f, "up 1/0/0 5, down 0/0/0 0");
    fixture_advance_s(f, DAY_S + 2 * HOUR_S);
    fixture_turns(f, 5);
    expect_sums(f, "up 0/0/0 0, down 0/0/0 0");
}

static void without_a_time_they_are_kept(void **state)
{
    struct fixture *f = *state;
    f->settings.statistics_days = 0;
    fixture_crash(f);
    upload_hello(f);
    fixture_advance_s(f, 4 * DAY_S);
    fixture_turns(f, 3);
    expect_sums(f, "up 1/0/0 5, down 0/0/0 0");
}

int main(void)
{
#define UNIT(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        UNIT(an_upload_counts_when_its_file_is_whole),
        UNIT(a_download_counts_each_time_that_it_ends),
        UNIT(numbers_stay_when_tasks_go_and_go_after_their_own_time),
        UNIT(without_a_time_they_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
