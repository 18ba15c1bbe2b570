#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sealing.h"

#include "store/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEVICES = 150 }; /* more than two pages */

struct world {
    char folder[64], path[96];
    struct store *store;
    struct store_conn *conn;
    char problem[SEALING_PROBLEM_SIZE];
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/ferry-sealing-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof(w->path), "%s/secrets.key", w->folder);
    assert_int_equal(store_mem_open(&w->store), FERRY_OK);
    assert_int_equal(w->store->ops->connect(w->store, STORE_WRITER, &w->conn), FERRY_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    w->store->ops->disconnect(w->conn);
    w->store->ops->close(w->store);
    (void)unlink(w->path);
    (void)rmdir(w->folder);
    free(w);
    return 0;
}

static struct device_key key_of(unsigned i)
{
    struct device_key key = {"pump", ""};

    (void)snprintf(key.device, sizeof(key.device), "d%03u", i);
    return key;
}

/* A database of the time before sealing. */
static void fill_plain(struct world *w)
{
    const struct store_ops *ops = w->store->ops;

    assert_int_equal(ops->product_add(w->conn, &(struct product){.name = "empty"}), FERRY_OK);
    assert_int_equal(ops->product_add(w->conn, &(struct product){.name = "pump"}), FERRY_OK);
    assert_int_equal(ops->value_put(w->conn, "url_key", "0123456789abcdef0123456789ABCDEF", 32), FERRY_OK);
    for (unsigned i = 0; i < DEVICES; i++) {
        struct device d = {.key = key_of(i), .secret.len = 32, .secret_no = 1};

        memset(d.secret.bytes, (int)i, 32);
        assert_int_equal(ops->device_add(w->conn, &d), FERRY_OK);
    }
}

static ferry_err open_keys(struct world *w, bool new_key, struct seal_keys *ret)
{
    return sealing_open(w->store, w->conn, w->path, new_key, ret, w->problem);
}

static struct seal_keys opened(struct world *w, bool new_key)
{
    struct seal_keys keys;

    assert_int_equal(open_keys(w, new_key, &keys), FERRY_OK);
    assert_string_equal(w->problem, "");
    assert_int_equal(keys.count, 1);
    return keys;
}

/* Every secret is sealed with this key and is what it was. */
static void check_all(struct world *w, const struct seal_keys *keys)
{
    uint8_t plain[DEVICE_SECRET_MAX], expected[32];
    size_t url_key_len = 0;
    char context[SEAL_CONTEXT_SIZE];

    for (unsigned i = 0; i < DEVICES; i++) {
        const struct device_key key = key_of(i);
        struct device d;
        size_t len;

        assert_int_equal(w->store->ops->device_get(w->conn, &key, &d), FERRY_OK);
        assert_int_equal(seal_open(keys, seal_context_device(&key, context), &d.secret, plain, &len), FERRY_OK);
        memset(expected, (int)i, sizeof(expected));
        assert_int_equal(len, 32);
        assert_memory_equal(plain, expected, 32);
    }
    assert_int_equal(sealing_get(w->store->ops, w->conn, keys, "url_key", plain, &url_key_len), FERRY_OK);
    assert_int_equal(url_key_len, 32);
    assert_memory_equal(plain, "0123456789abcdef0123456789ABCDEF", 32);
}

static void plain_secrets_are_sealed_at_the_first_start(void **state)
{
    struct world *w = *state;
    struct seal_keys keys, again;
    struct stat info;

    fill_plain(w);
    keys = opened(w, false);
    check_all(w, &keys);
    assert_int_equal(stat(w->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    again = opened(w, false);
    assert_memory_equal(&again, &keys, sizeof(keys));
    check_all(w, &keys);
}

static void a_new_key_seals_everything_and_the_old_one_opens_nothing(void **state)
{
    struct world *w = *state;
    struct seal_keys first, second;
    char context[SEAL_CONTEXT_SIZE];
    uint8_t plain[DEVICE_SECRET_MAX];
    const struct device_key key = key_of(0);
    struct device d;
    size_t len;

    fill_plain(w);
    first = opened(w, false);
    second = opened(w, true);
    assert_memory_not_equal(&first.keys[0], &second.keys[0], sizeof(first.keys[0]));
    check_all(w, &second);
    assert_int_equal(w->store->ops->device_get(w->conn, &key, &d), FERRY_OK);
    assert_int_equal(seal_open(&first, seal_context_device(&key, context), &d.secret, plain, &len), FERRY_E_NOT_FOUND);
    assert_int_equal(seal_keys_read(w->path, &second), FERRY_OK);
    assert_int_equal(second.count, 1); /* the old key is gone from the file too */
}

/* The power fails after the file was written, and after the database was. */
static void a_change_of_keys_that_was_interrupted_is_finished(void **state)
{
    struct world *w = *state;
    struct seal_keys both, keys;

    fill_plain(w);
    both = opened(w, false);
    seal_keys_push(&both);
    assert_int_equal(seal_keys_write(w->path, &both), FERRY_OK);
    keys = opened(w, false);
    assert_memory_equal(&keys.keys[0], &both.keys[0], sizeof(keys.keys[0]));
    check_all(w, &keys);
    assert_int_equal(seal_keys_write(w->path, &both), FERRY_OK);
    keys = opened(w, true); /* asked again: the change under way is finished, no third key is made */
    assert_memory_equal(&keys.keys[0], &both.keys[0], sizeof(keys.keys[0]));
    check_all(w, &keys);
}

static void a_key_file_that_does_not_fit_stops_the_start_and_changes_nothing(void **state)
{
    struct world *w = *state;
    struct seal_keys keys, other = {.count = 0}, none;

    fill_plain(w);
    keys = opened(w, false);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(open_keys(w, false, &none), FERRY_E_STATE);
    assert_non_null(strstr(w->problem, "put back"));
    assert_int_not_equal(access(w->path, F_OK), 0);
    seal_keys_push(&other);
    assert_int_equal(seal_keys_write(w->path, &other), FERRY_OK);
    assert_int_equal(open_keys(w, true, &none), FERRY_E_STATE);
    assert_non_null(strstr(w->problem, "put back"));
    assert_int_equal(seal_keys_write(w->path, &keys), FERRY_OK);
    assert_int_equal(chmod(w->path, 0644), 0);
    assert_int_equal(open_keys(w, false, &none), FERRY_E_DENIED);
    assert_non_null(strstr(w->problem, "chmod 600"));
    assert_int_equal(chmod(w->path, 0600), 0);
    keys = opened(w, false);
    check_all(w, &keys);
}

static void an_altered_secret_stops_a_change_of_keys_as_a_whole(void **state)
{
    struct world *w = *state;
    struct seal_keys keys, none;
    struct device d;
    const struct device_key last = key_of(DEVICES - 1);

    fill_plain(w);
    keys = opened(w, false);
    assert_int_equal(w->store->ops->device_get(w->conn, &last, &d), FERRY_OK);
    d.secret.bytes[60] ^= 1;
    assert_int_equal(w->store->ops->device_set_secrets(w->conn, &d), FERRY_OK);
    assert_int_equal(open_keys(w, true, &none), FERRY_E_CORRUPT);
    d.secret.bytes[60] ^= 1;
    assert_int_equal(w->store->ops->device_set_secrets(w->conn, &d), FERRY_OK);
    check_all(w, &keys); /* nothing was changed */
}

static const struct store_ops *real_ops;

/* When nobody else changes anything any more, somebody has. */
static ferry_err claim_too_late(struct store_conn *c, const struct store_scope *scope)
{
    assert_true(scope->everything);
    return real_ops->value_put(c, "secrets_key_id", "hers", SEAL_ID_BYTES);
}

static void a_database_that_another_process_has_just_begun_is_not_sealed_twice(void **state)
{
    struct world *w = *state;
    struct store_ops shared = *w->store->ops;
    struct seal_keys none;

    fill_plain(w);
    real_ops = w->store->ops;
    shared.claim = claim_too_late;
    w->store->ops = &shared;
    assert_int_equal(open_keys(w, false, &none), FERRY_E_STATE);
    assert_non_null(strstr(w->problem, "another ferryd has just begun this database"));
    w->store->ops = real_ops;
    for (unsigned i = 0; i < DEVICES; i += DEVICES - 1) {
        const struct device_key key = key_of(i);
        struct device d;

        assert_int_equal(real_ops->device_get(w->conn, &key, &d), FERRY_OK);
        assert_int_equal(d.secret.len, 32); /* as it was */
    }
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(plain_secrets_are_sealed_at_the_first_start),
        RULE(a_new_key_seals_everything_and_the_old_one_opens_nothing),
        RULE(a_change_of_keys_that_was_interrupted_is_finished),
        RULE(a_key_file_that_does_not_fit_stops_the_start_and_changes_nothing),
        RULE(an_altered_secret_stops_a_change_of_keys_as_a_whole),
        RULE(a_database_that_another_process_has_just_begun_is_not_sealed_twice),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
