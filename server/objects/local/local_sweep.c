#include "local_internal.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

FERRY_DEFINE_CLEANUP(DIR *, closedir)

typedef bool (*keep_func)(void *arg, const ferry_id *key);

struct folder_sweep {
    keep_func keep; /* null: nothing is kept, whatever its name */
    void *arg;
    const char *fan_out; /* ids must end so; null: any */
    uint64_t removed;
};

static bool is_regular(int folder_fd, const char *name)
{
    struct stat info;
    return fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

/* A name that is not ours stays: it may be the operator's, and nobody can mistake it for an object. */
static bool to_be_removed(const struct folder_sweep *sweep, int folder_fd, const char *name)
{
    ferry_id key;
    if (sweep->keep == NULL)
        return is_regular(folder_fd, name);
    size_t len = strlen(name);
    if (!ferry_id_parse(name, len, &key))
        return false;
    if (sweep->fan_out != NULL && strcmp(name + len - 2, sweep->fan_out) != 0)
        return false;
    return !sweep->keep(sweep->arg, &key);
}

static ferry_err folder_open(struct objects_local *store, const char *folder, DIR **ret_dir)
{
    ferry_autoclose int fd = openat(store->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return local_errno(errno);
    DIR *dir = fdopendir(fd);
    if (dir == NULL)
        return local_errno(errno);
    (void)FERRY_TAKE_FD(fd);
    *ret_dir = dir;
    return FERRY_OK;
}

static ferry_err folder_sweep(struct objects_local *store, const char *folder, struct folder_sweep *sweep)
{
    ferry_cleanup(closedir) DIR *dir = NULL;
    ferry_err err = folder_open(store, folder, &dir);
    if (err != FERRY_OK)
        return err;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? FERRY_OK : FERRY_E_IO;
        if (!to_be_removed(sweep, dirfd(dir), entry->d_name))
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            return local_errno(errno);
        sweep->removed++;
    }
}

static bool is_fan_out(const char *name)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    return strlen(name) == 2 && strchr(alphabet, name[0]) != NULL && strchr(alphabet, name[1]) != NULL;
}

ferry_err local_partials_mark_left(struct objects_local *store)
{
    ferry_cleanup(closedir) DIR *dir = NULL;
    ferry_err err = folder_open(store, "partial", &dir);
    while (err == FERRY_OK) {
        ferry_id key;
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? FERRY_OK : FERRY_E_IO;
        if (ferry_id_parse(entry->d_name, strlen(entry->d_name), &key))
            local_partial_mark(store, &key);
    }
    return err;
}

/* --- the list ------------------------------------------------------------------------------------- */

struct folder_list {
    bool (*visit)(void *arg, const ferry_id *key, uint64_t changed_s);
    void *arg;
    bool ended; /* nobody wants to hear more */
};

static void list_entry(struct folder_list *list, int folder_fd, const char *fan_out, const char *name)
{
    struct stat info;
    ferry_id key;
    size_t len = strlen(name);
    if (ferry_id_parse(name, len, &key) && strcmp(name + len - 2, fan_out) == 0 &&
        fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
        list->ended = !list->visit(list->arg, &key, (uint64_t)info.st_mtim.tv_sec);
}

static ferry_err folder_list(struct objects_local *store, const char *folder, struct folder_list *list)
{
    ferry_cleanup(closedir) DIR *dir = NULL;
    ferry_err err = folder_open(store, folder, &dir);
    while (err == FERRY_OK && !list->ended) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? FERRY_OK : FERRY_E_IO;
        list_entry(list, dirfd(dir), folder, entry->d_name);
    }
    return err;
}

ferry_err local_list(struct objects *o, bool (*visit)(void *arg, const ferry_id *key, uint64_t changed_s), void *arg)
{
    struct folder_list list = {.visit = visit, .arg = arg};
    ferry_cleanup(closedir) DIR *root = NULL;
    ferry_err err = folder_open(local_of(o), ".", &root);
    while (err == FERRY_OK && !list.ended) {
        errno = 0;
        const struct dirent *entry = readdir(root);
        if (entry == NULL)
            return errno == 0 ? FERRY_OK : FERRY_E_IO;
        if (is_fan_out(entry->d_name))
            err = folder_list(local_of(o), entry->d_name, &list);
    }
    return err;
}

/* --- the sweep ------------------------------------------------------------------------------------- */

static ferry_err objects_sweep(struct objects_local *store, keep_func keep, void *arg, uint64_t *removed)
{
    ferry_cleanup(closedir) DIR *root = NULL;
    ferry_err err = folder_open(store, ".", &root);
    while (err == FERRY_OK) {
        errno = 0;
        const struct dirent *entry = readdir(root);
        if (entry == NULL)
            return errno == 0 ? FERRY_OK : FERRY_E_IO;
        if (!is_fan_out(entry->d_name))
            continue;
        struct folder_sweep sweep = {.keep = keep, .arg = arg, .fan_out = entry->d_name};
        err = folder_sweep(store, entry->d_name, &sweep);
        *removed += sweep.removed;
    }
    return err;
}

ferry_err local_temps_sweep(struct objects_local *store, uint64_t *removed)
{
    struct folder_sweep temps = {.keep = NULL};
    ferry_err err = folder_sweep(store, "tmp", &temps);
    *removed += temps.removed;
    return err;
}

ferry_err local_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                      bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed)
{
    struct objects_local *store = local_of(o);
    struct folder_sweep partials = {.keep = keep_partial, .arg = arg};
    struct folder_sweep damaged = {.keep = keep_object, .arg = arg};
    uint64_t temps_removed = 0, objects_removed = 0;
    ferry_err err = local_temps_sweep(store, &temps_removed);
    if (err == FERRY_OK)
        err = folder_sweep(store, "partial", &partials);
    if (err == FERRY_OK)
        err = folder_sweep(store, "damaged", &damaged);
    if (err == FERRY_OK)
        err = objects_sweep(store, keep_object, arg, &objects_removed);
    if (err != FERRY_OK)
        return err;
    *ret_removed = temps_removed + partials.removed + damaged.removed + objects_removed;
    return FERRY_OK;
}
