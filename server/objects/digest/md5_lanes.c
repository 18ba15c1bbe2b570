#include "md5_lanes.h"

#include "proto/md5_step.h"

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

INLINE uint32_t load_le(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return le32toh(word);
}

FERRY_MD5_DEFINE_STEP(step, lanes)

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
            step(v, &words[FERRY_MD5_WORD(0, i)], 0, i);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, &words[FERRY_MD5_WORD(1, i)], 1, i);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, &words[FERRY_MD5_WORD(2, i)], 2, i);
        UNROLL
        for (unsigned i = 0; i < 16; i++)
            step(v, &words[FERRY_MD5_WORD(3, i)], 3, i);
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
