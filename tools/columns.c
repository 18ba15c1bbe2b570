#include "columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* One character at p; its bytes, 0 when they are no UTF-8. */
static size_t decode(const unsigned char *p, uint32_t *ret_char)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t bytes = 1; bytes <= 4; bytes++) {
        if ((p[0] & forms[bytes - 1].mask) != forms[bytes - 1].lead)
            continue;
        uint32_t c = p[0] & (uint32_t)(unsigned char)~forms[bytes - 1].mask;
        for (size_t i = 1; i < bytes; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (p[i] & 0x3f);
        }
        if (c < forms[bytes - 1].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return 0;
        *ret_char = c;
        return bytes;
    }
    return 0;
}

/* The ranges that matter in names: East Asian wide and emoji take two columns, combining marks none. */
static size_t width_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        size_t width;
    } ranges[] = {
        {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0},   {0x20d0, 0x20ff, 0},   {0xfe00, 0xfe0f, 0},
        {0x1100, 0x115f, 2},   {0x2e80, 0x303e, 2},   {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},
        {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},
        {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].width;
    }
    return 1;
}

static bool is_control(uint32_t c)
{
    /* ... and the marks that turn the direction of writing, with which a name can look like another */
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The character at p: its bytes (1 for what is no UTF-8) and its columns. */
static size_t step(const char *p, size_t *ret_columns)
{
    uint32_t c;
    size_t bytes = decode((const unsigned char *)p, &c);

    *ret_columns = bytes == 0 ? 1 : width_of(c);
    return bytes == 0 ? 1 : bytes;
}

size_t columns_of(const char *text)
{
    size_t width = 0, columns;

    for (const char *p = text; *p != '\0'; width += columns)
        p += step(p, &columns);
    return width;
}

size_t columns_cut(const char *text, size_t columns)
{
    const char *p = text;

    for (size_t wide; *p != '\0'; columns -= wide) {
        size_t bytes = step(p, &wide);
        if (wide > columns)
            break;
        p += bytes;
    }
    return (size_t)(p - text);
}

void columns_clean(const char *text, char *out)
{
    size_t bytes;
    uint32_t c;

    for (const char *p = text; *p != '\0'; p += bytes) {
        bytes = decode((const unsigned char *)p, &c);
        if (bytes == 0 || is_control(c)) {
            *out++ = '?';
            bytes = bytes == 0 ? 1 : bytes;
        } else {
            memmove(out, p, bytes); /* out may be text itself */
            out += bytes;
        }
    }
    *out = '\0';
}
