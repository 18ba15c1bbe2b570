/*
 * What the platform says, read in one pass and in place. It is held to the grammar of JSON only as far as a
 * misunderstanding could come of it: one object that is whole, brackets that match, strings that end, no control
 * characters. The closing brace of the whole gives way to a NUL, which nothing below reads past; the strings that
 * are kept get theirs where their last quote was, or before it.
 */
#include "engine.h"

#include <string.h>

/* Each ends with a NUL. The keys of FERRY__TYPE ... */
static const char keys[] = "type\0name\0md5sum\0url\0request_id\0size\0result_code";
enum { KEYS = FERRY__RESULT_CODE + 1 };

/* ... and the types: the answers of FERRY__SAYS_..., then what says the same unasked. */
static const char types[] = "create_upload_task_rsp\0report_upload_progress_rsp\0get_download_task_rsp\0"
                            "report_download_progress_rsp\0upload_result\0download";
enum { UPLOAD_RESULT = 4, TYPES = 6 };

/* What ends a bare word, and the part of it that may stand anywhere. */
static const char ends[] = ",:\"[]{} \t\r\n";
#define SPACE (ends + 7)

/* The brackets that are open, as bits behind a leading 1, the innermost lowest, 1 for an array. */
enum { NOTHING = 1, TOP = 2, NESTED = 8, TOO_DEEP = 1 << 30 };

/* Hexadecimal digits at p, four at most; NOT_HEX when one of them is none. */
#define NOT_HEX UINT32_MAX
static uint32_t read_hex(const char *p, unsigned digits)
{
    uint32_t value = 0;

    while (digits-- > 0) {
        unsigned digit = (uint8_t)*p++ - '0';
        if (digit > 9) {
            digit = (digit | 0x20) - ('a' - '0') + 10;
            if (digit - 10 > 5)
                return NOT_HEX;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* Half a pair of surrogates gives bytes that are not UTF-8: whoever cares sees it in the name. */
static char *put_utf8(char *to, uint32_t c)
{
    static const uint8_t marks[] = {0, 0xc0, 0xe0, 0xf0}; /* of the first byte, by how many follow it */
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

    *to++ = (char)(marks[more] | c >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return to;
}

/* Decodes the string whose first quote is behind us; returns what is behind its last quote, null when it has none. */
FERRY__APART static char *read_string(char *p)
{
    enum { CONTROL = 0x7f }; /* what is kept may contain no control character, so one is as good as another */
    char *to = p;
    uint32_t c, high = 0;

    while ((c = (uint8_t)*p++) != '"') {
        if (c == '\\' && *p == 'u') {
            c = read_hex(p + 1, 4);
            if (c == NOT_HEX)
                return NULL;
            p += 5;
            if (c >> 10 == 0xd800 >> 10) { /* the first half of a pair */
                high = c << 10;
                continue;
            }
            if (c >> 10 == 0xdc00 >> 10)
                c += high - ((0xd800u << 10) + 0xdc00 - 0x10000);
            to = put_utf8(to, c != 0 ? c : CONTROL);
            continue;
        }
        if (c == '\\') {
            c = (uint8_t)*p++;
            if (c >= 'a')
                c = CONTROL;
        }
        if (c < ' ')
            return NULL;
        *to++ = (char)c;
    }
    *to = '\0';
    return p;
}

/* Which of the words text is; count: none. */
static unsigned word_of(const char *text, const char *words, unsigned count)
{
    unsigned i = 0;

    for (; i < count && strcmp(text, words) != 0; i++)
        words += strlen(words) + 1;
    return i;
}

/*
 * The first of its kind counts. Numbers may be strings, but no text a bare word. In the top object each key means
 * something, in an object two deeper (report, progress) the result code does.
 */
static void keep(const char **texts, uint32_t open, unsigned key, const char *value, bool is_string)
{
    if (open == NESTED && key == FERRY__RESULT_CODE)
        key = FERRY__NESTED_RESULT_CODE;
    else if (open != TOP || key == KEYS)
        return;
    if ((is_string || key >= FERRY__SIZE) && *texts[key] == '\0')
        texts[key] = value;
}

/* From the first brace to the NUL in place of the last; null when something is wrong. */
static const char *read_object(char *p, const char **texts)
{
    const char *word = "";
    uint32_t open = NOTHING;
    unsigned key = KEYS;

    for (p += strspn(p, SPACE); *p != '\0' && open < TOO_DEEP; p += strspn(p, SPACE)) {
        char c = *p++;
        if (open == NOTHING && c != '{')
            return NULL;
        bool is_string = c == '"';
        if (c == ':')
            key = word_of(word, keys, KEYS);
        else if (is_string || strchr(ends, c) == NULL) { /* a value, or the key that a colon makes of it */
            word = is_string ? p : p - 1;
            p = is_string ? read_string(p) : p + strcspn(p, ends);
            if (p == NULL)
                return NULL;
            keep(texts, open, key, word, is_string);
        } else {
            key = KEYS;
            if (c == '{' || c == '[')
                open = open << 1 | (c == '[');
            else if (c != ',') {
                if ((open & 1) != (c == ']') || open == TOP)
                    return NULL;
                open >>= 1;
            }
        }
    }
    return open == TOP ? p : NULL;
}

/* A whole number of up to 19 digits; what ends it is a string's end, or what ends a bare word. */
static bool read_whole(const char *p, uint64_t *ret_value)
{
    uint64_t value = 0;
    unsigned digits = 0;

    for (unsigned digit; (digit = (uint8_t)*p - '0') <= 9; p++, digits++)
        value = value * 10 + digit;
    if (digits == 0 || digits > 19 || strchr(ends, *p) == NULL)
        return false;
    *ret_value = value;
    return true;
}

static bool read_result(const char *p, int32_t *ret_code)
{
    bool minus = *p == '-';
    uint64_t value;

    if (!read_whole(p + minus, &value))
        return false;
    int32_t code = value > INT32_MAX ? INT32_MAX : (int32_t)value;
    *ret_code = minus ? -code : code;
    return true;
}

static bool read_md5(const char *hex, uint8_t ret_md5[FERRY_MD5_BYTES])
{
    for (unsigned i = 0; i < FERRY_MD5_BYTES; i++, hex += 2) {
        uint32_t byte = read_hex(hex, 2);
        if (byte == NOT_HEX)
            return false;
        ret_md5[i] = (uint8_t)byte;
    }
    return *hex == '\0';
}

bool ferry__downlink_read(char *text, size_t len, ferry__downlink *ret_msg)
{
    const char **texts = ret_msg->text;

    for (unsigned i = 0; i < FERRY__TEXTS; i++)
        texts[i] = "";
    while (len > 0 && (uint8_t)text[len - 1] <= ' ') /* some send the NUL of their C string */
        len--;
    if (len == 0 || text[--len] != '}')
        return false;
    text[len] = '\0';
    if (read_object(text, texts) != text + len)
        return false;
    unsigned type = word_of(texts[FERRY__TYPE], types, TYPES);
    const char *result = texts[type == UPLOAD_RESULT ? FERRY__NESTED_RESULT_CODE : FERRY__RESULT_CODE];
    ret_msg->says = (uint8_t)(type < UPLOAD_RESULT ? type : type - UPLOAD_RESULT + FERRY__SAYS_UPLOAD_RESULT);
    ret_msg->result_code = 0;
    ret_msg->has_result = read_result(result, &ret_msg->result_code);
    ret_msg->has_md5 = read_md5(texts[FERRY__MD5SUM], ret_msg->md5);
    ret_msg->size = 0;
    (void)read_whole(texts[FERRY__SIZE], &ret_msg->size);
    return type < TYPES;
}
