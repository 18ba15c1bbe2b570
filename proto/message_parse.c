/*
 * jsmn cuts the payload into tokens; the walk below looks at each byte between them once and decides
 * what is well formed, because jsmn itself accepts much that is not JSON and stops silently at a NUL.
 * Whatever jsmn returns, the tokens made so far are good: the walk ends where they end.
 */
#include "message_table.h"

#include <string.h>

#define JSMN_STATIC
#include <jsmn.h>

typedef char ferry__tokens_are_alike[sizeof(jsmntok_t) == sizeof(ferry_json_token) ? 1 : -1];

enum { ELSEWHERE = FERRY__PLACES };

static const struct {
    char name[12];
    uint8_t state;
} states[] = {
    {"uploading", FERRY_PROGRESS_RUNNING},
    {"downloading", FERRY_PROGRESS_RUNNING},
    {"done", FERRY_PROGRESS_DONE},
    {"fail", FERRY_PROGRESS_FAIL},
};

typedef enum { WANT_TOP, WANT_KEY, WANT_COLON, WANT_VALUE, WANT_ITEM, WANT_NEXT, WANT_END } want;

typedef struct {
    char *payload;
    jsmntok_t *tokens; /* of an open object or array, size is reused for its parent, end for its place */
    int32_t count;
    int32_t next;
    int32_t open; /* innermost open object or array, -1: none */
    want want;
    const ferry__field *field; /* of the key just read; null: none that we know */
    uint16_t seen[FERRY__PLACES];
    ferry_msg found[FERRY__PLACES]; /* what stands in each place; the type tells which of it counts */
} reader;

/* --- texts ---------------------------------------------------------------------------------- */

static bool is(ferry_text text, const char *word)
{
    return ferry_text_equal(text, ferry_text_of(word));
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t digit = (uint8_t)p[i];

        value = value << 4 | (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t encode_utf8(uint32_t c, char *out)
{
    size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3; /* bytes after the first */
    static const uint8_t marks[] = {0x00, 0xc0, 0xe0, 0xf0};

    out[0] = (char)(marks[more] | c >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (c >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

/* The four digits at *from and, for a high surrogate, the escape after them. */
static bool decode_unicode(const char *text, size_t len, size_t *from, uint32_t *ret_char)
{
    uint32_t c = hex4(text + *from);
    uint32_t low;

    *from += 4;
    if ((c & 0xf800) == 0xd800) {
        if (c >= 0xdc00 || len - *from < 6 || text[*from] != '\\' || text[*from + 1] != 'u')
            return false;
        low = hex4(text + *from + 2);
        if ((low & 0xfc00) != 0xdc00)
            return false;
        *from += 6;
        c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
    }
    *ret_char = c;
    return true;
}

/* Decodes the escapes in place; jsmn has seen to it that each is complete. False: half a surrogate pair. */
static bool decode(char *text, size_t *len)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    size_t to = 0;

    for (size_t from = 0; from < *len;) {
        uint32_t c = (uint8_t)text[from++];
        const char *letter;

        if (c == '\\') {
            c = (uint8_t)text[from++];
            letter = memchr(letters, (int)c, sizeof(letters) - 1);
            if (letter != NULL)
                c = (uint8_t)controls[letter - letters];
            if (c == 'u') {
                if (!decode_unicode(text, *len, &from, &c))
                    return false;
                to += encode_utf8(c, text + to);
                continue;
            }
        }
        text[to++] = (char)c;
    }
    *len = to;
    return true;
}

/* --- numbers -------------------------------------------------------------------------------- */

typedef struct {
    uint64_t magnitude; /* of the whole part, saturated */
    bool minus, overflow, fraction, exponent;
} number;

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Behind the digits at p, null when there are none. */
static const char *skip_digits(const char *p, const char *end)
{
    if (!is_digit(p, end))
        return NULL;
    while (is_digit(p, end))
        p++;
    return p;
}

static void add_digit(number *n, uint8_t digit)
{
    if (n->magnitude > UINT64_MAX / 10 || n->magnitude * 10 > UINT64_MAX - digit)
        n->overflow = true;
    n->magnitude = n->overflow ? UINT64_MAX : n->magnitude * 10 + digit;
}

/* RFC 8259, 6. False when the text is not a number of JSON. */
static bool scan_number(ferry_text text, number *ret_number)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    const char *after;

    memset(ret_number, 0, sizeof(*ret_number));
    if (p < end && *p == '-') {
        ret_number->minus = true;
        p++;
    }
    after = skip_digits(p, end);
    if (after == NULL || (*p == '0' && after > p + 1))
        return false;
    while (p < after)
        add_digit(ret_number, (uint8_t)(*p++ - '0'));
    if (p < end && *p == '.') {
        ret_number->fraction = true;
        p = skip_digits(p + 1, end);
    }
    if (p != NULL && p < end && (*p | 0x20) == 'e') {
        ret_number->exponent = true;
        p++;
        p = skip_digits(p < end && (*p == '+' || *p == '-') ? p + 1 : p, end);
    }
    return p == end;
}

static bool to_whole(ferry_text text, uint64_t *ret_value)
{
    number n;

    if (!scan_number(text, &n) || n.minus || n.overflow || n.fraction || n.exponent)
        return false;
    *ret_value = n.magnitude;
    return true;
}

/* Saturates; a fraction is cut off. */
static bool to_int(ferry_text text, int32_t *ret_value)
{
    number n;
    uint32_t value;

    if (!scan_number(text, &n) || n.exponent)
        return false;
    value = n.magnitude > INT32_MAX ? (uint32_t)INT32_MAX + n.minus : (uint32_t)n.magnitude;
    *ret_value = (int32_t)(n.minus ? 0 - value : value);
    return true;
}

/* --- fields --------------------------------------------------------------------------------- */

static unsigned place_of(const reader *r, int32_t token)
{
    return r->tokens[token].type == JSMN_OBJECT ? (unsigned)r->tokens[token].end : ELSEWHERE;
}

/* The field that a key of the open object names, unless that object had it before. */
static const ferry__field *find_field(reader *r, ferry_text key)
{
    unsigned place = place_of(r, r->open);

    for (unsigned i = 0; place < FERRY__PLACES && i < FERRY__FIELDS; i++)
        if (is(key, ferry__fields[i].key)) {
            unsigned before = r->seen[place];

            r->seen[place] = (uint16_t)(before | 1u << i);
            return r->seen[place] == before ? NULL : &ferry__fields[i];
        }
    return NULL;
}

/* The place of an object that is the value of the present key. */
static unsigned enter(const reader *r)
{
    unsigned place;

    if (r->open < 0)
        return FERRY__TOP;
    if (r->field == NULL || r->field->kind != FERRY__FIELD_OBJECT)
        return ELSEWHERE;
    place = place_of(r, r->open);
    if (place != FERRY__TOP && (place != FERRY__IN_REPORT || r->field->where != FERRY__IN_PROGRESS))
        return ELSEWHERE;
    return place | r->field->where;
}

static ferry_msg_type type_of(ferry_text name)
{
    for (int i = FERRY_MSG_NONE + 1; i < FERRY__KINDS; i++)
        if (is(name, ferry__kinds[i].name))
            return (ferry_msg_type)i;
    return FERRY_MSG_NONE;
}

static ferry_progress_state state_of(ferry_text name)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (is(name, states[i].name))
            return (ferry_progress_state)states[i].state;
    return FERRY_PROGRESS_NONE;
}

/* Keeps the value of the present key. Numbers may be strings; nothing else may be of another type. */
static void keep(reader *r, ferry_text text, bool is_string)
{
    const ferry__field *field = r->field;
    ferry_msg *found;
    void *to;

    r->field = NULL;
    if (field == NULL)
        return;
    found = &r->found[place_of(r, r->open)];
    to = (char *)found + field->where;
    if (field->kind == FERRY__FIELD_WHOLE || field->kind == FERRY__FIELD_INT) {
        if (field->kind == FERRY__FIELD_WHOLE ? to_whole(text, to) : to_int(text, to))
            found->has |= field->has;
    } else if (!is_string) {
        return;
    } else if (field->kind == FERRY__FIELD_TYPE) {
        found->type = type_of(text);
    } else if (field->kind == FERRY__FIELD_STATE) {
        found->state = state_of(text);
    } else if (field->kind >= FERRY__FIELD_TEXT) {
        *(ferry_text *)to = text;
    }
}

/* --- the walk ------------------------------------------------------------------------------- */

static bool is_literal(ferry_text text)
{
    number n;

    return is(text, "true") || is(text, "false") || is(text, "null") || scan_number(text, &n);
}

static bool read_string(reader *r, const jsmntok_t *token)
{
    ferry_text text = {r->payload + token->start, (size_t)(token->end - token->start)};

    if (!decode(r->payload + token->start, &text.len))
        return false;
    if (r->want == WANT_KEY) {
        r->field = find_field(r, text);
        r->want = WANT_COLON;
        return true;
    }
    keep(r, text, true);
    r->want = WANT_NEXT;
    return true;
}

static bool read_literal(reader *r, const jsmntok_t *token)
{
    ferry_text text = {r->payload + token->start, (size_t)(token->end - token->start)};

    if (!is_literal(text))
        return false;
    keep(r, text, false);
    r->want = WANT_NEXT;
    return true;
}

static void read_open(reader *r, jsmntok_t *token)
{
    bool object = token->type == JSMN_OBJECT;
    int32_t place = object ? (int32_t)enter(r) : ELSEWHERE;

    token->end = place;
    token->size = r->open;
    r->open = r->next - 1;
    r->field = NULL;
    r->want = object ? WANT_KEY : WANT_ITEM;
}

/* Takes the next token, which begins at *pos, and moves *pos behind it. False: it must not be here. */
static bool read_token(reader *r, size_t *pos)
{
    jsmntok_t *token = &r->tokens[r->next++];
    bool is_value = r->want == WANT_VALUE || r->want == WANT_ITEM;

    if (token->type == JSMN_STRING) {
        *pos = (size_t)token->end + 1;
        return (is_value || r->want == WANT_KEY) && read_string(r, token);
    }
    if (token->type == JSMN_PRIMITIVE) {
        *pos = (size_t)token->end;
        return is_value && read_literal(r, token);
    }
    *pos += 1;
    if (!is_value && !(r->want == WANT_TOP && token->type == JSMN_OBJECT))
        return false;
    read_open(r, token);
    return true;
}

/* A comma before the closing bracket is accepted: the published example has one. */
static bool read_close(reader *r, jsmntype_t type)
{
    const jsmntok_t *token = &r->tokens[r->open];

    if (token->type != type || (r->want != WANT_NEXT && r->want != (type == JSMN_OBJECT ? WANT_KEY : WANT_ITEM)))
        return false;
    r->open = token->size;
    r->want = r->open < 0 ? WANT_END : WANT_NEXT;
    return true;
}

static bool read_punctuation(reader *r, char c)
{
    if (r->want == WANT_TOP || r->want == WANT_END)
        return r->want == WANT_END && c == '\0'; /* some send the NUL of their C string */
    if (c == '}')
        return read_close(r, JSMN_OBJECT);
    if (c == ']')
        return read_close(r, JSMN_ARRAY);
    if (c == ':' && r->want == WANT_COLON) {
        r->want = WANT_VALUE;
        return true;
    }
    if (c == ',' && r->want == WANT_NEXT) {
        r->want = r->tokens[r->open].type == JSMN_OBJECT ? WANT_KEY : WANT_ITEM;
        return true;
    }
    return false;
}

/* False at the first byte that is wrong where it stands. */
static bool walk(reader *r, size_t len)
{
    for (size_t pos = 0; pos < len;) {
        const jsmntok_t *token = r->next < r->count ? &r->tokens[r->next] : NULL;
        char c = r->payload[pos];

        if (token != NULL && (size_t)token->start - (token->type == JSMN_STRING) == pos) {
            if (!read_token(r, &pos))
                return false;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || read_punctuation(r, c)) {
            pos++;
        } else {
            return false;
        }
    }
    return r->want == WANT_END;
}

/* Takes the outcome from where the type has it. */
static void choose_outcome(ferry_msg found[FERRY__PLACES])
{
    enum { BITS = FERRY_HAS_PERCENT | FERRY_HAS_RESULT_CODE };
    unsigned shape = ferry__kinds[found->type].shape;
    const ferry_msg *from = &found[(shape & FERRY__PROGRESS) != 0 ? FERRY__IN_PROGRESS
                                   : (shape & FERRY__REPORT) != 0 ? FERRY__IN_REPORT_PROGRESS
                                                                  : FERRY__TOP];

    found->has = (found->has & ~(uint32_t)BITS) | (from->has & BITS);
    found->percent = from->percent;
    found->result_code = from->result_code;
    found->state = from->state;
    found->result_msg = from->result_msg;
}

ferry_proto_err ferry_msg_parse(char *payload, size_t len, ferry_json_token *tokens, size_t token_cap,
                                ferry_msg *ret_msg)
{
    reader r;
    jsmn_parser parser;

    if (len > INT32_MAX || tokens == NULL)
        return FERRY_PROTO_E_JSON;
    memset(&r, 0, sizeof(r));
    r.payload = payload;
    r.tokens = (jsmntok_t *)(void *)tokens;
    r.open = -1;
    jsmn_init(&parser);
    (void)jsmn_parse(&parser, payload, len, r.tokens, token_cap < INT32_MAX ? (unsigned)token_cap : INT32_MAX);
    r.count = (int32_t)parser.toknext;
    r.found->damaged = !walk(&r, len);
    if (r.found->type == FERRY_MSG_NONE)
        return r.found->damaged ? FERRY_PROTO_E_JSON : FERRY_PROTO_E_TYPE;
    choose_outcome(r.found);
    *ret_msg = *r.found;
    return FERRY_PROTO_OK;
}
