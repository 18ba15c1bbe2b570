/**
 * @file api_list.h
 * @brief The answer to every list: one page of rows and where the next one begins.
 */
#ifndef HTTP_API_LIST_H
#define HTTP_API_LIST_H

#include "api_request.h"

/** @brief What differs from list to list. */
struct api_list {
    size_t row_bytes;
    ferry_err (*fetch)(struct api_request *r, struct store_conn *conn, const struct store_page *page, void *rows,
                       size_t *ret_count);
    /** A new value, or null. */
    json_t *(*show)(struct api_request *r, struct store_conn *conn, const void *row);
    /** What the page after this row begins with; or write_key, which writes it. */
    const char *(*key)(const void *row);
    void (*write_key)(const void *row, char out[API_POSITION_SIZE]);
    /** By what else the list can be sorted: what store_position_write() writes of the row. Null: by nothing else. */
    void (*write_position)(const void *row, store_sort sort, char out[API_POSITION_SIZE]);
    /** The product that the row belongs to: callers who have not that product do not see it. Null: keep decides. */
    const char *(*product)(const void *row);
    /** Leaves a row out when false; null: shows all. */
    bool (*keep)(struct api_request *r, const void *row);
};

/** @brief Answers {"items": […], "next": "…" or null}. */
void api_list_answer(struct api_request *r, const struct api_list *list);

#endif
