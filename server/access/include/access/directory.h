/**
 * @file directory.h
 * @brief The devices that the platform knows, read from its own database, whether the platform runs or not.
 *
 * Opened when it is first asked; opened again after a failure. Not thread-safe. May wait for the disk.
 */
#ifndef ACCESS_DIRECTORY_H
#define ACCESS_DIRECTORY_H

#include "api/store.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct directory {
    /** Makes the store that is read; what is needed for it is in arg. Null: store and conn are set, and not ours. */
    ferry_err (*open)(void *arg, struct store **ret_store);
    void *arg;
    struct store *store;     /* null: not open */
    struct store_conn *conn;
};

/** @brief The device of that name. @retval FERRY_E_NOT_FOUND | as the store when it cannot be read */
FERRY_MUST_CHECK ferry_err directory_get(struct directory *d, const struct device_key *key, struct device *ret_device);
/** @brief Every device whose product and name, one after the other, are text (at most 2 * FERRY_IDENT_MAX bytes). */
FERRY_MUST_CHECK ferry_err directory_find_joined(struct directory *d, const char *text, struct device *out, size_t cap,
                                                 size_t *ret_count);
/** @brief Closes; the next question opens again. */
void directory_close(struct directory *d);

#endif
