#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "access/auth.h"

#include "base/encode.h"
#include "base/system.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW_S = 1700000000 };

/* A store that knows four devices; two of them join to the same text. Every call gives err when it is set. */
struct fake_store {
    struct store store;
    ferry_err err;
    unsigned connects;
};

struct known_device {
    struct device device;
    const char *secret, *old_secret;
};

static struct known_device devices[] = {
    {.device.key = {"pump", "7"}, .secret = "0123456789abcdef"},
    {.device.key = {"pum", "p7"}, .secret = "another secret.."},
    {.device = {.key = {"pump", "off"}, .disabled = true}, .secret = "0123456789abcdef"},
    {.device = {.key = {"pump", "new"}, .old_until_ms = NOW_S * 1000ull + 5000}, .secret = "secret number 2.", .old_secret = "secret number 1."},
};
enum { DEVICES = sizeof(devices) / sizeof(devices[0]) };

static ferry_err fake_connect(struct store *s, store_mode mode, struct store_conn **ret_conn)
{
    struct fake_store *fake = (struct fake_store *)s;

    assert_int_equal(mode, STORE_READER);
    fake->connects++;
    if (fake->err != FERRY_OK)
        return fake->err;
    *ret_conn = (struct store_conn *)fake;
    return FERRY_OK;
}

static void fake_disconnect(struct store_conn *c)
{
    (void)c;
}

static void fake_close(struct store *s)
{
    (void)s;
}

static ferry_err fake_get(struct store_conn *c, const struct device_key *key, struct device *ret)
{
    struct fake_store *fake = (struct fake_store *)c;

    if (fake->err != FERRY_OK)
        return fake->err;
    for (size_t i = 0; i < DEVICES; i++)
        if (device_key_equal(&devices[i].device.key, key)) {
            *ret = devices[i].device;
            return FERRY_OK;
        }
    return FERRY_E_NOT_FOUND;
}

static ferry_err fake_find_joined(struct store_conn *c, const char *text, struct device *out, size_t cap,
                                  size_t *ret_count)
{
    struct fake_store *fake = (struct fake_store *)c;
    size_t count = 0;

    if (fake->err != FERRY_OK)
        return fake->err;
    for (size_t i = 0; i < DEVICES; i++) {
        size_t len = strlen(devices[i].device.key.product);

        if (strncmp(text, devices[i].device.key.product, len) == 0 && strcmp(text + len, devices[i].device.key.device) == 0 &&
            count < cap)
            out[count++] = devices[i].device;
    }
    *ret_count = count;
    return FERRY_OK;
}

static const struct store_ops fake_ops = {
    .name = "fake",
    .connect = fake_connect,
    .disconnect = fake_disconnect,
    .close = fake_close,
    .device_get = fake_get,
    .device_find_joined = fake_find_joined,
};

static ferry_err fake_open(void *arg, struct store **ret_store)
{
    *ret_store = &((struct fake_store *)arg)->store;
    return FERRY_OK;
}

struct world {
    struct fake_store fake;
    struct auth auth;
    char hash_path[64];
    bool plain_secret_ok;
};

static void seal_device(const struct seal_keys *keys, struct known_device *known)
{
    struct device *d = &known->device;
    char context[SEAL_CONTEXT_SIZE];

    seal_context_device(&d->key, context);
    d->created_ms = 1;
    d->secret_no = known->old_secret != NULL ? 2 : 1;
    assert_int_equal(seal_close(keys, context, known->secret, strlen(known->secret), &d->secret), FERRY_OK);
    if (known->old_secret != NULL)
        assert_int_equal(seal_close(keys, context, known->old_secret, strlen(known->old_secret), &d->old_secret),
                         FERRY_OK);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    int fd;

    seal_keys_push(&w->auth.keys);
    for (size_t i = 0; i < DEVICES; i++)
        seal_device(&w->auth.keys, &devices[i]);
    w->fake.store.ops = &fake_ops;
    w->auth.directory.open = fake_open;
    w->auth.directory.arg = &w->fake;
    (void)snprintf(w->hash_path, sizeof(w->hash_path), "/tmp/ferry-auth-XXXXXX");
    fd = mkstemp(w->hash_path);
    (void)close(fd);
    w->auth.service_hash_path = w->hash_path;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    auth_done(&w->auth);
    (void)unlink(w->hash_path);
    free(w);
    return 0;
}

static void sign(const char *user, const char *secret, char password[64])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len;

    assert_non_null(HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)user, strlen(user), mac, &len));
    ferry_hex_encode(mac, len, password);
    memcpy(password + 2 * len, ";hmacsha1", sizeof(";hmacsha1"));
}

static auth_verdict judge_known(struct world *w, const char *user, const char *password, const char *client_id,
                                const struct principal *known, struct principal *ret_client)
{
    struct auth_request request = {
        .username = ferry_text_of(user),
        .password = ferry_text_of(password),
        .client_id = ferry_text_of(client_id),
        .plain_secret_ok = w->plain_secret_ok,
        .now_ms = NOW_S * 1000ull,
        .known = known,
    };
    const char *why = NULL;
    auth_verdict verdict = auth_judge(&w->auth, &request, ret_client, &why);

    assert_int_equal(verdict == AUTH_ACCEPTED, why == NULL);
    return verdict;
}

static auth_verdict judge(struct world *w, const char *user, const char *password, const char *client_id)
{
    struct principal client;

    return judge_known(w, user, password, client_id, NULL, &client);
}

static auth_verdict judge_signed(struct world *w, const char *user, const struct known_device *device,
                                 const struct principal *known, struct principal *ret_client)
{
    char password[64];

    sign(user, device->secret, password);
    return judge_known(w, user, password, "pump7", known, ret_client);
}

static void of_devices_with_one_joined_name_the_secret_tells_which(void **state)
{
    struct world *w = *state;
    struct principal client;

    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_true(device_key_equal(&client.key, &devices[0].device.key));
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[1], NULL, &client), AUTH_ACCEPTED);
    assert_true(device_key_equal(&client.key, &devices[1].device.key));
    assert_false(client.service);
}

static void who_cannot_prove_the_secret_is_refused(void **state)
{
    struct world *w = *state;

    assert_int_equal(judge(w, "pump7;a;b;", "68e0a67c41d8a476951369100e5c664c614b84c1;hmacsha1", "pump7"),
                     AUTH_REFUSED);
    assert_int_equal(judge(w, "nobody;a;b;", "68e0a67c41d8a476951369100e5c664c614b84c1;hmacsha1", "nobody"),
                     AUTH_REFUSED);
    assert_int_equal(judge(w, "pump7;a;b;", "MDEyMzQ1Njc4OWFiY2RlZg==", "pump7"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pump7;a;b;", NULL, "pump7"), AUTH_REFUSED);
    assert_int_equal(judge(w, NULL, "x", "pump7"), AUTH_REFUSED);
    assert_int_equal(judge(w, NULL, NULL, NULL), AUTH_REFUSED);
    assert_int_equal(judge(w, "", "", ""), AUTH_REFUSED);
}

static void a_disabled_device_is_refused(void **state)
{
    struct world *w = *state;
    char password[64];

    sign("pumpoff;a;b;", devices[2].secret, password);
    assert_int_equal(judge(w, "pumpoff;a;b;", password, "pumpoff"), AUTH_REFUSED);
}

static void a_foreign_client_id_is_refused(void **state)
{
    struct world *w = *state;
    char password[64];

    sign("pump7;a;b;", devices[0].secret, password);
    assert_int_equal(judge(w, "pump7;a;b;", password, "pump7"), AUTH_ACCEPTED);
    assert_int_equal(judge(w, "pump7;a;b;", password, "pump/7"), AUTH_ACCEPTED);
    assert_int_equal(judge(w, "pump7;a;b;", password, "pum/p7"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pump7;a;b;", password, "pumpoff"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pump7;a;b;", password, "ferryd@1"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pump7;a;b;", password, NULL), AUTH_REFUSED);
}

static void an_expired_credential_opens_no_new_connection_and_ends_no_old_one(void **state)
{
    struct world *w = *state;
    struct principal client, again;

    assert_int_equal(judge_signed(w, "pump7;a;b;1700000000", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(judge_signed(w, "pump7;a;b;1699999999", &devices[0], NULL, &again), AUTH_REFUSED);
    assert_int_equal(judge_signed(w, "pump7;a;b;1699999999", &devices[0], &client, &again), AUTH_REFUSED);
    w->auth.service_hash_path = NULL;
    for (size_t i = 0; i < 2; i++) { /* the connected one is asked about again, later */
        char password[64];
        struct auth_request later = {.now_ms = (NOW_S + 1000) * 1000ull, .known = i == 0 ? &client : NULL};
        const char *why;

        sign("pump7;a;b;1700000000", devices[0].secret, password);
        later.username = ferry_text_of("pump7;a;b;1700000000");
        later.password = ferry_text_of(password);
        later.client_id = ferry_text_of("pump7");
        assert_int_equal(auth_judge(&w->auth, &later, &again, &why), i == 0 ? AUTH_ACCEPTED : AUTH_REFUSED);
    }
}

static void the_secret_as_password_needs_a_listener_that_allows_it(void **state)
{
    struct world *w = *state;

    assert_int_equal(judge(w, "pump/7", "MDEyMzQ1Njc4OWFiY2RlZg==", "pump/7"), AUTH_REFUSED);
    w->plain_secret_ok = true;
    assert_int_equal(judge(w, "pump/7", "MDEyMzQ1Njc4OWFiY2RlZg==", "pump/7"), AUTH_ACCEPTED);
    assert_int_equal(judge(w, "pump/7", "MDEyMzQ1Njc4OWFiY2RlZg==", "pump7"), AUTH_ACCEPTED);
    assert_int_equal(judge(w, "pump/7", "MDEyMzQ1Njc4OWFiY2RlZQ==", "pump/7"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pum/p7", "MDEyMzQ1Njc4OWFiY2RlZg==", "pum/p7"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pump/9", "MDEyMzQ1Njc4OWFiY2RlZg==", "pump/9"), AUTH_REFUSED);
    assert_int_equal(judge(w, "pump/off", "MDEyMzQ1Njc4OWFiY2RlZg==", "pump/off"), AUTH_REFUSED);
}

static void a_database_that_cannot_be_read_ends_nobodys_program(void **state)
{
    static const ferry_err errors[] = {FERRY_E_BUSY, FERRY_E_IO, FERRY_E_NOT_FOUND, FERRY_E_CORRUPT};
    struct world *w = *state;
    struct principal client, again;

    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        w->fake.err = errors[i];
        directory_close(&w->auth.directory);
        assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &again), AUTH_UNAVAILABLE);
        assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], &client, &again), AUTH_ACCEPTED);
        assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[1], &client, &again), AUTH_UNAVAILABLE);
    }
    w->fake.err = FERRY_OK;
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &again), AUTH_ACCEPTED);
}

static void a_failed_question_opens_the_database_again(void **state)
{
    struct world *w = *state;
    struct principal client;

    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(w->fake.connects, 1);
    w->fake.err = FERRY_E_IO;
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_UNAVAILABLE);
    w->fake.err = FERRY_OK;
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(w->fake.connects, 2);
}

static void write_hash(const struct world *w, const char *password)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 2];
    unsigned len;

    assert_int_equal(EVP_Digest(password, strlen(password), digest, &len, EVP_sha256(), NULL), 1);
    ferry_hex_encode(digest, len, text);
    text[2 * len] = '\n';
    assert_int_equal(ferry_file_replace(w->hash_path, text, 2 * len + 1, 0600), FERRY_OK);
}

static void the_platform_is_known_by_the_hash_of_the_day(void **state)
{
    struct world *w = *state;
    struct principal client, again;

    assert_int_equal(judge(w, "ferryd", "one", "ferryd@1"), AUTH_REFUSED);
    write_hash(w, "one");
    assert_int_equal(judge_known(w, "ferryd", "one", "ferryd@1", NULL, &client), AUTH_ACCEPTED);
    assert_true(client.service);
    assert_int_equal(judge(w, "ferryd", "two", "ferryd@1"), AUTH_REFUSED);
    assert_int_equal(judge(w, "ferryd", "one", "pump7"), AUTH_REFUSED);
    assert_int_equal(judge(w, "ferryd", "", "ferryd@1"), AUTH_REFUSED);
    assert_int_equal(judge(w, "ferryd", NULL, "ferryd@1"), AUTH_REFUSED);
    write_hash(w, "two");
    assert_int_equal(judge(w, "ferryd", "two", "ferryd@1"), AUTH_ACCEPTED);
    assert_int_equal(judge(w, "ferryd", "one", "ferryd@1"), AUTH_REFUSED);
    /* the connection of before is asked about again when the broker reloads */
    assert_int_equal(judge_known(w, "ferryd", "one", "ferryd@1", &client, &again), AUTH_ACCEPTED);
    (void)unlink(w->hash_path);
    assert_int_equal(judge(w, "ferryd", "two", "ferryd@1"), AUTH_UNAVAILABLE);
}

static void a_device_cannot_pass_for_the_platform(void **state)
{
    struct world *w = *state;
    struct principal client;

    write_hash(w, "one");
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(judge_known(w, "ferryd", "x", "ferryd@1", &client, &client), AUTH_REFUSED);
}

/* What a device says with which secret. */
static auth_verdict judge_secret(struct world *w, const char *secret, uint64_t now_ms, struct principal *ret_who)
{
    char password[64];
    struct auth_request request = {.username = ferry_text_of("pumpnew;a;b;"), .client_id = ferry_text_of("pumpnew"),
                                   .now_ms = now_ms};
    const char *why;

    sign("pumpnew;a;b;", secret, password);
    request.password = ferry_text_of(password);
    return auth_judge(&w->auth, &request, ret_who, &why);
}

static void the_old_secret_is_good_until_its_time(void **state)
{
    const uint64_t until_ms = devices[3].device.old_until_ms;
    struct world *w = *state;
    struct principal who;

    assert_int_equal(judge_secret(w, "secret number 2.", until_ms - 1, &who), AUTH_ACCEPTED);
    assert_true(who.until_ms == 0 && who.secret_no == 2);
    assert_int_equal(judge_secret(w, "secret number 2.", until_ms, &who), AUTH_ACCEPTED);
    assert_int_equal(judge_secret(w, "secret number 1.", until_ms - 1, &who), AUTH_ACCEPTED);
    assert_true(who.until_ms == until_ms && who.secret_no == 1);
    assert_false(auth_is_over(&who, until_ms - 1));
    assert_true(auth_is_over(&who, until_ms));
    assert_int_equal(judge_secret(w, "secret number 1.", until_ms, &who), AUTH_REFUSED);
    assert_int_equal(judge_secret(w, "secret number 0.", until_ms - 1, &who), AUTH_REFUSED);
}

/* Changes the device "pump/new" and asks whether a client with that secret may stay. */
static bool may_stay(struct world *w, const struct device *now, uint32_t secret_no, uint64_t now_ms)
{
    const struct device before = devices[3].device;
    struct principal who = {.key = before.key, .created_ms = 1, .secret_no = secret_no};
    const char *why = NULL;
    bool stays;

    devices[3].device = *now;
    stays = auth_may_stay(&w->auth, &who, now_ms, &why);
    devices[3].device = before;
    assert_int_equal(stays, why == NULL);
    return stays;
}

static void a_connected_device_stays_while_what_proved_it_is_good(void **state)
{
    struct world *w = *state;
    struct device d = devices[3].device;
    const uint64_t until_ms = d.old_until_ms;
    struct principal service = {.service = true};
    const char *why;

    assert_true(may_stay(w, &d, 2, until_ms));
    assert_true(may_stay(w, &d, 1, until_ms - 1));
    assert_false(may_stay(w, &d, 1, until_ms));
    assert_true(may_stay(w, &d, 0, until_ms)); /* by certificate */
    d.secret_no = 3;
    assert_false(may_stay(w, &d, 1, until_ms - 1));
    d.secret_no = 2;
    d.disabled = true;
    assert_false(may_stay(w, &d, 2, 0));
    assert_false(may_stay(w, &d, 0, 0));
    d.disabled = false;
    d.created_ms++; /* removed and added again */
    assert_false(may_stay(w, &d, 2, 0));
    d = devices[3].device;
    (void)snprintf(d.key.device, sizeof(d.key.device), "gone");
    assert_false(may_stay(w, &d, 2, 0));
    w->fake.err = FERRY_E_BUSY;
    assert_true(may_stay(w, &d, 2, 0));
    assert_true(auth_may_stay(&w->auth, &service, 0, &why));
}

static auth_verdict judge_certificate(struct world *w, const char *name, const char *user, const char *password,
                                      const char *client_id)
{
    struct auth_request request = {
        .username = ferry_text_of(user),
        .password = ferry_text_of(password),
        .client_id = ferry_text_of(client_id),
        .certificate = ferry_text_of(name),
        .plain_secret_ok = true,
    };
    struct principal who;
    const char *why;
    auth_verdict verdict = auth_judge(&w->auth, &request, &who, &why);

    if (verdict == AUTH_ACCEPTED)
        assert_string_equal(who.key.device, "7");
    return verdict;
}

static void a_certificate_proves_the_device_that_it_names(void **state)
{
    static const char *const wrong[] = {"", "pump", "pump/8", "pump7", "pump/7/", "/pump/7", "pump/off", "ferryd",
                                        "pump7;a;b;", "pump/7 "};
    struct world *w = *state;

    assert_int_equal(judge_certificate(w, "pump/7", NULL, NULL, "pump/7"), AUTH_ACCEPTED);
    assert_int_equal(judge_certificate(w, "pump/7", NULL, "ignored", "pump7.2"), AUTH_ACCEPTED);
    assert_int_equal(judge_certificate(w, "pump/7", NULL, NULL, "pump8"), AUTH_REFUSED);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        print_message("%s\n", wrong[i]);
        assert_int_equal(judge_certificate(w, wrong[i], NULL, NULL, "pump7"), AUTH_REFUSED);
    }
    w->fake.err = FERRY_E_BUSY;
    assert_int_equal(judge_certificate(w, "pump/7", NULL, NULL, "pump/7"), AUTH_UNAVAILABLE);
}

static void who_shows_a_certificate_and_a_password_must_be_one_device(void **state)
{
    static const char secret[] = "MDEyMzQ1Njc4OWFiY2RlZg==";
    struct world *w = *state;

    assert_int_equal(judge_certificate(w, "pump/7", "pump/7", secret, "pump/7"), AUTH_ACCEPTED);
    assert_int_equal(judge_certificate(w, "pump/7", "pump/7", "wrong", "pump/7"), AUTH_REFUSED);
    assert_int_equal(judge_certificate(w, "pump/new", "pump/7", secret, "pump/7"), AUTH_REFUSED);
    assert_int_equal(judge_certificate(w, "", "pump/7", secret, "pump/7"), AUTH_REFUSED);
    write_hash(w, "one");
    assert_int_equal(judge_certificate(w, "pump/7", "ferryd", "one", "ferryd@1"), AUTH_REFUSED);
}

static auth_verdict name_of(struct world *w, const char *user, const char *client_id, struct principal *who)
{
    struct auth_request request = {.username = ferry_text_of(user), .client_id = ferry_text_of(client_id)};
    const char *why;

    return auth_name(&w->auth, &request, who, &why);
}

static void another_brokers_client_is_known_by_its_names(void **state)
{
    struct world *w = *state;
    struct principal who;

    assert_int_equal(name_of(w, "pump/7", "pump/7", &who), AUTH_ACCEPTED);
    assert_true(device_key_equal(&who.key, &devices[0].device.key));
    assert_int_equal(name_of(w, "pumpnew;a;b;", "pumpnew", &who), AUTH_ACCEPTED);
    assert_true(device_key_equal(&who.key, &devices[3].device.key));
    assert_int_equal(name_of(w, "pump7;a;b;", "pump/7", &who), AUTH_ACCEPTED);
    assert_true(device_key_equal(&who.key, &devices[0].device.key));
    assert_int_equal(name_of(w, "pump7;a;b;", "pum/p7", &who), AUTH_ACCEPTED);
    assert_true(device_key_equal(&who.key, &devices[1].device.key));
    assert_int_equal(name_of(w, "pump7;a;b;", "pump7", &who), AUTH_REFUSED); /* which of two? */
    assert_int_equal(name_of(w, "pump/7", "pum/p7", &who), AUTH_REFUSED);
    assert_int_equal(name_of(w, "pump/off", "pump/off", &who), AUTH_REFUSED);
    assert_int_equal(name_of(w, "pumpoff;a;b;", "pumpoff", &who), AUTH_REFUSED);
    assert_int_equal(name_of(w, "pump/9", "pump/9", &who), AUTH_REFUSED);
    assert_int_equal(name_of(w, "pump/7", NULL, &who), AUTH_REFUSED);
    assert_int_equal(name_of(w, NULL, "pump/7", &who), AUTH_REFUSED);
    assert_int_equal(name_of(w, "ferryd", "ferryd@1", &who), AUTH_UNAVAILABLE);
    w->fake.err = FERRY_E_BUSY;
    assert_int_equal(name_of(w, "pump/7", "pump/7", &who), AUTH_UNAVAILABLE);
}

static void a_key_file_that_was_changed_is_read_again(void **state)
{
    char path[] = "/tmp/ferry-keys-XXXXXX";
    struct world *w = *state;
    struct principal who;
    struct seal_keys keys = w->auth.keys;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)close(fd);
    seal_keys_done(&w->auth.keys);
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &who), AUTH_UNAVAILABLE);
    w->auth.keys_path = path;
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &who), AUTH_UNAVAILABLE); /* it is empty */
    assert_int_equal(seal_keys_write(path, &keys), FERRY_OK);
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &who), AUTH_ACCEPTED);
    (void)unlink(path);
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &who), AUTH_ACCEPTED);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(of_devices_with_one_joined_name_the_secret_tells_which),
        RULE(who_cannot_prove_the_secret_is_refused),
        RULE(a_disabled_device_is_refused),
        RULE(a_foreign_client_id_is_refused),
        RULE(an_expired_credential_opens_no_new_connection_and_ends_no_old_one),
        RULE(the_secret_as_password_needs_a_listener_that_allows_it),
        RULE(a_database_that_cannot_be_read_ends_nobodys_program),
        RULE(a_failed_question_opens_the_database_again),
        RULE(the_platform_is_known_by_the_hash_of_the_day),
        RULE(a_device_cannot_pass_for_the_platform),
        RULE(the_old_secret_is_good_until_its_time),
        RULE(a_connected_device_stays_while_what_proved_it_is_good),
        RULE(a_certificate_proves_the_device_that_it_names),
        RULE(who_shows_a_certificate_and_a_password_must_be_one_device),
        RULE(another_brokers_client_is_known_by_its_names),
        RULE(a_key_file_that_was_changed_is_read_again),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
