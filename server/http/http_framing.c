#include "http_framing.h"

#include <string.h>
#include <strings.h>

static bool is_token_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_token_character(text[i]))
            return false;
    return len > 0;
}

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return true;
    return false;
}

static bool is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

void framing_header(struct framing *framing, const char *name, size_t name_len, const char *value, size_t value_len)
{
    framing->bad_name |= !is_token(name, name_len);
    framing->bad_value |= has_control(value, value_len);
    while (value_len > 0 && strchr(" \t", value[value_len - 1]) != NULL)
        value_len--;
    if (is_word(name, name_len, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
        framing->lengths++;
    } else if (is_word(name, name_len, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
        framing->codings++;
        framing->odd_coding |= !is_word(value, value_len, "chunked");
    } else if (is_word(name, name_len, MHD_HTTP_HEADER_HOST)) {
        framing->hosts++;
    }
}

framing_verdict framing_judge(const struct framing *framing, bool http_1_0)
{
    if (framing->bad_name)
        return FRAMING_NAME;
    if (framing->bad_value)
        return FRAMING_VALUE;
    if (framing->lengths > 0 && framing->codings > 0)
        return FRAMING_BOTH;
    if (framing->lengths > 1)
        return FRAMING_LENGTHS;
    if (framing->codings > 1 || framing->odd_coding || (framing->codings > 0 && http_1_0))
        return FRAMING_CODING;
    return framing->hosts > 1 ? FRAMING_HOSTS : FRAMING_GOOD;
}

const char *framing_text(framing_verdict verdict)
{
    static const char *const texts[FRAMING_VERDICTS] = {
        [FRAMING_LENGTHS] = "The request has more than one Content-Length.",
        [FRAMING_BOTH] = "The request has Content-Length and Transfer-Encoding: send one of them.",
        [FRAMING_CODING] = "The only Transfer-Encoding is chunked, once, in HTTP/1.1.",
        [FRAMING_HOSTS] = "The request has more than one Host.",
        [FRAMING_NAME] = "The name of a header has a character that no name has.",
        [FRAMING_VALUE] = "The value of a header has a control character.",
    };
    return texts[verdict];
}

static enum MHD_Result see(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value,
                           size_t value_len)
{
    (void)kind;
    framing_header(cls, name, name_len, value != NULL ? value : "", value != NULL ? value_len : 0);
    return MHD_YES;
}

framing_verdict framing_of(struct MHD_Connection *connection, const char *version)
{
    struct framing framing = {.lengths = 0};
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, see, &framing);
    return framing_judge(&framing, strcmp(version, MHD_HTTP_VERSION_1_1) != 0);
}
