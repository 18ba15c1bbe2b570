/* A device registers itself with its product's secret: the vendor's dynamic registration.
 *
 * The request is signed with the product's secret, the answer is the device's own secret encrypted with it; neither
 * shows the product's secret. The form is the vendor's (docs/protocol.md), AES-128-CBC with a fixed vector included. */
#include "object_internal.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"
#include "proto/text.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BODY_MAX = 1024,
    SIGNED_MAX = 1024,
    SECRET_BYTES = 32,
    SECRET_TEXT = FERRY_BASE64_SIZE(DEVICE_SECRET_MAX),
    AES_BLOCK = 16,
    PLAIN_MAX = 128, /* {"encryptionType":2,"psk":"..."} */
};

struct object_registration {
    struct object_plane *plane;
    struct MHD_Connection *connection;
    char host[OBJECT_HEADER_SIZE], algorithm[OBJECT_HEADER_SIZE], timestamp[OBJECT_HEADER_SIZE], nonce[OBJECT_HEADER_SIZE],
        signature[OBJECT_HEADER_SIZE];
    char body[BODY_MAX + 1];
    size_t len;
    char product_secret[SECRET_TEXT]; /* as devices have it: base64 */
    uint8_t secret[SECRET_BYTES];     /* the device's new one */
    struct command command;
    ferry_err result;
};

/* --- the head and the body --------------------------------------------------------------------------------- */

static bool take_headers(struct object_registration *g, struct MHD_Connection *connection)
{
    const struct {
        const char *name;
        char *out;
    } headers[] = {{MHD_HTTP_HEADER_HOST, g->host},
                   {"X-TC-Algorithm", g->algorithm},
                   {"X-TC-Timestamp", g->timestamp},
                   {"X-TC-Nonce", g->nonce},
                   {"X-TC-Signature", g->signature}};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (object_request_header(connection, headers[i].name, headers[i].out) == NULL || headers[i].out[0] == '\0')
            return false;
    return true;
}

void object_register_begin(struct object_request *r, struct MHD_Connection *connection)
{
    struct object_registration *g = ferry_calloc(1, sizeof *g);
    if (g == NULL) {
        r->refusal = REFUSED_UNAVAILABLE;
        return;
    }
    g->plane = r->plane;
    if (!r->has_body || !take_headers(g, connection)) {
        free(g);
        r->refusal = REFUSED_REGISTER;
        return;
    }
    r->registration = g;
    r->step = STEP_TAKE;
}

void object_register_bytes(struct object_request *r, const char *bytes, size_t len)
{
    struct object_registration *g = r->registration;
    if (len > BODY_MAX - g->len) {
        r->refusal = REFUSED_TOO_LARGE;
        r->step = STEP_DISCARD;
        return;
    }
    memcpy(g->body + g->len, bytes, len);
    g->len += len;
}

/* --- the signature ----------------------------------------------------------------------------------------- */

static const EVP_MD *digest_of(const char *algorithm)
{
    if (strcasecmp(algorithm, "hmacsha256") == 0)
        return EVP_sha256();
    return strcasecmp(algorithm, "hmacsha1") == 0 ? EVP_sha1() : NULL;
}

static bool signature_ok(const struct object_registration *g)
{
    const EVP_MD *digest = digest_of(g->algorithm);
    uint8_t hash[SHA256_DIGEST_LENGTH], right[EVP_MAX_MD_SIZE], given[EVP_MAX_MD_SIZE];
    char hex[2 * SHA256_DIGEST_LENGTH + 1], text[SIGNED_MAX];
    unsigned len = 0;
    size_t given_len = 0;
    (void)SHA256((const unsigned char *)g->body, g->len, hash);
    ferry_hex_encode(hash, sizeof hash, hex);
    int text_len = snprintf(text, sizeof text, "POST\n%s\n" OBJECT_REGISTER_PATH "\n\n%s\n%s\n%s\n%s", g->host,
                            g->algorithm, g->timestamp, g->nonce, hex);
    return digest != NULL && text_len > 0 && (size_t)text_len < sizeof text &&
           HMAC(digest, g->product_secret, (int)strlen(g->product_secret), (const unsigned char *)text,
                (size_t)text_len, right, &len) != NULL &&
           ferry_base64_decode(g->signature, strlen(g->signature), given, sizeof given, &given_len) == FERRY_OK &&
           given_len == len && ferry_equal_constant_time(given, right, len);
}

static bool read_names(struct object_registration *g)
{
    struct device_key *key = &g->command.device.key;
    json_t *body = json_loadb(g->body, g->len, JSON_REJECT_DUPLICATES, NULL);
    const char *product = json_string_value(json_object_get(body, "ProductId"));
    const char *device = json_string_value(json_object_get(body, "DeviceName"));
    bool good = product != NULL && device != NULL && device_key_make(product, device, key);
    json_decref(body);
    return good;
}

/* The product's secret as a text. */
static ferry_err read_product(struct object_registration *g)
{
    char context[SEAL_CONTEXT_SIZE];
    uint8_t plain[DEVICE_SECRET_MAX];
    struct product product;
    struct store_conn *conn = NULL;
    size_t len = 0;
    ferry_err err = api_readers_borrow(g->plane->readers, &conn);
    if (err != FERRY_OK)
        return err;
    err = g->plane->cfg.store->ops->product_get(conn, g->command.device.key.product, &product);
    api_readers_give_back(g->plane->readers, conn, err == FERRY_OK || err == FERRY_E_NOT_FOUND);
    if (err == FERRY_OK && product.secret.len == 0)
        err = FERRY_E_NOT_FOUND;
    if (err != FERRY_OK)
        return err == FERRY_E_NOT_FOUND ? FERRY_E_DENIED : err;
    err = seal_open(g->plane->cfg.seal_keys, seal_context_product(product.name, context), &product.secret, plain, &len);
    if (err == FERRY_OK)
        ferry_base64_encode(plain, len, g->product_secret);
    explicit_bzero(plain, sizeof plain);
    return err == FERRY_E_NOT_FOUND ? FERRY_E_CORRUPT : err;
}

static ferry_err prepare(struct object_registration *g)
{
    struct device *device = &g->command.device;
    char context[SEAL_CONTEXT_SIZE];
    ferry_err err = read_names(g) ? read_product(g) : FERRY_E_DENIED;
    if (err == FERRY_OK && !signature_ok(g))
        err = FERRY_E_DENIED;
    if (err != FERRY_OK)
        return err;
    ferry_random_bytes(g->secret, sizeof g->secret);
    return seal_close(g->plane->cfg.seal_keys, seal_context_device(&device->key, context), g->secret, sizeof g->secret,
                      &device->secret);
}

/* --- the engine --------------------------------------------------------------------------------------------- */

static void done(struct command *command, void *arg)
{
    struct object_registration *g = arg;
    g->result = command->result;
    object_plane_resume(g->plane, g->connection);
}

static void refuse(struct object_request *r, ferry_err err)
{
    const struct device_key *key = &r->registration->command.device.key;
    r->step = STEP_ANSWER;
    r->refusal = err == FERRY_E_DENIED || err == FERRY_E_EXISTS ? REFUSED_REGISTER
                 : err == FERRY_E_BUSY                          ? REFUSED_BUSY
                                                                : REFUSED_UNAVAILABLE;
    ferry_log(FERRY_LOG_WARN, OBJECT_LOG, "%s/%s may not register itself: %s", key->product, key->device,
              ferry_err_text(err));
}

bool object_register_end(struct object_request *r, struct MHD_Connection *connection)
{
    struct object_registration *g = r->registration;
    ferry_err err = prepare(g);
    if (err != FERRY_OK) {
        refuse(r, err);
        return true;
    }
    object_connection_phase(r->connection, PACE_OURS);
    g->connection = connection;
    r->step = STEP_WAIT;
    if (!object_plane_suspend(r->plane, connection))
        return false;
    g->command.kind = CMD_DEVICE_REGISTER;
    const struct device_key *key = &g->command.device.key;
    (void)snprintf(g->command.origin.actor, sizeof g->command.origin.actor, "device/%s/%s", key->product, key->device);
    g->command.done = done;
    g->command.arg = g;
    err = engine_submit(r->plane->cfg.engine, &g->command);
    if (err != FERRY_OK) {
        g->result = err;
        object_plane_resume(r->plane, connection);
    }
    return true;
}

/* --- the answer --------------------------------------------------------------------------------------------- */

/* Filled up with zeros, as the vendor's devices expect. Gives the length, 0 on failure. */
static size_t encrypt(const char *product_secret, const char *plain, size_t len, uint8_t out[PLAIN_MAX])
{
    static const unsigned char vector[AES_BLOCK] = {'0', '0', '0', '0', '0', '0', '0', '0',
                                                    '0', '0', '0', '0', '0', '0', '0', '0'};
    uint8_t padded[PLAIN_MAX] = {0};
    size_t size = (len + AES_BLOCK - 1) / AES_BLOCK * AES_BLOCK;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int written = 0;
    memcpy(padded, plain, len);
    bool good = ctx != NULL && strlen(product_secret) >= AES_BLOCK &&
                EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, (const unsigned char *)product_secret, vector) == 1 &&
                EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
                EVP_EncryptUpdate(ctx, out, &written, padded, (int)size) == 1;
    EVP_CIPHER_CTX_free(ctx);
    explicit_bzero(padded, sizeof padded);
    return good && (size_t)written == size ? size : 0;
}

static bool answer_secret(struct object_request *r)
{
    const struct object_registration *g = r->registration;
    char secret[FERRY_BASE64_SIZE(SECRET_BYTES)], plain[PLAIN_MAX], payload[FERRY_BASE64_SIZE(PLAIN_MAX)], text[512];
    uint8_t cipher[PLAIN_MAX];
    ferry_base64_encode(g->secret, sizeof g->secret, secret);
    size_t len = (size_t)snprintf(plain, sizeof plain, "{\"encryptionType\":2,\"psk\":\"%s\"}", secret);
    size_t size = encrypt(g->product_secret, plain, len, cipher);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(plain, sizeof plain);
    if (size == 0)
        return false;
    ferry_base64_encode(cipher, size, payload);
    int text_len = snprintf(text, sizeof text, "{\"Response\":{\"Len\":%zu,\"Payload\":\"%s\",\"RequestId\":\"\"}}", len,
                            payload);
    r->response = MHD_create_response_from_buffer((size_t)text_len, text, MHD_RESPMEM_MUST_COPY);
    r->response_is_shared = false;
    r->status = MHD_HTTP_OK;
    return r->response != NULL && object_answer_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
}

void object_register_decide(struct object_request *r)
{
    struct object_registration *g = r->registration;
    const struct device_key *key = &g->command.device.key;
    if (g->result != FERRY_OK) {
        refuse(r, g->result);
        return;
    }
    r->step = STEP_ANSWER;
    if (!answer_secret(r))
        r->refusal = REFUSED_UNAVAILABLE;
    else
        ferry_log(FERRY_LOG_INFO, OBJECT_LOG, "%s/%s has registered itself", key->product, key->device);
}

void object_register_drop(struct object_request *r)
{
    if (r->registration == NULL)
        return;
    explicit_bzero(r->registration, sizeof *r->registration);
    free(r->registration);
    r->registration = NULL;
}
