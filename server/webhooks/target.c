#include "target.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first bits of an address, as IPv6 has it; IPv4 stands behind ::ffff:. */
struct range {
    uint8_t prefix[16];
    unsigned bits;
    bool is_private; /* else nobody's receiver is there */
};

#define V4(a, b, c, d) {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, a, b, c, d}
enum { V4_BITS = 96 };

static const struct range ranges[] = {
    {V4(0, 0, 0, 0), V4_BITS + 8, false},       /* "this network" */
    {V4(10, 0, 0, 0), V4_BITS + 8, true},
    {V4(100, 64, 0, 0), V4_BITS + 10, true},    /* shared by a provider's customers */
    {V4(127, 0, 0, 0), V4_BITS + 8, true},
    {V4(169, 254, 0, 0), V4_BITS + 16, false},  /* link-local */
    {V4(172, 16, 0, 0), V4_BITS + 12, true},
    {V4(192, 168, 0, 0), V4_BITS + 16, true},
    {V4(224, 0, 0, 0), V4_BITS + 3, false},     /* multicast, reserved, broadcast */
    {{0}, 128, false},                          /* unspecified */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, true},
    {{0xfc}, 7, true},                          /* unique local */
    {{0xfe, 0x80}, 10, false},                  /* link-local */
    {{0xff}, 8, false},                         /* multicast */
};

static bool begins_with(const uint8_t address[16], const struct range *range)
{
    unsigned bytes = range->bits / 8, rest = range->bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    return memcmp(address, range->prefix, bytes) == 0 &&
           (rest == 0 || (address[bytes] & mask) == (range->prefix[bytes] & mask));
}

static bool as_v6(const struct sockaddr *address, uint8_t out[16])
{
    static const uint8_t before_v4[12] = {[10] = 255, [11] = 255};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof v4);
        memcpy(out, before_v4, sizeof before_v4);
        memcpy(out + sizeof before_v4, &v4.sin_addr, 4);
        return true;
    case AF_INET6:
        memcpy(&v6, address, sizeof v6);
        memcpy(out, &v6.sin6_addr, 16);
        return true;
    default:
        return false;
    }
}

bool target_allowed(const struct sockaddr *address, bool public_only)
{
    uint8_t bytes[16];

    if (!as_v6(address, bytes))
        return false;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (begins_with(bytes, &ranges[i]))
            return ranges[i].is_private && !public_only;
    }
    return true;
}
