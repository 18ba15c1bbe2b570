#include "cos_sign.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH = 20, HEX_SIZE = 2 * HASH + 1, NAME_SIZE = 128, TIME_SIZE = 48 };

/* A pair as it is signed: names encoded and in lower case, values encoded. */
struct entry {
    char name[NAME_SIZE];
    const char *value;
};

struct entries {
    struct entry list[SIGV4_PAIRS_MAX];
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static ferry_err add(struct entries *e, const char *name, const char *value)
{
    ferry_autobuf text = FERRY_BUF_INIT(NAME_SIZE - 1);
    if (e->count == SIGV4_PAIRS_MAX)
        return FERRY_E_LIMIT;
    ferry_err err = sigv4_encode(&text, name, false);
    if (err != FERRY_OK)
        return err;
    struct entry *entry = &e->list[e->count++];
    for (size_t i = 0; i <= text.len; i++)
        entry->name[i] = (char)tolower((unsigned char)text.data[i]);
    entry->value = value;
    return FERRY_OK;
}

static ferry_err add_all(struct entries *e, const struct sigv4_pair *pairs, size_t count)
{
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = add(e, pairs[i].name, pairs[i].value);
    qsort(e->list, e->count, sizeof e->list[0], by_name);
    return err;
}

static ferry_err write_pairs(const struct entries *e, struct ferry_buf *out)
{
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < e->count; i++) {
        err = ferry_buf_printf(out, "%s%s=", i > 0 ? "&" : "", e->list[i].name);
        if (err == FERRY_OK)
            err = sigv4_encode(out, e->list[i].value, false);
    }
    return err;
}

static ferry_err write_names(const struct entries *e, struct ferry_buf *out)
{
    ferry_err err = ferry_buf_append_str(out, "");
    for (size_t i = 0; err == FERRY_OK && i < e->count; i++)
        err = ferry_buf_printf(out, "%s%s", i > 0 ? ";" : "", e->list[i].name);
    return err;
}

static ferry_err mac(const char *key, const char *text, char out[HEX_SIZE])
{
    uint8_t bytes[HASH];
    unsigned int len = sizeof bytes;
    if (HMAC(EVP_sha1(), key, (int)strlen(key), (const unsigned char *)text, strlen(text), bytes, &len) == NULL)
        return FERRY_E_NOMEM;
    ferry_hex_encode(bytes, sizeof bytes, out);
    return FERRY_OK;
}

static ferry_err http_string(const struct sigv4_request *request, const char *raw_path, const struct entries *query,
                             const struct entries *headers, struct ferry_buf *out)
{
    ferry_err err = FERRY_OK;
    for (const char *c = request->method; err == FERRY_OK && *c != '\0'; c++)
        err = ferry_buf_printf(out, "%c", tolower((unsigned char)*c));
    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "\n%s\n", raw_path);
    if (err == FERRY_OK)
        err = write_pairs(query, out);
    if (err == FERRY_OK)
        err = ferry_buf_append_str(out, "\n");
    if (err == FERRY_OK)
        err = write_pairs(headers, out);
    return err == FERRY_OK ? ferry_buf_append_str(out, "\n") : err;
}

static ferry_err sign(const struct sigv4_signer *signer, const char *times, const char *text, size_t len,
                      char out[HEX_SIZE])
{
    char key[HEX_SIZE], hex[HEX_SIZE], last[TIME_SIZE + HEX_SIZE + 8];
    uint8_t hash[HASH];
    if (EVP_Digest(text, len, hash, NULL, EVP_sha1(), NULL) != 1)
        return FERRY_E_NOMEM;
    ferry_hex_encode(hash, sizeof hash, hex);
    (void)snprintf(last, sizeof last, "sha1\n%s\n%s\n", times, hex);
    ferry_err err = mac(signer->secret_key, times, key);
    if (err == FERRY_OK)
        err = mac(key, last, out);
    explicit_bzero(key, sizeof key);
    return err;
}

/* What is signed of the query stands before it; the names of both lists and the rest follow. */
static ferry_err write_url(const struct sigv4_signer *signer, const struct sigv4_request *request, const char *times,
                           const struct entries *query, const struct entries *headers, const char *signature,
                           struct ferry_buf *out)
{
    ferry_autobuf header_list = FERRY_BUF_INIT(SIGV4_PAIR_TEXT_MAX), query_list = FERRY_BUF_INIT(SIGV4_PAIR_TEXT_MAX);
    ferry_err err = write_names(headers, &header_list);
    if (err == FERRY_OK)
        err = write_names(query, &query_list);
    const struct sigv4_pair own[] = {
        {"q-sign-algorithm", "sha1"},      {"q-ak", signer->access_key},         {"q-sign-time", times},
        {"q-key-time", times},             {"q-header-list", header_list.data},     {"q-url-param-list", query_list.data},
        {"q-signature", signature},        {"x-cos-security-token", signer->session_token},
    };
    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "%s?", request->path);
    for (size_t i = 0; err == FERRY_OK && i < request->query_count; i++) {
        err = sigv4_encode(out, request->query[i].name, false);
        if (err == FERRY_OK)
            err = ferry_buf_append_str(out, "=");
        if (err == FERRY_OK)
            err = sigv4_encode(out, request->query[i].value, false);
        if (err == FERRY_OK)
            err = ferry_buf_append_str(out, "&");
    }
    for (size_t i = 0; err == FERRY_OK && i < sizeof own / sizeof own[0] && own[i].value != NULL; i++) {
        err = ferry_buf_printf(out, "%s%s=", i > 0 ? "&" : "", own[i].name);
        if (err == FERRY_OK)
            err = sigv4_encode(out, own[i].value, false);
    }
    return err;
}

ferry_err cos_presign(const struct sigv4_signer *signer, const struct sigv4_request *request, const char *raw_path,
                      uint64_t unix_s, uint64_t life_s, struct ferry_buf *out)
{
    if (life_s == 0)
        return FERRY_E_ARG;
    ferry_autobuf text = FERRY_BUF_INIT(4 * SIGV4_PAIR_TEXT_MAX);
    struct entries query = {.count = 0}, headers = {.count = 0};
    char times[TIME_SIZE], signature[HEX_SIZE];
    (void)snprintf(times, sizeof times, "%" PRIu64 ";%" PRIu64, unix_s, unix_s + life_s);
    ferry_err err = add_all(&query, request->query, request->query_count);
    if (err == FERRY_OK)
        err = add(&headers, "host", request->host);
    if (err == FERRY_OK)
        err = add_all(&headers, request->headers, request->headers_count);
    if (err == FERRY_OK)
        err = http_string(request, raw_path, &query, &headers, &text);
    if (err == FERRY_OK)
        err = sign(signer, times, text.data, text.len, signature);
    return err == FERRY_OK ? write_url(signer, request, times, &query, &headers, signature, out) : err;
}
