/**
 * @file md5_step.h
 * @brief The 64 steps of MD5 (RFC 1321), for whoever hashes one stream, or several in the lanes of vectors.
 *
 * Device and platform hash the same bytes: the messages and `Content-MD5` carry the digest.
 */
#ifndef PROTO_MD5_STEP_H
#define PROTO_MD5_STEP_H

#include <stdint.h>

/** floor(2^32 * abs(sin(i + 1))) */
static const uint32_t ferry_md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/** By how many bits step i of a round turns: [4 * round + i % 4]. */
static const uint8_t ferry_md5_turns[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};

/** Step i of a round takes word (factor * i + first) % 16 of the block. */
static const uint8_t ferry_md5_factors[4] = {1, 5, 3, 7}, ferry_md5_firsts[4] = {0, 1, 5, 0};

#define FERRY_MD5_WORD(round, i) ((ferry_md5_factors[round] * (i) + ferry_md5_firsts[round]) & 15)

/* In round 1 the halves share no bit: + is |, and starts earlier. */
#define FERRY__MD5_MIX(round, b, c, d)                                                                                 \
    ((round) == 0   ? (d) ^ ((b) & ((c) ^ (d)))                                                                        \
     : (round) == 1 ? ((b) & (d)) + ((c) & ~(d))                                                                       \
     : (round) == 2 ? (b) ^ (c) ^ (d)                                                                                  \
                    : (c) ^ ((b) | ~(d)))

/** @brief Defines `void name(type v[4], const type *word, unsigned round, unsigned i)`: one step on the state.
 *
 *  type: uint32_t, or a vector of them. word: FERRY_MD5_WORD of the block. round 0..3, i 0..15: when they are constants, every
 *  table look-up folds away. */
#define FERRY_MD5_DEFINE_STEP(name, type)                                                                              \
    static inline __attribute__((always_inline)) void name(type v[4], const type *word, unsigned round, unsigned i)           \
    {                                                                                                                  \
        type sum = v[0] + FERRY__MD5_MIX(round, v[1], v[2], v[3]) + ferry_md5_sines[16 * round + i] + *word;           \
        unsigned turn = ferry_md5_turns[4 * round + (i & 3)];                                                          \
        v[0] = v[3];                                                                                                   \
        v[3] = v[2];                                                                                                   \
        v[2] = v[1];                                                                                                   \
        v[1] += sum << turn | sum >> (32 - turn);                                                                      \
    }

#endif
