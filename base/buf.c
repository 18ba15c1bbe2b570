#include "base/buf.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

/* Makes room for len more bytes and the NUL. */
static ferry_err reserve(struct ferry_buf *buf, size_t len)
{
    size_t need, cap;
    char *data;

    if (buf->len > buf->max || len > buf->max - buf->len || len >= SIZE_MAX - buf->len)
        return FERRY_E_LIMIT;
    need = buf->len + len + 1;
    if (need <= buf->cap)
        return FERRY_OK;
    cap = buf->cap > SIZE_MAX / 2 ? need : buf->cap * 2;
    if (cap < FIRST_CAP)
        cap = FIRST_CAP;
    if (buf->max < SIZE_MAX && cap > buf->max + 1)
        cap = buf->max + 1;
    if (cap < need)
        cap = need;
    data = ferry_realloc(buf->data, cap);
    if (data == NULL)
        return FERRY_E_NOMEM;
    buf->data = data;
    buf->cap = cap;
    return FERRY_OK;
}

ferry_err ferry_buf_append(struct ferry_buf *buf, const void *bytes, size_t len)
{
    ferry_err err = reserve(buf, len);

    if (err != FERRY_OK)
        return err;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return FERRY_OK;
}

ferry_err ferry_buf_append_str(struct ferry_buf *buf, const char *text)
{
    return ferry_buf_append(buf, text, strlen(text));
}

ferry_err ferry_buf_printf(struct ferry_buf *buf, const char *format, ...)
{
    va_list args;
    ferry_err err;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return FERRY_E_LIMIT;
    err = reserve(buf, (size_t)len);
    if (err != FERRY_OK)
        return err;
    va_start(args, format);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return FERRY_OK;
}

void ferry_buf_reset(struct ferry_buf *buf)
{
    buf->len = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void ferry_buf_done(struct ferry_buf *buf)
{
    free(buf->data);
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
}
