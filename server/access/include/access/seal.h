/**
 * @file seal.h
 * @brief The box for secrets at rest: what the database holds of a secret is of no use without the key file.
 *
 * XChaCha20-Poly1305 (libsodium) with a nonce of chance. A sealed secret names its key, and is bound to what it belongs
 * to (the context): in another row it does not open. The key file holds the key that seals now, one line
 * "{id} {key}" in hexadecimal, and while keys are being changed the one before it below.
 */
#ifndef ACCESS_SEAL_H
#define ACCESS_SEAL_H

#include "api/model.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { SEAL_KEY_BYTES = 32, SEAL_KEYS_MAX = 2, SEAL_ID_BYTES = 4, SEAL_CONTEXT_SIZE = 160 };

struct seal_key {
    uint8_t id[SEAL_ID_BYTES];
    uint8_t bytes[SEAL_KEY_BYTES];
};

/** @brief keys[0] seals; each opens what it sealed. Plain memory: wipe it with seal_keys_done(). */
struct seal_keys {
    size_t count;
    struct seal_key keys[SEAL_KEYS_MAX];
};

/**
 * @brief Reads the key file.
 * @retval FERRY_E_NOT_FOUND there is none | FERRY_E_DENIED not readable, or group or others may read it |
 *         FERRY_E_FORMAT not a key file | from errno
 */
FERRY_MUST_CHECK ferry_err seal_keys_read(const char *path, struct seal_keys *ret_keys);
/** @brief Writes it durably with mode 0600. Errors: from errno. */
FERRY_MUST_CHECK ferry_err seal_keys_write(const char *path, const struct seal_keys *keys);
/** @brief Puts a key of chance in front; the first one becomes the second, an older one is dropped. */
void seal_keys_push(struct seal_keys *keys);
/** @brief Wipes. Accepts what was never filled. */
void seal_keys_done(struct seal_keys *keys);

/**
 * @brief Seals len bytes (at most DEVICE_SECRET_MAX) with the first key.
 * @retval FERRY_E_ARG too many bytes, or no key
 */
FERRY_MUST_CHECK ferry_err seal_close(const struct seal_keys *keys, const char *context, const void *plain, size_t len,
                                      struct sealed *ret_sealed);
/**
 * @brief Opens. plain holds DEVICE_SECRET_MAX bytes; wipe it after use.
 * @retval FERRY_E_NOT_FOUND sealed with a key that is not here | FERRY_E_CORRUPT altered, not sealed, or of another context
 */
FERRY_MUST_CHECK ferry_err seal_open(const struct seal_keys *keys, const char *context, const struct sealed *sealed,
                                     uint8_t plain[DEVICE_SECRET_MAX], size_t *ret_len);
/** @brief Was it sealed with the key that seals now? */
bool seal_is_current(const struct seal_keys *keys, const struct sealed *sealed);

/** @brief The context of a device's secrets. */
const char *seal_context_device(const struct device_key *key, char out[SEAL_CONTEXT_SIZE]);
/** @brief The context of a product's secret. */
const char *seal_context_product(const char *product, char out[SEAL_CONTEXT_SIZE]);
/** @brief The context of a webhook's secret. */
const char *seal_context_webhook(const ferry_id *id, char out[SEAL_CONTEXT_SIZE]);

#endif
