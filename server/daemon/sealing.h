/**
 * @file sealing.h
 * @brief The key of the secrets at rest, and that everything in the database is sealed with it.
 */
#ifndef DAEMON_SEALING_H
#define DAEMON_SEALING_H

#include "access/seal.h"
#include "api/store.h"
#include "base/error.h"

#include <stdbool.h>

enum { SEALING_PROBLEM_SIZE = 512 };

/**
 * @brief Reads the key file, or makes it for a database that has none; seals what is not sealed yet, or with the key
 * before, in one transaction; then drops that key. So a change of keys that was interrupted is finished at the next start.
 * @param[in]  conn     the writer, no transaction open
 * @param[in]  new_key  begin with a new key
 * @param[out] reterr_problem  what is wrong and what to do, when it is about the key file; else empty
 * @retval FERRY_OK | FERRY_E_STATE the key file does not fit the database | those of the store and of the file
 */
FERRY_MUST_CHECK ferry_err sealing_open(struct store *store, struct store_conn *conn, const char *key_path,
                                        bool new_key, struct seal_keys *ret_keys,
                                        char reterr_problem[SEALING_PROBLEM_SIZE]);

/**
 * @brief Reads a secret value of the installation. Wipe out after use.
 * @retval FERRY_E_NOT_FOUND there is none, or an empty one | FERRY_E_CORRUPT it does not open | those of the store
 */
FERRY_MUST_CHECK ferry_err sealing_get(const struct store_ops *ops, struct store_conn *conn,
                                       const struct seal_keys *keys, const char *name,
                                       uint8_t out[DEVICE_SECRET_MAX], size_t *ret_len);
/**
 * @brief Writes it sealed; len 0 empties it. Its name is one of the table in sealing.c, so that a new key reaches it.
 * @param[in] len  at most DEVICE_SECRET_MAX
 * @retval FERRY_E_ARG too many bytes | those of the store
 */
FERRY_MUST_CHECK ferry_err sealing_put(const struct store_ops *ops, struct store_conn *conn,
                                       const struct seal_keys *keys, const char *name, const uint8_t *bytes,
                                       size_t len);

#endif
