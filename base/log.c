#include "base/log.h"

#include "base/system.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

enum { LINE_SIZE = 2048 }; /* bytes; longer lines are cut, so that one write(2) stays one line */

/* Set once at start; atomic because any thread reads it. */
static atomic_int max_level = FERRY_LOG_INFO;

void ferry_log_set_level(ferry_log_level level)
{
    atomic_store(&max_level, (int)level);
}

bool ferry_log_level_parse(const char *text, ferry_log_level *ret_level)
{
    for (int i = FERRY_LOG_ERROR; i <= FERRY_LOG_DEBUG; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (ferry_log_level)i;
            return true;
        }
    return false;
}

/* The beginning of a line; returns its length. */
static size_t put_head(char *line, size_t size, ferry_log_level level, const char *area)
{
    uint64_t now_ms = ferry_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm utc = {0};
    char stamp[32] = "";
    int len;

    (void)gmtime_r(&now_s, &utc);
    (void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    len = snprintf(line, size, "%s.%03uZ %-5s %s: ", stamp, (unsigned)(now_ms % 1000), level_names[level], area);
    return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

void ferry_log(ferry_log_level level, const char *area, const char *format, ...)
{
    int saved_errno = errno; /* for %m, and for the caller */
    char line[LINE_SIZE];
    size_t len;
    va_list args;
    ssize_t written;
    int body;

    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    len = put_head(line, sizeof(line) - 1, level, area);
    errno = saved_errno;
    va_start(args, format);
    body = vsnprintf(line + len, sizeof(line) - 1 - len, format, args);
    va_end(args);
    if (body > 0)
        len = (size_t)body < sizeof(line) - 1 - len ? len + (size_t)body : sizeof(line) - 2;
    /* whatever a caller forgot to quote cannot start a line of its own */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    line[len++] = '\n';
    written = write(STDERR_FILENO, line, len);
    (void)written; /* if it failed, there is nowhere left to say it */
    errno = saved_errno;
}

/* Bytes of the printable character at p, 0 for anything else (RFC 3629, without U+0080-9F). */
static size_t printable(const unsigned char *p, size_t len)
{
    static const struct {
        unsigned char first, last, low, high, bytes;
    } forms[] = {
        {0x20, 0x7e, 0x00, 0x00, 1}, {0xc2, 0xc2, 0xa0, 0xbf, 2}, {0xc3, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (len < forms[i].bytes || (forms[i].bytes > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)))
            return 0;
        for (size_t k = 2; k < forms[i].bytes; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

const char *ferry_log_quote(const void *bytes, size_t len, char out[FERRY_LOG_QUOTE_SIZE])
{
    static const char cut_mark[] = "\"...";
    const unsigned char *in = bytes;
    size_t used = 0;

    out[used++] = '"';
    for (size_t i = 0; i < len;) {
        char piece[8];
        size_t taken = printable(in + i, len - i);
        int need;

        if (taken == 0) {
            taken = 1;
            need = snprintf(piece, sizeof(piece), "\\x%02x", in[i]);
        } else {
            need = snprintf(piece, sizeof(piece), "%s%.*s", in[i] == '"' || in[i] == '\\' ? "\\" : "", (int)taken,
                            (const char *)in + i);
        }
        if (used + (size_t)need + sizeof(cut_mark) > FERRY_LOG_QUOTE_SIZE) {
            memcpy(out + used, cut_mark, sizeof(cut_mark));
            return out;
        }
        memcpy(out + used, piece, (size_t)need);
        used += (size_t)need;
        i += taken;
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}
