#include "api/presence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS_MAX = 18 };

#define ASK "presence"

ferry_err presence_write_head(struct ferry_buf *out, const struct presence_head *head)
{
    if (head->kind == PRESENCE_CHANGES)
        return ferry_buf_printf(out, "changes %" PRIu64 "\n", head->seq);
    return ferry_buf_printf(out, "all %" PRIu64 " %" PRIu64 " %s\n", head->seq, head->part, head->end ? "end" : "more");
}

ferry_err presence_write_line(struct ferry_buf *out, bool online, uint64_t since_ms, const char *name)
{
    return ferry_buf_printf(out, "%c%" PRIu64 " %s\n", online ? '+' : '-', since_ms, name);
}

/* What is before the character, which is taken off too; absent when it is not there. */
static ferry_text take_until(ferry_text *text, char end)
{
    const char *at = text->len > 0 ? memchr(text->ptr, end, text->len) : NULL;
    ferry_text taken = {NULL, 0};

    if (at == NULL)
        return taken;
    taken = (ferry_text){text->ptr, (size_t)(at - text->ptr)};
    text->ptr = at + 1;
    text->len -= taken.len + 1;
    return taken;
}

static bool read_number(ferry_text text, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.len < 1 || text.len > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool is_word(ferry_text text, const char *word)
{
    return ferry_text_equal(text, ferry_text_of(word));
}

static bool read_all(ferry_text line, struct presence_head *head)
{
    head->kind = PRESENCE_ALL;
    if (!read_number(take_until(&line, ' '), &head->seq) || !read_number(take_until(&line, ' '), &head->part))
        return false;
    head->end = is_word(line, "end");
    return head->end || is_word(line, "more");
}

bool presence_read_head(ferry_text *inout_text, struct presence_head *ret_head)
{
    struct presence_head head = {.kind = PRESENCE_CHANGES};
    ferry_text line = take_until(inout_text, '\n'), word = take_until(&line, ' ');
    bool good = is_word(word, "changes") ? read_number(line, &head.seq) : is_word(word, "all") && read_all(line, &head);

    if (good)
        *ret_head = head;
    return good;
}

static bool name_valid(ferry_text name)
{
    ferry_text product = take_until(&name, '/');

    return product.ptr != NULL && ferry_ident_valid(product) && ferry_ident_valid(name);
}

bool presence_read_line(ferry_text *inout_text, struct presence_line *ret_line)
{
    ferry_text name = take_until(inout_text, '\n'), number = take_until(&name, ' ');
    uint64_t since_ms = 0;

    if (number.len < 2 || (number.ptr[0] != '+' && number.ptr[0] != '-') ||
        !read_number((ferry_text){number.ptr + 1, number.len - 1}, &since_ms) || !name_valid(name) ||
        !ferry_text_copy(name, ret_line->name, sizeof(ret_line->name)))
        return false;
    ret_line->online = number.ptr[0] == '+';
    ret_line->since_ms = since_ms;
    return true;
}

void presence_write_ask(uint64_t seq, char out[PRESENCE_ASK_SIZE])
{
    if (seq == PRESENCE_NO_SEQ)
        (void)snprintf(out, PRESENCE_ASK_SIZE, ASK);
    else
        (void)snprintf(out, PRESENCE_ASK_SIZE, ASK " %" PRIu64, seq);
}

bool presence_read_ask(ferry_text text, uint64_t *ret_seq)
{
    ferry_text word = take_until(&text, ' ');

    if (word.ptr != NULL)
        return is_word(word, ASK) && read_number(text, ret_seq);
    if (!is_word(text, ASK))
        return false;
    *ret_seq = PRESENCE_NO_SEQ;
    return true;
}
