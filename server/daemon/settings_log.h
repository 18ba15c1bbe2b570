/**
 * @file settings_log.h
 * @brief Leaves a record in the audit log when ferryd starts with other settings than the last time.
 *
 * Each of several workers is compared with itself: its object is "settings/HOST:FOLDER", that of the one on a SQLite file "settings". One
 * that is new is compared with the newest record of all: those that are started alike leave one.
 */
#ifndef DAEMON_SETTINGS_LOG_H
#define DAEMON_SETTINGS_LOG_H

#include "config.h"

#include "api/store.h"

/** @brief Over the writer, no transaction open. Errors: those of the store. */
FERRY_MUST_CHECK ferry_err settings_log(const struct config *config, struct store *store, struct store_conn *conn,
                                        uint64_t now_ms);

#endif
