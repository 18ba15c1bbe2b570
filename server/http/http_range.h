/**
 * @file http_range.h
 * @brief The Range header of a request (RFC 9110, 14.2): one range of bytes. Pure.
 */
#ifndef HTTP_HTTP_RANGE_H
#define HTTP_HTTP_RANGE_H

#include <stdint.h>

typedef enum {
    HTTP_RANGE_WHOLE, /**< no header, several ranges, or one that cannot be understood: send all */
    HTTP_RANGE_PART,
    HTTP_RANGE_UNSATISFIABLE, /**< it begins at or past the end */
} http_range_kind;

/**
 * @brief Judges a Range header against a content of size bytes. An end past the last byte is clamped.
 * @param[in]  header  the value, or null
 * @param[out] ret_offset, ret_length  written for WHOLE and PART
 */
http_range_kind http_range_parse(const char *header, uint64_t size, uint64_t *ret_offset, uint64_t *ret_length);

#endif
