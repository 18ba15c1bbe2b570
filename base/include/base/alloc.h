/**
 * @file alloc.h
 * @brief The allocation functions of hosted code: as libc's, with a counter that tests can arm.
 *
 * Memory is freed with free(). Any thread.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

/** @brief Null on failure, as malloc(3). */
void *ferry_malloc(size_t bytes) __attribute__((malloc));
/** @brief Zeroed; null on failure or overflow of count * bytes. */
void *ferry_calloc(size_t count, size_t bytes) __attribute__((malloc));
/** @brief As realloc(3); the old block stays valid on failure. */
void *ferry_realloc(void *ptr, size_t bytes);
/** @brief Null on failure. */
char *ferry_strdup(const char *text) __attribute__((malloc));
/** @brief printf into a new string; null on failure. */
char *ferry_asprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * @brief For tests: the n-th allocation from now (1 = the next) fails once. 0 disarms.
 */
void ferry_alloc_fail_at(unsigned long nth);

#endif
