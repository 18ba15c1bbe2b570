/**
 * @file error_map.h
 * @brief What an SQLite result means for the caller of a store. The one place that decides it.
 */
#ifndef STORE_SQLITE_ERROR_MAP_H
#define STORE_SQLITE_ERROR_MAP_H

#include "base/error.h"

/** @brief code: an extended result code. system_errno: sqlite3_system_errno(), 0 when unknown. */
ferry_err sq_error_map(int code, int system_errno);

#endif
