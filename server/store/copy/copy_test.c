#include "store/copy.h"

#include "store/any.h"

#include "postgres_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define expect(want, call) assert_string_equal(ferry_err_name(call), ferry_err_name(want))
#define ok(call) expect(FERRY_OK, call)

enum { TASKS = 300 };

static struct postgres_cluster *cluster;

struct world {
    char folder[64], file[96], uri[POSTGRES_URI_SIZE];
    unsigned tables;
    uint64_t rows;
};

static int start(void **state)
{
    (void)state;
    cluster = postgres_cluster_new();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    postgres_cluster_free(cluster);
    return 0;
}

static int set_up(void **state)
{
    static struct world w;

    w = (struct world){.folder = "/tmp/ferry-copy-XXXXXX"};
    if (mkdtemp(w.folder) == NULL)
        return -1;
    (void)snprintf(w.file, sizeof(w.file), "%s/ferry.db", w.folder);
    postgres_cluster_create(cluster, w.uri);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    struct world *w = *state;
    char path[128];

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", w->file, ends[i]);
        (void)unlink(path);
    }
    return rmdir(w->folder);
}

static void note(void *arg, const struct store_copied *table)
{
    struct world *w = arg;

    w->tables++;
    w->rows += table->rows;
    assert_int_equal(strlen(table->hash), STORE_COPY_HASH_SIZE - 1);
}

static ferry_err copy(struct world *w, char problem[STORE_COPY_PROBLEM_SIZE])
{
    return store_copy(&(struct store_copy_config){.from = w->file, .to = w->uri, .busy_ms = 500, .copied = note, .arg = w}, problem);
}

static void open_store(const char *address, struct store **ret_store, struct store_conn **ret_conn)
{
    ok(store_any_open(&(struct store_any_config){.address = address, .busy_ms = 1000}, ret_store));
    ok((*ret_store)->ops->connect(*ret_store, STORE_WRITER, ret_conn));
}

static void close_store(struct store *store, struct store_conn *c)
{
    store->ops->disconnect(c);
    store->ops->close(store);
}

static ferry_id id_of(unsigned n)
{
    uint8_t random[FERRY_ID_RANDOM_BYTES] = {(uint8_t)(n >> 8), (uint8_t)n, '\\', '\n', '\t', 0};

    return ferry_id_make(1700000000000u + n, random);
}

static struct upload_task upload_of(unsigned n)
{
    struct upload_task t = {.id = id_of(n), .size = n, .state = (upload_state)(1 + n % 7), .created_ms = 5, .updated_ms = 10 + n,
                            .stored_ms = 3600000u * (n % 3), .ended_ms = n % 7 > 3 ? 7200000 : 0};

    (void)snprintf(t.device.product, sizeof(t.device.product), "p");
    (void)snprintf(t.device.device, sizeof(t.device.device), "d%u", n % 5);
    (void)snprintf(t.name, sizeof(t.name), "a\\b%u 'ä\\.", n);
    (void)snprintf(t.result_msg, sizeof(t.result_msg), "%s", n % 2 == 0 ? "\\N" : "");
    return t;
}

static struct event event_of(unsigned n)
{
    struct event e = {.time_ms = n, .kind = EVENT_KIND_FIRST};

    (void)snprintf(e.product, sizeof(e.product), "p");
    (void)snprintf(e.text, sizeof(e.text), "{\"n\": \"%u\\n\"}", n);
    return e;
}

static void fill(const char *file)
{
    struct product product = {.name = "p", .created_ms = 1, .secret = {.len = 4, .bytes = {0, '\\', '\n', 255}}};
    struct device device = {.key = {.product = "p", .device = "d0"}, .created_ms = 2};
    struct store *store;
    struct store_conn *c;

    open_store(file, &store, &c);
    ok(store->ops->begin(c));
    ok(store->ops->product_add(c, &product));
    ok(store->ops->device_add(c, &device));
    ok(store->ops->value_put(c, "key", "\0\1\2\t", 4));
    for (unsigned n = 0; n < TASKS; n++) {
        const struct upload_task upload = upload_of(n);
        const struct event event = event_of(n);

        ok(store->ops->upload_put(c, &upload));
        ok(store->ops->event_append(c, &event));
    }
    ok(store->ops->commit(c));
    close_store(store, c);
}

static void expect_same(const char *file, const char *uri)
{
    struct store *a, *b;
    struct store_conn *x, *y;
    struct store_totals totals[2];
    struct event_bounds bounds[2];
    struct usage usage[2];
    struct statistics ended[2][4] = {{{.uploads.done = 0}}};
    const struct statistics_span span = {.first_hour = 0, .hours_each = 1, .count = 4};
    uint64_t latest[2];

    open_store(file, &a, &x);
    open_store(uri, &b, &y);
    for (unsigned n = 0; n < TASKS; n++) {
        const ferry_id id = id_of(n);
        struct upload_task s, t;

        ok(a->ops->upload_get(x, &id, &s));
        ok(b->ops->upload_get(y, &id, &t));
        assert_memory_equal(&s, &t, sizeof(s));
    }
    ok(a->ops->totals(x, &totals[0]));
    ok(b->ops->totals(y, &totals[1]));
    assert_memory_equal(&totals[0], &totals[1], sizeof(totals[0]));
    ok(a->ops->usage_get(x, "p", "d1", &usage[0]));
    ok(b->ops->usage_get(y, "p", "d1", &usage[1]));
    assert_memory_equal(&usage[0], &usage[1], sizeof(usage[0]));
    ok(a->ops->statistics(x, "p", &span, ended[0]));
    ok(b->ops->statistics(y, "p", &span, ended[1]));
    assert_memory_equal(ended[0], ended[1], sizeof(ended[0]));
    ok(a->ops->event_bounds(x, &bounds[0]));
    ok(b->ops->event_bounds(y, &bounds[1]));
    assert_memory_equal(&bounds[0], &bounds[1], sizeof(bounds[0]));
    ok(a->ops->latest_ms(x, &latest[0]));
    ok(b->ops->latest_ms(y, &latest[1]));
    assert_int_equal(latest[0], latest[1]);
    close_store(a, x);
    close_store(b, y);
}

static void everything_is_there_and_work_goes_on(void **state)
{
    const struct event event = event_of(1);
    struct kept_answer answer = {.made_ms = 1, .status = 200};
    struct world *w = *state;
    char problem[STORE_COPY_PROBLEM_SIZE];
    struct event_bounds bounds;
    struct store_totals totals;
    struct store_conn *c;
    struct store *store;
    const ferry_id id = id_of(0);

    fill(w->file);
    if (copy(w, problem) != FERRY_OK)
        fail_msg("%s", problem);
    assert_true(w->tables > 20 && w->rows > 2 * TASKS);
    expect_same(w->file, w->uri);
    open_store(w->uri, &store, &c);
    ok(store->ops->event_append(c, &event));
    ok(store->ops->event_bounds(c, &bounds));
    assert_int_equal(bounds.last, TASKS + 1);
    ok(store->ops->kept_answer_put(c, &answer));
    ok(store->ops->upload_remove(c, &id)); /* the counters are kept on */
    ok(store->ops->totals(c, &totals));
    assert_int_equal(totals.products, 1);
    close_store(store, c);
}

static void a_database_that_holds_something_is_left_as_it_is(void **state)
{
    struct world *w = *state;
    char problem[STORE_COPY_PROBLEM_SIZE];

    fill(w->file);
    ok(copy(w, problem));
    expect(FERRY_E_EXISTS, copy(w, problem));
    assert_non_null(strstr(problem, "not empty"));
    expect_same(w->file, w->uri);
}

static void what_is_wrong_is_said(void **state)
{
    struct world *w = *state;
    char problem[STORE_COPY_PROBLEM_SIZE];

    expect(FERRY_E_NOT_FOUND, copy(w, problem));
    assert_non_null(strstr(problem, w->file));
    assert_int_equal(access(w->file, F_OK), -1);
    fill(w->file);
    (void)snprintf(w->uri, sizeof(w->uri), "postgresql://somebody:hidden@127.0.0.1:1/x");
    assert_true(copy(w, problem) != FERRY_OK);
    assert_true(problem[0] != '\0' && strstr(problem, "hidden") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_there_and_work_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_that_holds_something_is_left_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
