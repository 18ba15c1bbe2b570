/* Engines on one PostgreSQL: what a batch costs, and that several are like one. */
#include "store/postgres.h"

#include "engine_fixture.h"
#include "mqtt/mem_bus.h"
#include "postgres_cluster.h"
#include "proto/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 512,
    HANDFUL = 8, /* questions that depend on one another, and the commit */
    WAIT_MS = 20000,
};

static struct postgres_cluster *cluster;
static struct store_conn *writer; /* of the engine that connected last */
static const struct store_ops *real;

static struct store *open_store(const char *uri)
{
    struct store *store = NULL;
    assert_int_equal(store_postgres_open(&(struct store_postgres_config){.uri = uri, .busy_ms = 5000}, &store), FERRY_OK);
    real = store->ops;
    return store;
}

static ferry_err note_writer(struct store_conn *c)
{
    writer = c;
    return real->begin(c);
}

static void open_world(struct fixture *f, char uri[POSTGRES_URI_SIZE])
{
    postgres_cluster_create(cluster, uri);
    fixture_open_on(f, open_store(uri));
    f->store_ops.begin = note_writer;
}

/* Devices D1 to D{count} at once, as an import has them. */
static void import_devices(struct fixture *f, unsigned count)
{
    struct command product = {.kind = CMD_PRODUCT_ADD, .product = {.name = "P"}};
    assert_int_equal(fixture_command(f, &product), FERRY_OK);
    struct device_import *imports = calloc(count, sizeof *imports);
    assert_non_null(imports);
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "D%u", i + 1);
        assert_true(device_key_make("P", name, &imports[i].device.key));
        imports[i].device.secret.len = 1;
    }
    struct command import = {.kind = CMD_DEVICE_IMPORT, .product = {.name = "P"}, .imports = imports, .import_count = count};
    assert_int_equal(fixture_command(f, &import), FERRY_OK);
    free(imports);
}

static void inject(struct fixture *f, unsigned device, const char *json)
{
    char topic[FERRY_TOPIC_SIZE], name[16];
    (void)snprintf(name, sizeof name, "D%u", device);
    assert_true(ferry_topic_write(FERRY_TOPIC_UP, ferry_text_of("P"), ferry_text_of(name), topic));
    assert_int_equal(mem_bus_inject(f->parts.bus, topic, json, strlen(json)), FERRY_OK);
}

/* Each of the devices says it, in one batch. Gives the round trips of the turn. */
static uint64_t say_all(struct fixture *f, unsigned count, const char *json)
{
    for (unsigned i = 1; i <= count; i++)
        inject(f, i, json);
    uint64_t before = store_postgres_round_trips(writer);
    fixture_turn(f);
    return store_postgres_round_trips(writer) - before;
}

static void expect_all(struct fixture *f, unsigned count, ferry_msg_type type, int result)
{
    struct answer a;
    for (unsigned i = 0; i < count; i++) {
        fixture_expect(f, type, &a);
        if (result >= 0)
            assert_int_equal(a.msg.result_code, result);
    }
    fixture_expect_silence(f);
}

/* --- what a batch costs ------------------------------------------------------------------------------------ */

static void batch_of_uploads_costs_a_handful_of_round_trips(void **state)
{
    (void)state;
    struct fixture f;
    char uri[POSTGRES_URI_SIZE];
    open_world(&f, uri);
    import_devices(&f, BATCH);
    fixture_turns(&f, 2); /* timers */
    uint64_t asked = say_all(&f, BATCH, FIXTURE_CREATE_HELLO);
    expect_all(&f, BATCH, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, -1);
    uint64_t running = say_all(&f, BATCH, FIXTURE_REPORT("upload", "a.txt", "uploading"));
    expect_all(&f, BATCH, FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP, FERRY_RESULT_OK);
    uint64_t failed = say_all(&f, BATCH, FIXTURE_REPORT("upload", "a.txt", "fail"));
    expect_all(&f, BATCH, FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP, FERRY_RESULT_OK);
    uint64_t nothing = say_all(&f, BATCH, "{\"type\":\"get_download_task\"}");
    fixture_expect_silence(&f);
    print_message("round trips of %d commands: request %u, report %u, failure %u, no task %u\n", BATCH, (unsigned)asked,
                  (unsigned)running, (unsigned)failed, (unsigned)nothing);
    assert_in_range(asked, 1, HANDFUL);
    assert_in_range(running, 1, HANDFUL);
    assert_in_range(failed, 1, HANDFUL);
    assert_in_range(nothing, 1, HANDFUL);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM upload WHERE state = 5"), BATCH);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM report"), 2 * BATCH);
    assert_int_equal(postgres_number(uri, "SELECT max(id) - count(*) FROM event"), 0);
    fixture_close(&f);
}

static void batch_of_downloads_costs_a_handful_of_round_trips(void **state)
{
    (void)state;
    struct fixture f;
    char uri[POSTGRES_URI_SIZE];
    open_world(&f, uri);
    import_devices(&f, BATCH);
    (void)fixture_add_resource(&f, "fw");
    (void)fixture_deploy(&f, "fw", NULL, 0);
    struct answer a;
    for (unsigned pushed = 0, turns = 0; pushed < BATCH; turns++) {
        assert_in_range(turns, 0, 64);
        fixture_turn(&f);
        while (fixture_hear(&f, &a))
            pushed++;
    }
    fixture_turns(&f, 2);
    uint64_t running = say_all(&f, BATCH, FIXTURE_REPORT("download", "fw", "downloading"));
    expect_all(&f, BATCH, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, FERRY_RESULT_OK);
    uint64_t done = say_all(&f, BATCH, FIXTURE_REPORT("download", "fw", "done"));
    expect_all(&f, BATCH, FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP, FERRY_RESULT_OK);
    print_message("round trips of %d commands: running %u, done %u\n", BATCH, (unsigned)running, (unsigned)done);
    assert_in_range(running, 1, HANDFUL);
    assert_in_range(done, 1, HANDFUL + 4); /* and the end of the deployment */
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM download WHERE state = 4"), BATCH);
    assert_int_equal(postgres_number(uri, "SELECT state FROM deployment"), DEPLOYMENT_FINISHED);
    fixture_close(&f);
}

/* A device that speaks twice in a batch is answered as if it had been two. */
static void what_a_batch_has_changed_is_read_anew(void **state)
{
    (void)state;
    struct fixture f;
    char uri[POSTGRES_URI_SIZE];
    open_world(&f, uri);
    import_devices(&f, 2);
    struct answer a;
    inject(&f, 1, FIXTURE_CREATE_HELLO);
    inject(&f, 2, FIXTURE_CREATE_HELLO);
    inject(&f, 1, FIXTURE_REPORT("upload", "a.txt", "uploading"));
    inject(&f, 1, FIXTURE_REPORT("upload", "a.txt", "fail"));
    inject(&f, 1, FIXTURE_CREATE_HELLO);
    fixture_turn(&f);
    static const ferry_msg_type answers[] = {FERRY_MSG_CREATE_UPLOAD_TASK_RSP, FERRY_MSG_CREATE_UPLOAD_TASK_RSP,
                                             FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP, FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP,
                                             FERRY_MSG_CREATE_UPLOAD_TASK_RSP};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        fixture_expect(&f, answers[i], &a);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM upload WHERE device = 'D1' AND state = 5"), 1);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM upload WHERE device = 'D1' AND state = 1"), 1);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM report"), 2);
    fixture_close(&f);
}

/* --- when a transaction is undone ------------------------------------------------------------------------------ */

static void lost_connection_is_made_up_for_without_a_word(void **state)
{
    (void)state;
    struct fixture f;
    char uri[POSTGRES_URI_SIZE];
    open_world(&f, uri);
    import_devices(&f, 3);
    postgres_run(uri, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ferryd'"
                      " AND datname = current_database()");
    for (unsigned i = 1; i <= 3; i++)
        inject(&f, i, FIXTURE_CREATE_HELLO);
    fixture_turn(&f);
    expect_all(&f, 3, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, -1);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM upload"), 3);
    fixture_close(&f);
}

static void statement_that_fails_among_others_fails_its_command_alone(void **state)
{
    (void)state;
    struct fixture f;
    char uri[POSTGRES_URI_SIZE];
    open_world(&f, uri);
    import_devices(&f, 5);
    postgres_run(uri, "ALTER TABLE upload ADD CONSTRAINT no_d3 CHECK (device <> 'D3')");
    for (unsigned i = 1; i <= 5; i++)
        inject(&f, i, FIXTURE_CREATE_HELLO);
    fixture_turn(&f);
    struct answer a;
    unsigned refused = 0;
    for (unsigned i = 1; i <= 5; i++) {
        fixture_expect(&f, FERRY_MSG_CREATE_UPLOAD_TASK_RSP, &a);
        refused += (a.msg.has & FERRY_HAS_RESULT_CODE) != 0 && a.msg.result_code == FERRY_RESULT_INTERNAL;
    }
    assert_int_equal(refused, 1);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM upload"), 4);
    fixture_close(&f);
}

/* --- several --------------------------------------------------------------------------------------------------------- */

struct worker {
    struct fixture f;
    pthread_t thread;
    unsigned turns;
};

enum { WORKERS = 3, ROUNDS = 40, SHARED_DEVICES = 5 };

static void *work(void *arg)
{
    struct worker *w = arg;
    struct answer a;
    for (w->turns = 0; w->turns < ROUNDS; w->turns++) {
        for (unsigned i = 1; i <= SHARED_DEVICES; i++)
            inject(&w->f, (i + w->turns) % SHARED_DEVICES + 1, FIXTURE_CREATE_HELLO);
        fixture_turn(&w->f);
        while (fixture_hear(&w->f, &a))
            ;
    }
    return NULL;
}

/* Each asks for the same file over each worker again and again: a device never has two tasks for it. */
static void several_engines_decide_as_one(void **state)
{
    (void)state;
    static struct worker workers[WORKERS];
    char uri[POSTGRES_URI_SIZE];
    postgres_cluster_create(cluster, uri);
    for (size_t i = 0; i < WORKERS; i++)
        fixture_open_on(&workers[i].f, open_store(uri));
    import_devices(&workers[0].f, SHARED_DEVICES);
    struct store_conn *c = NULL;
    unsigned processes = 0;
    assert_int_equal(real->connect(workers[0].f.parts.store, STORE_READER, &c), FERRY_OK);
    assert_int_equal(real->processes(c, &processes), FERRY_OK);
    assert_int_equal(processes, WORKERS);
    real->disconnect(c);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_int_equal(postgres_number(uri, "SELECT count(*) FROM upload"), SHARED_DEVICES);
    assert_int_equal(postgres_number(uri, "SELECT max(id) - count(*) FROM event"), 0);
    for (size_t i = 0; i < WORKERS; i++)
        fixture_close(&workers[i].f);
}

struct heard {
    atomic_uint times;
    _Atomic uint32_t news;
};

static void note_news(void *arg, uint32_t news)
{
    struct heard *h = arg;
    atomic_fetch_or(&h->news, news);
    atomic_fetch_add(&h->times, 1);
}

static void wait_for_times(struct heard *h, unsigned times)
{
    for (unsigned i = 0; atomic_load(&h->times) < times; i++) {
        assert_in_range(i, 0, WAIT_MS);
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void what_one_tells_the_others_hear(void **state)
{
    (void)state;
    char uri[POSTGRES_URI_SIZE];
    postgres_cluster_create(cluster, uri);
    struct store *mine = open_store(uri), *other = open_store(uri);
    struct store_conn *c = NULL;
    struct heard h = {.times = 0}, own = {.times = 0};
    assert_int_equal(mine->ops->connect(mine, STORE_WRITER, &c), FERRY_OK);
    assert_int_equal(other->ops->listen(other, &(struct store_listener){note_news, &h}), FERRY_OK);
    assert_int_equal(other->ops->listen(other, &(struct store_listener){note_news, &h}), FERRY_E_STATE);
    assert_int_equal(mine->ops->listen(mine, &(struct store_listener){note_news, &own}), FERRY_OK);
    wait_for_times(&h, 1); /* at the beginning everything is new */
    wait_for_times(&own, 1);
    atomic_store(&h.news, 0);
    for (unsigned undone = 0; undone < 2; undone++) {
        assert_int_equal(mine->ops->begin(c), FERRY_OK);
        assert_int_equal(mine->ops->tell(c, undone == 0 ? 1u << 5 : 1u << 6), FERRY_OK);
        if (undone == 0)
            mine->ops->rollback(c);
        else
            assert_int_equal(mine->ops->commit(c), FERRY_OK);
    }
    wait_for_times(&h, 2);
    assert_int_equal(atomic_load(&h.news), 1u << 6);
    assert_int_equal(atomic_load(&own.times), 1);

    postgres_run(uri, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()");
    wait_for_times(&h, 3); /* what was missed, nobody knows */
    assert_int_equal(atomic_load(&h.news), UINT32_MAX);
    assert_int_equal(other->ops->listen(other, NULL), FERRY_OK);
    assert_int_equal(mine->ops->listen(mine, NULL), FERRY_OK);
    mine->ops->disconnect(c);
    mine->ops->close(mine);
    other->ops->close(other);
}

static bool has_duty(struct store *s, struct store_conn *c)
{
    bool mine = false;
    assert_int_equal(s->ops->take_duty(c, STORE_DUTY_WEBHOOKS, &mine), FERRY_OK);
    return mine;
}

static void duty_is_one_connections_until_that_ends(void **state)
{
    (void)state;
    char uri[POSTGRES_URI_SIZE];
    postgres_cluster_create(cluster, uri);
    struct store *mine = open_store(uri), *other = open_store(uri);
    struct store_conn *w = NULL, *a = NULL, *b = NULL;
    assert_int_equal(mine->ops->connect(mine, STORE_WRITER, &w), FERRY_OK);
    assert_int_equal(mine->ops->connect(mine, STORE_READER, &a), FERRY_OK);
    assert_int_equal(other->ops->connect(other, STORE_READER, &b), FERRY_OK);
    assert_true(has_duty(mine, a));
    assert_true(has_duty(mine, a));
    assert_false(has_duty(other, b));
    mine->ops->disconnect(a);
    for (unsigned i = 0; !has_duty(other, b); i++) {
        assert_in_range(i, 0, WAIT_MS);
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    mine->ops->disconnect(w);
    other->ops->disconnect(b);
    mine->ops->close(mine);
    other->ops->close(other);
}

/* One that stands still is as good as dead: its locks go with its connection. */
static void duty_of_one_that_stands_still_is_taken(void **state)
{
    (void)state;
    char uri[POSTGRES_URI_SIZE];
    postgres_cluster_create(cluster, uri);
    struct store *mine = open_store(uri), *other = open_store(uri);
    struct store_conn *w = NULL, *still = NULL, *b = NULL;
    assert_int_equal(mine->ops->connect(mine, STORE_WRITER, &w), FERRY_OK);
    assert_int_equal(mine->ops->connect(mine, STORE_READER, &still), FERRY_OK);
    assert_int_equal(other->ops->connect(other, STORE_READER, &b), FERRY_OK);
    assert_true(has_duty(mine, still));
    for (unsigned i = 0; !has_duty(other, b); i += 50) {
        assert_in_range(i, 0, WAIT_MS);
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    assert_false(has_duty(mine, still)); /* over a new connection */
    mine->ops->disconnect(w);
    mine->ops->disconnect(still);
    other->ops->disconnect(b);
    mine->ops->close(mine);
    other->ops->close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_of_uploads_costs_a_handful_of_round_trips),
        cmocka_unit_test(batch_of_downloads_costs_a_handful_of_round_trips),
        cmocka_unit_test(what_a_batch_has_changed_is_read_anew),
        cmocka_unit_test(lost_connection_is_made_up_for_without_a_word),
        cmocka_unit_test(statement_that_fails_among_others_fails_its_command_alone),
        cmocka_unit_test(several_engines_decide_as_one),
        cmocka_unit_test(what_one_tells_the_others_hear),
        cmocka_unit_test(duty_is_one_connections_until_that_ends),
        cmocka_unit_test(duty_of_one_that_stands_still_is_taken),
    };
    cluster = postgres_cluster_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    postgres_cluster_free(cluster);
    return failed;
}
