/*
 * What the platform says, read in one pass and in place. It is held to the grammar of JSON only as far as a
 * misunderstanding could come of it: an object that is whole, with brackets that match, and strings that end.
 */
#include "engine.h"

#include <string.h>

/* What follows the texts of enum in engine.h, in keys[]. */
enum { RESULT_CODE = FERRY__TEXTS, IN_REPORT, IN_PROGRESS, KEYS };
static const char keys[] = "type\0name\0md5sum\0url\0request_id\0size\0result_code\0report\0progress";

/* In the order of FERRY__SAYS_...; answers end in _rsp, and the two others follow. */
static const char types[] = "create_upload_task\0report_upload_progress\0get_download_task\0report_download_progress\0"
                            "upload_result\0download";
enum { ANSWERS = 4, TYPES = 6 };

enum { DEPTH_MAX = 32 };

typedef struct {
    char *at, *end;
    uint32_t arrays; /* a bit for each open bracket, the innermost lowest: 1 is an array */
    uint8_t depth;   /* open brackets */
    uint8_t level;   /* how many of them lead along top, report, progress: only there keys mean something */
    uint8_t key;     /* of the value to come; KEYS: none that we know */
    ferry_text *texts;
    ferry_text result[2]; /* of the top, of the nested report */
} reader;

/* Hexadecimal digits at p; false when one of them is none. */
static bool read_hex(const char *p, unsigned digits, uint32_t *ret_value)
{
    uint32_t value = 0;

    while (digits-- > 0) {
        unsigned digit = (uint8_t)*p++ - '0';
        if (digit > 9) {
            digit = ((digit + '0') | 0x20) - 'a';
            if (digit > 5)
                return false;
            digit += 10;
        }
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

/* The escape behind a backslash becomes UTF-8 at *to. False: it is none, or half a surrogate pair. */
static bool read_escape(reader *r, char **to)
{
    uint32_t c = (uint8_t)*r->at++, low;
    unsigned more;

    if (c != 'u') { /* letters stand for control characters; nothing that we keep may contain any, so one is as good */
        *(*to)++ = (char)(c >= 'a' ? '\n' : c);
        return true;
    }
    if (r->end - r->at < 4 || !read_hex(r->at, 4, &c))
        return false;
    r->at += 4;
    if (c >> 11 == 0xd800 >> 11) {
        if (c >= 0xdc00 || r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u' ||
            !read_hex(r->at + 2, 4, &low) || low >> 10 != 0xdc00 >> 10)
            return false;
        r->at += 6;
        c = (c << 10) + low - (0xd800u << 10) - 0xdc00 + 0x10000;
    }
    more = (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
    *(*to)++ = (char)(more == 0 ? c : 0xff80u >> more | c >> 6 * more);
    while (more-- > 0)
        *(*to)++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return true;
}

/* The rest of a string, decoded in place, and its closing quote. */
static bool read_string(reader *r, ferry_text *ret_text)
{
    char *to = r->at;

    ret_text->ptr = to;
    while (r->at < r->end) {
        char c = *r->at++;
        if (c == '"') {
            ret_text->len = (size_t)(to - ret_text->ptr);
            return true;
        }
        if ((uint8_t)c < ' ' || (c == '\\' && (r->at == r->end || !read_escape(r, &to))))
            return false;
        if (c != '\\')
            *to++ = c;
    }
    return false;
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || (*r->at >= '\t' && *r->at <= '\r')))
        r->at++;
}

/* A number, true, false or null, up to what ends it. */
static void read_word(reader *r, ferry_text *ret_text)
{
    ret_text->ptr = r->at - 1;
    while (r->at < r->end && (uint8_t)*r->at > ' ' && memchr(",:\"[]{}", *r->at, 7) == NULL)
        r->at++;
    ret_text->len = (size_t)(r->at - ret_text->ptr);
}

static bool is(ferry_text text, const char *word, size_t len)
{
    return text.len == len && memcmp(text.ptr, word, len) == 0;
}

static uint8_t key_of(ferry_text text)
{
    const char *word = keys;

    for (uint8_t key = 0; key < KEYS; key++) {
        size_t len = strlen(word);
        if (is(text, word, len))
            return key;
        word += len + 1;
    }
    return KEYS;
}

/* The value of the present key; the first of its kind counts. Numbers may be strings, but no text a bare word. */
static void keep(reader *r, ferry_text text, bool is_string)
{
    ferry_text *to = NULL;

    if (r->key == RESULT_CODE && r->level != 2)
        to = &r->result[r->level > 1];
    else if (r->level == 1 && (is_string ? r->key < FERRY__TEXTS : r->key == FERRY__SIZE))
        to = &r->texts[r->key];
    if (to != NULL && to->ptr == NULL)
        *to = text;
    r->key = KEYS;
}

/* A string is a key when a colon follows. */
static bool take_string(reader *r)
{
    ferry_text text;

    if (!read_string(r, &text))
        return false;
    skip_space(r);
    if (r->at < r->end && *r->at == ':') {
        r->at++;
        r->key = r->depth == r->level ? key_of(text) : KEYS;
    } else
        keep(r, text, true);
    return true;
}

static bool take_open(reader *r, bool array)
{
    bool deeper = !array && r->depth == r->level &&
                  (r->level == 0 || (r->level == 1 && r->key == IN_REPORT) || (r->level == 2 && r->key == IN_PROGRESS));

    r->key = KEYS;
    r->arrays = r->arrays << 1 | array;
    r->level += deeper;
    return ++r->depth <= DEPTH_MAX && r->level > 0;
}

static bool take_close(reader *r, bool array)
{
    if ((r->arrays & 1) != array)
        return false;
    r->arrays >>= 1;
    r->level -= r->level == r->depth;
    r->depth--;
    return true;
}

static bool take_next(reader *r)
{
    ferry_text text;
    char c = *r->at++;

    if (c == '{' || c == '[')
        return take_open(r, c == '[');
    if (r->depth == 0)
        return false;
    if (c == '}' || c == ']')
        return take_close(r, c == ']');
    if (c == '"')
        return take_string(r);
    if (c == ',' || (uint8_t)c < ' ') {
        r->key = KEYS;
        return c == ',';
    }
    read_word(r, &text);
    keep(r, text, false);
    return true;
}

/* Up to 19 digits. */
static bool whole(ferry_text text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.ptr == NULL || text.len == 0 || text.len > 19)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (uint8_t)text.ptr[i] - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

static bool result_code(ferry_text text, int32_t *ret_code)
{
    bool minus = text.ptr != NULL && text.len > 0 && *text.ptr == '-';
    uint64_t value;

    text.ptr += minus;
    text.len -= minus;
    if (!whole(text, &value))
        return false;
    if (value > INT32_MAX)
        value = INT32_MAX;
    *ret_code = minus ? -(int32_t)value : (int32_t)value;
    return true;
}

/* The place in types[], or TYPES. */
static unsigned type_of(ferry_text text)
{
    static const char answer[] = "_rsp";
    const char *word = types;
    unsigned type = 0;

    for (; text.ptr != NULL && type < TYPES; type++) {
        size_t len = strlen(word);
        if (type >= ANSWERS ? is(text, word, len)
                            : text.len == len + 4 && memcmp(text.ptr, word, len) == 0 &&
                                  memcmp(text.ptr + len, answer, 4) == 0)
            return type;
        word += len + 1;
    }
    return TYPES;
}

static bool md5_of(ferry_text hex, uint8_t ret_md5[FERRY_MD5_BYTES])
{
    uint32_t byte;

    if (hex.ptr == NULL || hex.len != FERRY_MD5_HEX)
        return false;
    for (unsigned i = 0; i < FERRY_MD5_BYTES; i++) {
        if (!read_hex(hex.ptr + (size_t)2 * i, 2, &byte))
            return false;
        ret_md5[i] = (uint8_t)byte;
    }
    return true;
}

bool ferry__downlink_read(char *text, size_t len, ferry__downlink *ret_msg)
{
    reader r;

    memset(&r, 0, sizeof r);
    memset(ret_msg, 0, sizeof *ret_msg);
    r.at = text;
    r.end = text + len;
    r.key = KEYS;
    r.texts = ret_msg->text;
    do {
        skip_space(&r);
        if (r.at == r.end || !take_next(&r))
            return false;
    } while (r.depth > 0);
    skip_space(&r);
    if (r.end - r.at > (r.at < r.end && *r.at == '\0')) /* some send the NUL of their C string */
        return false;
    unsigned type = type_of(ret_msg->text[FERRY__TYPE]);
    ret_msg->has_result = result_code(r.result[type == ANSWERS], &ret_msg->result_code);
    ret_msg->has_md5 = md5_of(ret_msg->text[FERRY__MD5SUM], ret_msg->md5);
    if (!whole(ret_msg->text[FERRY__SIZE], &ret_msg->size))
        ret_msg->size = 0;
    ret_msg->says = (uint8_t)(type < ANSWERS    ? type
                              : type == ANSWERS ? FERRY__SAYS_UPLOAD_RESULT
                                                : FERRY__SAYS_DOWNLOAD_TASK);
    return type < TYPES;
}
