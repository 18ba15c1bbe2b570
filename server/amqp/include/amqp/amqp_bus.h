/**
 * @file amqp_bus.h
 * @brief The bus over RabbitMQ's own queues, by AMQP 0-9-1 with librabbitmq. Contract: api/bus.h.
 *
 * RabbitMQ's MQTT plugin brings what devices publish to the exchange amq.topic, and what is published there to them. All
 * workers take the requests from one queue, which is replicated where RabbitMQ is a cluster (a quorum queue). A request is
 * acknowledged when the broker has its answer, which is after the commit; one without an answer after AMQP_BUS_SETTLED_MS. What a
 * worker had not acknowledged when its connection ended goes to another one. With a node of the cluster gone the bus
 * connects to the next one.
 *
 * It has one thread of its own, which makes all calls of librabbitmq.
 */
#ifndef AMQP_AMQP_BUS_H
#define AMQP_AMQP_BUS_H

#include "api/bus.h"

#include <stddef.h>
#include <stdint.h>

#define AMQP_BUS_QUEUE "ferry.requests"       /* where requests wait, unless another name is given */
#define AMQP_BUS_QUEUE_BYTES (64ull << 20)    /* bytes that may wait to be sent, with what keeps them */
#define AMQP_BUS_PREFETCH 4096                /* requests without an acknowledgement that one worker may have */
#define AMQP_BUS_SETTLED_MS 5000              /* a device's patience */
#define AMQP_BUS_SETTLED_CROWDED_MS 1000      /* the same when half of the prefetch waits */
#define AMQP_BUS_RETRY_FIRST_MS 50            /* pause after all nodes were tried, then doubling */
#define AMQP_BUS_RETRY_MAX_MS 5000            /* ... up to this */

struct amqp_bus_node {
    const char *host;
    uint16_t port;
};

/** @brief Texts are copied. */
struct amqp_bus_config {
    const struct amqp_bus_node *nodes; /**< of one cluster; each is tried */
    size_t node_count;                 /**< 1 or more */
    const char *username, *password;   /**< null: guest, guest */
    const char *vhost;
    const char *queue;        /**< null: AMQP_BUS_QUEUE */
    bool tls;
    const char *ca_file;      /**< with tls: trusted certificates (PEM); null: those of the system */
    uint64_t queue_bytes_max; /**< 0: AMQP_BUS_QUEUE_BYTES */
};

/**
 * @brief Makes a bus; start() connects.
 * @retval FERRY_OK | FERRY_E_NOMEM | FERRY_E_ARG no node, no vhost, or a CA file that cannot be read
 */
FERRY_MUST_CHECK ferry_err amqp_bus_open(const struct amqp_bus_config *cfg, struct bus **ret_bus);

#endif
