#include "ferryctl_api.h"

#include "ferryctl_memory.h"
#include "ferryctl_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 16 << 20, /* bytes of an answer: the longest page is below a megabyte */
    CONNECT_TIMEOUT_S = 10,
    ANSWER_TIMEOUT_S = 120,
    STALL_TIMEOUT_S = 60, /* a transfer without a byte */
    BUSY_RETRIES = 5,
    PAGE_ROWS = 250,
};

enum ctl_exit ctl_fail(enum ctl_exit status, const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fputs("ferryctl: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return status;
}

/* --- paths -------------------------------------------------------------------------------------------- */

static void put(struct ferry_buf *buf, const char *bytes, size_t len)
{
    if (ferry_buf_append(buf, bytes, len) != FERRY_OK)
        (void)ctl_check(NULL);
}

static void put_escaped(struct ferry_buf *buf, const char *text)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:";
    char escaped[4];

    for (; *text != '\0'; text++) {
        if (strchr(unreserved, *text) != NULL) {
            put(buf, text, 1);
        } else {
            (void)snprintf(escaped, sizeof escaped, "%%%02X", (unsigned)(unsigned char)*text);
            put(buf, escaped, 3);
        }
    }
}

char *ctl_path(const char *format, ...)
{
    struct ferry_buf buf = FERRY_BUF_INIT(SIZE_MAX);
    va_list args;

    va_start(args, format);
    for (const char *p = format; *p != '\0'; p++) {
        if (p[0] == '%' && p[1] == 's') {
            put_escaped(&buf, va_arg(args, const char *));
            p++;
        } else {
            put(&buf, p, 1);
        }
    }
    va_end(args);
    return buf.data;
}

void ctl_query(char **path, const char *name, const char *value)
{
    struct ferry_buf buf = FERRY_BUF_INIT(SIZE_MAX);

    if (value == NULL)
        return;
    put(&buf, *path, strlen(*path));
    put(&buf, strchr(*path, '?') != NULL ? "&" : "?", 1);
    put(&buf, name, strlen(name));
    put(&buf, "=", 1);
    put_escaped(&buf, value);
    free(*path);
    *path = buf.data;
}

/* --- one exchange ------------------------------------------------------------------------------------- */

struct exchange {
    struct ctl_api *api;
    struct ferry_buf answer; /* of a small answer or of an error */
    struct ctl_stream *stream; /* of a transfer; else null */
    long status;
    curl_off_t retry_after_s;
};

static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * count;

    /* The bytes of a refusal are no file. */
    (void)curl_easy_getinfo(x->api->curl, CURLINFO_RESPONSE_CODE, &x->status);
    if (x->stream != NULL && x->stream->write != NULL && x->status == 200) {
        x->stream->failed = !x->stream->write(x->stream->arg, bytes, len);
        return x->stream->failed ? 0 : len;
    }
    return ferry_buf_append(&x->answer, bytes, len) == FERRY_OK ? len : 0;
}

static size_t on_send(char *out, size_t size, size_t count, void *arg)
{
    struct ctl_stream *stream = arg;
    size_t len = stream->read(stream->arg, out, size * count);

    if (len == SIZE_MAX) {
        stream->failed = true;
        return CURL_READFUNC_ABORT;
    }
    return len;
}

static enum ctl_exit no_connection(const struct exchange *x, CURLcode code, const char *why)
{
    const struct ctl_api *api = x->api;
    const char *reason = why[0] != '\0' ? why : curl_easy_strerror(code);

    if (code == CURLE_COULDNT_CONNECT && api->data != NULL)
        return ctl_fail(CTL_NETWORK, "ferryd does not answer at %s: is it running? Start it with: ferryd --data %s",
                        api->url, api->data);
    if (code == CURLE_COULDNT_CONNECT)
        return ctl_fail(CTL_NETWORK, "ferryd does not answer at %s (%s): is it running?", api->url, reason);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ctl_fail(CTL_NETWORK, "no answer from %s in time (%s)", api->url, reason);
    return ctl_fail(CTL_NETWORK, "the connection to %s failed: %s", api->url, reason);
}

/* What the platform says about a failure, in its own words. */
static enum ctl_exit refused(const struct exchange *x)
{
    ctl_autojson *problem =
        x->answer.len > 0 ? json_loadb(x->answer.data, x->answer.len, 0, NULL) : NULL;
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *field = json_string_value(json_object_get(problem, "field"));
    enum ctl_exit exit_status = x->status >= 500 ? CTL_FAILED : CTL_REFUSED;

    if (detail == NULL || code == NULL)
        return ctl_fail(CTL_NETWORK, "%s answered with HTTP status %ld and is no Ferry platform", x->api->url,
                        x->status);
    ferry_autofree char *clean = ctl_text_clean(detail);
    if (strcmp(code, "unauthorized") == 0)
        return ctl_fail(CTL_REFUSED, "the platform does not know the token: give another with --token-file or --data");
    if (strcmp(code, "unknown_field") == 0 || strcmp(code, "unknown_parameter") == 0)
        return ctl_fail(exit_status, "%s (%s %s): is ferryd older than ferryctl?", clean, code,
                        field != NULL ? field : "");
    return ctl_fail(exit_status, "%s (%s)", clean, code);
}

static void set_common(struct exchange *x, const char *method, const char *url, char *error)
{
    CURL *curl = x->api->curl;

    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, x->api->headers);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "ferryctl");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
}
