/**
 * @file step_shim.c
 * @brief Preloaded into a device: numbers its steps, and kills it at one of them.
 *
 * A step is a call that changes what survives the process: files of the watched folders that are made, written,
 * cut, synced, renamed or removed, folders that are synced, and what is said on a socket. Of a long body a step
 * is each GRAIN bytes. The test's side is steps.py. It gives
 *
 *   FERRY_STEPS        a folder of the test, where the shim keeps
 *                        log       a line per call: number (0: no step), what, inode, path, other path or bytes
 *                        image.I   what inode I held when it was last synced: what a power cut leaves of it
 *                        victim.N  what the rename or the unlink of step N made unreachable
 *   FERRY_STEPS_ROOTS  the watched folders, with a colon between them
 *   FERRY_STEPS_KILL   "before 7" or "after 7"; not set: nobody is killed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, LINE_SIZE = 2 * PATH_SIZE + 128, GRAIN = 256 * 1024, SHORT_MESSAGE = 2048 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a step and its line in the log are one */
static const char *folder, *roots;
static int log_fd = -1;
static unsigned number, kill_at;
static bool kill_after;
static unsigned long long sent, received, written, written_inode;

__attribute__((constructor)) static void read_orders(void)
{
    char path[PATH_SIZE];
    const char *order = getenv("FERRY_STEPS_KILL");

    folder = getenv("FERRY_STEPS");
    roots = getenv("FERRY_STEPS_ROOTS");
    if (folder == NULL || roots == NULL)
        return;
    (void)snprintf(path, sizeof path, "%s/log", folder);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (order == NULL)
        return;
    kill_after = order[0] == 'a';
    kill_at = (unsigned)strtoul(strchr(order, ' ') + 1, NULL, 10);
}

/* --- which calls count ------------------------------------------------------------------------- */

static bool watched(const char *path)
{
    for (const char *root = roots; log_fd >= 0 && root != NULL; root = strchr(root, ':')) {
        root += *root == ':';
        size_t len = strcspn(root, ":");
        if (strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0'))
            return true;
    }
    return false;
}

static bool path_of(int fd, char out[PATH_SIZE])
{
    char link[32];

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, out, PATH_SIZE - 1);
    out[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

static bool path_at(int dir, const char *name, char out[PATH_SIZE])
{
    char base[PATH_SIZE];
    int len = -1;

    if (name[0] == '/')
        len = snprintf(out, PATH_SIZE, "%s", name);
    else if (dir != AT_FDCWD && path_of(dir, base))
        len = snprintf(out, PATH_SIZE, "%s/%s", base, name);
    return len > 0 && len < PATH_SIZE && watched(out);
}

/* A file of a watched folder. */
static bool file_of(int fd, char path[PATH_SIZE], struct stat *st)
{
    return log_fd >= 0 && path_of(fd, path) && watched(path) && fstat(fd, st) == 0;
}

/* A connection to somewhere; libraries talk to themselves through pairs of sockets. */
static bool is_connection(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    int saved = errno;
    bool is = log_fd >= 0 && getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
              (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);

    errno = saved;
    return is;
}

/* --- steps ------------------------------------------------------------------------------------- */

static void die(void)
{
    (void)syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* The number of the step that begins now. */
static unsigned begin(void)
{
    (void)pthread_mutex_lock(&lock);
    if (++number == kill_at && !kill_after)
        die();
    return number;
}

static void note(unsigned n, const char *what, unsigned long long inode, const char *path, const char *other)
{
    char line[LINE_SIZE];
    int len = snprintf(line, sizeof line, "%u\t%s\t%llu\t%s\t%s\n", n, what, inode, path, other);

    (void)!syscall(SYS_write, log_fd, line, (size_t)len);
}

static void end(unsigned n)
{
    if (n == kill_at && kill_after)
        die();
    (void)pthread_mutex_unlock(&lock);
}

static void note_file(unsigned n, const char *what, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0)
        note(n, what, st.st_ino, path, "");
}

/* What the call is about to make unreachable stays for the test. */
static void keep_victim(unsigned n, const char *path)
{
    char victim[PATH_SIZE];

    (void)snprintf(victim, sizeof victim, "%s/victim.%u", folder, n);
    (void)syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, victim, 0);
}

/* What is durable of the file from now on. */
static void keep_image(const char *path, unsigned long long inode)
{
    char image[PATH_SIZE];
    struct stat st;

    (void)snprintf(image, sizeof image, "%s/image.%llu", folder, inode);
    int in = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    int out = (int)syscall(SYS_openat, AT_FDCWD, image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (in >= 0 && out >= 0 && fstat(in, &st) == 0)
        for (off_t at = 0; at < st.st_size;)
            if (sendfile(out, in, &at, (size_t)(st.st_size - at)) <= 0)
                break;
    (void)close(in);
    (void)close(out);
}

/* --- the calls: entries of folders --------------------------------------------------------------- */

static int open_at(int dir, const char *name, int flags, mode_t mode)
{
    char path[PATH_SIZE];
    bool makes = (flags & (O_CREAT | O_TRUNC)) != 0 && path_at(dir, name, path);
    bool there = makes && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    if (!makes || (there && (flags & O_TRUNC) == 0))
        return (int)syscall(SYS_openat, dir, name, flags, mode);
    unsigned n = begin();
    int fd = (int)syscall(SYS_openat, dir, name, flags, mode);
    if (fd >= 0)
        note_file(n, there ? "cut" : "make", path);
    written_inode = 0; /* numbers of inodes are used again */
    end(n);
    return fd;
}

#define WITH_MODE(flags, mode)             \
    do {                                   \
        va_list args;                      \
        va_start(args, flags);             \
        if (((flags)&O_CREAT) != 0)        \
            (mode) = va_arg(args, mode_t); \
        va_end(args);                      \
    } while (0)

int open(const char *name, int flags, ...)
{
    mode_t mode = 0;

    WITH_MODE(flags, mode);
    return open_at(AT_FDCWD, name, flags, mode);
}

int openat(int dir, const char *name, int flags, ...)
{
    mode_t mode = 0;

    WITH_MODE(flags, mode);
    return open_at(dir, name, flags, mode);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char old[PATH_SIZE], new[PATH_SIZE];
    bool counts = path_at(from_dir, from, old) && path_at(to_dir, to, new);

    if (!counts)
        return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    unsigned n = begin();
    keep_victim(n, new);
    int rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (rc == 0)
        note(n, "rename", 0, old, new);
    end(n);
    return rc;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir, const char *name, int flags)
{
    char path[PATH_SIZE];

    if (!path_at(dir, name, path))
        return (int)syscall(SYS_unlinkat, dir, name, flags);
    unsigned n = begin();
    keep_victim(n, path);
    int rc = (int)syscall(SYS_unlinkat, dir, name, flags);
    if (rc == 0)
        note(n, "unlink", 0, path, "");
    end(n);
    return rc;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int mkdir(const char *name, mode_t mode)
{
    char path[PATH_SIZE];

    if (!path_at(AT_FDCWD, name, path) || faccessat(AT_FDCWD, path, F_OK, 0) == 0)
        return (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    unsigned n = begin();
    int rc = (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    if (rc == 0)
        note_file(n, "mkdir", path);
    end(n);
    return rc;
}

/* --- the calls: bytes of files --------------------------------------------------------------------- */

static int sync_with(long call, int fd)
{
    char path[PATH_SIZE];
    struct stat st;

    if (!file_of(fd, path, &st))
        return (int)syscall(call, fd);
    unsigned n = begin();
    int rc = (int)syscall(call, fd);
    if (rc == 0 && !S_ISDIR(st.st_mode))
        keep_image(path, st.st_ino);
    if (rc == 0)
        note(n, S_ISDIR(st.st_mode) ? "dirsync" : "sync", st.st_ino, path, "");
    end(n);
    return rc;
}

int fsync(int fd)
{
    return sync_with(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_with(SYS_fdatasync, fd);
}

/* Small writes are steps; of many in a row to one file, the first and each that reaches the next grain. */
static bool write_counts(unsigned long long inode, size_t len)
{
    unsigned long long before = written_inode == inode ? written : 0;

    written = before + len;
    written_inode = inode;
    return before == 0 || before / GRAIN != written / GRAIN;
}

static ssize_t write_file(int fd, const void *bytes, size_t len, off_t at, const char *path, unsigned long long inode)
{
    unsigned n = write_counts(inode, len) ? begin() : 0;
    ssize_t rc = at < 0 ? syscall(SYS_write, fd, bytes, len) : syscall(SYS_pwrite64, fd, bytes, len, at);

    if (n == 0)
        return rc;
    if (rc >= 0)
        note(n, "write", inode, path, "");
    end(n);
    return rc;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    char path[PATH_SIZE];
    struct stat st;

    if (!file_of(fd, path, &st))
        return syscall(SYS_pwrite64, fd, bytes, len, at);
    return write_file(fd, bytes, len, at, path, st.st_ino);
}

int ftruncate(int fd, off_t size)
{
    char path[PATH_SIZE];
    struct stat st;

    if (!file_of(fd, path, &st))
        return (int)syscall(SYS_ftruncate, fd, size);
    unsigned n = begin();
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    if (rc == 0)
        note(n, "cut", st.st_ino, path, "");
    end(n);
    return rc;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    char path[PATH_SIZE];
    struct stat st;

    if (!file_of(fd, path, &st))
        return (int)syscall(SYS_fallocate, fd, mode, offset, len);
    unsigned n = begin();
    int rc = (int)syscall(SYS_fallocate, fd, mode, offset, len);
    if (rc == 0)
        note(n, "reserve", st.st_ino, path, "");
    end(n);
    return rc;
}

/* --- the calls: what is said and heard ------------------------------------------------------------- */

static void note_bytes(unsigned n, const char *what, ssize_t len)
{
    char text[24];

    if (len <= 0)
        return;
    (void)snprintf(text, sizeof text, "%zd", len);
    note(n, what, 0, "", text);
}

/* Short ones are messages to the broker and heads of requests; of long ones, each grain counts. */
static bool wire_counts(unsigned long long *total, size_t len, bool short_ones)
{
    unsigned long long before = *total;

    *total += len;
    return (short_ones && len <= SHORT_MESSAGE) || before / GRAIN != *total / GRAIN;
}

static ssize_t say(int fd, const void *bytes, size_t len, int flags)
{
    unsigned n = wire_counts(&sent, len, true) ? begin() : 0;
    ssize_t rc = syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);

    note_bytes(n, "send", rc);
    if (n != 0)
        end(n);
    return rc;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    return is_connection(fd) ? say(fd, bytes, len, flags) : syscall(SYS_sendto, fd, bytes, len, flags, NULL, 0);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    char path[PATH_SIZE];
    struct stat st;

    if (file_of(fd, path, &st))
        return write_file(fd, bytes, len, -1, path, st.st_ino);
    return is_connection(fd) ? say(fd, bytes, len, 0) : syscall(SYS_write, fd, bytes, len);
}

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    ssize_t rc = syscall(SYS_recvfrom, fd, bytes, len, flags, NULL, NULL);
    int saved = errno;

    if (rc > 0 && is_connection(fd)) {
        unsigned n = wire_counts(&received, (size_t)rc, false) ? begin() : 0;
        note_bytes(n, "recv", rc);
        if (n != 0)
            end(n);
    }
    errno = saved;
    return rc;
}
