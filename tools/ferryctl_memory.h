/**
 * @file ferryctl_memory.h
 * @brief Allocation for a command that cannot do anything useful without memory: it says so and ends with status 1.
 */
#ifndef TOOLS_FERRYCTL_MEMORY_H
#define TOOLS_FERRYCTL_MEMORY_H

#include <stddef.h>

void *ctl_realloc(void *ptr, size_t bytes);
char *ctl_strdup(const char *text);
/** @brief Passes a pointer on, unless it is null. */
void *ctl_check(void *ptr);

#endif
