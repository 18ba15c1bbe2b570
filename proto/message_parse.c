/*
 * jsmn cuts the payload into tokens; the walk below looks at each byte between them once and decides
 * what is well formed, because jsmn itself accepts much that is not JSON and stops silently at a NUL.
 * Whatever jsmn returns, the tokens made so far are good: the walk ends where they end.
 */
#include "message_kind.h"

#include <string.h>

#define JSMN_STATIC
#include <jsmn.h>

typedef char ferry__tokens_are_alike[sizeof(jsmntok_t) == sizeof(ferry_json_token) ? 1 : -1];

/* Where an object stands. Bit 0: it is a "progress", bit 1: it is or is inside the "report". */
enum { TOP = 0, IN_PROGRESS = 1, IN_REPORT = 2, IN_REPORT_PROGRESS = 3, PLACES = 4, ELSEWHERE = PLACES };

/* What a message says about a result; each place has its own, and the type tells which one counts. */
typedef struct {
    uint32_t has;
    int32_t percent;
    int32_t result_code;
    ferry_progress_state state;
    ferry_text result_msg;
} outcome;

typedef enum { KIND_TYPE, KIND_WHOLE, KIND_TEXT, KIND_INT, KIND_STATE, KIND_RESULT_MSG, KIND_OBJECT } kind;

typedef struct {
    char key[12];
    uint8_t kind;
    uint8_t where; /* offset in ferry_msg (WHOLE, TEXT) or outcome (INT); bits of the place (OBJECT) */
    uint8_t has;   /* FERRY_HAS_ bit (WHOLE, INT) */
} field;

static const field fields[] = {
    {"type", KIND_TYPE, 0, 0},
    {"size", KIND_WHOLE, offsetof(ferry_msg, size), FERRY_HAS_SIZE},
    {"name", KIND_TEXT, offsetof(ferry_msg, name), 0},
    {"md5sum", KIND_TEXT, offsetof(ferry_msg, md5sum), 0},
    {"url", KIND_TEXT, offsetof(ferry_msg, url), 0},
    {"result_code", KIND_INT, offsetof(outcome, result_code), FERRY_HAS_RESULT_CODE},
    {"result_msg", KIND_RESULT_MSG, 0, 0},
    {"progress", KIND_OBJECT, IN_PROGRESS, 0},
    {"percent", KIND_INT, offsetof(outcome, percent), FERRY_HAS_PERCENT},
    {"state", KIND_STATE, 0, 0},
    {"report", KIND_OBJECT, IN_REPORT, 0},
    {"request_id", KIND_TEXT, offsetof(ferry_msg, request_id), 0},
    {"sha256", KIND_TEXT, offsetof(ferry_msg, sha256), 0},
    {"expires", KIND_WHOLE, offsetof(ferry_msg, expires), FERRY_HAS_EXPIRES},
};

static const struct {
    char name[12];
    uint8_t state;
} states[] = {
    {"uploading", FERRY_PROGRESS_RUNNING},
    {"downloading", FERRY_PROGRESS_RUNNING},
    {"done", FERRY_PROGRESS_DONE},
    {"fail", FERRY_PROGRESS_FAIL},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef enum { WANT_TOP, WANT_KEY, WANT_COLON, WANT_VALUE, WANT_ITEM, WANT_NEXT, WANT_END } want;

typedef struct {
    char *payload;
    jsmntok_t *tokens; /* of an open object or array, size is reused for its parent, end for its place */
    int32_t count;
    int32_t next;
    int32_t open; /* innermost open object or array, -1: none */
    want want;
    const field *field; /* of the key just read; null: none that we know */
    uint16_t seen[PLACES];
    outcome outcome[PLACES];
    ferry_msg msg;
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

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* RFC 8259, 6. */
static bool is_number(const char *p, const char *end)
{
    const char *digits;

    if (p < end && *p == '-')
        p++;
    digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return false;
    if (p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits)
            return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits)
            return false;
    }
    return p == end;
}

static bool to_u64(ferry_text text, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.ptr[i] - '0');

        if (digit > 9 || value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return text.len > 0;
}

/* Saturates; a fraction is cut off. */
static bool to_i32(ferry_text text, int32_t *ret_value)
{
    const char *p = text.ptr, *end = text.ptr + text.len, *digits;
    bool minus = text.len > 0 && *p == '-';
    uint32_t limit = minus ? 0x80000000u : 0x7fffffffu;
    uint32_t value = 0;

    digits = p += minus;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        uint32_t digit = (uint32_t)(*p - '0');

        value = value > (limit - digit) / 10 ? limit : value * 10 + digit;
    }
    if (p == digits || (p < end && (*p != '.' || skip_digits(p + 1, end) != end)))
        return false;
    *ret_value = minus ? (int32_t)(0u - value) : (int32_t)value;
    return true;
}

/* --- fields --------------------------------------------------------------------------------- */

static unsigned place_of(const reader *r, int32_t token)
{
    return token >= 0 && r->tokens[token].type == JSMN_OBJECT ? (unsigned)r->tokens[token].end : ELSEWHERE;
}

/* The field that a key of the open object names, unless that object had it before. */
static const field *find_field(reader *r, ferry_text key)
{
    unsigned place = place_of(r, r->open);

    for (size_t i = 0; place < PLACES && i < COUNT(fields); i++)
        if (is(key, fields[i].key)) {
            bool seen = (r->seen[place] >> i & 1) != 0;

            r->seen[place] |= (uint16_t)(1u << i);
            return seen ? NULL : &fields[i];
        }
    return NULL;
}

/* The place of an object that is the value of the present key. */
static unsigned enter(const reader *r)
{
    unsigned place = place_of(r, r->open);

    if (r->open < 0)
        return TOP;
    if (r->field == NULL || r->field->kind != KIND_OBJECT)
        return ELSEWHERE;
    if (r->field->where == IN_REPORT ? place != TOP : (place & IN_PROGRESS) != 0)
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
    for (size_t i = 0; i < COUNT(states); i++)
        if (is(name, states[i].name))
            return (ferry_progress_state)states[i].state;
    return FERRY_PROGRESS_NONE;
}

/* Keeps the value of the present key. Numbers may be strings; nothing else may be of another type. */
static void keep(reader *r, ferry_text text, bool is_string)
{
    const field *f = r->field;
    unsigned place = place_of(r, r->open);
    outcome *o = &r->outcome[place % PLACES];

    r->field = NULL;
    if (f == NULL || (place != TOP && f->kind <= KIND_TEXT))
        return;
    if (f->kind == KIND_WHOLE) {
        if (to_u64(text, (uint64_t *)(void *)((char *)&r->msg + f->where)))
            r->msg.has |= f->has;
    } else if (f->kind == KIND_INT) {
        if (to_i32(text, (int32_t *)(void *)((char *)o + f->where)))
            o->has |= f->has;
    } else if (!is_string) {
        return;
    } else if (f->kind == KIND_TYPE) {
        r->msg.type = type_of(text);
    } else if (f->kind == KIND_TEXT) {
        *(ferry_text *)(void *)((char *)&r->msg + f->where) = text;
    } else if (f->kind == KIND_STATE) {
        o->state = state_of(text);
    } else if (f->kind == KIND_RESULT_MSG) {
        o->result_msg = text;
    }
}

/* --- the walk ------------------------------------------------------------------------------- */

static bool is_literal(ferry_text text)
{
    return is(text, "true") || is(text, "false") || is(text, "null") || is_number(text.ptr, text.ptr + text.len);
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

/* Fills in what the type takes from one of the places. */
static void choose_outcome(reader *r)
{
    unsigned shape = ferry__kinds[r->msg.type].shape;
    const outcome *o = &r->outcome[(shape & FERRY__PROGRESS) != 0 ? IN_PROGRESS
                                   : (shape & FERRY__REPORT) != 0 ? IN_REPORT_PROGRESS
                                                                  : TOP];

    r->msg.has |= o->has;
    r->msg.percent = o->percent;
    r->msg.result_code = o->result_code;
    r->msg.state = o->state;
    r->msg.result_msg = o->result_msg;
}

ferry_proto_err ferry_msg_parse(char *payload, size_t len, ferry_json_token *tokens, size_t token_cap,
                                ferry_msg *ret_msg)
{
    reader r;
    jsmn_parser parser;

    if (len > INT32_MAX)
        return FERRY_PROTO_E_JSON;
    memset(&r, 0, sizeof(r));
    r.payload = payload;
    r.tokens = (jsmntok_t *)(void *)tokens;
    r.open = -1;
    jsmn_init(&parser);
    (void)jsmn_parse(&parser, payload, len, r.tokens, token_cap < INT32_MAX ? (unsigned)token_cap : INT32_MAX);
    r.count = (int32_t)parser.toknext;
    r.msg.damaged = !walk(&r, len);
    if (r.msg.type == FERRY_MSG_NONE)
        return r.msg.damaged ? FERRY_PROTO_E_JSON : FERRY_PROTO_E_TYPE;
    choose_outcome(&r);
    *ret_msg = r.msg;
    return FERRY_PROTO_OK;
}
