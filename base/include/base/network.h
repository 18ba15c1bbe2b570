/**
 * @file network.h
 * @brief What of a client's address counts when clients are counted.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include "base/rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { FERRY_NETWORK_BYTES = 8 };

/** @brief IPv4 whole, also when written as IPv6; of IPv6 the first 64 bits, the rest is its owner's choice. */
struct ferry_network {
    uint8_t bytes[FERRY_NETWORK_BYTES];
    size_t len; /**< 0: no such address, and never limited */
};

/** @param[in] address  null, or of any family: of another than these two it is nobody's network */
struct ferry_network ferry_network_of(const struct sockaddr *address);
/** @param[in] address  as inet_pton() reads it; null or anything else is nobody's network */
struct ferry_network ferry_network_of_text(const char *address);

bool ferry_network_equal(const struct ferry_network *a, const struct ferry_network *b);

/** @brief ferry_rate_take() for the network; nobody's network always may. */
bool ferry_network_take(struct ferry_rate *rate, const struct ferry_network *network, uint64_t now_ms);

#endif
