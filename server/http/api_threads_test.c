/* Workers, the gate that waits for them, and the readers that they share. */
#include "api_gate.h"
#include "api_pool.h"
#include "api_readers.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

/* --- pool --------------------------------------------------------------------------------------------- */

enum { JOBS = 200, PAUSE_US = 1000 };

struct counted {
    struct api_job job;
    atomic_uint *done;
};

static void count_job(struct api_job *job)
{
    atomic_fetch_add(((struct counted *)job)->done, 1);
}

static void a_pool_does_what_is_queued_before_it_ends(void **state)
{
    struct counted jobs[JOBS];
    atomic_uint done = 0;
    struct api_pool *pool;

    (void)state;
    assert_int_equal(api_pool_new(3, &pool), FERRY_OK);
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct counted){.job = {.run = count_job}, .done = &done};
        api_pool_submit(pool, &jobs[i].job);
    }
    api_pool_free(pool);
    assert_int_equal(done, JOBS);
    api_pool_free(NULL);
}

/* --- gate --------------------------------------------------------------------------------------------- */

struct late {
    struct api_gate *gate;
    atomic_bool resumed;
};

static void *resume_late(void *arg)
{
    struct late *late = arg;

    (void)usleep(50 * PAUSE_US);
    late->resumed = true;
    api_gate_resumed(late->gate);
    return NULL;
}

static void a_closing_gate_waits_for_what_a_worker_has(void **state)
{
    struct api_gate gate;
    struct late late = {.gate = &gate};
    pthread_t thread;

    (void)state;
    api_gate_init(&gate);
    assert_true(api_gate_suspend(&gate));
    assert_int_equal(pthread_create(&thread, NULL, resume_late, &late), 0);
    api_gate_close(&gate, 0);
    assert_true(late.resumed);
    assert_false(api_gate_suspend(&gate));
    assert_int_equal(pthread_join(thread, NULL), 0);
    api_gate_done(&gate);
}

static void a_closing_gate_does_not_wait_for_ever_for_a_silent_client(void **state)
{
    struct api_gate gate;

    (void)state;
    api_gate_init(&gate);
    api_gate_request_begun(&gate);
    api_gate_close(&gate, 0);
    api_gate_request_ended(&gate);
    api_gate_close(&gate, 100); /* returns at once: nothing is active */
    api_gate_done(&gate);
}

/* --- readers ------------------------------------------------------------------------------------------ */

/* A store that only counts its connections. */
struct counting_store {
    struct store store;
    unsigned connects, open;
    ferry_err refuse;
};

static ferry_err connect_counted(struct store *s, store_mode mode, struct store_conn **ret_conn)
{
    struct counting_store *store = (struct counting_store *)s;

    assert_int_equal(mode, STORE_READER);
    if (store->refuse != FERRY_OK)
        return store->refuse;
    store->connects++;
    store->open++;
    *ret_conn = (struct store_conn *)store;
    return FERRY_OK;
}

static void disconnect_counted(struct store_conn *c)
{
    ((struct counting_store *)(void *)c)->open--;
}

static const struct store_ops counting_ops = {.connect = connect_counted, .disconnect = disconnect_counted};

static void readers_are_made_when_needed_and_used_again(void **state)
{
    struct counting_store store = {.store = {.ops = &counting_ops}};
    struct api_readers *readers;
    struct store_conn *one, *two;

    (void)state;
    assert_int_equal(api_readers_new(&store.store, 2, &readers), FERRY_OK);
    assert_int_equal(store.connects, 0);
    assert_int_equal(api_readers_borrow(readers, &one), FERRY_OK);
    assert_int_equal(api_readers_borrow(readers, &two), FERRY_OK);
    api_readers_give_back(readers, one, true);
    api_readers_give_back(readers, two, true);
    assert_int_equal(api_readers_borrow(readers, &one), FERRY_OK);
    assert_int_equal(store.connects, 2);
    api_readers_give_back(readers, one, true);
    api_readers_free(readers);
    assert_int_equal(store.open, 0);
}

static void a_reader_that_had_trouble_is_not_used_again(void **state)
{
    struct counting_store store = {.store = {.ops = &counting_ops}};
    struct api_readers *readers;
    struct store_conn *conn;

    (void)state;
    assert_int_equal(api_readers_new(&store.store, 1, &readers), FERRY_OK);
    assert_int_equal(api_readers_borrow(readers, &conn), FERRY_OK);
    api_readers_give_back(readers, conn, false);
    assert_int_equal(store.open, 0);
    store.refuse = FERRY_E_LIMIT;
    assert_int_equal(api_readers_borrow(readers, &conn), FERRY_E_LIMIT);
    store.refuse = FERRY_OK;
    assert_int_equal(api_readers_borrow(readers, &conn), FERRY_OK); /* the refused one holds no place */
    api_readers_give_back(readers, conn, true);
    api_readers_free(readers);
}

struct giver {
    struct api_readers *readers;
    struct store_conn *conn;
};

static void *give_back_late(void *arg)
{
    struct giver *giver = arg;

    (void)usleep(20 * PAUSE_US);
    api_readers_give_back(giver->readers, giver->conn, true);
    return NULL;
}

static void a_borrower_waits_when_all_are_lent(void **state)
{
    struct counting_store store = {.store = {.ops = &counting_ops}};
    struct giver giver;
    struct store_conn *conn;
    pthread_t thread;

    (void)state;
    assert_int_equal(api_readers_new(&store.store, 1, &giver.readers), FERRY_OK);
    assert_int_equal(api_readers_borrow(giver.readers, &giver.conn), FERRY_OK);
    assert_int_equal(pthread_create(&thread, NULL, give_back_late, &giver), 0);
    assert_int_equal(api_readers_borrow(giver.readers, &conn), FERRY_OK);
    assert_int_equal(store.connects, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    api_readers_give_back(giver.readers, conn, true);
    api_readers_free(giver.readers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_does_what_is_queued_before_it_ends),
        cmocka_unit_test(a_closing_gate_waits_for_what_a_worker_has),
        cmocka_unit_test(a_closing_gate_does_not_wait_for_ever_for_a_silent_client),
        cmocka_unit_test(readers_are_made_when_needed_and_used_again),
        cmocka_unit_test(a_reader_that_had_trouble_is_not_used_again),
        cmocka_unit_test(a_borrower_waits_when_all_are_lent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
