#include "ferryctl_memory.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

void *ctl_check(void *ptr)
{
    if (ptr == NULL) {
        (void)fputs("ferryctl: out of memory\n", stderr);
        exit(1);
    }
    return ptr;
}

void *ctl_realloc(void *ptr, size_t bytes)
{
    return ctl_check(ferry_realloc(ptr, bytes));
}

char *ctl_strdup(const char *text)
{
    return ctl_check(ferry_strdup(text));
}
