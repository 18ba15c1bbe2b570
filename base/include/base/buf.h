/**
 * @file buf.h
 * @brief A growing byte buffer that cannot be made without its maximum.
 *
 * The content is always followed by a NUL that is not counted in len, so data is a C string when
 * no NUL was appended. Not thread-safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/error.h"

#include <stddef.h>
#include <stdarg.h>

struct ferry_buf {
    char *data; /**< null until the first append */
    size_t len;
    size_t cap;
    size_t max; /**< len never exceeds it */
};

#define FERRY_BUF_INIT(max_bytes) ((struct ferry_buf){.data = NULL, .len = 0, .cap = 0, .max = (max_bytes)})

/** @retval FERRY_E_LIMIT the maximum would be passed; nothing was appended
 *  @retval FERRY_E_NOMEM nothing was appended */
FERRY_MUST_CHECK ferry_err ferry_buf_append(struct ferry_buf *buf, const void *bytes, size_t len);
FERRY_MUST_CHECK ferry_err ferry_buf_append_str(struct ferry_buf *buf, const char *text);
FERRY_MUST_CHECK ferry_err ferry_buf_printf(struct ferry_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** @brief Empties it and keeps the memory. */
void ferry_buf_reset(struct ferry_buf *buf);
/** @brief Frees the memory; the buffer can be used again. Accepts an all-zero buffer. */
void ferry_buf_done(struct ferry_buf *buf);

#define ferry_autobuf __attribute__((cleanup(ferry_buf_done))) struct ferry_buf

#endif
