/**
 * @file bus_suite.h
 * @brief What every implementation of the bus table must do (api/bus.h), run against a factory.
 */
#ifndef TESTS_BUS_SUITE_H
#define TESTS_BUS_SUITE_H

#include "api/bus.h"

#include <stdint.h>

/** @brief One message as the devices' side got it. */
struct peer_message {
    char topic[256];
    uint8_t *payload; /**< freed by the suite */
    size_t len;
    int qos;
};

/** @brief How to make a bus, and the devices' side of it. Failures of a factory's own fail the test. */
struct bus_factory {
    const char *name;
    void *(*set_up)(void);
    void (*tear_down)(void *peer);
    struct bus *(*open)(void *peer);
    /** Sends as a device does, on any up topic; returns when the message is on its way for sure. */
    void (*send)(void *peer, const char *topic, const void *payload, size_t len);
    /** The next message that the platform sent to any device; false after timeout_ms. */
    bool (*receive)(void *peer, unsigned timeout_ms, struct peer_message *ret_message);
    void (*cut)(void *peer);     /**< the link breaks and cannot be made again ... */
    void (*restore)(void *peer); /**< ... until now */
    void (*stall)(void *peer);   /**< the link stands, but nothing gets through ... */
    void (*unstall)(void *peer); /**< ... until now */
};

/** @brief Runs every rule; the number of failed ones. */
int bus_suite_run(const struct bus_factory *factory);

#endif
