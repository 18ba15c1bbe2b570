/** @file content.h  @brief What files contain: each number gives other bytes, the same ones each time. */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTENT_MAX = 8192 };

struct content {
    uint32_t number;
    uint32_t size; /* 1 .. CONTENT_MAX */
};

/** The bytes of the file from its start; size of them. Static storage that never changes. */
const uint8_t *content_bytes(struct content c);
void content_hex(const uint8_t md5[16], char ret_hex[33]);
void content_md5(struct content c, char ret_hex[33]);
bool content_is(struct content c, const void *bytes, size_t len);

#endif
