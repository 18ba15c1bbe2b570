/*
 * What PostgreSQL makes of the statements, with as many rows as a large installation has: no walk over a large table, no sorting
 * but of a few rows, the indexes that the statements name, and pages that cost what they look at.
 */
#include "bulk.h"
#include "dialect.h"
#include "postgres_cluster.h"
#include "rewrite.h"
#include "schema.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The statements once more, with the indexes that they depend on as remarks. */
#undef INDEXED
#define INDEXED(index) " /*" index "*/"

static const char *const texts[STMT_COUNT] = {
#define X(name, sql) [STMT_##name] = sql,
    STATEMENT_LIST(X)
#undef X
};

enum { PLAN_SIZE = 8192, LOOKS = 500, BIGINT = 20 };

#define ID(number) "decode(lpad(to_hex(" number "), 32, '0'), 'hex')"
#define STATE "CASE WHEN i % 100 = 0 THEN 1 + i / 100 % 3 WHEN i % 37 = 0 THEN 5 + i % 3 ELSE 4 END"
#define ENDED "CASE WHEN i % 100 = 0 THEN 0 ELSE i END"
#define EACH(count) " FROM generate_series(1, " count ") AS i; "

/* without the triggers, which are not what is tested */
static const char fill[] =
    "SET session_replication_role = replica; SET synchronous_commit = off; "
    "INSERT INTO product SELECT 'p' || i, 1, ''" EACH("2000")
    "INSERT INTO device (product, name, secret, disabled, created_ms, online_ms, seen_ms, old_until_ms)"
    " SELECT 'p' || i % 5, 'd' || i, '', 0, 1, i % 2, i, CASE WHEN i % 100 = 0 THEN i ELSE 0 END" EACH("50000")
    "INSERT INTO device_tag SELECT product, name, 't' || seen_ms % 10 FROM device; "
    "INSERT INTO resource (id, product, name, size, md5, sha256, created_ms)"
    " SELECT " ID("i") ", 'p' || i % 5, 'n' || i % 1000, i, '', '', i" EACH("20000")
    "INSERT INTO upload (id, product, device, name, size, md5, state, percent, result_code, result_msg, created_ms, updated_ms,"
    " stored_ms, ended_ms, expires_ms) SELECT " ID("i") ", 'p' || i % 5, 'd' || i % 1000, 'n' || i % 97, i, '', " STATE ", 0, 0, '',"
    " i, i, i, " ENDED ", i" EACH("100000")
    "INSERT INTO deployment (id, product, resource, state, target_all, rate_per_min, timeout_s, expanded, expand_done,"
    " expand_cursor, created_ms, updated_ms, name, sweeping) SELECT " ID("i") ", 'p' || i % 5, " ID("1 + i % 20000") ","
    " CASE WHEN i % 100 = 0 THEN 1 ELSE 2 END, 0, 0, 0, 0, CASE WHEN i % 100 = 0 THEN 0 ELSE 1 END, '', i, i, 'n' || i % 100,"
    " CASE WHEN i % 100 = 1 THEN 1 ELSE 0 END" EACH("5000")
    "INSERT INTO download (id, deployment, resource, product, device, state, percent, result_code, result_msg, pushes, release_ms,"
    " wake_ms, deadline_ms, created_ms, updated_ms, ended_ms, due_ms, retries, name) SELECT " ID("i") ", " ID("1 + i % 50") ", "
    ID("1 + i % 20000") ", 'p' || i % 5, 'd' || i % 1000, " STATE ", 0, 0, '', 0, 0, 0, 0, i, i, " ENDED ","
    " CASE WHEN i % 100 = 0 THEN i END, 0, 'n' || i % 97" EACH("100000")
    "INSERT INTO report (task, number, time_ms, state, percent, result_code, result_msg) SELECT id, 1, 2, 1, 0, 0, '' FROM upload; "
    "INSERT INTO event (id, time_ms, kind, product, device, task, deployment, resource, state_before, state, percent, result_code,"
    " text) SELECT i, i, 1 + i % 7, 'p' || i % 5, 'd' || i % 1000, '', '', '', '', '', 0, 0, ''" EACH("100000")
    "INSERT INTO audit SELECT i, i, 'a' || i % 10, '', 'act' || i % 10, 'o' || i % 100, 'p' || i % 5, '', '', '', ''" EACH("50000")
    "INSERT INTO kept_answer (key, request, made_ms, status, location, body, secret_name, secret_1, secret_2)"
    " SELECT " ID("i") ", '', i, 200, '', '', '', '', ''" EACH("20000")
    "INSERT INTO session SELECT " ID("i") ", 'u' || i % 100, '', i, i, i" EACH("5000")
    "INSERT INTO token (name, role, hash, created_ms, expires_ms) SELECT 't' || i, '', " ID("i") ", 0, 0" EACH("2000")
    "INSERT INTO account SELECT 'u' || i, '', '', '', 0, 0" EACH("2000")
    "INSERT INTO lockout SELECT 'l' || i, 1, 1, i" EACH("1000")
    "INSERT INTO quota SELECT name, 1, 1, 1, 1 FROM product; "
    "INSERT INTO webhook (id, url, kinds, product, device, secret, state, revision, created_ms, updated_ms, last_event, failures,"
    " failing_ms, next_attempt_ms, last_status, last_error, last_success_ms, old_until_ms) SELECT " ID("i") ", '', 1, '', '', '', 1,"
    " 1, 1, 1, 1, 0, 0, 0, 0, '', 0, CASE WHEN i % 10 = 0 THEN i ELSE 0 END" EACH("1000")
    "INSERT INTO resource_upload (id, product, name, description, size, md5, sha256, created_ms, stored_ms, expires_ms, seen_bytes)"
    " SELECT " ID("i") ", 'p' || i % 5, 'n' || i, '', 1, '', '', 1, 0, i, 0" EACH("5000")
    "INSERT INTO deployment_cause (deployment, state, result_code, result_msg, n, worker)"
    " SELECT " ID("1 + i % 50") ", 5, i % 10, 'm' || i, 1, 1" EACH("20000")
    "INSERT INTO deployment_step (deployment, at_ms, done, failed, worker) SELECT " ID("1 + i % 50") ", i, 1, 1, 1" EACH("50000")
    "INSERT INTO ended (product, hour, way, done, failed, cancelled, high, low, worker)"
    " SELECT 'p' || i % 5, i / 10, 1, 1, 1, 1, 1, 1, i % 2" EACH("50000")
    "INSERT INTO deployment_count SELECT id, 1, 1, 1, 1, 1, 1, 1, 1, 1 FROM deployment; "
    "INSERT INTO device_count (product, devices, online, worker) SELECT name, 1, 1, 1 FROM product; "
    "INSERT INTO usage (product, device, files, high, low, worker) SELECT product, name, 1, 1, 1, 1 FROM device; "
    "INSERT INTO value SELECT 'v' || i, ''" EACH("1000")
    "ANALYZE";

/* Tables with a row for each worker, or for the whole installation. */
static bool is_small(const char *line)
{
    static const char *const tables[] = {" on latest", " on total", " on audit_head", " on webhook", " on lockout", " on account"};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (strstr(line, tables[i]) != NULL)
            return true;
    return false;
}

/* What is sorted because it is few: no more rows than a page looks at, or a device's, or what a worker counted. */
static bool may_sort(statement which)
{
    static const statement pairs[] = {
        STMT_RESOURCE_LIST_NAME,   STMT_UPLOAD_LIST_DEVICE,   STMT_UPLOAD_LIST_OPEN,       STMT_UPLOAD_BY_ENDED_DEVICE,
        STMT_UPLOAD_BY_ENDED_OPEN, STMT_UPLOAD_BY_ENDED_LOST, STMT_DOWNLOAD_LIST_DEVICE, STMT_DOWNLOAD_BY_ENDED_DEVICE,
        STMT_DOWNLOAD_BY_ENDED_STATE,
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (which == pairs[i] || which == pairs[i] + 1)
            return true;
    return which == STMT_DEVICE_FIND_JOINED || which == STMT_TOKEN_FIND || which == STMT_DEPLOYMENT_CAUSES ||
           which == STMT_RESOURCE_UPLOAD_SAME || which == STMT_LOCKOUT_TRIM || which == STMT_SESSION_TRIM;
}

/* Sessions are a few hundred. */
static bool may_scan(statement which)
{
    return which == STMT_SESSION_PRUNE;
}

struct database {
    PGconn *db;
    struct postgres_cluster *cluster;
};

static void run(PGconn *db, const char *sql)
{
    PGresult *result = PQexec(db, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%.200s: %s", sql, PQerrorMessage(db));
    PQclear(result);
}

static int start(void **state)
{
    static struct database d;
    char uri[POSTGRES_URI_SIZE], problem[PGS_PROBLEM_SIZE];

    d.cluster = postgres_cluster_new();
    postgres_cluster_create(d.cluster, uri);
    d.db = PQconnectdb(uri);
    (void)PQsetnonblocking(d.db, 1);
    if (pgs_schema_migrate(d.db, pgs_schema_steps, pgs_schema_step_count, problem) != FERRY_OK)
        return -1;
    (void)PQsetnonblocking(d.db, 0);
    run(d.db, fill);
    run(d.db, "SET plan_cache_mode = force_generic_plan; SET jit = off"); /* as conn.c does */
    *state = &d;
    return 0;
}

static int stop(void **state)
{
    struct database *d = *state;

    PQfinish(d->db);
    postgres_cluster_free(d->cluster);
    return 0;
}

/* Prepares the statement under its name. Parameters that its text does not have are numbers, as in driver.c. */
static unsigned prepare(PGconn *db, statement which)
{
    struct pgs_text text;
    Oid types[PGS_PARAMETERS_MAX] = {0};
    unsigned count;
    PGresult *result;

    assert_int_equal(pgs_rewrite(texts[which], &text), FERRY_OK);
    for (unsigned i = 0; i < text.last; i++)
        types[i] = text.is_named[i + 1] ? 0 : BIGINT;
    count = text.last;
    result = PQprepare(db, sql_statement_name(which), text.sql, (int)count, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql_statement_name(which), PQerrorMessage(db));
    PQclear(result);
    free(text.sql);
    return count;
}

/* The plan that serves any values, whatever these are: nulls. */
static void explain(PGconn *db, statement which, char plan[PLAN_SIZE])
{
    char sql[512];
    unsigned count = prepare(db, which);
    size_t len = (size_t)snprintf(sql, sizeof(sql), "EXPLAIN (COSTS off) EXECUTE \"%s\"", sql_statement_name(which));
    PGresult *result;

    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(sql + len, sizeof(sql) - len, "%s NULL", i == 0 ? "(" : ",");
    (void)snprintf(sql + len, sizeof(sql) - len, "%s", count > 0 ? ")" : "");
    result = PQexec(db, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(db));
    plan[0] = '\0';
    for (int row = 0; row < PQntuples(result); row++) {
        len = strlen(plan);
        (void)snprintf(plan + len, PLAN_SIZE - len, "%s\n", PQgetvalue(result, row, 0));
    }
    PQclear(result);
}

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* Tells what is wrong; returns how much. */
static unsigned check_plan(statement which, char *plan)
{
    unsigned faults = 0;

    for (char *line = plan, *next; line[0] != '\0'; line = next) {
        const char *step = line + strspn(line, " ->");

        next = line + strcspn(line, "\n") + 1;
        next[-1] = '\0';
        bool scans = begins(step, "Seq Scan") && !is_small(line) && !may_scan(which);
        bool sorts = (begins(step, "Incremental Sort") || strcmp(step, "Sort") == 0) && !may_sort(which);

        if (scans || sorts)
            print_error("%s: %s\n", sql_statement_name(which), step);
        faults += scans || sorts;
    }
    return faults;
}

static void no_statement_walks_over_a_table_or_sorts_it(void **state)
{
    struct database *d = *state;
    char plan[PLAN_SIZE];
    unsigned faults = 0;

    for (int i = 0; i < STMT_COUNT; i++) {
        if (begins(texts[i], "INSERT"))
            continue;
        explain(d->db, (statement)i, plan);
        faults += check_plan((statement)i, plan);
    }
    assert_int_equal(faults, 0);
}

static void the_indexes_that_are_named_are_used(void **state)
{
    struct database *d = *state;
    char plan[PLAN_SIZE], index[64];
    unsigned faults = 0;

    run(d->db, "DEALLOCATE ALL");
    for (int i = 0; i < STMT_COUNT; i++) {
        const char *remark = strstr(texts[i], "/*");

        if (remark == NULL || begins(texts[i], "INSERT"))
            continue;
        explain(d->db, (statement)i, plan);
        for (; remark != NULL; remark = strstr(remark + 2, "/*")) {
            assert_int_equal(sscanf(remark, "/*%63[a-z_]", index), 1);
            if (strstr(plan, index) != NULL)
                continue;
            print_error("%s: not %s, but:\n%s", sql_statement_name((statement)i), index, plan);
            faults++;
        }
    }
    assert_int_equal(faults, 0);
}

/* The greatest number of rows that any step of a plan gave or threw away. */
static long greatest_count(PGresult *result)
{
    static const char *const words[] = {"actual rows=", "Rows Removed by Filter: ", "Rows Removed by Index Recheck: "};
    long greatest = 0;

    for (int row = 0; row < PQntuples(result); row++)
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            const char *at = strstr(PQgetvalue(result, row, 0), words[i]);
            long count = at != NULL ? strtol(at + strlen(words[i]), NULL, 10) : 0;

            greatest = count > greatest ? count : greatest;
        }
    return greatest;
}

/* Lists in which nothing, or little, fits: of p1 or of its deployment 6; no name, or a state. ?10 and ?11 are not there. */
static void a_page_costs_what_it_looks_at(void **state)
{
    static const struct {
        const char *names[2], *values;
    } lists[] = {
        {{"UPLOAD_LIST", "UPLOAD_LIST_DESC"}, "'p1', NULL, 'x', 'y', 0, 0"},
        {{"UPLOAD_LIST_PRODUCT", "UPLOAD_LIST_PRODUCT_DESC"}, "'p1', NULL, 'x', 'y', 0, 0"},
        {{"UPLOAD_LIST_LOST", "UPLOAD_LIST_LOST_PRODUCT"}, "'p1', NULL, 'x', 'y', 5, 0"},
        {{"RESOURCE_LIST", "RESOURCE_LIST_PRODUCT"}, "'p1', 0, 'x', 'y', 0, 0"},
        {{"DEPLOYMENT_LIST", "DEPLOYMENT_LIST_PRODUCT"}, "'p1', 0, 0, 0, 3, 0"},
        {{"DOWNLOAD_LIST", "DOWNLOAD_LIST_PRODUCT"}, "'p1', NULL, 0, 0, 8, " ID("6")},
        {{"DOWNLOAD_LIST_DEPLOYMENT", "DOWNLOAD_LIST_STATE"}, "'p1', NULL, 0, 0, 4, " ID("6")},
    };
    struct database *d = *state;
    char sql[512];

    run(d->db, "DEALLOCATE ALL");
    for (int i = 0; i < STMT_COUNT; i++)
        (void)prepare(d->db, (statement)i);
    for (size_t i = 0; i < 2 * sizeof(lists) / sizeof(lists[0]); i++) {
        const char *name = lists[i / 2].names[i % 2];
        PGresult *result;

        (void)snprintf(sql, sizeof(sql), "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) EXECUTE \"%s\""
                       "('\\x', '\\xff', 0, %s, 0, 0, %d, 250)", name, lists[i / 2].values, LOOKS);
        result = PQexec(d->db, sql);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            fail_msg("%s: %s", sql, PQerrorMessage(d->db));
        if (greatest_count(result) < 1 || greatest_count(result) > LOOKS + 1)
            for (int row = 0; row < PQntuples(result); row++)
                print_error("%s: %s\n", name, PQgetvalue(result, row, 0));
        assert_in_range(greatest_count(result), 1, LOOKS + 1);
        PQclear(result);
    }
}

static void rows_that_are_removed_together_are_found_by_their_index(void **state)
{
    struct database *d = *state;
    const struct pgs_bulk *bulk = pgs_bulk_of(STMT_REPORT_DROP);
    Oid types[2] = {pgs_bulk_type(bulk->columns[0]), pgs_bulk_type(bulk->columns[1])};
    struct pgs_text text;
    PGresult *result;
    bool by_index = false;

    assert_int_equal(pgs_rewrite(bulk->sql, &text), FERRY_OK);
    result = PQprepare(d->db, "drop_all", text.sql, 2, types);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    result = PQexec(d->db, "EXPLAIN (COSTS off) EXECUTE drop_all (NULL, NULL)");
    for (int row = 0; row < PQntuples(result); row++) {
        assert_null(strstr(PQgetvalue(result, row, 0), "Seq Scan"));
        by_index |= strstr(PQgetvalue(result, row, 0), "report_pkey") != NULL;
    }
    assert_true(by_index);
    PQclear(result);
    free(text.sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_statement_walks_over_a_table_or_sorts_it),
        cmocka_unit_test(the_indexes_that_are_named_are_used),
        cmocka_unit_test(a_page_costs_what_it_looks_at),
        cmocka_unit_test(rows_that_are_removed_together_are_found_by_their_index),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
