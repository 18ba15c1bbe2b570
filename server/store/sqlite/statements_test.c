#include "dialect.h"
#include "schema.h"
#include "sums.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Words of a plan that mean work in proportion to the table. */
static bool is_slow(const char *detail)
{
    static const char *const quick[] = {"SCAN found", "SCAN oldest", /* subqueries: their own plans come too */
                                        "SCAN CONSTANT ROW"};

    for (size_t i = 0; i < sizeof(quick) / sizeof(quick[0]); i++)
        if (strcmp(detail, quick[i]) == 0)
            return false;
    return strncmp(detail, "SCAN ", 5) == 0 || strstr(detail, "TEMP B-TREE") != NULL ||
           strstr(detail, "AUTOMATIC") != NULL;
}

/* Where that is meant: a partial index that holds nothing else, and what only people ask for now and then. */
static bool may_scan(statement which, const char *detail)
{
    if (which == STMT_DEPLOYMENT_SWEEPING)
        return strcmp(detail, "SCAN d USING INDEX deployment_sweeping") == 0;
    if (which == STMT_DEPLOYMENT_EXPANDING)
        return strcmp(detail, "SCAN d USING INDEX deployment_expanding") == 0;
    if (which == STMT_UPLOAD_LIST_OPEN || which == STMT_UPLOAD_LIST_OPEN + 1 || which == STMT_UPLOADS_OPEN ||
        which == STMT_UPLOAD_BY_ENDED || which == STMT_UPLOAD_BY_ENDED_DESC)
        return strcmp(detail, "SCAN upload USING COVERING INDEX upload_open") == 0;
    if ((which >= STMT_UPLOAD_BY_ENDED_DEVICE && which <= STMT_UPLOAD_BY_ENDED_LOST + 1) ||
        (which >= STMT_DOWNLOAD_BY_ENDED_DEVICE && which <= STMT_DOWNLOAD_BY_ENDED_STATE + 1)) /* no more rows than a page looks at */
        return strcmp(detail, "USE TEMP B-TREE FOR ORDER BY") == 0 ||
               strcmp(detail, "SCAN upload USING COVERING INDEX upload_open") == 0;
    if (which == STMT_SESSION_PRUNE || which == STMT_LOCKOUT_TRIM) /* a few hundred rows at most */
        return true;
    return which == STMT_TOTALS; /* the webhooks, some dozens */
}

struct world {
    sqlite3 *db;
    struct sums *sums;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    *state = w;
    if (w == NULL || sqlite3_open(":memory:", &w->db) != SQLITE_OK || sums_new(w->db, &w->sums) != FERRY_OK)
        return -1;
    return sq_schema_migrate(w->db, sq_schema_steps, sq_schema_step_count) == FERRY_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    int code;

    sums_free(w->sums);
    code = sqlite3_close(w->db);
    free(w);
    return code;
}

static void every_statement_can_be_prepared(void **state)
{
    const struct world *w = *state;

    for (int i = 0; i < STMT_COUNT; i++) {
        sqlite3_stmt *stmt = NULL;

        if (sqlite3_prepare_v2(w->db, sq_statements[i], -1, &stmt, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql_statement_name((statement)i), sqlite3_errmsg(w->db));
        (void)sqlite3_finalize(stmt);
    }
}

static void check_plan(sqlite3 *db, statement which)
{
    char sql[4096];
    sqlite3_stmt *stmt = NULL;

    (void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sq_statements[which]);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(stmt, 3);

        if (is_slow(detail) && !may_scan(which, detail))
            fail_msg("%s: %s", sql_statement_name(which), detail);
    }
    (void)sqlite3_finalize(stmt);
}

static void no_query_scans_or_sorts(void **state)
{
    const struct world *w = *state;

    for (int i = 0; i < STMT_COUNT; i++)
        check_plan(w->db, (statement)i);
}

/* The planner may change its mind when it has statistics (somebody runs ANALYZE on the file). */
static void no_query_scans_or_sorts_with_statistics(void **state)
{
    static const char fill[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        "INSERT INTO upload SELECT cast(printf('%016d', i) AS BLOB), 'p', 'd' || i % 3, 'n' || i, 1, '', 1 + i % 7, 0, 0,"
        " '', i, i, i, i, i FROM n;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        "INSERT INTO download SELECT cast(printf('%016d', i) AS BLOB), x'00', x'00', 'p', 'd' || i % 3, 'n', 1 + i % 8, 0, 0,"
        " '', 0, i, i, i, i, i, i, i, 0 FROM n;"
        "INSERT INTO device SELECT 'p', 'd' || size, x'', 0, 0, x'', 0, 1, 0, size % 2, 0 FROM upload GROUP BY size;"
        "INSERT INTO report SELECT id, 1, 2, 1, 0, 0, '' FROM upload;"
        "INSERT INTO device_tag SELECT product, name, 't' FROM device;"
        "ANALYZE";
    const struct world *w = *state;

    assert_int_equal(sqlite3_exec(w->db, fill, NULL, NULL, NULL), SQLITE_OK);
    no_query_scans_or_sorts(state);
}

/* The programs of its triggers too. */
static void check_opcodes(sqlite3 *db, statement which, const char *const *barred, size_t count)
{
    char sql[4096];
    sqlite3_stmt *stmt = NULL;

    (void)snprintf(sql, sizeof(sql), "EXPLAIN %s", sq_statements[which]);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *opcode = (const char *)sqlite3_column_text(stmt, 1);

        for (size_t i = 0; i < count; i++)
            if (strcmp(opcode, barred[i]) == 0)
                fail_msg("%s: %s", sql_statement_name(which), opcode);
    }
    (void)sqlite3_finalize(stmt);
}

/* A trigger's program costs some thousand instructions even when its condition does not hold, and a table of its own ten times that. */
static void what_moves_no_state_runs_no_trigger(void **state)
{
    static const statement puts[] = {STMT_UPLOAD_PROGRESS, STMT_DOWNLOAD_TOUCH};
    static const char *const barred[] = {"Program", "OpenEphemeral"};
    const struct world *w = *state;

    for (size_t i = 0; i < sizeof(puts) / sizeof(puts[0]); i++)
        check_opcodes(w->db, puts[i], barred, 2);
}

static void no_put_makes_a_table_of_its_own(void **state)
{
    static const statement puts[] = {STMT_UPLOAD_ADD,   STMT_UPLOAD_TOUCH,  STMT_UPLOAD_MOVE, STMT_UPLOAD_END,
                                     STMT_DOWNLOAD_ADD, STMT_DOWNLOAD_MOVE, STMT_DOWNLOAD_END};
    static const char *const barred[] = {"OpenEphemeral"};
    const struct world *w = *state;

    for (size_t i = 0; i < sizeof(puts) / sizeof(puts[0]); i++)
        check_opcodes(w->db, puts[i], barred, 1);
}

/* SQLite asks it of every table that a statement or one of its triggers writes. */
static int refuse_what_is_known(void *arg, int action, const char *table, const char *column, const char *database, const char *trigger)
{
    static const char *const known[] = {"device", "quota", "upload"};
    const bool *writes_upload = arg;
    bool writes = action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;

    (void)column, (void)database, (void)trigger;
    for (size_t i = 0; writes && i < (*writes_upload ? 2 : 3); i++)
        if (strcmp(table, known[i]) == 0)
            return SQLITE_DENY;
    return SQLITE_OK;
}

static void what_leaves_it_known_writes_no_device_no_quota_and_no_upload(void **state)
{
    const struct world *w = *state;

    for (int i = 0; i < STMT_COUNT; i++) {
        bool writes_upload = i >= STMT_UPLOAD_ADD && i <= STMT_UPLOAD_END;
        sqlite3_stmt *stmt = NULL;

        (void)sqlite3_set_authorizer(w->db, sq_leaves_known[i] ? refuse_what_is_known : NULL, &writes_upload);
        if (sqlite3_prepare_v2(w->db, sq_statements[i], -1, &stmt, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql_statement_name((statement)i), sqlite3_errmsg(w->db));
        (void)sqlite3_finalize(stmt);
    }
    (void)sqlite3_set_authorizer(w->db, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_statement_can_be_prepared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_query_scans_or_sorts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_query_scans_or_sorts_with_statistics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_moves_no_state_runs_no_trigger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_put_makes_a_table_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_leaves_it_known_writes_no_device_no_quota_and_no_upload, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
