#include "s3_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { RANGE_SIZE = 64 };

struct object_reader {
    struct objects_s3 *store;
    char name[S3_NAME_SIZE];
    char etag[S3_ETAG_SIZE]; /* what was opened: nothing else is read */
    uint64_t size;
    uint64_t at; /* of the block */
    size_t len;  /* of the block */
    uint8_t block[S3_READ_BYTES];
};

/* --- is it there? ------------------------------------------------------------------------------------- */

ferry_err s3_head(struct objects_s3 *store, const char *name, struct s3_answer *answer)
{
    const struct s3_call call = {.method = "HEAD", .name = name, .patience_ms = S3_PATIENCE_MS};
    return s3_call(store, &call, answer);
}

static ferry_err head(struct objects_s3 *store, const ferry_id *key, struct s3_answer *answer)
{
    char name[S3_NAME_SIZE];
    s3_object_name(key, name);
    return s3_head(store, name, answer);
}

ferry_err s3_stat(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    s3_autoanswer answer = {.status = 0};
    ferry_err err = head(s3_of(o), key, &answer);
    if (err == FERRY_OK)
        *ret_size = answer.length;
    return err;
}

/* The ETag of what came in one PUT is its MD5. What came in parts, or lies encrypted, has another kind. */
static bool etag_fits(const struct s3_answer *a, const uint8_t md5[16])
{
    uint8_t bytes[16];
    if (a->etag_is_opaque || ferry_hex_decode(a->etag, strlen(a->etag), bytes, sizeof bytes) != FERRY_OK)
        return true;
    return memcmp(bytes, md5, sizeof bytes) == 0;
}

ferry_err s3_match(struct objects *o, const ferry_id *key, const struct object_expect *expect)
{
    s3_autoanswer answer = {.status = 0};
    ferry_err err = head(s3_of(o), key, &answer);
    if (err != FERRY_OK)
        return err;
    if (answer.length != expect->size)
        return FERRY_E_SIZE;
    return expect->md5 == NULL || etag_fits(&answer, expect->md5) ? FERRY_OK : FERRY_E_DIGEST;
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* Fills the block from an offset on. Without an ETag it is the first word about the object. */
static ferry_err fetch(struct object_reader *r, uint64_t offset, struct s3_answer *answer)
{
    char range[RANGE_SIZE], etag[S3_ETAG_SIZE + 2];
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, offset, offset + S3_READ_BYTES - 1);
    (void)snprintf(etag, sizeof etag, "\"%s\"", r->etag);
    const struct s3_call call = {.method = "GET",
                                 .name = r->name,
                                 .headers = {{"range", range}, {"if-match", etag}},
                                 .headers_count = r->etag[0] != '\0' ? 2 : 1,
                                 .into = r->block,
                                 .into_cap = sizeof r->block,
                                 .patience_ms = S3_READ_PATIENCE_MS};
    r->len = 0;
    ferry_err err = s3_call(r->store, &call, answer);
    if (err != FERRY_OK)
        return err;
    r->at = offset;
    r->len = answer->into_len;
    return FERRY_OK;
}

ferry_err s3_read_open(struct objects *o, const ferry_id *key, struct object_reader **ret_reader, uint64_t *ret_size)
{
    ferry_autofree struct object_reader *r = ferry_calloc(1, sizeof *r);
    s3_autoanswer answer = {.status = 0};
    if (r == NULL)
        return FERRY_E_NOMEM;
    r->store = s3_of(o);
    s3_object_name(key, r->name);
    ferry_err err = fetch(r, 0, &answer);
    if (err == FERRY_E_NOT_FOUND)
        return s3_why_not_there(r->store, key);
    if (err != FERRY_OK && answer.status != 416) /* of nothing there is no first byte */
        return err;
    r->size = answer.status == 206 ? answer.total : r->len;
    (void)snprintf(r->etag, sizeof r->etag, "%s", answer.etag);
    *ret_size = r->size;
    *ret_reader = FERRY_TAKE(r);
    return FERRY_OK;
}

ferry_err s3_read_at(struct object_reader *reader, uint64_t offset, void *out, size_t len, size_t *ret_len)
{
    if (offset >= reader->size || len == 0) {
        *ret_len = 0;
        return FERRY_OK;
    }
    if (offset < reader->at || offset >= reader->at + reader->len) {
        s3_autoanswer answer = {.status = 0};
        ferry_err err = fetch(reader, offset, &answer);
        if (err == FERRY_OK && reader->len == 0)
            err = FERRY_E_IO;
        if (err == FERRY_E_NOT_FOUND || err == FERRY_E_STALE) /* removed or replaced meanwhile */
            return FERRY_E_IO;
        if (err != FERRY_OK)
            return err;
    }
    size_t skip = (size_t)(offset - reader->at), there = reader->len - skip;
    *ret_len = there < len ? there : len;
    memcpy(out, reader->block + skip, *ret_len);
    return FERRY_OK;
}

int s3_read_fd(struct object_reader *reader)
{
    (void)reader;
    return -1;
}

void s3_read_close(struct object_reader *reader)
{
    free(reader);
}
