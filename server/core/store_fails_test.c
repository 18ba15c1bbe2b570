/* Whatever the store cannot do in the middle of a command or a message: nothing of it is done, who asked is told, and asked again it is done. */
#include "engine_fixture.h"
#include "failing_store.h"

#include "base/alloc.h"
#include "mqtt/mem_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 200 }; /* no command needs so many */

static const struct device_key d1 = {"P", "D1"}, d2 = {"P", "D2"};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f);
    failing_store_install(&f->store_ops, f->real_store_ops);
    fixture_add_devices(f, 1, 2);
    *state = f;
    return 0;
}

/* --- what is written ---------------------------------------------------------------------------------------- */

/* Every change of an operator's leaves a record, every change of a task an event. */
struct written {
    uint64_t records, events;
};

static struct written written(struct fixture *f)
{
    struct audit_head head;
    struct event_bounds bounds;
    assert_int_equal(f->real_store_ops->audit_head(f->reader, &head), FERRY_OK);
    assert_int_equal(f->real_store_ops->event_bounds(f->reader, &bounds), FERRY_OK);
    return (struct written){head.seq, bounds.last};
}

static bool nothing_since(struct fixture *f, struct written before)
{
    struct written now = written(f);
    return now.records == before.records && now.events == before.events;
}

/* --- commands --------------------------------------------------------------------------------------------- */

/* Gives the command that succeeded. */
static struct command run(struct fixture *f, const struct command *wanted)
{
    for (unsigned n = 1; n < CALLS_MAX; n++) {
        fixture_turn(f); /* what is due by itself is done before */
        struct written before = written(f);
        struct command cmd = *wanted;
        failing_store_at(n);
        ferry_err err = fixture_command(f, &cmd);
        bool struck = failing_store_struck();
        failing_store_at(0);
        if (err == FERRY_OK && !struck) {
            assert_true(n > 1); /* it needs the store at all */
            return cmd;
        }
        if (!struck || err != FERRY_E_IO)
            fail_msg("command %d, call %u: %s, %s", (int)cmd.kind, n, ferry_err_text(err), cmd.detail);
        if (!nothing_since(f, before))
            fail_msg("command %d, call %u: something is left", (int)cmd.kind, n);
    }
    fail_msg("command %d does not succeed", (int)wanted->kind);
    abort();
}

static struct command run_kind(struct fixture *f, command_kind kind, ferry_id id)
{
    return run(f, &(struct command){.kind = kind, .id = id});
}

static void products_and_devices(void **state)
{
    struct fixture *f = *state;
    const struct device_tags tags = {.count = 0};
    const struct device_import imports[] = {{.device.key = {"Q", "D1"}, .tags = tags}, {.device.key = {"Q", "D2"}}};

    (void)run(f, &(struct command){.kind = CMD_PRODUCT_ADD, .product.name = "Q"});
    (void)run(f, &(struct command){.kind = CMD_PRODUCT_SECRET, .product = {"Q", .secret = {.len = 1}}});
    (void)run(f, &(struct command){.kind = CMD_DEVICE_IMPORT, .imports = imports, .import_count = 2});
    (void)run(f, &(struct command){.kind = CMD_DEVICE_ADD, .device.key = {"Q", "D3"}});
    (void)run(f, &(struct command){.kind = CMD_DEVICE_CHANGE,
                                   .device = {{"Q", "D3"}, .disabled = true},
                                   .disabled_given = true,
                                   .tags_given = true});
    (void)run(f, &(struct command){.kind = CMD_DEVICE_ROTATE, .device = {{"Q", "D3"}, .secret = {.len = 2}}});
    (void)run(f, &(struct command){.kind = CMD_DEVICE_REGISTER, .device = {{"Q", "D4"}, .secret = {.len = 3}}});
    (void)run(f, &(struct command){.kind = CMD_QUOTA_SET, .quota = {"Q", {.product_files = 2}}});
    (void)run(f, &(struct command){.kind = CMD_QUOTA_RESET, .quota.product = "Q"});
    for (char name[] = "D1"; name[1] <= '4'; name[1]++) {
        struct command gone = {.kind = CMD_DEVICE_REMOVE};
        assert_true(device_key_make("Q", name, &gone.device.key));
        (void)run(f, &gone);
    }
    (void)run(f, &(struct command){.kind = CMD_PRODUCT_REMOVE, .product.name = "Q"});
}

static void who_may_do_what(void **state)
{
    struct fixture *f = *state;

    (void)run(f, &(struct command){.kind = CMD_TOKEN_ADD, .token = {.name = "t", .role = "admin"}});
    (void)run(f, &(struct command){.kind = CMD_TOKEN_REMOVE, .token.name = "t"});
    (void)run(f,
              &(struct command){.kind = CMD_USER_ADD, .user = {.name = "ann", .role = "operator", .password = "hash"}});
    (void)run(f, &(struct command){.kind = CMD_USER_CHANGE, .user = {.name = "ann", .role = "viewer"}});
    (void)run(f, &(struct command){.kind = CMD_USER_REMOVE, .user.name = "ann"});
}

static void webhooks(void **state)
{
    struct fixture *f = *state;
    const struct webhook hook = {.id = {"01hf7yat00z4b8p5m3q1n2k7rc"},
                                 .url = "https://example.com/",
                                 .state = WEBHOOK_ACTIVE,
                                 .secret = {.len = 4}};

    (void)run(f, &(struct command){.kind = CMD_WEBHOOK_ADD, .webhook = hook});
    (void)run(f, &(struct command){.kind = CMD_WEBHOOK_ROTATE, .webhook = hook});
    (void)run(f, &(struct command){.kind = CMD_WEBHOOK_RESUME, .webhook = hook, .webhook_skip = true});
    (void)run(f, &(struct command){.kind = CMD_WEBHOOK_REMOVE, .webhook = hook});
}

static struct command deploy(struct fixture *f, const char *const *devices, size_t count)
{
    struct command cmd = {.kind = CMD_DEPLOY};
    cmd.deploy = (struct deploy_order){.product = "P",
                                       .resource_name = "r",
                                       .devices = devices,
                                       .device_count = count,
                                       .all = count == 0,
                                       .timeout_s = 3600};
    return run(f, &cmd);
}

static void deployments(void **state)
{
    struct fixture *f = *state;
    const char *const both[] = {"D1", "D2"};
    ferry_id resource = fixture_add_resource(f, "r");
    ferry_id id = deploy(f, both, 2).deployment.id;

    (void)run_kind(f, CMD_DEPLOYMENT_PAUSE, id);
    (void)run_kind(f, CMD_DEPLOYMENT_RESUME, id);
    (void)run_kind(f, CMD_DOWNLOAD_CANCEL, fixture_latest_download(f, "D1", "r").id);
    (void)run_kind(f, CMD_DOWNLOAD_RETRY, fixture_latest_download(f, "D1", "r").id);
    (void)run_kind(f, CMD_DEPLOYMENT_CANCEL, id);
    id = deploy(f, NULL, 0).deployment.id;
    (void)run_kind(f, CMD_DEPLOYMENT_CANCEL, id);
    (void)run(f, &(struct command){.kind = CMD_RESOURCE_CHANGE, .id = resource, .resource.description = "what it is"});
    (void)run_kind(f, CMD_RESOURCE_REMOVE, fixture_add_resource(f, "never deployed"));
}

static void resources_in_parts(void **state)
{
    struct fixture *f = *state;
    struct resource_upload upload = {
        .id = {"01hf7yat00z4b8p5m3q1n2k7rb"}, .product = "P", .name = "r", .size = 5, .md5 = FIXTURE_MD5};
    struct resource whole = {.id = upload.id, .product = "P", .name = "r", .size = 5, .md5 = FIXTURE_MD5};

    (void)run(f, &(struct command){.kind = CMD_RESOURCE_UPLOAD_ADD, .resource_upload = upload});
    fixture_put_hello(f, &upload.id);
    (void)run(f, &(struct command){.kind = CMD_RESOURCE_UPLOAD_DONE, .resource = whole});
    (void)run_kind(f, CMD_RESOURCE_UPLOAD_REMOVE, upload.id);
    (void)run_kind(f, CMD_OBJECT_DAMAGED, upload.id);
}

static void uploads(void **state)
{
    struct fixture *f = *state;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    struct command cmd = {
        .kind = CMD_UPLOAD_ACTIVE, .id = fixture_latest_upload(f, "D1", "a.txt").id, .device.key = d1};

    (void)run(f, &cmd);
    fixture_put_hello(f, &cmd.id);
    cmd.kind = CMD_UPLOAD_STORED;
    (void)run(f, &cmd);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_STORED);
    (void)run_kind(f, CMD_UPLOAD_REMOVE, cmd.id);
}

/* --- messages ----------------------------------------------------------------------------------------------- */

static bool was_refused(struct fixture *f)
{
    struct answer a;
    bool refused = false;
    while (fixture_hear(f, &a))
        refused |= (a.msg.has & FERRY_HAS_RESULT_CODE) != 0 && a.msg.result_code == FERRY_RESULT_INTERNAL;
    return refused;
}

/* What is asked for the timers at the end of a transaction: that they do not hear of it is no harm to who is in it. */
static bool struck_for_timers(void)
{
    return failing_store_struck_in("next_due_ms") || failing_store_struck_in("deployment_expanding") ||
           failing_store_struck_in("deployment_sweeping");
}

/* Until the device is not refused any more. */
static void say(struct fixture *f, const char *device, const char *json)
{
    for (unsigned n = 1; n < CALLS_MAX; n++) {
        fixture_turn(f);
        struct written before = written(f);
        failing_store_each_at(n);
        fixture_say(f, device, json);
        bool struck = failing_store_struck() && !struck_for_timers();
        failing_store_at(0);
        bool refused = was_refused(f);
        if (refused != struck)
            fail_msg("%s, call %u: %s", json, n, refused ? "refused without need" : "not refused");
        if (!refused) {
            assert_true(n > 1);
            return;
        }
        if (!nothing_since(f, before))
            fail_msg("%s, call %u: something is left", json, n);
    }
    fail_msg("%s is refused for ever", json);
}

static void what_devices_say(void **state)
{
    struct fixture *f = *state;
    say(f, "D1", FIXTURE_CREATE_HELLO);
    ferry_id id = fixture_latest_upload(f, "D1", "a.txt").id;
    say(f, "D1", FIXTURE_REPORT("upload", "a.txt", "uploading"));
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_UPLOADING);
    fixture_put_hello(f, &id);
    say(f, "D1", FIXTURE_REPORT("upload", "a.txt", "done"));
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_DONE);

    (void)fixture_add_resource(f, "r");
    (void)fixture_deploy(f, "r", d2.device, 0);
    say(f, "D2", "{\"type\":\"get_download_task\",\"request_id\":\"r1\"}");
    say(f, "D2", FIXTURE_REPORT("download", "r", "downloading"));
    say(f, "D2", FIXTURE_REPORT("download", "r", "done"));
    assert_int_equal(fixture_latest_download(f, "D2", "r").state, DOWNLOAD_DONE);
}

/* What fails once does not fail when the transaction begins again: nobody notices. A bad message beside it fails alone. */
static void what_fails_once_is_done_all_the_same(void **state)
{
    struct fixture *f = *state;
    bool struck = true;
    for (unsigned n = 1; struck && n < CALLS_MAX; n++) {
        fixture_turn(f);
        struct written before = written(f);
        failing_store_anywhere_at(n);
        fixture_say(f, n % 2 == 0 ? "D1" : "D2", FIXTURE_CREATE_HELLO);
        struck = failing_store_struck();
        failing_store_at(0);
        assert_false(was_refused(f));
        assert_true(n > 2 || written(f).events == before.events + 1); /* later ones go on with the task, and tell nothing */
    }
    assert_false(struck);
}

/* --- what the engine does by itself ------------------------------------------------------------------------- */

static void what_is_due_is_done_when_the_store_is_back(void **state)
{
    struct fixture *f = *state;
    (void)fixture_add_resource(f, "r");
    for (unsigned n = 1; n < CALLS_MAX; n++) {
        fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
        (void)fixture_deploy(f, "r", d2.device, 0);
        failing_store_anywhere_at(n);
        fixture_advance_s(f, FERRY_URL_LIFE_S + 1); /* both have ended by then */
        bool struck = failing_store_struck();
        failing_store_at(0);
        fixture_advance_s(f, 2);
        assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_EXPIRED);
        assert_int_equal(fixture_latest_download(f, "D2", "r").state, DOWNLOAD_TIMED_OUT);
        assert_int_equal(engine_health(f->engine), FERRY_OK);
        if (!struck)
            return;
    }
    fail_msg("a turn has too many calls");
}

static void an_engine_that_cannot_read_its_store_does_not_begin(void **state)
{
    struct fixture *f = *state;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    ferry_id id = fixture_latest_upload(f, "D1", "a.txt").id;
    fixture_put_hello(f, &id); /* whole, and nobody was told: the start has something to make up for */
    f->parts.bus->ops->stop(f->parts.bus);
    unsigned refused = 0;
    bool struck = true;
    for (unsigned n = 1; n < CALLS_MAX && struck; n++) {
        engine_free(f->engine); /* what failed, it could begin without */
        f->engine = NULL;
        failing_store_anywhere_at(n);
        ferry_err err = engine_new(&f->parts, &f->settings, &f->engine);
        struck = failing_store_struck();
        failing_store_at(0);
        assert_true(err == FERRY_OK || (struck && err == FERRY_E_IO));
        refused += err != FERRY_OK;
    }
    assert_true(refused > 3);
    assert_non_null(f->engine);
    assert_int_equal(fixture_latest_upload(f, "D1", "a.txt").state, UPLOAD_STORED);
}

static void an_engine_without_memory_does_not_begin(void **state)
{
    struct fixture *f = *state;
    unsigned refused = 0;
    f->parts.bus->ops->stop(f->parts.bus);
    for (unsigned n = 1; n < CALLS_MAX; n++) {
        engine_free(f->engine);
        f->engine = NULL;
        ferry_alloc_fail_at(n);
        ferry_err err = engine_new(&f->parts, &f->settings, &f->engine);
        ferry_alloc_fail_at(0);
        assert_true(err == FERRY_OK || err == FERRY_E_NOMEM);
        refused += err != FERRY_OK;
    }
    assert_true(refused > 3);
    assert_non_null(f->engine); /* it does not take so many */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(products_and_devices, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(who_may_do_what, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(webhooks, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(deployments, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(resources_in_parts, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(uploads, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_devices_say, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_fails_once_is_done_all_the_same, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_is_due_is_done_when_the_store_is_back, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_engine_that_cannot_read_its_store_does_not_begin, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(an_engine_without_memory_does_not_begin, setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
