/**
 * @file postgres.h
 * @brief The store of many machines: a PostgreSQL database (13 or later) that any number of programs share.
 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

#include "api/store.h"

#include <stdbool.h>
#include <stdint.h>

struct store_postgres_config {
    const char *uri;    /**< postgresql://… as libpq understands it, several hosts too. Copied; holds a password, perhaps */
    const char *name;   /**< what the server calls our connections; null: ferryd */
    uint32_t busy_ms;   /**< how long a call waits for a lock of another program before FERRY_E_BUSY */
    uint32_t patience_ms; /**< a server that is silent for so long counts as gone; 0: ten seconds */
    uint32_t batch_max; /**< commands in one transaction, each of which may need a lock; 0: is not looked at */
};

/**
 * @brief Makes a store. The server is not asked before the first connect().
 *
 * connect(STORE_WRITER) brings the schema up to date; each program has one. connect(STORE_READER) never changes anything.
 * A connection that is lost, or whose server is silent for patience_ms, loses its transaction (FERRY_E_AGAIN) and is made
 * anew with the next begin or the next reading, with the first host of the address that takes changes. When the answer to a
 * commit was lost, commit() finds out whether it was done. When it cannot for fifteen seconds, it gives FERRY_E_TIMEOUT: nobody
 * knows.
 *
 * connect() has (and store_postgres_problem() tells what to do):
 *   FERRY_E_NETWORK not reachable · FERRY_E_DENIED password or rights · FERRY_E_NOT_FOUND no such database, or for a reader: no
 *   schema yet · FERRY_E_VERSION the schema is newer than this program may be · FERRY_E_STATE for a reader: it is older
 *   FERRY_E_UNSUPPORTED server, encoding or a setting of it will not do · FERRY_E_CORRUPT tables that are not ours
 * @retval FERRY_E_ARG the address makes no sense | FERRY_E_NOMEM
 * Blocking: no. Threads: any; connections as api/store.h says.
 */
FERRY_MUST_CHECK ferry_err store_postgres_open(const struct store_postgres_config *cfg, struct store **ret_store);

enum { STORE_POSTGRES_PROBLEM_SIZE = 512 };

/** @brief Why connect() failed last, in one line without a secret; "" when it did not. Any thread. */
void store_postgres_problem(struct store *s, char out[STORE_POSTGRES_PROBLEM_SIZE]);

/** @brief How often the connection has waited for the server's answer, since it was made: what a batch costs besides the work itself. */
uint64_t store_postgres_round_trips(struct store_conn *c);

/** @brief Is it an address of this store? */
bool store_postgres_is_address(const char *uri);
/** @brief What is wrong with an address, in one line without a secret. @retval FERRY_E_FORMAT | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err store_postgres_check_address(const char *uri, char reterr_problem[STORE_POSTGRES_PROBLEM_SIZE]);
/** @brief An address without its password, for people: user, hosts, database. False: it makes no sense, or no memory. */
bool store_postgres_show_address(const char *uri, char out[STORE_POSTGRES_PROBLEM_SIZE]);

#endif
