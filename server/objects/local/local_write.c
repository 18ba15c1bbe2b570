#define _GNU_SOURCE /* fallocate, sync_file_range */

#include "local_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- the table of partials that have a writer ------------------------------------------------ */

static bool busy_add(struct objects_local *store, struct object_writer *writer)
{
    bool free_now = true;
    pthread_mutex_lock(&store->partials_mutex);
    for (const struct object_writer *w = store->busy; w != NULL; w = w->next)
        if (ferry_id_equal(&w->key, &writer->key))
            free_now = false;
    if (free_now) {
        writer->next = store->busy;
        store->busy = writer;
    }
    pthread_mutex_unlock(&store->partials_mutex);
    return free_now;
}

static void busy_remove(struct objects_local *store, const struct object_writer *writer)
{
    pthread_mutex_lock(&store->partials_mutex);
    struct object_writer **at = &store->busy;
    while (*at != writer)
        at = &(*at)->next;
    *at = writer->next;
    pthread_mutex_unlock(&store->partials_mutex);
}

/* --- the keys that may have a partial ------------------------------------------------------------ */

/* The end of a key is drawn by chance. */
static size_t mark_place(const ferry_id *key)
{
    size_t place = 0;
    for (size_t i = FERRY_ID_LEN - 8; i < FERRY_ID_LEN; i++)
        place = place * 31 + (unsigned char)key->text[i];
    return place % LOCAL_MARKS;
}

void local_partial_mark(struct objects_local *store, const ferry_id *key)
{
    size_t place = mark_place(key);
    (void)atomic_fetch_or(&store->partial_marks[place / 8], (unsigned char)(1u << place % 8));
}

/* Devices cancel what they never began by thousands a second: that must not be a system call each. */
static bool may_have_partial(struct objects_local *store, const ferry_id *key)
{
    size_t place = mark_place(key);
    return (atomic_load(&store->partial_marks[place / 8]) & 1u << place % 8) != 0;
}

/* --- life of a writer ------------------------------------------------------------------------- */

static void writer_free(struct object_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->partial)
        busy_remove(writer->store, writer);
    if (writer->fd >= 0)
        (void)close(writer->fd);
    local_pipe_free(writer->pipe);
    object_hash_free(writer->hash);
    free(writer);
}

FERRY_DEFINE_CLEANUP(struct object_writer *, writer_free)

static ferry_err writer_new(struct objects_local *store, const ferry_id *key, struct object_writer **ret_writer)
{
    struct object_writer *writer = ferry_calloc(1, sizeof *writer);
    if (writer == NULL)
        return FERRY_E_NOMEM;
    writer->store = store;
    writer->key = *key;
    writer->fd = -1;
    *ret_writer = writer;
    return FERRY_OK;
}

/* Early word on a full disk; silent where the file system cannot reserve. */
static ferry_err reserve(int fd, uint64_t size)
{
    if (size < LOCAL_RESERVE_MIN_BYTES)
        return FERRY_OK;
    if (size > INT64_MAX)
        return FERRY_E_FULL;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0)
        return FERRY_OK;
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? FERRY_E_FULL : FERRY_OK;
}

static void discard(struct object_writer *writer)
{
    (void)unlinkat(writer->store->root_fd, writer->path, 0);
    writer_free(writer);
}

ferry_err local_write_begin(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                            struct object_writer **ret_writer)
{
    struct objects_local *store = local_of(o);
    ferry_cleanup(writer_free) struct object_writer *writer = NULL;
    ferry_err err = writer_new(store, key, &writer);
    if (err != FERRY_OK)
        return err;
    writer->with_sha256 = with_sha256;
    err = object_hash_new(with_sha256, &writer->hash);
    if (err == FERRY_OK)
        err = local_temp_create(store, writer->path, &writer->fd);
    if (err != FERRY_OK)
        return err;
    err = reserve(writer->fd, size);
    if (err != FERRY_OK) {
        discard(FERRY_TAKE(writer));
        return err;
    }
    *ret_writer = FERRY_TAKE(writer);
    return FERRY_OK;
}

/* The hash goes on only from the beginning: what is there already is read again at the end. */
static ferry_err partial_open(struct object_writer *writer, uint64_t size)
{
    struct stat info;
    local_partial_path(&writer->key, writer->path);
    local_partial_mark(writer->store, &writer->key);
    writer->fd = openat(writer->store->root_fd, writer->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (writer->fd < 0 || fstat(writer->fd, &info) != 0)
        return local_errno(errno);
    writer->size = (uint64_t)info.st_size;
    writer->writeback_from = writer->size;
    writer->created = writer->size == 0;
    ferry_err err = reserve(writer->fd, size);
    if (err != FERRY_OK && writer->created)
        (void)unlinkat(writer->store->root_fd, writer->path, 0);
    return err == FERRY_OK && writer->created ? object_hash_new(writer->with_sha256, &writer->hash) : err;
}

ferry_err local_write_resume(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                             struct object_writer **ret_writer, uint64_t *ret_offset)
{
    struct objects_local *store = local_of(o);
    ferry_cleanup(writer_free) struct object_writer *writer = NULL;
    ferry_err err = writer_new(store, key, &writer);
    if (err != FERRY_OK)
        return err;
    if (!busy_add(store, writer))
        return FERRY_E_BUSY;
    writer->partial = true;
    writer->with_sha256 = with_sha256;
    err = partial_open(writer, size);
    if (err != FERRY_OK)
        return err;
    *ret_offset = writer->size;
    *ret_writer = FERRY_TAKE(writer);
    return FERRY_OK;
}

/* --- bytes ------------------------------------------------------------------------------------ */

ferry_err local_append(struct object_writer *writer, const void *bytes, size_t len)
{
    ferry_err err = local_write_all(writer->fd, bytes, len, writer->size);
    if (err != FERRY_OK) {
        /* Part of it may be in the file: a partial that is kept must end where it is known to be right. */
        (void)ftruncate(writer->fd, (off_t)writer->size);
        return err;
    }
    writer->size += len;
    if (writer->size - writer->writeback_from >= LOCAL_WRITEBACK_BYTES) {
        (void)sync_file_range(writer->fd, (off_t)writer->writeback_from, (off_t)(writer->size - writer->writeback_from),
                              SYNC_FILE_RANGE_WRITE);
        writer->writeback_from = writer->size;
    }
    return FERRY_OK;
}

ferry_err local_write(struct object_writer *writer, const void *bytes, size_t len)
{
    if (writer->pipe == NULL && writer->hash != NULL && writer->size >= LOCAL_PIPE_FROM_BYTES)
        writer->pipe = local_pipe_new(writer->store, writer->hash);
    if (writer->pipe != NULL)
        return local_pipe_add(writer, bytes, len);
    uint64_t before = writer->size;
    ferry_err err = local_append(writer, bytes, len);
    if (err == FERRY_OK && writer->hash != NULL)
        err = object_hash_update(writer->hash, bytes, len);
    if (err != FERRY_OK && writer->size != before) {
        (void)ftruncate(writer->fd, (off_t)before);
        writer->size = before;
    }
    return err;
}

/* --- the end ---------------------------------------------------------------------------------- */

static ferry_err hash_again(struct object_writer *writer, bool with_sha256)
{
    object_hash_free(writer->hash);
    writer->hash = NULL;
    ferry_err err = object_hash_new(with_sha256, &writer->hash);
    return err == FERRY_OK ? local_hash_file(writer->hash, writer->fd, writer->size) : err;
}

static ferry_err verify(struct object_writer *writer, const struct object_expect *expect,
                        struct object_digests *ret_have)
{
    if (writer->size != expect->size)
        return FERRY_E_SIZE;
    bool want_sha256 = writer->with_sha256 || expect->sha256 != NULL;
    if (writer->hash == NULL || want_sha256 != writer->with_sha256) {
        ferry_err err = hash_again(writer, want_sha256);
        if (err != FERRY_OK)
            return err;
    }
    struct object_digests have;
    ferry_err err = object_hash_finish(writer->hash, &have);
    if (err == FERRY_OK)
        err = object_digests_check(&have, expect);
    if (err == FERRY_OK)
        *ret_have = have;
    return err;
}

/* A partial object is durable before it is renamed: what somebody was told is there must not depend on the rest. Of others the
 * file's sync comes after the rename: a file system with a journal then writes both at once, and the folder's has nothing to do. */
static ferry_err make_ready(struct object_writer *writer, const char *ready)
{
    int root_fd = writer->store->root_fd;
    if (writer->partial && fsync(writer->fd) != 0)
        return local_errno(errno);
    if (renameat(root_fd, writer->path, root_fd, ready) != 0)
        return local_errno(errno);
    if (!writer->partial && fsync(writer->fd) != 0)
        return local_errno(errno);
    return local_folder_sync(writer->store, "ready");
}

/* The object is found by its name from now on. */
static ferry_err give_name(struct object_writer *writer, const char *from)
{
    struct objects_local *store = writer->store;
    char path[LOCAL_PATH_MAX], aside[LOCAL_PATH_MAX];
    struct stat info;
    local_object_path(&writer->key, path);
    local_aside_path(&writer->key, aside);
    bool replaces = fstatat(store->root_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
    ferry_err err = local_name(store, from, path);
    if (err == FERRY_OK && !replaces)
        (void)unlinkat(store->root_fd, aside, 0); /* the object is whole again */
    return err;
}

/* Durable bytes and a durable name first. */
static ferry_err publish_alone(struct object_writer *writer, const uint8_t md5[16])
{
    struct objects_local *store = writer->store;
    char ready[LOCAL_PATH_MAX];
    local_ready_path(&writer->key, md5, ready);
    ferry_err err = make_ready(writer, ready);
    if (err == FERRY_OK)
        err = give_name(writer, ready);
    if (err != FERRY_OK) {
        (void)renameat(store->root_fd, ready, store->root_fd, writer->path); /* where it is kept, or thrown away */
        return err;
    }
    return local_journal_settle(store->journal, &writer->key);
}

static ferry_err publish(struct object_writer *writer, const uint8_t md5[16])
{
    struct local_journal *journal = writer->store->journal;
    struct local_place place;
    if (writer->partial || !local_journal_add(journal, &writer->key, md5, writer->fd, writer->size, &place))
        return publish_alone(writer, md5);
    ferry_err err = give_name(writer, writer->path);
    local_journal_named(journal, &place, err == FERRY_OK);
    return err;
}

/* A partial object holds what somebody was told is there: only bytes that are wrong go. */
static void end_unfinished(struct object_writer *writer, ferry_err err)
{
    if (writer->partial && err != FERRY_E_SIZE && err != FERRY_E_DIGEST)
        writer_free(writer);
    else
        discard(writer);
}

ferry_err local_write_finish(struct object_writer *writer, const struct object_expect *expect,
                             struct object_digests *ret_digests)
{
    struct object_digests have;
    ferry_err err = writer->pipe != NULL ? local_pipe_end(writer) : FERRY_OK;
    if (err == FERRY_OK)
        err = verify(writer, expect, &have);
    if (err == FERRY_OK)
        err = publish(writer, have.md5);
    if (err != FERRY_OK) {
        end_unfinished(writer, err);
        return err;
    }
    if (ret_digests != NULL) {
        *ret_digests = have;
        if (!writer->with_sha256)
            memset(ret_digests->sha256, 0, sizeof ret_digests->sha256);
    }
    writer_free(writer);
    return FERRY_OK;
}

ferry_err local_write_suspend(struct object_writer *writer)
{
    if (!writer->partial) {
        discard(writer);
        return FERRY_E_STATE;
    }
    ferry_err written =
        writer->pipe != NULL ? local_pipe_end(writer) : FERRY_OK; /* what could not be is not in the file */
    ferry_err err = fdatasync(writer->fd) == 0 ? FERRY_OK : local_errno(errno);
    if (err == FERRY_OK && writer->created)
        err = local_folder_sync(writer->store, "partial");
    writer_free(writer);
    return err == FERRY_OK ? written : err;
}

void local_write_abort(struct object_writer *writer)
{
    if (writer != NULL)
        discard(writer);
}

/* --- partials at rest ------------------------------------------------------------------------- */

ferry_err local_partial_size(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    char path[LOCAL_PATH_MAX];
    struct stat info;
    local_partial_path(key, path);
    if (fstatat(local_of(o)->root_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0)
        *ret_size = (uint64_t)info.st_size;
    else if (errno == ENOENT)
        *ret_size = 0;
    else
        return FERRY_E_IO;
    return FERRY_OK;
}

ferry_err local_reopen(struct objects *o, const ferry_id *key)
{
    struct objects_local *store = local_of(o);
    char object[LOCAL_PATH_MAX], partial[LOCAL_PATH_MAX];
    local_object_path(key, object);
    local_partial_path(key, partial);
    local_partial_mark(store, key);
    if (renameat(store->root_fd, object, store->root_fd, partial) != 0)
        return local_errno(errno);
    ferry_err err = local_folder_sync(store, "partial");
    return err == FERRY_OK ? local_journal_settle(store->journal, key) : err;
}

ferry_err local_partial_remove(struct objects *o, const ferry_id *key)
{
    struct objects_local *store = local_of(o);
    struct object_writer mark = {.store = store, .key = *key, .fd = -1, .partial = true};
    if (!may_have_partial(store, key))
        return FERRY_OK;
    if (!busy_add(store, &mark))
        return FERRY_E_BUSY;
    local_partial_path(key, mark.path);
    bool gone = unlinkat(store->root_fd, mark.path, 0) == 0 || errno == ENOENT;
    busy_remove(store, &mark);
    return gone ? FERRY_OK : FERRY_E_IO;
}
