/* A store across a network: what is asked of it is asked by other threads, and its silence stops nobody. */
#include "engine_fixture.h"
#include "engine_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { SOON_S = 30 }; /* for other threads, on a busy machine */

#define DONE FIXTURE_REPORT("upload", "a.txt", "done")

/* The table of objects in memory, with what makes it a store across a network. */
static struct objects_ops remote_ops;
static const struct objects_ops *real_ops;
static _Atomic int store_says;    /* other than FERRY_OK: to every question */
static atomic_uint questions;
static pthread_t engine_thread;   /* which asks nothing */
static atomic_bool engine_asked;
static atomic_bool sweeps; /* a sweep removes, as that of the memory does */

static ferry_err note_question(void)
{
    atomic_fetch_add(&questions, 1);
    if (pthread_equal(pthread_self(), engine_thread))
        atomic_store(&engine_asked, true);
    return (ferry_err)atomic_load(&store_says);
}

static ferry_err remote_match(struct objects *o, const ferry_id *key, const struct object_expect *expect)
{
    uint64_t size = 0;
    ferry_err err = note_question();
    if (err == FERRY_OK)
        err = real_ops->stat(o, key, &size);
    return err == FERRY_OK && size != expect->size ? FERRY_E_SIZE : err;
}

static ferry_err remote_stat(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    ferry_err err = note_question();
    return err == FERRY_OK ? real_ops->stat(o, key, ret_size) : err;
}

static ferry_err remote_partial_size(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    ferry_err err = note_question();
    return err == FERRY_OK ? real_ops->partial_size(o, key, ret_size) : err;
}

static ferry_err remote_remove(struct objects *o, const ferry_id *key)
{
    ferry_err err = note_question();
    return err == FERRY_OK ? real_ops->remove(o, key) : err;
}

static ferry_err remote_partial_remove(struct objects *o, const ferry_id *key)
{
    ferry_err err = note_question();
    return err == FERRY_OK ? real_ops->partial_remove(o, key) : err;
}

/* Tests put objects there when nobody knows of them. */
static ferry_err remote_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                              bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed)
{
    if (atomic_load(&sweeps))
        return real_ops->sweep(o, keep_object, keep_partial, arg, ret_removed);
    *ret_removed = 0;
    return note_question();
}

static void remote_interrupt(struct objects *o)
{
    (void)o;
}

static int set_up(void **state)
{
    int done = fixture_setup(state);
    struct fixture *f = *state;
    real_ops = f->parts.objects->ops;
    remote_ops = *real_ops;
    remote_ops.match = remote_match;
    remote_ops.stat = remote_stat;
    remote_ops.partial_size = remote_partial_size;
    remote_ops.remove = remote_remove;
    remote_ops.partial_remove = remote_partial_remove;
    remote_ops.sweep = remote_sweep;
    remote_ops.interrupt = remote_interrupt;
    f->parts.objects->ops = &remote_ops;
    atomic_store(&store_says, FERRY_OK);
    atomic_store(&engine_asked, false);
    atomic_store(&sweeps, false);
    engine_thread = pthread_self();
    fixture_crash(f);
    assert_int_equal(errands_start(f->engine), FERRY_OK);
    return done;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    inbox_close(&f->engine->inbox); /* a thread that waits for its command is answered */
    fixture_turn(f);
    errands_stop(f->engine);
    assert_false(atomic_load(&engine_asked));
    return fixture_teardown(state);
}

/* The engine goes on until then. */
static void until(struct fixture *f, bool (*condition)(struct fixture *f))
{
    time_t end = time(NULL) + SOON_S;
    while (!condition(f)) {
        assert_true(time(NULL) < end);
        fixture_turn(f);
        (void)sched_yield();
    }
}

static struct answer heard;

static bool hears(struct fixture *f)
{
    return fixture_hear(f, &heard);
}

static int verdict(struct fixture *f)
{
    fixture_say(f, "D1", DONE);
    until(f, hears);
    assert_int_equal(heard.msg.type, FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP);
    return heard.msg.result_code;
}

static ferry_id begin_upload(struct fixture *f)
{
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &heard);
    return fixture_latest_upload(f, "D1", "a.txt").id;
}

static upload_state state_of(struct fixture *f)
{
    return fixture_latest_upload(f, "D1", "a.txt").state;
}

static bool is_stored(struct fixture *f)
{
    return state_of(f) == UPLOAD_STORED;
}

static bool is_expired(struct fixture *f)
{
    return state_of(f) == UPLOAD_EXPIRED;
}

static void done_is_answered_when_the_store_was_asked(void **state)
{
    struct fixture *f = *state;
    ferry_id task = begin_upload(f);
    assert_int_equal(verdict(f), FERRY_RESULT_NO_OBJECT);
    assert_int_equal(state_of(f), UPLOAD_CREATED);
    fixture_put_hello(f, &task);
    assert_int_equal(verdict(f), FERRY_RESULT_OK);
    assert_int_equal(state_of(f), UPLOAD_DONE);
    unsigned asked = atomic_load(&questions);
    assert_int_equal(verdict(f), FERRY_RESULT_OK); /* what is known is not asked again */
    assert_int_equal(atomic_load(&questions), asked);
}

static size_t reports_of(struct fixture *f)
{
    struct task_report reports[FERRY_PAGE_MAX];
    const struct store_page page = {.after = "", .limit = FERRY_PAGE_MAX};
    const ferry_id task = fixture_latest_upload(f, "D1", "a.txt").id;
    size_t count = 0;
    assert_int_equal(f->real_store_ops->report_list(f->reader, &task, &page, reports, &count), FERRY_OK);
    return count;
}

static void a_report_that_is_handled_twice_is_in_the_history_once(void **state)
{
    struct fixture *f = *state;
    ferry_id task = begin_upload(f);
    fixture_put_hello(f, &task);
    assert_int_equal(verdict(f), FERRY_RESULT_OK);
    assert_int_equal(reports_of(f), 1);
}

static void a_store_that_does_not_answer_is_busy(void **state)
{
    static const ferry_err silences[] = {FERRY_E_TIMEOUT, FERRY_E_NETWORK, FERRY_E_BUSY, FERRY_E_DENIED, FERRY_E_IO};
    struct fixture *f = *state;
    ferry_id task = begin_upload(f);
    fixture_put_hello(f, &task);
    for (size_t i = 0; i < sizeof silences / sizeof silences[0]; i++) {
        atomic_store(&store_says, silences[i]);
        assert_int_equal(verdict(f), FERRY_RESULT_BUSY);
        assert_int_equal(state_of(f), UPLOAD_CREATED);
    }
    atomic_store(&store_says, FERRY_OK);
    assert_int_equal(verdict(f), FERRY_RESULT_OK);
}

static void an_object_of_another_size_is_none(void **state)
{
    struct fixture *f = *state;
    fixture_say(f, "D1", "{\"type\":\"create_upload_task\",\"size\":6,\"name\":\"a.txt\",\"md5sum\":\"" FIXTURE_MD5 "\"}");
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &heard);
    ferry_id task = fixture_latest_upload(f, "D1", "a.txt").id;
    fixture_put_hello(f, &task);
    assert_int_equal(verdict(f), FERRY_RESULT_NO_OBJECT);
}

static void what_came_before_the_device_died_is_found_before_it_expires(void **state)
{
    struct fixture *f = *state;
    ferry_id task = begin_upload(f);
    fixture_put_hello(f, &task);
    fixture_advance_s(f, FERRY_URL_LIFE_S + 1);
    until(f, is_stored);
}

static void what_did_not_come_expires(void **state)
{
    struct fixture *f = *state;
    (void)begin_upload(f);
    fixture_advance_s(f, FERRY_URL_LIFE_S + 1);
    until(f, is_expired);
    assert_int_equal(verdict(f), FERRY_RESULT_NO_OBJECT);
}

static bool was_asked(struct fixture *f)
{
    (void)f;
    return atomic_load(&questions) > 0;
}

static void nothing_expires_while_the_store_is_silent(void **state)
{
    struct fixture *f = *state;
    ferry_id task = begin_upload(f);
    fixture_put_hello(f, &task);
    atomic_store(&store_says, FERRY_E_TIMEOUT);
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&questions, 0);
        fixture_advance_s(f, i == 0 ? FERRY_URL_LIFE_S + 1 : ERRAND_TIME_MS / 1000 + 1);
        until(f, was_asked);
        assert_int_equal(state_of(f), UPLOAD_CREATED);
    }
    atomic_store(&store_says, FERRY_OK);
    fixture_advance_s(f, ERRAND_TIME_MS / 1000 + 1);
    until(f, is_stored);
}

static bool is_gone(struct fixture *f)
{
    uint64_t size;
    ferry_id key;
    assert_true(ferry_id_parse(heard.payload, strlen(heard.payload), &key));
    return real_ops->stat(f->parts.objects, &key, &size) == FERRY_E_NOT_FOUND;
}

static void what_is_removed_is_removed_by_another_thread(void **state)
{
    struct fixture *f = *state;
    ferry_id task = begin_upload(f);
    fixture_put_hello(f, &task);
    assert_int_equal(verdict(f), FERRY_RESULT_OK);
    struct command remove = {.kind = CMD_UPLOAD_REMOVE, .id = task};
    assert_int_equal(fixture_command(f, &remove), FERRY_OK);
    memcpy(heard.payload, task.text, sizeof task.text);
    until(f, is_gone);
}

static ferry_err upload_of_resource(struct fixture *f, const ferry_id *id, struct resource_upload *ret)
{
    return f->real_store_ops->resource_upload_get(f->reader, id, ret);
}

static const struct resource_upload half = {.id = {"01hf7yat00z4b8p5m3q1n2k7ra"}, .product = "P", .name = "r", .size = 10};

static bool half_is_given_up(struct fixture *f)
{
    struct resource_upload now;
    return upload_of_resource(f, &half.id, &now) == FERRY_E_NOT_FOUND;
}

static bool half_was_seen(struct fixture *f)
{
    struct resource_upload now;
    return upload_of_resource(f, &half.id, &now) == FERRY_OK && now.seen_bytes == 5;
}

static void a_resource_that_comes_in_parts_is_given_up_when_nothing_came(void **state)
{
    struct fixture *f = *state;
    struct command begin = {.kind = CMD_RESOURCE_UPLOAD_ADD, .resource_upload = half};
    struct object_writer *writer = NULL;
    uint64_t offset = 0;
    assert_int_equal(fixture_command(f, &begin), FERRY_OK);
    assert_int_equal(real_ops->write_resume(f->parts.objects, &half.id, 0, false, &writer, &offset), FERRY_OK);
    assert_int_equal(real_ops->write(writer, "hello", 5), FERRY_OK);
    assert_int_equal(real_ops->write_suspend(writer), FERRY_OK);
    fixture_advance_s(f, FERRY_RESOURCE_UPLOAD_LIFE_S + 1);
    until(f, half_was_seen);
    fixture_advance_s(f, FERRY_RESOURCE_UPLOAD_LIFE_S + 1);
    until(f, half_is_given_up);
}

/* --- a resource that is sent straight to the store ------------------------------------------------------------- */

static const struct resource_upload hello = {.id = {"01hf7yat00z4b8p5m3q1n2k7rb"}, .product = "P", .name = "r", .size = 5,
                                             .md5 = FIXTURE_MD5,
                                             .sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"};

static void begin_hello(struct fixture *f)
{
    struct command begin = {.kind = CMD_RESOURCE_UPLOAD_ADD, .resource_upload = hello};
    assert_int_equal(fixture_command(f, &begin), FERRY_OK);
}

static ferry_err hello_as_resource(struct fixture *f, struct resource *ret)
{
    return f->real_store_ops->resource_get(f->reader, &hello.id, ret);
}

static bool hello_is_a_resource(struct fixture *f)
{
    struct resource resource;
    return hello_as_resource(f, &resource) == FERRY_OK;
}

static bool hello_has_its_whole_life(struct fixture *f)
{
    struct resource_upload now;
    assert_int_equal(upload_of_resource(f, &hello.id, &now), FERRY_OK);
    return now.expires_ms == now.created_ms + 1000ull * FERRY_RESOURCE_UPLOAD_LIFE_S;
}

static bool hello_has_no_object(struct fixture *f)
{
    uint64_t size = 0;
    return real_ops->stat(f->parts.objects, &hello.id, &size) == FERRY_E_NOT_FOUND;
}

static bool hello_is_given_up(struct fixture *f)
{
    struct resource_upload now;
    return upload_of_resource(f, &hello.id, &now) == FERRY_E_NOT_FOUND;
}

static void a_resource_is_one_though_its_sender_died_behind_the_last_byte(void **state)
{
    struct fixture *f = *state;
    struct resource resource;
    begin_hello(f);
    fixture_put_hello(f, &hello.id);
    fixture_advance_s(f, FERRY_URL_LIFE_S + 1);
    until(f, hello_is_a_resource);
    assert_int_equal(hello_as_resource(f, &resource), FERRY_OK);
    assert_int_equal(resource.size, hello.size);
    assert_string_equal(resource.md5, hello.md5);
    assert_string_equal(resource.sha256, hello.sha256);
    assert_string_equal(resource.name, hello.name);
}

static void what_did_not_come_with_the_first_url_may_come_later_or_never(void **state)
{
    struct fixture *f = *state;
    begin_hello(f);
    fixture_advance_s(f, FERRY_URL_LIFE_S + 1);
    until(f, hello_has_its_whole_life);
    fixture_advance_s(f, FERRY_RESOURCE_UPLOAD_LIFE_S);
    until(f, hello_is_given_up);
}

static void a_resource_that_came_is_made_once(void **state)
{
    struct fixture *f = *state;
    begin_hello(f);
    fixture_put_hello(f, &hello.id);
    for (unsigned i = 0; i < 2; i++) {
        struct command came = {.kind = CMD_RESOURCE_UPLOAD_CAME, .id = hello.id};
        assert_int_equal(fixture_command(f, &came), FERRY_OK);
        assert_int_equal(came.count, i == 0);
        assert_true(came.resource_upload.stored_ms != 0);
    }
    struct command done = {.kind = CMD_RESOURCE_UPLOAD_DONE, .resource = {.id = hello.id, .product = "P", .name = "r", .size = 5}};
    assert_int_equal(fixture_command(f, &done), FERRY_OK); /* of who sent it in parts meanwhile: not a failure, which would undo the object */
    assert_int_equal(done.count, 0);
    assert_true(hello_is_a_resource(f));
    struct command other = {.kind = CMD_RESOURCE_UPLOAD_CAME, .id = half.id};
    assert_int_equal(fixture_command(f, &other), FERRY_E_NOT_FOUND);
}

static void what_came_goes_with_the_upload_that_is_given_up(void **state)
{
    struct fixture *f = *state;
    begin_hello(f);
    fixture_put_hello(f, &hello.id);
    struct command remove = {.kind = CMD_RESOURCE_UPLOAD_REMOVE, .id = hello.id};
    assert_int_equal(fixture_command(f, &remove), FERRY_OK);
    until(f, hello_has_no_object);
}

static void a_sweep_leaves_what_nobody_has_told_of_yet(void **state)
{
    struct fixture *f = *state;
    begin_hello(f);
    fixture_put_hello(f, &hello.id);
    fixture_put_hello(f, &half.id); /* of no upload */
    atomic_store(&sweeps, true);
    assert_int_equal(recovery_sweep(f->engine, f->reader, true), FERRY_OK);
    uint64_t size = 0;
    assert_int_equal(real_ops->stat(f->parts.objects, &half.id, &size), FERRY_E_NOT_FOUND);
    assert_false(hello_has_no_object(f));
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(done_is_answered_when_the_store_was_asked),
        RULE(a_report_that_is_handled_twice_is_in_the_history_once),
        RULE(a_store_that_does_not_answer_is_busy),
        RULE(an_object_of_another_size_is_none),
        RULE(what_came_before_the_device_died_is_found_before_it_expires),
        RULE(what_did_not_come_expires),
        RULE(nothing_expires_while_the_store_is_silent),
        RULE(what_is_removed_is_removed_by_another_thread),
        RULE(a_resource_that_comes_in_parts_is_given_up_when_nothing_came),
        RULE(a_resource_is_one_though_its_sender_died_behind_the_last_byte),
        RULE(what_did_not_come_with_the_first_url_may_come_later_or_never),
        RULE(a_resource_that_came_is_made_once),
        RULE(what_came_goes_with_the_upload_that_is_given_up),
        RULE(a_sweep_leaves_what_nobody_has_told_of_yet),
    };
    return cmocka_run_group_tests_name("errands", tests, NULL, NULL);
}
