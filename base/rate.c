#include "base/rate.h"

#include "base/alloc.h"
#include "base/system.h"

#include <pthread.h>
#include <stdlib.h>

/* A key lies in one set of so many; a full set forgets its most rested key. */
enum { WAYS = 8 };

#define MINUTE_US 60000000ull

/* The bucket as one time (the "generic cell rate algorithm"): when it will be full again. Before now: it is full. */
struct bucket {
    uint64_t key;
    uint64_t full_us;
};

struct ferry_rate {
    pthread_mutex_t lock; /* guards shares and buckets */
    uint64_t each_us;     /* one token comes in this time to all processes together; 0: no limit */
    uint64_t shares;      /* of so many */
    uint64_t seed;
    size_t sets;
    struct bucket buckets[];
};

static size_t sets_for(size_t keys)
{
    size_t sets = 1;

    while (sets * WAYS < keys)
        sets *= 2;
    return sets;
}

ferry_err ferry_rate_new(uint32_t per_minute, size_t keys, struct ferry_rate **ret_rate)
{
    size_t sets = per_minute > 0 ? sets_for(keys) : 0;
    struct ferry_rate *rate;

    if (per_minute > FERRY_RATE_PER_MINUTE_MAX)
        return FERRY_E_ARG;
    rate = ferry_calloc(1, sizeof(*rate) + sets * WAYS * sizeof(rate->buckets[0]));
    if (rate == NULL)
        return FERRY_E_NOMEM;
    rate->each_us = per_minute > 0 ? MINUTE_US / per_minute : 0;
    rate->shares = 1;
    rate->sets = sets;
    ferry_random_bytes(&rate->seed, sizeof(rate->seed));
    (void)pthread_mutex_init(&rate->lock, NULL);
    *ret_rate = rate;
    return FERRY_OK;
}

void ferry_rate_share(struct ferry_rate *rate, unsigned shares)
{
    (void)pthread_mutex_lock(&rate->lock);
    rate->shares = shares > 0 ? shares : 1;
    (void)pthread_mutex_unlock(&rate->lock);
}

void ferry_rate_free(struct ferry_rate *rate)
{
    if (rate == NULL)
        return;
    (void)pthread_mutex_destroy(&rate->lock);
    free(rate);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

/* Two keys with one hash share a bucket; with a seed of chance nobody can choose to. */
static uint64_t hash(uint64_t seed, const uint8_t *key, size_t len)
{
    uint64_t h = mix(seed ^ len);

    for (size_t i = 0; i < len; i++)
        h = mix(h ^ key[i]);
    return h;
}

/* The key's own bucket, or the most rested one of its set. */
static struct bucket *find(struct ferry_rate *rate, uint64_t key)
{
    struct bucket *set = &rate->buckets[(key & (rate->sets - 1)) * WAYS], *best = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].full_us < best->full_us)
            best = &set[i];
    }
    *best = (struct bucket){.key = key};
    return best;
}

bool ferry_rate_take(struct ferry_rate *rate, const void *key, size_t len, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    struct bucket *bucket;
    uint64_t each_us;
    bool may;

    if (rate->each_us == 0)
        return true;
    (void)pthread_mutex_lock(&rate->lock);
    bucket = find(rate, hash(rate->seed, key, len));
    if (bucket->full_us < now_us)
        bucket->full_us = now_us;
    each_us = rate->each_us * rate->shares;
    if (each_us > MINUTE_US) /* one in a minute is the least that can be given */
        each_us = MINUTE_US;
    may = bucket->full_us - now_us + each_us <= MINUTE_US;
    if (may)
        bucket->full_us += each_us;
    (void)pthread_mutex_unlock(&rate->lock);
    return may;
}
