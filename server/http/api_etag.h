/**
 * @file api_etag.h
 * @brief Entity tags: what a thing looks like, in a few characters, and lists of them in If-Match and If-None-Match. Pure.
 *
 * A tag is the digest of the thing as it is shown. Where a part changes on its own, by what devices do (counts, percent),
 * that part has a digest behind a dash: "a ... -b ...". An operator's change is judged by the part before it.
 */
#ifndef HTTP_API_ETAG_H
#define HTTP_API_ETAG_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { API_ETAG_SIZE = 2 + 32 + 1 + 16 + 1 };

typedef enum {
    API_ETAG_STRONG, /**< If-Match of a GET: the same bytes */
    API_ETAG_WEAK,   /**< If-None-Match: W/ does not matter */
    API_ETAG_OWN,    /**< If-Match of a change: what does not change on its own is the same */
} api_etag_how;

/**
 * @brief The tag of a thing.
 * @param[in] value   an object, as it is shown
 * @param[in] hidden  bytes that count besides and are not shown; may be null with 0
 * @retval FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err api_etag_make(const json_t *value, const void *hidden, size_t hidden_len,
                                         char ret_etag[API_ETAG_SIZE]);
/** @brief Is it "*", or tags with commas between them? */
bool api_etag_list_valid(const char *list);
/** @brief Is the tag in a list that is valid? "*" has every tag. */
bool api_etag_listed(const char *list, const char *etag, api_etag_how how);

#endif
