#include "schema.h"

#include "postgres_cluster.h"

#include "link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define expect(want, call) assert_string_equal(ferry_err_name(call), ferry_err_name(want))
#define ok(call) expect(FERRY_OK, call)

static struct postgres_cluster *cluster;
static _Thread_local char problem[PGS_PROBLEM_SIZE];

struct database {
    char uri[POSTGRES_URI_SIZE];
    PGconn *db;
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
    static struct database d;

    postgres_cluster_create(cluster, d.uri);
    d.db = PQconnectdb(d.uri);
    (void)PQsetnonblocking(d.db, 1);
    *state = &d;
    return PQstatus(d.db) == CONNECTION_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct database *d = *state;

    PQfinish(d->db);
    return 0;
}

static void run(struct database *d, const char *sql)
{
    if (pgs_link_run(d->db, sql, PGS_PATIENCE_MS, NULL) != FERRY_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(d->db));
}

static int64_t number(struct database *d, const char *sql)
{
    int64_t got = INT64_MIN;

    if (pgs_link_number(d->db, sql, &got) != FERRY_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(d->db));
    return got;
}

static const struct pgs_step steps[] = {
    {"CREATE TABLE a (x int); INSERT INTO a VALUES (1);", 1},
    {"UPDATE a SET x = x * 10; CREATE TABLE b (y text);", 1},
    {"ALTER TABLE a ADD COLUMN z int; UPDATE a SET z = x + 1;", 2},
};

static void every_old_version_reaches_the_newest(void **state)
{
    for (size_t from = 0; from <= 3; from++) {
        struct database *d = *state;
        struct pgs_version at = {0};

        ok(pgs_schema_migrate(d->db, steps, from, problem));
        ok(pgs_schema_version(d->db, 3, &at));
        assert_int_equal(at.version, from);
        ok(pgs_schema_migrate(d->db, steps, 3, problem));
        ok(pgs_schema_version(d->db, 3, &at));
        assert_int_equal(at.version, 3);
        assert_int_equal(at.oldest, 2);
        assert_int_equal(number(d, "SELECT x * 100 + z FROM a"), 1011);
        ok(pgs_schema_migrate(d->db, steps, 3, problem)); /* nothing left to do */
        assert_int_equal(number(d, "SELECT count(*) FROM a"), 1);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void failing_step_leaves_the_version_before_it(void **state)
{
    static const struct pgs_step broken[] = {{"CREATE TABLE a (x int);", 1},
                                             {"INSERT INTO a VALUES (5); INSERT INTO nowhere VALUES (1);", 1}};
    struct database *d = *state;
    struct pgs_version at = {0};

    expect(FERRY_E_CORRUPT, pgs_schema_migrate(d->db, broken, 2, problem));
    assert_int_equal(PQtransactionStatus(d->db), PQTRANS_IDLE);
    ok(pgs_schema_version(d->db, 2, &at));
    assert_int_equal(at.version, 1);
    assert_int_equal(number(d, "SELECT count(*) FROM a"), 0);
}

/* Step 3 lets programs of two steps go on, and not those of one. */
static void older_program_works_on_as_far_as_the_schema_says(void **state)
{
    struct database *d = *state;
    struct pgs_version at = {.version = 99};

    ok(pgs_schema_migrate(d->db, steps, 3, problem));
    ok(pgs_schema_version(d->db, 2, &at));
    assert_int_equal(at.version, 3);
    ok(pgs_schema_migrate(d->db, steps, 2, problem)); /* it does not turn anything back */
    assert_int_equal(number(d, "SELECT version FROM ferry_schema"), 3);
    at.version = 99;
    expect(FERRY_E_VERSION, pgs_schema_version(d->db, 1, &at));
    expect(FERRY_E_VERSION, pgs_schema_migrate(d->db, steps, 1, problem));
    assert_int_equal(at.version, 99);
    assert_int_equal(PQtransactionStatus(d->db), PQTRANS_IDLE);
}

static void database_of_another_program_is_refused(void **state)
{
    struct database *d = *state;

    run(d, "CREATE TABLE product (it int)");
    expect(FERRY_E_CORRUPT, pgs_schema_migrate(d->db, pgs_schema_steps, pgs_schema_step_count, problem));
    assert_int_equal(number(d, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"), 1);
}

static void *migrate_too(void *arg)
{
    struct database *d = arg;
    PGconn *db = PQconnectdb(d->uri);
    ferry_err err;

    (void)PQsetnonblocking(db, 1);
    err = pgs_schema_migrate(db, pgs_schema_steps, pgs_schema_step_count, problem);
    PQfinish(db);
    return err == FERRY_OK ? NULL : arg;
}

static void workers_that_start_together_migrate_once(void **state)
{
    struct database *d = *state;
    pthread_t threads[4];
    void *failure;

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_too, d), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
    assert_int_equal(number(d, "SELECT version FROM ferry_schema"), (int64_t)pgs_schema_step_count);
}

/* --- the real steps ---------------------------------------------------------------------------- */

#define ID(last) "'\\x000000000000000000000000000000" last "'::bytea"
#define UPLOAD(last, device, size, state)                                                                    \
    "INSERT INTO upload VALUES (" ID(last) ", 'p', " device ", 'log', " size ", 'cc', " state ", 0, 0, '', 1, 2, 7200000," \
    " 10800000, 8);"
#define DOWNLOAD(last, state)                                                                                \
    "INSERT INTO download VALUES (" ID(last) ", " ID("00") ", " ID("00") ", 'p', 'd', 'fw', " state ", 0, -4, 'why', 0, 1, 2, 3, 4," \
    " 5, 3600000, 2);"

static void fill(struct database *d)
{
    ok(pgs_schema_migrate(d->db, pgs_schema_steps, pgs_schema_step_count, problem));
    run(d, "INSERT INTO total SELECT generate_series(0, 3); SET ferry.worker = 0;"
           "INSERT INTO product VALUES ('p', 1);"
           "INSERT INTO resource VALUES (" ID("00") ", 'p', 'fw', 4294967297, 'aa', 'bb', 4, '');"
           "INSERT INTO deployment (id, product, resource, state, target_all, rate_per_min, timeout_s, expanded, expand_done,"
           " expand_cursor, created_ms, updated_ms) VALUES (" ID("00") ", 'p', " ID("00") ", 1, 0, 0, 60, 1, 1, '', 5, 6)");
}

/* What one worker begins, another ends: their rows say half of it each, and the sums are right. */
static void counters_of_all_workers_make_the_numbers(void **state)
{
    struct database *d = *state;

    fill(d);
    run(d, UPLOAD("01", "'d'", "4294967299", "1") UPLOAD("02", "'e'", "7", "2") DOWNLOAD("03", "1")
           "INSERT INTO device (product, name, secret, disabled, created_ms) VALUES ('p', 'd', '', 0, 2);"
           "SET ferry.worker = 1;"
           "UPDATE upload SET state = 4 WHERE device = 'd'; UPDATE upload SET state = 6 WHERE device = 'e';"
           "UPDATE download SET state = 5; UPDATE device SET online_ms = 9");
    assert_int_equal(number(d, "SELECT count(DISTINCT worker) FROM usage"), 2);
    assert_int_equal(number(d, "SELECT sum(files) FROM usage WHERE product = 'p' AND device = ''"), 2);
    assert_int_equal(number(d, "SELECT sum(high) * 10 + sum(low) FROM usage WHERE product = 'p' AND device = ''"), 24);
    assert_int_equal(number(d, "SELECT sum(files) FROM usage WHERE device = 'e'"), 0);
    assert_int_equal(number(d, "SELECT sum(uploads_open) FROM total"), 0);
    assert_int_equal(number(d, "SELECT sum(downloads_open) FROM total"), 0);
    assert_int_equal(number(d, "SELECT sum(stored_high) * 10 + sum(stored_low) FROM total"), 13);
    assert_int_equal(number(d, "SELECT sum(queued) * 10 + sum(failed) FROM deployment_count"), 1);
    assert_int_equal(number(d, "SELECT sum(n) FROM deployment_cause WHERE result_msg = 'why'"), 1);
    assert_int_equal(number(d, "SELECT sum(done) * 10 + sum(failed) FROM deployment_step"), 1);
    assert_int_equal(number(d, "SELECT sum(done) * 10 + sum(failed) FROM ended WHERE way = 1 AND product = ''"), 11);
    assert_int_equal(number(d, "SELECT sum(low) FROM ended WHERE way = 1 AND product = 'p' AND hour = 2"), 3);
    assert_int_equal(number(d, "SELECT sum(failed) FROM ended WHERE way = 2 AND product = 'p' AND hour = 1"), 1);
    assert_int_equal(number(d, "SELECT sum(devices) * 10 + sum(online) FROM device_count"), 11);
    run(d, "DELETE FROM upload; DELETE FROM download; DELETE FROM deployment; DELETE FROM resource; DELETE FROM device;"
           "DELETE FROM product");
    assert_int_equal(number(d, "SELECT sum(products + devices + resources + resource_high + resource_low + deployments +"
                               " deployments_open + uploads_open + stored_high + stored_low + downloads_open) FROM total"), 0);
    assert_int_equal(number(d, "SELECT (SELECT count(*) FROM usage) + (SELECT count(*) FROM deployment_count)"
                               " + (SELECT count(*) FROM deployment_cause) + (SELECT count(*) FROM device_count)"), 0);
}

/* The identity of a task that is replaced changes: what counted for the old one counts no more. */
static void replaced_task_counts_for_what_it_is_now(void **state)
{
    struct database *d = *state;

    fill(d);
    run(d, UPLOAD("01", "'d'", "5", "3") "UPDATE upload SET device = 'e', size = 9");
    assert_int_equal(number(d, "SELECT count(*) FROM usage WHERE device = 'd'"), 0);
    assert_int_equal(number(d, "SELECT sum(low) FROM usage WHERE device = 'e'"), 9);
    assert_int_equal(number(d, "SELECT sum(stored_low) FROM total"), 9);
}

static void rows_of_one_worker_do_not_hold_up_another(void **state)
{
    struct database *d = *state, other = *d;

    fill(d);
    other.db = PQconnectdb(d->uri);
    (void)PQsetnonblocking(other.db, 1);
    run(&other, "SET lock_timeout = '1ms'; SET ferry.worker = 1");
    run(d, "BEGIN;" UPLOAD("01", "'d'", "5", "1") DOWNLOAD("02", "5"));
    run(&other, UPLOAD("03", "'d'", "6", "4") DOWNLOAD("04", "5"));
    run(d, "COMMIT");
    assert_int_equal(number(d, "SELECT sum(low) FROM usage WHERE device = 'd'"), 11);
    assert_int_equal(number(d, "SELECT sum(n) FROM deployment_cause"), 2);
    PQfinish(other.db);
}

#define EVENT "INSERT INTO event (time_ms, kind, product, device, task, deployment, resource, state_before, state, percent," \
    " result_code, text) VALUES (1, 1, '', '', '', '', '', '', '', 0, 0, '');"

static void numbers_of_events_have_no_gaps_and_come_in_the_order_of_the_commits(void **state)
{
    struct database *d = *state, other = *d;

    fill(d);
    other.db = PQconnectdb(d->uri);
    (void)PQsetnonblocking(other.db, 1);
    run(&other, "SET lock_timeout = '1ms'");
    run(d, "BEGIN;" EVENT EVENT "ROLLBACK;" EVENT "BEGIN;" EVENT);
    expect(FERRY_E_BUSY, pgs_link_run(other.db, EVENT, PGS_PATIENCE_MS, NULL));
    run(d, "COMMIT");
    run(&other, EVENT);
    assert_int_equal(number(d, "SELECT count(*) * 10 + max(id) FROM event"), 33);
    PQfinish(other.db);
}

#define RECORD(seq) "INSERT INTO audit VALUES (" seq ", 2, 'system', '', 'start', '', '', '', '', decode(repeat('00', 32), 'hex'), '')"

static void audit_log_grows_only_at_its_end(void **state)
{
    struct database *d = *state;
    static const char *const refused[] = {RECORD("2"), "UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"};

    fill(d);
    run(d, RECORD("1"));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        expect(FERRY_E_ARG, pgs_link_run(d->db, refused[i], PGS_PATIENCE_MS, NULL));
    run(d, "UPDATE audit_head SET seq = 1, cut = 1; DELETE FROM audit");
}

static void silent_server_does_not_stop_anybody_for_ever(void **state)
{
    struct database *d = *state;

    run(d, "SELECT 1");
    postgres_cluster_do(cluster, "pause");
    expect(FERRY_E_NETWORK, pgs_link_run(d->db, "SELECT 1", 100, NULL));
    postgres_cluster_do(cluster, "resume");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_old_version_reaches_the_newest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_step_leaves_the_version_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_program_works_on_as_far_as_the_schema_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(database_of_another_program_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_that_start_together_migrate_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counters_of_all_workers_make_the_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaced_task_counts_for_what_it_is_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_one_worker_do_not_hold_up_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_events_have_no_gaps_and_come_in_the_order_of_the_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(audit_log_grows_only_at_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silent_server_does_not_stop_anybody_for_ever, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
