/* The database file: who may open it, what is in its folder, what happens when it is damaged. */
#include "sqlite_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static mode_t mode_of(const struct sqlite_fixture *t, const char *suffix)
{
    char path[128];
    struct stat info;

    sqlite_fixture_file(t, suffix, path);
    return stat(path, &info) == 0 ? info.st_mode & 07777 : 0;
}

static void only_the_owner_may_read_the_files(void **state)
{
    struct sqlite_fixture *t = *state;
    mode_t mask = umask(0);

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 10));
    (void)umask(mask);
    assert_int_equal(mode_of(t, ""), 0600);
    assert_int_equal(mode_of(t, "-wal"), 0600);
    assert_int_equal(mode_of(t, "-shm"), 0600);
}

static void every_commit_is_synchronised(void **state)
{
    struct sqlite_fixture *t = *state;
    sqlite3_stmt *stmt = NULL;

    sqlite_fixture_connect(t);
    assert_int_equal(sqlite3_prepare_v2(sqlite_fixture_db(t->writer), "PRAGMA synchronous", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 2);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_prepare_v2(sqlite_fixture_db(t->writer), "PRAGMA journal_mode", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(stmt, 0), "wal");
    (void)sqlite3_finalize(stmt);
}

static void reader_finds_nothing_before_the_first_writer(void **state)
{
    struct sqlite_fixture *t = *state;
    char path[128];

    expect(FERRY_E_NOT_FOUND, t->ops->connect(t->store, STORE_READER, &t->reader));
    sqlite_fixture_file(t, "", path);
    assert_int_equal(access(path, F_OK), -1); /* and makes nothing */
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    expect(FERRY_E_NOT_FOUND, t->ops->connect(t->store, STORE_READER, &t->reader));
}

static void reader_works_while_no_writer_runs(void **state)
{
    struct sqlite_fixture *t = *state;
    struct upload_task got;
    ferry_id id = test_id(3);
    char path[128];

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 10));
    sqlite_fixture_disconnect(t);
    sqlite_fixture_file(t, "-shm", path);
    assert_int_equal(access(path, F_OK), -1);
    ok(t->ops->connect(t->store, STORE_READER, &t->reader));
    ok(t->ops->upload_get(t->reader, &id, &got));
    /* a writer comes, changes, goes; the reader stays and sees it */
    ok(t->ops->connect(t->store, STORE_WRITER, &t->writer));
    ok(test_put_batch(t, 10, 10));
    id = test_id(15);
    ok(t->ops->upload_get(t->reader, &id, &got));
    t->ops->disconnect(t->writer);
    t->writer = NULL;
    ok(t->ops->upload_get(t->reader, &id, &got));
    expect(FERRY_E_READONLY, t->ops->upload_put(t->reader, &got));
}

static void reader_reads_what_a_killed_writer_left_in_the_wal(void **state)
{
    struct sqlite_fixture *t = *state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        sqlite_fixture_connect(t);
        if (test_put_batch(t, 0, 100) != FERRY_OK)
            _exit(1);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    ok(t->ops->connect(t->store, STORE_READER, &t->reader));
    test_expect_intact(t, 100);
}

static void missing_folder_is_said(void **state)
{
    struct sqlite_fixture *t = *state;
    struct store *other = NULL;
    struct store_conn *c = NULL;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/no/ferry.db", t->folder);
    ok(store_sqlite_open(&(struct store_sqlite_config){.path = path}, &other));
    expect(FERRY_E_NOT_FOUND, other->ops->connect(other, STORE_WRITER, &c));
    expect(FERRY_E_NOT_FOUND, other->ops->connect(other, STORE_READER, &c));
    other->ops->close(other);
    expect(FERRY_E_ARG, store_sqlite_open(&(struct store_sqlite_config){.path = NULL}, &other));
    expect(FERRY_E_ARG, store_sqlite_open(&(struct store_sqlite_config){.path = ""}, &other));
}

/* Connects as a user without rights, in a process of its own; returns the error. */
static ferry_err connect_as_nobody(const struct sqlite_fixture *t, store_mode mode)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct store_conn *c = NULL;

        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(100);
        _exit((int)t->ops->connect(t->store, mode, &c));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return (ferry_err)WEXITSTATUS(status);
}

static void give_to_nobody(const struct sqlite_fixture *t, mode_t folder, mode_t file)
{
    if (geteuid() == 0) {
        assert_int_equal(chown(t->folder, NOBODY, NOBODY), 0);
        assert_int_equal(chown(t->path, NOBODY, NOBODY), 0);
    }
    assert_int_equal(chmod(t->path, file), 0);
    assert_int_equal(chmod(t->folder, folder), 0);
}

static void missing_rights_are_told_apart(void **state)
{
    struct sqlite_fixture *t = *state;

    sqlite_fixture_connect(t);
    sqlite_fixture_disconnect(t);
    give_to_nobody(t, 0700, 0600);
    ok(connect_as_nobody(t, STORE_WRITER));
    ok(connect_as_nobody(t, STORE_READER));
    give_to_nobody(t, 0700, 0400);
    expect(FERRY_E_READONLY, connect_as_nobody(t, STORE_WRITER));
    ok(connect_as_nobody(t, STORE_READER));
    give_to_nobody(t, 0700, 0000);
    expect(FERRY_E_DENIED, connect_as_nobody(t, STORE_WRITER));
    expect(FERRY_E_DENIED, connect_as_nobody(t, STORE_READER));
    give_to_nobody(t, 0000, 0600);
    expect(FERRY_E_DENIED, connect_as_nobody(t, STORE_WRITER));
    expect(FERRY_E_DENIED, connect_as_nobody(t, STORE_READER));
    give_to_nobody(t, 0700, 0600);
}

/* --- damage ------------------------------------------------------------------------------------ */

static void overwrite(const struct sqlite_fixture *t, off_t from, off_t to)
{
    int fd = open(t->path, O_WRONLY | O_CLOEXEC);
    char junk[512];

    assert_true(fd >= 0);
    memset(junk, 0xa5, sizeof(junk));
    for (off_t at = from; at < to; at += (off_t)sizeof(junk))
        assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
    assert_int_equal(close(fd), 0);
}

static void file_that_is_no_database_is_said(void **state)
{
    struct sqlite_fixture *t = *state;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 100));
    sqlite_fixture_disconnect(t);
    overwrite(t, 0, 512);
    expect(FERRY_E_CORRUPT, t->ops->connect(t->store, STORE_WRITER, &t->writer));
    expect(FERRY_E_CORRUPT, t->ops->connect(t->store, STORE_READER, &t->reader));
}

/* The first error of a walk through all uploads. */
static ferry_err read_all(struct sqlite_fixture *t)
{
    struct upload_task out[FERRY_PAGE_MAX];
    ferry_id after = {""};
    size_t count = 0;
    ferry_err err;

    do {
        const struct store_page page = {.after = after.text, .limit = FERRY_PAGE_MAX};

        err = t->ops->upload_list(t->reader, &(struct upload_filter){.product = NULL}, &page, out, &count);
        if (err == FERRY_OK && count > 0)
            after = out[count - 1].id;
    } while (err == FERRY_OK && count > 0);
    return err;
}

static void damaged_pages_are_said_when_they_are_met(void **state)
{
    struct sqlite_fixture *t = *state;
    struct stat info;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 3000));
    sqlite_fixture_disconnect(t);
    assert_int_equal(stat(t->path, &info), 0);
    overwrite(t, info.st_size / 2 / 4096 * 4096, info.st_size / 4096 * 4096 - 8192);
    sqlite_fixture_connect(t);
    expect(FERRY_E_CORRUPT, read_all(t));
    for (unsigned n = 0; n < 3000; n++) { /* whatever is hit on the way: an answer, never a crash */
        const ferry_id id = test_id(n);
        struct upload_task got;
        ferry_err err = t->ops->upload_get(t->reader, &id, &got);

        assert_true(err == FERRY_OK || err == FERRY_E_CORRUPT || err == FERRY_E_NOT_FOUND);
    }
}

static void cut_file_is_said(void **state)
{
    struct sqlite_fixture *t = *state;
    struct stat info;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 3000));
    sqlite_fixture_disconnect(t);
    assert_int_equal(stat(t->path, &info), 0);
    assert_int_equal(truncate(t->path, info.st_size / 3), 0);
    if (t->ops->connect(t->store, STORE_READER, &t->reader) == FERRY_OK)
        expect(FERRY_E_CORRUPT, read_all(t));
}

static void values_that_fit_no_field_are_damage(void **state)
{
    static const char *const damage[] = {
        "UPDATE upload SET state = 99",
        "UPDATE upload SET state = 0",
        "UPDATE upload SET size = -1",
        "UPDATE upload SET percent = 3000000000",
        "UPDATE upload SET name = printf('%300d', 7)",
        "UPDATE upload SET md5 = 'a' || char(0) || 'b'",
        "UPDATE upload SET id = x'00'",
        "UPDATE upload SET id = zeroblob(17)",
    };
    struct sqlite_fixture *t = *state;

    for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        sqlite_fixture_connect(t);
        ok(test_put_batch(t, 0, 1));
        ok(read_all(t));
        test_raw_sql(t, damage[i]);
        expect(FERRY_E_CORRUPT, read_all(t));
        test_raw_sql(t, "DELETE FROM upload");
        sqlite_fixture_disconnect(t);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sqlite_fixture_setup, sqlite_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_the_owner_may_read_the_files),
        TEST(every_commit_is_synchronised),
        TEST(reader_finds_nothing_before_the_first_writer),
        TEST(reader_works_while_no_writer_runs),
        TEST(reader_reads_what_a_killed_writer_left_in_the_wal),
        TEST(missing_folder_is_said),
        TEST(missing_rights_are_told_apart),
        TEST(file_that_is_no_database_is_said),
        TEST(damaged_pages_are_said_when_they_are_met),
        TEST(cut_file_is_said),
        TEST(values_that_fit_no_field_are_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
