/**
 * @file error_map.h
 * @brief What a SQLSTATE of PostgreSQL means for the caller of a store. The one place that decides it.
 */
#ifndef STORE_POSTGRES_ERROR_MAP_H
#define STORE_POSTGRES_ERROR_MAP_H

#include "base/error.h"

/**
 * @brief sqlstate: five characters; null: there was no answer, the connection is gone.
 *
 * FERRY_E_NETWORK: the connection is lost, and its transaction with it.
 */
ferry_err pgs_error_map(const char *sqlstate);

#endif
