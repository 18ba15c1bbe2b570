#include "schema.h"
#include "sqlite_fixture.h"

#include <stdio.h>
#include <string.h>

static int open_memory(void **state)
{
    return sqlite3_open(":memory:", (sqlite3 **)state) == SQLITE_OK ? 0 : -1;
}

static int close_memory(void **state)
{
    return sqlite3_close(*state);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t got = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        got = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return got;
}

/* A database of an older version, with these rows, and then brought to the newest. */
static void migrate_filled(sqlite3 *db, size_t version, const char *fill)
{
    ok(sq_schema_migrate(db, sq_schema_steps, version));
    assert_int_equal(sqlite3_exec(db, fill, NULL, NULL, NULL), SQLITE_OK);
    ok(sq_schema_migrate(db, sq_schema_steps, sq_schema_step_count));
}

static const char *const steps[] = {
    "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);",
    "UPDATE a SET x = x * 10; CREATE TABLE b (y TEXT) STRICT;",
    "ALTER TABLE a ADD COLUMN z INTEGER; UPDATE a SET z = x + 1;",
};

static void every_old_version_reaches_the_newest(void **state)
{
    for (size_t from = 0; from <= 3; from++) {
        size_t version = 99;

        assert_int_equal(open_memory(state), 0);
        ok(sq_schema_migrate(*state, steps, from));
        ok(sq_schema_version(*state, 3, &version));
        assert_int_equal(version, from);
        ok(sq_schema_migrate(*state, steps, 3));
        ok(sq_schema_version(*state, 3, &version));
        assert_int_equal(version, 3);
        assert_int_equal(number(*state, "SELECT x * 100 + z FROM a"), 1011);
        ok(sq_schema_migrate(*state, steps, 3)); /* nothing left to do */
        assert_int_equal(number(*state, "SELECT count(*) FROM a"), 1);
        assert_int_equal(close_memory(state), 0);
    }
    assert_int_equal(open_memory(state), 0);
}

static void failing_step_leaves_the_version_before_it(void **state)
{
    static const char *const broken[] = {"CREATE TABLE a (x INTEGER) STRICT;",
                                         "INSERT INTO a VALUES (5); INSERT INTO nowhere VALUES (1);"};
    size_t version = 99;

    expect(FERRY_E_IO, sq_schema_migrate(*state, broken, 2));
    assert_int_equal(sqlite3_get_autocommit(*state), 1);
    ok(sq_schema_version(*state, 2, &version));
    assert_int_equal(version, 1);
    assert_int_equal(number(*state, "SELECT count(*) FROM a"), 0);
}

static void newer_version_is_refused_and_left_alone(void **state)
{
    size_t version = 99;

    ok(sq_schema_migrate(*state, steps, 3));
    expect(FERRY_E_VERSION, sq_schema_version(*state, 2, &version));
    expect(FERRY_E_VERSION, sq_schema_migrate(*state, steps, 2));
    assert_int_equal(version, 99);
    assert_int_equal(sqlite3_get_autocommit(*state), 1);
    assert_int_equal(number(*state, "PRAGMA user_version"), 3);
}

static void database_of_another_program_is_refused(void **state)
{
    static const char *const others[] = {"CREATE TABLE t (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"};
    size_t version;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(close_memory(state), 0);
        assert_int_equal(open_memory(state), 0);
        assert_int_equal(sqlite3_exec(*state, others[i], NULL, NULL, NULL), SQLITE_OK);
        expect(FERRY_E_CORRUPT, sq_schema_version(*state, 3, &version));
        expect(FERRY_E_CORRUPT, sq_schema_migrate(*state, steps, 3));
    }
}

/* --- the real steps ---------------------------------------------------------------------------- */

#define ROWS_OF_1 \
    "INSERT INTO product VALUES ('p', 1);" \
    "INSERT INTO device VALUES ('p', 'd', x'010203', 0, 2);" \
    ROWS_OF_ALL("", "", "")

#define ROWS_OF_4 \
    "INSERT INTO product VALUES ('p', 1, x'');" \
    "INSERT INTO device VALUES ('p', 'd', x'010203', 0, 2, x'04', 5, 1, 0);" \
    ROWS_OF_ALL("", "", "")

#define ROWS_OF_6 \
    "INSERT INTO product VALUES ('p', 1, x'');" \
    "INSERT INTO device VALUES ('p', 'd', x'010203', 0, 2, x'04', 5, 1, 0);" \
    ROWS_OF_ALL("", ", 2, 5, 7, 0, 0, 0, ''", ", 1")

#define ROWS_OF_7 \
    "INSERT INTO product VALUES ('p', 1, x'');" \
    "INSERT INTO device VALUES ('p', 'd', x'010203', 0, 2, x'04', 5, 1, 0);" \
    "INSERT INTO device_tag VALUES ('p', 'd', 'lab');" \
    ROWS_OF_ALL(", 'words'", ", 2, 5, 7, 0, 0, 0, '', 'lab'", ", 1")

#define ROWS_FROM_11(deployment) \
    "INSERT INTO product VALUES ('p', 1, x'');" \
    "INSERT INTO device VALUES ('p', 'd', x'010203', 0, 2, x'04', 5, 1, 0, 6, 7);" \
    "INSERT INTO device_tag VALUES ('p', 'd', 'lab');" \
    ROWS_OF_ALL(", 'words'", ", 2, 5, 7, 0, 0, 0, '', 'lab'" deployment, ", 1")
#define ROWS_OF_11 ROWS_FROM_11("")

/* resource, deployment, download: the values of columns that came later */
#define ROWS_OF_ALL(resource, deployment, download) \
    "INSERT INTO value VALUES ('url_key', x'ff');" \
    "INSERT INTO token (name, role, hash, created_ms, expires_ms) VALUES ('admin', 'admin', zeroblob(32), 3, 0);" \
    "INSERT INTO resource VALUES (zeroblob(16), 'p', 'fw', 7, 'aa', 'bb', 4" resource ");" \
    "INSERT INTO deployment VALUES (zeroblob(16), 'p', zeroblob(16), 1, 0, 0, 60, 1, 1, '', 5, 6" deployment ");" \
    "INSERT INTO download VALUES (zeroblob(16), zeroblob(16), zeroblob(16), 'p', 'd', 'fw', 1, 0, 0, '', 0, 1, 2, 3, 4, 5, 0, 2" \
    download ");" \
    "INSERT INTO download SELECT x'01000000000000000000000000000000', deployment, resource, product, device, name, 5, 0, -4, 'why'," \
    " 0, 1, 0, 0, 4, 5, 5, NULL" download " FROM download;" \
    "INSERT INTO upload VALUES (zeroblob(16), 'p', 'd', 'log', 9, 'cc', 1, 0, 0, '', 1, 2, 0, 0, 8);" \
    "UPDATE latest SET ms = 5;"

#define ROWS_FROM_12(deployment) \
    ROWS_FROM_11(deployment) \
    "UPDATE token SET products = 'p', used_ms = 4;" \
    "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);" \
    "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));" \
    "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);" \
    "INSERT INTO event VALUES (9, 2, 4, 'p', 'd', '', '', '', '', 'enabled', 0, 0, '');" \
    "INSERT INTO report VALUES (zeroblob(16), 1, 2, 1, 3, 0, '');" \
    "INSERT INTO kept_answer VALUES (4, zeroblob(32), zeroblob(32), 2, 201, '/', '{}', '', x'', x'');"

#define ROWS_OF_12 ROWS_FROM_12("")

/* old: the values of columns that came later */
#define WEBHOOK_ROW(old) \
    "INSERT INTO webhook VALUES (zeroblob(16), 'https://a', 0, '', '', x'01', 1, 1, 2, 2, 9, 0, 0, 0, 0, '', 0" old ");"

#define RESOURCE_UPLOAD_ROW \
    "INSERT INTO resource_upload VALUES (zeroblob(16), 'q', 'n', '', 1, '', '', 2, 0, 3, 0);"

/* What a database of each version holds, as the program of that time wrote it. A new step gets a new line. */
static const char *const rows_of_version[] = {
    [1] = ROWS_OF_1,
    [2] = ROWS_OF_1
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));",
    [3] = ROWS_OF_1
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);",
    [4] = ROWS_OF_4
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);",
    [5] = ROWS_OF_4
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);",
    [6] = ROWS_OF_6
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);",
    [7] = ROWS_OF_7
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);",
    [8] = ROWS_OF_7
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);"
          "INSERT INTO event VALUES (9, 2, 4, 'p', 'd', '', '', '', '', 'enabled', 0, 0, '');",
    [9] = ROWS_OF_7
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);"
          "INSERT INTO event VALUES (9, 2, 4, 'p', 'd', '', '', '', '', 'enabled', 0, 0, '');"
          "INSERT INTO report VALUES (zeroblob(16), 1, 2, 1, 3, 0, '');",
    [10] = ROWS_OF_7
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);"
          "INSERT INTO event VALUES (9, 2, 4, 'p', 'd', '', '', '', '', 'enabled', 0, 0, '');"
          "INSERT INTO report VALUES (zeroblob(16), 1, 2, 1, 3, 0, '');"
          "INSERT INTO kept_answer VALUES (4, zeroblob(32), zeroblob(32), 2, 201, '/', '{}', '', x'', x'');",
    [11] = ROWS_OF_11
          "UPDATE token SET products = 'p', used_ms = 4;"
          "INSERT INTO account VALUES ('ann', 'viewer', 'p', '$argon2id$', 5, 6);"
          "INSERT INTO audit VALUES (1, 2, 'system', '', 'start', '', '', '', '', zeroblob(32), zeroblob(32));"
          "INSERT INTO quota VALUES ('p', 1, 2, 3, 4);"
          "INSERT INTO event VALUES (9, 2, 4, 'p', 'd', '', '', '', '', 'enabled', 0, 0, '');"
          "INSERT INTO report VALUES (zeroblob(16), 1, 2, 1, 3, 0, '');"
          "INSERT INTO kept_answer VALUES (4, zeroblob(32), zeroblob(32), 2, 201, '/', '{}', '', x'', x'');",
    [12] = ROWS_OF_12 WEBHOOK_ROW(""),
    [13] = ROWS_OF_12 WEBHOOK_ROW(""),
    [14] = ROWS_OF_12 WEBHOOK_ROW("") RESOURCE_UPLOAD_ROW,
    [15] = ROWS_OF_12 WEBHOOK_ROW("") RESOURCE_UPLOAD_ROW,
    [16] = ROWS_OF_12 WEBHOOK_ROW("") RESOURCE_UPLOAD_ROW,
    [17] = ROWS_OF_12 WEBHOOK_ROW("") RESOURCE_UPLOAD_ROW,
    [18] = ROWS_OF_12 WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [19] = ROWS_OF_12 WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [20] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [21] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [22] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [23] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1, 'fw'") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [24] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1, 'fw'") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [25] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1, 'fw'") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [26] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1, 'fw'") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
    [27] = ROWS_FROM_12(", 6, 5, 1, -4, 1, 'why', 6, 1, 'fw'") WEBHOOK_ROW(", x'02', 0") RESOURCE_UPLOAD_ROW,
};

static void check_rows(struct sqlite_fixture *t)
{
    const ferry_id id = {"00000000000000000000000000"};
    struct device device;
    struct upload_task upload;
    struct download_task download;
    struct token token;
    struct usage usage;
    struct store_totals totals;
    struct download_counts counts;
    struct device_counts devices;
    struct failure_cause cause;
    size_t count;
    struct deployment deployment;
    size_t found;
    uint64_t ms, all;

    ok(t->ops->device_get(t->reader, &(struct device_key){"p", "d"}, &device));
    assert_int_equal(device.secret.len, 3);
    assert_int_equal(device.secret_no, 1);
    ok(t->ops->upload_get(t->reader, &id, &upload));
    assert_int_equal(upload.size, 9);
    ok(t->ops->download_get(t->reader, &id, &download));
    assert_int_equal(download.size, 7);
    assert_string_equal(download.name, "fw");
    ok(t->ops->usage_get(t->reader, "p", NULL, &usage)); /* an older database is counted once, by the step */
    assert_int_equal(usage.files, 2);
    assert_int_equal(usage.bytes, 16);
    ok(t->ops->usage_get(t->reader, "p", "d", &usage));
    assert_int_equal(usage.bytes, 9);
    ok(t->ops->totals(t->reader, &totals)); /* ... and so are these */
    assert_int_equal(totals.products, 1);
    assert_int_equal(totals.devices, 1);
    assert_int_equal(totals.resources, 1);
    assert_int_equal(totals.resource_bytes, 7);
    assert_int_equal(totals.uploads_open, 1);
    assert_int_equal(totals.downloads_open, 1);
    ok(t->ops->device_counts(t->reader, "p", &devices));
    assert_int_equal(devices.devices, 1);
    assert_int_equal(devices.online, device.online_ms > 0);
    ok(t->ops->deployment_counts(t->reader, &download.deployment, &counts));
    assert_int_equal(counts.by_state[download.state], 1);
    ok(t->ops->deployment_causes(t->reader, &download.deployment, &cause, 1, &count, &all));
    assert_int_equal(count, 1);
    assert_int_equal(cause.count, 1);
    assert_int_equal(cause.result_code, -4);
    assert_string_equal(cause.result_msg, "why");
    assert_int_equal(all, 1);
    ok(t->ops->deployment_list(t->reader, &(struct deployment_filter){.product = "p"},
                               &(struct store_page){.after = "00000000000000000000000000 fv", .limit = 1, .sort = STORE_BY_NAME},
                               &deployment, &found)); /* the step gives it the name of its resource */
    assert_int_equal(found, 1);
    ok(t->ops->next_due_ms(t->reader, &ms));
    assert_int_equal(ms, 2);
    ok(t->ops->latest_ms(t->reader, &ms));
    assert_int_equal(ms, 5);
    ok(t->ops->token_get(t->reader, "admin", &token));
    assert_int_equal(token.created_ms, 3);
}

static void rows_of_every_published_version_are_kept(void **state)
{
    assert_int_equal(sizeof(rows_of_version) / sizeof(rows_of_version[0]), sq_schema_step_count + 1);
    for (size_t version = 1; version <= sq_schema_step_count; version++) {
        struct sqlite_fixture *t = *state;
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
        ok(sq_schema_migrate(db, sq_schema_steps, version));
        test_sql(db, rows_of_version[version]);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        if (version < sq_schema_step_count)
            expect(FERRY_E_STATE, t->ops->connect(t->store, STORE_READER, &t->reader));
        sqlite_fixture_connect(t);
        check_rows(t);
        assert_int_equal(sqlite_fixture_teardown(state), 0);
        assert_int_equal(sqlite_fixture_setup(state), 0);
    }
}

/* Spans of 2 s, a minute and an hour, by the age of the task. */
static void tasks_of_an_older_database_count_in_the_spans_in_which_they_ended(void **state)
{
    static const char fill[] =
        "WITH task(n, state, ended) AS (VALUES (1, 4, 5000), (2, 4, 5999), (3, 5, 5500), (4, 8, 700000), (5, 1, 0), (6, 4, 90000000))"
        " INSERT INTO download SELECT cast(printf('%016d', n) AS BLOB), zeroblob(16), zeroblob(16), 'p', 'd', 'fw', state, 0, 0, '',"
        " 0, 0, 0, 0, 1000, 9999, ended, NULL, 0 FROM task";

    migrate_filled(*state, 16, fill);
    assert_int_equal(number(*state, "SELECT count(*) FROM deployment_step"), 3);
    assert_int_equal(number(*state, "SELECT done * 10 + failed FROM deployment_step WHERE at_ms = 4000"), 21);
    assert_int_equal(number(*state, "SELECT done * 10 + failed FROM deployment_step WHERE at_ms = 660000"), 1);
    assert_int_equal(number(*state, "SELECT done * 10 + failed FROM deployment_step WHERE at_ms = 90000000"), 10);
}

static void what_ended_before_numbers_were_kept_is_counted_once(void **state)
{
    static const char ended[] = ROWS_OF_12
        "INSERT INTO upload VALUES (x'01000000000000000000000000000000', 'p', 'd', 'log', 9, 'cc', 4, 0, 0, '', 1, 2, 3600000,"
        " 9000000, 8);"
        "INSERT INTO upload VALUES (x'02000000000000000000000000000000', 'p', 'd', 'log', 9, 'cc', 6, 0, 0, '', 1, 2, 0, 3600001,"
        " 8);"
        "INSERT INTO download VALUES (x'02000000000000000000000000000000', zeroblob(16), zeroblob(16), 'p', 'd', 'fw', 4, 0, 0,"
        " '', 0, 1, 2, 3, 4, 5, 7200000, 2, 1);";
    static const size_t before = 18;
    const struct statistics_span span = {.first_hour = 1, .hours_each = 1, .count = 2};
    struct sqlite_fixture *t = *state;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
    ok(sq_schema_migrate(db, sq_schema_steps, before));
    assert_int_equal(sqlite3_exec(db, ended, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    sqlite_fixture_connect(t);
    for (size_t i = 0; i < 2; i++) {
        struct statistics s[2] = {{.uploads.done = 0}};

        ok(t->ops->statistics(t->reader, i == 0 ? "p" : NULL, &span, s));
        assert_int_equal(s[0].uploads.done, 1);
        assert_int_equal(s[0].uploads.failed, 1);
        assert_int_equal(s[0].uploads.bytes, 9);
        assert_int_equal(s[0].downloads.done, 0);
        assert_int_equal(s[1].downloads.done, 1);
        assert_int_equal(s[1].downloads.bytes, 7);
        assert_int_equal(s[1].uploads.done, 0);
    }
}

/* Tasks of every state move to every other: half of them before the step that says it with a comparison, half after it. */
static void causes_of_failed_downloads_are_the_tasks_that_have_failed(void **state)
{
    static const char fill[] =
        ROWS_OF_12
        "DELETE FROM download; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 128)"
        " INSERT INTO download SELECT cast(printf('%016d', i) AS BLOB), zeroblob(16), zeroblob(16), 'p', 'd' || i, 'fw', 1 + i % 8, 0, i % 8,"
        " 'why', 0, 0, 0, 0, 1, 1, (i % 8 > 2) * i, NULL, 0 FROM n";
    static const char move[] = "UPDATE download SET state = 1 + i / 8 % 8, result_code = i / 8 % 8"
                               " FROM (SELECT id AS of, cast(cast(id AS TEXT) AS INTEGER) AS i FROM download) WHERE id = of AND i ";
    static const char *const moves[] = {"<= 64", "> 64"};
    char sql[512];

    ok(sq_schema_migrate(*state, sq_schema_steps, 19));
    assert_int_equal(sqlite3_exec(*state, fill, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < 2; i++) {
        ok(sq_schema_migrate(*state, sq_schema_steps, i == 0 ? 25 : sq_schema_step_count));
        (void)snprintf(sql, sizeof(sql), "%s%s", move, moves[i]);
        assert_int_equal(sqlite3_exec(*state, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(number(*state, "SELECT sum(n) FROM deployment_cause"), 48); /* three of eight states */
        assert_int_equal(number(*state, "SELECT count(*) FROM (SELECT state, result_code, count(*) FROM download WHERE state IN (5, 6, 8)"
                                        " GROUP BY 1, 2 EXCEPT SELECT state, result_code, n FROM deployment_cause)"), 0);
    }
    assert_int_equal(sqlite3_exec(*state, "DELETE FROM download", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(number(*state, "SELECT count(*) FROM deployment_cause"), 0);
}

static void uploads_that_have_ended_before_are_found_by_the_time_of_it(void **state)
{
    static const char fill[] =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)"
        " INSERT INTO upload SELECT cast(printf('%016d', i) AS BLOB), 'p', 'd', 'log', 1, '', 1 + i % 7, 0, 0, '', 1, 1, 0,"
        " (i % 7 > 2) * i, 0 FROM n";

    migrate_filled(*state, 23, fill);
    assert_int_equal(number(*state, "SELECT count(*) FROM upload INDEXED BY upload_by_ended WHERE state > 3"), 40);
    assert_int_equal(number(*state, "SELECT min(ended_ms) FROM upload INDEXED BY upload_by_ended WHERE product = 'p' AND state > 3"), 3);
    assert_int_equal(number(*state, "SELECT count(*) FROM sqlite_schema WHERE name = 'upload_ended'"), 0);
}

static void what_was_swept_before_the_kinds_goes_on(void **state)
{
    migrate_filled(*state, 19, ROWS_OF_12 "INSERT INTO deployment SELECT x'01000000000000000000000000000000', product, resource,"
                               " 3, 0, 0, 60, 1, 1, '', 5, 6, 0, 5, 0, 0, 0, 0, '', '' FROM deployment;"
                               "UPDATE deployment SET sweeping = 1");
    assert_int_equal(number(*state, "SELECT sweeping FROM deployment WHERE state = 1"), SWEEP_RESUME);
    assert_int_equal(number(*state, "SELECT sweeping FROM deployment WHERE state = 3"), SWEEP_CANCEL);
}

static void program_that_is_too_old_says_so(void **state)
{
    struct sqlite_fixture *t = *state;
    char sql[64];

    sqlite_fixture_connect(t);
    sqlite_fixture_disconnect(t);
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %zu", sq_schema_step_count + 1);
    test_raw_sql(t, sql);
    expect(FERRY_E_VERSION, t->ops->connect(t->store, STORE_WRITER, &t->writer));
    expect(FERRY_E_VERSION, t->ops->connect(t->store, STORE_READER, &t->reader));
    expect(FERRY_E_VERSION, t->ops->connect(t->store, STORE_WRITER, &t->writer)); /* the writer's place is free again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_old_version_reaches_the_newest, NULL, close_memory),
        cmocka_unit_test_setup_teardown(failing_step_leaves_the_version_before_it, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(newer_version_is_refused_and_left_alone, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(database_of_another_program_is_refused, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_of_every_published_version_are_kept, sqlite_fixture_setup, sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(tasks_of_an_older_database_count_in_the_spans_in_which_they_ended, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(what_ended_before_numbers_were_kept_is_counted_once, sqlite_fixture_setup,
                                        sqlite_fixture_teardown),
        cmocka_unit_test_setup_teardown(causes_of_failed_downloads_are_the_tasks_that_have_failed, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(uploads_that_have_ended_before_are_found_by_the_time_of_it, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(what_was_swept_before_the_kinds_goes_on, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(program_that_is_too_old_says_so, sqlite_fixture_setup, sqlite_fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
