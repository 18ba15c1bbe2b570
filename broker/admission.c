#include "admission.h"

#include "base/alloc.h"
#include "base/network.h"
#include "base/rate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS = 1 << 14, /* devices and addresses whose rate is remembered */
    SLOTS = 1 << 12, /* heads of lists of addresses with connections */
};

struct crowd {
    struct crowd *next;
    struct ferry_network network;
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

bool admission_address(struct admission *a, const char *address, uint64_t now_ms)
{
    struct ferry_network n = ferry_network_of_text(address);

    return ferry_network_take(a->addresses, &n, now_ms);
}

bool admission_device(struct admission *a, const struct device_key *device, uint64_t now_ms)
{
    char text[2 * FERRY_IDENT_MAX + 2];
    int len = snprintf(text, sizeof(text), "%s/%s", device->product, device->device);

    return ferry_rate_take(a->devices, text, (size_t)len, now_ms);
}

/* --- connections at a time ------------------------------------------------------------------------------- */

static struct crowd **find(struct admission *a, const struct ferry_network *n)
{
    uint32_t h = 2166136261u;
    struct crowd **at;

    for (size_t i = 0; i < n->len; i++)
        h = (h ^ n->bytes[i]) * 16777619u;
    at = &a->crowds[(h ^ h >> 16) % SLOTS];
    while (*at != NULL && !ferry_network_equal(&(*at)->network, n))
        at = &(*at)->next;
    return at;
}

bool admission_enter(struct admission *a, const char *address)
{
    struct ferry_network n = ferry_network_of_text(address);
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
    struct ferry_network n = ferry_network_of_text(address);
    struct crowd **at = n.len != 0 && a->limits.address_connections_max != 0 ? find(a, &n) : NULL;
    struct crowd *crowd = at != NULL ? *at : NULL;

    if (crowd != NULL && --crowd->connections == 0) {
        *at = crowd->next;
        free(crowd);
    }
}
