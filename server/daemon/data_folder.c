#include "data_folder.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

FERRY_DEFINE_CLEANUP(DIR *, closedir)

static ferry_err fail(ferry_err err, const char *path, const char *what, char problem[DATA_FOLDER_PROBLEM_SIZE])
{
    (void)snprintf(problem, DATA_FOLDER_PROBLEM_SIZE, "%s %s: %s", what, path, ferry_err_text(err));
    return err;
}

/* Who has the lock wrote its process id into the file. */
static ferry_err say_holder(int fd, const char *folder, char problem[DATA_FOLDER_PROBLEM_SIZE])
{
    char pid[16] = "";
    ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[len > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    (void)snprintf(problem, DATA_FOLDER_PROBLEM_SIZE,
                   "another ferryd%s%s uses the data folder %s: end it first, or choose another with --data",
                   pid[0] != '\0' ? ", process " : "", pid, folder);
    return FERRY_E_BUSY;
}

static ferry_err take_lock(const char *folder, int *ret_fd, char problem[DATA_FOLDER_PROBLEM_SIZE])
{
    ferry_autofree char *path = ferry_asprintf("%s/lock", folder);
    ferry_autoclose int fd = -1;
    char pid[16];
    int len;

    if (path == NULL)
        return fail(FERRY_E_NOMEM, folder, "cannot use the data folder", problem);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(ferry_err_from_errno(errno), folder, "cannot write into the data folder", problem);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return say_holder(fd, folder, problem);
    len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        return fail(ferry_err_from_errno(errno), folder, "cannot write into the data folder", problem);
    *ret_fd = FERRY_TAKE_FD(fd);
    return FERRY_OK;
}

static ferry_err make_inner(const char *folder, char problem[DATA_FOLDER_PROBLEM_SIZE])
{
    static const char *const names[] = {"broker", "run"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ferry_autofree char *path = ferry_asprintf("%s/%s", folder, names[i]);
        ferry_err err = path == NULL ? FERRY_E_NOMEM : ferry_dir_make(path, 0700);

        if (err != FERRY_OK)
            return fail(err, folder, "cannot write into the data folder", problem);
    }
    return FERRY_OK;
}

/* What may lie in a folder that no ferryd has used yet: a mount point, or what the operator prepared. */
static bool is_expected(const char *name)
{
    static const char *const names[] = {".", "..", "lost+found", "admin.token", "broker", "objects", "run", "secrets.key", "tls"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A wrong --data, such as /etc, must not be filled with our files. What we have used before has our lock. */
static ferry_err check_ours(const char *folder, char problem[DATA_FOLDER_PROBLEM_SIZE])
{
    ferry_autofree char *lock = ferry_asprintf("%s/lock", folder);
    ferry_cleanup(closedir) DIR *dir = opendir(folder);
    const struct dirent *entry;

    if (lock == NULL)
        return fail(FERRY_E_NOMEM, folder, "cannot use the data folder", problem);
    if (dir == NULL)
        return fail(ferry_err_from_errno(errno), folder, "cannot use the data folder", problem);
    if (access(lock, F_OK) == 0)
        return FERRY_OK;
    while ((entry = readdir(dir)) != NULL) {
        if (is_expected(entry->d_name))
            continue;
        (void)snprintf(problem, DATA_FOLDER_PROBLEM_SIZE,
                       "%s holds other files and was never used by ferryd: choose an empty or new folder with --data",
                       folder);
        return FERRY_E_EXISTS;
    }
    return FERRY_OK;
}

static void warn_of_readers(const char *folder)
{
    struct stat found;

    if (stat(folder, &found) == 0 && (found.st_mode & 077) != 0)
        ferry_log(FERRY_LOG_WARN, "data", "other users can look into %s, where secrets are kept: chmod 700 %s", folder,
                  folder);
}

ferry_err data_folder_open(const char *path, struct data_folder *ret_folder,
                           char reterr_problem[DATA_FOLDER_PROBLEM_SIZE])
{
    struct data_folder folder = {.path = NULL, .lock_fd = -1};
    ferry_err err = ferry_dir_make(path, 0700);

    if (err == FERRY_E_EXISTS) {
        (void)snprintf(reterr_problem, DATA_FOLDER_PROBLEM_SIZE, "%s is a file, not a folder: choose another with --data",
                       path);
        return err;
    }
    if (err != FERRY_OK)
        return fail(err, path, "cannot make the data folder", reterr_problem);
    folder.path = realpath(path, NULL);
    if (folder.path == NULL)
        return fail(ferry_err_from_errno(errno), path, "cannot use the data folder", reterr_problem);
    err = check_ours(folder.path, reterr_problem);
    if (err == FERRY_OK)
        err = take_lock(folder.path, &folder.lock_fd, reterr_problem);
    if (err == FERRY_OK)
        err = make_inner(folder.path, reterr_problem);
    if (err != FERRY_OK) {
        data_folder_close(&folder);
        return err;
    }
    warn_of_readers(folder.path);
    *ret_folder = folder;
    return FERRY_OK;
}

void data_folder_close(struct data_folder *folder)
{
    if (folder->lock_fd >= 0)
        (void)close(folder->lock_fd);
    free(folder->path);
    *folder = (struct data_folder){.path = NULL, .lock_fd = -1};
}

char *data_folder_file(const struct data_folder *folder, const char *name)
{
    return ferry_asprintf("%s/%s", folder->path, name);
}
