/* What the head of a request on an upload URL leads to: PUT, and HEAD, PATCH and OPTIONS of tus. */
#include "object_internal.h"

#include "base/encode.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

static void refuse(struct object_request *r, object_refusal refusal)
{
    r->refusal = refusal;
    r->step = STEP_ANSWER;
}

/* --- PUT ------------------------------------------------------------------------------------------ */

/* The MD5 of the URL is the law; a Content-MD5 that contradicts it is known to be wrong before a byte came. */
static object_refusal check_md5(const struct object_request *r, const char *content_md5)
{
    uint8_t given[16], announced[16];
    size_t len = 0;
    if (content_md5 == NULL)
        return REFUSED_NOT;
    if (ferry_base64_decode(content_md5, strlen(content_md5), given, sizeof given, &len) != FERRY_OK ||
        len != sizeof given)
        return REFUSED_MD5_FORM;
    if (ferry_hex_decode(r->target.md5, FERRY_MD5_HEX, announced, sizeof announced) != FERRY_OK)
        return REFUSED_UNAVAILABLE;
    return memcmp(given, announced, sizeof given) == 0 ? REFUSED_NOT : REFUSED_MD5;
}

static object_refusal check_length(const struct object_request *r, const char *content_length)
{
    uint64_t length;
    if (content_length == NULL)
        return REFUSED_NO_LENGTH;
    const char *end = object_number_parse(content_length, &length);
    if (end == NULL || *end != '\0')
        return REFUSED_BAD_LENGTH;
    if (length == r->target.size)
        return REFUSED_NOT;
    return length < r->target.size ? REFUSED_LENGTH : REFUSED_TOO_LARGE;
}

static const char *content_length(struct MHD_Connection *connection, char out[OBJECT_HEADER_SIZE])
{
    if (object_request_has(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        return NULL;
    return object_request_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH, out);
}

static void on_put(struct object_request *r, struct MHD_Connection *connection)
{
    uint64_t at;
    char length[OBJECT_HEADER_SIZE], md5[OBJECT_HEADER_SIZE];
    object_refusal refusal = check_length(r, content_length(connection, length));
    if (refusal == REFUSED_NOT)
        refusal = check_md5(r, object_request_header(connection, MHD_HTTP_HEADER_CONTENT_MD5, md5));
    if (refusal != REFUSED_NOT)
        refuse(r, refusal);
    else
        r->step = object_upload_open(r, false, &at) ? STEP_TAKE : STEP_ANSWER;
}

/* --- tus ------------------------------------------------------------------------------------------ */

static void answer_where_it_stands(struct object_request *r, uint64_t at)
{
    r->step = STEP_ANSWER;
    bool made = r->method == METHOD_HEAD
                    ? object_answer_empty(r, MHD_HTTP_OK) && object_answer_number(r, "Upload-Length", r->target.size) &&
                          object_answer_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store")
                    : object_answer_empty(r, MHD_HTTP_NO_CONTENT);
    if (!made || !object_answer_number(r, "Upload-Offset", at))
        refuse(r, REFUSED_UNAVAILABLE);
}

static bool is_whole(const struct object_request *r)
{
    struct objects *objects = r->plane->cfg.objects;
    uint64_t size = 0;
    return r->target.stored && objects->ops->stat(objects, &r->target.key, &size) == FERRY_OK && size == r->target.size;
}

/* All bytes are there, but a sudden end came before they were verified: do it now, then answer. */
static void finish_late(struct object_request *r, struct MHD_Connection *connection)
{
    uint64_t at = 0;
    if (!object_upload_open(r, true, &at)) {
        r->step = STEP_ANSWER;
        return;
    }
    if (at != r->target.size) {
        object_upload_drop(r);
        answer_where_it_stands(r, at);
    } else if (!object_upload_end(r, connection)) {
        refuse(r, REFUSED_UNAVAILABLE);
    }
}

/* Bytes that are there; false: r has the answer. */
static bool find_offset(struct object_request *r, bool *ret_whole, uint64_t *ret_at)
{
    struct objects *objects = r->plane->cfg.objects;
    *ret_whole = is_whole(r);
    *ret_at = r->target.size;
    ferry_err err = *ret_whole ? FERRY_OK : objects->ops->partial_size(objects, &r->target.key, ret_at);
    if (err == FERRY_OK)
        return true;
    ferry_log(FERRY_LOG_ERROR, OBJECT_LOG, "upload task %s: its partial object cannot be read: %s", r->target.task.text,
              ferry_err_text(err));
    refuse(r, REFUSED_UNAVAILABLE);
    return false;
}

static void on_head(struct object_request *r, struct MHD_Connection *connection)
{
    uint64_t at = 0;
    bool whole = false;
    if (!find_offset(r, &whole, &at))
        return;
    if (!whole && at >= r->target.size)
        finish_late(r, connection);
    else
        answer_where_it_stands(r, at);
}

static object_refusal refusal_of_tus(object_tus_verdict verdict)
{
    static const object_refusal table[] = {
        [TUS_GOOD] = REFUSED_NOT,      [TUS_NO_LENGTH] = REFUSED_NO_LENGTH, [TUS_MALFORMED] = REFUSED_TUS_FORM,
        [TUS_TYPE] = REFUSED_TUS_TYPE, [TUS_CONFLICT] = REFUSED_TUS_OFFSET, [TUS_TOO_LONG] = REFUSED_TOO_LARGE,
    };
    return table[verdict];
}

/* Opened only when it fits, so that a client that is wrong about the offset does not keep others out. */
static void append(struct object_request *r, struct MHD_Connection *connection, const struct object_tus_patch *patch)
{
    uint64_t at = 0;
    if (!object_upload_open(r, true, &at)) {
        r->step = STEP_ANSWER;
        return;
    }
    object_tus_verdict verdict = object_tus_patch_fits(patch, at, r->target.size);
    if (verdict != TUS_GOOD) {
        object_upload_drop(r);
        refuse(r, refusal_of_tus(verdict));
    } else if (r->has_body) {
        r->step = STEP_TAKE;
    } else if (!object_upload_end(r, connection)) {
        refuse(r, REFUSED_UNAVAILABLE);
    }
}

static void on_patch(struct object_request *r, struct MHD_Connection *connection)
{
    struct object_tus_patch patch;
    uint64_t at = 0;
    bool whole = false;
    char type[OBJECT_HEADER_SIZE], offset[OBJECT_HEADER_SIZE], length[OBJECT_HEADER_SIZE];
    object_tus_verdict verdict = object_tus_patch_parse(
        object_request_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE, type),
        object_request_header(connection, "Upload-Offset", offset), content_length(connection, length), &patch);
    if (verdict == TUS_GOOD) {
        if (!find_offset(r, &whole, &at))
            return;
        verdict = object_tus_patch_fits(&patch, at, r->target.size);
    }
    if (verdict != TUS_GOOD)
        refuse(r, refusal_of_tus(verdict));
    else if (whole)
        answer_where_it_stands(r, at);
    else
        append(r, connection, &patch);
}

static void on_options(struct object_request *r)
{
    r->step = STEP_ANSWER;
    if (!object_answer_empty(r, MHD_HTTP_NO_CONTENT) || !object_answer_header(r, "Tus-Version", TUS_VERSION))
        refuse(r, REFUSED_UNAVAILABLE);
}

void object_intake(struct object_request *r, struct MHD_Connection *connection)
{
    char version[OBJECT_HEADER_SIZE];
    if ((r->method == METHOD_HEAD || r->method == METHOD_PATCH) &&
        !object_tus_version_known(object_request_header(connection, "Tus-Resumable", version))) {
        refuse(r, REFUSED_TUS_VERSION);
        return;
    }
    if (r->method == METHOD_PUT)
        on_put(r, connection);
    else if (r->method == METHOD_PATCH)
        on_patch(r, connection);
    else if (r->method == METHOD_HEAD)
        on_head(r, connection);
    else
        on_options(r);
}

static void answer_stored(struct object_request *r)
{
    char etag[FERRY_MD5_HEX + 3];
    (void)snprintf(etag, sizeof etag, "\"%s\"", r->target.md5);
    r->step = STEP_ANSWER;
    if (!object_answer_empty(r, MHD_HTTP_OK) || !object_answer_header(r, MHD_HTTP_HEADER_ETAG, etag))
        refuse(r, REFUSED_UNAVAILABLE);
}

void object_intake_decide(struct object_request *r)
{
    uint64_t at = 0;
    ferry_err err = object_upload_result(r, &at);
    if (r->method == METHOD_HEAD && (err == FERRY_E_DIGEST || err == FERRY_E_SIZE))
        answer_where_it_stands(r, 0); /* what was there was wrong and is gone */
    else if (err != FERRY_OK)
        refuse(r, object_refusal_of_upload(err));
    else if (r->method == METHOD_PUT)
        answer_stored(r);
    else
        answer_where_it_stands(r, at);
}
