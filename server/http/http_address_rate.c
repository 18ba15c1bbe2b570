#include "http_address_rate.h"

#include <netinet/in.h>
#include <string.h>

enum { V4_BYTES = 4, V4_IN_V6_AT = 12 };

size_t address_network(const struct sockaddr *address, uint8_t ret_bytes[ADDRESS_NETWORK_BYTES])
{
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        memcpy(ret_bytes, &in->sin_addr, V4_BYTES);
        return V4_BYTES;
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(in6);
        size_t len = mapped ? V4_BYTES : ADDRESS_NETWORK_BYTES;
        memcpy(ret_bytes, in6->s6_addr + (mapped ? V4_IN_V6_AT : 0), len);
        return len;
    }
    return 0;
}

bool address_rate_take(struct ferry_rate *rate, const struct sockaddr *address, uint64_t now_ms)
{
    uint8_t network[ADDRESS_NETWORK_BYTES];
    size_t len = address_network(address, network);
    return len == 0 || ferry_rate_take(rate, network, len, now_ms);
}
