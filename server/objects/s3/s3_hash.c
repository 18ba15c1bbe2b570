#include "s3_hash.h"

#include <string.h>

/* None of these functions can fail: they compute, and allocate nothing. */

void s3_hash_init(struct s3_hash *hash)
{
    memset(hash, 0, sizeof *hash);
    (void)MD5_Init(&hash->md5);
    (void)SHA256_Init(&hash->sha256);
}

void s3_hash_update(struct s3_hash *hash, const void *bytes, size_t len)
{
    (void)MD5_Update(&hash->md5, bytes, len);
    (void)SHA256_Update(&hash->sha256, bytes, len);
    hash->size += len;
}

void s3_hash_get(const struct s3_hash *hash, struct object_digests *ret_digests)
{
    struct s3_hash last = *hash;
    ret_digests->size = last.size;
    (void)MD5_Final(ret_digests->md5, &last.md5);
    (void)SHA256_Final(ret_digests->sha256, &last.sha256);
}
