/**
 * @file quota_rules.h
 * @brief Does one more file fit? Pure: limits and usage come in, the verdict goes out.
 */
#ifndef CORE_QUOTA_RULES_H
#define CORE_QUOTA_RULES_H

#include "api/quota.h"

#include <stdbool.h>

typedef enum {
    QUOTA_FITS = 0,
    QUOTA_PRODUCT_BYTES,
    QUOTA_PRODUCT_FILES,
    QUOTA_DEVICE_BYTES,
    QUOTA_DEVICE_FILES,
} quota_verdict;

/** @brief What is kept now. device: zeros for a resource, which belongs to no device. */
struct quota_account {
    struct usage product, device;
};

/** @brief Which limit the file would pass; the device's are asked first, because its owner can do something. */
quota_verdict quota_judge(const struct quota_limits *limits, const struct quota_account *account, uint64_t size,
                          bool of_device);

/** @brief The account without one file of that size, which gives way. */
void quota_take_back(struct quota_account *account, uint64_t size);

/** @brief False when no limit is set, so that nothing need be looked up. */
bool quota_is_limited(const struct quota_limits *limits);

/** @brief "the bytes of its product" and so on, for a sentence. Static storage. */
const char *quota_verdict_text(quota_verdict verdict);

#endif
