#include "engine_fixture.h"

#include "clock/manual.h"
#include "many_fixture.h"
#include "mqtt/mem_bus.h"
#include "objects/mem.h"
#include "store/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void open_bus_and_engine(struct fixture *f)
{
    assert_int_equal(mem_bus_open(&f->parts.bus), FERRY_OK);
    assert_int_equal(engine_new(&f->parts, &f->settings, &f->engine), FERRY_OK);
    struct bus_listener listener = engine_bus_listener(f->engine);
    assert_int_equal(f->parts.bus->ops->start(f->parts.bus, &listener), FERRY_OK);
}

static void open_on(struct fixture *f, struct store *store, bool many)
{
    memset(f, 0, sizeof *f);
    engine_settings_defaults(&f->settings);
    struct objects_mem_config objects = {.public_url = "http://127.0.0.1:8080", .capacity_bytes = 1u << 20};
    f->parts.store = store;
    assert_int_equal(objects_mem_open(&objects, &f->parts.objects), FERRY_OK);
    assert_int_equal(clock_manual_new(FIXTURE_START_MS, 1, &f->parts.clock), FERRY_OK);
    f->real_store_ops = f->parts.store->ops;
    f->store_ops = *f->real_store_ops;
    if (many)
        many_install(&f->store_ops, f->real_store_ops);
    f->many = f->store_ops.claim != NULL;
    f->parts.store->ops = &f->store_ops;
    open_bus_and_engine(f);
    assert_int_equal(f->store_ops.connect(f->parts.store, STORE_READER, &f->reader), FERRY_OK);
}

static void open_fixture(struct fixture *f, bool many)
{
    struct store *store = NULL;
    assert_int_equal(store_mem_open(&store), FERRY_OK);
    open_on(f, store, many);
}

void fixture_open_on(struct fixture *f, struct store *store)
{
    open_on(f, store, false);
}

void fixture_open(struct fixture *f)
{
    const char *kind = getenv("FERRY_FIXTURE");
    open_fixture(f, kind != NULL && strcmp(kind, "many") == 0);
}

static void close_bus_and_engine(struct fixture *f)
{
    f->parts.bus->ops->stop(f->parts.bus);
    engine_free(f->engine);
    f->parts.bus->ops->close(f->parts.bus);
}

void fixture_close(struct fixture *f)
{
    close_bus_and_engine(f);
    f->real_store_ops->disconnect(f->reader);
    f->parts.store->ops = f->real_store_ops;
    f->real_store_ops->close(f->parts.store);
    f->parts.objects->ops->close(f->parts.objects);
    clock_manual_free(f->parts.clock);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    fixture_open(f);
    fixture_add_device(f, "D1");
    *state = f;
    return 0;
}

int fixture_setup_many(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    open_fixture(f, true);
    fixture_add_device(f, "D1");
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

void fixture_crash(struct fixture *f)
{
    close_bus_and_engine(f);
    open_bus_and_engine(f);
}

void fixture_turn(struct fixture *f)
{
    uint64_t again_ms = 0;
    engine_turn(f->engine, &again_ms);
}

void fixture_turns(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fixture_turn(f);
}

void fixture_wait_s(struct fixture *f, uint64_t seconds)
{
    clock_manual_advance(f->parts.clock, seconds * 1000);
}

void fixture_advance_s(struct fixture *f, uint64_t seconds)
{
    fixture_wait_s(f, seconds);
    fixture_turn(f);
}

void fixture_send(struct fixture *f, const char *device, const char *json)
{
    char topic[FERRY_TOPIC_SIZE];
    assert_true(ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of("P"), ferry_text_of(device), topic));
    assert_int_equal(mem_bus_inject(f->parts.bus, topic, json, strlen(json)), FERRY_OK);
}

void fixture_say(struct fixture *f, const char *device, const char *json)
{
    fixture_send(f, device, json);
    fixture_turn(f);
}

bool fixture_hear(struct fixture *f, struct answer *ret_answer)
{
    struct bus_message *m = mem_bus_take(f->parts.bus);
    if (m == NULL)
        return false;
    memset(ret_answer, 0, sizeof *ret_answer);
    assert_true(m->len < sizeof ret_answer->payload);
    (void)snprintf(ret_answer->topic, sizeof ret_answer->topic, "%s", m->topic);
    memcpy(ret_answer->payload, m->payload, m->len);
    ferry_json_token tokens[FERRY_JSON_TOKENS_DEVICE];
    assert_int_equal(ferry_msg_parse(ret_answer->payload, m->len, tokens, FERRY_JSON_TOKENS_DEVICE,
                                     &ret_answer->msg),
                     FERRY_PROTO_OK);
    assert_false(ret_answer->msg.damaged);
    free(m);
    return true;
}

void fixture_expect(struct fixture *f, ferry_msg_type type, struct answer *ret_answer)
{
    assert_true(fixture_hear(f, ret_answer));
    assert_int_equal(ret_answer->msg.type, type);
}

void fixture_expect_silence(struct fixture *f)
{
    struct answer a;
    if (fixture_hear(f, &a))
        fail_msg("unexpected message of type %s to %s", ferry_msg_type_name(a.msg.type), a.topic);
}

int fixture_result(struct fixture *f, const char *device, const char *json)
{
    struct answer a;
    fixture_say(f, device, json);
    assert_true(fixture_hear(f, &a));
    assert_true(a.msg.has & FERRY_HAS_RESULT_CODE);
    return a.msg.result_code;
}

static void note_done(struct command *cmd, void *arg)
{
    (void)cmd;
    *(bool *)arg = true;
}

ferry_err fixture_command(struct fixture *f, struct command *cmd)
{
    bool done = false;
    cmd->done = note_done;
    cmd->arg = &done;
    ferry_err err = engine_submit(f->engine, cmd);
    if (err != FERRY_OK)
        return err;
    fixture_turn(f);
    assert_true(done);
    return cmd->result;
}

void fixture_add_device(struct fixture *f, const char *name)
{
    struct command product = {.kind = CMD_PRODUCT_ADD, .product = {.name = "P"}};
    ferry_err err = fixture_command(f, &product);
    assert_true(err == FERRY_OK || err == FERRY_E_EXISTS);
    struct command device = {.kind = CMD_DEVICE_ADD, .device = {.secret = {.len = 6, .bytes = "secret"}}};
    assert_true(device_key_make("P", name, &device.device.key));
    assert_int_equal(fixture_command(f, &device), FERRY_OK);
}

void fixture_add_devices(struct fixture *f, unsigned first, unsigned last)
{
    char name[16];
    for (unsigned i = first; i <= last; i++) {
        (void)snprintf(name, sizeof name, "D%u", i);
        fixture_add_device(f, name);
    }
}

void fixture_put_hello(struct fixture *f, const ferry_id *key)
{
    struct objects *o = f->parts.objects;
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = 5};
    assert_int_equal(o->ops->write_begin(o, key, 5, false, &writer), FERRY_OK);
    assert_int_equal(o->ops->write(writer, "hello", 5), FERRY_OK);
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_OK);
}

ferry_id fixture_add_resource(struct fixture *f, const char *name)
{
    return fixture_add_version(f, name, FIXTURE_MD5);
}

ferry_id fixture_add_version(struct fixture *f, const char *name, const char *md5)
{
    static uint8_t count;
    struct command cmd = {.kind = CMD_RESOURCE_ADD, .resource = {.product = "P", .size = 5}};
    uint8_t chance[FERRY_ID_RANDOM_BYTES] = {++count};
    cmd.resource.id = ferry_id_make(FIXTURE_START_MS, chance);
    (void)snprintf(cmd.resource.name, sizeof cmd.resource.name, "%s", name);
    (void)snprintf(cmd.resource.md5, sizeof cmd.resource.md5, "%s", md5);
    fixture_put_hello(f, &cmd.resource.id);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    return cmd.resource.id;
}

struct deployment fixture_deploy(struct fixture *f, const char *resource, const char *device, uint32_t rate_per_min)
{
    struct command cmd = {.kind = CMD_DEPLOY};
    cmd.deploy = (struct deploy_order){
        .product = "P",
        .devices = &device,
        .device_count = device != NULL,
        .all = device == NULL,
        .rate_per_min = rate_per_min,
        .timeout_s = 3600,
    };
    (void)snprintf(cmd.deploy.resource_name, sizeof cmd.deploy.resource_name, "%s", resource);
    assert_int_equal(fixture_command(f, &cmd), FERRY_OK);
    fixture_turn(f); /* what is released now goes out by timer */
    return cmd.deployment;
}

struct upload_task fixture_latest_upload(struct fixture *f, const char *device, const char *name)
{
    struct device_key key;
    struct upload_task task;
    assert_true(device_key_make("P", device, &key));
    size_t count = 0;
    assert_int_equal(f->real_store_ops->upload_named(f->reader, &key, name, &task, 1, &count), FERRY_OK);
    assert_int_equal(count, 1);
    return task;
}

struct upload_task fixture_begin_upload(struct fixture *f)
{
    struct answer a;
    fixture_say(f, "D1", FIXTURE_CREATE_HELLO);
    fixture_expect(f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
    return fixture_latest_upload(f, "D1", "a.txt");
}

struct download_task fixture_latest_download(struct fixture *f, const char *device, const char *name)
{
    struct device_key key;
    struct download_task task;
    assert_true(device_key_make("P", device, &key));
    size_t count = 0;
    assert_int_equal(f->real_store_ops->download_named(f->reader, &key, name, &task, 1, &count), FERRY_OK);
    assert_int_equal(count, 1);
    return task;
}
