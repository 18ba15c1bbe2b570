#include "object_admission.h"

#include "base/alloc.h"
#include "base/encode.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 1024, /* heads of lists; somebody is in one only while he transfers */
    KEY_SIZE = 2 * FERRY_IDENT_MAX + 2,
};

struct share {
    struct share *next;
    char key[KEY_SIZE]; /* product/device, or an address in hexadecimal */
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

bool object_admission_address(struct object_admission *admission, const struct ferry_network *address, uint64_t now_ms)
{
    return ferry_network_take(admission->addresses, address, now_ms);
}

static void key_of_device(const struct device_key *device, char key[KEY_SIZE])
{
    (void)snprintf(key, KEY_SIZE, "%s/%s", device->product, device->device);
}

bool object_admission_device(struct object_admission *admission, const struct device_key *device, uint64_t now_ms)
{
    char key[KEY_SIZE];
    key_of_device(device, key);
    return ferry_rate_take(admission->devices, key, strlen(key), now_ms);
}

/* --- what is under way ------------------------------------------------------------------------------ */

/* No device is called so: there is no slash in it. "": none is counted. */
static void key_of_address(const struct object_admission *admission, const struct ferry_network *address, char key[KEY_SIZE])
{
    key[0] = '\0';
    if (admission->limits.address_bytes_max != 0 && address->len > 0)
        ferry_hex_encode(address->bytes, address->len, key);
}

/* Names are checked at the border and registered by operators, so any spread will do. */
static struct share **find(struct object_admission *admission, const char *key)
{
    uint32_t h = 2166136261u;
    for (const char *c = key; *c != '\0'; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    struct share **at = &admission->shares[(h ^ h >> 16) % SLOTS];
    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    return at;
}

static bool fits(const struct share *share, uint32_t transfers_max, uint64_t bytes_max, uint64_t bytes)
{
    if (transfers_max != 0 && share->transfers >= transfers_max)
        return false;
    return bytes_max == 0 || share->transfers == 0 || (bytes <= bytes_max && share->bytes <= bytes_max - bytes);
}

/* A limit of 0 is none. Under the lock. */
static bool take(struct object_admission *admission, const char *key, uint32_t transfers_max, uint64_t bytes_max,
                 uint64_t bytes)
{
    struct share **at = find(admission, key);
    if (*at == NULL && (*at = ferry_calloc(1, sizeof **at)) != NULL)
        (void)snprintf((*at)->key, KEY_SIZE, "%s", key);
    if (*at == NULL || !fits(*at, transfers_max, bytes_max, bytes))
        return false;
    (*at)->transfers++;
    (*at)->bytes += bytes;
    return true;
}

static void give_back(struct object_admission *admission, const char *key, uint64_t bytes)
{
    struct share **at = find(admission, key), *share = *at;
    if (share == NULL)
        return;
    share->bytes -= bytes;
    if (--share->transfers == 0) {
        *at = share->next;
        free(share);
    }
}

bool object_admission_begin(struct object_admission *admission, const struct device_key *device,
                            const struct ferry_network *address, uint64_t bytes)
{
    const struct object_admission_limits *limits = &admission->limits;
    char of_device[KEY_SIZE], of_address[KEY_SIZE];
    key_of_device(device, of_device);
    key_of_address(admission, address, of_address);
    (void)pthread_mutex_lock(&admission->lock);
    bool may = take(admission, of_device, limits->device_transfers_max, limits->device_bytes_max, bytes);
    if (may && of_address[0] != '\0' && !take(admission, of_address, 0, limits->address_bytes_max, bytes)) {
        give_back(admission, of_device, bytes);
        may = false;
    }
    (void)pthread_mutex_unlock(&admission->lock);
    return may;
}

void object_admission_end(struct object_admission *admission, const struct device_key *device,
                          const struct ferry_network *address, uint64_t bytes)
{
    char of_device[KEY_SIZE], of_address[KEY_SIZE];
    key_of_device(device, of_device);
    key_of_address(admission, address, of_address);
    (void)pthread_mutex_lock(&admission->lock);
    give_back(admission, of_device, bytes);
    if (of_address[0] != '\0')
        give_back(admission, of_address, bytes);
    (void)pthread_mutex_unlock(&admission->lock);
}
