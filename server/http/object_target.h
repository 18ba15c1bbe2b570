/**
 * @file object_target.h
 * @brief What an object URL leads to.
 */
#ifndef HTTP_OBJECT_TARGET_H
#define HTTP_OBJECT_TARGET_H

#include "api/model.h"

#include <stdbool.h>
#include <stdint.h>

/** @brief The task behind a URL, as it was when the request came. */
struct object_target {
    bool upload; /**< else a download */
    struct device_key device;
    ferry_id task, key;
    uint64_t size;
    char md5[FERRY_MD5_HEX + 1];
    bool stored; /**< upload: the platform has found the object whole */
};

#endif
