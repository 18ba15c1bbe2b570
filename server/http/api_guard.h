/**
 * @file api_guard.h
 * @brief Counts wrong passwords by address, in a table that never grows. Any thread.
 */
#ifndef HTTP_API_GUARD_H
#define HTTP_API_GUARD_H

#include "base/error.h"

#include <stdint.h>

enum {
    API_GUARD_ADDRESSES = 1024, /**< the one that was heard of longest ago gives way */
    API_GUARD_FREE = 10,        /**< failures of an address that cost nothing: an office has one */
};

struct api_guard;

FERRY_MUST_CHECK ferry_err api_guard_new(struct api_guard **ret_guard);
void api_guard_free(struct api_guard *guard);
/** @brief No attempt of the address is looked at before this time; 0: now. */
uint64_t api_guard_until_ms(struct api_guard *guard, const char *address);
void api_guard_failed(struct api_guard *guard, const char *address, uint64_t now_ms);
void api_guard_succeeded(struct api_guard *guard, const char *address);

#endif
