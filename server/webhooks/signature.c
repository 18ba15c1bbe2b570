#include "signature.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdio.h>
#include <string.h>

enum { TIME_MAX = 24, SHA256_BYTES = 32 };

ferry_err signature_make(const void *secret, size_t secret_len, uint64_t unix_s, const struct ferry_buf *body,
                         char out[SIGNATURE_SIZE])
{
    ferry_autobuf text = FERRY_BUF_INIT(body->len + TIME_MAX);
    uint8_t digest[SHA256_BYTES];
    unsigned len = 0;
    ferry_err err = ferry_buf_printf(&text, "%llu.", (unsigned long long)unix_s);

    if (err == FERRY_OK)
        err = ferry_buf_append(&text, body->data, body->len);
    if (err != FERRY_OK)
        return err;
    if (HMAC(EVP_sha256(), secret, (int)secret_len, (const unsigned char *)text.data, text.len, digest, &len) == NULL ||
        len != sizeof digest)
        return FERRY_E_IO;
    memcpy(out, "v1=", 3);
    ferry_hex_encode(digest, sizeof digest, out + 3);
    return FERRY_OK;
}
