/**
 * @file bus_message.h
 * @brief One message on its way out: topic and payload in one block of memory, freed with free().
 */
#ifndef MQTT_BUS_MESSAGE_H
#define MQTT_BUS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct bus_message {
    struct bus_message *next; /**< of the queue that holds it */
    char *topic;              /**< terminated */
    uint8_t *payload;
    size_t len; /**< bytes of payload */
};

#endif
