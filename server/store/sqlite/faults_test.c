/* Bad days: no space, a lock held by somebody else, sudden death. */
#include "sqlite_fixture.h"

#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- no space ---------------------------------------------------------------------------------- */

static void limit_pages(struct sqlite_fixture *t, int pages)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d", pages);
    assert_int_equal(sqlite3_exec(sqlite_fixture_db(t->writer), sql, NULL, NULL, NULL), SQLITE_OK);
}

static void statement_without_space_fails_and_the_next_transaction_works(void **state)
{
    struct sqlite_fixture *t = *state;
    struct upload_task got;
    ferry_id id = test_id(50);
    uint64_t ms;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 50));
    limit_pages(t, 60);
    expect(FERRY_E_FULL, test_put_batch(t, 50, 5000));
    expect(FERRY_E_NOT_FOUND, t->ops->upload_get(t->reader, &id, &got));
    ok(t->ops->latest_ms(t->writer, &ms));
    assert_int_equal(ms, 49);
    limit_pages(t, 100000);
    ok(test_put_batch(t, 50, 5000));
    test_expect_intact(t, 5050);
}

static void transaction_that_sqlite_gave_up_is_never_half_committed(void **state)
{
    struct sqlite_fixture *t = *state;
    const struct upload_task last = test_upload(9999);
    struct store_totals totals;
    ferry_err err = FERRY_OK;

    sqlite_fixture_connect(t);
    ok(t->ops->begin(t->writer));
    ok(t->ops->savepoint(t->writer));
    limit_pages(t, 60);
    for (unsigned n = 0; err == FERRY_OK; n++) {
        const struct upload_task upload = test_upload(n);

        err = t->ops->upload_put(t->writer, &upload);
    }
    expect(FERRY_E_FULL, err);
    if (sqlite3_get_autocommit(sqlite_fixture_db(t->writer)) == 0) /* SQLite undid only the statement; force the other case */
        assert_int_equal(sqlite3_exec(sqlite_fixture_db(t->writer), "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    expect(FERRY_E_FULL, t->ops->upload_put(t->writer, &last)); /* a careless caller goes on */
    expect(FERRY_E_FULL, t->ops->rewind(t->writer));
    expect(FERRY_E_FULL, t->ops->commit(t->writer));
    ok(t->ops->totals(t->reader, &totals));
    assert_int_equal(totals.uploads_open, 0);
    limit_pages(t, 100000);
    ok(test_put_batch(t, 0, 10));
    test_expect_intact(t, 10);
}

static void fill(const char *path, size_t bytes)
{
    static const char block[4096];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    for (size_t done = 0; done < bytes; done += sizeof(block))
        if (write(fd, block, sizeof(block)) < 0)
            break;
    assert_int_equal(close(fd), 0);
}

/* Commits batches until one fails. */
static unsigned commit_until_full(struct sqlite_fixture *t, unsigned first)
{
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK) {
        err = test_put_batch(t, first, 10);
        if (err == FERRY_OK)
            first += 10;
    }
    expect(FERRY_E_FULL, err);
    return first;
}

static int mount_small_disk(void **state)
{
    struct sqlite_fixture *t;

    if (sqlite_fixture_setup(state) != 0)
        return -1;
    t = *state;
    if (mount("tmpfs", t->folder, "tmpfs", 0, "size=4m") == 0)
        return 0;
    print_message("no right to mount a small disk: %s\n", strerror(errno));
    (void)sqlite_fixture_teardown(state);
    *state = NULL;
    return 0;
}

static int unmount_small_disk(void **state)
{
    struct sqlite_fixture *t = *state;

    if (t == NULL)
        return 0;
    sqlite_fixture_disconnect(t);
    (void)umount(t->folder);
    return sqlite_fixture_teardown(state);
}

static void full_disk_loses_nothing_and_needs_no_restart(void **state)
{
    struct sqlite_fixture *t = *state;
    char ballast[128];
    unsigned count = 0;

    if (t == NULL)
        skip();
    (void)snprintf(ballast, sizeof(ballast), "%s/ballast", t->folder);
    sqlite_fixture_connect(t);
    fill(ballast, 1024 * 1024);
    count = commit_until_full(t, count);
    assert_true(count > 0);
    test_expect_intact(t, count);
    count = commit_until_full(t, count); /* it may have found room by itself; in the end it is full again */
    test_expect_intact(t, count);
    assert_int_equal(unlink(ballast), 0);
    ok(test_put_batch(t, count, 10)); /* there is room: no restart needed */
    count += 10;
    test_expect_intact(t, count);
    sqlite_fixture_disconnect(t);
    sqlite_fixture_connect(t);
    test_expect_intact(t, count);
}

/* Puts uploads 0 .. count - 1 again, changed. */
static ferry_err change_all(struct sqlite_fixture *t, unsigned count, int32_t percent)
{
    ferry_err err = t->ops->begin(t->writer);

    for (unsigned n = 0; err == FERRY_OK && n < count; n++) {
        struct upload_task upload = test_upload(n);

        upload.state = UPLOAD_UPLOADING;
        upload.percent = percent;
        err = t->ops->upload_put(t->writer, &upload);
    }
    if (err == FERRY_OK)
        return t->ops->commit(t->writer);
    t->ops->rollback(t->writer);
    return err;
}

static void known_tasks_can_change_and_go_while_the_disk_is_full(void **state)
{
    struct sqlite_fixture *t = *state;
    ferry_id id = test_id(299);
    struct upload_task got;
    char ballast[128];
    ferry_err err = FERRY_OK;
    int32_t percent = 0, last = 0;

    if (t == NULL)
        skip();
    (void)snprintf(ballast, sizeof(ballast), "%s/ballast", t->folder);
    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 300));
    sqlite_fixture_disconnect(t); /* everything is in the database file now */
    sqlite_fixture_connect(t);
    ok(change_all(t, 300, 1));
    ok(change_all(t, 300, 2));
    fill(ballast, 8 * 1024 * 1024);
    for (percent = 3; err == FERRY_OK; percent++)
        err = change_all(t, 300, percent);
    expect(FERRY_E_FULL, err);
    for (int i = 0; i < 20; i++) /* now and then one fails and makes room for the next */
        if (change_all(t, 300, ++percent) == FERRY_OK)
            last = percent;
    assert_int_not_equal(last, 0);
    ok(t->ops->upload_get(t->reader, &id, &got));
    assert_int_equal(got.percent, last);
    err = t->ops->upload_remove(t->writer, &id);
    if (err == FERRY_E_FULL)
        err = t->ops->upload_remove(t->writer, &id);
    ok(err);
    test_expect_intact(t, 299);
}

/* --- locks ------------------------------------------------------------------------------------- */

/* A process that holds the write lock until it is killed. */
static pid_t hold_lock(const struct sqlite_fixture *t)
{
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        sqlite3 *db = NULL;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failing test leaves nobody behind */
        if (sqlite3_open(t->path, &db) != SQLITE_OK || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(close(ready[1]), 0);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(close(ready[0]), 0);
    return child;
}

static void lock_of_another_process_gives_busy_in_time(void **state)
{
    struct sqlite_fixture *t = *state;
    struct upload_task upload = test_upload(77);
    uint64_t start;
    pid_t child;

    sqlite_fixture_connect(t);
    ok(test_put_batch(t, 0, 10));
    sqlite_fixture_disconnect(t);
    child = hold_lock(t);
    sqlite_fixture_connect(t);
    for (int i = 0; i < 2; i++) {
        start = ferry_mono_ms();
        expect(FERRY_E_BUSY, t->ops->begin(t->writer));
        assert_true(ferry_mono_ms() - start >= TEST_BUSY_MS - 10);
        expect(FERRY_E_STATE, t->ops->commit(t->writer)); /* nothing was begun */
        expect(FERRY_E_BUSY, t->ops->upload_put(t->writer, &upload));
    }
    start = ferry_mono_ms();
    test_expect_intact(t, 10); /* readers do not wait */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    ok(test_put_batch(t, 10, 10));
    test_expect_intact(t, 20);
}

/* --- sudden death ------------------------------------------------------------------------------ */

enum { KILL_ROUNDS = 12, KILL_BATCH = 5 };

/* Commits batches from number first on and writes the number of each committed batch into the pipe. */
static void write_until_killed(struct sqlite_fixture *t, unsigned first, int pipe_fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    sqlite_fixture_connect(t);
    for (unsigned batch = first;; batch++)
        if (test_put_batch(t, batch * KILL_BATCH, KILL_BATCH) != FERRY_OK ||
            write(pipe_fd, &batch, sizeof(batch)) != (ssize_t)sizeof(batch))
            _exit(1);
}

/* Runs a writer for a while and kills it. Returns the number of batches that it had acknowledged. */
static unsigned run_and_kill(struct sqlite_fixture *t, unsigned first, unsigned after_ms)
{
    int fds[2];
    unsigned batch = first, seen = first;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    if (child == 0)
        write_until_killed(t, first, fds[1]);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(read(fds[0], &batch, sizeof(batch)), sizeof(batch)); /* it runs */
    seen = batch + 1;
    (void)usleep(after_ms * 1000);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(fds[0], &batch, sizeof(batch)) == (ssize_t)sizeof(batch))
        seen = batch + 1;
    assert_int_equal(close(fds[0]), 0);
    return seen;
}

static bool upload_exists(struct sqlite_fixture *t, unsigned n)
{
    const ferry_id id = test_id(n);
    struct upload_task got;
    ferry_err err = t->ops->upload_get(t->reader, &id, &got);

    assert_true(err == FERRY_OK || err == FERRY_E_NOT_FOUND);
    return err == FERRY_OK;
}

static void killed_writer_loses_nothing_that_it_acknowledged(void **state)
{
    struct sqlite_fixture *t = *state;
    unsigned batches = 0;

    for (unsigned round = 0; round < KILL_ROUNDS; round++) {
        batches = run_and_kill(t, batches, (round * 37) % 50);
        ok(t->ops->connect(t->store, STORE_READER, &t->reader)); /* before any writer has cleaned up */
        test_expect_intact(t, batches * KILL_BATCH);
        if (round % 2 == 0)
            ok(t->ops->connect(t->store, STORE_WRITER, &t->writer));
        /* what was not acknowledged is there whole or not at all */
        for (unsigned n = 1; n < KILL_BATCH; n++)
            assert_int_equal(upload_exists(t, batches * KILL_BATCH + n), upload_exists(t, batches * KILL_BATCH));
        if (upload_exists(t, batches * KILL_BATCH))
            batches++;
        assert_false(upload_exists(t, batches * KILL_BATCH));
        sqlite_fixture_disconnect(t);
    }
    assert_true(batches > KILL_ROUNDS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sqlite_fixture_setup, sqlite_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(statement_without_space_fails_and_the_next_transaction_works),
        TEST(transaction_that_sqlite_gave_up_is_never_half_committed),
        cmocka_unit_test_setup_teardown(full_disk_loses_nothing_and_needs_no_restart, mount_small_disk,
                                        unmount_small_disk),
        cmocka_unit_test_setup_teardown(known_tasks_can_change_and_go_while_the_disk_is_full, mount_small_disk,
                                        unmount_small_disk),
        TEST(lock_of_another_process_gives_busy_in_time),
        TEST(killed_writer_loses_nothing_that_it_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
