/**
 * @file text.h
 * @brief Text with a length, and the one validator per kind of text that comes from outside. Pure.
 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief A view of bytes that somebody else owns. ptr null: absent (an empty text has a ptr). */
typedef struct {
    const char *ptr;
    size_t len;
} ferry_text;

/** @brief A view of a C string; null gives an absent text. */
ferry_text ferry_text_of(const char *text);
bool ferry_text_equal(ferry_text a, ferry_text b);
/** @brief Copies and terminates. False when absent, longer than cap - 1, or with a NUL inside; then out is "". */
bool ferry_text_copy(ferry_text text, char *out, size_t cap);

/** @brief Product or device: 1 to 64 of A-Z a-z 0-9 _ : - (docs/protocol.md). */
bool ferry_ident_valid(ferry_text text);
/** @brief Resource or upload name: 1 to 255 bytes of UTF-8 without control characters (U+0000-1F, U+007F-9F). */
bool ferry_name_valid(ferry_text text);
/** @brief A name that the vendor's devices can handle: valid, at most 63 bytes, without " \ { } [ ]. */
bool ferry_name_portable(ferry_text text);
/** @brief 32 hexadecimal digits of either case. */
bool ferry_md5_valid(ferry_text text);
/** @brief Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool ferry_utf8_valid(ferry_text text);
/** @brief The longest prefix of at most max bytes that does not end inside a UTF-8 character. */
ferry_text ferry_utf8_cut(ferry_text text, size_t max);

#ifdef __cplusplus
}
#endif

#endif
