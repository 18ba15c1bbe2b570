/**
 * @file fault_shim.c
 * @brief Preloaded into a program under test: moves its wall clock and makes its writes fail, on command.
 *
 * The commands stand in a small file that the test and the program map (FERRY_FAULTS names it), see
 * shim.py. Without the file the program runs as ever. The monotonic clock is left alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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
};

static const volatile struct commands *volatile commands;

__attribute__((constructor)) static void map_commands(void)
{
    const char *path = getenv("FERRY_FAULTS");
    if (path == NULL)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof(struct commands), PROT_READ, MAP_SHARED, fd, 0);
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

int fsync(int fd)
{
    return refused(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return refused(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}
