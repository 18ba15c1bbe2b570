#define _GNU_SOURCE /* nftw */

#include "sqlite_fixture.h"

#include "base/alloc.h"
#include "sums.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sqlite_fixture_setup(void **state)
{
    struct sqlite_fixture *t = ferry_calloc(1, sizeof(*t));

    if (t == NULL)
        return -1;
    *state = t;
    (void)snprintf(t->folder, sizeof(t->folder), "/tmp/ferry-sqlite-XXXXXX");
    if (mkdtemp(t->folder) == NULL)
        return -1;
    (void)snprintf(t->path, sizeof(t->path), "%s/ferry.db", t->folder);
    if (store_sqlite_open(&(struct store_sqlite_config){.path = t->path, .busy_ms = TEST_BUSY_MS}, &t->store) != FERRY_OK)
        return -1;
    t->ops = t->store->ops;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

int sqlite_fixture_teardown(void **state)
{
    struct sqlite_fixture *t = *state;

    sqlite_fixture_disconnect(t);
    t->ops->close(t->store);
    (void)nftw(t->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

void sqlite_fixture_connect(struct sqlite_fixture *t)
{
    ok(t->ops->connect(t->store, STORE_WRITER, &t->writer));
    ok(t->ops->connect(t->store, STORE_READER, &t->reader));
}

void sqlite_fixture_disconnect(struct sqlite_fixture *t)
{
    t->ops->disconnect(t->reader);
    t->ops->disconnect(t->writer);
    t->reader = t->writer = NULL;
}

void sqlite_fixture_file(const struct sqlite_fixture *t, const char *suffix, char path[128])
{
    (void)snprintf(path, 128, "%s%s", t->path, suffix);
}

ferry_id test_id(unsigned n)
{
    const uint8_t random[FERRY_ID_RANDOM_BYTES] = {(uint8_t)n};

    return ferry_id_make(1700000000000u + n, random);
}

struct upload_task test_upload(unsigned n)
{
    struct upload_task t = {
        .id = test_id(n),
        .size = n + 1,
        .md5 = "7cd96e091705fb4da41b3e11163cf663",
        .state = UPLOAD_CREATED,
        .created_ms = n,
        .updated_ms = n,
        .expires_ms = n + 1000,
    };

    (void)snprintf(t.device.product, sizeof(t.device.product), "p");
    (void)snprintf(t.device.device, sizeof(t.device.device), "device-%u", n % 10);
    (void)snprintf(t.name, sizeof(t.name), "a file with quite a long name %u", n);
    return t;
}

ferry_err test_put_batch(struct sqlite_fixture *t, unsigned first, unsigned count)
{
    ferry_err err = t->ops->begin(t->writer);

    if (err != FERRY_OK)
        return err;
    for (unsigned n = first; err == FERRY_OK && n < first + count; n++) {
        const struct upload_task upload = test_upload(n);

        err = t->ops->upload_put(t->writer, &upload);
    }
    if (err == FERRY_OK)
        return t->ops->commit(t->writer);
    t->ops->rollback(t->writer);
    return err;
}

sqlite3 *sqlite_fixture_db(struct store_conn *c)
{
    return ((struct sqlite_conn *)c)->db;
}

int64_t test_number(struct sqlite_fixture *t, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(sqlite_fixture_db(t->reader), sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    number = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return number;
}

void test_expect_counted(struct sqlite_fixture *t)
{
    static const char usage[] =
        "WITH rows AS (SELECT product, device, size FROM upload WHERE state <= 4 UNION ALL SELECT product, '', size FROM upload"
        "  WHERE state <= 4 UNION ALL SELECT product, '', size FROM resource),"
        " counted AS (SELECT product, device, count(*), sum(size >> 32), sum(size & 4294967295) FROM rows GROUP BY product, device)"
        " SELECT (SELECT count(*) FROM (SELECT * FROM usage EXCEPT SELECT * FROM counted))"
        "  + (SELECT count(*) FROM (SELECT * FROM counted EXCEPT SELECT * FROM usage))";
    static const char total[] =
        "SELECT count(*) FROM total WHERE uploads_open = (SELECT count(*) FROM upload WHERE state <= 2) AND (stored_high, stored_low) ="
        " (SELECT coalesce(sum(size >> 32), 0), coalesce(sum(size & 4294967295), 0) FROM upload WHERE state IN (3, 4))";

    assert_int_equal(test_number(t, usage), 0);
    assert_int_equal(test_number(t, total), 1);
}

void test_expect_intact(struct sqlite_fixture *t, unsigned count)
{
    struct upload_task got;
    sqlite3_stmt *stmt = NULL;
    ferry_id id;

    for (unsigned n = 0; n < count; n++) {
        id = test_id(n);
        ok(t->ops->upload_get(t->reader, &id, &got));
        assert_int_equal(got.size, n + 1);
    }
    assert_int_equal(sqlite3_prepare_v2(sqlite_fixture_db(t->reader), "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt);
    test_expect_counted(t);
}

void test_sql(sqlite3 *db, const char *sql)
{
    struct sums *sums = NULL;
    char *message = NULL;

    ok(sums_new(db, &sums));
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sums_write(sums), SQLITE_OK);
    sums_free(sums);
}

void test_raw_sql(const struct sqlite_fixture *t, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
    test_sql(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
