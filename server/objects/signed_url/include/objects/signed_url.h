/**
 * @file signed_url.h
 * @brief Object URLs that Ferry answers itself: {public_url}/o/{task}?e={expiry}&s={signature}.
 *
 * The signature is HMAC-SHA256 over method class, task, expiry, size and MD5, in base64url without
 * padding. There is exactly one text for a signature, so no single character of a URL can be changed.
 * One key signs. Keys of before vouch for what they signed until the last of it has expired, for nothing that
 * lives longer: whoever got hold of an old key cannot make a URL that outlives it.
 * Once prepared, a signer does not change: any thread.
 */
#ifndef OBJECTS_SIGNED_URL_H
#define OBJECTS_SIGNED_URL_H

#include "api/objects.h"

enum {
    SIGNED_URL_MAX = 256,          /**< characters of a whole URL: vendor devices keep it in a small buffer */
    SIGNED_URL_BASE_MAX = 157,     /**< characters of the public URL, so that the whole fits */
    SIGNED_URL_SIGNATURE_LEN = 43, /**< characters: 32 bytes in base64url without padding */
    SIGNED_URL_KEY_SIZE = 32,
    SIGNED_URL_OLD_KEYS_MAX = 3,
};

/** @brief A key that signs no more. */
struct signed_url_old_key {
    uint8_t key[SIGNED_URL_KEY_SIZE];
    uint64_t until_s; /**< Unix seconds: what it signed is good if it expires no later than this */
};

struct evp_mac_ctx_st; /* of OpenSSL */

/** @brief A key that is set up: to do that costs more than to sign. Each signature begins with a copy of it. */
struct signed_url_key {
    struct evp_mac_ctx_st *mac;
    uint64_t until_s; /**< of an old key */
};

/** @brief Where objects are reached and the keys that vouch for it. */
struct signed_url_signer {
    char base[SIGNED_URL_BASE_MAX + 1]; /**< without a slash at the end */
    struct signed_url_key keys[1 + SIGNED_URL_OLD_KEYS_MAX]; /**< the first one signs */
    size_t count;
};

/**
 * @brief Prepares a signer.
 * @param[in] public_url  "http://host[:port]" or https; no query, nothing that JSON escapes
 * @retval FERRY_OK | FERRY_E_ARG not such a URL, or longer than SIGNED_URL_BASE_MAX | FERRY_E_NOMEM
 * Ownership: signed_url_done() wipes and frees the keys. After a failure there is nothing to free.
 */
FERRY_MUST_CHECK
ferry_err signed_url_init(struct signed_url_signer *signer, const char *public_url,
                          const uint8_t key[SIGNED_URL_KEY_SIZE]);

/** @brief Wipes and frees the keys. A signer of zeroes, or one that is done, is fine. */
void signed_url_done(struct signed_url_signer *signer);

/** @brief Also accepts what a key of before signed. @retval FERRY_OK | FERRY_E_LIMIT there are OLD_KEYS_MAX already | FERRY_E_NOMEM */
FERRY_MUST_CHECK
ferry_err signed_url_accept(struct signed_url_signer *signer, const struct signed_url_old_key *old_key);

/** @brief Writes the URL with its NUL. @retval FERRY_E_LIMIT it does not fit in cap | FERRY_E_NOMEM */
FERRY_MUST_CHECK
ferry_err signed_url_make(const struct signed_url_signer *signer, const struct object_url *url, char *out, size_t cap);

/** @brief Judges a signature in constant time, whichever key made it. @retval FERRY_E_DENIED | FERRY_E_NOMEM */
FERRY_MUST_CHECK
ferry_err signed_url_check(const struct signed_url_signer *signer, const struct object_url *url, const char *signature,
                           size_t len);

#endif
