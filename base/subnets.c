#include "base/subnets.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128, V4_IN_V6_BITS = V6_BITS - V4_BITS, ENTRY_SIZE = INET6_ADDRSTRLEN + sizeof("/128") };

static bool bits_are_zero(const struct in6_addr *address, unsigned from)
{
    for (unsigned bit = from; bit < V6_BITS; bit++)
        if ((address->s6_addr[bit / 8] & (0x80u >> bit % 8)) != 0)
            return false;
    return true;
}

static bool read_bits(const char *text, unsigned most, uint8_t *ret_bits)
{
    size_t len = strlen(text);
    if (len == 0 || len > 3 || strspn(text, "0123456789") != len || strtoul(text, NULL, 10) > most)
        return false;
    *ret_bits = (uint8_t)strtoul(text, NULL, 10);
    return true;
}

static bool read_network(char *text, struct in6_addr *ret_address, uint8_t *ret_bits)
{
    struct in_addr v4;
    uint8_t bits;
    char *slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) {
        bits = V4_BITS;
        *ret_address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&ret_address->s6_addr[V4_IN_V6_BITS / 8], &v4, sizeof v4);
        if (slash != NULL && !read_bits(slash + 1, V4_BITS, &bits))
            return false;
        bits += V4_IN_V6_BITS;
    } else {
        bits = V6_BITS;
        if (inet_pton(AF_INET6, text, ret_address) != 1 || (slash != NULL && !read_bits(slash + 1, V6_BITS, &bits)))
            return false;
    }
    *ret_bits = bits;
    return bits_are_zero(ret_address, bits);
}

ferry_err ferry_subnets_parse(const char *text, struct ferry_subnets *ret_subnets)
{
    struct ferry_subnets subnets = {.count = 0};
    while (text != NULL) {
        char copy[ENTRY_SIZE];
        text += strspn(text, " ");
        size_t len = strcspn(text, ", ");
        const char *next = text + len + strspn(text + len, " ");
        if (len >= sizeof copy || (*next != ',' && *next != '\0'))
            return FERRY_E_FORMAT;
        if (subnets.count == FERRY_SUBNETS_MAX)
            return FERRY_E_FULL;
        memcpy(copy, text, len);
        copy[len] = '\0';
        if (!read_network(copy, &subnets.entries[subnets.count].address, &subnets.entries[subnets.count].bits))
            return FERRY_E_FORMAT;
        subnets.count++;
        text = *next == ',' ? next + 1 : NULL;
    }
    *ret_subnets = subnets;
    return FERRY_OK;
}

static bool is_within(const struct in6_addr *address, const struct in6_addr *network, unsigned bits)
{
    unsigned bytes = bits / 8, rest = bits % 8;
    return memcmp(address, network, bytes) == 0 &&
           (rest == 0 || (address->s6_addr[bytes] ^ network->s6_addr[bytes]) >> (8 - rest) == 0);
}

bool ferry_subnets_have(const struct ferry_subnets *subnets, const struct in6_addr *address)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(address);
    if (IN6_IS_ADDR_UNSPECIFIED(address))
        return false;
    /* who writes ::/0 means IPv6 */
    for (size_t i = 0; i < subnets->count; i++)
        if ((!v4 || subnets->entries[i].bits >= V4_IN_V6_BITS) &&
            is_within(address, &subnets->entries[i].address, subnets->entries[i].bits))
            return true;
    return false;
}
