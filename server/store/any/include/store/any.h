/**
 * @file any.h
 * @brief The stores that the programs know, by their address: postgresql://…, or the path of an SQLite file.
 */
#ifndef STORE_ANY_H
#define STORE_ANY_H

#include "api/store.h"

#include <stdbool.h>
#include <stdint.h>

struct store_any_config {
    const char *address; /**< copied */
    const char *name;    /**< of this program, for the people who look after a server; null: ferryd */
    uint32_t busy_ms;    /**< patience with a lock of another program, before FERRY_E_BUSY */
    uint32_t patience_ms; /**< with a server that is silent; 0: the store's own */
    uint32_t batch_max;  /**< commands in one transaction; 0: is not looked at */
};

/** @brief As the store's own open. */
FERRY_MUST_CHECK ferry_err store_any_open(const struct store_any_config *cfg, struct store **ret_store);

enum { STORE_ANY_TEXT_SIZE = 512 };

/** @brief The address as people may see it: without a password. */
void store_any_show(const char *address, char out[STORE_ANY_TEXT_SIZE]);
/** @brief In one line, why a call gave err; after connect(), with what the server says. s may be null. */
void store_any_explain(struct store *s, ferry_err err, char out[STORE_ANY_TEXT_SIZE]);

/** @brief Is it the address of a server, and not a path? */
bool store_any_is_server(const char *address);
/** @brief Looks at the address of a server. reterr_problem: what is wrong, without a secret. @retval FERRY_E_FORMAT | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err store_any_check_server(const char *address, char reterr_problem[STORE_ANY_TEXT_SIZE]);

#endif
