/**
 * @file signature.h
 * @brief By what a receiver knows that a request is ours, and of now (docs/webhooks.md). Pure.
 */
#ifndef WEBHOOKS_SIGNATURE_H
#define WEBHOOKS_SIGNATURE_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { SIGNATURE_SIZE = 3 + 64 + 1 };

/** @brief "v1=" and the HMAC-SHA256 of "{time}.{body}" in hexadecimal. The key is the text of the secret.
 *  Errors: FERRY_E_NOMEM, FERRY_E_LIMIT, FERRY_E_IO libcrypto. */
FERRY_MUST_CHECK ferry_err signature_make(const void *secret, size_t secret_len, uint64_t unix_s,
                                          const struct ferry_buf *body, char out[SIGNATURE_SIZE]);

#endif
