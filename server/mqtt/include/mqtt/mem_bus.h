/**
 * @file mem_bus.h
 * @brief The bus without a network, for tests and simulation. Contract: api/bus.h.
 *
 * Messages are delivered on the thread that injects them; what is published waits until it is taken, and what is held until it is let go.
 */
#ifndef MQTT_MEM_BUS_H
#define MQTT_MEM_BUS_H

#include "api/bus.h"
#include "mqtt/bus_message.h"

#define MEM_BUS_QUEUE_BYTES (64ull << 20) /* bytes that may wait to be taken, with what keeps them */

/** @retval FERRY_OK | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err mem_bus_open(struct bus **ret_bus);

/**
 * @brief Delivers one message as if a device had sent it; the listener has run when this returns.
 * @retval FERRY_OK | FERRY_E_NETWORK the link is down, or the bus is not started or stopped
 * Any thread, but not from inside a listener call.
 */
FERRY_MUST_CHECK ferry_err mem_bus_inject(struct bus *bus, const char *topic, const void *payload, size_t len);

/** @brief Brings the link down or up again and tells the listener. Starting brings it up. Threads: as inject. */
void mem_bus_set_link(struct bus *bus, bool up);

/** @brief Takes the oldest published message, which the caller frees; null when there is none, all that wait are held, or the link is down. Any thread. */
struct bus_message *mem_bus_take(struct bus *bus);

#endif
