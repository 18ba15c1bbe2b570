#include "url_keys.h"

#include "store/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS 1700000000000ull
#define NOW_S (NOW_MS / 1000)
enum { LIFE_S = 3600 };

struct world {
    struct store *store;
    struct store_conn *conn;
    struct seal_keys seal;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_int_equal(store_mem_open(&w->store), FERRY_OK);
    assert_int_equal(w->store->ops->connect(w->store, STORE_WRITER, &w->conn), FERRY_OK);
    seal_keys_push(&w->seal);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    w->store->ops->disconnect(w->conn);
    w->store->ops->close(w->store);
    free(w);
    return 0;
}

static struct url_keys opened(struct world *w, url_key_wish wish, uint64_t now_ms)
{
    struct url_keys keys;

    assert_int_equal(url_keys_open(w->store, w->conn, &w->seal, wish, now_ms, LIFE_S, &keys), FERRY_OK);
    return keys;
}

static void first_key_is_made_and_kept(void **state)
{
    struct url_keys first = opened(*state, URL_KEY_KEEP, NOW_MS), again = opened(*state, URL_KEY_KEEP, NOW_MS);

    assert_memory_equal(first.key, again.key, sizeof(first.key));
    assert_int_equal(first.old_count, 0);
    assert_int_equal(again.old_count, 0);
}

static void key_of_before_vouches_until_the_last_url_has_expired(void **state)
{
    struct url_keys first = opened(*state, URL_KEY_KEEP, NOW_MS), rotated = opened(*state, URL_KEY_NEW, NOW_MS);
    struct url_keys later = opened(*state, URL_KEY_KEEP, NOW_MS + 1000ull * LIFE_S - 1);

    assert_memory_not_equal(first.key, rotated.key, sizeof(first.key));
    assert_int_equal(rotated.old_count, 1);
    assert_memory_equal(rotated.old[0].key, first.key, sizeof(first.key));
    assert_int_equal(rotated.old[0].until_s, NOW_S + LIFE_S);
    assert_memory_equal(later.key, rotated.key, sizeof(later.key));
    assert_int_equal(later.old_count, 1);
    assert_memory_equal(&later.old[0], &rotated.old[0], sizeof(later.old[0]));
    assert_int_equal(opened(*state, URL_KEY_KEEP, NOW_MS + 1000ull * LIFE_S).old_count, 0);
}

static void of_many_changes_the_newest_keys_are_kept(void **state)
{
    struct url_keys keys[6] = {opened(*state, URL_KEY_KEEP, NOW_MS)};

    for (size_t i = 1; i < 6; i++)
        keys[i] = opened(*state, URL_KEY_NEW, NOW_MS + 1000 * i);
    assert_int_equal(keys[5].old_count, SIGNED_URL_OLD_KEYS_MAX);
    for (size_t i = 0; i < SIGNED_URL_OLD_KEYS_MAX; i++) {
        assert_memory_equal(keys[5].old[i].key, keys[4 - i].key, sizeof(keys[0].key));
        assert_int_equal(keys[5].old[i].until_s, NOW_S + 5 - i + LIFE_S);
    }
}

static void replaced_key_and_those_before_it_vouch_for_nothing(void **state)
{
    struct url_keys first = opened(*state, URL_KEY_NEW, NOW_MS), replaced = opened(*state, URL_KEY_REPLACED, NOW_MS);

    assert_int_equal(first.old_count, 1);
    assert_int_equal(replaced.old_count, 0);
    assert_memory_not_equal(first.key, replaced.key, sizeof(first.key));
    assert_int_equal(opened(*state, URL_KEY_KEEP, NOW_MS).old_count, 0);
}

/* A clock that was set back must not cut the life of URLs short. */
static void time_of_the_store_counts_when_the_clock_is_behind(void **state)
{
    struct world *w = *state;
    struct upload_task task = {.size = 1, .state = UPLOAD_CREATED, .created_ms = 1, .updated_ms = NOW_MS};
    struct product product = {.name = "p", .created_ms = 1};

    assert_true(device_key_make("p", "d", &task.device));
    memcpy(task.id.text, "01kdzhjq3mx5v6r2c8q0t9w4ab", FERRY_ID_LEN);
    memcpy(task.name, "n", 2);
    memset(task.md5, '0', FERRY_MD5_HEX);
    assert_int_equal(w->store->ops->product_add(w->conn, &product), FERRY_OK);
    assert_int_equal(w->store->ops->upload_put(w->conn, &task), FERRY_OK);
    assert_int_equal(opened(w, URL_KEY_NEW, 5000).old[0].until_s, NOW_S + LIFE_S);
}

static void damaged_keys_are_said(void **state)
{
    struct world *w = *state;
    struct url_keys keys = opened(w, URL_KEY_NEW, NOW_MS);

    assert_int_equal(w->store->ops->value_put(w->conn, "url_key_old_1", "short", 5), FERRY_OK);
    assert_int_equal(url_keys_open(w->store, w->conn, &w->seal, URL_KEY_KEEP, NOW_MS, LIFE_S, &keys), FERRY_E_CORRUPT);
    assert_int_equal(w->store->ops->value_put(w->conn, "url_key_old_1", NULL, 0), FERRY_OK);
    assert_int_equal(w->store->ops->value_put(w->conn, "url_key", "short", 5), FERRY_OK);
    assert_int_equal(url_keys_open(w->store, w->conn, &w->seal, URL_KEY_KEEP, NOW_MS, LIFE_S, &keys), FERRY_E_CORRUPT);
}

static void no_key_is_in_the_store_as_it_is(void **state)
{
    struct world *w = *state;
    struct url_keys keys = opened(w, URL_KEY_NEW, NOW_MS);
    static const char *const names[] = {"url_key", "url_key_old_1"};
    const uint8_t *plain[] = {keys.key, keys.old[0].key};
    uint8_t bytes[STORE_VALUE_MAX];
    size_t len = 0;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(w->store->ops->value_get(w->conn, names[i], bytes, sizeof(bytes), &len), FERRY_OK);
        assert_true(len > SIGNED_URL_KEY_SIZE);
        for (size_t at = 0; at + SIGNED_URL_KEY_SIZE <= len; at++)
            assert_memory_not_equal(bytes + at, plain[i], SIGNED_URL_KEY_SIZE);
    }
}

static void wish_is_one_of_two_words(void **state)
{
    url_key_wish wish = URL_KEY_KEEP;

    (void)state;
    assert_int_equal(url_key_wish_parse("now", &wish), FERRY_E_ARG);
    assert_int_equal(url_key_wish_parse("", &wish), FERRY_E_ARG);
    assert_int_equal(wish, URL_KEY_KEEP);
    assert_int_equal(url_key_wish_parse("overlap", &wish), FERRY_OK);
    assert_int_equal(wish, URL_KEY_NEW);
    assert_int_equal(url_key_wish_parse("at-once", &wish), FERRY_OK);
    assert_int_equal(wish, URL_KEY_REPLACED);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest rules[] = {
        RULE(first_key_is_made_and_kept),
        RULE(key_of_before_vouches_until_the_last_url_has_expired),
        RULE(of_many_changes_the_newest_keys_are_kept),
        RULE(replaced_key_and_those_before_it_vouch_for_nothing),
        RULE(time_of_the_store_counts_when_the_clock_is_behind),
        RULE(damaged_keys_are_said),
        RULE(no_key_is_in_the_store_as_it_is),
        cmocka_unit_test(wish_is_one_of_two_words),
    };
    return cmocka_run_group_tests(rules, NULL, NULL);
}
