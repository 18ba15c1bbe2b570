/**
 * @file secrets.h
 * @brief What ferryd makes by chance and keeps: the operator's first token, its name and password at the broker.
 */
#ifndef DAEMON_SECRETS_H
#define DAEMON_SECRETS_H

#include "api/store.h"
#include "base/error.h"

#include <stdint.h>

enum {
    SECRETS_CLIENT_ID_SIZE = 32,
    SECRETS_PASSWORD_SIZE = 65, /* 32 bytes in hexadecimal */
};

/** @brief Made at the first start, kept in the store. */
struct secrets {
    char client_id[SECRETS_CLIENT_ID_SIZE]; /**< of this installation at any broker */
};

/**
 * @brief Reads them, or makes them in one transaction. Makes the operator's first token (token_path, 0600) when
 * none was made before; says in the log when the file and the store do not belong together.
 * @param[in] conn      the writer, no transaction open
 * @param[in] new_token replace the token in any case
 * @retval FERRY_OK | those of the store | from errno for token_path
 */
FERRY_MUST_CHECK ferry_err secrets_open(struct store *store, struct store_conn *conn, const char *token_path,
                                        bool new_token, uint64_t now_ms, struct secrets *ret_secrets);

/**
 * @brief A fresh password for the broker's service account; its hash goes into the file that the plugin reads.
 * @retval FERRY_OK | from errno
 */
FERRY_MUST_CHECK ferry_err secrets_new_password(const char *hash_path, char ret_password[SECRETS_PASSWORD_SIZE]);

#endif
