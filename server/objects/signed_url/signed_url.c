#include "objects/signed_url.h"

#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { SIGNED_TEXT_MAX = 128, MAC_SIZE = 32, DIGITS_MAX = 20 /* of a uint64_t */ };

/* --- texts ----------------------------------------------------------------------------------------------------- */

/* Written piece by piece: snprintf was a third of what a URL costs. */
struct text {
    char *at;
    size_t room; /* with the zero at the end */
    bool cut;    /* something did not fit */
};

static void add_bytes(struct text *t, const char *bytes, size_t len)
{
    t->cut |= len >= t->room;
    if (t->cut)
        return;
    memcpy(t->at, bytes, len);
    t->at += len;
    t->room -= len;
    *t->at = '\0';
}

static void add(struct text *t, const char *piece)
{
    add_bytes(t, piece, strlen(piece));
}

static void add_number(struct text *t, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add_bytes(t, digits + at, sizeof digits - at);
}

/* The lines cannot run into each other: every part has a fixed alphabet without line feeds. They always fit. */
static size_t signed_text(const struct object_url *url, char out[SIGNED_TEXT_MAX])
{
    struct text text = {.at = out, .room = SIGNED_TEXT_MAX};
    add(&text, url->method == OBJECT_PUT ? "ferry1\nput\n" : "ferry1\nget\n");
    add(&text, url->task.text);
    add(&text, "\n");
    add_number(&text, url->expires_s);
    add(&text, "\n");
    add_number(&text, url->size);
    add(&text, "\n");
    add_bytes(&text, url->md5, strnlen(url->md5, FERRY_MD5_HEX));
    return (size_t)(text.at - out);
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static ferry_err add_key(struct signed_url_signer *signer, const uint8_t key[SIGNED_URL_KEY_SIZE], uint64_t until_s)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* the context keeps it */
    if (mac == NULL || EVP_MAC_init(mac, key, SIGNED_URL_KEY_SIZE, params) != 1) {
        EVP_MAC_CTX_free(mac);
        return FERRY_E_NOMEM;
    }
    signer->keys[signer->count++] = (struct signed_url_key){.mac = mac, .until_s = until_s};
    return FERRY_OK;
}

static bool compute(const struct signed_url_key *key, const char *text, size_t len, uint8_t out[MAC_SIZE])
{
    size_t out_len = 0;
    EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(key->mac);
    bool done = mac != NULL && EVP_MAC_update(mac, (const unsigned char *)text, len) == 1 &&
                EVP_MAC_final(mac, out, &out_len, MAC_SIZE) == 1 && out_len == MAC_SIZE;
    EVP_MAC_CTX_free(mac);
    return done;
}

static ferry_err make_signature(const struct signed_url_key *key, const struct object_url *url,
                                char out[SIGNED_URL_SIGNATURE_LEN + 1])
{
    char text[SIGNED_TEXT_MAX];
    uint8_t mac[MAC_SIZE];
    if (!compute(key, text, signed_text(url, text), mac))
        return FERRY_E_NOMEM;
    char padded[FERRY_BASE64_SIZE(sizeof mac)];
    ferry_base64_encode(mac, sizeof mac, padded);
    for (size_t i = 0; i < SIGNED_URL_SIGNATURE_LEN; i++)
        out[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i];
    out[SIGNED_URL_SIGNATURE_LEN] = '\0';
    return FERRY_OK;
}

/* --- the signer --------------------------------------------------------------------------------------------- */

static bool base_char_allowed(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr(".-_~:[]/%@!$()*+,;=", c) != NULL);
}

static bool base_valid(const char *text, size_t len)
{
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!base_char_allowed(text[i]))
            return false;
    return text[len - 1] != ':' && text[len - 1] != '/';
}

ferry_err signed_url_init(struct signed_url_signer *signer, const char *public_url,
                          const uint8_t key[SIGNED_URL_KEY_SIZE])
{
    if (public_url == NULL)
        return FERRY_E_ARG;
    size_t len = strlen(public_url);
    if (len > 0 && public_url[len - 1] == '/')
        len--;
    if (len == 0 || len > SIGNED_URL_BASE_MAX || !base_valid(public_url, len))
        return FERRY_E_ARG;
    memcpy(signer->base, public_url, len);
    signer->base[len] = '\0';
    signer->count = 0;
    return add_key(signer, key, 0);
}

void signed_url_done(struct signed_url_signer *signer)
{
    while (signer->count > 0)
        EVP_MAC_CTX_free(signer->keys[--signer->count].mac); /* wipes its key */
}

ferry_err signed_url_accept(struct signed_url_signer *signer, const struct signed_url_old_key *old_key)
{
    if (signer->count == 1 + SIGNED_URL_OLD_KEYS_MAX)
        return FERRY_E_LIMIT;
    return add_key(signer, old_key->key, old_key->until_s);
}

ferry_err signed_url_make(const struct signed_url_signer *signer, const struct object_url *url, char *out, size_t cap)
{
    char signature[SIGNED_URL_SIGNATURE_LEN + 1];
    ferry_err err = make_signature(&signer->keys[0], url, signature);
    if (err != FERRY_OK)
        return err;
    char whole[SIGNED_URL_MAX + 1];
    struct text text = {.at = whole, .room = sizeof whole};
    add(&text, signer->base);
    add(&text, "/o/");
    add(&text, url->task.text);
    add(&text, "?e=");
    add_number(&text, url->expires_s);
    add(&text, "&s=");
    add_bytes(&text, signature, SIGNED_URL_SIGNATURE_LEN);
    size_t len = (size_t)(text.at - whole);
    if (text.cut || len >= cap)
        return FERRY_E_LIMIT;
    memcpy(out, whole, len + 1);
    return FERRY_OK;
}

/* In constant time: only the length, which is no secret, shortens it. */
static ferry_err compare(const struct signed_url_key *key, const struct object_url *url, const char *signature, bool *ret_equal)
{
    char expected[SIGNED_URL_SIGNATURE_LEN + 1];
    ferry_err err = make_signature(key, url, expected);
    if (err == FERRY_OK)
        *ret_equal = ferry_equal_constant_time(expected, signature, SIGNED_URL_SIGNATURE_LEN);
    return err;
}

/* All keys are tried, also after one that fits: the time does not tell which one it was. */
ferry_err signed_url_check(const struct signed_url_signer *signer, const struct object_url *url, const char *signature,
                           size_t len)
{
    if (len != SIGNED_URL_SIGNATURE_LEN)
        return FERRY_E_DENIED;
    bool good = false;
    ferry_err err = FERRY_OK;
    for (size_t i = 0; err == FERRY_OK && i < signer->count; i++) {
        bool equal = false;
        err = compare(&signer->keys[i], url, signature, &equal);
        good |= equal & (i == 0 || url->expires_s <= signer->keys[i].until_s);
    }
    if (err != FERRY_OK)
        return err;
    return good ? FERRY_OK : FERRY_E_DENIED;
}
