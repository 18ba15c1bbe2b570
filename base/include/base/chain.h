/**
 * @file chain.h
 * @brief A chain of hashes over records: each hash covers the record and the hash before it, so that none can be
 * changed, removed, added or moved without breaking every hash after it.
 *
 * The hash of a record is SHA-256 over the 32 bytes of the hash before it, followed by each field as its length in
 * decimal digits, a colon, its bytes and a comma ("5:hello,"). So no two lists of fields give the same bytes.
 */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { FERRY_CHAIN_BYTES = 32 };

/** @brief The hash of a record behind one with the hash before (of the first record: zeros). Pure.
 *  @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err ferry_chain_next(const uint8_t before[FERRY_CHAIN_BYTES], const char *const *fields,
                                            size_t count, uint8_t ret_hash[FERRY_CHAIN_BYTES]);

#endif
