/* The multipart upload of an object that is being written: nothing of it is seen before it is completed. */
#include "s3_internal.h"
#include "s3_xml.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_SIZE = 16, COMPLETE_TRIES = 2 };

/* Of what is left each part takes its share, some parts being kept for those that breaks will make short. */
size_t s3_part_bytes(uint64_t left, unsigned parts)
{
    unsigned room = parts < S3_PARTS_MAX ? S3_PARTS_MAX - parts : 1;
    uint64_t share = left / (room - room / S3_PARTS_RESERVE);
    if (left == 0)
        return (size_t)S3_PART_BYTES << (parts / S3_PARTS_PER_SIZE);
    return share < S3_PART_BYTES ? S3_PART_BYTES : (size_t)(share / S3_PART_STEP + 1) * S3_PART_STEP;
}

static void take_upload_id(void *arg, const char *name, const char *text)
{
    struct object_writer *w = arg;
    if (strcmp(name, "UploadId") == 0 && strlen(text) < sizeof w->upload_id)
        (void)snprintf(w->upload_id, sizeof w->upload_id, "%s", text);
}

static ferry_err upload_create(struct object_writer *w, const char *name)
{
    s3_autoanswer answer = {.status = 0};
    const struct s3_call call = {.method = "POST",
                                 .name = name,
                                 .query = {{"uploads", ""}},
                                 .query_count = 1,
                                 .patience_ms = S3_PATIENCE_MS,
                                 .once = true};
    ferry_err err = s3_call(w->store, &call, &answer);
    if (err == FERRY_OK)
        err = s3_xml_read(answer.body.data, answer.body.len, take_upload_id, w);
    if (err == FERRY_OK && w->upload_id[0] == '\0')
        err = FERRY_E_FORMAT;
    return err == FERRY_E_FORMAT ? FERRY_E_IO : err;
}

static ferry_err part_put(struct object_writer *w, const char *name, struct s3_answer *answer)
{
    char number[NUMBER_SIZE], md5_text[S3_MD5_BASE64_SIZE];
    uint8_t md5[16];
    if (EVP_Digest(w->part.data, w->part.len, md5, NULL, EVP_md5(), NULL) != 1)
        return FERRY_E_NOMEM;
    s3_md5_base64(md5, md5_text);
    (void)snprintf(number, sizeof number, "%u", w->parts + 1);
    const struct s3_call call = {.method = "PUT",
                                 .name = name,
                                 .query = {{"partNumber", number}, {"uploadId", w->upload_id}},
                                 .query_count = 2,
                                 .headers = {{"content-md5", md5_text}},
                                 .headers_count = 1,
                                 .body = w->part.data,
                                 .body_len = w->part.len,
                                 .patience_ms = s3_patience_ms(w->part.len)};
    return s3_call(w->store, &call, answer);
}

ferry_err s3_part_send(struct object_writer *w)
{
    s3_autoanswer answer = {.status = 0};
    char name[S3_NAME_SIZE];
    s3_object_name(&w->key, name);
    if (w->parts == S3_PARTS_MAX)
        return FERRY_E_FULL;
    ferry_err err = w->upload_id[0] == '\0' ? upload_create(w, name) : FERRY_OK;
    if (err == FERRY_OK)
        err = part_put(w, name, &answer);
    if (err == FERRY_E_NOT_FOUND) {
        w->lost = true;
        return FERRY_E_IO;
    }
    if (err == FERRY_OK && answer.etag[0] == '\0')
        err = FERRY_E_IO;
    if (err == FERRY_OK)
        err = ferry_buf_append(&w->etags, answer.etag, strlen(answer.etag) + 1);
    if (err != FERRY_OK)
        return err;
    w->parts++;
    ferry_buf_reset(&w->part);
    return FERRY_OK;
}

static ferry_err write_list(const struct object_writer *w, struct ferry_buf *out)
{
    const char *etag = w->etags.data;
    ferry_err err = ferry_buf_append_str(out, "<CompleteMultipartUpload>");
    for (unsigned i = 1; err == FERRY_OK && i <= w->parts; i++) {
        err = ferry_buf_printf(out, "<Part><PartNumber>%u</PartNumber><ETag>&quot;", i);
        if (err == FERRY_OK)
            err = s3_xml_write(out, etag);
        if (err == FERRY_OK)
            err = ferry_buf_append_str(out, "&quot;</ETag></Part>");
        etag += strlen(etag) + 1;
    }
    return err == FERRY_OK ? ferry_buf_append_str(out, "</CompleteMultipartUpload>") : err;
}

void s3_note_error(void *arg, const char *name, const char *text)
{
    (void)text;
    *(bool *)arg |= strcmp(name, "Error") == 0;
}

static ferry_err complete_once(struct object_writer *w, const char *name, const struct ferry_buf *list)
{
    s3_autoanswer answer = {.status = 0};
    bool failed = false;
    const struct s3_call call = {.method = "POST",
                                 .name = name,
                                 .query = {{"uploadId", w->upload_id}},
                                 .query_count = 1,
                                 .body = list->data,
                                 .body_len = list->len,
                                 .patience_ms = S3_COMPLETE_PATIENCE_MS,
                                 .once = true};
    ferry_err err = s3_call(w->store, &call, &answer);
    if (err == FERRY_OK)
        err = s3_xml_read(answer.body.data, answer.body.len, s3_note_error, &failed);
    return err == FERRY_OK && failed ? FERRY_E_IO : err;
}

/* The ETag of an object that was made of these parts: the MD5 of their MD5s, and how many they are. */
static bool made_of_these(const struct object_writer *w, const char *name)
{
    s3_autoanswer answer = {.status = 0};
    const struct s3_call call = {.method = "HEAD", .name = name, .patience_ms = S3_PATIENCE_MS};
    ferry_autobuf sums = FERRY_BUF_INIT(16 * S3_PARTS_MAX);
    const char *etag = w->etags.data;
    uint8_t md5[16];
    char hex[33], expected[S3_ETAG_SIZE];
    for (unsigned i = 0; i < w->parts; i++) {
        if (ferry_hex_decode(etag, strlen(etag), md5, sizeof md5) != FERRY_OK ||
            ferry_buf_append(&sums, md5, sizeof md5) != FERRY_OK)
            return false;
        etag += strlen(etag) + 1;
    }
    if (EVP_Digest(sums.data, sums.len, md5, NULL, EVP_md5(), NULL) != 1)
        return false;
    ferry_hex_encode(md5, sizeof md5, hex);
    (void)snprintf(expected, sizeof expected, "%s-%u", hex, w->parts);
    return s3_call(w->store, &call, &answer) == FERRY_OK && strcmp(answer.etag, expected) == 0;
}

ferry_err s3_parts_complete(struct object_writer *w)
{
    ferry_autobuf list = FERRY_BUF_INIT(S3_BODY_MAX);
    char name[S3_NAME_SIZE];
    s3_object_name(&w->key, name);
    ferry_err err = write_list(w, &list);
    if (err != FERRY_OK)
        return err;
    for (unsigned i = 0; i < COMPLETE_TRIES; i++) {
        err = complete_once(w, name, &list);
        if (err == FERRY_OK || made_of_these(w, name)) /* that it was done may not have reached us */
            return FERRY_OK;
        if (err != FERRY_E_NETWORK && err != FERRY_E_BUSY)
            break;
    }
    return err;
}

ferry_err s3_parts_abort(struct objects_s3 *store, const char *name, const char *upload_id)
{
    s3_autoanswer answer = {.status = 0};
    const struct s3_call call = {.method = "DELETE",
                                 .name = name,
                                 .query = {{"uploadId", upload_id}},
                                 .query_count = 1,
                                 .patience_ms = S3_PATIENCE_MS};
    ferry_err err = s3_call(store, &call, &answer);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}
