#include "sigv4.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HASH = 32, HEX_SIZE = 2 * HASH + 1, SCOPE_SIZE = 128, CREDENTIAL_SIZE = 256, CANONICAL_MAX = 32 * 1024 };

ferry_err sigv4_encode(struct ferry_buf *out, const char *text, bool keep_slash)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    ferry_err err = FERRY_OK;
    for (; err == FERRY_OK && *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL || (keep_slash && *text == '/'))
            err = ferry_buf_append(out, text, 1);
        else
            err = ferry_buf_printf(out, "%%%02X", (unsigned char)*text);
    }
    return err;
}

ferry_err sigv4_time(uint64_t unix_s, char out[SIGV4_TIME_SIZE])
{
    time_t at = (time_t)unix_s;
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL || strftime(out, SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &utc) != SIGV4_TIME_SIZE - 1)
        return FERRY_E_ARG;
    return FERRY_OK;
}

static ferry_err mac(const void *key, size_t key_len, const char *text, uint8_t out[HASH])
{
    unsigned int len = HASH;
    bool good = HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), out, &len) != NULL;
    return good ? FERRY_OK : FERRY_E_NOMEM;
}

/* The key of the day, the region and the service, and with it the signature. */
static ferry_err sign(const struct sigv4_signer *signer, const char *day, const char *text, char out[HEX_SIZE])
{
    char first[CREDENTIAL_SIZE];
    uint8_t key[HASH];
    int len = snprintf(first, sizeof first, "AWS4%s", signer->secret_key);
    ferry_err err = (size_t)len < sizeof first ? mac(first, (size_t)len, day, key) : FERRY_E_LIMIT;
    if (err == FERRY_OK)
        err = mac(key, sizeof key, signer->region, key);
    if (err == FERRY_OK)
        err = mac(key, sizeof key, "s3", key);
    if (err == FERRY_OK)
        err = mac(key, sizeof key, "aws4_request", key);
    if (err == FERRY_OK)
        err = mac(key, sizeof key, text, key);
    if (err == FERRY_OK)
        ferry_hex_encode(key, sizeof key, out);
    explicit_bzero(first, sizeof first);
    explicit_bzero(key, sizeof key);
    return err;
}

/* --- canonical form ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sigv4_pair *)a)->name, ((const struct sigv4_pair *)b)->name);
}

/* Names of parameters hold nothing that encoding would change the order of. */
struct sorted {
    struct sigv4_pair pairs[SIGV4_PAIRS_MAX];
    size_t count;
};

static ferry_err add(struct sorted *s, const char *name, const char *value)
{
    if (s->count == SIGV4_PAIRS_MAX)
        return FERRY_E_LIMIT;
    s->pairs[s->count++] = (struct sigv4_pair){name, value};
    return FERRY_OK;
}

static ferry_err add_all(struct sorted *s, const struct sigv4_pair *pairs, size_t count)
{
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = add(s, pairs[i].name, pairs[i].value);
    return err;
}

static ferry_err write_query(const struct sorted *query, struct ferry_buf *out)
{
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < query->count; i++) {
        if (i > 0)
            err = ferry_buf_append_str(out, "&");
        if (err == FERRY_OK)
            err = sigv4_encode(out, query->pairs[i].name, false);
        if (err == FERRY_OK)
            err = ferry_buf_append_str(out, "=");
        if (err == FERRY_OK)
            err = sigv4_encode(out, query->pairs[i].value, false);
    }
    return err;
}

static ferry_err write_names(const struct sorted *headers, struct ferry_buf *out)
{
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < headers->count; i++)
        err = ferry_buf_printf(out, "%s%s", i > 0 ? ";" : "", headers->pairs[i].name);
    return err;
}

static ferry_err sort_headers(const struct sigv4_request *request, struct sorted *ret_headers, struct ferry_buf *names)
{
    ret_headers->count = 0;
    ferry_err err = add(ret_headers, "host", request->host);
    if (err == FERRY_OK)
        err = add_all(ret_headers, request->headers, request->headers_count);
    if (err != FERRY_OK)
        return err;
    qsort(ret_headers->pairs, ret_headers->count, sizeof ret_headers->pairs[0], by_name);
    return write_names(ret_headers, names);
}

static ferry_err canonical(const struct sigv4_request *request, const char *query, const struct sorted *headers,
                           const char *names, struct ferry_buf *out)
{
    ferry_err err = ferry_buf_printf(out, "%s\n%s\n%s\n", request->method, request->path, query);
    for (size_t i = 0; err == FERRY_OK && i < headers->count; i++)
        err = ferry_buf_printf(out, "%s:%s\n", headers->pairs[i].name, headers->pairs[i].value);
    return err == FERRY_OK ? ferry_buf_printf(out, "\n%s\n%s", names, request->payload) : err;
}

/* --- signature ---------------------------------------------------------------------------------- */

/* When and where: the signature's frame. */
struct frame {
    char time[SIGV4_TIME_SIZE];
    char day[9];
    char scope[SCOPE_SIZE];
    char credential[CREDENTIAL_SIZE];
};

static ferry_err frame_make(const struct sigv4_signer *signer, uint64_t unix_s, struct frame *f)
{
    ferry_err err = sigv4_time(unix_s, f->time);
    if (err != FERRY_OK)
        return err;
    memcpy(f->day, f->time, 8);
    f->day[8] = '\0';
    int scope = snprintf(f->scope, sizeof f->scope, "%s/%s/s3/aws4_request", f->day, signer->region);
    int whole = snprintf(f->credential, sizeof f->credential, "%s/%s", signer->access_key, f->scope);
    return (size_t)scope < sizeof f->scope && (size_t)whole < sizeof f->credential ? FERRY_OK : FERRY_E_LIMIT;
}

static ferry_err sign_request(const struct sigv4_signer *signer, const struct frame *f,
                              const struct sigv4_request *request, const char *query, const struct sorted *headers,
                              const char *names, char out[HEX_SIZE])
{
    ferry_autobuf text = FERRY_BUF_INIT(CANONICAL_MAX);
    uint8_t hash[HASH];
    char hex[HEX_SIZE];
    ferry_err err = canonical(request, query, headers, names, &text);
    if (err != FERRY_OK)
        return err;
    if (EVP_Digest(text.data, text.len, hash, NULL, EVP_sha256(), NULL) != 1)
        return FERRY_E_NOMEM;
    ferry_hex_encode(hash, sizeof hash, hex);
    ferry_buf_reset(&text);
    err = ferry_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", f->time, f->scope, hex);
    return err == FERRY_OK ? sign(signer, f->day, text.data, out) : err;
}

static ferry_err presign_query(const struct sigv4_signer *signer, const struct sigv4_request *request,
                               const struct frame *f, const char *life, const char *names, struct ferry_buf *out)
{
    struct sorted query = {.count = 0};
    ferry_err err = add_all(&query, request->query, request->query_count);
    const struct sigv4_pair own[] = {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"}, {"X-Amz-Credential", f->credential},
                                     {"X-Amz-Date", f->time},                 {"X-Amz-Expires", life},
                                     {"X-Amz-SignedHeaders", names},          {"X-Amz-Security-Token", signer->session_token}};
    size_t count = sizeof own / sizeof own[0] - (signer->session_token == NULL);
    if (err == FERRY_OK)
        err = add_all(&query, own, count);
    if (err != FERRY_OK)
        return err;
    qsort(query.pairs, query.count, sizeof query.pairs[0], by_name);
    return write_query(&query, out);
}

ferry_err sigv4_presign(const struct sigv4_signer *signer, const struct sigv4_request *request, uint64_t unix_s,
                        uint64_t life_s, struct ferry_buf *out)
{
    if (life_s == 0 || life_s > SIGV4_LIFE_MAX_S)
        return FERRY_E_ARG;
    ferry_autobuf names = FERRY_BUF_INIT(SIGV4_PAIR_TEXT_MAX), query = FERRY_BUF_INIT(SIGV4_PAIR_TEXT_MAX);
    struct sorted headers;
    struct frame f;
    char life[24], signature[HEX_SIZE];
    (void)snprintf(life, sizeof life, "%" PRIu64, life_s);
    ferry_err err = frame_make(signer, unix_s, &f);
    if (err == FERRY_OK)
        err = sort_headers(request, &headers, &names);
    if (err == FERRY_OK)
        err = presign_query(signer, request, &f, life, names.data, &query);
    if (err == FERRY_OK)
        err = sign_request(signer, &f, request, query.data, &headers, names.data, signature);
    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "%s?%s&X-Amz-Signature=%s", request->path, query.data, signature);
    return err;
}

ferry_err sigv4_authorize(const struct sigv4_signer *signer, const struct sigv4_request *request, uint64_t unix_s,
                          struct ferry_buf *out)
{
    ferry_autobuf names = FERRY_BUF_INIT(SIGV4_PAIR_TEXT_MAX), text = FERRY_BUF_INIT(SIGV4_PAIR_TEXT_MAX);
    struct sorted headers, query = {.count = 0};
    struct frame f;
    char signature[HEX_SIZE];
    ferry_err err = frame_make(signer, unix_s, &f);
    if (err == FERRY_OK)
        err = sort_headers(request, &headers, &names);
    if (err == FERRY_OK)
        err = add_all(&query, request->query, request->query_count);
    if (err == FERRY_OK)
        err = ferry_buf_append_str(&text, ""); /* also without parameters it is a text */
    if (err != FERRY_OK)
        return err;
    qsort(query.pairs, query.count, sizeof query.pairs[0], by_name);
    err = write_query(&query, &text);
    if (err == FERRY_OK)
        err = sign_request(signer, &f, request, text.data, &headers, names.data, signature);
    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s", f.credential,
                               names.data, signature);
    return err;
}
