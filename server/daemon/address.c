#include "address.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 1024 }; /* connections that wait to be accepted */

ferry_err address_parse(const char *ip, uint16_t port, struct address *ret_address)
{
    struct address address = {.len = 0};

    if (inet_pton(AF_INET, ip, &address.socket.v4.sin_addr) == 1) {
        address.socket.v4.sin_family = AF_INET;
        address.len = sizeof(address.socket.v4);
    } else if (inet_pton(AF_INET6, ip, &address.socket.v6.sin6_addr) == 1) {
        address.socket.v6.sin6_family = AF_INET6;
        address.len = sizeof(address.socket.v6);
    } else {
        return FERRY_E_FORMAT;
    }
    *ret_address = address_with_port(&address, port);
    return FERRY_OK;
}

bool address_is_loopback(const struct address *address)
{
    if (address->socket.any.sa_family == AF_INET)
        return ntohl(address->socket.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&address->socket.v6.sin6_addr);
}

bool address_is_any(const struct address *address)
{
    if (address->socket.any.sa_family == AF_INET)
        return address->socket.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&address->socket.v6.sin6_addr);
}

uint16_t address_port(const struct address *address)
{
    return ntohs(address->socket.any.sa_family == AF_INET ? address->socket.v4.sin_port
                                                          : address->socket.v6.sin6_port);
}

struct address address_with_port(const struct address *address, uint16_t port)
{
    struct address copy = *address;

    if (copy.socket.any.sa_family == AF_INET)
        copy.socket.v4.sin_port = htons(port);
    else
        copy.socket.v6.sin6_port = htons(port);
    return copy;
}

struct address address_to_reach(const struct address *address)
{
    struct address copy = *address;

    if (!address_is_any(address))
        return copy;
    if (copy.socket.any.sa_family == AF_INET)
        copy.socket.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        copy.socket.v6.sin6_addr = in6addr_loopback;
    return copy;
}

void address_ip(const struct address *address, char out[INET6_ADDRSTRLEN])
{
    const void *ip = address->socket.any.sa_family == AF_INET ? (const void *)&address->socket.v4.sin_addr
                                                              : (const void *)&address->socket.v6.sin6_addr;

    if (inet_ntop(address->socket.any.sa_family, ip, out, INET6_ADDRSTRLEN) == NULL)
        out[0] = '\0';
}

void address_url(const struct address *address, const char *scheme, char out[ADDRESS_URL_SIZE])
{
    char ip[INET6_ADDRSTRLEN];

    address_ip(address, ip);
    (void)snprintf(out, ADDRESS_URL_SIZE, address->socket.any.sa_family == AF_INET ? "%s://%s:%u" : "%s://[%s]:%u",
                   scheme, ip, address_port(address));
}

/* One line for each way in which a port cannot be had. */
static ferry_err explain(int errnum, const struct address *address, const char *flag,
                         char problem[ADDRESS_PROBLEM_SIZE])
{
    char ip[INET6_ADDRSTRLEN];
    unsigned port = address_port(address);

    address_ip(address, ip);
    switch (errnum) {
    case EADDRINUSE:
        (void)snprintf(problem, ADDRESS_PROBLEM_SIZE,
                       "port %u on %s is in use: end the program that has it, or choose another with %s", port, ip,
                       flag);
        return FERRY_E_EXISTS;
    case EACCES:
        (void)snprintf(problem, ADDRESS_PROBLEM_SIZE,
                       "port %u on %s needs more rights (CAP_NET_BIND_SERVICE): choose one above 1023 with %s", port,
                       ip, flag);
        return FERRY_E_DENIED;
    case EADDRNOTAVAIL:
        (void)snprintf(problem, ADDRESS_PROBLEM_SIZE,
                       "%s is no address of this machine: correct --listen or --api-listen", ip);
        return FERRY_E_IO;
    default:
        (void)snprintf(problem, ADDRESS_PROBLEM_SIZE, "cannot listen on port %u of %s (%s): %s", port, ip, flag,
                       strerror(errnum));
        return FERRY_E_IO;
    }
}

ferry_err address_listen(const struct address *address, const char *flag, int *ret_fd, struct address *ret_address,
                         char reterr_problem[ADDRESS_PROBLEM_SIZE])
{
    ferry_autoclose int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct address real = *address;
    const int yes = 1;

    /* IPv6 "any" stays IPv6, so that what a port is used for does not depend on the machine's settings */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        (address->socket.any.sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) != 0) ||
        bind(fd, &address->socket.any, address->len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &real.socket.any, &real.len) != 0)
        return explain(errno, address, flag, reterr_problem);
    *ret_fd = FERRY_TAKE_FD(fd);
    *ret_address = real;
    return FERRY_OK;
}
