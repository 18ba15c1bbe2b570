/**
 * @file subnets.h
 * @brief A list of addresses and networks, as a setting has it (`trusted-proxies`), and who is in it.
 */
#ifndef BASE_SUBNETS_H
#define BASE_SUBNETS_H

#include "base/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FERRY_SUBNETS_MAX = 64 };

/** @brief IPv4 as the part of IPv6 that is mapped to it. Zero-initialised: nobody. */
struct ferry_subnets {
    struct {
        struct in6_addr address;
        uint8_t bits;
    } entries[FERRY_SUBNETS_MAX];
    size_t count;
};

/**
 * @brief Reads "10.0.0.5,10.1.0.0/16,fd00::/8": addresses and networks, joined by commas, spaces around them.
 * @param[in] text  null: none
 * @retval FERRY_OK | FERRY_E_FORMAT one of them is neither, or has bits behind its length | FERRY_E_FULL more than FERRY_SUBNETS_MAX
 */
FERRY_MUST_CHECK ferry_err ferry_subnets_parse(const char *text, struct ferry_subnets *ret_subnets);

/** @param[in] address  IPv4 mapped */
bool ferry_subnets_have(const struct ferry_subnets *subnets, const struct in6_addr *address);

#endif
