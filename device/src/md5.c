#include "ferry/device.h"

#include "proto/md5_step.h"

#include <string.h>

#if !FERRY_WITHOUT_MD5

/* Rolled up when the compiler is asked for small code, unrolled otherwise: three times as fast. */
#if defined(__OPTIMIZE_SIZE__) || !defined(__OPTIMIZE__)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

static inline uint32_t load_le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

FERRY_MD5_DEFINE_STEP(step_on, uint32_t)

static inline __attribute__((always_inline)) void md5_step(uint32_t v[4], const ferry_md5 *md5, unsigned round, unsigned i)
{
    uint32_t word = load_le(__builtin_assume_aligned(md5->block + (size_t)4 * FERRY_MD5_WORD(round, i), 4));
    step_on(v, &word, round, i);
}

/* The block is full. It stands on a boundary of words, so a word of it is one load where the byte order is this one. */
static void md5_block(ferry_md5 *md5)
{
    uint32_t v[4] = {md5->state[0], md5->state[1], md5->state[2], md5->state[3]};

#if defined(__OPTIMIZE_SIZE__)
    for (unsigned i = 0; i < 64; i++)
        md5_step(v, md5, i / 16, i % 16);
#else
    UNROLL
    for (unsigned i = 0; i < 16; i++)
        md5_step(v, md5, 0, i);
    UNROLL
    for (unsigned i = 0; i < 16; i++)
        md5_step(v, md5, 1, i);
    UNROLL
    for (unsigned i = 0; i < 16; i++)
        md5_step(v, md5, 2, i);
    UNROLL
    for (unsigned i = 0; i < 16; i++)
        md5_step(v, md5, 3, i);
#endif
    for (unsigned i = 0; i < 4; i++)
        md5->state[i] += v[i];
}

void ferry_md5_init(ferry_md5 *md5)
{
    md5->bytes = 0;
    md5->state[0] = 0x67452301;
    md5->state[1] = 0xefcdab89;
    md5->state[2] = 0x98badcfe;
    md5->state[3] = 0x10325476;
}

void ferry_md5_update(ferry_md5 *md5, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    while (len > 0) {
        size_t held = (size_t)md5->bytes % FERRY_MD5_BLOCK, n = FERRY_MD5_BLOCK - held;
        if (n > len)
            n = len;
        memcpy(md5->block + held, p, n);
        md5->bytes += n;
        p += n;
        len -= n;
        if (held + n == FERRY_MD5_BLOCK)
            md5_block(md5);
    }
}

__attribute__((noinline)) static void store_le(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++, value >>= 8)
        to[i] = (uint8_t)value;
}

void ferry_md5_final(ferry_md5 *md5, uint8_t ret_digest[FERRY_MD5_BYTES])
{
    uint64_t bytes = md5->bytes;
    uint8_t pad = 0x80;

    do {
        ferry_md5_update(md5, &pad, 1);
        pad = 0;
    } while ((uint32_t)md5->bytes % FERRY_MD5_BLOCK != 56);
    store_le(md5->block + 56, (uint32_t)bytes << 3);
    store_le(md5->block + 60, (uint32_t)(bytes >> 29));
    md5_block(md5);
    for (unsigned i = 0; i < 4; i++)
        store_le(ret_digest + (size_t)4 * i, md5->state[i]);
}

#endif
