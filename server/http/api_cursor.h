/**
 * @file api_cursor.h
 * @brief Where a page of a list begins, as clients see it: the list that it belongs to, and the position of a row in it. Pure.
 */
#ifndef HTTP_API_CURSOR_H
#define HTTP_API_CURSOR_H

#include "api/store.h"
#include "api_url.h"
#include "base/encode.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    API_POSITION_SIZE = STORE_POSITION_SIZE,
    API_CURSOR_SIZE = FERRY_BASE64_SIZE(sizeof(uint64_t) + API_POSITION_SIZE),
};

/** @brief The list that a request asks for; the same number for every page of it. */
struct api_list_mark {
    uint64_t sum;
};

/** @brief The list at a path, before its parameters are known. */
struct api_list_mark api_list_mark(const struct api_url *url);
/** @brief Makes another list of it. In which order parameters are added makes no difference. */
void api_list_mark_add(struct api_list_mark *mark, const char *name, const char *value);

/** @brief Letters, digits, - and _ only. */
void api_cursor_write(struct api_list_mark list, const char *position, char out[API_CURSOR_SIZE]);
/** @brief False when it is no cursor; whether its list is the right one is for the caller to compare. */
bool api_cursor_read(const char *text, struct api_list_mark *ret_list, char ret_position[API_POSITION_SIZE]);

#endif
