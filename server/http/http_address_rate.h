/**
 * @file http_address_rate.h
 * @brief Requests a minute of one address, for either listener. Any thread.
 */
#ifndef HTTP_ADDRESS_RATE_H
#define HTTP_ADDRESS_RATE_H

#include "base/rate.h"

#include <sys/socket.h>

/** @brief May it ask now? Of IPv6 the first 64 bits count, the rest is its owner's choice; null: always yes. */
bool address_rate_take(struct ferry_rate *rate, const struct sockaddr *address, uint64_t now_ms);

#endif
