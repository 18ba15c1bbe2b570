#include "http_range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Digits only; a number too great for 64 bits counts as the greatest. Null when there is no digit. */
static const char *read_number(const char *text, uint64_t *ret_number)
{
    const char *p = text;
    uint64_t number = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    if (p == text)
        return NULL;
    *ret_number = number;
    return p;
}

/* "first-last", "first-" or "-suffix"; false when it is none of them. */
static bool read_range(const char *p, uint64_t size, uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t first = 0, last = UINT64_MAX, suffix;

    if (*p == '-') {
        p = read_number(p + 1, &suffix);
        first = p == NULL || suffix == 0 ? size : size - (suffix < size ? suffix : size);
    } else {
        p = read_number(p, &first);
        if (p == NULL || *p != '-')
            return false;
        p++;
        if (*p >= '0' && *p <= '9')
            p = read_number(p, &last);
    }
    if (p == NULL || p[strspn(p, " \t")] != '\0' || last < first)
        return false;
    *ret_first = first;
    *ret_last = last;
    return true;
}

http_range_kind http_range_parse(const char *header, uint64_t size, uint64_t *ret_offset, uint64_t *ret_length)
{
    uint64_t first, last;

    if (header == NULL || strncasecmp(header, "bytes=", 6) != 0 || !read_range(header + 6, size, &first, &last)) {
        *ret_offset = 0;
        *ret_length = size;
        return HTTP_RANGE_WHOLE;
    }
    if (first >= size)
        return HTTP_RANGE_UNSATISFIABLE;
    *ret_offset = first;
    *ret_length = (last < size ? last + 1 : size) - first;
    return HTTP_RANGE_PART;
}
