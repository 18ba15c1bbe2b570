#include "message_kind.h"
#include "utf8.h"

#include <string.h>

typedef struct {
    char *out;
    size_t cap; /* 0 once something did not fit: nothing more is written */
    size_t len; /* always less than cap, so that the NUL fits */
    bool comma; /* the next key is not the first of its object */
} writer;

static void put(writer *w, const char *bytes, size_t len)
{
    if (len >= w->cap - w->len) {
        w->cap = w->len = 0;
        return;
    }
    memcpy(w->out + w->len, bytes, len);
    w->len += len;
}

static void put_str(writer *w, const char *text)
{
    put(w, text, strlen(text));
}

/* Decimal without 64-bit division, which small processors do in software: 16 bits at a time. */
static void put_u64(writer *w, uint64_t value)
{
    char digits[20];
    size_t first = sizeof(digits);
    uint16_t part[4];

    for (int i = 3; i >= 0; i--, value >>= 16)
        part[i] = (uint16_t)value;
    do {
        uint32_t rest = 0;

        for (int i = 0; i < 4; i++) {
            rest = rest << 16 | part[i];
            part[i] = (uint16_t)(rest / 10);
            rest %= 10;
        }
        digits[--first] = (char)('0' + rest);
    } while ((part[0] | part[1] | part[2] | part[3]) != 0);
    put(w, digits + first, sizeof(digits) - first);
}

static void put_escaped(writer *w, char c)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {'\\', c, '0', '0', digits[(uint8_t)c >> 4], digits[c & 15]};

    if ((uint8_t)c < 0x20)
        escape[1] = 'u';
    put(w, escape, (uint8_t)c < 0x20 ? sizeof(escape) : 2);
}

/* A quoted string; absent is "". With fold, hexadecimal digits become lower case. */
static void put_string(writer *w, ferry_text text, bool fold)
{
    size_t bytes;

    put_str(w, "\"");
    for (size_t i = 0; text.ptr != NULL && i < text.len; i += bytes) {
        char c = text.ptr[i];

        bytes = ferry__utf8_bytes(text.ptr + i, text.len - i);
        if (bytes == 0) {
            bytes = 1;
            put_str(w, "?");
        } else if ((uint8_t)c < 0x20 || c == '"' || c == '\\') {
            put_escaped(w, c);
        } else if (fold && c >= 'A' && c <= 'F') {
            c = (char)(c - 'A' + 'a');
            put(w, &c, 1);
        } else {
            put(w, text.ptr + i, bytes);
        }
    }
    put_str(w, "\"");
}

static void put_key(writer *w, const char *key)
{
    put_str(w, w->comma ? ",\"" : "\"");
    put_str(w, key);
    put_str(w, "\":");
    w->comma = true;
}

static void put_open(writer *w, const char *key)
{
    put_key(w, key);
    put_str(w, "{");
    w->comma = false;
}

static void put_text(writer *w, const char *key, ferry_text text)
{
    put_key(w, key);
    put_string(w, text, false);
}

static void put_number(writer *w, const char *key, uint64_t value)
{
    put_key(w, key);
    put_u64(w, value);
}

static void put_signed(writer *w, const char *key, int32_t value)
{
    put_key(w, key);
    if (value < 0)
        put_str(w, "-");
    put_u64(w, value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
}

static void put_task(writer *w, const ferry_msg *msg, unsigned shape)
{
    bool answer = (shape & FERRY__ANSWER) != 0;

    put_number(w, "size", answer && msg->size == 0 ? 1 : msg->size);
    put_text(w, "name", msg->name);
    put_key(w, "md5sum");
    put_string(w, msg->md5sum, true);
    if (answer)
        put_text(w, "url", msg->url);
}

static void put_result(writer *w, const ferry_msg *msg)
{
    put_signed(w, "result_code", msg->result_code);
    put_text(w, "result_msg", msg->result_msg);
}

static const char *state_name(const ferry_msg *msg)
{
    switch (msg->state) {
    case FERRY_PROGRESS_RUNNING:
        return msg->type == FERRY_MSG_REPORT_UPLOAD_PROGRESS ? "uploading" : "downloading";
    case FERRY_PROGRESS_DONE:
        return "done";
    case FERRY_PROGRESS_FAIL:
        return "fail";
    case FERRY_PROGRESS_NONE:
        break;
    }
    return NULL;
}

static void put_progress(writer *w, const ferry_msg *msg)
{
    put_text(w, "name", msg->name);
    put_open(w, "progress");
    put_text(w, "state", ferry_text_of(state_name(msg)));
    if ((msg->has & FERRY_HAS_PERCENT) != 0)
        put_signed(w, "percent", msg->percent);
    put_result(w, msg);
    put_str(w, "}");
}

static void put_report(writer *w, const ferry_msg *msg)
{
    put_open(w, "report");
    put_open(w, "progress");
    put_signed(w, "result_code", msg->result_code);
    put_str(w, "}}");
}

static void put_extensions(writer *w, const ferry_msg *msg)
{
    if (msg->sha256.ptr != NULL) {
        put_key(w, "sha256");
        put_string(w, msg->sha256, true);
    }
    if ((msg->has & FERRY_HAS_EXPIRES) != 0)
        put_number(w, "expires", msg->expires);
    if (msg->request_id.ptr != NULL)
        put_text(w, "request_id", msg->request_id);
}

ferry_proto_err ferry_msg_write(const ferry_msg *msg, char *out, size_t cap, size_t *ret_len)
{
    const char *type = ferry_msg_type_name(msg->type);
    writer w = {out, cap, 0, false};
    unsigned shape;

    if (type == NULL)
        return FERRY_PROTO_E_FIELD;
    shape = ferry__kinds[msg->type].shape;
    if ((shape & FERRY__PROGRESS) != 0 && state_name(msg) == NULL)
        return FERRY_PROTO_E_FIELD;
    put_str(&w, "{");
    put_text(&w, "type", ferry_text_of(type));
    if ((shape & FERRY__TASK) != 0)
        put_task(&w, msg, shape);
    if ((shape & FERRY__RESULT) != 0 ||
        ((shape & FERRY__RESULT_OPTIONAL) != 0 && (msg->has & FERRY_HAS_RESULT_CODE) != 0))
        put_result(&w, msg);
    if ((shape & FERRY__PROGRESS) != 0)
        put_progress(&w, msg);
    if ((shape & FERRY__REPORT) != 0)
        put_report(&w, msg);
    put_extensions(&w, msg);
    put_str(&w, "}");
    if (w.cap == 0)
        return FERRY_PROTO_E_SPACE;
    out[w.len] = '\0';
    *ret_len = w.len;
    return FERRY_PROTO_OK;
}
