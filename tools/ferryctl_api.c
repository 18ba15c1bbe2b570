#include "ferryctl_api.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/system.h"
#include "ferryctl_http.h"
#include "ferryctl_memory.h"
#include "ferryctl_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 16 << 20, /* bytes of an answer: the longest page is below a megabyte */
    BUSY_RETRIES = 5,
    BUSY_WAIT_MAX_S = 10,
    PAGE_ROWS = 250,
    PATH_BYTES_MAX = 4096,
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
    struct ferry_buf buf = FERRY_BUF_INIT(PATH_BYTES_MAX);
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
    struct ferry_buf buf = FERRY_BUF_INIT(PATH_BYTES_MAX);

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

/* --- answers ------------------------------------------------------------------------------------------ */

/* What the platform says about a failure, in its own words. */
static enum ctl_exit refused(const struct ctl_exchange *x)
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

/* A busy platform has changed nothing, or is still at work on the same request, and says when to come again. */
static bool may_retry(const struct ctl_exchange *x, unsigned tries)
{
    if ((x->status != 503 && x->status != 409) || x->retry_after_s <= 0 || tries == BUSY_RETRIES || x->stream != NULL)
        return false;
    (void)sleep((unsigned)(x->retry_after_s < BUSY_WAIT_MAX_S ? x->retry_after_s : BUSY_WAIT_MAX_S));
    return true;
}

/* What makes something carries a key, the same at each try: it is made once, whatever becomes of the answers. */
static struct curl_slist *headers_of(const struct ctl_exchange *x)
{
    const char *type = x->stream != NULL ? x->stream->type : "application/json";
    struct curl_slist *list = NULL;
    uint8_t chance[16];
    char hex[2 * sizeof chance + 1];

    for (const struct curl_slist *shared = x->api->headers; shared != NULL; shared = shared->next)
        list = ctl_check(curl_slist_append(list, shared->data));
    if (type != NULL) {
        ferry_autofree char *line = ctl_check(ferry_asprintf("Content-Type: %s", type));
        list = ctl_check(curl_slist_append(list, line));
    }
    if (x->stream != NULL && x->stream->part) {
        ferry_autofree char *offset = ctl_check(ferry_asprintf("Upload-Offset: %llu", (unsigned long long)x->stream->offset));
        list = ctl_check(curl_slist_append(list, offset));
        list = ctl_check(curl_slist_append(list, "Tus-Resumable: 1.0.0"));
    }
    if (strcmp(x->method, "POST") != 0)
        return list;
    ferry_random_bytes(chance, sizeof chance);
    ferry_hex_encode(chance, sizeof chance, hex);
    ferry_autofree char *header = ctl_check(ferry_asprintf("Idempotency-Key: %s", x->api->key != NULL ? x->api->key : hex));
    return ctl_check(curl_slist_append(list, header));
}

static enum ctl_exit exchange(struct ctl_exchange *x, json_t **ret_answer)
{
    enum ctl_exit status;
    unsigned tries = 0;

    x->answer = FERRY_BUF_INIT(ANSWER_MAX);
    x->headers = headers_of(x);
    do {
        status = ctl_http(x);
    } while (status == CTL_DONE && may_retry(x, tries++));
    if (status == CTL_DONE && (x->status < 200 || x->status > 299))
        status = refused(x);
    if (status == CTL_DONE && ret_answer != NULL) {
        json_t *answer = x->status != 204 ? json_loadb(x->answer.data, x->answer.len, 0, NULL) : NULL;
        if (x->status != 204 && answer == NULL)
            status = ctl_fail(CTL_NETWORK, "the answer of %s is no JSON", x->api->url);
        else
            *ret_answer = answer;
    }
    ferry_buf_done(&x->answer);
    curl_slist_free_all(x->headers);
    return status;
}

enum ctl_exit ctl_api_call(struct ctl_api *api, const char *method, const char *path, const json_t *body,
                           json_t **ret_answer)
{
    ferry_autofree char *text = body != NULL ? ctl_check(json_dumps(body, JSON_COMPACT)) : NULL;
    struct ctl_exchange x = {.api = api, .method = method, .path = path, .body = text};

    return exchange(&x, ret_answer);
}

enum ctl_exit ctl_api_send(struct ctl_api *api, const char *path, struct ctl_stream *stream, json_t **ret_answer)
{
    struct ctl_exchange x = {.api = api, .method = "POST", .path = path, .stream = stream};

    return exchange(&x, ret_answer);
}

/* Another connection has the upload (most likely a dead one of ours), it stands elsewhere, or the platform is busy. */
static bool passes_by_itself(long status)
{
    return status == 409 || status == 423 || status == 503;
}

enum ctl_exit ctl_api_send_part(struct ctl_api *api, const char *path, struct ctl_stream *stream, bool *ret_again)
{
    struct ctl_exchange x = {.api = api, .method = "PATCH", .path = path, .stream = stream};

    x.answer = FERRY_BUF_INIT(ANSWER_MAX);
    x.headers = headers_of(&x);
    enum ctl_exit status = ctl_http(&x);
    *ret_again = status == CTL_NETWORK || (status == CTL_DONE && passes_by_itself(x.status));
    if (status == CTL_DONE && x.status != 204)
        status = *ret_again ? CTL_NETWORK : refused(&x);
    ferry_buf_done(&x.answer);
    curl_slist_free_all(x.headers);
    return status;
}

enum ctl_exit ctl_api_receive(struct ctl_api *api, const char *path, struct ctl_stream *stream)
{
    struct ctl_exchange x = {.api = api, .method = "GET", .path = path, .stream = stream};

    return exchange(&x, NULL);
}

/* --- lists -------------------------------------------------------------------------------------------- */

static char *page_path(const char *path, const char *cursor, uint64_t rows)
{
    char *full = ctl_strdup(path);
    char limit[24];

    (void)snprintf(limit, sizeof limit, "%llu", (unsigned long long)rows);
    ctl_query(&full, "limit", limit);
    ctl_query(&full, "cursor", cursor);
    return full;
}

/* One page; *cursor becomes that of the next one, or null. */
static enum ctl_exit each_of_page(struct ctl_api *api, const char *path, uint64_t rows, char **cursor,
                                  uint64_t *ret_count, enum ctl_exit (*row)(void *arg, json_t *row), void *arg)
{
    ferry_autofree char *full = page_path(path, *cursor, rows);
    ctl_autojson *page = NULL;
    enum ctl_exit status = ctl_api_call(api, "GET", full, NULL, &page);
    json_t *items = json_object_get(page, "items");

    for (size_t i = 0; status == CTL_DONE && i < json_array_size(items); i++)
        status = row(arg, json_array_get(items, i));
    const char *next = json_string_value(json_object_get(page, "next"));
    free(*cursor);
    *cursor = next != NULL ? ctl_strdup(next) : NULL;
    *ret_count = json_array_size(items);
    return status;
}

enum ctl_exit ctl_api_each(struct ctl_api *api, const char *path, uint64_t limit,
                           enum ctl_exit (*row)(void *arg, json_t *row), void (*page_end)(void *arg), void *arg)
{
    ferry_autofree char *cursor = NULL;
    uint64_t left = limit == 0 ? UINT64_MAX : limit;
    enum ctl_exit status = CTL_DONE;

    do {
        uint64_t count = 0;
        status = each_of_page(api, path, left < PAGE_ROWS ? left : PAGE_ROWS, &cursor, &count, row, arg);
        if (page_end != NULL)
            page_end(arg);
        left -= count;
    } while (status == CTL_DONE && cursor != NULL && left > 0);
    return status;
}
