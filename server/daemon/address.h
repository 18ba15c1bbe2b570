/**
 * @file address.h
 * @brief Numeric addresses, the sockets that listen on them, and how they look in a URL.
 */
#ifndef DAEMON_ADDRESS_H
#define DAEMON_ADDRESS_H

#include "base/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t len;
};

enum { ADDRESS_URL_SIZE = 96, ADDRESS_PROBLEM_SIZE = 256 };

/** @brief A numeric IPv4 or IPv6 address with a port. @retval FERRY_OK | FERRY_E_FORMAT */
FERRY_MUST_CHECK ferry_err address_parse(const char *ip, uint16_t port, struct address *ret_address);

bool address_is_loopback(const struct address *address);
/** @brief All addresses of the machine (0.0.0.0, ::). */
bool address_is_any(const struct address *address);
uint16_t address_port(const struct address *address);
/** @brief The same address with another port. */
struct address address_with_port(const struct address *address, uint16_t port);
/** @brief Where a program on this machine reaches a listener on the address: loopback for "any". */
struct address address_to_reach(const struct address *address);
/** @brief "127.0.0.1" or "::1". */
void address_ip(const struct address *address, char out[INET6_ADDRSTRLEN]);
/** @brief "{scheme}://127.0.0.1:1883" or "{scheme}://[::1]:1883". */
void address_url(const struct address *address, const char *scheme, char out[ADDRESS_URL_SIZE]);

/**
 * @brief A listening socket (close-on-exec).
 * @param[in]  flag    the setting to change when it fails, e.g. "--api-port"
 * @param[out] ret_fd, ret_address  only on FERRY_OK; the address with the real port when 0 was asked for
 * @param[out] reterr_problem  one line: what is in the way and what to do
 * @retval FERRY_OK | FERRY_E_EXISTS the port is in use | FERRY_E_DENIED | FERRY_E_IO
 */
FERRY_MUST_CHECK ferry_err address_listen(const struct address *address, const char *flag, int *ret_fd,
                                          struct address *ret_address, char reterr_problem[ADDRESS_PROBLEM_SIZE]);

#endif
