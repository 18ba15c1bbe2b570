#define _GNU_SOURCE /* vasprintf */

#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Allocations left until one fails; 0: not armed. The only state, and only tests set it. */
static atomic_ulong countdown;

static int must_fail(void)
{
    unsigned long left = atomic_load_explicit(&countdown, memory_order_relaxed);

    while (left != 0)
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
            return left == 1;
    return 0;
}

void *ferry_malloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes);
}

void *ferry_calloc(size_t count, size_t bytes)
{
    size_t product;

    /* asked first: sanitizers end the process where calloc(3) returns null */
    if (must_fail() || __builtin_mul_overflow(count, bytes, &product))
        return NULL;
    return calloc(count, bytes);
}

void *ferry_realloc(void *ptr, size_t bytes)
{
    return must_fail() ? NULL : realloc(ptr, bytes);
}

char *ferry_strdup(const char *text)
{
    return must_fail() ? NULL : strdup(text);
}

char *ferry_asprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    if (must_fail())
        return NULL;
    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    return len < 0 ? NULL : text;
}

void ferry_alloc_fail_at(unsigned long nth)
{
    atomic_store(&countdown, nth);
}
