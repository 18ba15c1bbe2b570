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

enum { SIGNATURE_SIZE = 3 + 64 + 1, SIGNATURES_SIZE = 2 * SIGNATURE_SIZE };

/** @brief The text of a secret. len 0: there is none. */
struct signature_key {
    const void *text;
    size_t len;
};

/** @brief "v1=" and the HMAC-SHA256 of "{time}.{body}" in hexadecimal; behind a comma that of the old key, if there is one.
 *  Errors: FERRY_E_NOMEM, FERRY_E_LIMIT, FERRY_E_IO libcrypto. */
FERRY_MUST_CHECK ferry_err signatures_make(const struct signature_key *key, const struct signature_key *old_key,
                                           uint64_t unix_s, const struct ferry_buf *body, char out[SIGNATURES_SIZE]);

#endif
