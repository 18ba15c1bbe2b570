/* What a device's message writes is undone with its transaction, or not at all. */
#include "sqlite_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Files in which SQLite keeps what would undo a statement. */
static unsigned kept;

static int open_of_test(const char *path, int flags, int mode)
{
    if (strstr(path, "etilqs_") != NULL)
        kept++;
    return open(path, flags, mode);
}

static void set_call(sqlite3_syscall_ptr call)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    assert_int_equal(vfs->xSetSystemCall(vfs, "open", call), SQLITE_OK);
}

static int setup(void **state)
{
    if (sqlite_fixture_setup(state) != 0)
        return -1;
    sqlite_fixture_connect(*state);
    set_call((sqlite3_syscall_ptr)open_of_test);
    return 0;
}

static int teardown(void **state)
{
    set_call(NULL);
    return sqlite_fixture_teardown(state);
}

static unsigned kept_by_put(struct sqlite_fixture *t, const struct upload_task *upload)
{
    kept = 0;
    ok(t->ops->upload_put(t->writer, upload));
    return kept;
}

static void put_of_an_upload_keeps_no_page_to_undo_it(void **state)
{
    struct sqlite_fixture *t = *state;
    struct upload_task upload = test_upload(1);

    ok(t->ops->begin(t->writer));
    assert_int_equal(kept_by_put(t, &upload), 0);
    upload.state = UPLOAD_UPLOADING;
    upload.updated_ms++;
    assert_int_equal(kept_by_put(t, &upload), 0);
    upload.state = UPLOAD_CANCELLED;
    upload.ended_ms = ++upload.updated_ms;
    assert_int_equal(kept_by_put(t, &upload), 0);
    upload.size++; /* another one in its place: that is undone alone */
    assert_int_not_equal(kept_by_put(t, &upload), 0);
    ok(t->ops->commit(t->writer));
    test_expect_counted(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(put_of_an_upload_keeps_no_page_to_undo_it, setup, teardown)};

    /* always a file, so that it is seen; and before anybody else can say otherwise */
    if (sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, 0) != SQLITE_OK || sqlite3_initialize() != SQLITE_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
