/**
 * @file s3_hash.h
 * @brief The running MD5 and SHA-256 of an object, of which the state can be kept: parts that are with the store cannot be
 *        read before the object is whole, so nothing can be hashed again when another process goes on.
 */
#ifndef OBJECTS_S3_HASH_H
#define OBJECTS_S3_HASH_H

#define OPENSSL_SUPPRESS_DEPRECATED /* EVP, which replaces these two, cannot give its state away in OpenSSL 3.0 */

#include "api/objects.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

/** Plain data: copied and written down as it is. Another kind of machine would read nonsense, which the end would find. */
struct s3_hash {
    MD5_CTX md5;
    SHA256_CTX sha256;
    uint64_t size;
};

void s3_hash_init(struct s3_hash *hash);
void s3_hash_update(struct s3_hash *hash, const void *bytes, size_t len);
/** What it is so far; it can go on. */
void s3_hash_get(const struct s3_hash *hash, struct object_digests *ret_digests);

#endif
