/**
 * @file url_keys.h
 * @brief The keys of object URLs: one that signs, and those of before that still vouch for what they signed.
 */
#ifndef DAEMON_URL_KEYS_H
#define DAEMON_URL_KEYS_H

#include "access/seal.h"
#include "api/store.h"
#include "base/error.h"
#include "objects/signed_url.h"

typedef enum {
    URL_KEY_KEEP = 0,
    URL_KEY_NEW,      /**< a new one signs; URLs that were given out stay good until they expire */
    URL_KEY_REPLACED, /**< a new one signs; every URL that was given out is refused from now on */
} url_key_wish;

struct url_keys {
    uint8_t key[SIGNED_URL_KEY_SIZE]; /**< signs */
    struct signed_url_old_key old[SIGNED_URL_OLD_KEYS_MAX];
    size_t old_count;
};

/** @brief "overlap" or "at-once". @retval FERRY_OK | FERRY_E_ARG neither */
FERRY_MUST_CHECK ferry_err url_key_wish_parse(const char *text, url_key_wish *ret_wish);

/**
 * @brief Reads the keys, or makes the first one, and changes it when that is wished: in one transaction.
 * @param[in] conn    the writer, no transaction open
 * @param[in] seal    seals them in the store
 * @param[in] now_ms  Unix milliseconds; never judged to be before what the store has seen
 * @param[in] life_s  the life of URLs that the old key has signed
 * @retval FERRY_OK | those of the store | FERRY_E_CORRUPT
 * Ownership: the caller wipes *ret_keys after use.
 */
FERRY_MUST_CHECK ferry_err url_keys_open(struct store *store, struct store_conn *conn, const struct seal_keys *seal,
                                         url_key_wish wish, uint64_t now_ms, uint64_t life_s,
                                         struct url_keys *ret_keys);

#endif
