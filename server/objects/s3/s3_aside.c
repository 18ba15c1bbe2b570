/* What is damaged is moved out of everybody's reach. A store cannot rename: it copies, then the object is removed. */
#include "s3_internal.h"
#include "s3_xml.h"

#include <stdio.h>
#include <string.h>

enum { SOURCE_MAX = 2 + OBJECTS_S3_BUCKET_MAX + 3 * OBJECTS_S3_PREFIX_MAX + S3_NAME_SIZE };

void s3_aside_name(const ferry_id *key, char out[S3_NAME_SIZE])
{
    (void)snprintf(out, S3_NAME_SIZE, "damaged/%s", key->text);
}

/* "/bucket/prefix/name" */
static ferry_err write_source(const struct objects_s3 *store, const char *name, struct ferry_buf *out)
{
    ferry_err err = ferry_buf_printf(out, "/%s/", store->address.bucket);
    if (err == FERRY_OK)
        err = sigv4_encode(out, store->address.prefix, true);
    return err == FERRY_OK ? ferry_buf_append_str(out, name) : err;
}

/* The store's own work, of exactly what was seen: the bytes do not pass through here. */
static ferry_err copy(struct objects_s3 *store, const char *from, const char *to, const char *etag)
{
    char quoted[S3_ETAG_SIZE + 2];
    s3_autoanswer answer = {.status = 0};
    ferry_autobuf source = FERRY_BUF_INIT(SOURCE_MAX);
    bool failed = false;
    ferry_err err = write_source(store, from, &source);
    if (err != FERRY_OK)
        return err;
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    const struct s3_call call = {.method = "PUT",
                                 .name = to,
                                 .headers = {{"x-amz-copy-source", source.data}, {"x-amz-copy-source-if-match", quoted}},
                                 .headers_count = 2,
                                 .body = "",
                                 .patience_ms = S3_COMPLETE_PATIENCE_MS};
    err = s3_call(store, &call, &answer);
    if (err == FERRY_OK)
        err = s3_xml_read(answer.body.data, answer.body.len, s3_note_error, &failed);
    if (err == FERRY_E_FORMAT || (err == FERRY_OK && failed))
        return FERRY_E_IO;
    return err == FERRY_E_STALE ? FERRY_E_NOT_FOUND : err;
}

/* Is it still what was copied? A device may have sent it again meanwhile. */
static ferry_err still_there(struct objects_s3 *store, const char *name, const char *etag)
{
    s3_autoanswer answer = {.status = 0};
    ferry_err err = s3_head(store, name, &answer);
    return err == FERRY_OK && strcmp(answer.etag, etag) != 0 ? FERRY_E_NOT_FOUND : err;
}

ferry_err s3_set_aside(struct objects *o, const ferry_id *key)
{
    struct objects_s3 *store = s3_of(o);
    char name[S3_NAME_SIZE], aside[S3_NAME_SIZE];
    s3_autoanswer seen = {.status = 0};
    s3_object_name(key, name);
    s3_aside_name(key, aside);
    ferry_err err = s3_head(store, name, &seen);
    if (err != FERRY_OK)
        return err;
    if (store->address.cos || seen.length > S3_PUT_MAX) /* COS has headers of its own; one copy takes no more than one PUT */
        return FERRY_E_LIMIT;
    ferry_err copied = copy(store, name, aside, seen.etag);
    if (copied != FERRY_OK && copied != FERRY_E_NOT_FOUND)
        return copied;
    err = still_there(store, name, seen.etag);
    if (err == FERRY_OK && copied == FERRY_E_NOT_FOUND) /* it was not replaced: the store's own words do not agree */
        return FERRY_E_LIMIT;
    return err == FERRY_OK ? s3_delete(store, name) : err;
}

ferry_err s3_why_not_there(struct objects_s3 *store, const ferry_id *key)
{
    char aside[S3_NAME_SIZE];
    s3_autoanswer answer = {.status = 0};
    s3_aside_name(key, aside);
    ferry_err err = s3_head(store, aside, &answer);
    return err == FERRY_OK ? FERRY_E_CORRUPT : err;
}
