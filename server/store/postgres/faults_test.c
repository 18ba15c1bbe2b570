/* What a server that ends connections, stops, or is silent costs. */
#include "store/postgres.h"

#include "cutting_proxy.h"
#include "postgres_cluster.h"

#include "base/alloc.h"
#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define expect(want, call) assert_string_equal(ferry_err_name(call), ferry_err_name(want))
#define ok(call) expect(FERRY_OK, call)

enum { PATIENCE_MS = 1000, LONG_MS = 60 * 1000, TASKS = 7 };

static struct postgres_cluster *cluster;

struct fixture {
    char direct[POSTGRES_URI_SIZE]; /* not through the proxy */
    struct cutting_proxy *proxy;
    struct store *store;
    const struct store_ops *ops;
    struct store_conn *writer, *reader;
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
    struct fixture *f = ferry_calloc(1, sizeof(*f));
    char uri[POSTGRES_URI_SIZE];

    *state = f;
    postgres_cluster_create(cluster, f->direct);
    f->proxy = cutting_proxy_new(f->direct, uri);
    if (store_postgres_open(&(struct store_postgres_config){.uri = uri, .busy_ms = 300, .patience_ms = PATIENCE_MS}, &f->store) != FERRY_OK)
        return -1;
    f->ops = f->store->ops;
    if (f->ops->connect(f->store, STORE_WRITER, &f->writer) != FERRY_OK)
        return -1;
    return f->ops->connect(f->store, STORE_READER, &f->reader) == FERRY_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    f->ops->disconnect(f->reader);
    f->ops->disconnect(f->writer);
    f->ops->close(f->store);
    cutting_proxy_free(f->proxy);
    free(f);
    return 0;
}

static struct product product_of(unsigned n)
{
    struct product p = {.created_ms = n};

    (void)snprintf(p.name, sizeof(p.name), "p%u", n);
    return p;
}

static ferry_err add(struct fixture *f, unsigned n)
{
    const struct product p = product_of(n);

    return f->ops->product_add(f->writer, &p);
}

static ferry_err transact(struct fixture *f, unsigned n)
{
    ferry_err err = f->ops->begin(f->writer);

    if (err == FERRY_OK)
        err = add(f, n);
    if (err == FERRY_OK)
        return f->ops->commit(f->writer);
    f->ops->rollback(f->writer);
    return err;
}

/* As the engine does: what was undone is done again. The end of a connection may be heard of late. */
static ferry_err transact_until_done(struct fixture *f, unsigned n)
{
    ferry_err err = FERRY_E_AGAIN;

    for (unsigned tries = 0; err == FERRY_E_AGAIN && tries < 3; tries++)
        err = transact(f, n);
    return err;
}

/* Seen by everybody, over another connection. */
static void assert_products(struct fixture *f, long long count)
{
    assert_int_equal(postgres_number(f->direct, "SELECT count(*) FROM product"), count);
    assert_int_equal(postgres_number(f->direct, "SELECT sum(products) FROM total"), count);
}

static void end_connections(struct fixture *f)
{
    postgres_run(f->direct, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'ferryd'");
}

static void connection_that_was_ended_between_transactions_is_made_anew(void **state)
{
    struct fixture *f = *state;
    struct product p;

    ok(add(f, 1));
    for (unsigned n = 2; n < 5; n++) {
        end_connections(f);
        ok(transact_until_done(f, n));
        ok(f->ops->product_get(f->reader, "p1", &p));
    }
    assert_products(f, 4);
}

static void transaction_whose_connection_is_ended_is_lost_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct product p;

    ok(f->ops->begin(f->writer));
    ok(add(f, 1));
    end_connections(f);
    expect(FERRY_E_AGAIN, f->ops->product_get(f->writer, "p1", &p));
    expect(FERRY_E_AGAIN, add(f, 2)); /* nothing is done outside the transaction that the caller believes in */
    expect(FERRY_E_AGAIN, f->ops->savepoint(f->writer));
    expect(FERRY_E_AGAIN, f->ops->commit(f->writer));
    assert_products(f, 0);
    ok(f->ops->begin(f->writer));
    ok(add(f, 3));
    ok(f->ops->commit(f->writer));
    assert_products(f, 1);
}

static void rewinding_a_lost_transaction_does_not_bring_it_back(void **state)
{
    struct fixture *f = *state;

    ok(f->ops->begin(f->writer));
    ok(add(f, 1));
    ok(f->ops->savepoint(f->writer));
    ok(add(f, 2));
    end_connections(f);
    expect(FERRY_E_AGAIN, add(f, 3));
    expect(FERRY_E_AGAIN, f->ops->rewind(f->writer));
    f->ops->rollback(f->writer);
    assert_products(f, 0);
    ok(add(f, 4));
    assert_products(f, 1);
}

static void commit_over_a_connection_that_was_ended_was_not_done(void **state)
{
    struct fixture *f = *state;

    ok(f->ops->begin(f->writer));
    ok(add(f, 1));
    end_connections(f);
    expect(FERRY_E_AGAIN, f->ops->commit(f->writer));
    assert_products(f, 0);
    ok(add(f, 1));
    assert_products(f, 1);
}

static void commit_that_was_done_is_known_when_its_answer_is_lost(void **state)
{
    struct fixture *f = *state;

    for (unsigned n = 1; n < 4; n++) {
        ok(f->ops->begin(f->writer));
        ok(add(f, n));
        cutting_proxy_cut(f->proxy, CUT_ANSWER);
        ok(f->ops->commit(f->writer));
        assert_products(f, n);
    }
    ok(add(f, 9));
    assert_products(f, 4);
}

static void commit_that_did_not_arrive_is_known_too(void **state)
{
    struct fixture *f = *state;

    for (unsigned n = 1; n < 4; n++) {
        ok(f->ops->begin(f->writer));
        ok(add(f, n));
        cutting_proxy_cut(f->proxy, CUT_REQUEST);
        expect(FERRY_E_AGAIN, f->ops->commit(f->writer));
        assert_products(f, 0);
    }
    ok(add(f, 9));
    assert_products(f, 1);
}

/* It has been on its way all the time, and comes when everybody believes that it never will. */
static void commit_that_arrives_after_it_was_asked_for_is_not_done(void **state)
{
    struct fixture *f = *state;

    ok(f->ops->begin(f->writer));
    ok(add(f, 1));
    cutting_proxy_cut(f->proxy, CUT_HOLD);
    expect(FERRY_E_AGAIN, f->ops->commit(f->writer));
    cutting_proxy_let_go(f->proxy);
    assert_products(f, 0);
    ok(add(f, 1));
    assert_products(f, 1);
}

static ferry_err put_tasks(struct fixture *f, unsigned first)
{
    ferry_err err = f->ops->begin(f->writer);

    for (unsigned n = first; err == FERRY_OK && n < first + TASKS; n++) {
        struct upload_task t = {.device = {.product = "p", .device = "d"}, .size = n, .state = UPLOAD_CREATED, .created_ms = 1, .updated_ms = 1};

        t.id = ferry_id_make(n, (const uint8_t *)&(uint64_t[2]){n, n});
        err = f->ops->upload_put(f->writer, &t);
        if (err == FERRY_OK)
            err = f->ops->event_append(f->writer, &(struct event){.time_ms = n, .kind = EVENT_KIND_FIRST});
    }
    return err;
}

static void assert_tasks(struct fixture *f, long long count)
{
    assert_int_equal(postgres_number(f->direct, "SELECT count(*) FROM upload"), count);
    assert_int_equal(postgres_number(f->direct, "SELECT sum(uploads_open) FROM total"), count);
    assert_int_equal(postgres_number(f->direct, "SELECT coalesce(sum(files), 0) FROM usage WHERE device = 'd'"), count);
    assert_int_equal(postgres_number(f->direct, "SELECT coalesce(sum(id), 0) FROM event"), count * (count + 1) / 2); /* 1, 2, 3 ... */
}

/* They are one statement, and there are all of them or none, once. */
static void rows_that_are_sent_together_are_there_once_or_not_at_all(void **state)
{
    struct fixture *f = *state;

    ok(put_tasks(f, 0));
    ok(f->ops->commit(f->writer));
    assert_tasks(f, TASKS);
    ok(put_tasks(f, 100));
    cutting_proxy_cut(f->proxy, CUT_REQUEST);
    expect(FERRY_E_AGAIN, f->ops->commit(f->writer));
    assert_tasks(f, TASKS);
    ok(put_tasks(f, 100)); /* what was undone is done again, over another connection */
    cutting_proxy_cut(f->proxy, CUT_ANSWER);
    ok(f->ops->commit(f->writer));
    assert_tasks(f, 2 * TASKS);
    ok(put_tasks(f, 100)); /* the same tasks once more: only events are new */
    ok(f->ops->commit(f->writer));
    assert_int_equal(postgres_number(f->direct, "SELECT sum(uploads_open) FROM total"), 2 * TASKS);
    assert_int_equal(postgres_number(f->direct, "SELECT max(id) FROM event"), 3 * TASKS);
}

static void server_that_was_away_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct product p;

    ok(add(f, 1));
    postgres_cluster_do(cluster, "kill");
    assert_int_not_equal(transact(f, 2), FERRY_OK);
    expect(FERRY_E_NETWORK, transact(f, 2));
    expect(FERRY_E_NETWORK, f->ops->product_get(f->reader, "p1", &p));
    postgres_cluster_do(cluster, "start");
    for (uint64_t until_ms = ferry_mono_ms() + LONG_MS; f->ops->product_get(f->reader, "p1", &p) != FERRY_OK;)
        assert_true(ferry_mono_ms() < until_ms);
    for (uint64_t until_ms = ferry_mono_ms() + LONG_MS; transact(f, 2) != FERRY_OK;)
        assert_true(ferry_mono_ms() < until_ms);
    assert_products(f, 2);
}

static void silent_server_is_given_up_and_found_again(void **state)
{
    struct fixture *f = *state;
    struct product p;

    ok(f->ops->begin(f->writer));
    ok(add(f, 1));
    postgres_cluster_do(cluster, "pause");
    expect(FERRY_E_AGAIN, f->ops->product_get(f->writer, "p1", &p));
    f->ops->rollback(f->writer);
    expect(FERRY_E_NETWORK, f->ops->begin(f->writer));
    postgres_cluster_do(cluster, "resume");
    for (uint64_t until_ms = ferry_mono_ms() + LONG_MS; transact(f, 2) != FERRY_OK;)
        assert_true(ferry_mono_ms() < until_ms);
    assert_products(f, 1);
}

static void row_that_another_holds_is_busy_and_not_for_ever(void **state)
{
    struct fixture *f = *state;
    PGconn *other = PQconnectdb(f->direct);

    ok(add(f, 1));
    PQclear(PQexec(other, "BEGIN; UPDATE product SET created_ms = 7 WHERE name = 'p1'"));
    expect(FERRY_E_BUSY, f->ops->product_set_secret(f->writer, "p1", &(struct sealed){.len = 1}));
    PQclear(PQexec(other, "COMMIT"));
    ok(f->ops->product_set_secret(f->writer, "p1", &(struct sealed){.len = 1}));
    PQfinish(other);
}

static void each_writer_has_a_number_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct store_conn *writer = NULL;

    ok(store_postgres_open(&(struct store_postgres_config){.uri = f->direct, .busy_ms = 300}, &store));
    ok(store->ops->connect(store, STORE_WRITER, &writer));
    ok(add(f, 1));
    ok(store->ops->product_add(writer, &(struct product){.name = "q"}));
    assert_int_equal(postgres_number(f->direct, "SELECT count(*) FROM total WHERE products = 1"), 2);
    store->ops->disconnect(writer);
    ok(store->ops->connect(store, STORE_WRITER, &writer)); /* the number is free again */
    ok(store->ops->product_add(writer, &(struct product){.name = "r"}));
    assert_int_equal(postgres_number(f->direct, "SELECT count(*) FROM total WHERE worker >= 0"), 2);
    assert_products(f, 3);
    store->ops->disconnect(writer);
    store->ops->close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connection_that_was_ended_between_transactions_is_made_anew),
        TEST(transaction_whose_connection_is_ended_is_lost_and_says_so),
        TEST(rewinding_a_lost_transaction_does_not_bring_it_back),
        TEST(commit_over_a_connection_that_was_ended_was_not_done),
        TEST(commit_that_was_done_is_known_when_its_answer_is_lost),
        TEST(commit_that_did_not_arrive_is_known_too),
        TEST(commit_that_arrives_after_it_was_asked_for_is_not_done),
        TEST(rows_that_are_sent_together_are_there_once_or_not_at_all),
        TEST(server_that_was_away_is_found_again),
        TEST(silent_server_is_given_up_and_found_again),
        TEST(row_that_another_holds_is_busy_and_not_for_ever),
        TEST(each_writer_has_a_number_of_its_own),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
