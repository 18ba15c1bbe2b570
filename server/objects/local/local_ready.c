/* ready/: objects that are whole and durable, on their way to their own name. That name is not synced: should a sudden end take
 * it back, it is given again from here. So an object costs one wait for the disk's journal, not two. */
#include "local_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

FERRY_DEFINE_CLEANUP(DIR *, closedir)
FERRY_DEFINE_CLEANUP(struct object_hash *, object_hash_free)

enum { MD5_AT = FERRY_ID_LEN + 1, RANDOM_AT = MD5_AT + FERRY_MD5_HEX + 1, RANDOM_BYTES = 8, NAME_LEN = RANDOM_AT + 2 * RANDOM_BYTES };

/* {id}.{md5}.{random}: what it is, what it must be, and no other transfer of the same bytes. */
void local_ready_path(const ferry_id *key, const uint8_t md5[16], char out[LOCAL_PATH_MAX])
{
    uint8_t random[RANDOM_BYTES];
    char md5_hex[FERRY_MD5_HEX + 1], random_hex[2 * RANDOM_BYTES + 1];
    ferry_random_bytes(random, sizeof random);
    ferry_hex_encode(md5, FERRY_MD5_HEX / 2, md5_hex);
    ferry_hex_encode(random, sizeof random, random_hex);
    (void)snprintf(out, LOCAL_PATH_MAX, "ready/%s.%s.%s", key->text, md5_hex, random_hex);
}

static bool name_parse(const char *name, ferry_id *ret_key, uint8_t ret_md5[16])
{
    return strlen(name) == NAME_LEN && name[MD5_AT - 1] == '.' && name[RANDOM_AT - 1] == '.' &&
           ferry_id_parse(name, FERRY_ID_LEN, ret_key) &&
           ferry_hex_decode(name + MD5_AT, FERRY_MD5_HEX, ret_md5, FERRY_MD5_HEX / 2) == FERRY_OK;
}

static ferry_err is_whole(int fd, const uint8_t md5[16], bool *ret_whole)
{
    ferry_cleanup(object_hash_free) struct object_hash *hash = NULL;
    struct object_digests have;
    struct stat info;
    if (fstat(fd, &info) != 0)
        return local_errno(errno);
    ferry_err err = object_hash_new(false, &hash);
    if (err == FERRY_OK)
        err = local_hash_file(hash, fd, (uint64_t)info.st_size);
    if (err == FERRY_OK)
        err = object_hash_finish(hash, &have);
    if (err == FERRY_OK)
        *ret_whole = memcmp(have.md5, md5, sizeof have.md5) == 0;
    return err;
}

/* A sudden end may have come before the bytes were durable: then nobody was told of them. */
static ferry_err settle(struct objects_local *store, const char *name)
{
    ferry_id key;
    uint8_t md5[16];
    bool whole = false;
    char path[LOCAL_PATH_MAX], object[LOCAL_PATH_MAX];
    if (!name_parse(name, &key, md5))
        return FERRY_OK; /* not ours */
    (void)snprintf(path, sizeof path, "ready/%.*s", (int)NAME_LEN, name);
    local_object_path(&key, object);
    ferry_autoclose int fd = openat(store->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return local_errno(errno);
    ferry_err err = is_whole(fd, md5, &whole);
    if (err != FERRY_OK)
        return err;
    if (!whole)
        return unlinkat(store->root_fd, path, 0) == 0 ? FERRY_OK : local_errno(errno);
    if (fsync(fd) != 0)
        return local_errno(errno);
    err = local_name(store, path, object);
    object[2] = '\0'; /* its folder */
    return err == FERRY_OK ? local_folder_sync(store, object) : err;
}

ferry_err local_ready_settle(struct objects_local *store)
{
    int fd = openat(store->root_fd, "ready", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    ferry_cleanup(closedir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return local_errno(errno);
    }
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? FERRY_OK : FERRY_E_IO;
        err = settle(store, entry->d_name);
    }
    return err;
}
