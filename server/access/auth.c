#include "access/auth.h"

#include "access/identity.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/system.h"

#include <openssl/sha.h>
#include <string.h>

enum {
    CANDIDATES_MAX = 8, /* devices whose product and name join to one text; more are looked at in vain */
    HASH_FILE_MAX = 256,
};

/* The same name and password give the same digest; the zero byte keeps them apart. */
static void digest_credential(ferry_text name, ferry_text password, uint8_t digest[CREDENTIAL_BYTES])
{
    uint8_t both[2 * (IDENTITY_TEXT_MAX + 1)];
    size_t len = name.len;

    memcpy(both, name.ptr, len);
    both[len++] = 0;
    if (password.len > 0)
        memcpy(both + len, password.ptr, password.len);
    len += password.len;
    (void)SHA256(both, len, digest);
    explicit_bzero(both, sizeof(both));
}

static auth_verdict refuse(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return AUTH_REFUSED;
}

static bool same_credential(const struct principal *known, const struct principal *now)
{
    return known != NULL && known->service == now->service &&
           (known->service || device_key_equal(&known->key, &now->key)) &&
           ferry_equal_constant_time(known->credential, now->credential, CREDENTIAL_BYTES);
}

/* --- the platform itself ---------------------------------------------------------------------------------- */

/* The file is read at each connect: a platform that was started anew needs no reload of the broker. */
static auth_verdict judge_service(const struct auth *auth, const struct auth_request *request, struct principal *who,
                                  const char **reterr_why)
{
    ferry_autobuf text = FERRY_BUF_INIT(HASH_FILE_MAX);
    uint8_t right[SHA256_DIGEST_LENGTH], given[SHA256_DIGEST_LENGTH];

    who->service = true;
    if (!identity_service_client_id_ok(request->client_id))
        return refuse("the platform's client id begins with " IDENTITY_SERVICE_CLIENT_PREFIX, reterr_why);
    if (same_credential(request->known, who))
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

/* What every device must fulfil that has proved to be it. */
static auth_verdict admit(const struct device *device, const struct auth_request *request, struct principal *who,
                          const char **reterr_why)
{
    who->key = device->key;
    who->created_ms = device->created_ms;
    if (device->disabled)
        return refuse("the device is disabled", reterr_why);
    if (!identity_device_client_id_ok(&device->key, request->client_id))
        return refuse("the client id must be the product's and the device's name, one after the other", reterr_why);
    return AUTH_ACCEPTED;
}

/* The database or a secret in it cannot be read. Who is connected stays; who comes must try again. */
static auth_verdict no_judgement(const char *why, const struct auth_request *request, struct principal *who,
                                 const char **reterr_why)
{
    const struct principal *known = request->known;

    if (known != NULL) {
        who->key = known->key;
        if (same_credential(known, who)) {
            *who = *known;
            return AUTH_ACCEPTED;
        }
    }
    *reterr_why = why;
    return AUTH_UNAVAILABLE;
}

/* --- secrets ---------------------------------------------------------------------------------------------- */

typedef bool secret_fits(const struct auth_request *request, const uint8_t *secret, size_t len);

static bool vendor_fits(const struct auth_request *request, const uint8_t *secret, size_t len)
{
    return identity_vendor_password_ok(request->username, request->password, secret, len);
}

static bool plain_fits(const struct auth_request *request, const uint8_t *secret, size_t len)
{
    return identity_plain_password_ok(request->password, secret, len);
}

/* The key file may have changed since it was read. */
static ferry_err open_secret(struct auth *auth, const struct device *device, const struct sealed *sealed,
                             uint8_t plain[DEVICE_SECRET_MAX], size_t *ret_len)
{
    char context[SEAL_CONTEXT_SIZE];
    ferry_err err = seal_open(&auth->keys, seal_context_device(&device->key, context), sealed, plain, ret_len);

    if (err != FERRY_E_NOT_FOUND || auth->keys_path == NULL)
        return err;
    err = seal_keys_read(auth->keys_path, &auth->keys);
    return err == FERRY_OK ? seal_open(&auth->keys, context, sealed, plain, ret_len) : err;
}

/* FERRY_E_DENIED: it is not this secret. */
static ferry_err try_secret(struct auth *auth, const struct device *device, const struct sealed *sealed,
                            const struct auth_request *request, secret_fits *fits)
{
    uint8_t plain[DEVICE_SECRET_MAX];
    size_t len = 0;
    ferry_err err = open_secret(auth, device, sealed, plain, &len);

    if (err == FERRY_OK && !fits(request, plain, len))
        err = FERRY_E_DENIED;
    explicit_bzero(plain, sizeof(plain));
    return err;
}

/* With the present secret, or until its time is over with the one before. */
static ferry_err prove(struct auth *auth, const struct device *device, const struct auth_request *request,
                       secret_fits *fits, struct principal *who)
{
    ferry_err err = try_secret(auth, device, &device->secret, request, fits);

    who->secret_no = device->secret_no;
    if (err != FERRY_E_DENIED || device->old_secret.len == 0 || request->now_ms >= device->old_until_ms)
        return err;
    who->secret_no = device->secret_no - 1;
    who->until_ms = device->old_until_ms;
    return try_secret(auth, device, &device->old_secret, request, fits);
}

/* The one of the candidates whose secret fits. */
static auth_verdict judge_candidates(struct auth *auth, const struct auth_request *request,
                                     const struct device *candidates, size_t count, secret_fits *fits,
                                     struct principal *who, const char **reterr_why)
{
    bool unreadable = false;

    for (size_t i = 0; i < count; i++) {
        struct principal found = *who;
        ferry_err err = prove(auth, &candidates[i], request, fits, &found);

        if (err == FERRY_OK) {
            *who = found;
            return admit(&candidates[i], request, who, reterr_why);
        }
        unreadable |= err != FERRY_E_DENIED;
    }
    if (unreadable)
        return no_judgement("the device's secret cannot be opened: the key file does not fit the database", request,
                            who, reterr_why);
    return refuse(count == 0 ? "unknown device" : "wrong password", reterr_why);
}

static auth_verdict judge_vendor(struct auth *auth, const struct auth_request *request, const struct user_name *user,
                                 struct principal *who, const char **reterr_why)
{
    struct device candidates[CANDIDATES_MAX];
    char joined[IDENTITY_JOINED_MAX + 1];
    size_t count = 0;
    auth_verdict verdict;
    ferry_err err;

    if (!ferry_text_copy(user->joined, joined, sizeof(joined)))
        return refuse("unknown device", reterr_why);
    err = directory_find_joined(&auth->directory, joined, candidates, CANDIDATES_MAX, &count);
    if (err != FERRY_OK)
        return no_judgement(ferry_err_text(err), request, who, reterr_why);
    verdict = judge_candidates(auth, request, candidates, count, vendor_fits, who, reterr_why);
    /* the expiry is for connecting: who is connected stays */
    if (verdict == AUTH_ACCEPTED && user->expires_s < request->now_ms / 1000 && !same_credential(request->known, who))
        verdict = refuse("the credential has expired", reterr_why);
    return verdict;
}

/* The device of a name like product/device; FERRY_E_NOT_FOUND when it cannot be one. */
static ferry_err find_named(struct auth *auth, const struct user_name *user, struct device *ret_device)
{
    struct device_key key;

    if (!ferry_text_copy(user->product, key.product, sizeof(key.product)) ||
        !ferry_text_copy(user->device, key.device, sizeof(key.device)))
        return FERRY_E_NOT_FOUND;
    return directory_get(&auth->directory, &key, ret_device);
}

static auth_verdict judge_plain(struct auth *auth, const struct auth_request *request, const struct user_name *user,
                                struct principal *who, const char **reterr_why)
{
    struct device device;
    ferry_err err;

    if (!request->plain_secret_ok)
        return refuse("a secret as password is accepted over TLS only", reterr_why);
    err = find_named(auth, user, &device);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return no_judgement(ferry_err_text(err), request, who, reterr_why);
    return judge_candidates(auth, request, &device, err == FERRY_OK, plain_fits, who, reterr_why);
}

/* TLS has checked the chain and the revocation list; the name says which device it is. */
static auth_verdict judge_certificate(struct auth *auth, const struct auth_request *request, struct principal *who,
                                      const char **reterr_why)
{
    struct user_name user = identity_parse_user(request->certificate);
    struct device device;
    ferry_err err;

    if (user.kind != USER_PLAIN)
        return refuse("the certificate's common name is not product/device", reterr_why);
    digest_credential(request->certificate, (ferry_text){NULL, 0}, who->credential);
    err = find_named(auth, &user, &device);
    if (err == FERRY_E_NOT_FOUND)
        return refuse("unknown device", reterr_why);
    if (err != FERRY_OK)
        return no_judgement(ferry_err_text(err), request, who, reterr_why);
    return admit(&device, request, who, reterr_why);
}

/* --- the judgement ---------------------------------------------------------------------------------------- */

static auth_verdict judge_user(struct auth *auth, const struct auth_request *request, struct principal *who,
                               const char **reterr_why)
{
    struct user_name user = identity_parse_user(request->username);

    if (request->password.ptr == NULL || request->password.len > IDENTITY_TEXT_MAX)
        return refuse("no password, or one that is far too long", reterr_why);
    if (user.kind == USER_UNKNOWN)
        return refuse("the user name is neither a device nor the platform", reterr_why);
    digest_credential(request->username, request->password, who->credential);
    switch (user.kind) {
    case USER_SERVICE:
        return judge_service(auth, request, who, reterr_why);
    case USER_VENDOR:
        return judge_vendor(auth, request, &user, who, reterr_why);
    case USER_PLAIN:
        return judge_plain(auth, request, &user, who, reterr_why);
    case USER_UNKNOWN:
        break;
    }
    return AUTH_REFUSED;
}

/* Who shows a certificate and a user name must be the same with both. */
static bool certificate_names(ferry_text certificate, const struct principal *who)
{
    struct user_name user = identity_parse_user(certificate);

    return user.kind == USER_PLAIN && !who->service && ferry_text_equal(user.product, ferry_text_of(who->key.product)) &&
           ferry_text_equal(user.device, ferry_text_of(who->key.device));
}

auth_verdict auth_judge(struct auth *auth, const struct auth_request *request, struct principal *ret_who,
                        const char **reterr_why)
{
    bool certified = request->certificate.ptr != NULL;
    struct principal who = {.service = false};
    auth_verdict verdict = certified && request->username.ptr == NULL
                               ? judge_certificate(auth, request, &who, reterr_why)
                               : judge_user(auth, request, &who, reterr_why);

    if (verdict == AUTH_ACCEPTED && certified && !certificate_names(request->certificate, &who))
        verdict = refuse("the certificate is another device's", reterr_why);
    if (verdict == AUTH_ACCEPTED)
        *ret_who = who;
    return verdict;
}

/* Those of the candidates that the client id may belong to come first; gives their number. */
static size_t keep_named(struct device *candidates, size_t count, ferry_text client_id)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (identity_device_client_id_ok(&candidates[i].key, client_id))
            candidates[kept++] = candidates[i];
    return kept;
}

/* The devices that a user name may mean. */
static ferry_err find_meant(struct auth *auth, const struct user_name *user, ferry_text client_id,
                            struct device candidates[CANDIDATES_MAX], size_t *ret_count)
{
    char joined[IDENTITY_JOINED_MAX + 1];
    ferry_err err;

    if (user->kind == USER_PLAIN) {
        *ret_count = 1;
        return find_named(auth, user, &candidates[0]);
    }
    if (!ferry_text_copy(user->joined, joined, sizeof(joined)))
        return FERRY_E_NOT_FOUND;
    err = directory_find_joined(&auth->directory, joined, candidates, CANDIDATES_MAX, ret_count);
    if (err == FERRY_OK)
        *ret_count = keep_named(candidates, *ret_count, client_id);
    return err;
}

auth_verdict auth_name(struct auth *auth, const struct auth_request *request, struct principal *ret_who,
                       const char **reterr_why)
{
    bool certified = request->certificate.ptr != NULL && request->username.ptr == NULL;
    struct user_name user = identity_parse_user(certified ? request->certificate : request->username);
    struct device candidates[CANDIDATES_MAX];
    struct principal who = {.service = false};
    size_t count = 0;
    auth_verdict verdict;
    ferry_err err;

    if (user.kind != USER_PLAIN && (certified || user.kind != USER_VENDOR)) {
        *reterr_why = "the user name is no device";
        return user.kind == USER_SERVICE ? AUTH_UNAVAILABLE : AUTH_REFUSED;
    }
    err = find_meant(auth, &user, request->client_id, candidates, &count);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND) {
        *reterr_why = ferry_err_text(err);
        return AUTH_UNAVAILABLE;
    }
    if (err == FERRY_E_NOT_FOUND || count == 0)
        return refuse("unknown device", reterr_why);
    if (count > 1)
        return refuse("two devices have this name: the client id must be product/device", reterr_why);
    verdict = admit(&candidates[0], request, &who, reterr_why);
    if (verdict == AUTH_ACCEPTED)
        *ret_who = who;
    return verdict;
}

/* Is the secret that proved it still one of the device's? */
static bool secret_may_stay(const struct device *device, struct principal *who, uint64_t now_ms)
{
    if (who->secret_no == 0 || who->secret_no == device->secret_no) {
        who->until_ms = 0;
        return true;
    }
    who->until_ms = device->old_until_ms;
    return who->secret_no == device->secret_no - 1 && now_ms < device->old_until_ms;
}

bool auth_may_stay(struct auth *auth, struct principal *who, uint64_t now_ms, const char **reterr_why)
{
    struct device device;
    ferry_err err;

    if (who->service)
        return true;
    err = directory_get(&auth->directory, &who->key, &device);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return true;
    if (err == FERRY_E_NOT_FOUND || device.created_ms != who->created_ms)
        *reterr_why = "the device was removed";
    else if (device.disabled)
        *reterr_why = "the device was disabled";
    else if (!secret_may_stay(&device, who, now_ms))
        *reterr_why = "its secret was replaced";
    else
        return true;
    return false;
}

bool auth_is_over(const struct principal *who, uint64_t now_ms)
{
    return who->until_ms != 0 && now_ms >= who->until_ms;
}

void auth_done(struct auth *auth)
{
    directory_close(&auth->directory);
    seal_keys_done(&auth->keys);
}
