#include "store_suite_internal.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>

static void reader_sees_only_what_is_committed(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "log"), got;
    size_t count = 99;

    ok(DO(f, begin));
    ok(DO(f, upload_put, &t));
    ok(DO(f, upload_get, &t.id, &got));
    expect(FERRY_E_NOT_FOUND, SEE(f, upload_get, &t.id, &got));
    ok(SEE(f, upload_list, &(struct upload_filter){.product = NULL}, PAGE(1), &got, &count));
    assert_int_equal(count, 0);
    ok(DO(f, commit));
    ok(SEE(f, upload_get, &t.id, &got));
    assert_upload_equal(&got, &t);

    ok(DO(f, begin));
    t.percent = 77;
    ok(DO(f, upload_put, &t));
    ok(SEE(f, upload_get, &t.id, &got));
    assert_int_equal(got.percent, 1);
    ok(DO(f, upload_remove, &t.id));
    ok(SEE(f, upload_get, &t.id, &got));
    ok(DO(f, commit));
    expect(FERRY_E_NOT_FOUND, SEE(f, upload_get, &t.id, &got));
}

static void rollback_undoes_every_kind_of_row(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "log"), got;
    struct store_totals before, after;
    struct device device;
    struct token token = {.name = "admin", .role = "admin"};
    struct download_task download = download_of(3, 1, 1, "p", "d");
    struct deployment deployment = deployment_of(1, "p", 1);
    uint8_t byte;
    size_t len;
    uint64_t ms;

    add_deployment(f, 1);
    add_device(f, "p", "d");
    ok(DO(f, upload_put, &t));
    ok(SEE(f, totals, &before));

    ok(DO(f, begin));
    add_product(f, "q");
    add_device(f, "p", "e");
    ok(DO(f, device_set_disabled, &(struct device_key){"p", "d"}, true));
    ok(DO(f, token_put, &token));
    ok(DO(f, value_put, "k", "v", 1));
    ok(DO(f, download_put, &download));
    deployment.state = DEPLOYMENT_CANCELLED;
    ok(DO(f, deployment_put, &deployment));
    t.state = UPLOAD_STORED;
    t.updated_ms = 999999;
    ok(DO(f, upload_put, &t));
    ok(DO(f, upload_remove, &t.id));
    DO(f, rollback);

    ok(DO(f, totals, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    ok(DO(f, upload_get, &t.id, &got));
    assert_int_equal(got.state, UPLOAD_CREATED);
    ok(DO(f, device_get, &(struct device_key){"p", "d"}, &device));
    assert_false(device.disabled);
    ok(DO(f, deployment_get, &deployment.id, &deployment));
    assert_int_equal(deployment.state, DEPLOYMENT_ACTIVE);
    expect(FERRY_E_NOT_FOUND, DO(f, token_find, token.hash, &token));
    expect(FERRY_E_NOT_FOUND, DO(f, value_get, "k", &byte, 1, &len));
    ok(DO(f, latest_ms, &ms));
    assert_int_equal(ms, 20001);
}

static void rewind_undoes_only_what_followed_the_mark(void **state)
{
    struct fixture *f = *state;
    struct upload_task one = upload_of(1, "p", "d", "a"), two = upload_of(2, "p", "d", "b"), got;
    struct upload_task three = upload_of(3, "p", "d", "c");
    uint64_t ms;

    ok(DO(f, begin));
    ok(DO(f, upload_put, &one));
    ok(DO(f, savepoint));
    ok(DO(f, upload_put, &two));
    one.percent = 55;
    ok(DO(f, upload_put, &one));
    ok(DO(f, rewind));
    expect(FERRY_E_NOT_FOUND, DO(f, upload_get, &two.id, &got));
    ok(DO(f, upload_get, &one.id, &got));
    assert_int_equal(got.percent, 1);
    ok(DO(f, latest_ms, &ms));
    assert_int_equal(ms, one.updated_ms);

    ok(DO(f, savepoint));
    ok(DO(f, upload_put, &three));
    ok(DO(f, release));
    ok(DO(f, commit));
    ok(SEE(f, upload_get, &one.id, &got));
    assert_int_equal(got.percent, 1);
    expect(FERRY_E_NOT_FOUND, SEE(f, upload_get, &two.id, &got));
    ok(SEE(f, upload_get, &three.id, &got));
    ok(SEE(f, latest_ms, &ms));
    assert_int_equal(ms, three.updated_ms);
}

static void rollback_undoes_what_was_released(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "a"), got;

    ok(DO(f, begin));
    ok(DO(f, savepoint));
    ok(DO(f, upload_put, &t));
    ok(DO(f, release));
    DO(f, rollback);
    expect(FERRY_E_NOT_FOUND, DO(f, upload_get, &t.id, &got));
    ok(DO(f, begin)); /* the mark is gone too */
    ok(DO(f, savepoint));
    DO(f, rollback);
    ok(DO(f, begin));
    expect(FERRY_E_STATE, DO(f, rewind));
    ok(DO(f, commit));
}

static void calls_out_of_order_are_refused(void **state)
{
    struct fixture *f = *state;

    expect(FERRY_E_STATE, DO(f, commit));
    expect(FERRY_E_STATE, DO(f, savepoint));
    expect(FERRY_E_STATE, DO(f, release));
    expect(FERRY_E_STATE, DO(f, rewind));
    DO(f, rollback);
    ok(DO(f, begin));
    expect(FERRY_E_STATE, DO(f, begin));
    expect(FERRY_E_STATE, DO(f, release));
    expect(FERRY_E_STATE, DO(f, rewind));
    ok(DO(f, savepoint));
    expect(FERRY_E_STATE, DO(f, savepoint));
    ok(DO(f, commit)); /* with the mark still set */
    expect(FERRY_E_STATE, DO(f, release));
    ok(DO(f, begin));
    ok(DO(f, savepoint));
    DO(f, rollback);
}

static void refused_change_leaves_the_transaction_usable(void **state)
{
    struct fixture *f = *state;
    struct product p = {.name = "p"};
    struct upload_task t = upload_of(1, "p", "d", "a"), got;

    ok(DO(f, begin));
    ok(DO(f, upload_put, &t));
    ok(DO(f, product_add, &p));
    expect(FERRY_E_EXISTS, DO(f, product_add, &p));
    expect(FERRY_E_NOT_FOUND, DO(f, upload_remove, &(ferry_id){"00000000000000000000000000"}));
    expect(FERRY_E_STATE, DO(f, product_remove, "p"));
    ok(DO(f, commit));
    ok(SEE(f, upload_get, &t.id, &got));
    ok(SEE(f, product_get, "p", &p));
}

static void change_outside_a_transaction_is_one_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "a"), got;
    uint64_t ms;

    ok(DO(f, upload_put, &t));
    ok(SEE(f, upload_get, &t.id, &got));
    ok(SEE(f, latest_ms, &ms));
    assert_int_equal(ms, t.updated_ms);
    expect(FERRY_E_STATE, DO(f, commit));
    expect(FERRY_E_NOT_FOUND, DO(f, upload_remove, &(ferry_id){"00000000000000000000000000"}));
    ok(DO(f, begin));
    ok(DO(f, commit));
}

static void disconnect_rolls_back(void **state)
{
    struct fixture *f = *state;
    struct upload_task t = upload_of(1, "p", "d", "a"), got;

    ok(DO(f, begin));
    ok(DO(f, upload_put, &t));
    f->store->ops->disconnect(f->writer);
    f->writer = NULL;
    ok(f->store->ops->connect(f->store, STORE_WRITER, &f->writer));
    expect(FERRY_E_NOT_FOUND, DO(f, upload_get, &t.id, &got));
    ok(DO(f, begin));
    ok(DO(f, upload_put, &t));
    ok(DO(f, commit));
    f->store->ops->disconnect(NULL);
}

static void there_is_one_writer_and_a_limit_of_readers(void **state)
{
    enum { MANY = 2000 };
    struct fixture *f = *state;
    struct store_conn *second = NULL, *readers[MANY];
    int count = 0;
    ferry_err err = FERRY_OK;

    expect(FERRY_E_LIMIT, f->store->ops->connect(f->store, STORE_WRITER, &second));
    assert_null(second);
    while (count < MANY && (err = f->store->ops->connect(f->store, STORE_READER, &readers[count])) == FERRY_OK)
        count++;
    expect(FERRY_E_LIMIT, err);
    assert_true(count > 100);
    while (count > 0)
        f->store->ops->disconnect(readers[--count]);
    ok(f->store->ops->connect(f->store, STORE_READER, &readers[0]));
    f->store->ops->disconnect(readers[0]);
}

static void reader_cannot_change_anything(void **state)
{
    struct fixture *f = *state;
    struct upload_task upload = upload_of(9, "p", "d", "a");
    struct resource resource = resource_of(8, "p", "r");
    struct deployment deployment = deployment_of(7, "p", 1);
    struct download_task download = download_of(6, 1, 1, "p", "d");
    struct device_key key = {"p", "d"};
    size_t removed;

    add_deployment(f, 1);
    add_device(f, "p", "d");
    expect(FERRY_E_READONLY, SEE(f, begin));
    expect(FERRY_E_READONLY, SEE(f, value_put, "k", "v", 1));
    expect(FERRY_E_READONLY, SEE(f, product_add, &(struct product){.name = "x"}));
    expect(FERRY_E_READONLY, SEE(f, product_remove, "p"));
    expect(FERRY_E_READONLY, SEE(f, device_add, &(struct device){.key = {"p", "e"}}));
    expect(FERRY_E_READONLY, SEE(f, device_set_disabled, &key, true));
    expect(FERRY_E_READONLY, SEE(f, device_remove, &key));
    expect(FERRY_E_READONLY, SEE(f, token_put, &(struct token){.name = "t"}));
    expect(FERRY_E_READONLY, SEE(f, resource_add, &resource));
    expect(FERRY_E_READONLY, SEE(f, resource_remove, &deployment.resource));
    expect(FERRY_E_READONLY, SEE(f, upload_put, &upload));
    expect(FERRY_E_READONLY, SEE(f, upload_remove, &upload.id));
    expect(FERRY_E_READONLY, SEE(f, deployment_put, &deployment));
    expect(FERRY_E_READONLY, SEE(f, download_put, &download));
    expect(FERRY_E_READONLY, SEE(f, download_prune, UINT64_MAX, 10, &removed));
}

struct reading {
    struct fixture *f;
    atomic_bool stop, looked;
    atomic_int wrong;
};

/* Two rows are always changed together; a reader that sees them differ saw half a transaction. */
static void *read_pairs(void *arg)
{
    struct reading *reading = arg;
    struct store *store = reading->f->store;
    struct store_conn *c = NULL;
    struct upload_task pair[2];
    size_t count;

    if (store->ops->connect(store, STORE_READER, &c) != FERRY_OK) {
        reading->wrong = 1;
        return NULL;
    }
    while (!reading->stop) {
        if (store->ops->upload_list(c, &(struct upload_filter){.product = "p"}, PAGE(2), pair, &count) != FERRY_OK ||
            count != 2 || pair[0].percent != pair[1].percent || pair[0].percent >= 1000)
            reading->wrong++;
        reading->looked = true;
    }
    store->ops->disconnect(c);
    return NULL;
}

static void readers_work_while_a_transaction_is_open(void **state)
{
    struct reading reading = {.f = *state};
    struct fixture *f = *state;
    struct upload_task one = upload_of(1, "p", "d", "a"), two = upload_of(2, "p", "d", "b");
    pthread_t threads[2];

    one.percent = two.percent = 0;
    ok(DO(f, begin));
    ok(DO(f, upload_put, &one));
    ok(DO(f, upload_put, &two));
    ok(DO(f, commit));
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &reading), 0);
    for (int round = 1; round < 60; round++) {
        ok(DO(f, begin));
        one.percent = two.percent = round % 3 == 0 ? 1000 + round : round;
        ok(DO(f, upload_put, &one));
        reading.looked = false;
        while (!reading.looked) /* a reader that waited for this transaction would never end this loop */
            ;
        ok(DO(f, upload_put, &two));
        if (round % 3 == 0)
            DO(f, rollback);
        else
            ok(DO(f, commit));
    }
    reading.stop = true;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(reading.wrong, 0);
}

static void many_changes_fit_into_one_transaction(void **state)
{
    enum { MANY = 5000 };
    struct fixture *f = *state;
    struct store_totals totals;

    ok(DO(f, begin));
    for (unsigned i = 0; i < MANY; i++) {
        struct upload_task t = upload_of(i, "p", "d", "a");

        ok(DO(f, savepoint));
        ok(DO(f, upload_put, &t));
        ok(i % 2 == 0 ? DO(f, release) : DO(f, rewind));
    }
    ok(DO(f, commit));
    ok(SEE(f, totals, &totals));
    assert_int_equal(totals.uploads_open, MANY / 2);
}

static void missing_memory_fails_one_call_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store_conn *c = NULL;
    struct upload_task got;

    for (unsigned n = 1; n <= 8; n++) {
        const struct upload_task t = upload_of(n, "p", "d", "a");
        ferry_err err;

        ferry_alloc_fail_at(n);
        err = DO(f, upload_put, &t);
        ferry_alloc_fail_at(0);
        assert_true(err == FERRY_OK || err == FERRY_E_NOMEM);
        expect(err == FERRY_OK ? FERRY_OK : FERRY_E_NOT_FOUND, SEE(f, upload_get, &t.id, &got));
        ferry_alloc_fail_at(n);
        err = f->store->ops->connect(f->store, STORE_READER, &c);
        ferry_alloc_fail_at(0);
        assert_true(err == FERRY_OK || err == FERRY_E_NOMEM);
        if (err == FERRY_OK)
            f->store->ops->disconnect(c);
    }
    ferry_alloc_fail_at(1);
    expect(FERRY_E_NOMEM, f->store->ops->connect(f->store, STORE_READER, &c));
    ferry_alloc_fail_at(0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(missing_memory_fails_one_call_and_changes_nothing),
    cmocka_unit_test(reader_sees_only_what_is_committed),
    cmocka_unit_test(rollback_undoes_every_kind_of_row),
    cmocka_unit_test(rewind_undoes_only_what_followed_the_mark),
    cmocka_unit_test(rollback_undoes_what_was_released),
    cmocka_unit_test(calls_out_of_order_are_refused),
    cmocka_unit_test(refused_change_leaves_the_transaction_usable),
    cmocka_unit_test(change_outside_a_transaction_is_one_of_its_own),
    cmocka_unit_test(disconnect_rolls_back),
    cmocka_unit_test(there_is_one_writer_and_a_limit_of_readers),
    cmocka_unit_test(reader_cannot_change_anything),
    cmocka_unit_test(readers_work_while_a_transaction_is_open),
    cmocka_unit_test(many_changes_fit_into_one_transaction),
};
const struct store_tests store_transaction_tests = STORE_TESTS(tests);
