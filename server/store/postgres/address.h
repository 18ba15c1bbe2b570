/**
 * @file address.h
 * @brief Connecting by an address.
 */
#ifndef STORE_POSTGRES_ADDRESS_H
#define STORE_POSTGRES_ADDRESS_H

#include "store/postgres.h"

#include <libpq-fe.h>

/**
 * @brief Connects, with our settings for what the address does not say. Waits for each host in turn at most as long as
 *        connect_timeout says. Look at PQstatus(). Null: no memory, or the address makes no sense.
 */
PGconn *pgs_address_connect(const char *uri, const char *name);

#endif
