#include "content.h"

#include "ferry/md5.h"

#include <string.h>

enum { POOL = 1 << 18 };

/* A window of a pool of chance: where it begins is the number. */
const uint8_t *content_bytes(struct content c)
{
    static uint8_t pool[POOL + CONTENT_MAX];
    static bool made;

    if (!made) {
        uint64_t x = 88172645463325252u;
        for (size_t i = 0; i < sizeof pool; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            pool[i] = (uint8_t)(x >> 32);
        }
        made = true;
    }
    return pool + (c.number * 2654435761u) % POOL;
}

void content_hex(const uint8_t md5[16], char ret_hex[33])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < FERRY_MD5_BYTES; i++) {
        ret_hex[2 * i] = digits[md5[i] >> 4];
        ret_hex[2 * i + 1] = digits[md5[i] & 15];
    }
    ret_hex[32] = '\0';
}

void content_md5(struct content c, char ret_hex[33])
{
    uint8_t digest[FERRY_MD5_BYTES];
    ferry_md5 md5;

    ferry_md5_init(&md5);
    ferry_md5_update(&md5, content_bytes(c), c.size);
    ferry_md5_final(&md5, digest);
    content_hex(digest, ret_hex);
}

bool content_is(struct content c, const void *bytes, size_t len)
{
    return len == c.size && memcmp(content_bytes(c), bytes, len) == 0;
}
