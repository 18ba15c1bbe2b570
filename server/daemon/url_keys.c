#include "url_keys.h"

#include "sealing.h"

#include "base/log.h"
#include "base/system.h"

#include <inttypes.h>
#include <string.h>

#define KEY "url_key"

/* The keys of before, newest first; each: until_s in 8 bytes, most significant first, and the key. */
static const char *const old_names[SIGNED_URL_OLD_KEYS_MAX] = {"url_key_old_1", "url_key_old_2", "url_key_old_3"};

enum { TIME_BYTES = 8, OLD_BYTES = TIME_BYTES + SIGNED_URL_KEY_SIZE };

/* Where the keys are kept, and what seals them there. */
struct place {
    const struct store_ops *ops;
    struct store_conn *conn;
    const struct seal_keys *seal;
};

ferry_err url_key_wish_parse(const char *text, url_key_wish *ret_wish)
{
    if (strcmp(text, "overlap") == 0)
        *ret_wish = URL_KEY_NEW;
    else if (strcmp(text, "at-once") == 0)
        *ret_wish = URL_KEY_REPLACED;
    else
        return FERRY_E_ARG;
    return FERRY_OK;
}

static ferry_err put_old(const struct place *place, const char *name, const struct signed_url_old_key *old)
{
    uint8_t bytes[OLD_BYTES];
    ferry_err err;

    for (size_t i = 0; i < TIME_BYTES; i++)
        bytes[i] = (uint8_t)(old->until_s >> (8 * (TIME_BYTES - 1 - i)));
    memcpy(bytes + TIME_BYTES, old->key, sizeof(old->key));
    err = sealing_put(place->ops, place->conn, place->seal, name, bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    return err;
}

static ferry_err get_old(const struct place *place, const char *name, struct signed_url_old_key *old)
{
    uint8_t bytes[DEVICE_SECRET_MAX];
    size_t len = 0;
    ferry_err err = sealing_get(place->ops, place->conn, place->seal, name, bytes, &len);

    if (err == FERRY_OK && len != OLD_BYTES)
        err = FERRY_E_CORRUPT;
    old->until_s = 0;
    for (size_t i = 0; err == FERRY_OK && i < TIME_BYTES; i++)
        old->until_s = old->until_s << 8 | bytes[i];
    if (err == FERRY_OK)
        memcpy(old->key, bytes + TIME_BYTES, sizeof(old->key));
    explicit_bzero(bytes, sizeof(bytes));
    return err;
}

/* What has ended is left out. */
static ferry_err get_all_old(const struct place *place, uint64_t now_s, struct url_keys *keys)
{
    for (size_t i = 0; i < SIGNED_URL_OLD_KEYS_MAX; i++) {
        ferry_err err = get_old(place, old_names[i], &keys->old[keys->old_count]);

        if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
            return err;
        keys->old_count += err == FERRY_OK && keys->old[keys->old_count].until_s > now_s;
    }
    return FERRY_OK;
}

static ferry_err put_all(const struct place *place, const struct url_keys *keys)
{
    ferry_err err = sealing_put(place->ops, place->conn, place->seal, KEY, keys->key, sizeof(keys->key));

    for (size_t i = 0; err == FERRY_OK && i < SIGNED_URL_OLD_KEYS_MAX; i++)
        err = i < keys->old_count ? put_old(place, old_names[i], &keys->old[i])
                                  : sealing_put(place->ops, place->conn, place->seal, old_names[i], NULL, 0);
    return err;
}

/* When there are too many, the oldest goes. */
static void change(struct url_keys *keys, url_key_wish wish, uint64_t until_s)
{
    if (keys->old_count == SIGNED_URL_OLD_KEYS_MAX)
        keys->old_count--;
    memmove(&keys->old[1], &keys->old[0], keys->old_count * sizeof(keys->old[0]));
    memcpy(keys->old[0].key, keys->key, sizeof(keys->key));
    keys->old[0].until_s = until_s;
    keys->old_count = wish == URL_KEY_NEW ? keys->old_count + 1 : 0;
    ferry_random_bytes(keys->key, sizeof(keys->key));
}

static ferry_err get_key(const struct place *place, struct url_keys *keys)
{
    uint8_t bytes[DEVICE_SECRET_MAX];
    size_t len = 0;
    ferry_err err = sealing_get(place->ops, place->conn, place->seal, KEY, bytes, &len);

    if (err == FERRY_E_NOT_FOUND) {
        ferry_random_bytes(keys->key, sizeof(keys->key));
        return sealing_put(place->ops, place->conn, place->seal, KEY, keys->key, sizeof(keys->key));
    }
    if (err == FERRY_OK && len != sizeof(keys->key))
        err = FERRY_E_CORRUPT;
    if (err == FERRY_OK)
        memcpy(keys->key, bytes, sizeof(keys->key));
    explicit_bzero(bytes, sizeof(bytes));
    return err;
}

static ferry_err open_in_transaction(const struct place *place, url_key_wish wish, uint64_t now_ms, uint64_t life_s,
                                     struct url_keys *keys)
{
    uint64_t latest_ms = 0; /* the engine's clock does not go back behind it */
    ferry_err err = place->ops->latest_ms(place->conn, &latest_ms);
    uint64_t now_s = (latest_ms > now_ms ? latest_ms : now_ms) / 1000;

    if (err == FERRY_OK)
        err = get_key(place, keys);
    if (err == FERRY_OK)
        err = get_all_old(place, now_s, keys);
    if (err != FERRY_OK || wish == URL_KEY_KEEP)
        return err;
    change(keys, wish, now_s + life_s);
    return put_all(place, keys);
}

ferry_err url_keys_open(struct store *store, struct store_conn *conn, const struct seal_keys *seal,
                        url_key_wish wish, uint64_t now_ms, uint64_t life_s, struct url_keys *ret_keys)
{
    const struct store_ops *ops = store->ops;
    const struct place place = {.ops = ops, .conn = conn, .seal = seal};
    struct url_keys keys = {.old_count = 0};
    ferry_err err = store_begin_alone(ops, conn);

    if (err != FERRY_OK)
        return err;
    err = open_in_transaction(&place, wish, now_ms, life_s, &keys);
    if (err != FERRY_OK)
        ops->rollback(conn);
    else
        err = ops->commit(conn);
    if (err == FERRY_OK)
        *ret_keys = keys;
    if (err == FERRY_OK && wish == URL_KEY_NEW)
        ferry_log(FERRY_LOG_INFO, "data", "a new key signs object URLs; those given out are good for %" PRIu64 " s yet",
                  life_s);
    if (err == FERRY_OK && wish == URL_KEY_REPLACED)
        ferry_log(FERRY_LOG_INFO, "data", "a new key signs object URLs; all that were given out are refused");
    explicit_bzero(&keys, sizeof(keys));
    return err;
}
