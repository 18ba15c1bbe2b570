#include "mem_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <string.h>

/* Consumes the writer; its partial stays only with keep. With the mutex held. */
static void writer_end(struct object_writer *writer, bool keep_partial)
{
    struct objects_mem *store = writer->store;
    if (writer->partial) {
        struct entry **at = mem_find(&store->partials, &writer->key);
        if (keep_partial)
            (*at)->writing = false;
        else
            mem_entry_remove(store, at);
    }
    mem_blob_unref(store, writer->blob);
    object_hash_free(writer->hash);
    free(writer);
}

static void writer_end_unlocked(struct object_writer *writer, bool keep_partial)
{
    struct objects_mem *store = writer->store;
    pthread_mutex_lock(&store->mutex);
    writer_end(writer, keep_partial);
    pthread_mutex_unlock(&store->mutex);
}

static ferry_err writer_new(struct objects_mem *store, const ferry_id *key, bool with_sha256,
                            struct object_writer **ret_writer)
{
    struct object_writer *writer = ferry_calloc(1, sizeof *writer);
    if (writer == NULL || object_hash_new(with_sha256, &writer->hash) != FERRY_OK) {
        free(writer);
        return FERRY_E_NOMEM;
    }
    writer->store = store;
    writer->key = *key;
    writer->with_sha256 = with_sha256;
    *ret_writer = writer;
    return FERRY_OK;
}

ferry_err mem_write_begin(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                          struct object_writer **ret_writer)
{
    struct objects_mem *store = mem_of(o);
    struct object_writer *writer = NULL;
    pthread_mutex_lock(&store->mutex);
    bool room = size <= store->capacity - store->used;
    pthread_mutex_unlock(&store->mutex);
    if (!room)
        return FERRY_E_FULL;
    ferry_err err = writer_new(store, key, with_sha256, &writer);
    if (err != FERRY_OK)
        return err;
    writer->blob = mem_blob_new();
    if (writer->blob == NULL) {
        writer_end_unlocked(writer, false);
        return FERRY_E_NOMEM;
    }
    *ret_writer = writer;
    return FERRY_OK;
}

/* The entry of a partial, made if needed, marked as being written. With the mutex held. */
static ferry_err partial_take(struct objects_mem *store, const ferry_id *key, struct entry **ret_entry)
{
    struct entry **at = mem_find(&store->partials, key);
    if (*at == NULL) {
        struct entry *entry = ferry_calloc(1, sizeof *entry);
        struct blob *blob = mem_blob_new();
        if (entry == NULL || blob == NULL) {
            free(entry);
            free(blob);
            return FERRY_E_NOMEM;
        }
        entry->key = *key;
        entry->blob = blob;
        *at = entry;
    }
    if ((*at)->writing)
        return FERRY_E_BUSY;
    (*at)->writing = true;
    *ret_entry = *at;
    return FERRY_OK;
}

/* Is there room for what is still to come? With the mutex held. */
static bool has_room(struct objects_mem *store, const ferry_id *key, uint64_t size)
{
    const struct entry *entry = *mem_find(&store->partials, key);
    uint64_t there = entry != NULL ? entry->blob->size : 0;
    return size <= there || size - there <= store->capacity - store->used;
}

ferry_err mem_write_resume(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                           struct object_writer **ret_writer, uint64_t *ret_offset)
{
    struct objects_mem *store = mem_of(o);
    struct object_writer *writer = NULL;
    struct entry *entry = NULL;
    ferry_err err = writer_new(store, key, with_sha256, &writer);
    if (err != FERRY_OK)
        return err;
    pthread_mutex_lock(&store->mutex);
    err = has_room(store, key, size) ? partial_take(store, key, &entry) : FERRY_E_FULL;
    if (err == FERRY_OK) {
        writer->partial = true;
        writer->blob = entry->blob;
        writer->blob->refs++;
        *ret_offset = entry->blob->size;
        if (entry->blob->size > 0) {
            object_hash_free(writer->hash);
            writer->hash = NULL;
        }
        *ret_writer = FERRY_TAKE(writer);
    }
    if (writer != NULL)
        writer_end(writer, false);
    pthread_mutex_unlock(&store->mutex);
    return err;
}

/* With the mutex held: readers of the partial's size look at it meanwhile. */
static ferry_err blob_append(struct objects_mem *store, struct blob *blob, const void *bytes, size_t len)
{
    if (len > store->capacity - store->used)
        return FERRY_E_FULL;
    if (blob->size + len > blob->cap) {
        uint64_t cap = blob->cap < 4096 ? 4096 : blob->cap;
        while (cap < blob->size + len)
            cap *= 2;
        uint8_t *grown = ferry_realloc(blob->bytes, (size_t)cap);
        if (grown == NULL)
            return FERRY_E_NOMEM;
        blob->bytes = grown;
        blob->cap = cap;
    }
    if (len > 0)
        memcpy(blob->bytes + blob->size, bytes, len);
    blob->size += len;
    store->used += len;
    return FERRY_OK;
}

ferry_err mem_write(struct object_writer *writer, const void *bytes, size_t len)
{
    struct objects_mem *store = writer->store;
    pthread_mutex_lock(&store->mutex);
    ferry_err err = blob_append(store, writer->blob, bytes, len);
    pthread_mutex_unlock(&store->mutex);
    if (err == FERRY_OK && writer->hash != NULL)
        err = object_hash_update(writer->hash, bytes, len);
    return err;
}

/* Only this writer changes its blob, so reading it needs no mutex. */
static ferry_err verify(struct object_writer *writer, const struct object_expect *expect,
                        struct object_digests *ret_have)
{
    bool want_sha256 = writer->with_sha256 || expect->sha256 != NULL;
    ferry_err err = FERRY_OK;
    if (writer->hash == NULL || want_sha256 != writer->with_sha256) {
        object_hash_free(writer->hash);
        writer->hash = NULL;
        err = object_hash_new(want_sha256, &writer->hash);
        if (err == FERRY_OK)
            err = object_hash_update(writer->hash, writer->blob->bytes, (size_t)writer->blob->size);
    }
    struct object_digests have;
    if (err == FERRY_OK)
        err = object_hash_finish(writer->hash, &have);
    if (err == FERRY_OK)
        err = object_digests_check(&have, expect);
    if (err == FERRY_OK)
        *ret_have = have;
    return err;
}

/* With the mutex held. */
static ferry_err publish(struct object_writer *writer)
{
    struct entry **at = mem_find(&writer->store->objects, &writer->key);
    if (*at == NULL) {
        struct entry *entry = ferry_calloc(1, sizeof *entry);
        if (entry == NULL)
            return FERRY_E_NOMEM;
        entry->key = writer->key;
        *at = entry;
    } else {
        mem_blob_unref(writer->store, (*at)->blob);
    }
    writer->blob->refs++;
    (*at)->blob = writer->blob;
    return FERRY_OK;
}

ferry_err mem_write_finish(struct object_writer *writer, const struct object_expect *expect,
                           struct object_digests *ret_digests)
{
    struct objects_mem *store = writer->store;
    bool with_sha256 = writer->with_sha256;
    struct object_digests have;
    ferry_err err = verify(writer, expect, &have);
    pthread_mutex_lock(&store->mutex);
    if (err == FERRY_OK)
        err = publish(writer);
    writer_end(writer, false);
    pthread_mutex_unlock(&store->mutex);
    if (err == FERRY_OK && ret_digests != NULL) {
        *ret_digests = have;
        if (!with_sha256)
            memset(ret_digests->sha256, 0, sizeof ret_digests->sha256);
    }
    return err;
}

ferry_err mem_write_suspend(struct object_writer *writer)
{
    ferry_err err = writer->partial ? FERRY_OK : FERRY_E_STATE;
    writer_end_unlocked(writer, true);
    return err;
}

ferry_err mem_reopen(struct objects *o, const ferry_id *key)
{
    struct objects_mem *store = mem_of(o);
    pthread_mutex_lock(&store->mutex);
    struct entry **at = mem_find(&store->objects, key);
    struct entry *entry = *at;
    if (entry != NULL) {
        struct entry **partial = mem_find(&store->partials, key);
        *at = entry->next;
        entry->next = NULL;
        if (*partial != NULL)
            mem_entry_remove(store, partial);
        *mem_find(&store->partials, key) = entry;
    }
    pthread_mutex_unlock(&store->mutex);
    return entry != NULL ? FERRY_OK : FERRY_E_NOT_FOUND;
}

void mem_write_abort(struct object_writer *writer)
{
    if (writer != NULL)
        writer_end_unlocked(writer, false);
}
