#include "objects/signed_url.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SIGNED_TEXT_MAX = 128 };

/* The lines cannot run into each other: every part has a fixed alphabet without line feeds. */
static size_t signed_text(const struct object_url *url, char out[SIGNED_TEXT_MAX])
{
    int len = snprintf(out, SIGNED_TEXT_MAX, "ferry1\n%s\n%s\n%" PRIu64 "\n%" PRIu64 "\n%.32s",
                       url->method == OBJECT_PUT ? "put" : "get", url->task.text, url->expires_s, url->size, url->md5);
    return (size_t)len;
}

static ferry_err make_signature(const uint8_t key[SIGNED_URL_KEY_SIZE], const struct object_url *url,
                                char out[SIGNED_URL_SIGNATURE_LEN + 1])
{
    char text[SIGNED_TEXT_MAX];
    size_t text_len = signed_text(url, text);
    uint8_t mac[32];
    unsigned int mac_len = sizeof mac;
    if (HMAC(EVP_sha256(), key, SIGNED_URL_KEY_SIZE, (const unsigned char *)text, text_len, mac, &mac_len) == NULL)
        return FERRY_E_NOMEM;
    char padded[FERRY_BASE64_SIZE(sizeof mac)];
    ferry_base64_encode(mac, sizeof mac, padded);
    for (size_t i = 0; i < SIGNED_URL_SIGNATURE_LEN; i++)
        out[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i];
    out[SIGNED_URL_SIGNATURE_LEN] = '\0';
    return FERRY_OK;
}

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
    memcpy(signer->key, key, sizeof signer->key);
    signer->old_count = 0;
    return FERRY_OK;
}

ferry_err signed_url_accept(struct signed_url_signer *signer, const struct signed_url_old_key *old_key)
{
    if (signer->old_count == SIGNED_URL_OLD_KEYS_MAX)
        return FERRY_E_LIMIT;
    signer->old_keys[signer->old_count++] = *old_key;
    return FERRY_OK;
}

ferry_err signed_url_make(const struct signed_url_signer *signer, const struct object_url *url, char *out, size_t cap)
{
    char signature[SIGNED_URL_SIGNATURE_LEN + 1];
    ferry_err err = make_signature(signer->key, url, signature);
    if (err != FERRY_OK)
        return err;
    char text[SIGNED_URL_MAX + 1];
    int len = snprintf(text, sizeof text, "%s/o/%s?e=%" PRIu64 "&s=%s", signer->base, url->task.text, url->expires_s,
                       signature);
    if ((size_t)len >= sizeof text || (size_t)len >= cap)
        return FERRY_E_LIMIT;
    memcpy(out, text, (size_t)len + 1);
    return FERRY_OK;
}

/* In constant time: only the length, which is no secret, shortens it. */
static ferry_err compare(const uint8_t key[SIGNED_URL_KEY_SIZE], const struct object_url *url, const char *signature,
                         bool *ret_equal)
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
    ferry_err err = compare(signer->key, url, signature, &good);
    for (size_t i = 0; err == FERRY_OK && i < signer->old_count; i++) {
        bool equal = false;
        err = compare(signer->old_keys[i].key, url, signature, &equal);
        good |= equal & (url->expires_s <= signer->old_keys[i].until_s);
    }
    if (err != FERRY_OK)
        return err;
    return good ? FERRY_OK : FERRY_E_DENIED;
}
