#define _GNU_SOURCE /* mkostemp, pthread_setname_np */

#include "base/system.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now); /* cannot fail for the two clocks used here */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t clock_ms(clockid_t clock)
{
    return clock_us(clock) / 1000;
}

uint64_t ferry_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

uint64_t ferry_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

uint64_t ferry_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void ferry_thread_name(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name); /* without one it works as well */
}

void ferry_random_bytes(void *out, size_t len)
{
    char *to = out;

    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);

        if (got < 0 && errno != EINTR) {
            ferry_log(FERRY_LOG_ERROR, "system", "the kernel has no randomness: %m");
            abort();
        }
        if (got > 0) {
            to += got;
            len -= (size_t)got;
        }
    }
}

static ferry_err read_all(int fd, struct ferry_buf *out)
{
    char block[16384];

    for (;;) {
        ssize_t got = read(fd, block, sizeof(block));
        ferry_err err;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ferry_err_from_errno(errno);
        err = ferry_buf_append(out, block, (size_t)got); /* also with 0 bytes: an empty file is "" */
        if (err != FERRY_OK || got == 0)
            return err;
    }
}

ferry_err ferry_file_read(const char *path, struct ferry_buf *out)
{
    ferry_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ferry_err err;

    ferry_buf_reset(out);
    if (fd < 0)
        return ferry_err_from_errno(errno);
    err = read_all(fd, out);
    if (err != FERRY_OK)
        ferry_buf_reset(out);
    return err;
}

static ferry_err write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return ferry_err_from_errno(errno);
        bytes += put;
        len -= (size_t)put;
    }
    return FERRY_OK;
}

ferry_err ferry_dir_sync(const char *path)
{
    ferry_autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return ferry_err_from_errno(errno);
    return FERRY_OK;
}

/* Syncs the folder that path is in. path is as before afterwards. */
static ferry_err sync_parent(char *path)
{
    char *cut = strrchr(path, '/');
    ferry_err err;
    char kept;

    if (cut == NULL)
        return ferry_dir_sync(".");
    if (cut == path)
        cut++;
    kept = *cut;
    *cut = '\0';
    err = ferry_dir_sync(path);
    *cut = kept;
    return err;
}

static ferry_err fill_and_rename(int fd, const char *temporary, const char *path, const void *bytes, size_t len,
                                 mode_t mode)
{
    ferry_err err;

    if (fchmod(fd, mode) != 0)
        return ferry_err_from_errno(errno);
    err = write_all(fd, bytes, len);
    if (err != FERRY_OK)
        return err;
    if (fsync(fd) != 0 || rename(temporary, path) != 0)
        return ferry_err_from_errno(errno);
    return FERRY_OK;
}

ferry_err ferry_file_replace(const char *path, const void *bytes, size_t len, mode_t mode)
{
    ferry_autofree char *temporary = ferry_asprintf("%s.new-XXXXXX", path);
    ferry_autoclose int fd = -1;
    ferry_err err;

    if (temporary == NULL)
        return FERRY_E_NOMEM;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return ferry_err_from_errno(errno);
    err = fill_and_rename(fd, temporary, path, bytes, len, mode);
    if (err != FERRY_OK) {
        (void)unlink(temporary);
        return err;
    }
    return sync_parent(temporary);
}

/* Makes one folder; one that is there already is fine. */
static ferry_err make_one(char *path, mode_t mode)
{
    struct stat found;
    int made_errno;

    if (mkdir(path, mode) == 0)
        return sync_parent(path);
    made_errno = errno;
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return FERRY_OK;
    return ferry_err_from_errno(made_errno);
}

ferry_err ferry_dir_make(const char *path, mode_t mode)
{
    ferry_autofree char *part = ferry_strdup(path);

    if (part == NULL)
        return FERRY_E_NOMEM;
    for (size_t i = 1; part[0] != '\0' && part[i] != '\0'; i++) {
        ferry_err err;

        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        err = make_one(part, mode);
        part[i] = '/';
        if (err != FERRY_OK)
            return err;
    }
    return make_one(part, mode);
}
