/**
 * @file encode.h
 * @brief Hexadecimal and base64, and comparison in constant time. Pure; any thread.
 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @brief Writes 2 * len lower-case digits and a NUL; out holds at least 2 * len + 1. */
void ferry_hex_encode(const void *bytes, size_t len, char *out);
/** @brief Decodes exactly len bytes from 2 * len digits of either case.
 *  @retval FERRY_E_FORMAT text is not exactly that long or has another character */
FERRY_MUST_CHECK ferry_err ferry_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len);

/** Characters (with NUL) that base64 of n bytes needs. */
#define FERRY_BASE64_SIZE(n) ((((n) + 2) / 3) * 4 + 1)
/** @brief RFC 4648 with padding; out holds FERRY_BASE64_SIZE(len). */
void ferry_base64_encode(const void *bytes, size_t len, char *out);
/** @brief RFC 4648; padding may be missing. *ret_len is at most cap.
 *  @retval FERRY_E_FORMAT another character or an impossible length
 *  @retval FERRY_E_LIMIT the result needs more than cap bytes */
FERRY_MUST_CHECK ferry_err ferry_base64_decode(const char *text, size_t text_len, uint8_t *out, size_t cap,
                                               size_t *ret_len);

/** @brief Compares without telling by its duration where the difference is. */
bool ferry_equal_constant_time(const void *a, const void *b, size_t len);

#endif
