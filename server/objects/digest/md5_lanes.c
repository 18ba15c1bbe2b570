#include "md5_lanes.h"

#include <endian.h>
#include <string.h>

typedef uint32_t lanes __attribute__((vector_size(4 * MD5_LANES)));

#if !defined(__OPTIMIZE__)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

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

INLINE uint32_t load_le(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return le32toh(word);
}

/* One of the 64 steps, in all lanes. With a constant round and step every table look-up folds away. */
INLINE void step(lanes v[4], const lanes words[16], unsigned round, unsigned i)
{
    static const uint8_t factor[4] = {1, 5, 3, 7}, first[4] = {0, 1, 5, 0};
    lanes mix;
    if (round == 0)
        mix = v[3] ^ (v[1] & (v[2] ^ v[3]));
    else if (round == 1)
        mix = v[2] ^ (v[3] & (v[1] ^ v[2]));
    else if (round == 2)
        mix = v[1] ^ v[2] ^ v[3];
    else
        mix = v[2] ^ (v[1] | ~v[3]);
    lanes sum = v[0] + mix + sines[16 * round + i] + words[(factor[round] * i + first[round]) & 15];
    unsigned turn = turns[4 * round + (i & 3)];
    v[0] = v[3];
    v[3] = v[2];
    v[2] = v[1];
    v[1] += sum << turn | sum >> (32 - turn);
}

/* The next block of each stream, word by word. */
INLINE void load(lanes words[16], const uint8_t *const bytes[MD5_LANES], size_t offset)
{
    uint32_t across[16][MD5_LANES];
    for (unsigned lane = 0; lane < MD5_LANES; lane++)
        for (unsigned w = 0; w < 16; w++)
            across[w][lane] = load_le(bytes[lane] + offset + (size_t)4 * w);
    memcpy(words, across, sizeof across);
}

INLINE void add(uint32_t state[4][MD5_LANES], const uint8_t *const bytes[MD5_LANES], size_t blocks)
{
    lanes v[4], words[16];
    memcpy(v, state, sizeof v);
    for (size_t block = 0; block < blocks; block++) {
        lanes before[4] = {v[0], v[1], v[2], v[3]};
        load(words, bytes, block * MD5_BLOCK);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, words, 0, i);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, words, 1, i);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, words, 2, i);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, words, 3, i);
        for (unsigned i = 0; i < 4; i++)
            v[i] += before[i];
    }
    memcpy(state, v, sizeof v);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void add_avx2(uint32_t state[4][MD5_LANES], const uint8_t *const bytes[MD5_LANES],
                                                     size_t blocks)
{
    add(state, bytes, blocks);
}

__attribute__((target("avx512f,avx512vl"))) static void add_avx512(uint32_t state[4][MD5_LANES],
                                                                   const uint8_t *const bytes[MD5_LANES], size_t blocks)
{
    add(state, bytes, blocks);
}
#endif

void md5_lanes_add(uint32_t state[4][MD5_LANES], const uint8_t *const bytes[MD5_LANES], size_t blocks)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vl")) {
        add_avx512(state, bytes, blocks);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        add_avx2(state, bytes, blocks);
        return;
    }
#endif
    add(state, bytes, blocks);
}
