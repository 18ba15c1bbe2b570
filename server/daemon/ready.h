/**
 * @file ready.h
 * @brief Telling others that ferryd is ready and where: run/ferryd.json.
 */
#ifndef DAEMON_READY_H
#define DAEMON_READY_H

#include "base/error.h"

/** @brief Addresses as URLs. */
struct ready_addresses {
    const char *mqtt, *objects, *api;
};

/** @brief Writes the file (0600), at once or not at all. @retval FERRY_OK | FERRY_E_NOMEM | from errno */
FERRY_MUST_CHECK ferry_err ready_write(const char *path, const struct ready_addresses *at, const char *version);

#endif
