#include "api_content.h"

#include "api_etag.h"
#include "base/alloc.h"
#include "base/log.h"
#include "http_range.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BLOCK = 65536 };

/* --- headers ------------------------------------------------------------------------------------------ */

static void plain(const char *name, char *out)
{
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        *out++ = (char)(c < 0x20 || c >= 0x7f || strchr("\"\\%", c) != NULL ? '_' : c);
    }
    *out = '\0';
}

static void escape(const char *name, char *out)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";

    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        if (strchr(unreserved, c) != NULL) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    *out = '\0';
}

void api_content_disposition(const char *name, char out[API_DISPOSITION_SIZE])
{
    char plain_name[FERRY_NAME_MAX + 1], escaped[3 * FERRY_NAME_MAX + 1];

    plain(name, plain_name);
    escape(name, escaped);
    (void)snprintf(out, API_DISPOSITION_SIZE, "attachment; filename=\"%s\"; filename*=UTF-8''%s", plain_name, escaped);
}

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_headers(struct MHD_Response *response, const char *name, const char *etag)
{
    char disposition[API_DISPOSITION_SIZE];

    api_content_disposition(name, disposition);
    return add(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream") &&
           add(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, disposition) &&
           add(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes") && add(response, MHD_HTTP_HEADER_ETAG, etag) &&
           add(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache") &&
           add(response, "X-Content-Type-Options", "nosniff");
}

/* --- a body without a descriptor ----------------------------------------------------------------------- */

struct stream {
    struct objects *objects;
    struct object_reader *reader;
    uint64_t offset;
};

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct stream *stream = cls;
    size_t len = 0;

    if (stream->objects->ops->read_at(stream->reader, stream->offset + pos, buf, max, &len) != FERRY_OK)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return len > 0 ? (ssize_t)len : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_stream(void *cls)
{
    struct stream *stream = cls;

    stream->objects->ops->read_close(stream->reader);
    free(stream);
}

/* Takes the reader over when it gives a response. */
static struct MHD_Response *stream_response(struct objects *objects, struct object_reader *reader, uint64_t offset,
                                            uint64_t length)
{
    struct stream *stream = ferry_calloc(1, sizeof *stream);
    struct MHD_Response *response;

    if (stream == NULL)
        return NULL;
    *stream = (struct stream){.objects = objects, .reader = reader, .offset = offset};
    response = MHD_create_response_from_callback(length, READ_BLOCK, read_stream, stream, free_stream);
    if (response == NULL)
        free(stream);
    return response;
}

/* A descriptor of its own lets the kernel send the file; the reader is closed then. */
static struct MHD_Response *make_body(struct objects *objects, struct object_reader *reader, uint64_t offset,
                                      uint64_t length)
{
    int fd = objects->ops->read_fd(reader);
    int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    struct MHD_Response *response;

    if (own < 0) {
        response = stream_response(objects, reader, offset, length);
        if (response == NULL)
            objects->ops->read_close(reader);
        return response;
    }
    objects->ops->read_close(reader);
    response = MHD_create_response_from_fd_at_offset64(length, own, offset);
    if (response == NULL)
        (void)close(own);
    return response;
}

/* --- the answer ---------------------------------------------------------------------------------------- */

/* If-Range with another ETag (or a date, which we do not send) asks for the whole. */
static http_range_kind judge_range(const struct api_request *r, const char *etag, uint64_t size, uint64_t *ret_offset,
                                   uint64_t *ret_length)
{
    const char *if_range = api_header(r, MHD_HTTP_HEADER_IF_RANGE);
    bool stale = if_range != NULL && strcmp(if_range, etag) != 0;

    return http_range_parse(stale ? NULL : api_header(r, MHD_HTTP_HEADER_RANGE), size, ret_offset, ret_length);
}

static void answer_unsatisfiable(struct api_request *r, uint64_t size)
{
    char range[64];

    api_reply_problem(r, API_RANGE_NOT_SATISFIABLE, NULL);
    (void)snprintf(range, sizeof range, "bytes */%llu", (unsigned long long)size);
    if (r->response != NULL)
        (void)add(r->response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
}

static void answer_part(struct api_request *r, struct object_reader *reader, uint64_t size, const char *name,
                        const char *etag)
{
    uint64_t offset, length;
    http_range_kind kind = judge_range(r, etag, size, &offset, &length);
    char range[96];

    if (kind == HTTP_RANGE_UNSATISFIABLE) {
        r->shared->objects->ops->read_close(reader);
        answer_unsatisfiable(r, size);
        return;
    }
    ferry_cleanup(MHD_destroy_response) struct MHD_Response *response =
        make_body(r->shared->objects, reader, offset, length);
    (void)snprintf(range, sizeof range, "bytes %llu-%llu/%llu", (unsigned long long)offset,
                   (unsigned long long)(offset + length - 1), (unsigned long long)size);
    if (response == NULL || !add_headers(response, name, etag) ||
        (kind == HTTP_RANGE_PART && !add(response, MHD_HTTP_HEADER_CONTENT_RANGE, range))) {
        api_reply_err(r, FERRY_E_NOMEM, NULL);
        return;
    }
    api_reply_response(r, kind == HTTP_RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, FERRY_TAKE(response));
}

/* The caller has these bytes, and says so. */
static bool answer_known(struct api_request *r, const char *etag)
{
    const char *none = api_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);

    if (none == NULL || !api_etag_listed(none, etag, API_ETAG_WEAK))
        return false;
    api_reply_bytes(r, MHD_HTTP_NOT_MODIFIED, NULL, "", 0);
    if (r->response != NULL)
        (void)add(r->response, MHD_HTTP_HEADER_ETAG, etag);
    return true;
}

/* FERRY_E_CORRUPT: what is there is not what was stored. */
static ferry_err open_whole(struct api_request *r, const ferry_id *key, uint64_t size, struct object_reader **ret_reader)
{
    struct objects *objects = r->shared->objects;
    uint64_t have = 0;
    ferry_err err = objects->ops->read_open(objects, key, ret_reader, &have);

    if (err != FERRY_OK || have == size)
        return err;
    ferry_log(FERRY_LOG_ERROR, "api", "object %s has %llu bytes instead of %llu: it is not given out", key->text,
              (unsigned long long)have, (unsigned long long)size);
    objects->ops->read_close(*ret_reader);
    return FERRY_E_CORRUPT;
}

void api_content_answer(struct api_request *r, const ferry_id *key, const char *name, uint64_t size, const char *md5)
{
    struct object_reader *reader;
    char etag[FERRY_MD5_HEX + 3];
    ferry_err err = open_whole(r, key, size, &reader);

    if (err == FERRY_E_NOT_FOUND || err == FERRY_E_CORRUPT) {
        api_reply_problem(r, err == FERRY_E_CORRUPT ? API_DAMAGED : API_NO_CONTENT, NULL);
        return;
    }
    if (err != FERRY_OK) {
        api_reply_err(r, err, NULL);
        return;
    }
    (void)snprintf(etag, sizeof etag, "\"%s\"", md5);
    if (answer_known(r, etag)) {
        r->shared->objects->ops->read_close(reader);
        return;
    }
    answer_part(r, reader, size, name, etag);
}
