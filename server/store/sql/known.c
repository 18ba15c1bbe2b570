#include "store/sql/known.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Each row has one place, which it shares with those of the same hash. */
enum { DEVICES = 2048, QUOTAS = 64 };

struct known_device {
    uint64_t round;
    struct device row;
};

struct known_quota {
    uint64_t round;
    ferry_err err;
    struct quota row;
};

struct sql_known {
    uint64_t round; /* what was noted in an earlier one is forgotten; the first is 1 */
    struct known_device devices[DEVICES];
    struct known_quota quotas[QUOTAS];
};

/* FNV-1a. Names that meet in one place only cost a look-up. */
static uint32_t hash(uint32_t seed, const char *text)
{
    for (; *text != '\0'; text++)
        seed = (seed ^ (unsigned char)*text) * 16777619u;
    return seed;
}

static size_t device_place(const struct device_key *key)
{
    uint32_t h = hash(hash(2166136261u, key->product) * 16777619u, key->device);

    return (h ^ h >> 16) % DEVICES;
}

static size_t quota_place(const char *product)
{
    return hash(2166136261u, product) % QUOTAS;
}

struct sql_known *sql_known_new(void)
{
    struct sql_known *k = ferry_calloc(1, sizeof(*k));

    if (k != NULL)
        k->round = 1;
    return k;
}

void sql_known_free(struct sql_known *k)
{
    free(k);
}

void sql_known_forget(struct sql_known *k)
{
    if (k != NULL)
        k->round++;
}

bool sql_known_device(const struct sql_known *k, const struct device_key *key, struct device *ret)
{
    const struct known_device *at = k != NULL ? &k->devices[device_place(key)] : NULL;

    if (at == NULL || at->round != k->round || strcmp(at->row.key.device, key->device) != 0 ||
        strcmp(at->row.key.product, key->product) != 0)
        return false;
    *ret = at->row;
    return true;
}

void sql_known_note_device(struct sql_known *k, const struct device *d)
{
    if (k != NULL)
        k->devices[device_place(&d->key)] = (struct known_device){.round = k->round, .row = *d};
}

bool sql_known_quota(const struct sql_known *k, const char *product, struct quota *ret, ferry_err *ret_err)
{
    const struct known_quota *at = k != NULL ? &k->quotas[quota_place(product)] : NULL;

    if (at == NULL || at->round != k->round || strcmp(at->row.product, product) != 0)
        return false;
    *ret_err = at->err;
    if (at->err == FERRY_OK)
        *ret = at->row;
    return true;
}

void sql_known_note_quota(struct sql_known *k, const struct quota *q, ferry_err err)
{
    if (k != NULL)
        k->quotas[quota_place(q->product)] = (struct known_quota){.round = k->round, .err = err, .row = *q};
}
