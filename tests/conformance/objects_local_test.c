#define _GNU_SOURCE /* unshare, setfsuid */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "objects_suite.h"

#include "objects/local.h"

#include <openssl/evp.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 256 };

static void *set_up(void)
{
    char *dir = strdup("/tmp/ferry-objects-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static struct objects *open_at(const char *dir)
{
    char path[PATH_SIZE];
    struct objects *o = NULL;
    (void)snprintf(path, sizeof path, "%s/objects", dir);
    struct objects_local_config cfg = {.dir = path, .public_url = "http://127.0.0.1:1"};
    return objects_local_open(&cfg, &o) == FERRY_OK ? o : NULL;
}

static struct objects *open_store(void *where)
{
    struct objects *o = open_at(where);
    assert_non_null(o);
    return o;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static void tear_down(void *where)
{
    assert_int_equal(nftw(where, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(where);
}

static unsigned files_in(const char *dir, const char *folder)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/objects/%s", dir, folder);
    DIR *at = opendir(path);
    unsigned count = 0;
    const struct dirent *entry;
    assert_non_null(at);
    while ((entry = readdir(at)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(at);
    return count;
}

/* Runs in a process of its own, so that it may change its rights, its mounts, or die. */
static int in_child(int (*body)(const char *dir), const char *dir)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body(dir));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

enum { CHILD_OK = 0, CHILD_CANNOT = 77 };
#define CHILD_CHECK(condition)                                                    \
    do {                                                                          \
        if (!(condition)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            return 1;                                                             \
        }                                                                         \
    } while (0)

/* --- where things are ------------------------------------------------------------------------- */

static void files_lie_where_the_header_says_and_are_private(void **state)
{
    char *dir = *state;
    char path[PATH_SIZE];
    struct stat info;
    ferry_id key = objects_suite_key(0x1234);
    struct objects *o = open_store(dir);
    objects_suite_put(o, &key, (const uint8_t *)"hello", 5);
    o->ops->close(o);
    (void)snprintf(path, sizeof path, "%s/objects/%s/%s", dir, key.text + 24, key.text);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_nlink, 1);
    (void)snprintf(path, sizeof path, "%s/objects", dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(files_in(dir, "tmp"), 0);
    assert_int_equal(files_in(dir, "partial"), 0);
}

static void failures_leave_no_file(void **state)
{
    char *dir = *state;
    ferry_id key = objects_suite_key(1);
    struct objects *o = open_store(dir);
    struct object_writer *writer = NULL;
    uint64_t offset;
    struct object_expect expect = {.size = 4};
    assert_int_equal(o->ops->write_begin(o, &key, 2u << 20, false, &writer), FERRY_OK);
    assert_int_equal(files_in(dir, "tmp"), 1);
    assert_int_equal(o->ops->write(writer, "abc", 3), FERRY_OK);
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_E_SIZE);
    assert_int_equal(files_in(dir, "tmp"), 0);
    assert_int_equal(o->ops->write_begin(o, &key, 0, false, &writer), FERRY_OK);
    o->ops->write_abort(writer);
    assert_int_equal(files_in(dir, "tmp"), 0);
    assert_int_equal(o->ops->write_resume(o, &key, 0, false, &writer, &offset), FERRY_OK);
    assert_int_equal(files_in(dir, "partial"), 1);
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_E_SIZE);
    assert_int_equal(files_in(dir, "partial"), 0);
    o->ops->close(o);
}

/* --- big ones ------------------------------------------------------------------------------------ */

enum { BIG_BLOCK = 256 * 1024, BIG_MAX = 5 * BIG_BLOCK + 4321, AT_ONCE = 40 };

/* Of an announced size, so that blocks are hashed beside the writing; in pieces of another size. */
static struct object_writer *write_big(struct objects *o, const ferry_id *key, const uint8_t *bytes, size_t len)
{
    struct object_writer *writer = NULL;
    assert_int_equal(o->ops->write_begin(o, key, BIG_MAX, false, &writer), FERRY_OK);
    for (size_t at = 0; at < len; at += 30011)
        assert_int_equal(o->ops->write(writer, bytes + at, len - at < 30011 ? len - at : 30011), FERRY_OK);
    return writer;
}

static void big_objects_are_verified_however_their_bytes_come(void **state)
{
    char *dir = *state;
    static const size_t lens[] = {0, 1, BIG_BLOCK - 1, BIG_BLOCK, BIG_BLOCK + 1, 4 * BIG_BLOCK, BIG_MAX};
    uint8_t *bytes = objects_suite_bytes(BIG_MAX, 5), md5[16];
    struct objects *o = open_store(dir);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        ferry_id key = objects_suite_key((unsigned)i);
        struct object_digests have;
        struct object_expect expect = {.size = lens[i], .md5 = md5};
        assert_int_equal(EVP_Digest(bytes, lens[i], md5, NULL, EVP_md5(), NULL), 1);
        assert_int_equal(o->ops->write_finish(write_big(o, &key, bytes, lens[i]), &expect, &have), FERRY_OK);
        assert_memory_equal(have.md5, md5, sizeof md5);
        objects_suite_expect(o, &key, bytes, lens[i]);
        md5[15] ^= 1;
        assert_int_equal(o->ops->write_finish(write_big(o, &key, bytes, lens[i]), &expect, NULL), FERRY_E_DIGEST);
        o->ops->write_abort(write_big(o, &key, bytes, lens[i]));
    }
    assert_int_equal(files_in(dir, "tmp"), 0);
    o->ops->close(o);
    free(bytes);
}

static void more_big_objects_at_once_than_have_blocks_in_memory(void **state)
{
    uint8_t *bytes = objects_suite_bytes(BIG_MAX, 5), md5[16];
    struct objects *o = open_store(*state);
    struct object_writer *writers[AT_ONCE];
    struct object_expect expect = {.size = BIG_MAX, .md5 = md5};
    assert_int_equal(EVP_Digest(bytes, BIG_MAX, md5, NULL, EVP_md5(), NULL), 1);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        ferry_id key = objects_suite_key(i);
        writers[i] = write_big(o, &key, bytes, BIG_MAX);
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        assert_int_equal(o->ops->write_finish(writers[i], &expect, NULL), FERRY_OK);
    o->ops->close(o);
    free(bytes);
}

static bool keep_all(void *arg, const ferry_id *key)
{
    (void)arg, (void)key;
    return true;
}

static void touch(const char *dir, const char *name)
{
    char path[2 * PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s/objects/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void sweep_empties_tmp_and_leaves_what_is_not_ours(void **state)
{
    char *dir = *state;
    ferry_id key = objects_suite_key(1);
    uint64_t removed = 0;
    struct objects *o = open_store(dir);
    objects_suite_put(o, &key, (const uint8_t *)"hello", 5);
    char stray[64];
    touch(dir, "tmp/0123456789abcdef0123456789abcdef");
    touch(dir, "tmp/anything at all");
    touch(dir, "partial/README");
    touch(dir, "notes");
    (void)snprintf(stray, sizeof stray, "%s/notes", key.text + 24);
    touch(dir, stray);
    assert_int_equal(o->ops->sweep(o, keep_all, keep_all, NULL, &removed), FERRY_OK);
    assert_int_equal(removed, 2);
    assert_int_equal(files_in(dir, "tmp"), 0);
    assert_int_equal(files_in(dir, "partial"), 1);
    assert_int_equal(files_in(dir, key.text + 24), 2);
    objects_suite_expect(o, &key, (const uint8_t *)"hello", 5);
    o->ops->close(o);
}

/* --- what is on the disk, and when, of what the journal of small ones does not take ------- */

enum { NOT_SMALL = 20000 };
static const uint8_t not_small[NOT_SMALL];

/* The calls of the store that a power cut cares for, in their order: "rename tmp/ ready/", "sync file", "sync folder". */
static bool noting;
static char noted[512], named_ready[PATH_SIZE];

static void note(const char *format, ...)
{
    va_list args;
    size_t len = strlen(noted);
    va_start(args, format);
    (void)vsnprintf(noted + len, sizeof noted - len, format, args);
    va_end(args);
}

static const char *folder_of(const char *path)
{
    static const char *const known[] = {"tmp", "ready", "partial"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(path, known[i], strlen(known[i])) == 0)
            return known[i];
    return "its own";
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    int result = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
    if (noting && result == 0) {
        note("%s -> %s, ", folder_of(from), folder_of(to));
        if (strncmp(to, "ready/", 6) == 0)
            (void)snprintf(named_ready, sizeof named_ready, "%s", to);
    }
    return result;
}

int fsync(int fd)
{
    struct stat info;
    if (noting && fstat(fd, &info) == 0)
        note(S_ISDIR(info.st_mode) ? "sync folder, " : "sync file, ");
    return (int)syscall(SYS_fsync, fd);
}

static void object_is_durable_under_a_name_before_it_is_found(void **state)
{
    char *dir = *state;
    ferry_id key = objects_suite_key(1);
    struct objects *o = open_store(dir);
    struct object_writer *writer = NULL;
    uint64_t offset = 0;
    struct object_expect expect = {.size = 5};
    noted[0] = '\0';
    noting = true;
    objects_suite_put(o, &key, not_small, NOT_SMALL);
    noting = false;
    assert_string_equal(noted, "tmp -> ready, sync file, sync folder, ready -> its own, ");

    assert_int_equal(o->ops->write_resume(o, &key, 0, false, &writer, &offset), FERRY_OK);
    assert_int_equal(o->ops->write(writer, "hello", 5), FERRY_OK);
    noted[0] = '\0';
    noting = true;
    assert_int_equal(o->ops->write_finish(writer, &expect, NULL), FERRY_OK);
    noting = false;
    assert_string_equal(noted, "sync file, partial -> ready, sync folder, ready -> its own, ");
    assert_int_equal(files_in(dir, "ready"), 0);
    o->ops->close(o);
}

/* A power cut took back the renaming to its own name, and the folder that was made for it. */
static void object_whose_own_name_is_lost_gets_it_again(void **state)
{
    char *dir = *state;
    char own[PATH_SIZE], ready[2 * PATH_SIZE];
    ferry_id key = objects_suite_key(1);
    struct objects *o = open_store(dir);
    noting = true;
    objects_suite_put(o, &key, not_small, NOT_SMALL);
    noting = false;
    o->ops->close(o);
    (void)snprintf(own, sizeof own, "%s/objects/%s/%s", dir, key.text + 24, key.text);
    (void)snprintf(ready, sizeof ready, "%s/objects/%s", dir, named_ready);
    assert_int_equal(rename(own, ready), 0);
    *strrchr(own, '/') = '\0';
    assert_int_equal(rmdir(own), 0);
    o = open_store(dir);
    objects_suite_expect(o, &key, not_small, NOT_SMALL);
    assert_int_equal(files_in(dir, "ready"), 0);
    o->ops->close(o);
}

/* The table of what may be there begins anew with each run. */
static void partials_of_an_earlier_run_can_be_removed(void **state)
{
    char *dir = *state;
    ferry_id keys[] = {objects_suite_key(1), objects_suite_key(2)};
    struct objects *o = open_store(dir);
    struct object_writer *writer = NULL;
    uint64_t at = 0;
    assert_int_equal(o->ops->write_resume(o, &keys[0], 5, false, &writer, &at), FERRY_OK);
    assert_int_equal(o->ops->write(writer, "hel", 3), FERRY_OK);
    assert_int_equal(o->ops->write_suspend(writer), FERRY_OK);
    objects_suite_put(o, &keys[1], (const uint8_t *)"hello", 5);
    o->ops->close(o);

    o = open_store(dir);
    assert_int_equal(o->ops->reopen(o, &keys[1]), FERRY_OK);
    assert_int_equal(files_in(dir, "partial"), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(o->ops->partial_remove(o, &keys[i]), FERRY_OK);
    assert_int_equal(files_in(dir, "partial"), 0);
    o->ops->close(o);
}

static void what_was_not_whole_on_the_disk_is_no_object(void **state)
{
    char *dir = *state;
    uint64_t size = 0;
    ferry_id key = objects_suite_key(1);
    struct objects *o = open_store(dir);
    noting = true;
    objects_suite_put(o, &key, not_small, NOT_SMALL);
    noting = false;
    assert_int_equal(o->ops->remove(o, &key), FERRY_OK);
    o->ops->close(o);
    touch(dir, named_ready); /* its bytes are lost */
    touch(dir, "ready/README");
    o = open_store(dir);
    assert_int_equal(o->ops->stat(o, &key, &size), FERRY_E_NOT_FOUND);
    assert_int_equal(files_in(dir, "ready"), 1); /* what is not ours */
    o->ops->close(o);
}

/* --- full and read-only disks ----------------------------------------------------------------- */

static int mount_small(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return CHILD_CANNOT;
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0)
        return CHILD_CANNOT;
    return mount("tmpfs", dir, "tmpfs", 0, "size=4m") == 0 ? CHILD_OK : CHILD_CANNOT;
}

static ferry_err put_quietly(struct objects *o, const ferry_id *key, size_t len, uint64_t announced)
{
    static uint8_t block[65536];
    struct object_writer *writer = NULL;
    struct object_expect expect = {.size = len};
    ferry_err err = o->ops->write_begin(o, key, announced, false, &writer);
    if (err != FERRY_OK)
        return err;
    for (size_t at = 0; at < len && err == FERRY_OK; at += sizeof block)
        err = o->ops->write(writer, block, len - at < sizeof block ? len - at : sizeof block);
    if (err == FERRY_OK)
        return o->ops->write_finish(writer, &expect, NULL);
    o->ops->write_abort(writer);
    return err;
}

enum { BLOCK_IN_MEMORY = 256 << 10 };

static int on_a_full_disk(const char *dir)
{
    int mounted = mount_small(dir);
    if (mounted != CHILD_OK)
        return mounted;
    struct objects *o = open_at(dir);
    CHILD_CHECK(o != NULL);
    ferry_id keys[3] = {objects_suite_key(1), objects_suite_key(2), objects_suite_key(3)};
    struct object_writer *writer = NULL;
    uint64_t offset = 0, size = 0;
    static uint8_t block[65536];

    CHILD_CHECK(put_quietly(o, &keys[0], 1 << 20, 1 << 20) == FERRY_OK);
    /* the size is known: refused before a byte came */
    CHILD_CHECK(o->ops->write_begin(o, &keys[1], 8u << 20, false, &writer) == FERRY_E_FULL);
    /* the size is not known: refused when it is full, everything is free again */
    CHILD_CHECK(put_quietly(o, &keys[1], 8u << 20, 0) == FERRY_E_FULL);
    CHILD_CHECK(o->ops->stat(o, &keys[1], &size) == FERRY_E_NOT_FOUND);
    CHILD_CHECK(put_quietly(o, &keys[1], 2u << 20, 2u << 20) == FERRY_OK);
    CHILD_CHECK(files_in(dir, "tmp") == 0);
    /* a partial that met a full disk keeps what came, but for a block that was in memory: nobody was told of it */
    CHILD_CHECK(o->ops->write_resume(o, &keys[2], 0, false, &writer, &offset) == FERRY_OK);
    ferry_err err = FERRY_OK;
    uint64_t taken = 0;
    while ((err = o->ops->write(writer, block, sizeof block)) == FERRY_OK)
        taken += sizeof block;
    CHILD_CHECK(err == FERRY_E_FULL);
    CHILD_CHECK(o->ops->probe(o) == FERRY_E_FULL);
    CHILD_CHECK(o->ops->write_suspend(writer) == FERRY_OK);
    CHILD_CHECK(o->ops->partial_size(o, &keys[2], &size) == FERRY_OK && size <= taken && taken - size < BLOCK_IN_MEMORY);
    /* and exactly what it was told is there */
    CHILD_CHECK(o->ops->write_resume(o, &keys[2], 0, false, &writer, &offset) == FERRY_OK && offset == size);
    for (taken = size; (err = o->ops->write(writer, block, sizeof block)) == FERRY_OK; taken += sizeof block)
        ;
    CHILD_CHECK(err == FERRY_E_FULL && o->ops->write_suspend(writer) == FERRY_OK);
    CHILD_CHECK(o->ops->partial_size(o, &keys[2], &size) == FERRY_OK && size == taken);
    CHILD_CHECK(o->ops->partial_remove(o, &keys[2]) == FERRY_OK);
    CHILD_CHECK(o->ops->probe(o) == FERRY_OK);
    CHILD_CHECK(o->ops->stat(o, &keys[0], &size) == FERRY_OK && size == 1 << 20);
    o->ops->close(o);
    return CHILD_OK;
}

static int on_a_read_only_disk(const char *dir)
{
    int mounted = mount_small(dir);
    if (mounted != CHILD_OK)
        return mounted;
    struct objects *o = open_at(dir);
    CHILD_CHECK(o != NULL);
    ferry_id key = objects_suite_key(1);
    struct object_writer *writer = NULL;
    struct object_reader *reader = NULL;
    uint64_t offset = 0, size = 0;
    CHILD_CHECK(put_quietly(o, &key, 1000, 0) == FERRY_OK);
    CHILD_CHECK(mount("none", dir, "none", MS_REMOUNT | MS_RDONLY, NULL) == 0);
    CHILD_CHECK(o->ops->write_begin(o, &key, 0, false, &writer) == FERRY_E_READONLY);
    CHILD_CHECK(o->ops->write_resume(o, &key, 0, false, &writer, &offset) == FERRY_E_READONLY);
    CHILD_CHECK(o->ops->remove(o, &key) == FERRY_E_READONLY);
    CHILD_CHECK(o->ops->probe(o) == FERRY_E_READONLY);
    CHILD_CHECK(o->ops->read_open(o, &key, &reader, &size) == FERRY_OK && size == 1000);
    o->ops->read_close(reader);
    o->ops->close(o);
    return CHILD_OK;
}

static void run_where_mounting_is_allowed(int (*body)(const char *dir), const char *dir)
{
    int result = in_child(body, dir);
    if (result == CHILD_CANNOT)
        skip();
    assert_int_equal(result, CHILD_OK);
}

static void full_disk_is_told_and_leaves_nothing_behind(void **state)
{
    run_where_mounting_is_allowed(on_a_full_disk, *state);
}

static void read_only_disk_is_told_and_still_read(void **state)
{
    run_where_mounting_is_allowed(on_a_read_only_disk, *state);
}

/* --- missing rights --------------------------------------------------------------------------- */

static int without_rights(const char *dir)
{
    char path[PATH_SIZE];
    struct objects *o = open_at(dir);
    ferry_id key = objects_suite_key(1);
    struct object_writer *writer = NULL;
    uint64_t offset = 0;
    CHILD_CHECK(o != NULL);
    CHILD_CHECK(put_quietly(o, &key, 1000, 0) == FERRY_OK);
    if (geteuid() == 0) {
        CHILD_CHECK(seteuid(65534) == 0); /* the folders are root's */
    } else {
        (void)snprintf(path, sizeof path, "%s/objects/tmp", dir);
        CHILD_CHECK(chmod(path, 0500) == 0);
        (void)snprintf(path, sizeof path, "%s/objects/partial", dir);
        CHILD_CHECK(chmod(path, 0500) == 0);
    }
    CHILD_CHECK(o->ops->write_begin(o, &key, 0, false, &writer) == FERRY_E_DENIED);
    CHILD_CHECK(o->ops->write_resume(o, &key, 0, false, &writer, &offset) == FERRY_E_DENIED);
    CHILD_CHECK(o->ops->probe(o) == FERRY_E_DENIED);
    o->ops->close(o);
    return CHILD_OK;
}

static void missing_rights_are_told(void **state)
{
    assert_int_equal(in_child(without_rights, *state), CHILD_OK);
}

static int open_without_rights(const char *dir)
{
    struct objects *o = NULL;
    struct objects_local_config cfg = {.dir = "/proc/self/objects", .public_url = "http://127.0.0.1:1"};
    (void)dir;
    CHILD_CHECK(objects_local_open(&cfg, &o) != FERRY_OK);
    CHILD_CHECK(o == NULL);
    return CHILD_OK;
}

static void folder_that_cannot_be_made_is_told_at_open(void **state)
{
    assert_int_equal(in_child(open_without_rights, *state), CHILD_OK);
}

/* --- sudden death ------------------------------------------------------------------------------ */

/* on a slow machine the first ones come before anything is whole: then some more */
enum { DEATHS = 25, DEATHS_MAX = 150, DEATH_OBJECTS = 4, DEATH_BYTES = 700000 };

static int write_for_ever(const char *dir)
{
    struct objects *o = open_at(dir);
    uint8_t *bytes = objects_suite_bytes(DEATH_BYTES, 5);
    CHILD_CHECK(o != NULL);
    for (unsigned i = 0;; i++) {
        ferry_id key = objects_suite_key(i % DEATH_OBJECTS);
        objects_suite_put(o, &key, bytes, DEATH_BYTES);
        struct object_writer *writer = NULL;
        uint64_t offset = 0;
        CHILD_CHECK(o->ops->write_resume(o, &key, 0, false, &writer, &offset) == FERRY_OK);
        CHILD_CHECK(o->ops->write(writer, bytes, 10000) == FERRY_OK);
        CHILD_CHECK(o->ops->write_suspend(writer) == FERRY_OK);
        CHILD_CHECK(o->ops->partial_remove(o, &key) == FERRY_OK);
    }
}

static bool keep_none(void *arg, const ferry_id *key)
{
    (void)arg, (void)key;
    return false;
}

static void after_sudden_death_objects_are_whole_or_not_there(void **state)
{
    char *dir = *state;
    uint8_t *bytes = objects_suite_bytes(DEATH_BYTES, 5);
    unsigned seen = 0;
    for (unsigned death = 0; death < DEATHS || (seen == 0 && death < DEATHS_MAX); death++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(write_for_ever(dir));
        usleep(3000 + death * 1700);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);

        struct objects *o = open_store(dir);
        uint64_t removed = 0, size = 0;
        for (unsigned i = 0; i < DEATH_OBJECTS; i++) {
            ferry_id key = objects_suite_key(i);
            if (o->ops->stat(o, &key, &size) == FERRY_OK) {
                objects_suite_expect(o, &key, bytes, DEATH_BYTES);
                seen++;
            }
        }
        assert_int_equal(o->ops->sweep(o, keep_all, keep_none, NULL, &removed), FERRY_OK);
        assert_int_equal(files_in(dir, "tmp"), 0);
        assert_int_equal(files_in(dir, "partial"), 0);
        o->ops->close(o);
    }
    assert_true(seen > 0);
    free(bytes);
}

static int make_folder(void **state)
{
    *state = set_up();
    return 0;
}

static int remove_folder(void **state)
{
    tear_down(*state);
    return 0;
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    static const struct objects_factory factory = {"local", set_up, open_store, tear_down, .durable = true};
    const struct CMUnitTest own[] = {
        RULE(files_lie_where_the_header_says_and_are_private), RULE(failures_leave_no_file),
        RULE(sweep_empties_tmp_and_leaves_what_is_not_ours),   RULE(full_disk_is_told_and_leaves_nothing_behind),
        RULE(object_is_durable_under_a_name_before_it_is_found), RULE(object_whose_own_name_is_lost_gets_it_again),
        RULE(partials_of_an_earlier_run_can_be_removed),
        RULE(what_was_not_whole_on_the_disk_is_no_object),
        RULE(big_objects_are_verified_however_their_bytes_come),
        RULE(more_big_objects_at_once_than_have_blocks_in_memory),
        RULE(read_only_disk_is_told_and_still_read),           RULE(missing_rights_are_told),
        RULE(folder_that_cannot_be_made_is_told_at_open),      RULE(after_sudden_death_objects_are_whole_or_not_there),
    };
    return objects_suite_run(&factory) + cmocka_run_group_tests_name("local only", own, NULL, NULL);
}
