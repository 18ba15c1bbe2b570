#include "page.h"

#include <stdio.h>
#include <string.h>

/* Above every byte of UTF-8 text. */
#define LAST "\xff"
/* Below every byte of a name: what comes after "abc" is from "abc\x01" on. */
#define FIRST "\x01"

static bool too_long(const char *text)
{
    return strnlen(text, FERRY_NAME_MAX + 1) > FERRY_NAME_MAX;
}

static void bind_limit(struct query *q, const struct store_page *page)
{
    if (page->limit < 1 || page->limit > FERRY_PAGE_MAX)
        q->err = FERRY_E_ARG;
    sq_query_int(q, page->limit);
}

static void bind_blob_copy(struct query *q, const uint8_t *bytes, int len)
{
    if (q->err == FERRY_OK && sqlite3_bind_blob(q->stmt, ++q->bound, bytes, len, SQLITE_TRANSIENT) != SQLITE_OK)
        q->err = FERRY_E_NOMEM;
}

void sq_page_bind_ids(struct query *q, const struct store_page *page)
{
    static const uint8_t none[1], above[ID_BYTES + 1] = {255, 255, 255, 255, 255, 255, 255, 255, 255,
                                                         255, 255, 255, 255, 255, 255, 255, 255};
    uint8_t after[ID_BYTES];
    ferry_id id;
    bool first = page->after[0] == '\0';

    if (!first && (!ferry_id_parse(page->after, strlen(page->after), &id) || !sq_id_to_bytes(&id, after)))
        q->err = FERRY_E_ARG;
    if (first || page->descending)
        bind_blob_copy(q, none, 0);
    else
        bind_blob_copy(q, after, sizeof(after));
    if (first || !page->descending)
        bind_blob_copy(q, above, sizeof(above));
    else
        bind_blob_copy(q, after, sizeof(after));
    bind_limit(q, page);
}

static void prefix_bounds(struct query *q, const char *prefix, struct page_names *names)
{
    if (prefix == NULL)
        prefix = "";
    if (too_long(prefix))
        q->err = FERRY_E_ARG;
    (void)snprintf(names->from, sizeof(names->from), "%.*s", FERRY_NAME_MAX, prefix);
    (void)snprintf(names->below, sizeof(names->below), "%.*s" LAST, FERRY_NAME_MAX, prefix);
}

void sq_page_bind_prefix(struct query *q, const char *prefix, struct page_names *names)
{
    prefix_bounds(q, prefix, names);
    sq_query_text(q, names->from);
    sq_query_text(q, names->below);
}

void sq_page_bind_names(struct query *q, const struct store_page *page, const char *prefix, struct page_names *names)
{
    prefix_bounds(q, prefix, names);
    if (strnlen(page->after, FERRY_IDENT_MAX + 1) > FERRY_IDENT_MAX ||
        (prefix != NULL && strnlen(prefix, FERRY_IDENT_MAX + 1) > FERRY_IDENT_MAX))
        q->err = FERRY_E_ARG;
    else if (page->descending && page->after[0] != '\0' && strcmp(page->after, names->below) < 0)
        (void)snprintf(names->below, sizeof(names->below), "%s", page->after);
    else if (!page->descending && strcmp(page->after, names->from) >= 0)
        (void)snprintf(names->from, sizeof(names->from), "%s" FIRST, page->after);
    sq_query_text(q, names->from);
    sq_query_text(q, names->below);
    bind_limit(q, page);
}
