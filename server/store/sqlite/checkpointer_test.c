/* The log is copied beside the writer, and does not grow without end. */
#include "checkpointer.h"

#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { PAGE = 4096, COMMIT_PAGES = 50, MIB = 1 << 20, WAIT_MS = 20000 };

struct world {
    char folder[64], path[96], log[96];
    sqlite3 *db;
    struct checkpointer *checkpointer;
};

static void run_sql(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/ferry-checkpointer-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof(w->path), "%s/db", w->folder);
    (void)snprintf(w->log, sizeof(w->log), "%s/db-wal", w->folder);
    assert_int_equal(sqlite3_open(w->path, &w->db), SQLITE_OK);
    run_sql(w->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE t (bytes BLOB)");
    assert_int_equal(checkpointer_start(w->db, w->path, &w->checkpointer), FERRY_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    checkpointer_stop(w->checkpointer);
    assert_int_equal(sqlite3_close(w->db), SQLITE_OK);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(access(w->log, F_OK), -1); /* the last one to close has tidied up */
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

static long size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (long)info.st_size : 0;
}

static void run_transaction(struct world *w, const char *sql)
{
    checkpointer_between(w->checkpointer);
    run_sql(w->db, sql);
}

/* One commit with so many pages more. */
static void grow(struct world *w, unsigned pages)
{
    char sql[80];

    (void)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (zeroblob(%u))", pages * PAGE);
    run_transaction(w, sql);
}

static void what_was_committed_is_copied_without_the_writer(void **state)
{
    struct world *w = *state;
    uint64_t begin_ms = ferry_mono_ms();
    long before = size_of(w->path);

    grow(w, 4200); /* no commit comes behind it */
    while (size_of(w->path) < before + 15L * MIB && ferry_mono_ms() < begin_ms + WAIT_MS)
        (void)usleep(1000);
    assert_true(size_of(w->path) >= before + 15L * MIB);
}

static void grow_by_commits(struct world *w, unsigned pages)
{
    for (unsigned grown = 0; grown < pages; grown += COMMIT_PAGES)
        grow(w, COMMIT_PAGES);
}

/* How often the log has begun anew: it says so in its head. */
static unsigned beginnings(const struct world *w)
{
    unsigned char head[16] = {0};
    FILE *file = fopen(w->log, "rb");

    assert_non_null(file);
    assert_int_equal(fread(head, 1, sizeof(head), file), sizeof(head));
    assert_int_equal(fclose(file), 0);
    return (unsigned)head[14] << 8 | head[15];
}

/* A copy is due; meanwhile the writer goes on like this. */
static void check_begins_anew(struct world *w, void (*write_one)(struct world *w))
{
    uint64_t begin_ms = ferry_mono_ms();
    unsigned before = beginnings(w);
    long copied;

    grow_by_commits(w, 4200);
    copied = size_of(w->log);
    while (beginnings(w) == before && ferry_mono_ms() < begin_ms + WAIT_MS)
        write_one(w);
    grow_by_commits(w, 3000);
    assert_true(size_of(w->log) < copied + 3000L * PAGE / 2); /* what came last lies where the first ones lay */
}

static void write_and_pause(struct world *w)
{
    run_transaction(w, "INSERT INTO t VALUES (1)");
    (void)usleep(2000);
}

static void the_log_begins_anew_when_it_is_copied(void **state)
{
    check_begins_anew(*state, write_and_pause); /* the last one does the rest */
}

static void write_slowly(struct world *w)
{
    run_transaction(w, "BEGIN IMMEDIATE");
    (void)usleep(50 * 1000); /* for some passes */
    run_sql(w->db, "INSERT INTO t VALUES (1); COMMIT");
}

/* Its next transaction has begun by the time the thread comes to the end, and goes on behind that. */
static void the_log_begins_anew_between_transactions_without_a_pause(void **state)
{
    check_begins_anew(*state, write_slowly);
}

static void a_writer_without_a_pause_keeps_the_log_bounded(void **state)
{
    struct world *w = *state;

    grow_by_commits(w, 60000);
    assert_true(size_of(w->log) < 96L * MIB); /* of 240 */
    assert_true(size_of(w->path) > 160L * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_committed_is_copied_without_the_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_begins_anew_when_it_is_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_begins_anew_between_transactions_without_a_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_without_a_pause_keeps_the_log_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
