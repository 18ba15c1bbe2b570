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

enum {
    LINE_SIZE = 2048, /* bytes; longer lines are cut, so that one write(2) stays one line */
    STAMP_SIZE = 32,
};

/* Set once at start; atomic because any thread reads it. */
static atomic_int max_level = FERRY_LOG_INFO;
static atomic_bool as_json;

void ferry_log_set_level(ferry_log_level level)
{
    atomic_store(&max_level, (int)level);
}

void ferry_log_set_json(bool json)
{
    atomic_store(&as_json, json);
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

static void stamp_now(char stamp[STAMP_SIZE])
{
    uint64_t now_ms = ferry_wall_ms();
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm utc = {0};
    char seconds[24] = "";

    (void)gmtime_r(&now_s, &utc);
    (void)strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(stamp, STAMP_SIZE, "%s.%03uZ", seconds, (unsigned)(now_ms % 1000));
}

/* What fits of the text; gives the length. */
static size_t put_text(char line[LINE_SIZE], ferry_log_level level, const char *area, const char *message)
{
    char stamp[STAMP_SIZE];

    stamp_now(stamp);
    int len = snprintf(line, LINE_SIZE - 1, "%s %-5s %s: %s", stamp, level_names[level], area, message);
    return len < 0 ? 0 : len < LINE_SIZE - 1 ? (size_t)len : LINE_SIZE - 2;
}

/* The same as an object. What is no UTF-8 becomes "?"; a long message is cut, never the object. */
static size_t put_json(char line[LINE_SIZE], ferry_log_level level, const char *area, const char *message)
{
    static const char end[] = "\"}";
    const unsigned char *in = (const unsigned char *)message;
    char stamp[STAMP_SIZE];

    stamp_now(stamp);
    int head = snprintf(line, LINE_SIZE / 2, "{\"time\":\"%s\",\"level\":\"%s\",\"area\":\"%s\",\"message\":\"", stamp,
                        level_names[level], area);
    size_t len = head < 0 ? 0 : (size_t)head;
    for (size_t left = strlen(message); left > 0 && len + 8 < LINE_SIZE;) {
        size_t taken = printable(in, left);

        if (*in == '"' || *in == '\\')
            line[len++] = '\\';
        if (taken > 0)
            memcpy(line + len, in, taken);
        else
            line[len] = *in < 0x20 ? ' ' : '?';
        taken += taken == 0;
        len += taken;
        in += taken;
        left -= taken;
    }
    memcpy(line + len, end, sizeof(end));
    return len + sizeof(end) - 1;
}

void ferry_log(ferry_log_level level, const char *area, const char *format, ...)
{
    int saved_errno = errno; /* for %m, and for the caller */
    char message[LINE_SIZE], line[LINE_SIZE + 1];
    va_list args;

    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    va_start(args, format);
    if (vsnprintf(message, sizeof(message), format, args) < 0)
        message[0] = '\0';
    va_end(args);
    bool json = atomic_load_explicit(&as_json, memory_order_relaxed);
    size_t len = json ? put_json(line, level, area, message) : put_text(line, level, area, message);
    /* whatever a caller forgot to quote cannot start a line of its own */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* if it failed, there is nowhere left to say it */
    errno = saved_errno;
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
