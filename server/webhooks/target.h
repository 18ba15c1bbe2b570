/**
 * @file target.h
 * @brief Which addresses a webhook may reach. Pure.
 */
#ifndef WEBHOOKS_TARGET_H
#define WEBHOOKS_TARGET_H

#include <stdbool.h>
#include <sys/socket.h>

/**
 * @brief Is it an address that a receiver can have? Never one of link-local, multicast and unspecified addresses: behind the first
 * lie the secrets of machines in clouds. With public_only none of this machine and of private networks either. IPv4 inside IPv6 counts
 * as what it is.
 */
bool target_allowed(const struct sockaddr *address, bool public_only);

#endif
