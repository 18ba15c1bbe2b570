#include "ferry/http.h"

#include <string.h>

enum { HOUR_S = 3600 };

/* ---- answers ---- */

static bool same_letters(const char *a, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = a[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != lower[i])
            return false;
    }
    return true;
}

static bool number(const char *text, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (len == 0 || len > 19)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* bytes 5-9/10 */
static void content_range(ferry_http_head *head, const char *value, size_t len)
{
    static const char unit[] = "bytes ";
    const char *end = value + len, *dash, *slash;

    if (len < sizeof unit || !same_letters(value, unit, sizeof unit - 1))
        return;
    value += sizeof unit - 1;
    dash = memchr(value, '-', (size_t)(end - value));
    slash = memchr(value, '/', (size_t)(end - value));
    if (dash == NULL || slash == NULL || dash > slash || !number(value, (size_t)(dash - value), &head->range_start))
        return;
    head->has_range = true;
    if (!number(slash + 1, (size_t)(end - slash - 1), &head->range_total))
        head->range_total = 0;
}

static void take_field(ferry_http_head *head, char *etag, ferry_text name, const char *value, size_t len)
{
    uint64_t seconds;

#define IS(text) (name.len == sizeof(text) - 1 && same_letters(name.ptr, text, name.len))
    if (IS("content-length"))
        head->has_length = number(value, len, &head->length);
    else if (IS("content-range"))
        content_range(head, value, len);
    else if (IS("upload-offset"))
        head->has_upload_offset = number(value, len, &head->upload_offset);
    else if (IS("etag") && len < FERRY_HTTP_ETAG_SIZE) {
        memcpy(etag, value, len);
        etag[len] = '\0';
        head->etag = etag;
    } else if (IS("retry-after") && number(value, len, &seconds))
        head->retry_after_s = seconds < HOUR_S ? (uint16_t)seconds : HOUR_S;
#undef IS
}

/* HTTP/1.1 206 Partial Content */
static void status_line(ferry_http_head *head, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    uint64_t status = 0;

    memset(head, 0, sizeof *head);
    if (space != NULL && line + len - space >= 4 && number(space + 1, 3, &status))
        head->status = (uint16_t)status;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void ferry_http_head_line(ferry_http_head *head, char etag[FERRY_HTTP_ETAG_SIZE], const char *line, size_t len)
{
    while (len > 0 && blank(line[len - 1]))
        len--;
    if (len > 5 && same_letters(line, "http/", 5)) {
        status_line(head, line, len);
        return;
    }
    const char *colon = memchr(line, ':', len), *value = colon + 1, *end = line + len;
    if (colon == NULL)
        return;
    while (value < end && blank(*value))
        value++;
    take_field(head, etag, (ferry_text){line, (size_t)(colon - line)}, value, (size_t)(end - value));
}

/* ---- requests ---- */

typedef struct {
    char *out;
    size_t cap, len;
    bool full;
} writer;

static void put(writer *w, const char *text, size_t len)
{
    if (len > w->cap - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->len, text, len);
    w->len += len;
}

static void put_text(writer *w, const char *text)
{
    put(w, text, strlen(text));
}

/* Decimal. Divided in pieces of 16 bits: small processors have no division of 64. */
static void put_number(writer *w, uint64_t value)
{
    char digits[20];
    size_t first = sizeof digits;

    do {
        uint32_t rest = 0;
        for (int shift = 48; shift >= 0; shift -= 16) {
            uint32_t part = rest << 16 | (uint32_t)(value >> shift & 0xffff);
            value = (value & ~((uint64_t)0xffff << shift)) | (uint64_t)(part / 10) << shift;
            rest = part % 10;
        }
        digits[--first] = (char)('0' + rest);
    } while (value > 0);
    put(w, digits + first, sizeof digits - first);
}

/* The part of the URL behind http://; null when it is no such URL. */
static const char *behind_scheme(const char *url)
{
    static const char scheme[] = "http://";

    return strlen(url) >= sizeof scheme && same_letters(url, scheme, sizeof scheme - 1) ? url + sizeof scheme - 1
                                                                                        : NULL;
}

bool ferry_http_host(const char *url, ferry_text *ret_host, uint16_t *ret_port)
{
    const char *host = behind_scheme(url);
    uint64_t port = 80;
    size_t len = 0, digits = 0;

    if (host == NULL)
        return false;
    while (host[len] != '\0' && host[len] != '/' && host[len] != ':' && host[len] != '?' && host[len] != '@')
        len++;
    if (len == 0 || host[len] == '@')
        return false;
    if (host[len] == ':') {
        while (host[len + 1 + digits] >= '0' && host[len + 1 + digits] <= '9')
            digits++;
        if (digits > 5 || !number(host + len + 1, digits, &port) || port == 0 || port > UINT16_MAX)
            return false;
    }
    *ret_host = (ferry_text){host, len};
    *ret_port = (uint16_t)port;
    return true;
}

static void put_field(writer *w, const char *name, const char *value)
{
    put_text(w, name);
    put_text(w, value);
    put_text(w, "\r\n");
}

static void put_field_number(writer *w, const char *name, uint64_t value, const char *end)
{
    put_text(w, name);
    put_number(w, value);
    put_text(w, end);
}

void ferry_http_md5(const uint8_t md5[FERRY_MD5_BYTES], char out[FERRY_HTTP_MD5_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (unsigned i = 0; i < 18; i += 3, out += 4) {
        uint32_t three = (uint32_t)md5[i] << 16;
        if (i < 15)
            three |= (uint32_t)md5[i + 1] << 8 | md5[i + 2];
        for (unsigned k = 0; k < 4; k++)
            out[k] = digits[three >> (18 - 6 * k) & 63];
    }
    out[-2] = out[-1] = '=';
    out[0] = '\0';
}

static void put_fields(writer *w, const ferry_action *act)
{
    char md5[FERRY_HTTP_MD5_SIZE];

    switch (act->http) {
    case FERRY_HTTP_PUT:
        ferry_http_md5(act->md5, md5);
        put_field(w, "Content-MD5: ", md5);
        put_field_number(w, "Content-Length: ", act->size, "\r\n");
        break;
    case FERRY_HTTP_PATCH:
        put_field_number(w, "Content-Length: ", act->size - act->offset, "\r\n");
        put_field_number(w, "Upload-Offset: ", act->offset,
                         "\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n");
        break;
    case FERRY_HTTP_PROBE:
        put_text(w, "Tus-Resumable: 1.0.0\r\n");
        break;
    case FERRY_HTTP_GET:
        if (act->offset > 0)
            put_field_number(w, "Range: bytes=", act->offset, "-\r\n");
        if (act->if_range != NULL)
            put_field(w, "If-Range: ", act->if_range);
        break;
    }
}

ferry_device_err ferry_http_request(const ferry_action *act, char *out, size_t cap, size_t *ret_len)
{
    static const char *const methods[] = {[FERRY_HTTP_PUT] = "PUT ",
                                          [FERRY_HTTP_PROBE] = "HEAD ",
                                          [FERRY_HTTP_PATCH] = "PATCH ",
                                          [FERRY_HTTP_GET] = "GET "};
    writer w = {.out = out, .cap = cap};
    ferry_text host;
    uint16_t port;

    if (!ferry_http_host(act->url, &host, &port))
        return FERRY_DEVICE_E_ARG;
    const char *path = strchr(host.ptr, '/');
    put_text(&w, methods[act->http]);
    put_text(&w, path != NULL ? path : "/");
    put_text(&w, " HTTP/1.1\r\nHost: ");
    put(&w, host.ptr, host.len);
    if (port != 80)
        put_field_number(&w, ":", port, "");
    put_text(&w, "\r\nUser-Agent: ferry\r\n"); /* without one the platform takes us for a device of the vendor */
    put_fields(&w, act);
    put_text(&w, "\r\n");
    if (w.full)
        return FERRY_DEVICE_E_MEMORY;
    *ret_len = w.len;
    return FERRY_DEVICE_OK;
}
