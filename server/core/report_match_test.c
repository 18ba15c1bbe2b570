/* Which task a report means when several have its name: the file that it says by its MD5, and no other. */
#include "engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#define MD5_OLD "00000000000000000000000000000001"
#define MD5_NEW "00000000000000000000000000000002"
#define MD5_NONE "00000000000000000000000000000003"

/* The platform's answer to a report on "fw"; md5 null: as a device on the vendor's SDK says it. */
static int report(struct fixture *f, const char *direction, const char *said, const char *md5)
{
    char json[512], extra[64] = "";
    struct answer a;
    if (md5 != NULL)
        (void)snprintf(extra, sizeof extra, ",\"md5sum\":\"%s\"", md5);
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"report_%s_progress\",\"name\":\"fw\",\"progress\":{\"state\":\"%s\",\"percent\":1,"
                   "\"result_code\":0,\"result_msg\":\"\"}%s}",
                   direction, said, extra);
    fixture_say(f, "D1", json);
    assert_true(fixture_hear(f, &a));
    return a.msg.result_code;
}

static download_state state_of(struct fixture *f, const struct deployment *d)
{
    struct download_filter filter = {.deployment = &d->id};
    struct store_page page = {.after = "", .limit = 1};
    struct download_task task;
    size_t count = 0;
    assert_int_equal(f->real_store_ops->download_list(f->reader, &filter, &page, &task, &count), FERRY_OK);
    assert_int_equal(count, 1);
    return task.state;
}

/* Deploys a new version of "fw" to the device, which is told of it at once. */
static struct deployment offer(struct fixture *f, const char *md5)
{
    struct answer a;
    fixture_add_version(f, "fw", md5);
    struct deployment d = fixture_deploy(f, "fw", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    return d;
}

static void cancel(struct fixture *f, const struct deployment *d)
{
    struct command cmd = {.kind = CMD_DEPLOYMENT_CANCEL, .id = d->id};
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
}

/* The device was off while its version was given up and the next one came. */
static void a_late_done_does_not_end_the_next_version_unfetched(void **state)
{
    struct fixture *f = *state;
    struct deployment older = offer(f, MD5_OLD);
    cancel(f, &older);
    struct deployment newer = offer(f, MD5_NEW);
    assert_int_equal(report(f, "download", "done", MD5_OLD), FERRY_RESULT_CANCELLED);
    assert_int_equal(report(f, "download", "downloading", MD5_OLD), FERRY_RESULT_CANCELLED);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_OFFERED);
    assert_int_equal(report(f, "download", "done", MD5_NEW), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_DONE);
    assert_int_equal(state_of(f, &older), DOWNLOAD_CANCELLED);
}

/* Devices on the vendor's SDK say no MD5. One of them is half way when its task is cancelled and the next version comes at once. */
static void what_a_vendor_device_says_of_a_cancelled_task_is_not_said_of_the_next(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment older = offer(f, MD5_OLD);
    assert_int_equal(report(f, "download", "downloading", NULL), FERRY_RESULT_OK);
    fixture_advance_s(f, 1);
    cancel(f, &older);
    struct deployment newer = offer(f, MD5_NEW); /* it is busy and ignores that */
    fixture_advance_s(f, 1);
    assert_int_equal(report(f, "download", "downloading", NULL), FERRY_RESULT_CANCELLED);
    assert_int_equal(report(f, "download", "fail", NULL), FERRY_RESULT_OK);
    assert_int_equal(report(f, "download", "fail", NULL), FERRY_RESULT_OK); /* it says so twice */
    assert_int_equal(report(f, "download", "done", NULL), FERRY_RESULT_CANCELLED); /* or had the last byte */
    assert_int_equal(state_of(f, &newer), DOWNLOAD_OFFERED);

    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_int_equal(report(f, "download", "downloading", NULL), FERRY_RESULT_OK); /* it has heard of the end: this is the next */
    assert_int_equal(report(f, "download", "done", NULL), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_DONE);
    assert_int_equal(state_of(f, &older), DOWNLOAD_CANCELLED);
}

static void what_was_cancelled_before_its_device_began_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct deployment older = offer(f, MD5_OLD);
    cancel(f, &older);
    struct deployment newer = offer(f, MD5_NEW);
    assert_int_equal(report(f, "download", "downloading", NULL), FERRY_RESULT_OK);
    assert_int_equal(report(f, "download", "done", NULL), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_DONE);
}

/* What it says long after that is of the next version, though it never heard of the end. */
static void a_cancelled_task_is_meant_for_some_seconds_only(void **state)
{
    struct fixture *f = *state;
    struct deployment older = offer(f, MD5_OLD);
    assert_int_equal(report(f, "download", "downloading", NULL), FERRY_RESULT_OK);
    cancel(f, &older);
    struct deployment newer = offer(f, MD5_NEW);
    fixture_advance_s(f, 12);
    assert_int_equal(report(f, "download", "done", NULL), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_DONE);
}

static void a_late_done_ends_its_own_version_though_a_newer_one_is_open(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment older = offer(f, MD5_OLD);
    fixture_advance_s(f, 4000); /* its time is over */
    assert_int_equal(state_of(f, &older), DOWNLOAD_TIMED_OUT);
    while (fixture_hear(f, &a))
        continue;
    struct deployment newer = offer(f, MD5_NEW);
    assert_int_equal(report(f, "download", "done", MD5_OLD), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &older), DOWNLOAD_DONE);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_OFFERED);
}

static void a_file_that_nobody_deployed_is_no_task(void **state)
{
    struct fixture *f = *state;
    struct deployment d = offer(f, MD5_OLD);
    assert_int_equal(report(f, "download", "done", MD5_NONE), FERRY_RESULT_NO_TASK);
    assert_int_equal(state_of(f, &d), DOWNLOAD_OFFERED);
    assert_int_equal(report(f, "download", "done", ""), FERRY_RESULT_OK); /* no MD5 is none */
    assert_int_equal(state_of(f, &d), DOWNLOAD_DONE);
}

static void a_device_that_says_no_md5_means_the_open_task(void **state)
{
    struct fixture *f = *state;
    struct deployment d = offer(f, MD5_OLD);
    assert_int_equal(report(f, "download", "done", NULL), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &d), DOWNLOAD_DONE);
}

/* The device asks while it fetches (its question crossed the push): its task counts as offered again when its end is reported. */
static void the_end_of_a_version_is_believed_soon_after_that_of_the_one_before(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct deployment older = offer(f, MD5_OLD);
    fixture_add_version(f, "fw", MD5_NEW);
    struct deployment newer = fixture_deploy(f, "fw", "D1", 0);
    assert_int_equal(report(f, "download", "done", MD5_OLD), FERRY_RESULT_OK);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    assert_int_equal(report(f, "download", "downloading", MD5_NEW), FERRY_RESULT_OK);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_int_equal(report(f, "download", "done", MD5_OLD), FERRY_RESULT_OK); /* the older one's, again */
    assert_int_equal(state_of(f, &newer), DOWNLOAD_OFFERED);
    assert_int_equal(report(f, "download", "done", MD5_NEW), FERRY_RESULT_OK);
    assert_int_equal(state_of(f, &newer), DOWNLOAD_DONE);
    assert_int_equal(state_of(f, &older), DOWNLOAD_DONE);
}

static void ask_to_upload(struct fixture *f, const char *md5)
{
    char json[256];
    struct answer a;
    (void)snprintf(json, sizeof json, "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"fw\",\"md5sum\":\"%s\"}", md5);
    fixture_say(f, "D1", json);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
}

static void the_end_of_an_upload_is_that_of_its_own_version(void **state)
{
    struct fixture *f = *state;
    ask_to_upload(f, MD5_OLD);
    struct upload_task older = fixture_latest_upload(f, "D1", "fw");
    fixture_put_hello(f, &older.id);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = older.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(report(f, "upload", "done", MD5_OLD), FERRY_RESULT_OK);
    fixture_advance_s(f, 1);
    ask_to_upload(f, MD5_NEW);
    assert_int_equal(report(f, "upload", "fail", MD5_OLD), FERRY_RESULT_OK); /* late, and of no use any more */
    struct upload_task newer = fixture_latest_upload(f, "D1", "fw");
    assert_int_equal(newer.state, UPLOAD_CREATED);
    assert_int_equal(report(f, "upload", "done", MD5_OLD), FERRY_RESULT_OK);
    assert_int_equal(report(f, "upload", "done", MD5_NEW), FERRY_RESULT_NO_OBJECT);
    assert_int_equal(f->real_store_ops->upload_get(f->reader, &older.id, &older), FERRY_OK);
    assert_int_equal(older.state, UPLOAD_DONE);
}

#define PLATFORM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLATFORM_TEST(a_late_done_does_not_end_the_next_version_unfetched),
        PLATFORM_TEST(what_a_vendor_device_says_of_a_cancelled_task_is_not_said_of_the_next),
        PLATFORM_TEST(what_was_cancelled_before_its_device_began_is_forgotten),
        PLATFORM_TEST(a_cancelled_task_is_meant_for_some_seconds_only),
        PLATFORM_TEST(a_late_done_ends_its_own_version_though_a_newer_one_is_open),
        PLATFORM_TEST(a_file_that_nobody_deployed_is_no_task),
        PLATFORM_TEST(a_device_that_says_no_md5_means_the_open_task),
        PLATFORM_TEST(the_end_of_a_version_is_believed_soon_after_that_of_the_one_before),
        PLATFORM_TEST(the_end_of_an_upload_is_that_of_its_own_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
