/**
 * @file object_address.h
 * @brief The request target of the object plane: /o/{task}?e={expiry}&s={signature}. Pure.
 *
 * Read from the bytes as they came: no escapes, no other order, nothing more or less. So there is one
 * spelling of an address only, and a changed character cannot be overlooked.
 */
#ifndef HTTP_OBJECT_ADDRESS_H
#define HTTP_OBJECT_ADDRESS_H

#include "base/id.h"

#include <stddef.h>
#include <stdint.h>

enum { OBJECT_SIGNATURE_MAX = 64 };

struct object_address {
    ferry_id task;
    uint64_t expires_s;
    char signature[OBJECT_SIGNATURE_MAX + 1]; /**< [A-Za-z0-9_-], at least one */
};

typedef enum {
    OBJECT_ADDRESS_GOOD,
    OBJECT_ADDRESS_ALTERED,   /**< below /o/, but not of that form */
    OBJECT_ADDRESS_ELSEWHERE, /**< not below /o/ */
} object_address_verdict;

/** @brief Reads a request target; *ret_address is written only with GOOD. */
object_address_verdict object_address_parse(const char *target, struct object_address *ret_address);

/** @brief Digits only, no leading zero but "0" itself, no overflow. Returns what follows, or null. */
const char *object_number_parse(const char *text, uint64_t *ret_number);

#endif
