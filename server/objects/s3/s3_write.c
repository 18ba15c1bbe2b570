#include "s3_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "objects/digest.h"

#include <stdlib.h>
#include <string.h>

/* --- the table of partials that have a writer here ------------------------------------------------ */

/* With the mutex held. */
static struct object_writer *busy_find(struct objects_s3 *store, const ferry_id *key)
{
    struct object_writer *w = store->busy;
    while (w != NULL && !ferry_id_equal(&w->key, key))
        w = w->next;
    return w;
}

static bool busy_add(struct objects_s3 *store, struct object_writer *writer)
{
    pthread_mutex_lock(&store->mutex);
    bool free_now = busy_find(store, &writer->key) == NULL;
    if (free_now) {
        writer->next = store->busy;
        store->busy = writer;
    }
    pthread_mutex_unlock(&store->mutex);
    return free_now;
}

static void busy_remove(struct objects_s3 *store, const struct object_writer *writer)
{
    pthread_mutex_lock(&store->mutex);
    struct object_writer **at = &store->busy;
    while (*at != writer)
        at = &(*at)->next;
    *at = writer->next;
    pthread_mutex_unlock(&store->mutex);
}

/* --- life of a writer ------------------------------------------------------------------------------- */

/* One that will be sent may have any size: only the last limits memory. */
static void writer_init(struct object_writer *w, struct objects_s3 *store, const ferry_id *key, bool with_sha256)
{
    *w = (struct object_writer){.store = store,
                                .key = *key,
                                .with_sha256 = with_sha256,
                                .part = FERRY_BUF_INIT(SIZE_MAX),
                                .etags = FERRY_BUF_INIT((size_t)S3_PARTS_MAX * S3_ETAG_SIZE)};
    s3_hash_init(&w->hash);
}

static void writer_done(struct object_writer *w)
{
    if (w->partial)
        busy_remove(w->store, w);
    ferry_buf_done(&w->part);
    ferry_buf_done(&w->etags);
}

static void writer_free(struct object_writer *w)
{
    if (w == NULL)
        return;
    writer_done(w);
    free(w);
}

FERRY_DEFINE_CLEANUP(struct object_writer *, writer_free)

/* Removes what is with the store of it. Nobody could do anything about a failure: a sweep will. */
static void forget(struct object_writer *w)
{
    char name[S3_NAME_SIZE];
    s3_object_name(&w->key, name);
    if (w->upload_id[0] != '\0')
        ferry_drop(s3_parts_abort(w->store, name, w->upload_id));
    s3_partial_name(&w->key, name);
    if (w->noted)
        ferry_drop(s3_delete(w->store, name));
}

static ferry_err writer_new(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                            struct object_writer **ret_writer)
{
    if (size > S3_OBJECT_MAX)
        return FERRY_E_FULL;
    struct object_writer *w = ferry_malloc(sizeof *w);
    if (w == NULL)
        return FERRY_E_NOMEM;
    writer_init(w, s3_of(o), key, with_sha256);
    w->size = size;
    *ret_writer = w;
    return FERRY_OK;
}

ferry_err s3_write_begin(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                         struct object_writer **ret_writer)
{
    return writer_new(o, key, size, with_sha256, ret_writer);
}

ferry_err s3_write_resume(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                          struct object_writer **ret_writer, uint64_t *ret_offset)
{
    ferry_cleanup(writer_free) struct object_writer *w = NULL;
    ferry_err err = writer_new(o, key, size, with_sha256, &w);
    if (err != FERRY_OK)
        return err;
    if (!busy_add(s3_of(o), w))
        return FERRY_E_BUSY;
    w->partial = true;
    err = s3_recall(w);
    if (err != FERRY_OK && err != FERRY_E_NOT_FOUND)
        return err;
    *ret_offset = w->hash.size;
    *ret_writer = FERRY_TAKE(w);
    return FERRY_OK;
}

/* --- bytes ------------------------------------------------------------------------------------------ */

static size_t part_bytes(const struct object_writer *w)
{
    uint64_t sent = w->hash.size - w->part.len;
    return s3_part_bytes(w->size > sent ? w->size - sent : 0, w->parts);
}

/* A part goes when the next byte comes: the last one, or the only one, is sent at the end. */
ferry_err s3_write(struct object_writer *w, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        size_t most = part_bytes(w);
        if (w->part.len >= most) {
            ferry_err err = s3_part_send(w);
            if (err != FERRY_OK)
                return err;
            if (w->partial)
                ferry_drop(s3_note(w)); /* after a sudden end it goes on here; without it, at an earlier place */
            continue;
        }
        size_t take = most - w->part.len < len ? most - w->part.len : len;
        ferry_err err = ferry_buf_append(&w->part, at, take);
        if (err != FERRY_OK)
            return err;
        s3_hash_update(&w->hash, at, take);
        atomic_store(&w->written, w->hash.size);
        at += take;
        len -= take;
    }
    return FERRY_OK;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static ferry_err publish(struct object_writer *w, const struct object_digests *have)
{
    char name[S3_NAME_SIZE];
    s3_object_name(&w->key, name);
    if (w->parts == 0)
        return s3_put(w->store, name, w->part.data, w->part.len, have->md5);
    ferry_err err = w->part.len > 0 ? s3_part_send(w) : FERRY_OK;
    return err == FERRY_OK ? s3_parts_complete(w) : err;
}

ferry_err s3_write_finish(struct object_writer *w, const struct object_expect *expect, struct object_digests *ret_digests)
{
    struct object_digests have;
    s3_hash_get(&w->hash, &have);
    ferry_err err = object_digests_check(&have, expect);
    if (err == FERRY_OK)
        err = publish(w, &have);
    if (err == FERRY_OK)
        w->upload_id[0] = '\0'; /* it has become the object */
    forget(w);
    if (err == FERRY_OK && ret_digests != NULL) {
        *ret_digests = have;
        if (!w->with_sha256)
            memset(ret_digests->sha256, 0, sizeof ret_digests->sha256);
    }
    writer_free(w);
    return err;
}

ferry_err s3_write_suspend(struct object_writer *w)
{
    ferry_err err = FERRY_OK;
    if (!w->partial || w->lost) {
        err = w->partial ? FERRY_E_IO : FERRY_E_STATE;
        forget(w);
    } else if (w->hash.size > 0) {
        if (w->part.len >= S3_PART_LEAST_BYTES)
            err = s3_part_send(w);
        if (err == FERRY_OK)
            err = s3_note(w);
    }
    writer_free(w);
    return err;
}

void s3_write_abort(struct object_writer *w)
{
    if (w == NULL)
        return;
    forget(w);
    writer_free(w);
}

/* --- partials at rest ------------------------------------------------------------------------------- */

ferry_err s3_partial_size(struct objects *o, const ferry_id *key, uint64_t *ret_size)
{
    struct objects_s3 *store = s3_of(o);
    pthread_mutex_lock(&store->mutex);
    struct object_writer *w = busy_find(store, key);
    bool writing = w != NULL;
    uint64_t size = writing ? atomic_load(&w->written) : 0;
    pthread_mutex_unlock(&store->mutex);
    ferry_err err = writing ? FERRY_OK : s3_partial_bytes(store, key, &size);
    if (err == FERRY_OK)
        *ret_size = size;
    return err;
}

ferry_err s3_partial_remove(struct objects *o, const ferry_id *key)
{
    struct object_writer mark;
    writer_init(&mark, s3_of(o), key, false);
    if (!busy_add(s3_of(o), &mark))
        return FERRY_E_BUSY;
    mark.partial = true;
    ferry_err err = s3_recall(&mark);
    if (err == FERRY_OK || err == FERRY_E_CORRUPT) {
        mark.noted = true;
        forget(&mark);
        err = FERRY_OK;
    }
    writer_done(&mark);
    return err == FERRY_E_NOT_FOUND ? FERRY_OK : err;
}

static ferry_err copy_into(struct object_reader *reader, uint64_t size, struct object_writer *w)
{
    ferry_autofree char *block = ferry_malloc(S3_READ_BYTES);
    ferry_err err = block != NULL ? FERRY_OK : FERRY_E_NOMEM;
    for (uint64_t at = 0; err == FERRY_OK && at < size;) {
        size_t got = 0;
        err = s3_read_at(reader, at, block, S3_READ_BYTES, &got);
        if (err == FERRY_OK)
            err = got > 0 ? s3_write(w, block, got) : FERRY_E_IO;
        at += got;
    }
    return err;
}

/* The store cannot hash what it has, nor make parts of it that are small: the bytes come here once more. */
ferry_err s3_reopen(struct objects *o, const ferry_id *key)
{
    struct object_reader *reader = NULL;
    struct object_writer *w = NULL;
    uint64_t size = 0, offset = 0;
    ferry_err err = s3_read_open(o, key, &reader, &size);
    if (err != FERRY_OK)
        return err;
    err = s3_partial_remove(o, key);
    if (err == FERRY_OK)
        err = s3_write_resume(o, key, size, true, &w, &offset);
    if (err == FERRY_OK)
        err = copy_into(reader, size, w);
    if (err == FERRY_OK)
        err = s3_write_suspend(FERRY_TAKE(w));
    s3_write_abort(w);
    s3_read_close(reader);
    return err == FERRY_OK ? o->ops->remove(o, key) : err;
}
