#include "mem_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <string.h>

struct blob *mem_blob_new(void)
{
    struct blob *blob = ferry_calloc(1, sizeof *blob);
    if (blob != NULL)
        blob->refs = 1;
    return blob;
}

void mem_blob_unref(struct objects_mem *store, struct blob *blob)
{
    if (blob == NULL || --blob->refs > 0)
        return;
    store->used -= blob->size;
    free(blob->bytes);
    free(blob);
}

struct entry **mem_find(struct entry **list, const ferry_id *key)
{
    while (*list != NULL && !ferry_id_equal(&(*list)->key, key))
        list = &(*list)->next;
    return list;
}

void mem_entry_remove(struct objects_mem *store, struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    mem_blob_unref(store, entry->blob);
    free(entry);
}

static ferry_err mem_partial_size(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    struct objects_mem *store = mem_of(o);
    pthread_mutex_lock(&store->mutex);
    struct entry *entry = *mem_find(&store->partials, key);
    *ret_size = entry != NULL ? entry->blob->size : 0;
    pthread_mutex_unlock(&store->mutex);
    return FERRY_OK;
}

static ferry_err mem_partial_remove(struct objects *o, const ferry_id *key)
{
    struct objects_mem *store = mem_of(o);
    ferry_err err = FERRY_OK;
    pthread_mutex_lock(&store->mutex);
    struct entry **at = mem_find(&store->partials, key);
    if (*at != NULL && (*at)->writing)
        err = FERRY_E_BUSY;
    else if (*at != NULL)
        mem_entry_remove(store, at);
    pthread_mutex_unlock(&store->mutex);
    return err;
}

static ferry_err mem_stat(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    struct objects_mem *store = mem_of(o);
    ferry_err err = FERRY_E_NOT_FOUND;
    pthread_mutex_lock(&store->mutex);
    struct entry *entry = *mem_find(&store->objects, key);
    if (entry != NULL) {
        *ret_size = entry->blob->size;
        err = FERRY_OK;
    }
    pthread_mutex_unlock(&store->mutex);
    return err;
}

/* Moves an entry to the front of another list. */
static void move(struct entry **at, struct entry **list)
{
    struct entry *entry = *at;
    *at = entry->next;
    entry->next = *list;
    *list = entry;
}

static ferry_err mem_set_aside(struct objects *o, const ferry_id *key)
{
    struct objects_mem *store = mem_of(o);
    pthread_mutex_lock(&store->mutex);
    struct entry **at = mem_find(&store->objects, key);
    bool found = *at != NULL;
    if (found)
        move(at, &store->aside);
    pthread_mutex_unlock(&store->mutex);
    return found ? FERRY_OK : FERRY_E_NOT_FOUND;
}

/* The n-th key; false when there are fewer. */
static bool key_at(struct objects_mem *store, size_t n, ferry_id *ret_key)
{
    pthread_mutex_lock(&store->mutex);
    const struct entry *entry = store->objects;
    for (size_t i = 0; entry != NULL && i < n; i++)
        entry = entry->next;
    if (entry != NULL)
        *ret_key = entry->key;
    pthread_mutex_unlock(&store->mutex);
    return entry != NULL;
}

/* The mutex is not held while somebody is called. */
static ferry_err mem_list(struct objects *o, bool (*visit)(void *arg, const ferry_id *key, uint64_t changed_s), void *arg)
{
    ferry_id key;
    for (size_t n = 0; key_at(mem_of(o), n, &key); n++)
        if (!visit(arg, &key, 0))
            break;
    return FERRY_OK;
}

static ferry_err mem_read_open(struct objects *o, const ferry_id *key, struct object_reader **ret_reader,
                               uint64_t *ret_size)
{
    struct objects_mem *store = mem_of(o);
    ferry_autofree struct object_reader *reader = ferry_calloc(1, sizeof *reader);
    if (reader == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_lock(&store->mutex);
    struct entry *entry = *mem_find(&store->objects, key);
    ferry_err err = *mem_find(&store->aside, key) != NULL ? FERRY_E_CORRUPT : FERRY_E_NOT_FOUND;
    if (entry != NULL) {
        entry->blob->refs++;
        reader->store = store;
        reader->blob = entry->blob;
        *ret_size = entry->blob->size;
        *ret_reader = FERRY_TAKE(reader);
        err = FERRY_OK;
    }
    pthread_mutex_unlock(&store->mutex);
    return err;
}

/* An object never changes after it was published, so its bytes are read without the mutex. */
static ferry_err mem_read_at(struct object_reader *reader, uint64_t offset, void *out, size_t len, size_t *ret_len)
{
    uint64_t left = offset < reader->blob->size ? reader->blob->size - offset : 0;
    size_t part = left < len ? (size_t)left : len;
    if (part > 0)
        memcpy(out, reader->blob->bytes + offset, part);
    *ret_len = part;
    return FERRY_OK;
}

static int mem_read_fd(struct object_reader *reader)
{
    (void)reader;
    return -1;
}

static void mem_read_close(struct object_reader *reader)
{
    if (reader == NULL)
        return;
    pthread_mutex_lock(&reader->store->mutex);
    mem_blob_unref(reader->store, reader->blob);
    pthread_mutex_unlock(&reader->store->mutex);
    free(reader);
}

static ferry_err mem_remove(struct objects *o, const ferry_id *key)
{
    struct objects_mem *store = mem_of(o);
    pthread_mutex_lock(&store->mutex);
    struct entry **at = mem_find(&store->objects, key);
    if (*at != NULL)
        mem_entry_remove(store, at);
    at = mem_find(&store->aside, key);
    if (*at != NULL)
        mem_entry_remove(store, at);
    pthread_mutex_unlock(&store->mutex);
    return FERRY_OK;
}

/* keep is called with the mutex held: it may not use this store. */
static uint64_t list_sweep(struct objects_mem *store, struct entry **at, bool (*keep)(void *arg, const ferry_id *key),
                           void *arg)
{
    uint64_t removed = 0;
    while (*at != NULL) {
        if (keep(arg, &(*at)->key)) {
            at = &(*at)->next;
            continue;
        }
        mem_entry_remove(store, at);
        removed++;
    }
    return removed;
}

static ferry_err mem_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                           bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed)
{
    struct objects_mem *store = mem_of(o);
    pthread_mutex_lock(&store->mutex);
    uint64_t removed = list_sweep(store, &store->partials, keep_partial, arg);
    removed += list_sweep(store, &store->objects, keep_object, arg);
    removed += list_sweep(store, &store->aside, keep_object, arg);
    pthread_mutex_unlock(&store->mutex);
    *ret_removed = removed;
    return FERRY_OK;
}

static ferry_err mem_probe(struct objects *o)
{
    struct objects_mem *store = mem_of(o);
    pthread_mutex_lock(&store->mutex);
    bool full = store->used >= store->capacity;
    pthread_mutex_unlock(&store->mutex);
    return full ? FERRY_E_FULL : FERRY_OK;
}

static ferry_err mem_url_sign(struct objects *o, const struct object_url *url, char *out, size_t cap)
{
    return signed_url_make(&mem_of(o)->signer, url, out, cap);
}

static ferry_err mem_url_check(struct objects *o, const struct object_url *url, const char *signature, size_t len)
{
    return signed_url_check(&mem_of(o)->signer, url, signature, len);
}

static void mem_close(struct objects *o)
{
    if (o == NULL)
        return;
    struct objects_mem *store = mem_of(o);
    while (store->objects != NULL)
        mem_entry_remove(store, &store->objects);
    while (store->partials != NULL)
        mem_entry_remove(store, &store->partials);
    while (store->aside != NULL)
        mem_entry_remove(store, &store->aside);
    signed_url_done(&store->signer);
    (void)pthread_mutex_destroy(&store->mutex);
    free(store);
}

static const struct objects_ops mem_ops = {
    .name = "mem",
    .write_begin = mem_write_begin,
    .write_resume = mem_write_resume,
    .write = mem_write,
    .write_finish = mem_write_finish,
    .write_suspend = mem_write_suspend,
    .write_abort = mem_write_abort,
    .partial_size = mem_partial_size,
    .reopen = mem_reopen,
    .partial_remove = mem_partial_remove,
    .stat = mem_stat,
    .read_open = mem_read_open,
    .read_at = mem_read_at,
    .read_fd = mem_read_fd,
    .read_close = mem_read_close,
    .remove = mem_remove,
    .sweep = mem_sweep,
    .set_aside = mem_set_aside,
    .list = mem_list,
    .probe = mem_probe,
    .url_sign = mem_url_sign,
    .url_check = mem_url_check,
    .close = mem_close,
};

ferry_err objects_mem_open(const struct objects_mem_config *cfg, struct objects **ret_objects)
{
    struct objects_mem *store = ferry_calloc(1, sizeof *store);
    if (store == NULL)
        return FERRY_E_NOMEM;
    ferry_err err = signed_url_init(&store->signer, cfg->public_url, cfg->key);
    if (err != FERRY_OK) {
        free(store);
        return err;
    }
    (void)pthread_mutex_init(&store->mutex, NULL);
    store->base.ops = &mem_ops;
    store->capacity = cfg->capacity_bytes;
    *ret_objects = &store->base;
    return FERRY_OK;
}
