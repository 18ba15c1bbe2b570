#include "signature.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdio.h>
#include <string.h>

enum { TIME_MAX = 24, SHA256_BYTES = 32 };

static ferry_err sign(const struct signature_key *key, const struct ferry_buf *text, char out[SIGNATURE_SIZE])
{
    uint8_t digest[SHA256_BYTES];
    unsigned len = 0;

    if (HMAC(EVP_sha256(), key->text, (int)key->len, (const unsigned char *)text->data, text->len, digest, &len) == NULL ||
        len != sizeof digest)
        return FERRY_E_IO;
    memcpy(out, "v1=", 3);
    ferry_hex_encode(digest, sizeof digest, out + 3);
    return FERRY_OK;
}

ferry_err signatures_make(const struct signature_key *key, const struct signature_key *old_key, uint64_t unix_s,
                          const struct ferry_buf *body, char out[SIGNATURES_SIZE])
{
    ferry_autobuf text = FERRY_BUF_INIT(body->len + TIME_MAX);
    ferry_err err = ferry_buf_printf(&text, "%llu.", (unsigned long long)unix_s);

    if (err == FERRY_OK)
        err = ferry_buf_append(&text, body->data, body->len);
    if (err == FERRY_OK)
        err = sign(key, &text, out);
    if (err != FERRY_OK || old_key->len == 0)
        return err;
    out[SIGNATURE_SIZE - 1] = ',';
    return sign(old_key, &text, out + SIGNATURE_SIZE);
}
