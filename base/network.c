#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { V4_BYTES = 4, V4_IN_V6_AT = 12 };

static struct ferry_network of_v4(const struct in_addr *address)
{
    struct ferry_network network = {.len = V4_BYTES};
    memcpy(network.bytes, address, V4_BYTES);
    return network;
}

static struct ferry_network of_v6(const struct in6_addr *address)
{
    struct ferry_network network = {.len = FERRY_NETWORK_BYTES};
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        network.len = V4_BYTES;
        memcpy(network.bytes, address->s6_addr + V4_IN_V6_AT, V4_BYTES);
    } else {
        memcpy(network.bytes, address->s6_addr, FERRY_NETWORK_BYTES);
    }
    return network;
}

struct ferry_network ferry_network_of(const struct sockaddr *address)
{
    if (address != NULL && address->sa_family == AF_INET)
        return of_v4(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    if (address != NULL && address->sa_family == AF_INET6)
        return of_v6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return (struct ferry_network){.len = 0};
}

struct ferry_network ferry_network_of_text(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (address != NULL && inet_pton(AF_INET, address, &v4) == 1)
        return of_v4(&v4);
    if (address != NULL && inet_pton(AF_INET6, address, &v6) == 1)
        return of_v6(&v6);
    return (struct ferry_network){.len = 0};
}

bool ferry_network_equal(const struct ferry_network *a, const struct ferry_network *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool ferry_network_take(struct ferry_rate *rate, const struct ferry_network *network, uint64_t now_ms)
{
    return network->len == 0 || ferry_rate_take(rate, network->bytes, network->len, now_ms);
}
