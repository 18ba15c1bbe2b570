/**
 * @file page.h
 * @brief The bounds of one page of a list.
 */
#ifndef STORE_SQL_PAGE_H
#define STORE_SQL_PAGE_H

#include "id_bytes.h"
#include "store/sql/query.h"

/** @brief ?1, ?2 and ?3 of a list by id; of one that is sorted by a value, the cursor is not in it. @retval in q->err: FERRY_E_ARG limit or after outside its range */
void sql_page_bind_ids(struct query *q, const struct store_page *page, const struct store_times *made);
/** @brief The same of a list by number. The cursor's digits were checked by the caller; what is no number is refused
 *  here too. */
void sql_page_bind_numbers(struct query *q, const struct store_page *page);
/** @brief ?1, ?2 and ?3 of a list by name; prefix (may be null) is part of the bounds. Texts live in the struct. */
enum {
    PAGE_PREFIX_SIZE = FERRY_NAME_MAX + 4,        /* a character that is cut is made whole */
    PAGE_BOUND_SIZE = PAGE_PREFIX_SIZE + 256 + 1, /* and what is above every name that begins so */
};
struct page_names {
    char from[PAGE_PREFIX_SIZE], below[PAGE_BOUND_SIZE];
};
void sql_page_bind_names(struct query *q, const struct store_page *page, const char *prefix, struct page_names *names);
/** @brief ?6 and ?7 (the next two): the names that begin with prefix (null: all). */
void sql_page_bind_prefix(struct query *q, const char *prefix, struct page_names *names);

/** @brief ?10 and ?11 of a list that is sorted by a value: behind which value, and which id or name of the rows that have it, the page
 *  begins. prefix (may be null): what the names that are sorted begin with. Texts live in the struct. @retval in q->err: FERRY_E_ARG */
struct page_place {
    struct store_position at;
    struct page_names bounds;
};
void sql_page_bind_name_and_id(struct query *q, const struct store_page *page, const char *prefix, struct page_place *place);
void sql_page_bind_number_and_id(struct query *q, const struct store_page *page, struct page_place *place);
void sql_page_bind_number_and_name(struct query *q, const struct store_page *page, struct page_place *place);

/**
 * @brief The rows of a list with a filter (LOOK in statements.h) that fit, as far as page->reach allows.
 */
FERRY_MUST_CHECK ferry_err sql_page_read(struct query *q, query_reader *read, size_t row_bytes,
                                        const struct store_page *page, void *rows, size_t *ret_count);
/** @brief Runs COUNT_SOME: are there no more rows than the page may look at? Those can be sorted. */
FERRY_MUST_CHECK ferry_err sql_page_few(struct query *q, const struct store_page *page, bool *ret_few);

#endif
