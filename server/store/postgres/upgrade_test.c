/*
 * What a step changes must not be seen: two databases are given the same tasks, one by statements and triggers of rows, the other by those of
 * many rows, and their counters are compared. Then the first is brought up to date while it is in use, and an older program goes on with it.
 */
#include "link.h"
#include "locks.h"
#include "postgres_cluster.h"
#include "schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libpq-fe.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define expect(want, call) assert_string_equal(ferry_err_name(call), ferry_err_name(want))
#define ok(call) expect(FERRY_OK, call)

enum { ROUNDS = 80, ROWS_MAX = 12, ROW_SIZE = 320, SQL_SIZE = ROWS_MAX * ROW_SIZE + 1024, WORKERS = 2 };

static struct postgres_cluster *cluster;

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

static void run(PGconn *db, const char *sql)
{
    PGresult *result = PQexec(db, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%.300s: %s", sql, PQerrorMessage(db));
    PQclear(result);
}

static PGconn *connect_to(const char *uri)
{
    PGconn *db = PQconnectdb(uri);

    assert_int_equal(PQstatus(db), CONNECTION_OK);
    (void)PQsetNoticeProcessor(db, pgs_link_ignore_notice, NULL);
    return db;
}

static ferry_err migrate(PGconn *db, size_t steps)
{
    char problem[PGS_PROBLEM_SIZE];
    ferry_err err;

    (void)PQsetnonblocking(db, 1);
    err = pgs_schema_migrate(db, pgs_schema_steps, steps, problem);
    (void)PQsetnonblocking(db, 0);
    return err;
}

static PGconn *database_of(size_t steps, char uri[POSTGRES_URI_SIZE])
{
    PGconn *db;

    postgres_cluster_create(cluster, uri);
    db = connect_to(uri);
    ok(migrate(db, steps));
    run(db, "INSERT INTO total SELECT generate_series(0, 1);"
            "INSERT INTO resource (id, product, name, size, md5, sha256, created_ms) VALUES ('\\x01', 'p', 'fw', 4294967297, '', '', 1)");
    return db;
}

/* --- the same for both --------------------------------------------------------------------------------- */

static unsigned pick(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % below;
}

/* The identity of a task goes with its id, but for now and then. Resource 2 is not there. */
static void upload_row(unsigned *seed, unsigned id, char row[ROW_SIZE])
{
    static const char *const sizes[] = {"5", "4294967301", "9000000000000"};
    unsigned who = pick(seed, 12) == 0 ? pick(seed, 30) : id;

    (void)snprintf(row, ROW_SIZE, "('\\x%02x', '%s', 'd%u', 'log', %s, '', %u, 0, 0, '', 1, %u, %u, %u, 9)", id, who % 2 ? "p" : "q", who % 3,
                   sizes[who % 3], 1 + pick(seed, 7), pick(seed, 9) * 1000000, pick(seed, 9) * 3600000, pick(seed, 9) * 3600000);
}

static void download_row(unsigned *seed, unsigned id, char row[ROW_SIZE])
{
    unsigned who = pick(seed, 12) == 0 ? pick(seed, 30) : id;

    (void)snprintf(row, ROW_SIZE, "('\\x%02x', '\\x0%u', '\\x0%u', '%s', 'd%u', 'fw', %u, 0, -%u, 'm%u', 0, 0, 0, 0, %u, %u, %u, 5, 0)", id,
                   1 + who % 3, 1 + who % 2, who % 2 ? "p" : "q", who % 4, 1 + pick(seed, 8), pick(seed, 2), pick(seed, 2), pick(seed, 5) * 1000,
                   pick(seed, 9) * 1000000, pick(seed, 9) * 3600000);
}

static void report_row(unsigned *seed, unsigned id, char row[ROW_SIZE])
{
    (void)snprintf(row, ROW_SIZE, "('\\x%02x', %u, 1, 1, 0, 0, '')", id, 1 + pick(seed, 3));
}

struct table {
    const char *name, *behind;
    void (*row)(unsigned *seed, unsigned id, char row[ROW_SIZE]);
};

#define FOR_UPLOADS                                                                                          \
    " ON CONFLICT (id) DO UPDATE SET product = excluded.product, device = excluded.device, size = excluded.size, state = excluded.state," \
    " updated_ms = excluded.updated_ms, stored_ms = excluded.stored_ms, ended_ms = excluded.ended_ms"
#define FOR_DOWNLOADS                                                                                        \
    " ON CONFLICT (id) DO UPDATE SET deployment = excluded.deployment, resource = excluded.resource, product = excluded.product," \
    " device = excluded.device, state = excluded.state, result_code = excluded.result_code, result_msg = excluded.result_msg," \
    " created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, ended_ms = excluded.ended_ms"

static const struct table tables[] = {
    {"upload", FOR_UPLOADS, upload_row},
    {"download", FOR_DOWNLOADS, download_row},
    {"report", " ON CONFLICT DO NOTHING", report_row},
};

/* By single: a statement for each row; by many: one for all of them. */
static void put_rows(PGconn *single, PGconn *many, const struct table *t, unsigned *seed)
{
    static char sql[SQL_SIZE], row[ROW_SIZE];
    unsigned count = 1 + pick(seed, ROWS_MAX), first = pick(seed, 30);
    size_t len = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES ", t->name);

    for (unsigned i = 0; i < count; i++) {
        char one[ROW_SIZE + 1024];

        t->row(seed, (first + 7 * i) % 30, row);
        len += (size_t)snprintf(sql + len, sizeof(sql) - len, "%s%s", i > 0 ? ", " : "", row);
        (void)snprintf(one, sizeof(one), "INSERT INTO %s VALUES %s%s", t->name, row, t->behind);
        run(single, one);
    }
    (void)snprintf(sql + len, sizeof(sql) - len, "%s", t->behind);
    run(many, sql);
}

static void remove_rows(PGconn *single, PGconn *many, const struct table *t, unsigned *seed)
{
    unsigned from = pick(seed, 30);
    char sql[128];

    for (unsigned id = from; id < from + 6; id++) {
        (void)snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE id = '\\x%02x'", t->name, id);
        run(single, sql);
    }
    (void)snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE id >= '\\x%02x' AND id < '\\x%02x'", t->name, from, from + 6);
    run(many, sql);
}

/* Rows of zeros say nothing. */
static const char *const counters[] = {
    "SELECT * FROM usage WHERE files <> 0 OR high <> 0 OR low <> 0",
    "SELECT * FROM total",
    "SELECT * FROM deployment_count WHERE (queued, offered, downloading, done, failed, timed_out, cancelled, rejected) <> (0, 0, 0, 0, 0, 0, 0, 0)",
    "SELECT * FROM deployment_cause WHERE n <> 0",
    "SELECT * FROM deployment_step WHERE done <> 0 OR failed <> 0",
    "SELECT * FROM ended",
    "SELECT task, number FROM report",
    "SELECT id, state FROM upload UNION SELECT id, 10 + state FROM download",
};

static void get_rows(PGconn *db, const char *query, char **ret_text)
{
    char sql[512];
    PGresult *result;

    (void)snprintf(sql, sizeof(sql), "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM (%s) AS t", query);
    result = PQexec(db, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(db));
    *ret_text = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
}

static void assert_same(PGconn *a, PGconn *b)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        char *of_a, *of_b;

        get_rows(a, counters[i], &of_a);
        get_rows(b, counters[i], &of_b);
        if (strcmp(of_a, of_b) != 0)
            fail_msg("%s\nby rows:\n%s\nby statements:\n%s", counters[i], of_a, of_b);
        free(of_a);
        free(of_b);
    }
}

static void go_on(PGconn *single, PGconn *many, unsigned *seed)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        const struct table *t = &tables[pick(seed, 3)];
        char sql[64];

        (void)snprintf(sql, sizeof(sql), "SET ferry.worker = %u", pick(seed, WORKERS));
        run(single, sql);
        run(many, sql);
        if (pick(seed, 8) == 0)
            remove_rows(single, many, &tables[pick(seed, 2)], seed);
        else
            put_rows(single, many, t, seed);
    }
}

static void statements_of_many_rows_count_as_those_of_one_did(void **state)
{
    char uri[POSTGRES_URI_SIZE];
    PGconn *rows = database_of(1, uri), *statements = database_of(2, uri);
    unsigned seed = 7;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        go_on(rows, statements, &seed);
        assert_same(rows, statements);
    }
    run(rows, "DELETE FROM upload; DELETE FROM download");
    run(statements, "DELETE FROM upload; DELETE FROM download");
    assert_same(rows, statements);
    PQfinish(rows);
    PQfinish(statements);
}

/* What is there stays, and statements of one row, as programs of step 1 send them, count as ever. */
static void older_program_counts_right_on_a_database_that_was_brought_up_to_date(void **state)
{
    char uri[POSTGRES_URI_SIZE];
    PGconn *old = database_of(1, uri), *fresh = database_of(2, uri);
    unsigned seed = 8;
    struct pgs_version at = {0};

    (void)state;
    go_on(old, fresh, &seed);
    ok(migrate(old, 2));
    assert_same(old, fresh);
    go_on(old, fresh, &seed);
    assert_same(old, fresh);
    (void)PQsetnonblocking(old, 1);
    ok(pgs_schema_version(old, 1, &at)); /* a program of one step is let in */
    assert_int_equal(at.version, 2);
    PQfinish(old);
    PQfinish(fresh);
}

/* --- while others work ---------------------------------------------------------------------------------- */

struct upgrade {
    char uri[POSTGRES_URI_SIZE];
    pthread_t thread;
    ferry_err err;
};

static void *bring_up_to_date(void *arg)
{
    struct upgrade *u = arg;
    PGconn *db = connect_to(u->uri);

    u->err = migrate(db, 2);
    PQfinish(db);
    return NULL;
}

#define UPLOAD(id) "INSERT INTO upload VALUES ('\\x" id "', 'p', 'd', 'log', 5, '', 1, 0, 0, '', 1, 2, 0, 0, 9);"

static void wait_until(const char *uri, const char *condition)
{
    while (postgres_number(uri, condition) == 0)
        ;
}

/* A transaction of an older worker that has begun is not torn: the step waits for it, and what comes next waits for the step. */
static void step_waits_for_who_is_in_the_middle(void **state)
{
    struct upgrade u = {.err = FERRY_E_IO};
    PGconn *worker = database_of(1, u.uri);

    (void)state;
    run(worker, "BEGIN; SET LOCAL ferry.worker = 1; SELECT pg_advisory_xact_lock_shared(" PGS_LOCK_EVERYTHING ");" UPLOAD("01"));
    assert_int_equal(pthread_create(&u.thread, NULL, bring_up_to_date, &u), 0);
    wait_until(u.uri, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
    run(worker, UPLOAD("02") "COMMIT");
    run(worker, "BEGIN; SET LOCAL ferry.worker = 1; SELECT pg_advisory_xact_lock_shared(" PGS_LOCK_EVERYTHING ");" UPLOAD("03") "COMMIT");
    assert_int_equal(pthread_join(u.thread, NULL), 0);
    ok(u.err);
    assert_int_equal(postgres_number(u.uri, "SELECT version FROM ferry_schema"), 2);
    assert_int_equal(postgres_number(u.uri, "SELECT sum(uploads_open) FROM total"), 3);
    assert_int_equal(postgres_number(u.uri, "SELECT files FROM usage WHERE device = 'd' AND worker = 1"), 3);
    PQfinish(worker);
}

/* Workers would wait behind the step: it gives up, and leaves what it found. */
static void who_reads_for_long_stops_the_step_and_not_the_workers(void **state)
{
    struct upgrade u = {.err = FERRY_OK};
    PGconn *reader = database_of(1, u.uri), *worker = connect_to(u.uri);

    (void)state;
    run(reader, "BEGIN; SELECT count(*) FROM download");
    (void)bring_up_to_date(&u);
    expect(FERRY_E_BUSY, u.err);
    assert_int_equal(postgres_number(u.uri, "SELECT version FROM ferry_schema"), 1);
    run(worker, "SET ferry.worker = 1;" UPLOAD("01"));
    assert_int_equal(postgres_number(u.uri, "SELECT sum(uploads_open) FROM total"), 1);
    run(reader, "COMMIT");
    (void)bring_up_to_date(&u);
    ok(u.err);
    run(worker, UPLOAD("02"));
    assert_int_equal(postgres_number(u.uri, "SELECT sum(uploads_open) FROM total"), 2);
    PQfinish(reader);
    PQfinish(worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_of_many_rows_count_as_those_of_one_did),
        cmocka_unit_test(older_program_counts_right_on_a_database_that_was_brought_up_to_date),
        cmocka_unit_test(step_waits_for_who_is_in_the_middle),
        cmocka_unit_test(who_reads_for_long_stops_the_step_and_not_the_workers),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
