#include "ferry/device.h"

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

/* floor(2^32 * abs(sin(i + 1))) */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const uint8_t turns[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

static inline uint32_t load_le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One of the 64 steps. With a constant round and step every table look-up folds away. */
static inline __attribute__((always_inline)) void md5_step(uint32_t v[4], const ferry_md5 *md5, unsigned round,
                                                           unsigned i)
{
    uint32_t mix;
    unsigned word;

    if (round == 0) {
        mix = v[3] ^ (v[1] & (v[2] ^ v[3]));
        word = i;
    } else if (round == 1) {
        mix = (v[1] & v[3]) + (v[2] & ~v[3]); /* the halves share no bit: + is |, and starts earlier */
        word = (5 * i + 1) & 15;
    } else if (round == 2) {
        mix = v[1] ^ v[2] ^ v[3];
        word = (3 * i + 5) & 15;
    } else {
        mix = v[2] ^ (v[1] | ~v[3]);
        word = (7 * i) & 15;
    }
    uint32_t sum =
        v[0] + mix + sines[16 * round + i] + load_le(__builtin_assume_aligned(md5->block + (size_t)4 * word, 4));
    unsigned turn = turns[4 * round + (i & 3)];
    v[0] = v[3];
    v[3] = v[2];
    v[2] = v[1];
    v[1] += sum << turn | sum >> (32 - turn);
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
