/* The journal of small objects: what is on the disk, and when; what a power cut and kill -9 leave. The calls that sync stand here, so
 * that they can be seen, and can fail. */
#define _GNU_SOURCE /* syncfs */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects_suite.h"

#include "objects/local.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 256, PAGE = 4096, SMALL = 5000, LARGE = 20000, MOST = 16384 };

/* --- the disk ------------------------------------------------------------------------------------------- */

#define LEFT_IN_TMP "00000000000000000000000000000001"

static atomic_bool disk_is_full, noting, syncs_fail, nothing_is_written_back, syncs_are_free, syncs_are_slow;
static atomic_bool names_wait, writing_back_waits;
static atomic_uint syncs, written_back;
static char noted[512];

static void note(const char *what)
{
    if (noting)
        (void)strncat(noted, what, sizeof noted - strlen(noted) - 1);
}

static void note_from_now_on(void)
{
    noted[0] = '\0';
    noting = true;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    while (names_wait && strncmp(from, "tmp/", 4) == 0 && strncmp(to, "ready/", 6) != 0)
        (void)usleep(1000);
    int result = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
    if (result == 0)
        note(strncmp(to, "ready/", 6) == 0 ? "rename to ready, " : "rename, ");
    return result;
}

int fsync(int fd)
{
    note("sync, ");
    return syncs_are_free ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    note("sync of the journal, ");
    atomic_fetch_add(&syncs, 1);
    if (syncs_fail) {
        errno = EIO;
        return -1;
    }
    if (syncs_are_slow)
        (void)usleep(5000);
    return syncs_are_free ? 0 : (int)syscall(SYS_fdatasync, fd);
}

/* What is removed from tmp/ gives its room back. */
int unlinkat(int fd, const char *path, int flags)
{
    int result = (int)syscall(SYS_unlinkat, fd, path, flags);
    if (result == 0 && strcmp(path, LEFT_IN_TMP) == 0)
        disk_is_full = false;
    return result;
}

/* The journal has its room. */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    struct stat info;
    if (disk_is_full && fstat(fd, &info) == 0 && info.st_size < at + (off_t)len) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, len, at);
}

int syncfs(int fd)
{
    atomic_fetch_add(&written_back, 1);
    while (writing_back_waits)
        (void)usleep(1000);
    if (nothing_is_written_back) {
        errno = EIO;
        return -1;
    }
    return syncs_are_free ? 0 : (int)syscall(SYS_syncfs, fd);
}

/* --- the folder ----------------------------------------------------------------------------------------- */

static struct objects *open_store(const char *dir)
{
    struct objects *o = NULL;
    struct objects_local_config cfg = {.dir = dir, .public_url = "http://127.0.0.1:1"};
    assert_int_equal(objects_local_open(&cfg, &o), FERRY_OK);
    return o;
}

static void close_store(struct objects *o)
{
    o->ops->close(o);
}

/* Closes it so that the journal stays as it is: as a sudden end does. */
static void end_suddenly(struct objects *o)
{
    nothing_is_written_back = true;
    close_store(o);
    nothing_is_written_back = false;
}

static void path_of(const char *dir, const ferry_id *key, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%s/%s", dir, key->text + FERRY_ID_LEN - 2, key->text);
}

static void journal_of(const char *dir, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/journal", dir);
}

static void lose(const char *dir, const ferry_id *key)
{
    char path[PATH_SIZE];
    path_of(dir, key, path);
    assert_int_equal(unlink(path), 0);
}

/* The name came to the disk, the bytes did not. */
static void empty(const char *dir, const ferry_id *key)
{
    char path[PATH_SIZE];
    path_of(dir, key, path);
    assert_int_equal(truncate(path, 0), 0);
}

static void overwrite_page(const char *dir, unsigned page, size_t offset, const char *bytes, size_t len)
{
    char path[PATH_SIZE];
    journal_of(dir, path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, (off_t)page * PAGE + (off_t)offset), len);
    close(fd);
}

struct fixture {
    char dir[32];
    uint8_t *bytes;
    ferry_id keys[4];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/ferry-journal-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->bytes = objects_suite_bytes(LARGE, 7);
    for (unsigned i = 0; i < 4; i++)
        f->keys[i] = objects_suite_key(i);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    names_wait = writing_back_waits = false;
    disk_is_full = noting = syncs_fail = nothing_is_written_back = syncs_are_free = syncs_are_slow = false;
    assert_int_equal(nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(f->bytes);
    free(f);
    return 0;
}

/* --- when it is durable ------------------------------------------------------------------------------------ */

static void small_object_is_in_the_journal_before_it_is_found(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    note_from_now_on();
    objects_suite_put(o, &f->keys[0], f->bytes, MOST);
    assert_string_equal(noted, "sync of the journal, rename, ");
    note_from_now_on();
    objects_suite_put(o, &f->keys[1], f->bytes, MOST + 1);
    assert_string_equal(noted, "rename to ready, sync, sync, rename, ");
    noting = false;
    close_store(o);
}

static void what_was_said_to_be_there_by_parts_does_not_go_through_the_journal(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    struct object_writer *writer = NULL;
    uint64_t at = 0;
    struct object_expect expect = {.size = SMALL};
    assert_int_equal(o->ops->write_resume(o, &f->keys[0], SMALL, false, &writer, &at), FERRY_OK);
    assert_int_equal(o->ops->write(writer, f->bytes, SMALL), FERRY_OK);
    note_from_now_on();
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_OK);
    assert_string_equal(noted, "sync, rename to ready, sync, rename, ");
    noting = false;
    close_store(o);
}

static void when_the_journal_cannot_be_synced_each_is_synced_by_itself(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    syncs_fail = true;
    note_from_now_on();
    objects_suite_put(o, &f->keys[1], f->bytes, SMALL);
    assert_string_equal(noted, "sync of the journal, rename to ready, sync, sync, rename, ");
    syncs_fail = false;
    note_from_now_on();
    objects_suite_put(o, &f->keys[2], f->bytes, SMALL);
    assert_string_equal(noted, "rename to ready, sync, sync, rename, ");
    noting = false;
    close_store(o);
    empty(f->dir, &f->keys[0]); /* it was never written back */
    o = open_store(f->dir);
    for (unsigned i = 0; i < 3; i++)
        objects_suite_expect(o, &f->keys[i], f->bytes, SMALL);
    note_from_now_on();
    objects_suite_put(o, &f->keys[3], f->bytes, SMALL);
    assert_string_equal(noted, "sync of the journal, rename, ");
    noting = false;
    close_store(o);
}

/* --- after a power cut ---------------------------------------------------------------------------------------- */

static void what_a_power_cut_took_comes_from_the_journal(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, SMALL, MOST};
    struct objects *o = open_store(f->dir);
    for (unsigned i = 0; i < 4; i++)
        objects_suite_put(o, &f->keys[i], f->bytes + i, sizes[i]);
    end_suddenly(o);
    lose(f->dir, &f->keys[0]);
    lose(f->dir, &f->keys[1]);
    empty(f->dir, &f->keys[2]);
    empty(f->dir, &f->keys[3]);
    o = open_store(f->dir);
    for (unsigned i = 0; i < 4; i++)
        objects_suite_expect(o, &f->keys[i], f->bytes + i, sizes[i]);
    close_store(o);
}

static void on_a_full_disk_what_kill_9_left_is_enough(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    struct objects_local_config cfg = {.dir = f->dir, .public_url = "http://127.0.0.1:1"};
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    end_suddenly(o);
    disk_is_full = true;
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes, SMALL);
    disk_is_full = false;
    objects_suite_put(o, &f->keys[1], f->bytes, SMALL);
    end_suddenly(o);
    empty(f->dir, &f->keys[1]);
    disk_is_full = true; /* nothing is believed to be there that is not */
    assert_int_equal(objects_local_open(&cfg, &o), FERRY_E_FULL);
    disk_is_full = false;
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[1], f->bytes, SMALL);
    close_store(o);
}

static void on_a_full_disk_what_has_no_name_yet_gives_its_room(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    char path[PATH_SIZE], temp[PATH_SIZE];
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    end_suddenly(o);
    path_of(f->dir, &f->keys[0], path); /* as before its name was given */
    (void)snprintf(temp, sizeof temp, "%s/tmp/" LEFT_IN_TMP, f->dir);
    assert_int_equal(rename(path, temp), 0);
    disk_is_full = true;
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes, SMALL);
    close_store(o);
}

static void what_was_written_back_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    close_store(o);
    lose(f->dir, &f->keys[0]);
    o = open_store(f->dir);
    objects_suite_expect_none(o, &f->keys[0]);
    close_store(o);
}

static void the_last_of_two_counts(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    objects_suite_put(o, &f->keys[0], f->bytes + 1, SMALL + 1);
    end_suddenly(o);
    empty(f->dir, &f->keys[0]);
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes + 1, SMALL + 1);
    close_store(o);
}

static void record_that_is_not_whole_is_left_out_and_those_behind_it_are_not(void **state)
{
    struct fixture *f = *state;
    static const char other[PAGE];
    struct objects *o = open_store(f->dir);
    for (unsigned i = 0; i < 4; i++)
        objects_suite_put(o, &f->keys[i], f->bytes, SMALL); /* two pages each, from page 1 on */
    end_suddenly(o);
    for (unsigned i = 0; i < 4; i++)
        lose(f->dir, &f->keys[i]);
    overwrite_page(f->dir, 1, 200, "x", 1);
    overwrite_page(f->dir, 5, 0, other, sizeof other);
    o = open_store(f->dir);
    objects_suite_expect_none(o, &f->keys[0]);
    objects_suite_expect(o, &f->keys[1], f->bytes, SMALL);
    objects_suite_expect_none(o, &f->keys[2]);
    objects_suite_expect(o, &f->keys[3], f->bytes, SMALL);
    close_store(o);
}

static void journal_of_another_size_is_made_anew(void **state)
{
    struct fixture *f = *state;
    char path[PATH_SIZE];
    struct stat info;
    struct objects *o = open_store(f->dir);
    close_store(o);
    journal_of(f->dir, path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(truncate(path, 3 * PAGE), 0);
    o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    end_suddenly(o);
    lose(f->dir, &f->keys[0]);
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes, SMALL);
    close_store(o);
}

/* --- what is changed while it is in the journal ------------------------------------------------------------------ */

static void what_was_removed_stays_removed(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    objects_suite_put(o, &f->keys[1], f->bytes, SMALL);
    assert_int_equal(o->ops->remove(o, &f->keys[0]), FERRY_OK);
    end_suddenly(o);
    o = open_store(f->dir);
    objects_suite_expect_none(o, &f->keys[0]);
    objects_suite_expect(o, &f->keys[1], f->bytes, SMALL);
    close_store(o);
}

static void what_replaced_it_stays(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    objects_suite_put(o, &f->keys[0], f->bytes, LARGE);
    end_suddenly(o);
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes, LARGE);
    close_store(o);
}

static void what_became_a_partial_one_or_was_set_aside_stays_so(void **state)
{
    struct fixture *f = *state;
    struct object_reader *reader = NULL;
    uint64_t size = 0;
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    assert_int_equal(o->ops->reopen(o, &f->keys[0]), FERRY_OK);
    objects_suite_put(o, &f->keys[1], f->bytes, SMALL);
    assert_int_equal(o->ops->set_aside(o, &f->keys[1]), FERRY_OK);
    end_suddenly(o);
    o = open_store(f->dir);
    objects_suite_expect_none(o, &f->keys[0]);
    assert_int_equal(o->ops->partial_size(o, &f->keys[0], &size), FERRY_OK);
    assert_int_equal(size, SMALL);
    assert_int_equal(o->ops->read_open(o, &f->keys[1], &reader, &size), FERRY_E_CORRUPT);
    close_store(o);
}

/* What cannot be written back cannot be replaced for good: nobody is told so. */
static void nothing_is_replaced_that_a_sudden_end_would_bring_back(void **state)
{
    struct fixture *f = *state;
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = LARGE};
    struct objects *o = open_store(f->dir);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    nothing_is_written_back = true;
    assert_int_equal(o->ops->write_begin(o, &f->keys[0], LARGE, false, &writer), FERRY_OK);
    assert_int_equal(o->ops->write(writer, f->bytes, LARGE), FERRY_OK);
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_E_IO);
    end_suddenly(o);
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes, SMALL);
    close_store(o);
}

/* --- the two halves ---------------------------------------------------------------------------------------------- */

struct deed {
    struct objects *o;
    const ferry_id *key;
    const uint8_t *bytes;
};

static void *put_one(void *arg)
{
    const struct deed *deed = arg;
    objects_suite_put(deed->o, deed->key, deed->bytes, SMALL);
    return NULL;
}

/* Asks for the half to be written back, and waits for that. */
static void *reopen_one(void *arg)
{
    const struct deed *deed = arg;
    (void)deed->o->ops->reopen(deed->o, deed->key);
    return NULL;
}

static void nothing_is_written_back_before_its_file_has_its_name(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    struct deed slow = {o, &f->keys[0], f->bytes}, other = {o, &f->keys[1], f->bytes};
    pthread_t putting, reopening;
    objects_suite_put(o, &f->keys[1], f->bytes, SMALL);
    syncs_are_free = true; /* so that the disk is not what it waits for */
    syncs = written_back = 0;
    names_wait = true;
    assert_int_equal(pthread_create(&putting, NULL, put_one, &slow), 0);
    while (syncs == 0)
        (void)usleep(1000);
    assert_int_equal(pthread_create(&reopening, NULL, reopen_one, &other), 0);
    (void)usleep(100000);
    unsigned early = written_back;
    names_wait = false;
    assert_int_equal(pthread_join(putting, NULL), 0);
    assert_int_equal(pthread_join(reopening, NULL), 0);
    assert_int_equal(early, 0);
    assert_true(written_back > 0);
    close_store(o);
}

/* The second half is the older one: the first has begun anew. */
static void what_the_newer_half_says_counts(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    struct deed first = {o, &f->keys[1], f->bytes}, second = {o, &f->keys[2], f->bytes};
    pthread_t reopening;
    objects_suite_put(o, &f->keys[1], f->bytes, SMALL);
    (void)reopen_one(&first);
    objects_suite_put(o, &f->keys[0], f->bytes, SMALL);
    objects_suite_put(o, &f->keys[2], f->bytes, SMALL);
    written_back = 0;
    writing_back_waits = true;
    assert_int_equal(pthread_create(&reopening, NULL, reopen_one, &second), 0);
    while (written_back == 0)
        (void)usleep(1000);
    objects_suite_put(o, &f->keys[0], f->bytes + 1, SMALL);
    nothing_is_written_back = true;
    writing_back_waits = false;
    assert_int_equal(pthread_join(reopening, NULL), 0);
    end_suddenly(o);
    o = open_store(f->dir);
    objects_suite_expect(o, &f->keys[0], f->bytes + 1, SMALL);
    close_store(o);
}

/* --- many --------------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 800 }; /* together three times what the journal holds */

struct putter {
    struct objects *o;
    const uint8_t *bytes;
    unsigned first, count;
};

static void *put_many(void *arg)
{
    const struct putter *p = arg;
    for (unsigned i = p->first; i < p->first + p->count; i++) {
        ferry_id key = objects_suite_key(i);
        objects_suite_put(p->o, &key, p->bytes + i % 100, SMALL);
        if (i % 3 == 0)
            assert_int_equal(p->o->ops->remove(p->o, &key), FERRY_OK);
    }
    return NULL;
}

static void expect_many(struct objects *o, const uint8_t *bytes)
{
    for (unsigned i = 0; i < THREADS * EACH; i++) {
        ferry_id key = objects_suite_key(i);
        if (i % 3 == 0)
            objects_suite_expect_none(o, &key);
        else
            objects_suite_expect(o, &key, bytes + i % 100, SMALL);
    }
}

static void put_by_threads(struct objects *o, const uint8_t *bytes, unsigned each)
{
    struct putter putters[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        putters[i] = (struct putter){.o = o, .bytes = bytes, .first = i * each, .count = each};
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, &putters[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void more_at_once_than_the_journal_holds(void **state)
{
    struct fixture *f = *state;
    syncs_are_free = true;
    struct objects *o = open_store(f->dir);
    put_by_threads(o, f->bytes, EACH);
    expect_many(o, f->bytes);
    end_suddenly(o);
    o = open_store(f->dir);
    expect_many(o, f->bytes);
    close_store(o);
}

static void those_that_wait_share_a_sync(void **state)
{
    struct fixture *f = *state;
    struct objects *o = open_store(f->dir);
    syncs_are_free = syncs_are_slow = true;
    syncs = 0;
    put_by_threads(o, f->bytes, 30);
    assert_true(syncs >= 30 && syncs < THREADS * 30 * 3 / 4);
    close_store(o);
}

/* --- kill -9 -------------------------------------------------------------------------------------------------------- */

enum { DEATHS = 10, DEATHS_MAX = 60, DEATH_OBJECTS = 8 };

static _Noreturn void write_for_ever(const char *dir, const uint8_t *bytes)
{
    struct objects *o = open_store(dir);
    for (unsigned i = 0;; i++) {
        ferry_id key = objects_suite_key(i % DEATH_OBJECTS);
        objects_suite_put(o, &key, bytes, i % 5 == 4 ? LARGE : SMALL);
        if (i % 7 == 0)
            assert_int_equal(o->ops->remove(o, &key), FERRY_OK);
    }
}

static void after_kill_9_small_objects_are_whole_or_not_there(void **state)
{
    struct fixture *f = *state;
    unsigned seen = 0;
    for (unsigned death = 0; death < DEATHS || (seen == 0 && death < DEATHS_MAX); death++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            write_for_ever(f->dir, f->bytes);
        usleep(20000 + death * 3700);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct objects *o = open_store(f->dir);
        for (unsigned i = 0; i < DEATH_OBJECTS; i++) {
            ferry_id key = objects_suite_key(i);
            uint64_t size = 0;
            if (o->ops->stat(o, &key, &size) != FERRY_OK)
                continue;
            assert_true(size == SMALL || size == LARGE);
            objects_suite_expect(o, &key, f->bytes, size);
            seen++;
        }
        close_store(o);
    }
    assert_true(seen > 0);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(small_object_is_in_the_journal_before_it_is_found),
        RULE(what_was_said_to_be_there_by_parts_does_not_go_through_the_journal),
        RULE(when_the_journal_cannot_be_synced_each_is_synced_by_itself),
        RULE(what_a_power_cut_took_comes_from_the_journal),
        RULE(on_a_full_disk_what_kill_9_left_is_enough),
        RULE(on_a_full_disk_what_has_no_name_yet_gives_its_room),
        RULE(what_was_written_back_is_left_alone),
        RULE(the_last_of_two_counts),
        RULE(record_that_is_not_whole_is_left_out_and_those_behind_it_are_not),
        RULE(journal_of_another_size_is_made_anew),
        RULE(what_was_removed_stays_removed),
        RULE(what_replaced_it_stays),
        RULE(what_became_a_partial_one_or_was_set_aside_stays_so),
        RULE(nothing_is_replaced_that_a_sudden_end_would_bring_back),
        RULE(nothing_is_written_back_before_its_file_has_its_name),
        RULE(what_the_newer_half_says_counts),
        RULE(more_at_once_than_the_journal_holds),
        RULE(those_that_wait_share_a_sync),
        RULE(after_kill_9_small_objects_are_whole_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
