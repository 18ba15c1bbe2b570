#include "store/sql/known.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Each row has one place, which it shares with those of the same hash. */
enum { DEVICES = 2048, QUOTAS = 64, UPLOADS = 2 /* of a device: it has one, and for a moment the next */ };

struct known_device {
    uint64_t round;
    struct device row;
};

/* All that the device has open. */
struct known_uploads {
    uint64_t round;
    struct device_key key;
    size_t count;
    struct upload_task tasks[UPLOADS]; /* newest first */
};

struct known_quota {
    uint64_t round;
    ferry_err err;
    struct quota row;
};

struct sql_known {
    uint64_t round; /* what was noted in an earlier one is forgotten; the first is 1 */
    struct known_device devices[DEVICES];
    struct known_uploads uploads[DEVICES];
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

/* Where the device's uploads are, when they are known. */
static struct known_uploads *find_uploads(struct sql_known *k, const struct device_key *key)
{
    struct known_uploads *at = k != NULL ? &k->uploads[device_place(key)] : NULL;

    if (at == NULL || at->round != k->round || strcmp(at->key.device, key->device) != 0 || strcmp(at->key.product, key->product) != 0)
        return NULL;
    return at;
}

bool sql_known_uploads(struct sql_known *k, const struct device_key *key, struct upload_task *out, size_t cap, size_t *ret_count)
{
    const struct known_uploads *at = find_uploads(k, key);

    if (at == NULL)
        return false;
    *ret_count = at->count < cap ? at->count : cap;
    memcpy(out, at->tasks, *ret_count * sizeof(*out));
    return true;
}

void sql_known_note_uploads(struct sql_known *k, const struct device_key *key, const struct upload_task *tasks, size_t count)
{
    struct known_uploads *at = k != NULL && count <= UPLOADS ? &k->uploads[device_place(key)] : NULL;

    if (at == NULL)
        return;
    at->round = k->round;
    at->key = *key;
    at->count = count;
    memcpy(at->tasks, tasks, count * sizeof(*tasks));
}

static void take_out(struct known_uploads *at, const ferry_id *id)
{
    size_t left = 0;

    for (size_t i = 0; i < at->count; i++) {
        if (strcmp(at->tasks[i].id.text, id->text) == 0)
            continue;
        if (left < i)
            at->tasks[left] = at->tasks[i];
        left++;
    }
    at->count = left;
}

/* There is room for it. */
static void put_in(struct known_uploads *at, const struct upload_task *t)
{
    size_t i = at->count++;

    for (; i > 0 && strcmp(at->tasks[i - 1].id.text, t->id.text) < 0; i--)
        at->tasks[i] = at->tasks[i - 1];
    at->tasks[i] = *t;
}

void sql_known_note_upload(struct sql_known *k, const struct upload_task *t)
{
    struct known_uploads *at = find_uploads(k, &t->device);

    if (at == NULL)
        return;
    take_out(at, &t->id);
    if (t->state > UPLOAD_STORED)
        return;
    if (at->count < UPLOADS)
        put_in(at, t);
    else
        at->round = 0; /* all or none */
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
