#include "url_keys.h"

#include "base/log.h"
#include "base/system.h"

#include <inttypes.h>
#include <string.h>

#define KEY "url_key"
#define OLD_KEYS "url_keys_old" /* newest first; each: until_s in 8 bytes, most significant first, and the key */

enum { TIME_BYTES = 8, OLD_BYTES = TIME_BYTES + SIGNED_URL_KEY_SIZE };

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

static void write_old(const struct signed_url_old_key *old, uint8_t out[OLD_BYTES])
{
    for (size_t i = 0; i < TIME_BYTES; i++)
        out[i] = (uint8_t)(old->until_s >> (8 * (TIME_BYTES - 1 - i)));
    memcpy(out + TIME_BYTES, old->key, sizeof(old->key));
}

static void read_old(const uint8_t in[OLD_BYTES], struct signed_url_old_key *old)
{
    old->until_s = 0;
    for (size_t i = 0; i < TIME_BYTES; i++)
        old->until_s = old->until_s << 8 | in[i];
    memcpy(old->key, in + TIME_BYTES, sizeof(old->key));
}

/* What has ended is left out. */
static ferry_err read_all_old(const struct store_ops *ops, struct store_conn *conn, uint64_t now_s,
                              struct url_keys *keys)
{
    uint8_t bytes[SIGNED_URL_OLD_KEYS_MAX * OLD_BYTES];
    size_t len = 0;
    ferry_err err = ops->value_get(conn, OLD_KEYS, bytes, sizeof(bytes), &len);

    if (err == FERRY_E_NOT_FOUND)
        return FERRY_OK;
    if (err != FERRY_OK || len % OLD_BYTES != 0)
        return err != FERRY_OK ? err : FERRY_E_CORRUPT;
    for (size_t at = 0; at < len; at += OLD_BYTES) {
        read_old(bytes + at, &keys->old[keys->old_count]);
        keys->old_count += keys->old[keys->old_count].until_s > now_s;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return FERRY_OK;
}

static ferry_err write_all(const struct store_ops *ops, struct store_conn *conn, const struct url_keys *keys)
{
    uint8_t bytes[SIGNED_URL_OLD_KEYS_MAX * OLD_BYTES];
    ferry_err err = ops->value_put(conn, KEY, keys->key, sizeof(keys->key));

    for (size_t i = 0; i < keys->old_count; i++)
        write_old(&keys->old[i], bytes + i * OLD_BYTES);
    if (err == FERRY_OK)
        err = ops->value_put(conn, OLD_KEYS, bytes, keys->old_count * OLD_BYTES);
    explicit_bzero(bytes, sizeof(bytes));
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

static ferry_err read_key(const struct store_ops *ops, struct store_conn *conn, struct url_keys *keys)
{
    size_t len = 0;
    ferry_err err = ops->value_get(conn, KEY, keys->key, sizeof(keys->key), &len);

    if (err == FERRY_E_NOT_FOUND) {
        ferry_random_bytes(keys->key, sizeof(keys->key));
        return ops->value_put(conn, KEY, keys->key, sizeof(keys->key));
    }
    return err == FERRY_OK && len != sizeof(keys->key) ? FERRY_E_CORRUPT : err;
}

static ferry_err open_in_transaction(const struct store_ops *ops, struct store_conn *conn, url_key_wish wish,
                                     uint64_t now_ms, uint64_t life_s, struct url_keys *keys)
{
    uint64_t latest_ms = 0; /* the engine's clock does not go back behind it */
    ferry_err err = ops->latest_ms(conn, &latest_ms);
    uint64_t now_s = (latest_ms > now_ms ? latest_ms : now_ms) / 1000;

    if (err == FERRY_OK)
        err = read_key(ops, conn, keys);
    if (err == FERRY_OK)
        err = read_all_old(ops, conn, now_s, keys);
    if (err != FERRY_OK || wish == URL_KEY_KEEP)
        return err;
    change(keys, wish, now_s + life_s);
    return write_all(ops, conn, keys);
}

ferry_err url_keys_open(struct store *store, struct store_conn *conn, url_key_wish wish, uint64_t now_ms,
                        uint64_t life_s, struct url_keys *ret_keys)
{
    const struct store_ops *ops = store->ops;
    struct url_keys keys = {.old_count = 0};
    ferry_err err = ops->begin(conn);

    if (err != FERRY_OK)
        return err;
    err = open_in_transaction(ops, conn, wish, now_ms, life_s, &keys);
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
