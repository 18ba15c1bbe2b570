/**
 * @file alloc_shim.c
 * @brief Preloaded into a program under test: the n-th allocation fails, once.
 *
 *   FERRY_ALLOC_FAIL_AT   the number; 0 only counts
 *   FERRY_ALLOC_COUNT     a file that has the number of allocations when the program has ended
 *
 * A crash is told on standard error with the name of the module that it is in, or that has called libc with what it could not bear.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *ptr, size_t bytes);
void alloc_shim_fails(void);

static atomic_ulong count;
static unsigned long fail_at;
static bool armed;
static char count_path[512];

/* --- crashes --------------------------------------------------------------------------------------- */

static bool is_of_the_system(const char *module)
{
    return strstr(module, "alloc_shim") != NULL || strstr(module, "/libc.so") != NULL || strstr(module, "/ld-linux") != NULL ||
           strstr(module, "/libgcc") != NULL;
}

static void on_crash(int number)
{
    void *frames[32];
    Dl_info info = {.dli_fname = "?"};
    char line[600];
    int depth = backtrace(frames, 32);
    for (int i = 0; i < depth; i++)
        if (dladdr(frames[i], &info) != 0 && !is_of_the_system(info.dli_fname))
            break;
    int len = snprintf(line, sizeof line, "alloc_shim: crash in %s\n", info.dli_fname);
    (void)!write(STDERR_FILENO, line, (size_t)len);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void watch_crashes(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    void *frame;
    (void)backtrace(&frame, 1); /* it allocates when it is called first */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)signal(numbers[i], on_crash);
}

/* --- orders ---------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void read_orders(void)
{
    const char *at = getenv("FERRY_ALLOC_FAIL_AT"), *path = getenv("FERRY_ALLOC_COUNT");
    if (at == NULL)
        return;
    watch_crashes();
    if (path != NULL)
        (void)snprintf(count_path, sizeof count_path, "%s", path);
    fail_at = strtoul(at, NULL, 10);
    (void)unsetenv("LD_PRELOAD"); /* what it starts is not meant */
    armed = true;
}

__attribute__((destructor)) static void write_count(void)
{
    char text[24];
    int fd = armed && count_path[0] != '\0' ? open(count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    int len = snprintf(text, sizeof text, "%lu", atomic_load(&count));
    (void)!write(fd, text, (size_t)len);
    (void)close(fd);
}

/* A place for a debugger to stop at. */
__attribute__((noinline)) void alloc_shim_fails(void)
{
    __asm__ volatile("" ::: "memory");
}

static bool fails(void)
{
    if (!armed || atomic_fetch_add(&count, 1) + 1 != fail_at)
        return false;
    alloc_shim_fails();
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes)
{
    return fails() ? NULL : __libc_calloc(number, bytes);
}

void *realloc(void *ptr, size_t bytes)
{
    return fails() ? NULL : __libc_realloc(ptr, bytes);
}
