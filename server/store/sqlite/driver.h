/**
 * @file driver.h
 * @brief SQLite as a database of store/sql.
 */
#ifndef STORE_SQLITE_DRIVER_H
#define STORE_SQLITE_DRIVER_H

#include "store/sql/driver.h"

/** Its connections are struct sqlite_conn. */
extern const struct sql_driver sq_driver;

#endif
