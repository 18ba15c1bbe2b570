/*
 * HMAC with SHA-256 (RFC 2104, FIPS 180-4), for one short text at each connect. OpenSSL's has to look for the algorithm
 * first, which costs a program that makes one connection more than all else it computes.
 */
#include "port.h"

#include <openssl/crypto.h>
#include <string.h>

enum { BLOCK = 64, LENGTH_AT = BLOCK - 8, ROUNDS = 64, INNER = 0x36, OUTER = 0x5c };

struct sha256 {
    uint32_t state[8];
    uint64_t len; /* bytes so far; what does not fill a block yet stands in block */
    uint8_t block[BLOCK];
};

static const struct sha256 sha256_begin = {.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                                                     0x1f83d9ab, 0x5be0cd19}};

static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t x, unsigned bits)
{
    return x >> bits | x << (32 - bits);
}

static void expand(const uint8_t block[BLOCK], uint32_t w[ROUNDS])
{
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (unsigned i = 16; i < ROUNDS; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) + (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
    }
}

static void compress(struct sha256 *sha)
{
    uint32_t w[ROUNDS], s[8]; /* s: a to h */

    expand(sha->block, w);
    memcpy(s, sha->state, sizeof s);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]), majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t one = s[7] + (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) + choice + constants[i] + w[i];
        uint32_t two = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) + majority;
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += one;
        s[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++)
        sha->state[i] += s[i];
    OPENSSL_cleanse(w, sizeof w);
    OPENSSL_cleanse(s, sizeof s);
}

static void update(struct sha256 *sha, const uint8_t *bytes, size_t len)
{
    for (; len > 0; len--) {
        sha->block[sha->len++ % BLOCK] = *bytes++;
        if (sha->len % BLOCK == 0)
            compress(sha);
    }
}

static void final(struct sha256 *sha, uint8_t out[FERRY__HMAC_BYTES])
{
    uint64_t bits = sha->len * 8;
    uint8_t length[8];

    for (unsigned i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    update(sha, (const uint8_t[]){0x80}, 1);
    while (sha->len % BLOCK != LENGTH_AT)
        update(sha, (const uint8_t[]){0}, 1);
    update(sha, length, sizeof length);
    for (unsigned i = 0; i < FERRY__HMAC_BYTES; i++)
        out[i] = (uint8_t)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
    OPENSSL_cleanse(sha, sizeof *sha);
}

/* One of the two passes: over the key, and over what comes behind it. */
static void pass(const uint8_t key[BLOCK], uint8_t pad, const uint8_t *bytes, size_t len, uint8_t out[FERRY__HMAC_BYTES])
{
    struct sha256 sha = sha256_begin;
    uint8_t padded[BLOCK];

    for (unsigned i = 0; i < BLOCK; i++)
        padded[i] = key[i] ^ pad;
    update(&sha, padded, BLOCK);
    update(&sha, bytes, len);
    final(&sha, out);
    OPENSSL_cleanse(padded, sizeof padded);
}

void ferry__hmac(const uint8_t *key, size_t key_len, const void *text, size_t len, uint8_t ret_mac[FERRY__HMAC_BYTES])
{
    struct sha256 sha = sha256_begin;
    uint8_t block[BLOCK] = {0};

    if (key_len > BLOCK) {
        update(&sha, key, key_len);
        final(&sha, block);
    } else if (key_len > 0)
        memcpy(block, key, key_len);
    pass(block, INNER, text, len, ret_mac);
    pass(block, OUTER, ret_mac, FERRY__HMAC_BYTES, ret_mac);
    OPENSSL_cleanse(block, sizeof block);
}
