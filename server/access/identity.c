#include "access/identity.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum { VENDOR_FIELDS = 4, HMAC_MAX = 32 };

static bool joined_valid(ferry_text joined)
{
    ferry_text first = {joined.ptr, joined.len / 2};
    ferry_text second = {joined.ptr + first.len, joined.len - first.len};

    return ferry_ident_valid(first) && ferry_ident_valid(second);
}

/* Decimal Unix seconds. Anything else, and what no clock will ever reach, is a way to say "never". */
static uint64_t parse_expiry(ferry_text text)
{
    uint64_t seconds = 0;

    if (text.len == 0)
        return UINT64_MAX;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || seconds > UINT64_MAX / 10 - 10)
            return UINT64_MAX;
        seconds = seconds * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return seconds;
}

/* Splits at each separator; false when that does not give exactly count parts. */
static bool split(ferry_text text, char separator, ferry_text *parts, size_t count)
{
    size_t found = 0;

    for (;;) {
        const char *end = text.len > 0 ? memchr(text.ptr, separator, text.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;

        if (found == count)
            return false;
        parts[found++] = (ferry_text){text.ptr, len};
        if (end == NULL)
            return found == count;
        text = (ferry_text){end + 1, text.len - len - 1};
    }
}

struct user_name identity_parse_user(ferry_text username)
{
    struct user_name user = {.kind = USER_UNKNOWN};
    ferry_text parts[VENDOR_FIELDS];

    if (username.ptr == NULL || username.len > IDENTITY_TEXT_MAX)
        return user;
    if (ferry_text_equal(username, ferry_text_of(IDENTITY_SERVICE_USER))) {
        user.kind = USER_SERVICE;
    } else if (split(username, ';', parts, VENDOR_FIELDS) && joined_valid(parts[0])) {
        user.kind = USER_VENDOR;
        user.joined = parts[0];
        user.expires_s = parse_expiry(parts[3]);
    } else if (split(username, '/', parts, 2) && ferry_ident_valid(parts[0]) && ferry_ident_valid(parts[1])) {
        user.kind = USER_PLAIN;
        user.product = parts[0];
        user.device = parts[1];
    }
    return user;
}

bool identity_vendor_password_ok(ferry_text username, ferry_text password, const uint8_t *secret, size_t secret_len)
{
    const struct {
        const char *name;
        size_t len;
        const EVP_MD *digest;
    } methods[] = {{"hmacsha1", 20, EVP_sha1()}, {"hmacsha256", 32, EVP_sha256()}};
    ferry_text parts[2];

    if (password.ptr == NULL || password.len > IDENTITY_TEXT_MAX || secret_len == 0 || secret_len > DEVICE_SECRET_MAX ||
        !split(password, ';', parts, 2))
        return false;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        uint8_t given[HMAC_MAX], right[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        if (!ferry_text_equal(parts[1], ferry_text_of(methods[i].name)))
            continue;
        return ferry_hex_decode(parts[0].ptr, parts[0].len, given, methods[i].len) == FERRY_OK &&
               HMAC(methods[i].digest, secret, (int)secret_len, (const unsigned char *)username.ptr, username.len,
                    right, &len) != NULL &&
               len == methods[i].len && ferry_equal_constant_time(given, right, len);
    }
    return false;
}

bool identity_plain_password_ok(ferry_text password, const uint8_t *secret, size_t secret_len)
{
    uint8_t given[DEVICE_SECRET_MAX];
    size_t len;
    bool ok;

    if (password.ptr == NULL || secret_len == 0 ||
        ferry_base64_decode(password.ptr, password.len, given, sizeof(given), &len) != FERRY_OK)
        return false;
    ok = len == secret_len && ferry_equal_constant_time(given, secret, len);
    explicit_bzero(given, sizeof(given));
    return ok;
}

/* Cuts a prefix off; false when it is not there. */
static bool skip(ferry_text *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->ptr, prefix, len) != 0)
        return false;
    *text = (ferry_text){text->ptr + len, text->len - len};
    return true;
}

bool identity_device_client_id_ok(const struct device_key *key, ferry_text client_id)
{
    if (client_id.ptr == NULL || !skip(&client_id, key->product))
        return false;
    if (client_id.len > 0 && client_id.ptr[0] == '/')
        (void)skip(&client_id, "/");
    return skip(&client_id, key->device) && (client_id.len == 0 || client_id.ptr[0] == '.');
}

bool identity_service_client_id_ok(ferry_text client_id)
{
    return client_id.ptr != NULL && skip(&client_id, IDENTITY_SERVICE_CLIENT_PREFIX);
}
