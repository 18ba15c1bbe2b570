#include "local_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const mode_t folder_mode = 0700;
static const mode_t file_mode = 0600;

ferry_err local_errno(int errnum)
{
    if (errnum == EMFILE || errnum == ENFILE)
        return FERRY_E_LIMIT;
    return ferry_err_from_errno(errnum);
}

/* Ids are ordered by time, so only their end spreads evenly. */
void local_object_path(const ferry_id *key, char out[LOCAL_PATH_MAX])
{
    (void)snprintf(out, LOCAL_PATH_MAX, "%s/%s", key->text + FERRY_ID_LEN - 2, key->text);
}

void local_aside_path(const ferry_id *key, char out[LOCAL_PATH_MAX])
{
    (void)snprintf(out, LOCAL_PATH_MAX, "damaged/%s", key->text);
}

void local_partial_path(const ferry_id *key, char out[LOCAL_PATH_MAX])
{
    (void)snprintf(out, LOCAL_PATH_MAX, "partial/%s", key->text);
}

ferry_err local_temp_create(struct objects_local *store, char path[LOCAL_PATH_MAX], int *ret_fd)
{
    uint8_t random[16];
    char name[2 * sizeof random + 1];
    ferry_random_bytes(random, sizeof random);
    ferry_hex_encode(random, sizeof random, name);
    (void)snprintf(path, LOCAL_PATH_MAX, "tmp/%s", name);
    int fd = openat(store->root_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file_mode);
    if (fd < 0)
        return local_errno(errno);
    *ret_fd = fd;
    return FERRY_OK;
}

ferry_err local_folder_sync(struct objects_local *store, const char *folder)
{
    ferry_autoclose int fd = openat(store->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fsync(fd) != 0)
        return local_errno(errno);
    return FERRY_OK;
}

ferry_err local_write_all(int fd, const void *bytes, size_t len, uint64_t offset)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t done = pwrite(fd, at, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return local_errno(errno);
        at += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return FERRY_OK;
}

ferry_err local_hash_file(struct object_hash *hash, int fd, uint64_t size)
{
    ferry_autofree char *block = ferry_malloc(LOCAL_REREAD_BYTES);
    if (block == NULL)
        return FERRY_E_NOMEM;
    for (uint64_t at = 0; at < size;) {
        ssize_t got = pread(fd, block, LOCAL_REREAD_BYTES, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FERRY_E_IO;
        ferry_err err = object_hash_update(hash, block, (size_t)got);
        if (err != FERRY_OK)
            return err;
        at += (uint64_t)got;
    }
    return FERRY_OK;
}

ferry_err local_name(struct objects_local *store, const char *from, const char *object_path)
{
    char folder[3] = {object_path[0], object_path[1], '\0'};
    if (renameat(store->root_fd, from, store->root_fd, object_path) == 0)
        return FERRY_OK;
    if (errno != ENOENT || (mkdirat(store->root_fd, folder, folder_mode) != 0 && errno != EEXIST))
        return local_errno(errno);
    return renameat(store->root_fd, from, store->root_fd, object_path) == 0 ? FERRY_OK : local_errno(errno);
}

static ferry_err local_stat(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    char path[LOCAL_PATH_MAX];
    struct stat info;
    local_object_path(key, path);
    if (fstatat(local_of(o)->root_fd, path, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return local_errno(errno);
    if (!S_ISREG(info.st_mode))
        return FERRY_E_IO;
    *ret_size = (uint64_t)info.st_size;
    return FERRY_OK;
}

static ferry_err why_not_there(struct objects_local *store, const ferry_id *key)
{
    char aside[LOCAL_PATH_MAX];
    local_aside_path(key, aside);
    return faccessat(store->root_fd, aside, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? FERRY_E_CORRUPT : FERRY_E_NOT_FOUND;
}

static ferry_err local_read_open(struct objects *o, const ferry_id *key, struct object_reader **ret_reader,
                                 uint64_t *ret_size)
{
    char path[LOCAL_PATH_MAX];
    struct stat info;
    local_object_path(key, path);
    ferry_autoclose int fd = openat(local_of(o)->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return why_not_there(local_of(o), key);
    if (fd < 0 || fstat(fd, &info) != 0)
        return local_errno(errno);
    if (!S_ISREG(info.st_mode))
        return FERRY_E_IO;
    ferry_autofree struct object_reader *reader = ferry_calloc(1, sizeof *reader);
    if (reader == NULL)
        return FERRY_E_NOMEM;
    reader->fd = FERRY_TAKE_FD(fd);
    *ret_reader = FERRY_TAKE(reader);
    *ret_size = (uint64_t)info.st_size;
    return FERRY_OK;
}

static ferry_err local_read_at(struct object_reader *reader, uint64_t offset, void *out, size_t len, size_t *ret_len)
{
    if (offset > INT64_MAX) {
        *ret_len = 0;
        return FERRY_OK;
    }
    for (;;) {
        ssize_t got = pread(reader->fd, out, len, (off_t)offset);
        if (got >= 0) {
            *ret_len = (size_t)got;
            return FERRY_OK;
        }
        if (errno != EINTR)
            return FERRY_E_IO;
    }
}

static int local_read_fd(struct object_reader *reader)
{
    return reader->fd;
}

static void local_read_close(struct object_reader *reader)
{
    if (reader == NULL)
        return;
    (void)close(reader->fd);
    free(reader);
}

static ferry_err remove_path(struct objects *o, const char *path)
{
    if (unlinkat(local_of(o)->root_fd, path, 0) != 0 && errno != ENOENT)
        return local_errno(errno);
    return FERRY_OK;
}

static ferry_err local_remove(struct objects *o, const ferry_id *key)
{
    char path[LOCAL_PATH_MAX], aside[LOCAL_PATH_MAX];
    local_object_path(key, path);
    local_aside_path(key, aside);
    ferry_err err = remove_path(o, path);
    if (err != FERRY_OK)
        return err;
    local_journal_forget(local_of(o)->journal, key);
    return remove_path(o, aside);
}

static ferry_err local_set_aside(struct objects *o, const ferry_id *key)
{
    struct objects_local *store = local_of(o);
    char path[LOCAL_PATH_MAX], aside[LOCAL_PATH_MAX];
    local_object_path(key, path);
    local_aside_path(key, aside);
    if (renameat(store->root_fd, path, store->root_fd, aside) != 0)
        return local_errno(errno);
    path[2] = '\0'; /* its folder */
    ferry_err err = local_folder_sync(store, "damaged");
    if (err == FERRY_OK)
        err = local_folder_sync(store, path);
    return err == FERRY_OK ? local_journal_settle(store->journal, key) : err;
}

static ferry_err local_probe(struct objects *o)
{
    struct objects_local *store = local_of(o);
    static const char page[4096];
    char path[LOCAL_PATH_MAX];
    ferry_autoclose int fd = -1;
    ferry_err err = local_temp_create(store, path, &fd);
    if (err != FERRY_OK)
        return err;
    err = local_write_all(fd, page, sizeof page, 0);
    if (unlinkat(store->root_fd, path, 0) != 0 && err == FERRY_OK)
        err = local_errno(errno);
    return err;
}

static ferry_err local_url_sign(struct objects *o, const struct object_url *url, char *out, size_t cap)
{
    return signed_url_make(&local_of(o)->signer, url, out, cap);
}

static ferry_err local_url_check(struct objects *o, const struct object_url *url, const char *signature, size_t len)
{
    return signed_url_check(&local_of(o)->signer, url, signature, len);
}

static void local_close(struct objects *o)
{
    if (o == NULL)
        return;
    struct objects_local *store = local_of(o);
    local_journal_close(store->journal);
    if (store->root_fd >= 0)
        (void)close(store->root_fd);
    object_hashers_free(store->hashers);
    (void)pthread_mutex_destroy(&store->pipes_mutex);
    (void)pthread_mutex_destroy(&store->partials_mutex);
    signed_url_done(&store->signer);
    free(store);
}

static const struct objects_ops local_ops = {
    .name = "local",
    .write_begin = local_write_begin,
    .write_resume = local_write_resume,
    .write = local_write,
    .write_finish = local_write_finish,
    .write_suspend = local_write_suspend,
    .write_abort = local_write_abort,
    .partial_size = local_partial_size,
    .reopen = local_reopen,
    .partial_remove = local_partial_remove,
    .stat = local_stat,
    .read_open = local_read_open,
    .read_at = local_read_at,
    .read_fd = local_read_fd,
    .read_close = local_read_close,
    .remove = local_remove,
    .sweep = local_sweep,
    .set_aside = local_set_aside,
    .list = local_list,
    .probe = local_probe,
    .url_sign = local_url_sign,
    .url_check = local_url_check,
    .close = local_close,
};

static ferry_err folders_make(int root_fd)
{
    static const char *const names[] = {"tmp", "ready", "partial", "damaged"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (mkdirat(root_fd, names[i], folder_mode) != 0 && errno != EEXIST)
            return local_errno(errno);
    return fsync(root_fd) == 0 ? FERRY_OK : local_errno(errno);
}

/* The entry of the folder itself; a parent that we may not read was made by somebody else, who saw to that. */
static ferry_err parent_sync(int root_fd)
{
    ferry_autoclose int fd = openat(root_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? FERRY_OK : local_errno(errno);
    return fsync(fd) == 0 ? FERRY_OK : local_errno(errno);
}

static ferry_err folders_open(struct objects_local *store, const char *dir)
{
    ferry_err err = ferry_dir_make(dir, folder_mode);
    if (err != FERRY_OK)
        return err;
    store->root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root_fd < 0)
        return local_errno(errno);
    err = folders_make(store->root_fd);
    return err == FERRY_OK ? parent_sync(store->root_fd) : err;
}

static ferry_err signer_init(struct objects_local *store, const struct objects_local_config *cfg)
{
    ferry_err err = signed_url_init(&store->signer, cfg->public_url, cfg->key);
    for (size_t i = 0; err == FERRY_OK && i < cfg->old_keys_count; i++)
        err = signed_url_accept(&store->signer, &cfg->old_keys[i]);
    return err;
}

ferry_err objects_local_open(const struct objects_local_config *cfg, struct objects **ret_objects)
{
    struct objects_local *store = ferry_calloc(1, sizeof *store);
    if (store == NULL)
        return FERRY_E_NOMEM;
    (void)pthread_mutex_init(&store->partials_mutex, NULL);
    (void)pthread_mutex_init(&store->pipes_mutex, NULL);
    store->base.ops = &local_ops;
    store->root_fd = -1;
    ferry_err err = signer_init(store, cfg);
    if (err == FERRY_OK)
        err = folders_open(store, cfg->dir);
    if (err == FERRY_OK)
        err = local_journal_open(store, &store->journal);
    if (err == FERRY_OK)
        err = local_ready_settle(store);
    if (err == FERRY_OK)
        err = local_partials_mark_left(store);
    if (err != FERRY_OK) {
        local_close(&store->base);
        return err;
    }
    *ret_objects = &store->base;
    return FERRY_OK;
}
