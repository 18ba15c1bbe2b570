/* GET and HEAD of a download URL. */
#include "object_internal.h"

#include "base/log.h"
#include "http_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* RFC 9110, 14.2: only GET knows ranges. 13.1.5: If-Range is a strong comparison with the one validator that we
 * give out; a date never matches. */
static bool range_applies(const struct object_request *r, struct MHD_Connection *connection)
{
    if (r->method != METHOD_GET)
        return false;
    char text[OBJECT_HEADER_SIZE];
    const char *if_range = object_request_header(connection, MHD_HTTP_HEADER_IF_RANGE, text);
    char etag[FERRY_MD5_HEX + 3];
    (void)snprintf(etag, sizeof etag, "\"%s\"", r->target.md5);
    return if_range == NULL || strcmp(if_range, etag) == 0;
}

/* Without a body, whatever the usual form of errors is: a vendor device takes a body of another length than it
 * expects for a part of the file, and waits for the rest for ever. */
static void answer_unsatisfiable(struct object_request *r)
{
    char range[48];
    (void)snprintf(range, sizeof range, "bytes */%" PRIu64, r->target.size);
    if (!object_answer_empty(r, MHD_HTTP_RANGE_NOT_SATISFIABLE) ||
        !object_answer_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, range))
        r->refusal = REFUSED_UNAVAILABLE;
}

static void answer_part(struct object_request *r, uint64_t offset, uint64_t length)
{
    r->status = MHD_HTTP_PARTIAL_CONTENT;
    r->sends_bytes = length;
    r->response_is_shared = false;
    r->response = length == r->target.size ? object_entry_whole_range(r->entry, &r->response_is_shared)
                                           : object_entry_part(r->entry, offset, length);
    if (r->response == NULL)
        r->refusal = REFUSED_UNAVAILABLE;
}

static void answer_whole(struct object_request *r)
{
    r->status = MHD_HTTP_OK;
    r->sends_bytes = r->target.size;
    r->response = object_entry_whole(r->entry, &r->response_is_shared);
    if (r->response == NULL)
        r->refusal = REFUSED_UNAVAILABLE;
}

void object_download(struct object_request *r, struct MHD_Connection *connection)
{
    ferry_err err = object_cache_get(r->plane->cache, &r->target.key, r->target.size, r->target.md5, &r->entry);
    r->step = STEP_ANSWER;
    r->refusal = object_refusal_of_download(err);
    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, OBJECT_LOG, "download task %s: object %s cannot be read: %s", r->target.task.text,
                  r->target.key.text, ferry_err_text(err));
        return;
    }
    char text[OBJECT_HEADER_SIZE];
    const char *range =
        range_applies(r, connection) ? object_request_header(connection, MHD_HTTP_HEADER_RANGE, text) : NULL;
    uint64_t offset = 0, length = 0;
    switch (http_range_parse(range, r->target.size, &offset, &length)) {
    case HTTP_RANGE_UNSATISFIABLE:
        answer_unsatisfiable(r);
        break;
    case HTTP_RANGE_PART:
        answer_part(r, offset, length);
        break;
    case HTTP_RANGE_WHOLE:
        answer_whole(r);
        break;
    }
}
