/* URLs: of the store itself, presigned; of ours where those would not do. */
#include "s3_internal.h"

#include "base/encode.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADERS_MAX = 3 };

static uint64_t life_until(uint64_t now_s, uint64_t expires_s)
{
    uint64_t life_s = expires_s > now_s ? expires_s - now_s : 1;
    return life_s < SIGV4_LIFE_MAX_S ? life_s : SIGV4_LIFE_MAX_S;
}

/* The size is signed with the headers given. */
static ferry_err presign_put(struct objects_s3 *store, const ferry_id *key, uint64_t size, uint64_t expires_s,
                             const struct sigv4_pair *more, size_t more_count, struct ferry_buf *out)
{
    char name[S3_NAME_SIZE], length[24];
    uint64_t now_s = store->wall_ms() / 1000;
    struct sigv4_pair headers[HEADERS_MAX] = {{"content-length", length}};
    if (size > S3_PUT_MAX)
        return FERRY_E_LIMIT;
    memcpy(headers + 1, more, more_count * sizeof *more);
    (void)snprintf(length, sizeof length, "%" PRIu64, size);
    s3_object_name(key, name);
    return s3_presign(store, "PUT", name, headers, 1 + more_count, now_s, life_until(now_s, expires_s), out);
}

/* --- for devices ------------------------------------------------------------------------------------- */

static ferry_err presigned(struct objects_s3 *store, const struct object_url *url, struct ferry_buf *out)
{
    char name[S3_NAME_SIZE], md5_text[S3_MD5_BASE64_SIZE];
    uint8_t md5[16];
    uint64_t now_s = store->wall_ms() / 1000;
    s3_object_name(&url->key, name);
    if (url->method == OBJECT_GET)
        return s3_presign(store, "GET", name, NULL, 0, now_s, life_until(now_s, url->expires_s), out);
    ferry_err err = ferry_hex_decode(url->md5, strlen(url->md5), md5, sizeof md5);
    if (err != FERRY_OK)
        return err;
    s3_md5_base64(md5, md5_text);
    const struct sigv4_pair headers[] = {{"content-md5", md5_text}};
    return presign_put(store, &url->key, url->size, url->expires_s, headers, 1, out);
}

/* Credentials or a prefix that are too long do so for all URLs: once is enough. */
static void tell_fallback(struct objects_s3 *store, const struct object_url *url)
{
    if (url->method == OBJECT_PUT && url->size > S3_PUT_MAX)
        return;
    if (!atomic_exchange(&store->told_fallback, true))
        ferry_log(FERRY_LOG_WARN, "objects",
                  "a presigned URL of this store has more than the %d characters that devices can hold, so files go through ferryd: "
                  "take a shorter prefix, or credentials without a session token",
                  FERRY_URL_MAX);
}

ferry_err s3_url_sign(struct objects *o, const struct object_url *url, char *out, size_t cap)
{
    struct objects_s3 *store = s3_of(o);
    ferry_autobuf text = FERRY_BUF_INIT(FERRY_URL_MAX);
    if (store->address.own_urls)
        return signed_url_make(&store->own, url, out, cap);
    ferry_err err = presigned(store, url, &text);
    if (err == FERRY_E_LIMIT) {
        tell_fallback(store, url);
        return signed_url_make(&store->own, url, out, cap);
    }
    if (err == FERRY_OK && text.len >= cap)
        err = FERRY_E_LIMIT;
    if (err == FERRY_OK)
        memcpy(out, text.data, text.len + 1);
    return err;
}

ferry_err s3_url_check(struct objects *o, const struct object_url *url, const char *signature, size_t len)
{
    return signed_url_check(&s3_of(o)->own, url, signature, len);
}

/* --- for others --------------------------------------------------------------------------------------- */

/* COS has no header for a SHA-256. */
ferry_err s3_direct_sign(struct objects *o, const ferry_id *key, const struct object_expect *expect, uint64_t expires_s,
                         struct object_direct *ret_direct)
{
    struct objects_s3 *store = s3_of(o);
    struct object_direct direct = {.headers = {{.name = "Content-MD5"}, {.name = "x-amz-checksum-sha256"}},
                                   .headers_count = store->address.cos ? 1 : 2};
    ferry_autobuf text = FERRY_BUF_INIT(sizeof direct.url - 1);
    if (store->address.own_urls)
        return FERRY_E_UNSUPPORTED;
    s3_md5_base64(expect->md5, direct.headers[0].value);
    ferry_base64_encode(expect->sha256, 32, direct.headers[1].value);
    const struct sigv4_pair headers[] = {{"content-md5", direct.headers[0].value},
                                         {"x-amz-checksum-sha256", direct.headers[1].value}};
    ferry_err err = presign_put(store, key, expect->size, expires_s, headers, direct.headers_count, &text);
    if (err != FERRY_OK)
        return err;
    memcpy(direct.url, text.data, text.len + 1);
    *ret_direct = direct;
    return FERRY_OK;
}
