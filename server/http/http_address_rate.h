/**
 * @file http_address_rate.h
 * @brief Requests a minute of one address, for either listener. Any thread.
 */
#ifndef HTTP_ADDRESS_RATE_H
#define HTTP_ADDRESS_RATE_H

#include "base/rate.h"

#include <sys/socket.h>

enum { ADDRESS_NETWORK_BYTES = 8 };

/** @brief What counts of an address: IPv4 whole, of IPv6 the first 64 bits. Gives the number of bytes; 0: neither, or null. */
size_t address_network(const struct sockaddr *address, uint8_t ret_bytes[ADDRESS_NETWORK_BYTES]);

/** @brief May it ask now? Of IPv6 the first 64 bits count, the rest is its owner's choice; null: always yes. */
bool address_rate_take(struct ferry_rate *rate, const struct sockaddr *address, uint64_t now_ms);

#endif
