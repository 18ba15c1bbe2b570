#include "api_intake.h"

#include "api_readers.h"
#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHA256_NAME "sha-256="

ferry_err api_digest_parse(const char *value, bool *ret_found, uint8_t ret_sha256[32])
{
    const size_t name_len = strlen(SHA256_NAME);

    *ret_found = false;
    for (const char *p = value; *p != '\0';) {
        p += strspn(p, " \t,");
        size_t len = strcspn(p, ",");
        if (len > name_len && strncasecmp(p, SHA256_NAME, name_len) == 0) {
            const char *text = p + name_len;
            size_t text_len = len - name_len, bytes;
            while (text_len > 0 && strchr(" \t", text[text_len - 1]) != NULL)
                text_len--;
            if (text_len >= 2 && text[0] == ':' && text[text_len - 1] == ':') {
                text++;
                text_len -= 2;
            }
            if (ferry_base64_decode(text, text_len, ret_sha256, 32, &bytes) != FERRY_OK || bytes != 32)
                return FERRY_E_FORMAT;
            *ret_found = true;
            return FERRY_OK;
        }
        p += len;
    }
    return FERRY_OK;
}

static bool refuse_header(struct api_request *r, const char *name, const char *allowed)
{
    struct api_fault fault;

    (void)api_fault_set(&fault, API_INVALID_HEADER, name, "%s must be %s.", name, allowed);
    api_reply_fault(r, &fault);
    return false;
}

/* libmicrohttpd refuses a Content-Length that is no number itself. */
static bool read_length(struct api_request *r, struct api_intake *in)
{
    const char *length = api_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    in->expect.size = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (in->expect.size > r->shared->object_size_max) {
        api_reply_problem(r, API_TOO_LARGE, "The file is larger than the platform accepts.");
        return false;
    }
    if (length != NULL && in->expect.size == 0) {
        api_reply_problem(r, API_BAD_LENGTH, "The file is empty: devices cannot fetch it.");
        return false;
    }
    return true;
}

static bool read_md5(struct api_request *r, struct api_intake *in)
{
    const char *md5 = api_header(r, MHD_HTTP_HEADER_CONTENT_MD5);
    size_t len;

    if (md5 == NULL)
        return true;
    if (ferry_base64_decode(md5, strlen(md5), in->md5, sizeof in->md5, &len) != FERRY_OK || len != sizeof in->md5)
        return refuse_header(r, MHD_HTTP_HEADER_CONTENT_MD5, "the base64 of 16 bytes");
    in->expect.md5 = in->md5;
    return true;
}

static bool read_sha256(struct api_request *r, struct api_intake *in)
{
    static const char *const names[] = {"Content-Digest", "Digest"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = api_header(r, names[i]);
        bool found = false;
        if (value != NULL && api_digest_parse(value, &found, in->sha256) != FERRY_OK)
            return refuse_header(r, names[i], "sha-256= with the base64 of 32 bytes");
        if (found) {
            in->expect.sha256 = in->sha256;
            return true;
        }
    }
    return true;
}

bool api_intake_open(struct api_request *r)
{
    if (atomic_fetch_add(&r->shared->intakes, 1) >= API_INTAKES_MAX) {
        atomic_fetch_sub(&r->shared->intakes, 1);
        api_reply_problem(r, API_BUSY, "Too many files are being sent at once. Try again in a second.");
        return false;
    }
    r->intake = ferry_calloc(1, sizeof *r->intake);
    if (r->intake != NULL)
        return true;
    atomic_fetch_sub(&r->shared->intakes, 1);
    api_reply_err(r, FERRY_E_NOMEM, NULL);
    return false;
}

void api_intake_begin(struct api_request *r, const ferry_id *key)
{
    struct api_intake *in;

    if (!api_intake_open(r))
        return;
    in = r->intake;
    in->key = *key;
    if (!read_length(r, in) || !read_md5(r, in) || !read_sha256(r, in))
        return;
    ferry_err err = r->shared->objects->ops->write_begin(r->shared->objects, key, in->expect.size, true, &in->writer);
    if (err != FERRY_OK) {
        in->writer = NULL;
        api_reply_err(r, err, NULL);
    }
}

size_t api_intake_take(struct api_request *r, const char *bytes, size_t len, bool *ret_full)
{
    struct api_intake *in = r->intake;
    size_t room = sizeof in->block - in->block_len;
    size_t taken = len;

    *ret_full = len >= room;
    if (*ret_full)
        taken = len > room ? room : len - 1;
    memcpy(in->block + in->block_len, bytes, taken);
    in->block_len += taken;
    return taken;
}

static ferry_err keep(struct api_context *shared, struct api_intake *in)
{
    ferry_err err = shared->objects->ops->write_suspend(FERRY_TAKE(in->writer));

    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, "api", "upload %s of a resource: what came may be lost: %s", in->key.text,
                  ferry_err_text(err));
    return err;
}

void api_intake_write(struct api_request *r)
{
    struct api_intake *in = r->intake;
    ferry_err err = FERRY_OK;

    if (in->block_len == 0)
        return;
    in->received += in->block_len;
    if (in->received > r->shared->object_size_max)
        err = FERRY_E_SIZE;
    else
        err = r->shared->objects->ops->write(in->writer, in->block, in->block_len);
    in->block_len = 0;
    if (err == FERRY_OK)
        return;
    if (in->resumable)
        (void)keep(r->shared, in);
    else
        r->shared->objects->ops->write_abort(FERRY_TAKE(in->writer));
    if (err == FERRY_E_SIZE)
        api_reply_problem(r, API_TOO_LARGE, "The file is larger than the platform accepts.");
    else
        api_reply_err(r, err, NULL);
}

bool api_intake_finish(struct api_request *r, struct object_digests *ret_digests)
{
    struct api_intake *in = r->intake;

    api_intake_write(r);
    if (api_replied(r))
        return false;
    if (in->received == 0) {
        api_reply_problem(r, API_BAD_LENGTH, "The file is empty: devices cannot fetch it.");
        return false;
    }
    /* Without a Content-Length (chunked) the size is what came. */
    if (in->expect.size == 0)
        in->expect.size = in->received;
    ferry_err err = r->shared->objects->ops->write_finish(FERRY_TAKE(in->writer), &in->expect, ret_digests);
    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    return err == FERRY_OK;
}

/* --- in parts ------------------------------------------------------------------------------------------ */

ferry_err api_intake_resume(struct api_request *r, const struct resource_upload *upload, uint64_t *ret_at)
{
    struct objects *objects = r->shared->objects;
    struct api_intake *in = r->intake;

    in->shared = r->shared;
    in->resumable = true;
    in->key = upload->id;
    in->expect.size = upload->size;
    if (upload->md5[0] != '\0' && ferry_hex_decode(upload->md5, FERRY_MD5_HEX, in->md5, sizeof in->md5) == FERRY_OK)
        in->expect.md5 = in->md5;
    if (upload->sha256[0] != '\0' &&
        ferry_hex_decode(upload->sha256, FERRY_SHA256_HEX, in->sha256, sizeof in->sha256) == FERRY_OK)
        in->expect.sha256 = in->sha256;
    ferry_err err = objects->ops->write_resume(objects, &in->key, in->expect.size, true, &in->writer, &in->received);
    if (err != FERRY_OK)
        in->writer = NULL;
    else
        *ret_at = in->received;
    return err;
}

bool api_intake_suspend(struct api_request *r)
{
    api_intake_write(r);
    if (api_replied(r))
        return false;
    ferry_err err = keep(r->shared, r->intake);
    if (err != FERRY_OK)
        api_reply_err(r, err, NULL);
    return err == FERRY_OK;
}

/* It may have been given up meanwhile; then nobody else removes what this writer held. */
static void remove_orphan(struct api_intake *in)
{
    const struct store_ops *ops = in->shared->store->ops;
    struct resource_upload upload;
    struct store_conn *conn = NULL;

    if (api_readers_borrow(in->shared->readers, &conn) != FERRY_OK)
        return;
    ferry_err err = ops->resource_upload_get(conn, &in->key, &upload);
    api_readers_give_back(in->shared->readers, conn, err == FERRY_OK || err == FERRY_E_NOT_FOUND);
    if (err == FERRY_E_NOT_FOUND)
        (void)in->shared->objects->ops->partial_remove(in->shared->objects, &in->key); /* else the next start does */
}

static void end_job(struct api_job *job)
{
    struct api_intake *in = (struct api_intake *)(void *)job;
    struct api_context *shared = in->shared;

    if (in->block_len > 0 && shared->objects->ops->write(in->writer, in->block, in->block_len) != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, "api", "upload %s of a resource: its last bytes could not be kept", in->key.text);
    (void)keep(shared, in);
    remove_orphan(in);
    free(in);
    atomic_fetch_sub(&shared->intakes, 1);
}

void api_intake_free(struct api_request *r)
{
    struct api_intake *in = r->intake;

    r->intake = NULL;
    if (in == NULL)
        return;
    if (in->resumable)
        object_connection_writes(r->shared->watch, r->watched, NULL);
    if (in->resumable && in->writer != NULL) {
        in->job.run = end_job;
        api_pool_submit(r->shared->writers, &in->job);
        return;
    }
    r->shared->objects->ops->write_abort(in->writer);
    free(in);
    atomic_fetch_sub(&r->shared->intakes, 1);
}
