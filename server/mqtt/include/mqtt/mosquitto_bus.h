/**
 * @file mosquitto_bus.h
 * @brief The bus over an MQTT broker, with libmosquitto. Contract: api/bus.h.
 *
 * It has one thread of its own that connects, reads and writes. Alone, it has a persistent session: what devices send
 * while nobody is connected waits in the broker and is delivered at the next start under the same client id. Several that
 * share the requests have clean sessions: a broker goes on to give a session its part, whether anybody reads it or not.
 * The link is up only after the broker has confirmed the subscription, and when it is shared, after a proof that something
 * comes by it.
 */
#ifndef MQTT_MOSQUITTO_BUS_H
#define MQTT_MOSQUITTO_BUS_H

#include "api/bus.h"

#include <stdint.h>

#define MOSQUITTO_BUS_QUEUE_BYTES (64ull << 20) /* bytes that may wait to be sent, with what keeps them */
#define MOSQUITTO_BUS_RETRY_FIRST_MS 50         /* pause before the second attempt to connect, then doubling */
#define MOSQUITTO_BUS_RETRY_MAX_MS 5000         /* ... up to this */

/** @brief How the up topics are subscribed to. */
typedef enum {
    BUS_SHARING_NONE,   /**< by this bus alone */
    BUS_SHARING_PLUGIN, /**< shared, by the name that Mosquitto's plugin gives them (api/bus.h) */
    BUS_SHARING_MQTT5,  /**< shared, as MQTT 5 has it: EMQX, HiveMQ, VerneMQ */
    BUS_SHARING_AUTO,   /**< one of these two: the plugin refuses the other */
} bus_sharing;

/** @brief With BUS_SHARING_MQTT5: what the account at the broker must be allowed besides: to subscribe by a shared
 *  subscription to this and the client id, and to publish there. */
#define MOSQUITTO_BUS_PROBE_PREFIX "$resource/probe/"

/** @brief Texts are copied. */
struct mosquitto_bus_config {
    const char *host;
    uint16_t port;
    const char *username; /**< null: none */
    const char *password; /**< null: none */
    const char *client_id; /**< the same at each start, and nobody else's: it names the session in the broker */
    bus_sharing sharing;   /**< otherwise than NONE each bus has a client id of its own */
    bool tls;
    const char *ca_file;      /**< with tls: trusted certificates (PEM); null: those of the system */
    uint64_t queue_bytes_max; /**< 0: MOSQUITTO_BUS_QUEUE_BYTES */
    uint32_t retry_first_ms;  /**< 0: MOSQUITTO_BUS_RETRY_FIRST_MS */
    uint32_t retry_max_ms;    /**< 0: MOSQUITTO_BUS_RETRY_MAX_MS */
};

/**
 * @brief Makes a bus; start() connects.
 * @retval FERRY_OK | FERRY_E_NOMEM | FERRY_E_ARG no host, no client id, or a CA file that cannot be read
 */
FERRY_MUST_CHECK ferry_err mosquitto_bus_open(const struct mosquitto_bus_config *cfg, struct bus **ret_bus);

#endif
