#include "secrets.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/system.h"
#include "core/audit.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define INSTALLATION "installation"
#define TOKEN_MADE "admin_token_made"
#define TOKEN_PREFIX "ferry_"
/* Its '@' keeps it apart from every device's client id (access/identity.h). */
#define CLIENT_ID_PREFIX "ferryd@"

enum { INSTALLATION_BYTES = 6, TOKEN_BYTES = 32, TOKEN_SIZE = 64, TOKEN_FILE_MAX = 256 };

/* The value, made of chance when it is not there yet. */
static ferry_err value_or_chance(const struct store_ops *ops, struct store_conn *conn, const char *key, uint8_t *out,
                                 size_t len)
{
    size_t found = 0;
    ferry_err err = ops->value_get(conn, key, out, len, &found);

    if (err == FERRY_E_NOT_FOUND) {
        ferry_random_bytes(out, len);
        return ops->value_put(conn, key, out, len);
    }
    return err == FERRY_OK && found != len ? FERRY_E_CORRUPT : err;
}

/* --- the operator's first token --------------------------------------------------------------------------- */

/* base64 without what URLs cannot bear (RFC 4648, 5), unpadded. */
static void write_token(char out[TOKEN_SIZE])
{
    uint8_t bytes[TOKEN_BYTES];
    char encoded[FERRY_BASE64_SIZE(TOKEN_BYTES)];

    ferry_random_bytes(bytes, sizeof(bytes));
    ferry_base64_encode(bytes, sizeof(bytes), encoded);
    for (char *c = encoded; *c != '\0'; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c;
    (void)snprintf(out, TOKEN_SIZE, TOKEN_PREFIX "%s", encoded);
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(encoded, sizeof(encoded));
}

static ferry_err record_token(const struct store_ops *ops, struct store_conn *conn, uint64_t now_ms)
{
    struct audit_record r = {.time_ms = now_ms,
                             .actor = "system",
                             .action = "token.add",
                             .object = "token/admin",
                             .after = "{\"role\":\"admin\",\"products\":null,\"expires_ms\":0}"};

    return audit_append(ops, conn, &r);
}

/* The file first: a token that is in the store and in no file would be lost. */
static ferry_err make_token(const struct store_ops *ops, struct store_conn *conn, const char *path, uint64_t now_ms)
{
    struct token token = {.name = "admin", .role = "admin", .created_ms = now_ms};
    char text[TOKEN_SIZE], line[TOKEN_SIZE + 1];
    ferry_err err;
    int len;

    write_token(text);
    (void)SHA256((const unsigned char *)text, strlen(text), token.hash);
    len = snprintf(line, sizeof(line), "%s\n", text);
    err = ferry_file_replace(path, line, (size_t)len, 0600);
    explicit_bzero(text, sizeof(text));
    explicit_bzero(line, sizeof(line));
    if (err == FERRY_OK)
        err = ops->token_put(conn, &token);
    if (err == FERRY_OK)
        err = record_token(ops, conn, now_ms);
    if (err == FERRY_OK)
        err = ops->value_put(conn, TOKEN_MADE, "1", 1);
    if (err == FERRY_OK)
        ferry_log(FERRY_LOG_INFO, "data", "the operator's token is in %s", path);
    else
        ferry_log(FERRY_LOG_ERROR, "data", "cannot make the operator's token %s: %s", path, ferry_err_text(err));
    return err;
}

/* A lost file is no reason not to start: other tokens may exist. */
static void check_token(const struct store_ops *ops, struct store_conn *conn, const char *path)
{
    ferry_autobuf text = FERRY_BUF_INIT(TOKEN_FILE_MAX);
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct token token;

    if (ferry_file_read(path, &text) == FERRY_OK) {
        (void)SHA256((const unsigned char *)text.data, strcspn(text.data, "\r\n"), hash);
        explicit_bzero(text.data, text.len);
        if (ops->token_find(conn, hash, &token) == FERRY_OK)
            return;
    }
    ferry_log(FERRY_LOG_WARN, "data",
              "%s is missing or no token of this platform; `ferryd --new-admin-token` with the same settings makes one",
              path);
}

static ferry_err ensure_token(const struct store_ops *ops, struct store_conn *conn, const char *path, bool new_token,
                              uint64_t now_ms)
{
    uint8_t made;
    size_t len;
    ferry_err err = ops->value_get(conn, TOKEN_MADE, &made, sizeof(made), &len);

    if (err == FERRY_E_NOT_FOUND || (err == FERRY_OK && new_token))
        return make_token(ops, conn, path, now_ms);
    if (err == FERRY_OK)
        check_token(ops, conn, path);
    return err;
}

ferry_err secrets_open(struct store *store, struct store_conn *conn, const char *token_path, bool new_token,
                       uint64_t now_ms, struct secrets *ret_secrets)
{
    const struct store_ops *ops = store->ops;
    uint8_t installation[INSTALLATION_BYTES];
    struct secrets secrets;
    ferry_err err = store_begin_alone(ops, conn);

    if (err != FERRY_OK)
        return err;
    err = value_or_chance(ops, conn, INSTALLATION, installation, sizeof(installation));
    if (err == FERRY_OK)
        err = ensure_token(ops, conn, token_path, new_token, now_ms);
    if (err != FERRY_OK) {
        ops->rollback(conn);
        return err;
    }
    err = ops->commit(conn);
    if (err != FERRY_OK)
        return err;
    memcpy(secrets.client_id, CLIENT_ID_PREFIX, sizeof(CLIENT_ID_PREFIX));
    ferry_hex_encode(installation, sizeof(installation), secrets.client_id + sizeof(CLIENT_ID_PREFIX) - 1);
    *ret_secrets = secrets;
    explicit_bzero(&secrets, sizeof(secrets));
    return FERRY_OK;
}

ferry_err secrets_new_password(const char *hash_path, char ret_password[SECRETS_PASSWORD_SIZE])
{
    uint8_t bytes[32], hash[SHA256_DIGEST_LENGTH];
    char password[SECRETS_PASSWORD_SIZE], text[2 * SHA256_DIGEST_LENGTH + 2];
    ferry_err err;

    ferry_random_bytes(bytes, sizeof(bytes));
    ferry_hex_encode(bytes, sizeof(bytes), password);
    explicit_bzero(bytes, sizeof(bytes));
    (void)SHA256((const unsigned char *)password, strlen(password), hash);
    ferry_hex_encode(hash, sizeof(hash), text);
    text[2 * sizeof(hash)] = '\n';
    err = ferry_file_replace(hash_path, text, 2 * sizeof(hash) + 1, 0600);
    if (err == FERRY_OK)
        memcpy(ret_password, password, sizeof(password));
    explicit_bzero(password, sizeof(password));
    return err;
}
