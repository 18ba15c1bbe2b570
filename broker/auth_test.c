#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth.h"

#include "base/encode.h"
#include "base/system.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW_S = 1700000000 };

/* A store that knows three devices; two of them join to the same text. Every call gives err when it is set. */
struct fake_store {
    struct store store;
    ferry_err err;
    unsigned connects;
};

static struct device devices[] = {
    {.key = {"pump", "7"}, .secret = "0123456789abcdef", .secret_len = 16},
    {.key = {"pum", "p7"}, .secret = "another secret..", .secret_len = 16},
    {.key = {"pump", "off"}, .secret = "0123456789abcdef", .secret_len = 16, .disabled = true},
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
        if (device_key_equal(&devices[i].key, key)) {
            *ret = devices[i];
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
        size_t len = strlen(devices[i].key.product);

        if (strncmp(text, devices[i].key.product, len) == 0 && strcmp(text + len, devices[i].key.device) == 0 &&
            count < cap)
            out[count++] = devices[i];
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
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    int fd;

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

    directory_close(&w->auth.directory);
    (void)unlink(w->hash_path);
    free(w);
    return 0;
}

static void sign(const char *user, const struct device *device, char password[64])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len;

    assert_non_null(HMAC(EVP_sha1(), device->secret, (int)device->secret_len, (const unsigned char *)user,
                         strlen(user), mac, &len));
    ferry_hex_encode(mac, len, password);
    memcpy(password + 2 * len, ";hmacsha1", sizeof(";hmacsha1"));
}

static auth_verdict judge_known(struct world *w, const char *user, const char *password, const char *client_id,
                                const struct client *known, struct client *ret_client)
{
    struct auth_request request = {
        .username = ferry_text_of(user),
        .password = ferry_text_of(password),
        .client_id = ferry_text_of(client_id),
        .now_s = NOW_S,
        .known = known,
    };
    const char *why = NULL;
    auth_verdict verdict = auth_judge(&w->auth, &request, ret_client, &why);

    assert_int_equal(verdict == AUTH_ACCEPTED, why == NULL);
    return verdict;
}

static auth_verdict judge(struct world *w, const char *user, const char *password, const char *client_id)
{
    struct client client;

    return judge_known(w, user, password, client_id, NULL, &client);
}

static auth_verdict judge_signed(struct world *w, const char *user, const struct device *device,
                                 const struct client *known, struct client *ret_client)
{
    char password[64];

    sign(user, device, password);
    return judge_known(w, user, password, "pump7", known, ret_client);
}

static void of_devices_with_one_joined_name_the_secret_tells_which(void **state)
{
    struct world *w = *state;
    struct client client;

    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_true(device_key_equal(&client.key, &devices[0].key));
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[1], NULL, &client), AUTH_ACCEPTED);
    assert_true(device_key_equal(&client.key, &devices[1].key));
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

    sign("pumpoff;a;b;", &devices[2], password);
    assert_int_equal(judge(w, "pumpoff;a;b;", password, "pumpoff"), AUTH_REFUSED);
}

static void a_foreign_client_id_is_refused(void **state)
{
    struct world *w = *state;
    char password[64];

    sign("pump7;a;b;", &devices[0], password);
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
    struct client client, again;

    assert_int_equal(judge_signed(w, "pump7;a;b;1700000000", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(judge_signed(w, "pump7;a;b;1699999999", &devices[0], NULL, &again), AUTH_REFUSED);
    assert_int_equal(judge_signed(w, "pump7;a;b;1699999999", &devices[0], &client, &again), AUTH_REFUSED);
    w->auth.service_hash_path = NULL;
    for (size_t i = 0; i < 2; i++) { /* the connected one is asked about again, later */
        char password[64];
        struct auth_request later = {.now_s = NOW_S + 1000, .known = i == 0 ? &client : NULL};
        const char *why;

        sign("pump7;a;b;1700000000", &devices[0], password);
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
    w->auth.allow_plain_secret = true;
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
    struct client client, again;

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
    struct client client;

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
    struct client client, again;

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
    struct client client;

    write_hash(w, "one");
    assert_int_equal(judge_signed(w, "pump7;a;b;", &devices[0], NULL, &client), AUTH_ACCEPTED);
    assert_int_equal(judge_known(w, "ferryd", "x", "ferryd@1", &client, &client), AUTH_REFUSED);
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
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
