/**
 * @file bus_broker.h
 * @brief A real Mosquitto on a free loopback port with one client that plays all devices.
 *
 * Failures fail the running cmocka test.
 */
#ifndef TESTS_BUS_BROKER_H
#define TESTS_BUS_BROKER_H

#include "bus_suite.h"

#include <stdint.h>

struct broker;

struct broker *broker_new(void);
void broker_free(struct broker *b);
uint16_t broker_port(const struct broker *b);
/** @brief Publishes at QoS 1; returns when the broker has it. */
void broker_send(struct broker *b, const char *topic, const void *payload, size_t len);
bool broker_receive(struct broker *b, unsigned timeout_ms, struct peer_message *ret_message);
void broker_kill(struct broker *b);    /**< SIGKILL */
void broker_restart(struct broker *b); /**< on the same port */
void broker_pause(struct broker *b);   /**< SIGSTOP */
void broker_resume(struct broker *b);

#endif
