#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The greatest character, as often as a name has room for it, and once more: above every name that begins with what is before it, and
 * itself a text that databases take (a byte of 255 is none to those that look). */
#define LAST_4 "\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf\xf4\x8f\xbf\xbf"
#define LAST_16 LAST_4 LAST_4 LAST_4 LAST_4
#define LAST LAST_16 LAST_16 LAST_16 LAST_16
_Static_assert(sizeof(LAST) - 1 > FERRY_NAME_MAX && sizeof(LAST) <= PAGE_BOUND_SIZE - PAGE_PREFIX_SIZE, "above every name");
/* Below every byte of a name: what comes after "abc" is from "abc\x01" on. */
#define FIRST "\x01"

static bool too_long(const char *text)
{
    return strnlen(text, FERRY_NAME_MAX + 1) > FERRY_NAME_MAX;
}

/* Of what is counted before it is read, one more than may be looked at. */
static void bind_limit(struct query *q, const struct store_page *page)
{
    int64_t most = page->reach != NULL ? (int64_t)page->reach->looks + 1 : 0;

    if (page->limit < 1 || page->limit > FERRY_PAGE_MAX || most == 1)
        q->err = FERRY_E_ARG;
    sql_query_int(q, most > page->limit ? most : page->limit);
}

/* Bytes that ids are compared with; fewer than an id has are below all that begin with them. */
struct id_bound {
    uint8_t bytes[ID_BYTES + 1];
    size_t len;
};

static const struct id_bound lowest = {.len = 0}, highest = {.len = ID_BYTES + 1,
                                                             .bytes = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                                                                       255, 255, 255, 255, 255, 255, 255}};

static bool is_below(const struct id_bound *a, const struct id_bound *b)
{
    int order = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);

    return order < 0 || (order == 0 && a->len < b->len);
}

/* Below all ids of that time and later ones. */
static struct id_bound bound_of_time(uint64_t ms)
{
    enum { TIME_BYTES = 6 };
    struct id_bound bound = {.len = TIME_BYTES};

    if (ms >> (8 * TIME_BYTES) != 0)
        return highest;
    for (int i = 0; i < TIME_BYTES; i++)
        bound.bytes[i] = (uint8_t)(ms >> (8 * (TIME_BYTES - 1 - i)));
    return bound;
}

void sql_page_bind_ids(struct query *q, const struct store_page *page, const struct store_times *made)
{
    struct id_bound from = bound_of_time(made->since_ms), below = highest, cursor = {.len = ID_BYTES};
    ferry_id id;

    if (made->since_ms == 0)
        from = lowest;
    if (made->until_ms != 0)
        below = bound_of_time(made->until_ms);
    if (page->after[0] != '\0' && page->sort == STORE_BY_KEY) {
        if (!ferry_id_parse(page->after, strlen(page->after), &id) || !sql_id_to_bytes(&id, cursor.bytes))
            q->err = FERRY_E_ARG;
        if (!page->descending && is_below(&from, &cursor))
            from = cursor;
        if (page->descending && is_below(&cursor, &below))
            below = cursor;
    }
    sql_query_bytes_copy(q, from.bytes, from.len);
    sql_query_bytes_copy(q, below.bytes, below.len);
    bind_limit(q, page);
}

/* How many bytes the character has that begins with this one; 1 also for what begins none. */
static size_t character_bytes(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The number of bytes at the end of the text that only begin a character. */
static size_t begun_bytes(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char byte = (unsigned char)text[len - back];

        if (byte >= 0xc0)
            return back < character_bytes(byte) ? back : 0;
        if (byte < 0x80)
            break;
    }
    return 0;
}

/*
 * Adds what is missing of a character that the prefix only begins: the bounds are texts for databases that look. The smallest one from
 * there, or the greatest. What begins no character at all stays as it is: nothing is named so.
 */
static void complete(char *text, bool greatest)
{
    size_t len = strlen(text), begun = begun_bytes(text, len);
    unsigned char first = begun > 0 ? (unsigned char)text[len - begun] : 0;

    for (size_t have = begun; have > 0 && have < character_bytes(first); have++) {
        unsigned char byte = greatest ? 0xbf : 0x80;

        if (have == 1 && !greatest && (first == 0xe0 || first == 0xf0))
            byte = first == 0xe0 ? 0xa0 : 0x90; /* below are longer forms of other characters */
        if (have == 1 && greatest && (first == 0xed || first == 0xf4))
            byte = first == 0xed ? 0x9f : 0x8f; /* above are surrogates, and no characters */
        text[len++] = (char)byte;
    }
    text[len] = '\0';
}

static void prefix_bounds(struct query *q, const char *prefix, struct page_names *names)
{
    size_t len;

    if (prefix == NULL)
        prefix = "";
    if (too_long(prefix))
        q->err = FERRY_E_ARG;
    (void)snprintf(names->from, sizeof(names->from), "%.*s", FERRY_NAME_MAX, prefix);
    (void)snprintf(names->below, sizeof(names->below), "%.*s", FERRY_NAME_MAX, prefix);
    complete(names->from, false);
    complete(names->below, true);
    len = strlen(names->below);
    (void)snprintf(names->below + len, sizeof(names->below) - len, "%s", LAST);
}

void sql_page_bind_prefix(struct query *q, const char *prefix, struct page_names *names)
{
    prefix_bounds(q, prefix, names);
    sql_query_text(q, names->from);
    sql_query_text(q, names->below);
}

void sql_page_bind_names(struct query *q, const struct store_page *page, const char *prefix, struct page_names *names)
{
    prefix_bounds(q, prefix, names);
    if (strnlen(page->after, FERRY_IDENT_MAX + 1) > FERRY_IDENT_MAX ||
        (prefix != NULL && strnlen(prefix, FERRY_IDENT_MAX + 1) > FERRY_IDENT_MAX))
        q->err = FERRY_E_ARG;
    else if (page->descending && page->after[0] != '\0' && strcmp(page->after, names->below) < 0)
        (void)snprintf(names->below, sizeof(names->below), "%s", page->after);
    else if (!page->descending && strcmp(page->after, names->from) >= 0)
        (void)snprintf(names->from, sizeof(names->from), "%s" FIRST, page->after);
    sql_query_text(q, names->from);
    sql_query_text(q, names->below);
    bind_limit(q, page);
}

void sql_page_bind_numbers(struct query *q, const struct store_page *page)
{
    char *end = NULL;
    uint64_t after = strtoull(page->after, &end, 10);
    bool first = page->after[0] == '\0';

    if (*end != '\0' || page->after[0] == '-' || after > INT64_MAX)
        q->err = FERRY_E_ARG;
    sql_query_int(q, first || page->descending ? 0 : (int64_t)after);
    sql_query_int(q, first || !page->descending ? INT64_MAX : (int64_t)after);
    bind_limit(q, page);
}

static void read_place(struct query *q, const struct store_page *page, struct page_place *place)
{
    enum { PLACE_COLUMN = 10 };

    *place = (struct page_place){.bounds.from = ""};
    q->bound = PLACE_COLUMN - 1;
    if (page->after[0] != '\0' && !store_position_read(page->after, &place->at))
        q->err = FERRY_E_ARG;
}

static void bind_place_number(struct query *q, const struct store_page *page, const struct page_place *place)
{
    uint64_t number = page->descending ? INT64_MAX : 0;

    if (page->after[0] != '\0' && !store_position_number(&place->at, &number))
        q->err = FERRY_E_ARG;
    sql_query_int(q, page->after[0] == '\0' && !page->descending ? -1 : (int64_t)number);
}

static void bind_place_id(struct query *q, const struct store_page *page, const struct page_place *place)
{
    struct id_bound bound = page->descending ? highest : lowest;
    ferry_id id;

    if (page->after[0] != '\0') {
        bound.len = ID_BYTES;
        if (!ferry_id_parse(place->at.key, strlen(place->at.key), &id) || !sql_id_to_bytes(&id, bound.bytes))
            q->err = FERRY_E_ARG;
    }
    sql_query_bytes_copy(q, bound.bytes, bound.len);
}

void sql_page_bind_name_and_id(struct query *q, const struct store_page *page, const char *prefix, struct page_place *place)
{
    read_place(q, page, place);
    prefix_bounds(q, prefix, &place->bounds);
    sql_query_text(q, page->after[0] != '\0' ? place->at.value : page->descending ? place->bounds.below : place->bounds.from);
    bind_place_id(q, page, place);
}

void sql_page_bind_number_and_id(struct query *q, const struct store_page *page, struct page_place *place)
{
    read_place(q, page, place);
    bind_place_number(q, page, place);
    bind_place_id(q, page, place);
}

void sql_page_bind_number_and_name(struct query *q, const struct store_page *page, struct page_place *place)
{
    read_place(q, page, place);
    bind_place_number(q, page, place);
    prefix_bounds(q, NULL, &place->bounds);
    sql_query_text(q, page->after[0] != '\0' ? place->at.key : page->descending ? place->bounds.below : "");
}

/* The column as text; ids are bytes there. */
static void read_key(struct query *q, char *out, size_t size)
{
    ferry_id id;

    if (!sql_query_is_bytes(q)) {
        sql_query_get_text(q, out, size);
        return;
    }
    sql_query_get_id(q, &id);
    if (q->err == FERRY_OK)
        (void)snprintf(out, size, "%s", id.text);
}

/* The place of the row that the query is at, as a cursor. */
static void stop_at(struct query *q, const struct store_page *page, struct store_reach *reach)
{
    struct store_position at = {.value = ""};

    q->column = 1;
    reach->stopped = true;
    read_key(q, at.key, sizeof(at.key));
    if (page->sort == STORE_BY_KEY) {
        (void)snprintf(reach->after, sizeof(reach->after), "%s", at.key);
        return;
    }
    sql_query_get_text(q, at.value, sizeof(at.value)); /* a number too */
    store_position_write(at.key, at.value, reach->after);
}

/* Where lists end in the database: ?12 and ?13. */
static void bind_ends(struct query *q, const struct store_page *page)
{
    enum { LOOKS_PARAMETER = 12 };

    if (!q->c->driver->numbers_looks)
        return;
    q->bound = LOOKS_PARAMETER - 1;
    if (page->reach != NULL)
        sql_query_int(q, page->reach->looks);
    else
        sql_query_null(q);
    sql_query_int(q, page->limit);
}

/* Whether the row fits, and how many rows were looked at up to it. */
static bool look(struct query *q, uint32_t *inout_looked)
{
    int64_t mark = sql_query_get_int(q, -(int64_t)UINT32_MAX, UINT32_MAX);

    uint32_t number = q->c->driver->numbers_looks ? (uint32_t)(mark < 0 ? -mark : mark) : *inout_looked + 1;

    if (number <= *inout_looked)
        sql_query_fail(q, FERRY_E_IO); /* rows that the database gave out of their order */
    *inout_looked = number;
    return mark > 0;
}

ferry_err sql_page_read(struct query *q, query_reader *read, size_t row_bytes, const struct store_page *page, void *rows,
                        size_t *ret_count)
{
    struct store_reach reach = page->reach != NULL ? *page->reach : (struct store_reach){.looks = UINT32_MAX};
    uint32_t looked = 0;
    size_t count = 0;

    bind_ends(q, page);
    for (reach.stopped = false; count < page->limit && !reach.stopped && sql_query_next(q);) {
        if (look(q, &looked)) {
            unsigned char *row = (unsigned char *)rows + count++ * row_bytes;

            memset(row, 0, row_bytes);
            q->column = page->sort == STORE_BY_KEY ? 2 : 3;
            read(q, row);
        }
        if (page->reach != NULL && looked >= reach.looks && count < page->limit)
            stop_at(q, page, &reach);
    }
    if (q->err != FERRY_OK)
        return q->err;
    *ret_count = count;
    reach.looks -= looked;
    if (page->reach != NULL)
        *page->reach = reach;
    return FERRY_OK;
}

ferry_err sql_page_few(struct query *q, const struct store_page *page, bool *ret_few)
{
    uint64_t count = 0;
    ferry_err err = sql_query_number(q, &count);

    if (err == FERRY_OK)
        *ret_few = page->reach == NULL || count <= page->reach->looks;
    return err;
}
