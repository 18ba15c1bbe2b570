/**
 * @file bus.h
 * @brief Interface table "bus": the way messages go between the devices and the platform.
 *
 * Implementations: mqtt/mosquitto_bus.h (libmosquitto, any MQTT broker), amqp/amqp_bus.h (librabbitmq, RabbitMQ's queues),
 * mqtt/mem_bus.h (tests, simulation).
 * One conformance suite runs against each (tests/conformance/bus_suite).
 */
#ifndef API_BUS_H
#define API_BUS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct bus;

/** @brief Who is told of what arrives. Called on the bus's own thread; must not block for long. */
struct bus_listener {
    /**
     * One message on an up topic, or on BUS_PRESENCE_TOPIC. topic is terminated; payload has len bytes, is the bus's and valid
     * only during the call. Oversized payloads are passed on as they are: the engine judges.
     */
    void (*message)(void *arg, const char *topic, const void *payload, size_t len);
    /** All messages that had arrived have been passed on: now is the time to work on them, not after each. Optional (null). */
    void (*passed)(void *arg);
    /** The connection came up (subscribed, ready) or went down. Optional (null). */
    void (*link)(void *arg, bool up);
    void *arg;
};

/** An answer that is older than this comes too late for anybody. */
#define BUS_KEEP_MS 60000u

/** @brief Where our own broker's plugin is told that a device lost its right to be connected: the payload is
 *  product/device, or empty for "look at all", or of api/presence.h. */
#define BUS_CONTROL_TOPIC "$CONTROL/ferry/v1"
/** @brief Where the plugin tells the platform which devices are connected (api/presence.h). Nobody can subscribe to it:
 *  the messages go to the platform's own clients alone. */
#define BUS_PRESENCE_TOPIC "$CONTROL/ferry/v1/presence"

/*
 * Several workers share the requests. Mosquitto 2.0 delivers nothing on shared subscriptions to topics with $, so its plugin
 * renames the up topics (docs/decisions/0016); a bus gives its listener the up topic in any case.
 */
#define BUS_SHARED_UP_PREFIX "ferry/up/service/"
#define BUS_SHARED_FILTER "$share/ferry/ferry/up/service/+/+"
/** @brief A worker's sign of life on BUS_CONTROL_TOPIC, several times a second. */
#define BUS_WORKER_WORD "worker"
/** @brief Where the plugin answers it, to that worker alone: BUS_WORKER_SHARED when it renames, else BUS_WORKER_ALONE. */
#define BUS_WORKER_TOPIC "$CONTROL/ferry/v1/worker"
#define BUS_WORKER_SHARED "shared"
#define BUS_WORKER_ALONE "not shared"

struct bus_ops {
    const char *name;

    /**
     * Begins to connect and to deliver; returns at once. Reconnects by itself, with back-off, for ever.
     * @retval FERRY_E_STATE started already | FERRY_E_NOMEM | FERRY_E_NETWORK the address cannot be used at all
     */
    ferry_err (*start)(struct bus *bus, const struct bus_listener *listener);

    /**
     * Sends one message at QoS 0, not retained (docs/protocol.md). Never waits for the network. Any thread.
     * topic is terminated; both are copied before the return. While the link is down messages wait, and are sent
     * when it is back within BUS_KEEP_MS: vendor devices wait for ever for an answer that does not come. What a
     * connection had taken when it broke is lost.
     * @retval FERRY_E_NETWORK not started
     * @retval FERRY_E_BUSY    too much is waiting to be sent | FERRY_E_NOMEM
     */
    ferry_err (*publish)(struct bus *bus, const char *topic, const void *payload, size_t len);

    /**
     * What is published from here on may wait until let_go, so that it leaves together. A let_go follows each hold; they do not nest,
     * and one thread alone may use them. Neither waits for the network.
     */
    void (*hold)(struct bus *bus);
    void (*let_go)(struct bus *bus);

    /** Stops delivering: when it returns, no listener call runs or will run. What is published afterwards is still
     *  sent as long as the connection holds, until close. Idempotent. May wait for one call to end. */
    void (*stop)(struct bus *bus);

    /** Stops, gives what waits a moment to be sent, and frees. Accepts null. */
    void (*close)(struct bus *bus);
};

struct bus {
    const struct bus_ops *ops;
};

#endif
