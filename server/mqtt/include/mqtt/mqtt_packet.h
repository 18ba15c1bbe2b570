/**
 * @file mqtt_packet.h
 * @brief The packets of MQTT 3.1.1 that come and go while a connection is up. Pure.
 */
#ifndef MQTT_MQTT_PACKET_H
#define MQTT_MQTT_PACKET_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_SUBACK = 9,
    MQTT_UNSUBACK = 11,
    MQTT_PINGREQ = 12,
    MQTT_PINGRESP = 13,
} mqtt_packet_type;

#define MQTT_PACKET_MAX ((1u << 28) + 4) /* bytes that any packet can have */

typedef enum {
    MQTT_WHOLE,
    MQTT_PART,   /**< the rest is still to come */
    MQTT_BROKEN, /**< no packet, or a PUBLISH that nobody has asked for */
} mqtt_bytes;

struct mqtt_packet {
    unsigned type; /**< of mqtt_packet_type, or another */
    size_t size;   /**< bytes of all of it; of a part 0 while that is not known */

    /* of a PUBLISH */
    const char *topic; /**< terminated */
    const uint8_t *payload;
    size_t len;
    uint16_t id; /**< to be acknowledged; 0: nothing is */
};

/**
 * @brief What the bytes begin with. A PUBLISH loses its form, so that its topic is terminated: it is read once.
 * @param[out] ret_packet  points into bytes; of a part only its size is written, of what is broken nothing
 */
mqtt_bytes mqtt_packet_read(uint8_t *bytes, size_t len, struct mqtt_packet *ret_packet);

/**
 * @brief Appends a PUBLISH at QoS 0.
 * @retval FERRY_E_LIMIT longer than a packet can be, or than out | FERRY_E_NOMEM: nothing was appended
 */
FERRY_MUST_CHECK ferry_err mqtt_packet_write_publish(struct ferry_buf *out, const char *topic, const void *payload, size_t len);
FERRY_MUST_CHECK ferry_err mqtt_packet_write_ack(struct ferry_buf *out, uint16_t id);
FERRY_MUST_CHECK ferry_err mqtt_packet_write_ping(struct ferry_buf *out);

#endif
