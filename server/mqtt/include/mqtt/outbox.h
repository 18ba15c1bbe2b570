/**
 * @file outbox.h
 * @brief A queue of messages to send, bounded by the memory that it may hold. Not thread-safe.
 */
#ifndef MQTT_OUTBOX_H
#define MQTT_OUTBOX_H

#include "base/error.h"
#include "mqtt/bus_message.h"

struct outbox {
    struct bus_message *first, *last;
    size_t count;
    uint64_t bytes; /* of the waiting messages, with what keeps them */
    uint64_t bytes_max;
};

void outbox_init(struct outbox *box, uint64_t bytes_max);
/** @brief Copies topic and payload to the end. @retval FERRY_E_BUSY no room | FERRY_E_NOMEM */
FERRY_MUST_CHECK ferry_err outbox_put(struct outbox *box, const char *topic, const void *payload, size_t len);
/** @brief The oldest message, which the caller frees; null when there is none. */
struct bus_message *outbox_take(struct outbox *box);
/** @brief Throws everything away. */
void outbox_clear(struct outbox *box);

#endif
