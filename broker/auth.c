#include "auth.h"

#include "identity.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/system.h"

#include <openssl/sha.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 8, /* devices whose product and name join to one text; more are looked at in vain */
    HASH_FILE_MAX = 256,
};

/* The same user name and password give the same digest; the zero byte keeps them apart. */
static void digest_credential(const struct auth_request *request, uint8_t digest[CLIENT_CREDENTIAL_BYTES])
{
    uint8_t both[2 * (IDENTITY_TEXT_MAX + 1)];
    size_t len = request->username.len;

    memcpy(both, request->username.ptr, len);
    both[len++] = 0;
    memcpy(both + len, request->password.ptr, request->password.len);
    len += request->password.len;
    (void)SHA256(both, len, digest);
    explicit_bzero(both, sizeof(both));
}

static auth_verdict refuse(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return AUTH_REFUSED;
}

static bool same_credential(const struct client *known, const struct client *now)
{
    return known != NULL && known->service == now->service &&
           (known->service || device_key_equal(&known->key, &now->key)) &&
           ferry_equal_constant_time(known->credential, now->credential, CLIENT_CREDENTIAL_BYTES);
}

/* --- the platform itself ---------------------------------------------------------------------------------- */

/* The file is read at each connect: a platform that was started anew needs no reload of the broker. */
static auth_verdict judge_service(const struct auth *auth, const struct auth_request *request, struct client *client,
                                  const char **reterr_why)
{
    ferry_autobuf text = FERRY_BUF_INIT(HASH_FILE_MAX);
    uint8_t right[SHA256_DIGEST_LENGTH], given[SHA256_DIGEST_LENGTH];

    client->service = true;
    if (!identity_service_client_id_ok(request->client_id))
        return refuse("the platform's client id begins with " IDENTITY_SERVICE_CLIENT_PREFIX, reterr_why);
    if (same_credential(request->known, client))
        return AUTH_ACCEPTED;
    if (auth->service_hash_path == NULL || ferry_file_read(auth->service_hash_path, &text) != FERRY_OK) {
        *reterr_why = "the file with the platform's password hash cannot be read";
        return AUTH_UNAVAILABLE;
    }
    (void)SHA256((const unsigned char *)request->password.ptr, request->password.len, given);
    if (text.len < 2 * sizeof(right) ||
        ferry_hex_decode(text.data, 2 * sizeof(right), right, sizeof(right)) != FERRY_OK ||
        !ferry_equal_constant_time(given, right, sizeof(right)))
        return refuse("wrong password of the platform", reterr_why);
    return AUTH_ACCEPTED;
}

/* --- devices ---------------------------------------------------------------------------------------------- */

/* What every device must fulfil whose secret has been proved. */
static auth_verdict admit(const struct device *device, const struct auth_request *request, struct client *client,
                          const char **reterr_why)
{
    client->key = device->key;
    if (device->disabled)
        return refuse("the device is disabled", reterr_why);
    if (!identity_device_client_id_ok(&device->key, request->client_id))
        return refuse("the client id must be the product's and the device's name, one after the other", reterr_why);
    return AUTH_ACCEPTED;
}

/* The database cannot be read. Who is connected stays; who comes must try again. */
static auth_verdict no_directory(ferry_err err, const struct auth_request *request, struct client *client,
                                 const char **reterr_why)
{
    if (request->known != NULL) {
        client->key = request->known->key;
        if (same_credential(request->known, client))
            return AUTH_ACCEPTED;
    }
    *reterr_why = ferry_err_text(err);
    return AUTH_UNAVAILABLE;
}

static auth_verdict judge_vendor(struct auth *auth, const struct auth_request *request, const struct user_name *user,
                                 struct client *client, const char **reterr_why)
{
    struct device candidates[CANDIDATES_MAX];
    char joined[IDENTITY_JOINED_MAX + 1];
    size_t count = 0, match;
    auth_verdict verdict;
    ferry_err err;

    if (!ferry_text_copy(user->joined, joined, sizeof(joined)))
        return refuse("unknown device", reterr_why);
    err = directory_find_joined(&auth->directory, joined, candidates, CANDIDATES_MAX, &count);
    if (err != FERRY_OK)
        return no_directory(err, request, client, reterr_why);
    for (match = 0; match < count; match++)
        if (identity_vendor_password_ok(request->username, request->password, candidates[match].secret,
                                        candidates[match].secret_len))
            break;
    if (match == count) {
        verdict = refuse(count == 0 ? "unknown device" : "wrong password", reterr_why);
    } else {
        verdict = admit(&candidates[match], request, client, reterr_why);
        /* the expiry is for connecting: who is connected stays */
        if (verdict == AUTH_ACCEPTED && user->expires_s < request->now_s && !same_credential(request->known, client))
            verdict = refuse("the credential has expired", reterr_why);
    }
    explicit_bzero(candidates, sizeof(candidates));
    return verdict;
}

static auth_verdict judge_plain(struct auth *auth, const struct auth_request *request, const struct user_name *user,
                                struct client *client, const char **reterr_why)
{
    struct device device;
    struct device_key key;
    auth_verdict verdict;
    ferry_err err;

    if (!auth->allow_plain_secret)
        return refuse("a secret as password is not accepted on this listener", reterr_why);
    if (!ferry_text_copy(user->product, key.product, sizeof(key.product)) ||
        !ferry_text_copy(user->device, key.device, sizeof(key.device)))
        return refuse("unknown device", reterr_why);
    err = directory_get(&auth->directory, &key, &device);
    if (err == FERRY_E_NOT_FOUND)
        return refuse("unknown device", reterr_why);
    if (err != FERRY_OK)
        return no_directory(err, request, client, reterr_why);
    verdict = identity_plain_password_ok(request->password, device.secret, device.secret_len)
                  ? admit(&device, request, client, reterr_why)
                  : refuse("wrong password", reterr_why);
    explicit_bzero(&device, sizeof(device));
    return verdict;
}

auth_verdict auth_judge(struct auth *auth, const struct auth_request *request, struct client *ret_client,
                        const char **reterr_why)
{
    struct user_name user = identity_parse_user(request->username);
    struct client client = {.address = NULL};
    auth_verdict verdict = AUTH_REFUSED;

    if (request->password.ptr == NULL || request->password.len > IDENTITY_TEXT_MAX)
        return refuse("no password, or one that is far too long", reterr_why);
    if (user.kind == USER_UNKNOWN)
        return refuse("the user name is neither a device nor the platform", reterr_why);
    digest_credential(request, client.credential);
    switch (user.kind) {
    case USER_SERVICE:
        verdict = judge_service(auth, request, &client, reterr_why);
        break;
    case USER_VENDOR:
        verdict = judge_vendor(auth, request, &user, &client, reterr_why);
        break;
    case USER_PLAIN:
        verdict = judge_plain(auth, request, &user, &client, reterr_why);
        break;
    case USER_UNKNOWN:
        break;
    }
    if (verdict == AUTH_ACCEPTED)
        *ret_client = client;
    return verdict;
}
