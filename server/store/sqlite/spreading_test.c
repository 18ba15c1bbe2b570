/* What is copied into the database is synced in pieces, in its time, and a sync that fails is the copying's failure. */
#include "spreading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { PIECE = 64 };

/* --- a VFS below that counts the syncs of the database, and refuses ---------------------------------------- */

struct watch {
    sqlite3_vfs vfs; /* first: a sqlite3_vfs * is one of these */
    sqlite3_vfs *real;
    const sqlite3_io_methods *real_methods;
    sqlite3_io_methods methods;
    unsigned writes, syncs, most; /* most: writes between two syncs */
    unsigned since;
    int refuse; /* SQLite's code, for each sync; 0: none is refused */
};

static struct watch *watch(void)
{
    return (struct watch *)sqlite3_vfs_find("watch");
}

static int write_watched(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct watch *w = watch();

    w->writes++;
    w->since++;
    w->most = w->since > w->most ? w->since : w->most;
    return w->real_methods->xWrite(file, bytes, len, at);
}

static int sync_watched(sqlite3_file *file, int flags)
{
    struct watch *w = watch();

    w->syncs++;
    w->since = 0;
    return w->refuse != SQLITE_OK ? w->refuse : w->real_methods->xSync(file, flags);
}

static int open_watched(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct watch *w = (struct watch *)vfs;
    int code = w->real->xOpen(w->real, path, file, flags, ret_flags);

    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return code;
    w->real_methods = file->pMethods;
    w->methods = *file->pMethods;
    w->methods.xWrite = write_watched;
    w->methods.xSync = sync_watched;
    file->pMethods = &w->methods;
    return SQLITE_OK;
}

/* --- a writer, whose log is copied over a second connection -------------------------------------------------- */

struct world {
    char folder[64], path[96];
    struct watch watch;
    sqlite3 *writer, *copier;
    struct spreading *spreading;
    unsigned waits;
    bool late;
};

static bool note_wait(void *arg)
{
    struct world *w = arg;

    w->waits++;
    return !w->late;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    *state = w;
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/ferry-spreading-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof(w->path), "%s/db", w->folder);
    assert_int_equal(sqlite3_open(w->path, &w->writer), SQLITE_OK);
    run_sql(w->writer, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (bytes BLOB)");
    w->watch.real = sqlite3_vfs_find(NULL);
    w->watch.vfs = *w->watch.real;
    w->watch.vfs.zName = "watch";
    w->watch.vfs.xOpen = open_watched;
    assert_int_equal(sqlite3_vfs_register(&w->watch.vfs, 1), SQLITE_OK);
    assert_int_equal(spreading_new(note_wait, w, &w->spreading), FERRY_OK);
    assert_int_equal(sqlite3_open_v2(w->path, &w->copier, SQLITE_OPEN_READWRITE, spreading_vfs(w->spreading)), SQLITE_OK);
    run_sql(w->copier, "PRAGMA synchronous = FULL; PRAGMA schema_version");
    run_sql(w->writer, "INSERT INTO t VALUES (zeroblob(1000 * 4096))");
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    assert_int_equal(sqlite3_close(w->copier), SQLITE_OK);
    spreading_free(w->spreading);
    assert_int_equal(sqlite3_vfs_unregister(&w->watch.vfs), SQLITE_OK);
    assert_int_equal(sqlite3_close(w->writer), SQLITE_OK);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

static int copy(struct world *w, int *ret_log, int *ret_copied)
{
    return sqlite3_wal_checkpoint_v2(w->copier, NULL, SQLITE_CHECKPOINT_PASSIVE, ret_log, ret_copied);
}

/* --- tests ------------------------------------------------------------------------------------------------- */

static void each_piece_is_synced_when_it_may_be(void **state)
{
    struct world *w = *state;
    int log, copied;

    assert_int_equal(copy(w, &log, &copied), SQLITE_OK);
    assert_int_equal(copied, log);
    assert_in_range(w->watch.writes, 1000, 1100);
    assert_int_equal(w->waits, w->watch.writes / PIECE);
    assert_int_equal(w->watch.syncs, w->waits + 1); /* and SQLite's own at the end */
    assert_int_equal(w->watch.most, PIECE);
}

static void who_is_late_syncs_once(void **state)
{
    struct world *w = *state;
    int log, copied;

    w->late = true;
    assert_int_equal(copy(w, &log, &copied), SQLITE_OK);
    assert_int_equal(copied, log);
    assert_int_equal(w->watch.syncs, 1);
}

static void nothing_counts_as_copied_when_a_piece_was_not_synced(void **state)
{
    struct world *w = *state;
    unsigned all;
    int log, copied;

    w->watch.refuse = SQLITE_IOERR_FSYNC;
    assert_int_not_equal(copy(w, &log, &copied), SQLITE_OK);
    assert_int_equal(w->watch.writes, PIECE);
    w->watch.refuse = SQLITE_OK;
    assert_int_equal(copy(w, &log, &copied), SQLITE_OK);
    assert_int_equal(copied, log);
    all = w->watch.writes - PIECE;
    assert_in_range(all, 1000, 1100); /* those that were written before, too */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_piece_is_synced_when_it_may_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_late_syncs_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_counts_as_copied_when_a_piece_was_not_synced, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
