#include "message_table.h"
#include "utf8.h"

#include <string.h>

typedef struct {
    char *out;
    size_t cap; /* 0 once something did not fit: nothing more is written */
    size_t len; /* always less than cap, so that the NUL fits */
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

static bool is_escaped(char c)
{
    return (uint8_t)c < 0x20 || c == '"' || c == '\\';
}

/* A quoted string; absent is "". With fold, hexadecimal digits become lower case. What goes as it is is copied in one piece. */
static void put_string(writer *w, ferry_text text, bool fold)
{
    size_t i, bytes, from = 0;

    if (text.ptr == NULL)
        text = (ferry_text){.ptr = "", .len = 0};
    put_str(w, "\"");
    for (i = 0; i < text.len; i += bytes) {
        char c = text.ptr[i];

        bytes = (uint8_t)c < 0x80 ? 1 : ferry__utf8_bytes(text.ptr + i, text.len - i); /* hardly ever called */
        if (bytes == 0) {
            bytes = 1;
            c = '?';
        } else if (fold && c >= 'A' && c <= 'F') {
            c = (char)(c - 'A' + 'a');
        } else if (!is_escaped(c)) {
            continue;
        }
        put(w, text.ptr + from, i - from);
        from = i + bytes;
        if (is_escaped(c))
            put_escaped(w, c);
        else
            put(w, &c, 1);
    }
    put(w, text.ptr + from, i - from);
    put_str(w, "\"");
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

/* --- fields --------------------------------------------------------------------------------- */

static const void *at(const ferry_msg *msg, const ferry__field *field)
{
    return (const char *)msg + field->where;
}

static ferry_text text_of(const ferry_msg *msg, const ferry__field *field)
{
    if (field->kind == FERRY__FIELD_TYPE)
        return ferry_text_of(ferry__kinds[msg->type].name);
    if (field->kind == FERRY__FIELD_STATE)
        return ferry_text_of(state_name(msg));
    return *(const ferry_text *)at(msg, field);
}

/* percent and the extensions, of a report also its md5sum, are left out when they are absent. */
static bool is_left_out(const ferry_msg *msg, const ferry__field *field, unsigned shape)
{
    bool extension =
        field->shapes == FERRY__EXTENSION || (field->kind == FERRY__FIELD_HEX && (shape & FERRY__PROGRESS) != 0);

    if (field->has == FERRY_HAS_PERCENT || field->has == FERRY_HAS_EXPIRES)
        return (msg->has & field->has) == 0;
    return extension && text_of(msg, field).ptr == NULL;
}

static void put_value(writer *w, const ferry_msg *msg, const ferry__field *field, unsigned shape)
{
    uint64_t whole;
    int32_t number;

    switch ((ferry__field_kind)field->kind) {
    case FERRY__FIELD_OBJECT:
        put_str(w, "{");
        break;
    case FERRY__FIELD_WHOLE:
        whole = *(const uint64_t *)at(msg, field);
        put_u64(w, whole == 0 && (shape & FERRY__ANSWER) != 0 ? 1 : whole);
        break;
    case FERRY__FIELD_INT:
        number = *(const int32_t *)at(msg, field);
        if (number < 0)
            put_str(w, "-");
        put_u64(w, number < 0 ? 0u - (uint32_t)number : (uint32_t)number);
        break;
    case FERRY__FIELD_TYPE:
    case FERRY__FIELD_STATE:
    case FERRY__FIELD_TEXT:
    case FERRY__FIELD_HEX:
        put_string(w, text_of(msg, field), field->kind == FERRY__FIELD_HEX);
        break;
    }
}

static void put_fields(writer *w, const ferry_msg *msg, unsigned shape)
{
    const char *before = "{\"";
    unsigned open = 0;

    for (const ferry__field *field = ferry__fields; field < ferry__fields + FERRY__FIELDS; field++) {
        if ((field->shapes & shape) == 0 || is_left_out(msg, field, shape))
            continue;
        if (field->shapes == FERRY__EXTENSION)
            for (; open > 0; open--)
                put_str(w, "}");
        put_str(w, before);
        put_str(w, field->key);
        put_str(w, "\":");
        put_value(w, msg, field, shape);
        before = field->kind == FERRY__FIELD_OBJECT ? "\"" : ",\"";
        open += field->kind == FERRY__FIELD_OBJECT;
    }
    for (open++; open > 0; open--)
        put_str(w, "}");
}

ferry_proto_err ferry_msg_write(const ferry_msg *msg, char *out, size_t cap, size_t *ret_len)
{
    writer w = {out, cap, 0};
    unsigned shape;

    if (ferry_msg_type_name(msg->type) == NULL)
        return FERRY_PROTO_E_FIELD;
    shape = ferry__kinds[msg->type].shape | FERRY__EXTENSION;
    if ((shape & FERRY__PROGRESS) != 0 && state_name(msg) == NULL)
        return FERRY_PROTO_E_FIELD;
    if ((shape & FERRY__RESULT_OPTIONAL) != 0 && (msg->has & FERRY_HAS_RESULT_CODE) != 0)
        shape |= FERRY__RESULT;
    put_fields(&w, msg, shape);
    if (w.cap == 0)
        return FERRY_PROTO_E_SPACE;
    out[w.len] = '\0';
    *ret_len = w.len;
    return FERRY_PROTO_OK;
}
