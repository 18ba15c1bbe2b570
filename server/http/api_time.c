#define _GNU_SOURCE /* strptime, timegm */
#include "api_time.h"

#include <string.h>
#include <time.h>

/* ".123"; gives what stands behind it. */
static const char *read_fraction(const char *text, unsigned *ret_ms)
{
    *ret_ms = 0;
    if (text[0] != '.' || strspn(text + 1, "0123456789") != 3)
        return text;
    for (size_t i = 1; i <= 3; i++)
        *ret_ms = *ret_ms * 10 + (unsigned)(text[i] - '0');
    return text + 4;
}

bool api_time_read(const char *text, uint64_t *ret_ms)
{
    struct tm tm = {.tm_mday = 1};
    unsigned ms = 0;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    if (end != NULL) {
        end = read_fraction(end, &ms);
        end = *end == 'Z' ? end + 1 : NULL;
    } else {
        tm = (struct tm){.tm_mday = 1};
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    time_t seconds = end != NULL && *end == '\0' ? timegm(&tm) : -1;
    if (seconds <= 0)
        return false;
    *ret_ms = 1000ull * (uint64_t)seconds + ms;
    return true;
}
