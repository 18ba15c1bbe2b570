#include "objects/digest.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <openssl/evp.h>

#include <string.h>

struct object_hash {
    EVP_MD_CTX *md5;
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
    ferry_err err = context_new(EVP_md5(), &hash->md5);
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
    EVP_MD_CTX_free(hash->md5);
    EVP_MD_CTX_free(hash->sha256);
    free(hash);
}

ferry_err object_hash_update(struct object_hash *hash, const void *bytes, size_t len)
{
    if (EVP_DigestUpdate(hash->md5, bytes, len) != 1)
        return FERRY_E_IO;
    if (hash->sha256 != NULL && EVP_DigestUpdate(hash->sha256, bytes, len) != 1)
        return FERRY_E_IO;
    hash->size += len;
    return FERRY_OK;
}

ferry_err object_hash_finish(struct object_hash *hash, struct object_digests *ret_digests)
{
    struct object_digests digests = {.size = hash->size};
    if (EVP_DigestFinal_ex(hash->md5, digests.md5, NULL) != 1)
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
