/**
 * @file broker_conf.h
 * @brief The configuration that ferryd writes for its own Mosquitto. Pure.
 */
#ifndef DAEMON_BROKER_CONF_H
#define DAEMON_BROKER_CONF_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { BROKER_CONF_MAX = 16384 };

/** @brief What the configuration depends on. No text has a control character. */
struct broker_conf {
    const char *version; /**< of ferryd */
    const char *folder;  /**< of the broker's files, absolute */
    const char *ip;
    uint16_t port;
    const char *plugin;       /**< path of ferry_auth.so */
    const char *plugin_stamp; /**< changes when the plugin's file does */
    const char *store;        /**< path of the database */
    const char *user;         /**< null unless root starts it: then it must not become anybody else */
    bool allow_plain_secret;
    uint64_t queue_bytes;
    uint64_t connections_max;
};

/** @brief Appends the whole file. @retval FERRY_OK | FERRY_E_NOMEM | FERRY_E_LIMIT */
FERRY_MUST_CHECK ferry_err broker_conf_write(const struct broker_conf *conf, struct ferry_buf *out);

/** @brief The port of a configuration written before; false when it has none. */
bool broker_conf_port(const char *text, uint16_t *ret_port);

#endif
