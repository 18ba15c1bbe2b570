/* The files: the source of an upload, the partial file of a download, and its way to its name. */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

ferry_fault ferry__fault_of_errno(int errnum, ferry_fault other)
{
    if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG)
        return FERRY_FAULT_SPACE;
    return errnum == ENAMETOOLONG || errnum == EISDIR ? FERRY_FAULT_NAME : other;
}

void ferry__part_name(struct ferry *f)
{
    (void)snprintf(f->files.part_name, sizeof f->files.part_name, ".ferry-%s-%s.part", f->config.product,
                   f->config.device);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* --- the source --- */

static uint64_t tag_of(const struct stat *st)
{
    uint64_t tag = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

    return tag ^ (uint64_t)st->st_ino << 40 ^ (uint64_t)st->st_dev << 56;
}

ferry_device_err ferry__source_open(struct ferry *f, const char *path, uint64_t *ret_size, uint64_t *ret_tag)
{
    struct stat st;

    ferry__source_close(f);
    f->files.source_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (f->files.source_fd < 0 || fstat(f->files.source_fd, &st) != 0)
        return FERRY_DEVICE_E_SOURCE;
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : 0;
        return FERRY_DEVICE_E_ARG;
    }
    (void)posix_fadvise(f->files.source_fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret_size = (uint64_t)st.st_size;
    *ret_tag = f->files.source_tag = tag_of(&st);
    return FERRY_DEVICE_OK;
}

bool ferry__source_fits(const struct ferry *f, const ferry_action *act)
{
    struct stat st;

    return f->files.source_fd >= 0 && f->files.source_tag == act->tag && fstat(f->files.source_fd, &st) == 0 &&
           (uint64_t)st.st_size == act->size;
}

void ferry__source_read(struct ferry *f, const ferry_action *act)
{
    uint64_t left = act->size - act->offset;
    size_t want = left < FERRY__BLOCK_BYTES ? (size_t)left : FERRY__BLOCK_BYTES;
    ssize_t n = -1;

    if (ferry__source_fits(f, act))
        do
            n = pread(f->files.source_fd, f->files.block, want, (off_t)act->offset);
        while (n < 0 && errno == EINTR);
    if (n <= 0) {
        ferry__tell(f, FERRY_EV_FILE_FAILED, act->lane, FERRY_FAULT_READ);
        return;
    }
    ferry_event event = {.kind = FERRY_EV_READ, .lane = act->lane, .bytes = f->files.block, .len = (size_t)n};
    (void)ferry_device_event(&f->device, ferry__now_ms(), &event);
}

void ferry__source_close(struct ferry *f)
{
    close_fd(&f->files.source_fd);
}

/* --- the partial file --- */

ferry_device_err ferry__folder_open(struct ferry *f, const char *dir)
{
    struct stat st;

    /* Open already, unless it was removed (and perhaps made again) meanwhile. */
    if (f->files.dir_fd >= 0 && strcmp(f->files.dir, dir) == 0 && fstat(f->files.dir_fd, &st) == 0 && st.st_nlink > 0)
        return FERRY_DEVICE_OK;
    ferry__autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return FERRY_DEVICE_E_STORE;
    close_fd(&f->files.part_fd);
    close_fd(&f->files.dir_fd);
    (void)snprintf(f->files.dir, sizeof f->files.dir, "%s", dir); /* it was opened: no longer than PATH_MAX */
    f->files.dir_fd = fd;
    fd = -1;
    return FERRY_DEVICE_OK;
}

/*
 * May the name be used? Not when something is there that Ferry did not put there. The engine lets no path and no hidden
 * name of the platform's pass; one that stood in a file of ours all the time is no better.
 */
static bool name_is_free(struct ferry *f, const char *name, bool *ret_ours)
{
    *ret_ours = false;
    if (name[0] == '.' || strchr(name, '/') != NULL)
        return false;
    ferry__autoclose int fd = openat(f->files.dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    *ret_ours = ferry__received_is_ours(f, fd);
    return *ret_ours;
}

static bool has_room(int fd, uint64_t more)
{
    struct statvfs vfs;

    return fstatvfs(fd, &vfs) != 0 || (uint64_t)vfs.f_bavail * vfs.f_frsize >= more;
}

/* When it was made; where the file system does not say, its inode. (FAT has no lasting inodes, but says.) */
static bool part_id_of(int fd, uint64_t *ret_id)
{
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) != 0)
        return false;
    *ret_id = (st.stx_mask & STATX_BTIME) == 0 ? st.stx_ino
                                               : (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
    return true;
}

/* Is this the file that the snapshot speaks of? Otherwise its bytes are of another transfer, or of another time. */
static bool is_remembered(const struct ferry *f, int fd)
{
    uint64_t id;

    return part_id_of(fd, &id) && id == f->files.part_id;
}

/* Opens what is there; anew: makes another one in place of whatever has its name. */
static int part_open(struct ferry *f, bool anew)
{
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;

    if (!anew)
        return openat(f->files.dir_fd, f->files.part_name, flags);
    (void)unlinkat(f->files.dir_fd, f->files.part_name, 0);
    int fd = openat(f->files.dir_fd, f->files.part_name, flags | O_CREAT | O_EXCL, 0666);
    f->files.part_listed = false;
    if (fd >= 0 && !part_id_of(fd, &f->files.part_id))
        close_fd(&fd);
    return fd;
}

static ferry_fault part_prepare(struct ferry *f, const ferry_action *act, uint64_t *ret_usable)
{
    bool ours;
    struct stat st;
    int *fd = &f->files.part_fd;
    uint64_t usable = act->offset;

    if (f->files.dir_fd < 0)
        return FERRY_FAULT_WRITE;
    f->receiving = true;
    if (!name_is_free(f, act->name, &ours))
        return FERRY_FAULT_NAME;
    if (usable > 0 && *fd < 0)
        *fd = part_open(f, false);
    if (*fd < 0 || fstat(*fd, &st) != 0 || (uint64_t)st.st_size < usable || !is_remembered(f, *fd))
        usable = 0;
    if (usable == 0) {
        close_fd(fd);
        *fd = part_open(f, true);
    }
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return ferry__fault_of_errno(errno, FERRY_FAULT_WRITE);
    uint64_t held = (uint64_t)st.st_blocks * 512;
    if (!has_room(*fd, act->size > held ? act->size - held : 0))
        return FERRY_FAULT_SPACE;
    /* Reserve it, where the file system can: then it cannot run out in the middle. */
    if (fallocate(*fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)act->size) != 0 && errno == ENOSPC)
        return FERRY_FAULT_SPACE;
    f->files.written_back = usable;
    *ret_usable = usable;
    return FERRY_FAULT_NONE;
}

bool ferry__part_sync(struct ferry *f)
{
    struct ferry__files *s = &f->files;

    if (s->part_fd < 0)
        return true;
    if (fdatasync(s->part_fd) != 0)
        return false;
    if (!s->part_listed) /* its entry in the folder: once */
        s->part_listed = fsync(s->dir_fd) == 0;
    return s->part_listed;
}

void ferry__part_open(struct ferry *f, const ferry_action *act)
{
    ferry_event event = {.kind = FERRY_EV_OPENED, .lane = act->lane};
    ferry_fault fault = part_prepare(f, act, &event.offset);

    if (fault != FERRY_FAULT_NONE)
        ferry__tell(f, FERRY_EV_FILE_FAILED, act->lane, fault);
    else
        (void)ferry_device_event(&f->device, ferry__now_ms(), &event);
}

ferry_fault ferry__part_write(struct ferry *f, const void *bytes, size_t len, uint64_t offset)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = pwrite(f->files.part_fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ferry__fault_of_errno(errno, FERRY_FAULT_WRITE);
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    if (offset >= f->files.written_back + FERRY__WRITEBACK_BYTES) { /* so that the sync at the end is short */
        (void)sync_file_range(f->files.part_fd, (off_t)f->files.written_back, (off_t)(offset - f->files.written_back),
                              SYNC_FILE_RANGE_WRITE);
        f->files.written_back = offset;
    }
    return FERRY_FAULT_NONE;
}

static ferry_fault rename_part(struct ferry *f, const char *name)
{
    bool ours;

    if (!name_is_free(f, name, &ours))
        return FERRY_FAULT_NAME;
    if (renameat2(f->files.dir_fd, f->files.part_name, f->files.dir_fd, name, ours ? 0 : RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST)
            return FERRY_FAULT_NAME;
        if (errno != EINVAL || renameat(f->files.dir_fd, f->files.part_name, f->files.dir_fd, name) != 0)
            return ferry__fault_of_errno(errno, FERRY_FAULT_WRITE);
    }
    return fsync(f->files.dir_fd) == 0 ? FERRY_FAULT_NONE : FERRY_FAULT_WRITE;
}

/* Renamed before the last reboot, but not reported: it is the very file, under its name now. */
static bool committed_already(struct ferry *f, const ferry_action *act)
{
    ferry__autoclose int fd = openat(f->files.dir_fd, act->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 && is_remembered(f, fd) && ferry__received_is_ours(f, fd);
}

static ferry_fault part_commit(struct ferry *f, const ferry_action *act)
{
    struct stat st;
    int *fd = &f->files.part_fd;

    if (f->files.dir_fd < 0)
        return FERRY_FAULT_WRITE;
    if (*fd < 0)
        *fd = part_open(f, false);
    if (*fd < 0 || fstat(*fd, &st) != 0 || (uint64_t)st.st_size < act->size || !is_remembered(f, *fd)) {
        close_fd(fd);
        return committed_already(f, act) ? FERRY_FAULT_NONE : FERRY_FAULT_GONE;
    }
    if (ftruncate(*fd, (off_t)act->size) != 0)
        return ferry__fault_of_errno(errno, FERRY_FAULT_WRITE);
    ferry_fault fault = ferry__received_sync(f, *fd);
    if (fault == FERRY_FAULT_NONE)
        fault = rename_part(f, act->name);
    if (fault == FERRY_FAULT_NONE)
        close_fd(fd);
    return fault;
}

void ferry__part_commit(struct ferry *f, const ferry_action *act)
{
    ferry_fault fault = part_commit(f, act);

    f->state.is_noted &= fault == FERRY_FAULT_NONE;
    ferry__tell(f, fault == FERRY_FAULT_NONE ? FERRY_EV_COMMITTED : FERRY_EV_FILE_FAILED, act->lane, fault);
}

void ferry__part_discard(struct ferry *f)
{
    close_fd(&f->files.part_fd);
    if (f->files.dir_fd >= 0 && unlinkat(f->files.dir_fd, f->files.part_name, 0) == 0)
        (void)fsync(f->files.dir_fd); /* or it would be back after a power cut, and nobody's */
}

void ferry__files_done(struct ferry *f)
{
    close_fd(&f->files.source_fd);
    close_fd(&f->files.part_fd);
    close_fd(&f->files.dir_fd);
    f->files.dir[0] = '\0';
    free(f->files.block);
    f->files.block = NULL;
}
