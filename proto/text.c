#include "proto/text.h"

#include "proto/limits.h"
#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* RFC 3629, 4: no bytes that cannot be, none missing, no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t ferry__utf8_bytes(const char *p, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c;
    size_t bytes;

    if (len == 0)
        return 0;
    c = (uint8_t)p[0];
    if (c < 0x80)
        return 1;
    bytes = c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
    if (bytes == 0 || len < bytes)
        return 0;
    c &= 0x7fu >> bytes;
    for (size_t i = 1; i < bytes; i++) {
        if (((uint8_t)p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | ((uint8_t)p[i] & 0x3f);
    }
    return c < least[bytes] || c > 0x10ffff || c >> 11 == 0xd800 >> 11 ? 0 : bytes;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_ident(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           c == '-';
}

static bool all_are(ferry_text text, bool (*is)(char))
{
    if (text.ptr == NULL)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is(text.ptr[i]))
            return false;
    return true;
}

/* One Unicode control character of the given bytes. */
static bool is_control(const char *p, size_t bytes)
{
    uint8_t first = (uint8_t)p[0];

    return bytes == 1 ? first < 0x20 || first == 0x7f : first == 0xc2 && (uint8_t)p[1] < 0xa0;
}

ferry_text ferry_text_of(const char *text)
{
    ferry_text view = {text, 0};

    if (text != NULL)
        view.len = strlen(text);
    return view;
}

bool ferry_text_equal(ferry_text a, ferry_text b)
{
    if (a.ptr == NULL || b.ptr == NULL)
        return a.ptr == b.ptr;
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

bool ferry_text_copy(ferry_text text, char *out, size_t cap)
{
    if (cap == 0)
        return false;
    out[0] = '\0';
    if (text.ptr == NULL || text.len >= cap || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

bool ferry_ident_valid(ferry_text text)
{
    return text.len >= 1 && text.len <= FERRY_IDENT_MAX && all_are(text, is_ident);
}

bool ferry_name_valid(ferry_text text)
{
    size_t bytes;

    if (text.ptr == NULL || text.len < 1 || text.len > FERRY_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i += bytes) {
        bytes = ferry__utf8_bytes(text.ptr + i, text.len - i);
        if (bytes == 0 || is_control(text.ptr + i, bytes))
            return false;
    }
    return true;
}

bool ferry_name_portable(ferry_text text)
{
    if (!ferry_name_valid(text) || text.len > FERRY_NAME_VENDOR_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (strchr("\"\\{}[]", text.ptr[i]) != NULL)
            return false;
    return true;
}

bool ferry_md5_valid(ferry_text text)
{
    return text.len == FERRY_MD5_HEX && all_are(text, is_hex);
}

bool ferry_utf8_valid(ferry_text text)
{
    size_t bytes;

    if (text.ptr == NULL)
        return false;
    for (size_t i = 0; i < text.len; i += bytes) {
        bytes = ferry__utf8_bytes(text.ptr + i, text.len - i);
        if (bytes == 0)
            return false;
    }
    return true;
}

ferry_text ferry_utf8_cut(ferry_text text, size_t max)
{
    size_t bytes, i;

    if (text.len <= max)
        return text;
    for (i = 0; i < max; i += bytes) {
        bytes = ferry__utf8_bytes(text.ptr + i, text.len - i);
        if (bytes == 0)
            bytes = 1; /* a byte that is not UTF-8 stands for itself */
        if (i + bytes > max)
            break;
    }
    text.len = i;
    return text;
}
