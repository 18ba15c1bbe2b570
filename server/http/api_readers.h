/**
 * @file api_readers.h
 * @brief Read-only connections to the store, made when first needed and lent to one thread at a time.
 */
#ifndef HTTP_API_READERS_H
#define HTTP_API_READERS_H

#include "api/store.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct api_readers;

/** @brief At most count connections of the store will be open. @retval FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err api_readers_new(struct store *store, size_t count, struct api_readers **ret_readers);
/** @brief Lends one; waits for another thread to give one back when all are lent. Any thread.
 *  Errors: those of the store's connect. */
FERRY_MUST_CHECK ferry_err api_readers_borrow(struct api_readers *readers, struct store_conn **ret_conn);
/** @brief Takes it back. One that is not sound is closed, and made anew when needed. */
void api_readers_give_back(struct api_readers *readers, struct store_conn *conn, bool sound);
/** @brief Closes all; none may be lent. Accepts null. */
void api_readers_free(struct api_readers *readers);

#endif
