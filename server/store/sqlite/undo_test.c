/* What undoes a large command is more than SQLite keeps in memory, and then needs a file in the temporary folder. */
#include "sqlite_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    ROWS = 15000,                   /* on more than 4 MiB of pages */
    WRITE_AND_SEARCH = W_OK | X_OK, /* what SQLite asks of a folder before it makes a file there */
};

/* SQLite's way to the machine, which has no context of the caller's. */
static struct {
    const char *folder; /* the only one that may be written to */
    unsigned opened;
} temporary;

static int access_of_test(const char *path, int mode)
{
    if (mode == WRITE_AND_SEARCH && strncmp(path, temporary.folder, strlen(temporary.folder)) != 0) {
        errno = EROFS;
        return -1;
    }
    return access(path, mode);
}

static int open_of_test(const char *path, int flags, int mode)
{
    if (strstr(path, "etilqs_") != NULL)
        temporary.opened++;
    return open(path, flags, mode);
}

static void set_call(const char *name, sqlite3_syscall_ptr call)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    assert_int_equal(vfs->xSetSystemCall(vfs, name, call), SQLITE_OK);
}

static int setup(void **state)
{
    sqlite3_free(sqlite3_temp_directory); /* of the test before */
    sqlite3_temp_directory = NULL;
    if (sqlite_fixture_setup(state) != 0)
        return -1;
    temporary.folder = ((struct sqlite_fixture *)*state)->folder;
    temporary.opened = 0;
    set_call("access", (sqlite3_syscall_ptr)access_of_test);
    set_call("open", (sqlite3_syscall_ptr)open_of_test);
    sqlite_fixture_connect(*state);
    ok(test_put_batch(*state, 0, ROWS));
    return 0;
}

static int teardown(void **state)
{
    int status = sqlite_fixture_teardown(state);
    set_call("access", NULL);
    set_call("open", NULL);
    return status;
}

/* As a command does that changes so much, in the middle of a transaction. */
static ferry_err change_all(struct sqlite_fixture *t)
{
    ferry_err err = FERRY_OK;
    for (unsigned n = 0; err == FERRY_OK && n < ROWS; n++) {
        struct upload_task upload = test_upload(n);
        (void)snprintf(upload.name, sizeof upload.name, "changed-%u", n);
        err = t->ops->upload_put(t->writer, &upload);
    }
    return err;
}

static void begin_with_one_more(struct sqlite_fixture *t, unsigned n)
{
    const struct upload_task upload = test_upload(n);
    ok(t->ops->begin(t->writer));
    ok(t->ops->upload_put(t->writer, &upload));
    ok(t->ops->savepoint(t->writer));
}

static void large_command_is_undone_alone_and_needs_no_folder_but_the_database_s(void **state)
{
    struct sqlite_fixture *t = *state;
    begin_with_one_more(t, ROWS);
    ok(change_all(t));
    assert_int_not_equal(temporary.opened, 0); /* else it was not large enough for what is tested here */
    ok(t->ops->rewind(t->writer));
    ok(t->ops->commit(t->writer));
    test_expect_intact(t, ROWS + 1);
    begin_with_one_more(t, ROWS + 1); /* and the same one succeeds */
    ok(change_all(t));
    ok(t->ops->release(t->writer));
    ok(t->ops->commit(t->writer));
    assert_int_equal(test_number(t, "SELECT count(*) FROM upload WHERE name LIKE 'changed%'"), ROWS);
    assert_int_equal(test_number(t, "SELECT count(*) FROM upload"), ROWS + 2);
}

static void without_any_folder_it_undoes_its_transaction_and_the_next_one_works(void **state)
{
    struct sqlite_fixture *t = *state;
    temporary.folder = "nowhere";
    begin_with_one_more(t, ROWS);
    expect(FERRY_E_READONLY, change_all(t));
    expect(FERRY_E_READONLY, t->ops->rewind(t->writer));
    expect(FERRY_E_READONLY, t->ops->commit(t->writer));
    assert_int_equal(temporary.opened, 0);
    test_expect_intact(t, ROWS);
    begin_with_one_more(t, ROWS); /* a small one needs no file */
    ok(t->ops->rewind(t->writer));
    ok(t->ops->commit(t->writer));
    test_expect_intact(t, ROWS + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(large_command_is_undone_alone_and_needs_no_folder_but_the_database_s),
        TEST(without_any_folder_it_undoes_its_transaction_and_the_next_one_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
