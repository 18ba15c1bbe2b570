#include "fake_platform.h"

#include "ferry/md5.h"
#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 32, MD5_TEXT = 2 * FERRY_MD5_BYTES + 1 };

static unsigned version(const struct fake_platform *p)
{
    return p->plan->changed_from != 0 && p->connections >= p->plan->changed_from ? 2 : 1;
}

uint8_t fake_platform_file(const struct fake_platform *p, size_t at)
{
    return (uint8_t)(at * 31 + at / 256 + version(p));
}

static void md5_text(ferry_md5 *md5, char out[MD5_TEXT])
{
    uint8_t digest[FERRY_MD5_BYTES];

    ferry_md5_final(md5, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void md5_of_file(const struct fake_platform *p, char out[MD5_TEXT])
{
    ferry_md5 md5;

    ferry_md5_init(&md5);
    for (size_t at = 0; at < FAKE_FILE_BYTES; at++) {
        uint8_t byte = fake_platform_file(p, at);
        ferry_md5_update(&md5, &byte, 1);
    }
    md5_text(&md5, out);
}

static void md5_of_log(char out[MD5_TEXT])
{
    ferry_md5 md5;

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, world_flash(AT_LOG), LOG_BYTES);
    md5_text(&md5, out);
}

/* ---- messages ---- */

static void create_upload(struct fake_platform *p, const ferry_msg *in, ferry_msg *out)
{
    char right[MD5_TEXT];

    p->outcome->asked_up++;
    if (p->plan->quota_first && p->outcome->asked_up == 1) {
        out->has |= FERRY_HAS_RESULT_CODE;
        out->result_code = FERRY_RESULT_QUOTA;
    }
    md5_of_log(right);
    p->outcome->upload_wrong |= in->size != LOG_BYTES || !ferry_text_equal(in->md5sum, ferry_text_of(right));
    out->type = FERRY_MSG_CREATE_UPLOAD_TASK_RSP;
    out->size = in->size;
    out->md5sum = in->md5sum;
    out->name = in->name;
}

static void get_download(struct fake_platform *p, ferry_msg *out, char md5[MD5_TEXT])
{
    p->outcome->asked_down++;
    out->type = FERRY_MSG_GET_DOWNLOAD_TASK_RSP;
    if (p->outcome->download_done || p->outcome->download_failed) {
        out->has = FERRY_HAS_RESULT_CODE;
        out->result_code = FERRY_RESULT_NO_TASK;
        return;
    }
    md5_of_file(p, md5);
    out->size = FAKE_FILE_BYTES;
    out->name = ferry_text_of("firmware.bin");
    out->md5sum = ferry_text_of(md5);
}

static void upload_reported(struct fake_platform *p, const ferry_msg *in, ferry_msg *out)
{
    out->type = FERRY_MSG_REPORT_UPLOAD_PROGRESS_RSP;
    if (in->state != FERRY_PROGRESS_DONE)
        return;
    p->outcome->upload_done = true;
    p->outcome->upload_wrong |= p->upload_bytes != LOG_BYTES;
}

static void download_reported(struct fake_platform *p, const ferry_msg *in, ferry_msg *out)
{
    out->type = FERRY_MSG_REPORT_DOWNLOAD_PROGRESS_RSP;
    p->outcome->progress += in->state == FERRY_PROGRESS_RUNNING;
    p->outcome->download_done |= in->state == FERRY_PROGRESS_DONE;
    p->outcome->download_failed |= in->state == FERRY_PROGRESS_FAIL;
    if (in->state == FERRY_PROGRESS_RUNNING && p->outcome->progress == p->plan->busy_at)
        out->result_code = FERRY_RESULT_BUSY;
}

size_t fake_platform_message(struct fake_platform *p, const char *payload, size_t len, char out[FAKE_MESSAGE_BYTES])
{
    char copy[FAKE_MESSAGE_BYTES], md5[MD5_TEXT];
    ferry_json_token tokens[TOKENS];
    ferry_msg in, answer = {.has = FERRY_HAS_SIZE, .url = ferry_text_of("http://store:8080/o/1")};

    if (len > sizeof copy)
        return 0;
    memcpy(copy, payload, len);
    if (ferry_msg_parse(copy, len, tokens, TOKENS, &in) != FERRY_PROTO_OK)
        return 0;
    answer.request_id = in.request_id;
    answer.result_msg = ferry_text_of("");
    if (in.type == FERRY_MSG_CREATE_UPLOAD_TASK)
        create_upload(p, &in, &answer);
    else if (in.type == FERRY_MSG_GET_DOWNLOAD_TASK)
        get_download(p, &answer, md5);
    else if (in.type == FERRY_MSG_REPORT_UPLOAD_PROGRESS)
        upload_reported(p, &in, &answer);
    else
        download_reported(p, &in, &answer);
    return ferry_msg_write(&answer, out, FAKE_MESSAGE_BYTES, &len) == FERRY_PROTO_OK ? len : 0;
}

/* ---- the object store ---- */

/* A piece of the answer's head, with a number in it. */
static void say(struct fake_request *r, const char *before, size_t number, const char *after)
{
    r->text_len += (size_t)snprintf(r->text + r->text_len, sizeof r->text - r->text_len, "%s%u%s", before,
                                    (unsigned)number, after);
}

static void answer_begin(struct fake_request *r, unsigned status, const char *reason)
{
    r->answered = true;
    r->text_len = 0;
    say(r, "HTTP/1.1 ", status, reason);
}

/* The number behind a field of the head; 0 when it is not there. */
static size_t number_of(const char *head, const char *field)
{
    const char *at = strstr(head, field);

    return at == NULL ? 0 : (size_t)strtoul(at + strlen(field), NULL, 10);
}

static void serve_get(struct fake_platform *p, struct fake_request *r)
{
    char if_range[24];
    size_t from = number_of(r->text, "\r\nRange: bytes=");

    (void)snprintf(if_range, sizeof if_range, "If-Range: \"v%u\"\r\n", version(p));
    if (strstr(r->text, if_range) == NULL)
        from = 0;
    answer_begin(r, from == 0 ? 200 : 206, " \r\n");
    if (from > 0) {
        say(r, "Content-Range: bytes ", from, "-");
        say(r, "", FAKE_FILE_BYTES - 1, "/");
        say(r, "", FAKE_FILE_BYTES, "\r\n");
    }
    say(r, "ETag: \"v", version(p), "\"\r\n");
    say(r, "Content-Length: ", FAKE_FILE_BYTES - from, "\r\n\r\n");
    r->out_at = from;
    r->out_left = FAKE_FILE_BYTES - from;
}

static void serve_patch(struct fake_platform *p, struct fake_request *r)
{
    r->in_left = number_of(r->text, "Content-Length: ");
    if (number_of(r->text, "Upload-Offset: ") != p->upload_bytes || r->in_left != LOG_BYTES - p->upload_bytes)
        answer_begin(r, 409, " Conflict\r\nContent-Length: 0\r\n\r\n");
}

static void answer_upload(struct fake_platform *p, struct fake_request *r)
{
    answer_begin(r, 100, " Continue\r\n\r\n");
    say(r, "HTTP/1.1 ", 204, " No Content\r\nTus-Resumable: 1.0.0\r\n");
    say(r, "Upload-Offset: ", p->upload_bytes, "\r\n\r\n");
}

static void serve(struct fake_platform *p, struct fake_request *r)
{
    if (strncmp(r->text, "GET ", 4) == 0)
        serve_get(p, r);
    else if (strncmp(r->text, "PATCH ", 6) == 0)
        serve_patch(p, r);
    else
        answer_upload(p, r);
}

static void store(struct fake_platform *p, struct fake_request *r, const char *bytes, size_t len)
{
    const uint8_t *log = world_flash(AT_LOG);

    if (len > r->in_left)
        abort(); /* more than the request has */
    if (r->answered)
        return; /* refused already */
    p->outcome->upload_wrong |= memcmp(log + p->upload_bytes, bytes, len) != 0;
    p->outcome->taken += len;
    p->upload_bytes += len;
    r->in_left -= len;
    if (r->in_left == 0)
        answer_upload(p, r);
}

void fake_platform_take(struct fake_platform *p, struct fake_request *r, const char *bytes, size_t len)
{
    size_t at = 0;

    while (at < len && !r->head_done) {
        if (r->text_len == sizeof r->text - 1)
            abort();
        r->text[r->text_len++] = bytes[at++];
        r->text[r->text_len] = '\0';
        r->head_done = r->text_len >= 4 && strcmp(r->text + r->text_len - 4, "\r\n\r\n") == 0;
        if (r->head_done)
            serve(p, r);
    }
    if (at < len)
        store(p, r, bytes + at, len - at);
}

size_t fake_platform_give(struct fake_platform *p, struct fake_request *r, char *out, size_t cap)
{
    size_t len = 0;

    if (!r->answered)
        return 0;
    while (len < cap && r->text_at < r->text_len)
        out[len++] = r->text[r->text_at++];
    for (; len < cap && r->out_left > 0; r->out_left--)
        out[len++] = (char)fake_platform_file(p, r->out_at++);
    return len;
}

void fake_platform_refuse(struct fake_request *r)
{
    r->text_at = 0;
    r->out_left = 0;
    answer_begin(r, 403, " Forbidden\r\nContent-Length: 0\r\n\r\n");
}
