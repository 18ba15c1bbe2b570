#include "admission.h"

#include "base/alloc.h"
#include "base/rate.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS = 1 << 14, /* devices and addresses whose rate is remembered */
    SLOTS = 1 << 12, /* heads of lists of addresses with connections */
    NETWORK_SIZE = 16,
    V4_IN_V6_AT = 12,
    V6_NETWORK_BYTES = 8,
};

/* What counts of an address: IPv4 whole, of IPv6 the first 64 bits, the rest is its owner's choice. */
struct network {
    uint8_t bytes[NETWORK_SIZE];
    size_t len; /* 0: none */
};

struct crowd {
    struct crowd *next;
    struct network network;
    uint32_t connections;
};

struct admission {
    struct admission_limits limits;
    struct ferry_rate *devices, *addresses;
    struct crowd *crowds[SLOTS];
};

ferry_err admission_new(const struct admission_limits *limits, struct admission **ret_admission)
{
    struct admission *a = ferry_calloc(1, sizeof(*a));
    ferry_err err;

    if (a == NULL)
        return FERRY_E_NOMEM;
    a->limits = *limits;
    err = ferry_rate_new(limits->device_connects_per_min, KEYS, &a->devices);
    if (err == FERRY_OK)
        err = ferry_rate_new(limits->address_connects_per_min, KEYS, &a->addresses);
    if (err == FERRY_OK)
        *ret_admission = a;
    else
        admission_free(a);
    return err;
}

void admission_free(struct admission *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        for (struct crowd *crowd = a->crowds[i], *next; crowd != NULL; crowd = next) {
            next = crowd->next;
            free(crowd);
        }
    ferry_rate_free(a->devices);
    ferry_rate_free(a->addresses);
    free(a);
}

static struct network network_of(const char *address)
{
    struct network n = {.len = 0};
    struct in6_addr v6;

    if (address == NULL)
        return n;
    if (inet_pton(AF_INET, address, n.bytes) == 1) {
        n.len = sizeof(struct in_addr);
    } else if (inet_pton(AF_INET6, address, &v6) == 1) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);

        n.len = mapped ? sizeof(struct in_addr) : V6_NETWORK_BYTES;
        memcpy(n.bytes, v6.s6_addr + (mapped ? V4_IN_V6_AT : 0), n.len);
    }
    return n;
}

bool admission_address(struct admission *a, const char *address, uint64_t now_ms)
{
    struct network n = network_of(address);

    return n.len == 0 || ferry_rate_take(a->addresses, n.bytes, n.len, now_ms);
}

bool admission_device(struct admission *a, const struct device_key *device, uint64_t now_ms)
{
    char text[2 * FERRY_IDENT_MAX + 2];
    int len = snprintf(text, sizeof(text), "%s/%s", device->product, device->device);

    return ferry_rate_take(a->devices, text, (size_t)len, now_ms);
}

/* --- connections at a time ------------------------------------------------------------------------------- */

static struct crowd **find(struct admission *a, const struct network *n)
{
    uint32_t h = 2166136261u;
    struct crowd **at;

    for (size_t i = 0; i < n->len; i++)
        h = (h ^ n->bytes[i]) * 16777619u;
    at = &a->crowds[(h ^ h >> 16) % SLOTS];
    while (*at != NULL && ((*at)->network.len != n->len || memcmp((*at)->network.bytes, n->bytes, n->len) != 0))
        at = &(*at)->next;
    return at;
}

bool admission_enter(struct admission *a, const char *address)
{
    struct network n = network_of(address);
    struct crowd **at;

    if (n.len == 0 || a->limits.address_connections_max == 0)
        return true;
    at = find(a, &n);
    if (*at == NULL && (*at = ferry_calloc(1, sizeof(**at))) != NULL)
        (*at)->network = n;
    if (*at == NULL || (*at)->connections >= a->limits.address_connections_max)
        return false;
    (*at)->connections++;
    return true;
}

void admission_leave(struct admission *a, const char *address)
{
    struct network n = network_of(address);
    struct crowd **at = n.len != 0 && a->limits.address_connections_max != 0 ? find(a, &n) : NULL;
    struct crowd *crowd = at != NULL ? *at : NULL;

    if (crowd != NULL && --crowd->connections == 0) {
        *at = crowd->next;
        free(crowd);
    }
}
