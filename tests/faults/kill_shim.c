/**
 * @file kill_shim.c
 * @brief Preloaded into a program under test: ends it, as a power cut does, at the n-th step that changes the disk.
 *
 * A step is a call that renames, removes or syncs a file. FERRY_KILL_AT names the number; 0 only counts. The count is
 * kept in the file FERRY_KILL_COUNT, so that the test knows how many steps there are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int steps;

static void step(void)
{
    const char *at = getenv("FERRY_KILL_AT"), *count = getenv("FERRY_KILL_COUNT");
    char text[16];

    steps++;
    if (count != NULL) {
        int fd = open(count, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* it only grows */
        int len = snprintf(text, sizeof text, "%d", steps);
        if (fd >= 0 && write(fd, text, (size_t)len) > 0)
            (void)close(fd);
    }
    if (at != NULL && strtol(at, NULL, 10) == steps)
        (void)kill(getpid(), SIGKILL);
}

#define STEP(name, parameters, ...)                       \
    int name parameters                                   \
    {                                                     \
        int(*real) parameters = dlsym(RTLD_NEXT, #name);  \
        step();                                           \
        return real(__VA_ARGS__);                         \
    }

STEP(rename, (const char *from, const char *to), from, to)
STEP(renameat, (int from_fd, const char *from, int to_fd, const char *to), from_fd, from, to_fd, to)
STEP(renameat2, (int from_fd, const char *from, int to_fd, const char *to, unsigned flags), from_fd, from, to_fd, to, flags)
STEP(unlink, (const char *path), path)
STEP(unlinkat, (int fd, const char *path, int flags), fd, path, flags)
STEP(fsync, (int fd), fd)
STEP(fdatasync, (int fd), fd)
