/**
 * @file quota.h
 * @brief How much a product, and each of its devices, may keep on the platform, and how much it does.
 *
 * What counts: every resource of the product, and every upload that is open or whole (created, uploading, stored,
 * done) with its announced size. So what was granted is reserved, and uploads at a time cannot pass the limit together.
 */
#ifndef API_QUOTA_H
#define API_QUOTA_H

#include "proto/limits.h"

#include <stdint.h>

/** @brief 0: no limit. */
struct quota_limits {
    uint64_t product_bytes, product_files; /**< resources, and uploads of all devices */
    uint64_t device_bytes, device_files;   /**< uploads of each device */
};

/** @brief A product's own limits, in place of those of the settings. */
struct quota {
    char product[FERRY_IDENT_MAX + 1];
    struct quota_limits limits;
};

struct usage {
    uint64_t bytes, files; /**< bytes: UINT64_MAX when there are more */
};

#endif
