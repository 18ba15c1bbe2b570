#include "http_address_rate.h"

#include <netinet/in.h>

enum { V6_NETWORK_BYTES = 8, V4_BYTES = 4, V4_IN_V6_AT = 12 };

bool address_rate_take(struct ferry_rate *rate, const struct sockaddr *address, uint64_t now_ms)
{
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return ferry_rate_take(rate, &in->sin_addr, V4_BYTES, now_ms);
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(in6);
        return ferry_rate_take(rate, in6->s6_addr + (mapped ? V4_IN_V6_AT : 0), mapped ? V4_BYTES : V6_NETWORK_BYTES,
                               now_ms);
    }
    return true;
}
