#include "access/seal.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/system.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* version, key id, nonce, then the bytes with their tag */
enum {
    VERSION = 1,
    NONCE_AT = 1 + SEAL_ID_BYTES,
    BODY_AT = NONCE_AT + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    LINE_BYTES = 2 * SEAL_ID_BYTES + 1 + 2 * SEAL_KEY_BYTES + 1,
};
_Static_assert(BODY_AT + TAG_BYTES == SEAL_OVERHEAD, "what a seal adds");
_Static_assert(SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the size of a key");

/* --- the key file ----------------------------------------------------------------------------------------- */

static ferry_err parse_line(const char *line, struct seal_key *ret)
{
    const char *key = line + 2 * SEAL_ID_BYTES + 1;

    if (key[-1] != ' ' || key[2 * SEAL_KEY_BYTES] != '\n' ||
        ferry_hex_decode(line, 2 * sizeof(ret->id), ret->id, sizeof(ret->id)) != FERRY_OK)
        return FERRY_E_FORMAT;
    return ferry_hex_decode(key, 2 * sizeof(ret->bytes), ret->bytes, sizeof(ret->bytes));
}

static ferry_err parse(const struct ferry_buf *text, struct seal_keys *ret)
{
    struct seal_keys keys = {.count = text->len / LINE_BYTES};
    ferry_err err = FERRY_OK;

    if (keys.count < 1 || keys.count > SEAL_KEYS_MAX || text->len % LINE_BYTES != 0)
        return FERRY_E_FORMAT;
    for (size_t i = 0; err == FERRY_OK && i < keys.count; i++)
        err = parse_line(text->data + i * LINE_BYTES, &keys.keys[i]);
    if (err == FERRY_OK)
        *ret = keys;
    seal_keys_done(&keys);
    return err;
}

ferry_err seal_keys_read(const char *path, struct seal_keys *ret_keys)
{
    ferry_autobuf text = FERRY_BUF_INIT(SEAL_KEYS_MAX * LINE_BYTES + 1);
    struct stat info;
    ferry_err err;

    if (stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return FERRY_E_DENIED;
    err = ferry_file_read(path, &text);
    if (err == FERRY_OK)
        err = parse(&text, ret_keys);
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    return err == FERRY_E_LIMIT ? FERRY_E_FORMAT : err;
}

ferry_err seal_keys_write(const char *path, const struct seal_keys *keys)
{
    char text[SEAL_KEYS_MAX * LINE_BYTES + 1];
    ferry_err err;

    for (size_t i = 0; i < keys->count; i++) {
        char *line = text + i * LINE_BYTES;

        ferry_hex_encode(keys->keys[i].id, SEAL_ID_BYTES, line);
        line[2 * SEAL_ID_BYTES] = ' ';
        ferry_hex_encode(keys->keys[i].bytes, SEAL_KEY_BYTES, line + 2 * SEAL_ID_BYTES + 1);
        line[LINE_BYTES - 1] = '\n';
    }
    err = ferry_file_replace(path, text, keys->count * LINE_BYTES, 0600);
    explicit_bzero(text, sizeof(text));
    return err;
}

void seal_keys_push(struct seal_keys *keys)
{
    keys->keys[1] = keys->keys[0];
    do /* the id tells keys apart */
        ferry_random_bytes(keys->keys[0].id, SEAL_ID_BYTES);
    while (keys->count > 0 && memcmp(keys->keys[0].id, keys->keys[1].id, SEAL_ID_BYTES) == 0);
    ferry_random_bytes(keys->keys[0].bytes, SEAL_KEY_BYTES);
    if (keys->count < SEAL_KEYS_MAX)
        keys->count++;
}

void seal_keys_done(struct seal_keys *keys)
{
    explicit_bzero(keys, sizeof(*keys));
}

/* --- the box ---------------------------------------------------------------------------------------------- */

ferry_err seal_close(const struct seal_keys *keys, const char *context, const void *plain, size_t len,
                     struct sealed *ret_sealed)
{
    struct sealed sealed = {.len = (uint32_t)(SEAL_OVERHEAD + len)};
    const struct seal_key *key = &keys->keys[0];

    if (len > DEVICE_SECRET_MAX || keys->count == 0)
        return FERRY_E_ARG;
    sealed.bytes[0] = VERSION;
    memcpy(sealed.bytes + 1, key->id, SEAL_ID_BYTES);
    ferry_random_bytes(sealed.bytes + NONCE_AT, BODY_AT - NONCE_AT);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.bytes + BODY_AT, NULL, plain, len,
                                                     (const unsigned char *)context, strlen(context), NULL,
                                                     sealed.bytes + NONCE_AT, key->bytes);
    *ret_sealed = sealed;
    return FERRY_OK;
}

static const struct seal_key *key_of(const struct seal_keys *keys, const struct sealed *sealed)
{
    for (size_t i = 0; i < keys->count; i++)
        if (memcmp(keys->keys[i].id, sealed->bytes + 1, SEAL_ID_BYTES) == 0)
            return &keys->keys[i];
    return NULL;
}

ferry_err seal_open(const struct seal_keys *keys, const char *context, const struct sealed *sealed,
                    uint8_t plain[DEVICE_SECRET_MAX], size_t *ret_len)
{
    unsigned long long len = 0;
    const struct seal_key *key;

    if (sealed->len < SEAL_OVERHEAD || sealed->len > SEALED_MAX || sealed->bytes[0] != VERSION)
        return FERRY_E_CORRUPT;
    key = key_of(keys, sealed);
    if (key == NULL)
        return FERRY_E_NOT_FOUND;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &len, NULL, sealed->bytes + BODY_AT, sealed->len - BODY_AT,
                                                   (const unsigned char *)context, strlen(context),
                                                   sealed->bytes + NONCE_AT, key->bytes) != 0)
        return FERRY_E_CORRUPT;
    *ret_len = (size_t)len;
    return FERRY_OK;
}

bool seal_is_current(const struct seal_keys *keys, const struct sealed *sealed)
{
    return sealed->len >= SEAL_OVERHEAD && sealed->bytes[0] == VERSION && key_of(keys, sealed) == &keys->keys[0];
}

const char *seal_context_device(const struct device_key *key, char out[SEAL_CONTEXT_SIZE])
{
    (void)snprintf(out, SEAL_CONTEXT_SIZE, "device %s/%s", key->product, key->device);
    return out;
}

const char *seal_context_product(const char *product, char out[SEAL_CONTEXT_SIZE])
{
    (void)snprintf(out, SEAL_CONTEXT_SIZE, "product %s", product);
    return out;
}

const char *seal_context_webhook(const ferry_id *id, char out[SEAL_CONTEXT_SIZE])
{
    (void)snprintf(out, SEAL_CONTEXT_SIZE, "webhook %s", id->text);
    return out;
}
