/**
 * @file system.h
 * @brief What the machine gives: time, randomness, whole small files.
 */
#ifndef BASE_SYSTEM_H
#define BASE_SYSTEM_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** @brief Unix time in milliseconds. Steps when the operator sets the clock. */
uint64_t ferry_wall_ms(void);
/** @brief Milliseconds since an unknown start; never goes back. */
uint64_t ferry_mono_ms(void);
/** @brief The same in microseconds, to measure with. */
uint64_t ferry_mono_us(void);
/** @brief Fills with cryptographic randomness; ends the process when the kernel has none. */
void ferry_random_bytes(void *out, size_t len);
/** @brief What the calling thread is called in top, ps and debuggers; at most 15 bytes. */
void ferry_thread_name(const char *name);

/** @brief Reads a whole file of at most out->max bytes. Errors: from errno, or LIMIT. */
FERRY_MUST_CHECK ferry_err ferry_file_read(const char *path, struct ferry_buf *out);
/** @brief Replaces a file durably: temporary file beside it, fsync, rename, fsync of the folder. */
FERRY_MUST_CHECK ferry_err ferry_file_replace(const char *path, const void *bytes, size_t len, mode_t mode);
/** @brief fsync of a folder, so that a rename in it survives a power loss. */
FERRY_MUST_CHECK ferry_err ferry_dir_sync(const char *path);
/** @brief mkdir -p with mode for what is made; FERRY_OK when it is there already. */
FERRY_MUST_CHECK ferry_err ferry_dir_make(const char *path, mode_t mode);

#endif
