#include "object_admission.h"

#include "http_address_rate.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 }; /* heads of lists; a device is in one only while it transfers */

struct share {
    struct share *next;
    struct device_key device;
    uint64_t bytes;
    uint32_t transfers;
};

struct object_admission {
    struct object_admission_limits limits;
    struct ferry_rate *addresses, *devices;
    pthread_mutex_t lock; /* guards shares */
    struct share *shares[SLOTS];
};

ferry_err object_admission_new(const struct object_admission_limits *limits, struct object_admission **ret_admission)
{
    struct object_admission *admission = ferry_calloc(1, sizeof *admission);
    if (admission == NULL)
        return FERRY_E_NOMEM;
    admission->limits = *limits;
    (void)pthread_mutex_init(&admission->lock, NULL);
    ferry_err err = ferry_rate_new(limits->address_requests_per_min, FERRY_RATE_DEVICES, &admission->addresses);
    if (err == FERRY_OK)
        err = ferry_rate_new(limits->device_requests_per_min, FERRY_RATE_DEVICES, &admission->devices);
    if (err != FERRY_OK) {
        object_admission_free(admission);
        return err;
    }
    *ret_admission = admission;
    return FERRY_OK;
}

void object_admission_free(struct object_admission *admission)
{
    if (admission == NULL)
        return;
    ferry_rate_free(admission->addresses);
    ferry_rate_free(admission->devices);
    (void)pthread_mutex_destroy(&admission->lock);
    free(admission);
}

bool object_admission_address(struct object_admission *admission, const struct sockaddr *address, uint64_t now_ms)
{
    return address_rate_take(admission->addresses, address, now_ms);
}

bool object_admission_device(struct object_admission *admission, const struct device_key *device, uint64_t now_ms)
{
    char text[2 * FERRY_IDENT_MAX + 2];
    int len = snprintf(text, sizeof text, "%s/%s", device->product, device->device);
    return ferry_rate_take(admission->devices, text, (size_t)len, now_ms);
}

/* --- what is under way ------------------------------------------------------------------------------ */

static bool same(const struct device_key *a, const struct device_key *b)
{
    return strcmp(a->device, b->device) == 0 && strcmp(a->product, b->product) == 0;
}

/* Names are checked at the border and registered by operators, so any spread will do. */
static struct share **find(struct object_admission *admission, const struct device_key *device)
{
    uint32_t h = 2166136261u;
    for (const char *c = device->device; *c != '\0'; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    struct share **at = &admission->shares[(h ^ h >> 16) % SLOTS];
    while (*at != NULL && !same(&(*at)->device, device))
        at = &(*at)->next;
    return at;
}

static bool fits(const struct object_admission_limits *limits, const struct share *share, uint64_t bytes)
{
    if (limits->device_transfers_max != 0 && share->transfers >= limits->device_transfers_max)
        return false;
    return limits->device_bytes_max == 0 || share->transfers == 0 ||
           (bytes <= limits->device_bytes_max && share->bytes <= limits->device_bytes_max - bytes);
}

bool object_admission_begin(struct object_admission *admission, const struct device_key *device, uint64_t bytes)
{
    (void)pthread_mutex_lock(&admission->lock);
    struct share **at = find(admission, device);
    if (*at == NULL && (*at = ferry_calloc(1, sizeof **at)) != NULL)
        (*at)->device = *device;
    bool may = *at != NULL && fits(&admission->limits, *at, bytes);
    if (may) {
        (*at)->transfers++;
        (*at)->bytes += bytes;
    }
    (void)pthread_mutex_unlock(&admission->lock);
    return may;
}

void object_admission_end(struct object_admission *admission, const struct device_key *device, uint64_t bytes)
{
    (void)pthread_mutex_lock(&admission->lock);
    struct share **at = find(admission, device), *share = *at;
    if (share != NULL) {
        share->bytes -= bytes;
        if (--share->transfers == 0) {
            *at = share->next;
            free(share);
        }
    }
    (void)pthread_mutex_unlock(&admission->lock);
}
