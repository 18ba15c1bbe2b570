/* The functions that are called deprecated are the ones that let several hashes go side by side: they show their state. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "objects/digest.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include "md5_lanes.h"

#include <openssl/evp.h>
#include <openssl/md5.h>

#include <string.h>

_Static_assert((int)OBJECT_HASH_TOGETHER == (int)MD5_LANES, "one hash in each lane");

struct object_hash {
    MD5_CTX md5;
    EVP_MD_CTX *sha256; /* null unless asked for */
    uint64_t size;
};

FERRY_DEFINE_CLEANUP(struct object_hash *, object_hash_free)

static ferry_err context_new(const EVP_MD *kind, EVP_MD_CTX **ret_context)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        return FERRY_E_NOMEM;
    if (EVP_DigestInit_ex(context, kind, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return FERRY_E_NOMEM;
    }
    *ret_context = context;
    return FERRY_OK;
}

ferry_err object_hash_new(bool with_sha256, struct object_hash **ret_hash)
{
    ferry_cleanup(object_hash_free) struct object_hash *hash = ferry_calloc(1, sizeof *hash);
    if (hash == NULL)
        return FERRY_E_NOMEM;
    ferry_err err = MD5_Init(&hash->md5) == 1 ? FERRY_OK : FERRY_E_IO;
    if (err == FERRY_OK && with_sha256)
        err = context_new(EVP_sha256(), &hash->sha256);
    if (err != FERRY_OK)
        return err;
    *ret_hash = FERRY_TAKE(hash);
    return FERRY_OK;
}

void object_hash_free(struct object_hash *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->sha256);
    free(hash);
}

ferry_err object_hash_update(struct object_hash *hash, const void *bytes, size_t len)
{
    if (MD5_Update(&hash->md5, bytes, len) != 1)
        return FERRY_E_IO;
    if (hash->sha256 != NULL && EVP_DigestUpdate(hash->sha256, bytes, len) != 1)
        return FERRY_E_IO;
    hash->size += len;
    return FERRY_OK;
}

/* --- several at once ------------------------------------------------------------------------------ */

enum { WORTH_IT = 3 }; /* fewer are as fast one after the other */

static bool fits_in_a_lane(const struct object_hash *hash, size_t len)
{
    return hash->sha256 == NULL && hash->md5.num == 0 && len % MD5_BLOCK == 0;
}

/* A lane without a hash of its own repeats the first one. */
static void add_in_lanes(struct object_hash *const hashes[], const void *const bytes[], size_t count, size_t len)
{
    uint32_t state[4][MD5_LANES];
    const uint8_t *streams[MD5_LANES];
    for (size_t lane = 0; lane < MD5_LANES; lane++) {
        size_t of = lane < count ? lane : 0;
        const MD5_CTX *md5 = &hashes[of]->md5;
        state[0][lane] = md5->A, state[1][lane] = md5->B, state[2][lane] = md5->C, state[3][lane] = md5->D;
        streams[lane] = bytes[of];
    }
    md5_lanes_add(state, streams, len / MD5_BLOCK);
    for (size_t lane = 0; lane < count; lane++) {
        MD5_CTX *md5 = &hashes[lane]->md5;
        md5->A = state[0][lane], md5->B = state[1][lane], md5->C = state[2][lane], md5->D = state[3][lane];
        hashes[lane]->size += len;
    }
}

ferry_err object_hash_update_together(struct object_hash *const hashes[], const void *const bytes[], size_t count, size_t len)
{
    bool all_fit = count >= WORTH_IT;
    for (size_t i = 0; i < count; i++)
        all_fit = all_fit && fits_in_a_lane(hashes[i], len);
    if (all_fit) {
        add_in_lanes(hashes, bytes, count, len);
        return FERRY_OK;
    }
    ferry_err err = FERRY_OK;
    for (size_t i = 0; i < count && err == FERRY_OK; i++)
        err = object_hash_update(hashes[i], bytes[i], len);
    return err;
}

ferry_err object_hash_finish(struct object_hash *hash, struct object_digests *ret_digests)
{
    struct object_digests digests = {.size = hash->size};
    hash->md5.Nl = (MD5_LONG)(hash->size << 3); /* the length in bits: what went through a lane is not in it */
    hash->md5.Nh = (MD5_LONG)(hash->size >> 29);
    if (MD5_Final(digests.md5, &hash->md5) != 1)
        return FERRY_E_IO;
    if (hash->sha256 != NULL && EVP_DigestFinal_ex(hash->sha256, digests.sha256, NULL) != 1)
        return FERRY_E_IO;
    *ret_digests = digests;
    return FERRY_OK;
}

ferry_err object_digests_check(const struct object_digests *have, const struct object_expect *expect)
{
    if (have->size != expect->size)
        return FERRY_E_SIZE;
    if (expect->md5 != NULL && memcmp(have->md5, expect->md5, sizeof have->md5) != 0)
        return FERRY_E_DIGEST;
    if (expect->sha256 != NULL && memcmp(have->sha256, expect->sha256, sizeof have->sha256) != 0)
        return FERRY_E_DIGEST;
    return FERRY_OK;
}
