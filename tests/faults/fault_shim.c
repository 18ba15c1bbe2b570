/**
 * @file fault_shim.c
 * @brief Preloaded into a program under test: moves its wall clock, makes its writes and its resolver fail, and ends it at a
 *        step that makes something durable, on command.
 *
 * The commands stand in a small file that the test and the program map (FERRY_FAULTS names it), see
 * shim.py. Without the file the program runs as ever. The monotonic clock is left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* the same layout as in shim.py */
struct commands {
    int64_t wall_offset_ms;
    int32_t write_errno; /* 0: writes work */
    char write_path[244]; /* part of the path of the files whose writes fail */
    int32_t resolver;
    int32_t crash_call;  /* 0: none */
    int32_t crash_after; /* else before */
    int32_t crash_skip;  /* calls that fit and go by; counted down here */
    char crash_path[240];
};

enum { CALL_SYNC = 1, CALL_RENAME, CALL_UNLINK };

static volatile struct commands *volatile commands;

__attribute__((constructor)) static void map_commands(void)
{
    const char *path = getenv("FERRY_FAULTS");
    if (path == NULL)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(struct commands), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (map != MAP_FAILED)
        commands = map;
}

/* --- the clock ---------------------------------------------------------------------------------- */

static int64_t offset_ms(void)
{
    return commands == NULL ? 0 : commands->wall_offset_ms;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    if (syscall(SYS_clock_gettime, id, ret) != 0)
        return -1;
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
        int64_t ns = ret->tv_nsec + offset_ms() % 1000 * 1000000;
        ret->tv_sec += offset_ms() / 1000 + (ns >= 1000000000) - (ns < 0);
        ret->tv_nsec = (ns + 1000000000) % 1000000000;
    }
    return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (ret != NULL)
        *ret = now.tv_sec;
    return now.tv_sec;
}

/* --- the disk ----------------------------------------------------------------------------------- */

/* true: the call must fail, errno is set */
static int refused(int fd)
{
    char link[32], path[512];
    int failure = commands == NULL ? 0 : commands->write_errno;
    if (failure == 0)
        return 0;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len <= 0)
        return 0;
    path[len] = '\0';
    if (strstr(path, (const char *)commands->write_path) == NULL)
        return 0;
    errno = failure;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return refused(fd) ? -1 : syscall(SYS_write, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return refused(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return refused(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

/* --- sudden death ------------------------------------------------------------------------------- */

static int path_of(int fd, char path[512])
{
    char link[32];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, 511);
    path[len < 0 ? 0 : len] = '\0';
    return len > 0;
}

/* 1: this is the call at which the program ends */
static int is_the_end(int call, const char *path)
{
    if (commands == NULL || commands->crash_call != call || strstr(path, (const char *)commands->crash_path) == NULL)
        return 0;
    return __atomic_fetch_sub(&commands->crash_skip, 1, __ATOMIC_SEQ_CST) == 0;
}

static void die(void)
{
    (void)syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

/* The call itself stands between the two. */
#define DURABLE_STEP(call, path, run)           \
    int ends = is_the_end(call, path);          \
    if (ends && !commands->crash_after)         \
        die();                                  \
    int result = (int)(run);                    \
    if (ends)                                   \
        die();                                  \
    return result

static int sync_file(int fd, long number)
{
    char path[512];
    if (refused(fd))
        return -1;
    if (!path_of(fd, path))
        return (int)syscall(number, fd);
    DURABLE_STEP(CALL_SYNC, path, syscall(number, fd));
}

int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}

int syncfs(int fd)
{
    char path[512], all[544];
    if (!path_of(fd, path))
        return (int)syscall(SYS_syncfs, fd);
    (void)snprintf(all, sizeof all, "all of %s", path);
    DURABLE_STEP(CALL_SYNC, all, syscall(SYS_syncfs, fd));
}

/* The path as the program gives it: below a folder that it holds open. */
int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    char both[1024];
    (void)snprintf(both, sizeof both, "from %s to %s", from, to);
    DURABLE_STEP(CALL_RENAME, both, syscall(SYS_renameat2, from_dir, from, to_dir, to, 0));
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int dir, const char *name, int flags)
{
    DURABLE_STEP(CALL_UNLINK, name, syscall(SYS_unlinkat, dir, name, flags));
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

/* --- names ---------------------------------------------------------------------------------------- */

enum { RESOLVES, FAILS, UNKNOWN, SILENT, WRONG }; /* as in shim.py */
enum { LOOK_AGAIN_US = 20000 };

#define NOBODY "255.255.255.255" /* no connection leads there */

static int resolver(void)
{
    return commands == NULL ? RESOLVES : commands->resolver;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    int is_silent = resolver() == SILENT;
    while (resolver() == SILENT)
        (void)usleep(LOOK_AGAIN_US);
    if (is_silent || resolver() == FAILS)
        return EAI_AGAIN;
    if (resolver() == UNKNOWN)
        return EAI_NONAME;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(resolver() == WRONG && node != NULL ? NOBODY : node, service, hints, ret);
}
