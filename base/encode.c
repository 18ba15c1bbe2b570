#include "base/encode.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int base64_value(char c)
{
    const char *at = c != '\0' ? strchr(base64_digits, c) : NULL;

    return at != NULL ? (int)(at - base64_digits) : -1;
}

void ferry_hex_encode(const void *bytes, size_t len, char *out)
{
    const uint8_t *in = bytes;

    for (size_t i = 0; i < len; i++) {
        *out++ = hex_digits[in[i] >> 4];
        *out++ = hex_digits[in[i] & 15];
    }
    *out = '\0';
}

ferry_err ferry_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len)
{
    if (text_len % 2 != 0 || text_len / 2 != len)
        return FERRY_E_FORMAT;
    for (size_t i = 0; i < text_len; i++)
        if (hex_value(text[i]) < 0)
            return FERRY_E_FORMAT;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return FERRY_OK;
}

void ferry_base64_encode(const void *bytes, size_t len, char *out)
{
    const uint8_t *in = bytes;

    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)in[i] << 16;

        if (have > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (have > 2)
            group |= in[i + 2];
        *out++ = base64_digits[group >> 18];
        *out++ = base64_digits[group >> 12 & 63];
        *out++ = have > 1 ? base64_digits[group >> 6 & 63] : '=';
        *out++ = have > 2 ? base64_digits[group & 63] : '=';
    }
    *out = '\0';
}

/* Characters before the padding, or FERRY_E_FORMAT for padding that does not fill a group of four. */
static ferry_err strip_padding(const char *text, size_t *len)
{
    size_t stripped = *len;

    while (stripped > 0 && *len - stripped < 2 && text[stripped - 1] == '=')
        stripped--;
    if (stripped % 4 == 1 || (stripped != *len && *len % 4 != 0))
        return FERRY_E_FORMAT;
    *len = stripped;
    return FERRY_OK;
}

ferry_err ferry_base64_decode(const char *text, size_t text_len, uint8_t *out, size_t cap, size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len;
    ferry_err err = strip_padding(text, &text_len);

    if (err != FERRY_OK)
        return err;
    for (size_t i = 0; i < text_len; i++)
        if (base64_value(text[i]) < 0)
            return FERRY_E_FORMAT;
    len = text_len / 4 * 3 + (text_len % 4 != 0 ? text_len % 4 - 1 : 0);
    if (len > cap)
        return FERRY_E_LIMIT;
    for (size_t i = 0; i < text_len; i++) {
        bits = bits << 6 | (uint32_t)base64_value(text[i]);
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (uint8_t)(bits >> have);
        }
    }
    *ret_len = len;
    return FERRY_OK;
}

bool ferry_equal_constant_time(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < len; i++)
        difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}
