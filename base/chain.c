#include "base/chain.h"

#include "base/cleanup.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static int add_field(EVP_MD_CTX *hash, const char *field)
{
    size_t len = strlen(field);
    char head[24];
    int head_len = snprintf(head, sizeof head, "%zu:", len);

    return EVP_DigestUpdate(hash, head, (size_t)head_len) && EVP_DigestUpdate(hash, field, len) &&
           EVP_DigestUpdate(hash, ",", 1);
}

ferry_err ferry_chain_next(const uint8_t before[FERRY_CHAIN_BYTES], const char *const *fields, size_t count,
                           uint8_t ret_hash[FERRY_CHAIN_BYTES])
{
    ferry_cleanup(EVP_MD_CTX_free) EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t bytes[FERRY_CHAIN_BYTES];
    int good = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) &&
               EVP_DigestUpdate(hash, before, FERRY_CHAIN_BYTES);

    for (size_t i = 0; good && i < count; i++)
        good = add_field(hash, fields[i]);
    if (!good || !EVP_DigestFinal_ex(hash, bytes, NULL))
        return FERRY_E_NOMEM;
    memcpy(ret_hash, bytes, sizeof bytes);
    return FERRY_OK;
}
