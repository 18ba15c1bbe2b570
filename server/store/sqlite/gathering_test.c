/* What the writer adds to the log is written in few pieces, and what cannot be written is never taken for written. */
#include "gathering.h"
#include "sqlite_fixture.h"

#include <stdio.h>
#include <stdlib.h>

/* --- a VFS below that counts what is written to logs, and refuses ------------------------------------------ */

struct watch {
    sqlite3_vfs vfs; /* first: a sqlite3_vfs * is one of these */
    sqlite3_vfs *real;
    unsigned writes, bytes;
    int refuse; /* SQLite's code, for each write; 0: none is refused */
};

/* It lies behind the real file, so that the real methods can be called as they are. */
struct watched {
    const sqlite3_io_methods *real;
    sqlite3_io_methods methods;
};

static struct watched *watched(sqlite3_file *file, const struct watch *w)
{
    return (struct watched *)((char *)file + w->real->szOsFile);
}

static int write_watched(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct watch *w = (struct watch *)sqlite3_vfs_find("watch");

    w->writes++;
    w->bytes += (unsigned)len;
    return w->refuse != SQLITE_OK ? w->refuse : watched(file, w)->real->xWrite(file, bytes, len, at);
}

static int open_watched(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct watch *w = (struct watch *)vfs;
    struct watched *own = watched(file, w);
    int code = w->real->xOpen(w->real, path, file, flags, ret_flags);

    if (code != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0)
        return code;
    own->real = file->pMethods;
    own->methods = *file->pMethods;
    own->methods.xWrite = write_watched;
    file->pMethods = &own->methods;
    return SQLITE_OK;
}

struct gathering_fixture {
    struct sqlite_fixture *t;
    struct watch watch;
};

static int set_up(void **state)
{
    struct gathering_fixture *f = calloc(1, sizeof(*f));
    void *fixture = NULL;

    if (f == NULL)
        return -1;
    *state = f;
    if (sqlite_fixture_setup(&fixture) != 0)
        return -1;
    f->t = fixture;
    f->watch.real = sqlite3_vfs_find(NULL);
    f->watch.vfs = *f->watch.real;
    f->watch.vfs.zName = "watch";
    f->watch.vfs.xOpen = open_watched;
    f->watch.vfs.szOsFile += (int)sizeof(struct watched);
    if (sqlite3_vfs_register(&f->watch.vfs, 1) != SQLITE_OK)
        return -1;
    sqlite_fixture_connect(f->t);
    ok(test_put_batch(f->t, 0, 10));
    f->watch.writes = f->watch.bytes = 0;
    return 0;
}

static int tear_down(void **state)
{
    struct gathering_fixture *f = *state;
    void *fixture = f->t;
    int failed;

    f->watch.refuse = SQLITE_OK;
    failed = sqlite_fixture_teardown(&fixture);
    (void)sqlite3_vfs_unregister(&f->watch.vfs);
    free(f);
    return failed;
}

static void set_cache(struct sqlite_fixture *t, int pages)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "PRAGMA cache_size = %d", pages);
    assert_int_equal(sqlite3_exec(sqlite_fixture_db(t->writer), sql, NULL, NULL, NULL), SQLITE_OK);
}

/* --- tests ------------------------------------------------------------------------------------------------- */

static void a_small_commit_is_one_write(void **state)
{
    struct gathering_fixture *f = *state;

    ok(test_put_batch(f->t, 10, 5));
    assert_int_equal(f->watch.writes, 1);
    assert_true(f->watch.bytes > 5 * 4096);
    test_expect_intact(f->t, 15);
}

static void a_large_commit_is_a_few_and_all_of_it(void **state)
{
    struct gathering_fixture *f = *state;

    ok(test_put_batch(f->t, 10, 2000));
    assert_true(f->watch.bytes > 100 * 4096);
    assert_in_range(f->watch.writes, 2, f->watch.bytes / (100 * 1024));
    test_expect_intact(f->t, 2010);
}

/* Pages that no longer fit into the cache are read again in the same transaction. */
static void what_is_read_again_before_the_commit_is_there(void **state)
{
    struct gathering_fixture *f = *state;

    set_cache(f->t, 10);
    ok(test_put_batch(f->t, 10, 2000));
    test_expect_intact(f->t, 2010);
    sqlite_fixture_disconnect(f->t);
    sqlite_fixture_connect(f->t);
    test_expect_intact(f->t, 2010);
}

static void refuse_a_commit(struct gathering_fixture *f, int code, ferry_err err)
{
    struct upload_task got;
    ferry_id id = test_id(10);

    f->watch.refuse = code;
    expect(err, test_put_batch(f->t, 10, 5));
    expect(err, test_put_batch(f->t, 10, 5));
    f->watch.refuse = SQLITE_OK;
    expect(FERRY_E_NOT_FOUND, f->t->ops->upload_get(f->t->reader, &id, &got));
    expect(FERRY_E_NOT_FOUND, f->t->ops->upload_get(f->t->writer, &id, &got));
    test_expect_intact(f->t, 10);
}

static void a_commit_that_cannot_be_written_fails_and_the_next_one_works(void **state)
{
    struct gathering_fixture *f = *state;

    refuse_a_commit(f, SQLITE_FULL, FERRY_E_FULL);
    refuse_a_commit(f, SQLITE_IOERR_WRITE, FERRY_E_IO);
    ok(test_put_batch(f->t, 10, 5));
    test_expect_intact(f->t, 15);
}

/* SQLite thinks pages written that are not: what the engine does after a failed command, a rewind, must not end in a commit. */
static void a_transaction_with_lost_pages_is_never_committed(void **state)
{
    struct gathering_fixture *f = *state;
    const struct store_ops *ops = f->t->ops;
    ferry_err err = FERRY_OK;

    set_cache(f->t, 10);
    ok(ops->begin(f->t->writer));
    for (unsigned n = 10; n < 500; n++) {
        const struct upload_task upload = test_upload(n);

        ok(ops->upload_put(f->t->writer, &upload));
    }
    ok(ops->savepoint(f->t->writer));
    f->watch.refuse = SQLITE_FULL;
    for (unsigned n = 500; err == FERRY_OK && n < 2000; n++) {
        const struct upload_task upload = test_upload(n);

        err = ops->upload_put(f->t->writer, &upload);
    }
    f->watch.refuse = SQLITE_OK;
    expect(FERRY_E_FULL, err);
    (void)ops->rewind(f->t->writer);
    expect(FERRY_E_FULL, ops->commit(f->t->writer));
    test_expect_intact(f->t, 10);
    ok(test_put_batch(f->t, 10, 2000));
    test_expect_intact(f->t, 2010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_small_commit_is_one_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_commit_is_a_few_and_all_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_read_again_before_the_commit_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_cannot_be_written_fails_and_the_next_one_works, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transaction_with_lost_pages_is_never_committed, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
