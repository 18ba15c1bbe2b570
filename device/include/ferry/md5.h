/**
 * @file md5.h
 * @brief MD5 (RFC 1321). The wire demands it; it guards against damage, not against malice.
 *
 * The whole state is in the struct and has no padding that matters: a hash can be put aside and
 * taken up again later, also after a reboot. A port whose hardware computes MD5 defines these three
 * functions itself and builds with FERRY_WITHOUT_MD5 (ferry/device.h). Freestanding, pure, any thread.
 */
#ifndef FERRY_MD5_H
#define FERRY_MD5_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FERRY_MD5_BYTES = 16, FERRY_MD5_BLOCK = 64 };

typedef struct {
    uint32_t state[4];
    uint64_t bytes; /**< hashed so far; bytes % 64 of them wait in block */
    uint8_t block[FERRY_MD5_BLOCK];
} ferry_md5;

void ferry_md5_init(ferry_md5 *md5);
/** @brief Any len, in any pieces. */
void ferry_md5_update(ferry_md5 *md5, const void *bytes, size_t len);
/** @brief Writes the digest; afterwards only ferry_md5_init() may follow. */
void ferry_md5_final(ferry_md5 *md5, uint8_t ret_digest[FERRY_MD5_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
