/**
 * @file broker_conf.h
 * @brief The configuration that ferryd writes for its own Mosquitto. Pure.
 */
#ifndef DAEMON_BROKER_CONF_H
#define DAEMON_BROKER_CONF_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BROKER_CONF_MAX = 16384 };

/** @brief The listeners of the broker, in the order of the file. */
enum { BROKER_PLAIN, BROKER_TLS, BROKER_CERT, BROKER_LISTENERS };

struct broker_listener {
    const char *ip; /**< null: there is no such listener. The plain one is always there: ferryd comes in by it */
    uint16_t port;
};

struct broker_tls {
    const char *cert, *key;  /**< paths */
    const char *device_ca;   /**< path; null: no listener for devices with a certificate */
    const char *device_crl;  /**< path, or null: the plugin looks for it in the folder each time it reloads */
    const char *device_stamp; /**< changes when what devices are judged by does: the broker reads that only at its start */
    bool only_1_3;
};

/** @brief How often and how many times devices and addresses may connect; 0: no limit. */
struct broker_limits {
    uint64_t device_connects_per_min, address_connects_per_min, address_connections_max;
};

/** @brief What the configuration depends on. No text has a control character. */
struct broker_conf {
    const char *version; /**< of ferryd */
    const char *folder;  /**< of the broker's files, absolute */
    struct broker_listener listeners[BROKER_LISTENERS];
    struct broker_tls tls; /**< of those but the plain one */
    const char *plugin;       /**< path of ferry_auth.so */
    const char *plugin_stamp; /**< changes when the plugin's file does */
    const char *store;        /**< path of the database */
    const char *secrets_key;  /**< path of the key that opens the secrets in it */
    const char *user;         /**< null unless root starts it: then it must not become anybody else */
    bool allow_plain_secret;
    uint64_t queue_bytes;
    uint64_t connections_max;
    struct broker_limits limits;
};

/** @brief Appends the whole file. @retval FERRY_OK | FERRY_E_NOMEM | FERRY_E_LIMIT */
FERRY_MUST_CHECK ferry_err broker_conf_write(const struct broker_conf *conf, struct ferry_buf *out);

/** @brief The ports of a configuration written before, in its order; gives their number. */
size_t broker_conf_ports(const char *text, uint16_t ret_ports[BROKER_LISTENERS]);

#endif
