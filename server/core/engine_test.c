/* The engine as a whole, in memory and by hand-moved time: what devices and operators are told, and when. */
#include "engine_fixture.h"

#include "clock/manual.h"
#include "mqtt/mem_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bool text_is(ferry_text text, const char *expected)
{
    return ferry_text_equal(text, ferry_text_of(expected));
}

/* --- uploads --- */

static void a_request_is_answered_with_a_url(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_string_equal(a.topic, "$resource/down/service/P/D1");
    assert_true(text_is(a.msg.name, "a.txt"));
    assert_true(text_is(a.msg.md5sum, FIXTURE_MD5));
    assert_int_equal(a.msg.size, 5);
    assert_memory_equal(a.msg.url.ptr, "http://127.0.0.1:8080/o/", 24);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
    assert_null(a.msg.request_id.ptr);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_CREATED);
}

static void who_sends_a_request_id_sees_our_extensions(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1",
                "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"a.txt\",\"request_id\":\"r1\",\"md5sum\":\"" FIXTURE_MD5
                "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_true(text_is(a.msg.request_id, "r1"));
    assert_true(a.msg.has & FERRY_HAS_RESULT_CODE);
    assert_int_equal(a.msg.expires, FIXTURE_START_MS / 1000 + FERRY_URL_LIFE_S);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\",\"request_id\":\"r2\"}");
    fixture_expect(f, FERRY_MSG_GET_DOWNLOAD_TASK_RSP, &a);
    assert_true(text_is(a.msg.request_id, "r2"));
    assert_int_equal(a.msg.result_code, FERRY_RESULT_NO_TASK);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
}

static void the_same_request_means_the_same_task(void **state)
{
    struct fixture *f = *state;
    struct upload_task first = fixture_begin_upload(f);
    fixture_advance_s(f, 10);
    struct upload_task second = fixture_begin_upload(f);
    assert_true(ferry_id_equal(&first.id, &second.id));
    assert_true(second.expires_ms > first.expires_ms);
}

static void other_content_replaces_the_open_task(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct upload_task first = fixture_begin_upload(f);
    fixture_advance_s(f, 1);
    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":6,\"name\":\"a.txt\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    struct upload_task second = fixture_latest_upload(f, "D1", "a.txt");
    assert_false(ferry_id_equal(&first.id, &second.id));
    struct upload_task old;
    assert_int_equal(f->real_store_ops->upload_get(f->reader, &first.id, &old), FERRY_OK);
    assert_int_equal(old.state, UPLOAD_CANCELLED);

    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = first.id}; /* its bytes come too late */
    fixture_put_hello(f, &first.id);
    assert_int_equal(fixture_command(f, &stored), FERRY_E_STATE);
}

static void a_device_may_have_sixteen_open_uploads(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    char json[256];
    for (unsigned i = 0; i <= FERRY_UPLOADS_OPEN_MAX; i++) {
        (void)snprintf(json, sizeof json, "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"n%u\",\"md5sum\":\"%s\"}",
                       i, FIXTURE_MD5);
        fixture_advance_s(f, 1);
        fixture_say(f, "D1", json);
        fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
        bool refused = (a.msg.has & FERRY_HAS_RESULT_CODE) && a.msg.result_code == FERRY_RESULT_TOO_MANY_TASKS;
        assert_int_equal(refused, i == FERRY_UPLOADS_OPEN_MAX);
    }
    fixture_advance_s(f, 120); /* a device that rebooted and forgot its uploads is not blocked for their whole life */
    fixture_say(f, "D1", json);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
    assert_int_equal(fixture_latest_upload(f, "D1", "n0").state, UPLOAD_CANCELLED);
    fixture_advance_s(f, FERRY_URL_LIFE_S); /* the silent ones expire: slots do not leak */
    assert_int_equal(fixture_latest_upload(f, "D1", "n1").state, UPLOAD_EXPIRED);
}

static void an_upload_goes_from_request_to_done(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "uploading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_UPLOADING);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done")), FERRY_RESULT_NO_OBJECT);

    fixture_put_hello(f, &task.id);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(stored.upload.state, UPLOAD_STORED);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_DONE);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done")), FERRY_RESULT_OK);

    struct engine_stats stats;
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.uploads_created_total, 1);
    assert_int_equal(stats.uploads_stored_total, 1);
}

static void a_garbled_name_is_matched_to_the_only_task(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt" FIXTURE_MD5, "uploading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_UPLOADING);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "\xe4\xb8", "uploading")), FERRY_RESULT_OK);
    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":9,\"name\":\"b\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "zzz", "uploading")), FERRY_RESULT_NO_TASK);
}

static void a_late_duplicate_of_an_old_request_blocks_nothing(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct upload_task wanted = fixture_begin_upload(f);
    fixture_put_hello(f, &wanted.id);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = wanted.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    fixture_advance_s(f, 1);
    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":9,\"name\":\"a.txt\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    struct upload_task late = fixture_latest_upload(f, "D1", "a.txt");

    fixture_say(f, "D1", FIXTURE_CREATE_HELLO); /* the device goes on with what it wants: the late one gives way */
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(f->real_store_ops->upload_get(f->reader, &late.id, &late), FERRY_OK);
    assert_int_equal(late.state, UPLOAD_CANCELLED);

    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":9,\"name\":\"a.txt\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done")), FERRY_RESULT_OK);
    assert_int_equal(f->real_store_ops->upload_get(f->reader, &wanted.id, &wanted), FERRY_OK);
    assert_int_equal(wanted.state, UPLOAD_DONE);
}

#define NAME_64 "0123456789012345678901234567890123456789012345678901234567890123"

static void a_long_name_is_known_by_its_beginning_and_md5(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"" NAME_64 "tail\",\"md5sum\":\"" FIXTURE_MD5
                         "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", NAME_64 FIXTURE_MD5, "uploading")), FERRY_RESULT_OK);
    assert_int_equal(fixture_latest_upload(f, "D1", NAME_64 "tail").state, UPLOAD_UPLOADING);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_CREATED);
}

static void bad_requests_are_refused_with_a_reason(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json;
        int result;
    } rows[] = {
        {"{\"type\":\"create_upload_task\",\"size\":0,\"name\":\"a\",\"md5sum\":\"" FIXTURE_MD5 "\"}", FERRY_RESULT_BAD_SIZE},
        {"{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"\",\"md5sum\":\"" FIXTURE_MD5 "\"}", FERRY_RESULT_BAD_NAME},
        {"{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"a\",\"md5sum\":\"xx\"}", FERRY_RESULT_BAD_MD5},
        {"{\"type\":\"create_upload_task\",\"size\":5,\"name\":\"a\"b\",\"md5sum\":\"" FIXTURE_MD5 "\"}", FERRY_RESULT_BAD_JSON},
        {"{\"type\":\"create_upload_task\",\"size\":9999999999999,\"name\":\"a\",\"md5sum\":\"" FIXTURE_MD5 "\"}",
         FERRY_RESULT_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer a;
        fixture_say(f, "D1", rows[i].json);
        fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
        assert_int_equal(a.msg.result_code, rows[i].result);
        assert_int_equal(a.msg.url.len, 0);
        assert_true(a.msg.size > 0); /* zero crashes a vendor device */
    }
    fixture_say(f, "stranger", FIXTURE_CREATE_HELLO);
    struct answer a;
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_UNKNOWN_DEVICE);
    fixture_say(f, "D1", "not json at all");
    fixture_say(f, "D1", "{\"type\":\"nonsense\"}");
    fixture_say(f, "D1", "{\"type\":\"download\",\"name\":\"x\"}");
    fixture_expect_silence(f);
    struct engine_stats stats;
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.messages_ignored_total, 3);
}

/* Who is refused removes the object: that is for bytes that nobody was told of. */
static void the_same_bytes_once_more_do_not_undo_what_a_disabled_device_has_sent(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    fixture_put_hello(f, &task.id);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id};
    struct command disable = {
        .kind = CMD_DEVICE_CHANGE, .device = {.key = {"P", "D1"}, .disabled = true}, .disabled_given = true};
    struct command active = {.kind = CMD_UPLOAD_ACTIVE, .id = task.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(fixture_command(f, &disable), FERRY_OK);
    assert_int_equal(fixture_command(f, &active), FERRY_E_STATE);
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_STORED);
}

/* Two transfers of the same bytes: the first one was refused, and its object removed, when the second one's word came. */
static void an_object_that_is_gone_is_not_stored(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id};
    assert_int_equal(fixture_command(f, &stored), FERRY_E_BUSY);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_CREATED);
    fixture_put_hello(f, &task.id);
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
}

static bool object_is_there(struct fixture *f, const ferry_id *id)
{
    uint64_t size;
    return f->parts.objects->ops->stat(f->parts.objects, id, &size) == FERRY_OK;
}

static void not_waited_for(struct command *command, void *arg)
{
    (void)command;
    (void)arg;
}

/* ... and the first one's object is removed only while the second one was not told that its own is stored. */
static void what_was_refused_takes_nothing_away_that_was_accepted(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    struct command stored = {.kind = CMD_UPLOAD_STORED, .id = task.id};
    struct command unwanted = {.kind = CMD_UPLOAD_UNWANTED, .id = task.id};
    fixture_put_hello(f, &task.id);
    assert_int_equal(fixture_command(f, &unwanted), FERRY_OK);
    assert_false(object_is_there(f, &task.id));

    fixture_put_hello(f, &task.id);
    unwanted.done = not_waited_for;
    assert_int_equal(engine_submit(f->engine, &unwanted), FERRY_OK); /* in one batch with the next */
    assert_int_equal(fixture_command(f, &stored), FERRY_E_BUSY);
    assert_false(object_is_there(f, &task.id));

    fixture_put_hello(f, &task.id);
    assert_int_equal(fixture_command(f, &stored), FERRY_OK);
    assert_int_equal(fixture_command(f, &unwanted), FERRY_OK);
    assert_true(object_is_there(f, &task.id));

    struct command removed = {.kind = CMD_UPLOAD_UNWANTED, .id = {"01gz000000000000000000000a"}};
    fixture_put_hello(f, &removed.id);
    assert_int_equal(fixture_command(f, &removed), FERRY_OK);
    assert_false(object_is_there(f, &removed.id));
}

static void a_disabled_device_gets_nothing_but_a_refusal(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    struct command disable = {.kind = CMD_DEVICE_CHANGE, .device = {.disabled = true}, .disabled_given = true};
    assert_true(device_key_make("P", "D1", &disable.device.key));
    assert_int_equal(fixture_command(f, &disable), FERRY_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "uploading")), FERRY_RESULT_UNKNOWN_DEVICE);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_CREATE_HELLO), FERRY_RESULT_UNKNOWN_DEVICE);
    fixture_say(f, "D1", "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(f);
    disable.device.disabled = false;
    assert_int_equal(fixture_command(f, &disable), FERRY_OK);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "uploading")), FERRY_RESULT_OK);
}

static void removing_an_open_upload_stops_the_device(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    struct command cmd = {.kind = CMD_UPLOAD_REMOVE, .id = fixture_latest_upload(f, "D1", "a.txt").id};
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    fixture_expect(f, FERRY_MSG_UPLOAD_RESULT, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_CANCELLED);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "uploading")), FERRY_RESULT_NO_TASK);
    assert_int_equal(fixture_command(f, &cmd), FERRY_E_NOT_FOUND);
    assert_non_null(strstr(cmd.detail, "no upload task"));
}

/* --- durability --- */

static const struct store_ops *real_ops;

/* As the contract of commit says: on failure everything since begin is undone. */
static ferry_err no_commit(struct store_conn *c)
{
    real_ops->rollback(c);
    return FERRY_E_FULL;
}

static void nobody_is_told_what_was_not_committed(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    real_ops = f->real_store_ops;
    f->store_ops.commit = no_commit;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_INTERNAL);
    assert_int_equal(a.msg.url.len, 0);
    fixture_expect_silence(f);
    assert_int_equal(engine_health(f->engine), FERRY_E_FULL);
    struct device_key key = {"P", "D1"};
    struct upload_task task;
    size_t count = 1;
    assert_int_equal(real_ops->upload_named(f->reader, &key, "a.txt", &task, 1, &count), FERRY_OK);
    assert_int_equal(count, 0);

    f->store_ops.commit = real_ops->commit; /* there is room again: nothing needs a restart */
    fixture_advance_s(f, 2);
    assert_int_equal(engine_health(f->engine), FERRY_OK);
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
}

static ferry_err failing_put(struct store_conn *c, const struct upload_task *t)
{
    (void)c;
    (void)t;
    return FERRY_E_IO;
}

static void one_bad_command_fails_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ferry_err (*real_put)(struct store_conn *, const struct upload_task *) = f->store_ops.upload_put;
    f->store_ops.upload_put = failing_put;
    fixture_add_resource(f, "r");
    fixture_deploy(f, "r", "D1", 0);
    fixture_expect(f, FERRY_MSG_DOWNLOAD, &a);
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_INTERNAL);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("download", "r", "downloading")), FERRY_RESULT_OK);
    assert_int_equal(engine_health(f->engine), FERRY_OK);
    f->store_ops.upload_put = real_put;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
}

/* As If-Match asks: the device is still enabled. */
static ferry_err is_enabled(struct command *command, struct store_conn *conn)
{
    const struct fixture *f = command->arg;
    struct device device;
    ferry_err err = f->parts.store->ops->device_get(conn, &command->device.key, &device);
    return err == FERRY_OK && device.disabled ? FERRY_E_STALE : err;
}

static void nothing(struct command *command, void *arg)
{
    (void)command;
    (void)arg;
}

static void a_condition_sees_what_was_changed_before_it_in_the_batch(void **state)
{
    struct fixture *f = *state;
    struct command first = {.kind = CMD_DEVICE_CHANGE, .device = {.key = {"P", "D1"}, .disabled = true}, .disabled_given = true,
                            .condition = is_enabled, .done = nothing, .arg = f};
    struct command second = {.kind = CMD_DEVICE_REMOVE, .device = {.key = {"P", "D1"}}, .condition = is_enabled,
                             .done = nothing, .arg = f};
    struct device device;
    assert_int_equal(engine_submit(f->engine, &first), FERRY_OK);
    assert_int_equal(engine_submit(f->engine, &second), FERRY_OK);
    fixture_turn(f);
    assert_int_equal(first.result, FERRY_OK);
    assert_int_equal(second.result, FERRY_E_STALE);
    assert_int_equal(f->real_store_ops->device_get(f->reader, &first.device.key, &device), FERRY_OK);
    assert_true(device.disabled);
}

static void a_full_inbox_says_busy(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_open(f);
    fixture_add_device(f, "D1");
    f->settings.inbox_max = 1;
    fixture_crash(f);
    struct answer a;
    char topic[FERRY_TOPIC_SIZE];
    assert_true(ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of("P"), ferry_text_of("D1"), topic));
    struct bus_listener listener = engine_bus_listener(f->engine);
    listener.message(listener.arg, topic, FIXTURE_CREATE_HELLO, strlen(FIXTURE_CREATE_HELLO));
    listener.message(listener.arg, topic, FIXTURE_CREATE_HELLO, strlen(FIXTURE_CREATE_HELLO));
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_int_equal(a.msg.result_code, FERRY_RESULT_BUSY);
    struct command cmd = {.kind = CMD_PRODUCT_ADD, .product = {.name = "Q"}};
    assert_int_equal(engine_submit(f->engine, &cmd), FERRY_E_BUSY);
    fixture_turn(f);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
}

static void a_device_that_asks_too_much_is_told_so_and_nobody_else_is(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct engine_stats stats;
    f->settings.device_requests_per_min = 3;
    fixture_crash(f);
    fixture_add_device(f, "D2");
    for (unsigned i = 0; i < 5; i++) {
        fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
        fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
        assert_int_equal(a.msg.has & FERRY_HAS_RESULT_CODE ? a.msg.result_code : 0, i < 3 ? 0 : FERRY_RESULT_BUSY);
    }
    fixture_say(f, "D1", "no JSON"); /* has no answer, counts all the same */
    fixture_say(f, "D2", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.messages_limited_total, 2);
    clock_manual_advance(f->parts.clock, 20000);
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_false(a.msg.has & FERRY_HAS_RESULT_CODE);
}

static int32_t create_result(struct fixture *f, const char *json)
{
    struct answer a;
    fixture_say(f, "D1", json);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    return a.msg.has & FERRY_HAS_RESULT_CODE ? a.msg.result_code : 0;
}

#define CREATE(name, size, digit) \
    "{\"type\":\"create_upload_task\",\"size\":" #size ",\"name\":\"" name "\",\"md5sum\":\"" digit \
    "d41402abc4b2a76b9719d911017c592\"}"

static void a_quota_counts_what_was_granted_and_what_replaces_it(void **state)
{
    struct fixture *f = *state;
    f->settings.quota = (struct quota_limits){.device_bytes = 10};
    fixture_crash(f);
    assert_int_equal(create_result(f, CREATE("a", 6, "1")), 0);
    assert_int_equal(create_result(f, CREATE("b", 5, "1")), FERRY_RESULT_QUOTA);
    assert_int_equal(fixture_latest_upload(f, "D1", "a").state, UPLOAD_CREATED);
    assert_int_equal(create_result(f, CREATE("a", 11, "2")), FERRY_RESULT_QUOTA);
    assert_int_equal(fixture_latest_upload(f, "D1", "a").state, UPLOAD_CREATED); /* a refusal replaces nothing */
    assert_int_equal(create_result(f, CREATE("a", 10, "3")), 0);
    struct command reset = {.kind = CMD_QUOTA_RESET, .quota = {.product = "P"}};
    struct command set = {.kind = CMD_QUOTA_SET, .quota = {.product = "P", .limits = {.product_files = 2}}};
    struct command stranger = {.kind = CMD_QUOTA_SET, .quota = {.product = "nobody"}};
    assert_int_equal(fixture_command(f, &reset), FERRY_E_NOT_FOUND);
    assert_int_equal(fixture_command(f, &stranger), FERRY_E_NOT_FOUND);
    assert_int_equal(fixture_command(f, &set), FERRY_OK);
    assert_int_equal(create_result(f, CREATE("b", 5000, "1")), 0); /* its own limits, in place of the settings' */
    assert_int_equal(create_result(f, CREATE("c", 1, "1")), FERRY_RESULT_QUOTA);
    assert_int_equal(fixture_command(f, &reset), FERRY_OK);
    assert_int_equal(create_result(f, CREATE("c", 1, "1")), FERRY_RESULT_QUOTA);
}

static void an_answer_waits_for_a_broken_link(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct bus_listener listener = engine_bus_listener(f->engine);
    listener.message(listener.arg, FERRY_TOPIC_UP_PREFIX "P/D1", FIXTURE_CREATE_HELLO, strlen(FIXTURE_CREATE_HELLO));
    mem_bus_set_link(f->parts.bus, false);
    fixture_turn(f);
    fixture_expect_silence(f);
    mem_bus_set_link(f->parts.bus, true);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    assert_true(a.msg.url.len > 0);
}

static void an_object_whose_word_was_lost_is_adopted(void **state)
{
    struct fixture *f = *state;
    struct upload_task task = fixture_begin_upload(f);
    fixture_put_hello(f, &task.id);
    uint8_t chance[FERRY_ID_RANDOM_BYTES] = {0xff};
    ferry_id orphan = ferry_id_make(FIXTURE_START_MS, chance);
    fixture_put_hello(f, &orphan);

    fixture_crash(f);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_STORED);
    uint64_t size = 0;
    assert_int_equal(f->parts.objects->ops->stat(f->parts.objects, &task.id, &size), FERRY_OK);
    assert_int_equal(f->parts.objects->ops->stat(f->parts.objects, &orphan, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(fixture_result(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done")), FERRY_RESULT_OK);
}

static void time_does_not_stop_when_the_clock_is_set_back(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    clock_manual_step_wall(f->parts.clock, -3600 * 1000);
    fixture_advance_s(f, FERRY_URL_LIFE_S);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_EXPIRED);
    uint64_t before_ms = engine_now_ms(f->engine);
    fixture_crash(f);
    assert_true(engine_now_ms(f->engine) >= before_ms);
}

#define PLATFORM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* --- the start --- */

static void settings_out_of_their_range_are_refused(void **state)
{
    struct fixture *f = *state;
    struct engine *none = NULL;
    struct engine_settings s;
#define REFUSED(setting, value)                                                                                        \
    s = f->settings;                                                                                                   \
    s.setting = (value);                                                                                               \
    assert_int_equal(engine_new(&f->parts, &s, &none), FERRY_E_ARG)
    REFUSED(inbox_max, 0);
    REFUSED(batch_max, 0);
    REFUSED(object_size_max, 0);
    REFUSED(uploads_open_max, 0);
    REFUSED(uploads_open_max, UINT32_MAX);
    REFUSED(url_life_s, FERRY_URL_LIFE_MIN_S - 1);
    REFUSED(url_life_s, FERRY_URL_LIFE_MAX_S + 1);
    REFUSED(push_retry_first_s, 0);
    REFUSED(push_retry_max_s, f->settings.push_retry_first_s - 1);
    REFUSED(deploy_retry_first_s, 0);
    REFUSED(deploy_retry_max_s, f->settings.deploy_retry_first_s - 1);
    REFUSED(session_idle_s, 0);
    REFUSED(session_life_s, 0);
    REFUSED(events_max, 0);
    REFUSED(resource_upload_life_s, 0);
    REFUSED(answers_kept_s, 0);
    REFUSED(answers_max, 0);
#undef REFUSED
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLATFORM_TEST(a_request_is_answered_with_a_url),
        PLATFORM_TEST(who_sends_a_request_id_sees_our_extensions),
        PLATFORM_TEST(the_same_request_means_the_same_task),
        PLATFORM_TEST(other_content_replaces_the_open_task),
        PLATFORM_TEST(a_device_may_have_sixteen_open_uploads),
        PLATFORM_TEST(an_upload_goes_from_request_to_done),
        PLATFORM_TEST(a_garbled_name_is_matched_to_the_only_task),
        PLATFORM_TEST(a_late_duplicate_of_an_old_request_blocks_nothing),
        PLATFORM_TEST(a_long_name_is_known_by_its_beginning_and_md5),
        PLATFORM_TEST(bad_requests_are_refused_with_a_reason),
        PLATFORM_TEST(the_same_bytes_once_more_do_not_undo_what_a_disabled_device_has_sent),
        PLATFORM_TEST(an_object_that_is_gone_is_not_stored),
        PLATFORM_TEST(what_was_refused_takes_nothing_away_that_was_accepted),
        PLATFORM_TEST(a_disabled_device_gets_nothing_but_a_refusal),
        PLATFORM_TEST(removing_an_open_upload_stops_the_device),
        PLATFORM_TEST(nobody_is_told_what_was_not_committed),
        PLATFORM_TEST(one_bad_command_fails_alone),
        PLATFORM_TEST(a_condition_sees_what_was_changed_before_it_in_the_batch),
        PLATFORM_TEST(a_full_inbox_says_busy),
        PLATFORM_TEST(a_device_that_asks_too_much_is_told_so_and_nobody_else_is),
        PLATFORM_TEST(a_quota_counts_what_was_granted_and_what_replaces_it),
        PLATFORM_TEST(an_answer_waits_for_a_broken_link),
        PLATFORM_TEST(an_object_whose_word_was_lost_is_adopted),
        PLATFORM_TEST(time_does_not_stop_when_the_clock_is_set_back),
        PLATFORM_TEST(settings_out_of_their_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
