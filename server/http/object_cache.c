#include "object_cache.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { BUCKETS = 256, READ_BLOCK = 65536, ETAG_SIZE = FERRY_MD5_HEX + 3 };

struct object_entry {
    struct object_cache *cache;
    struct object_entry *next;
    ferry_id key;
    uint64_t size;
    char etag[ETAG_SIZE];
    struct object_reader *reader;
    char *small; /* null: too large */
    struct MHD_Response *whole, *whole_range;
    uint32_t refs; /* guarded by the cache's mutex, as is all below */
    bool listed;   /* in a bucket */
    uint64_t used_ms;
};

struct object_cache {
    struct object_cache_config cfg;
    pthread_mutex_t mutex; /* never held while a file is opened or read */
    uint32_t count;
    struct object_entry *buckets[BUCKETS];
};

static struct object_entry **bucket_of(struct object_cache *cache, const ferry_id *key)
{
    unsigned hash = (unsigned char)key->text[FERRY_ID_LEN - 1] + 32u * (unsigned char)key->text[FERRY_ID_LEN - 2];
    return &cache->buckets[hash % BUCKETS];
}

static void entry_free(struct object_entry *entry)
{
    if (entry == NULL)
        return;
    if (entry->whole != NULL)
        MHD_destroy_response(entry->whole);
    if (entry->whole_range != NULL)
        MHD_destroy_response(entry->whole_range);
    entry->cache->cfg.objects->ops->read_close(entry->reader);
    free(entry->small);
    free(entry);
}

FERRY_DEFINE_CLEANUP(struct object_entry *, entry_free)

/* --- answers -------------------------------------------------------------------------------------- */

/* A stream over the reader, for stores without descriptors; libmicrohttpd calls it by one thread at a time. */
struct stream {
    struct objects *objects;
    struct object_reader *reader;
    uint64_t offset;
};

static ssize_t stream_read(void *cls, uint64_t position, char *out, size_t cap)
{
    struct stream *s = cls;
    size_t got = 0;
    if (s->objects->ops->read_at(s->reader, s->offset + position, out, cap, &got) != FERRY_OK || got == 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return (ssize_t)got;
}

static void stream_free(void *cls)
{
    struct stream *s = cls;
    s->objects->ops->read_close(s->reader);
    free(s);
}

/* The stream has a reader of its own, so it does not need the entry to live. */
static struct MHD_Response *stream_response(struct object_entry *entry, uint64_t offset, uint64_t length)
{
    struct objects *objects = entry->cache->cfg.objects;
    ferry_autofree struct stream *s = ferry_calloc(1, sizeof *s);
    uint64_t size = 0;
    if (s == NULL || objects->ops->read_open(objects, &entry->key, &s->reader, &size) != FERRY_OK)
        return NULL;
    s->objects = objects;
    s->offset = offset;
    struct MHD_Response *response =
        size == entry->size ? MHD_create_response_from_callback(length, READ_BLOCK, stream_read, s, stream_free) : NULL;
    if (response == NULL)
        objects->ops->read_close(s->reader);
    else
        (void)FERRY_TAKE(s);
    return response;
}

static struct MHD_Response *file_response(int shared_fd, uint64_t offset, uint64_t length)
{
    ferry_autoclose int fd = fcntl(shared_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(length, fd, offset);
    if (response != NULL)
        (void)FERRY_TAKE_FD(fd);
    return response;
}

static struct MHD_Response *bytes_response(struct object_entry *entry, uint64_t offset, uint64_t length)
{
    struct objects *objects = entry->cache->cfg.objects;
    if (entry->small != NULL) /* a request holds its entry until libmicrohttpd has done with the answer */
        return MHD_create_response_from_buffer((size_t)length, entry->small + offset, MHD_RESPMEM_PERSISTENT);
    int fd = entry->cache->cfg.sendfile ? objects->ops->read_fd(entry->reader) : -1;
    return fd >= 0 ? file_response(fd, offset, length) : stream_response(entry, offset, length);
}

static bool add_headers(const struct object_entry *entry, struct MHD_Response *response)
{
    return MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, entry->etag) == MHD_YES &&
           MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes") == MHD_YES &&
           MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream") == MHD_YES;
}

static bool add_range(const struct object_entry *entry, struct MHD_Response *response, uint64_t offset, uint64_t length)
{
    char text[80];
    (void)snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, offset, offset + length - 1,
                   entry->size);
    return MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text) == MHD_YES;
}

struct MHD_Response *object_entry_part(struct object_entry *entry, uint64_t offset, uint64_t length)
{
    ferry_cleanup(MHD_destroy_response) struct MHD_Response *response = bytes_response(entry, offset, length);
    if (response == NULL || !add_headers(entry, response) || !add_range(entry, response, offset, length))
        return NULL;
    return FERRY_TAKE(response);
}

/* Shared by all who fetch the object, or made anew for each. */
static bool is_shared(const struct object_entry *entry)
{
    return entry->small != NULL || entry->cache->cfg.sendfile;
}

static struct MHD_Response *whole_response(struct object_entry *entry)
{
    ferry_cleanup(MHD_destroy_response) struct MHD_Response *response = bytes_response(entry, 0, entry->size);
    return response != NULL && add_headers(entry, response) ? FERRY_TAKE(response) : NULL;
}

static ferry_err make_answers(struct object_entry *entry)
{
    if (!is_shared(entry))
        return FERRY_OK;
    entry->whole = whole_response(entry);
    if (entry->whole == NULL)
        return FERRY_E_LIMIT;
    if (entry->size == 0)
        return FERRY_OK; /* no range of nothing can be satisfied */
    entry->whole_range = object_entry_part(entry, 0, entry->size);
    return entry->whole_range != NULL ? FERRY_OK : FERRY_E_LIMIT;
}

struct MHD_Response *object_entry_whole(struct object_entry *entry, bool *ret_shared)
{
    *ret_shared = is_shared(entry);
    return *ret_shared ? entry->whole : whole_response(entry);
}

struct MHD_Response *object_entry_whole_range(struct object_entry *entry, bool *ret_shared)
{
    *ret_shared = is_shared(entry);
    return *ret_shared ? entry->whole_range : object_entry_part(entry, 0, entry->size);
}

/* --- opening -------------------------------------------------------------------------------------- */

static ferry_err read_small(struct object_entry *entry)
{
    const struct objects_ops *ops = entry->cache->cfg.objects->ops;
    size_t want = (size_t)entry->size;
    entry->small = ferry_malloc(want + 1);
    if (entry->small == NULL)
        return FERRY_E_NOMEM;
    for (size_t at = 0; at < want;) {
        size_t got = 0;
        ferry_err err = ops->read_at(entry->reader, at, entry->small + at, want - at, &got);
        if (err != FERRY_OK || got == 0)
            return err != FERRY_OK ? err : FERRY_E_IO;
        at += got;
    }
    ops->read_close(entry->reader);
    entry->reader = NULL;
    return FERRY_OK;
}

static ferry_err entry_open(struct object_cache *cache, const ferry_id *key, uint64_t size, const char *md5,
                            struct object_entry **ret_entry)
{
    struct objects *objects = cache->cfg.objects;
    ferry_cleanup(entry_free) struct object_entry *entry = ferry_calloc(1, sizeof *entry);
    if (entry == NULL)
        return FERRY_E_NOMEM;
    entry->cache = cache;
    entry->key = *key;
    (void)snprintf(entry->etag, sizeof entry->etag, "\"%.32s\"", md5);
    ferry_err err = objects->ops->read_open(objects, key, &entry->reader, &entry->size);
    if (err == FERRY_OK && entry->size != size)
        err = FERRY_E_CORRUPT;
    if (err == FERRY_OK && size <= cache->cfg.small_bytes)
        err = read_small(entry);
    if (err == FERRY_OK)
        err = make_answers(entry);
    if (err != FERRY_OK)
        return err;
    *ret_entry = FERRY_TAKE(entry);
    return FERRY_OK;
}

/* --- the table; all with the mutex held ---------------------------------------------------------- */

static struct object_entry *find(struct object_cache *cache, const ferry_id *key, uint64_t size, const char *md5)
{
    struct object_entry *entry = *bucket_of(cache, key);
    while (entry != NULL && !ferry_id_equal(&entry->key, key))
        entry = entry->next;
    if (entry == NULL || entry->size != size || strncmp(entry->etag + 1, md5, FERRY_MD5_HEX) != 0)
        return NULL;
    entry->refs++;
    entry->used_ms = ferry_mono_ms();
    return entry;
}

/* Takes the entry out of the table, to be freed. */
static struct object_entry *unlist(struct object_cache *cache, struct object_entry **at)
{
    struct object_entry *entry = *at;
    *at = entry->next;
    entry->listed = false;
    cache->count--;
    return entry;
}

/* Of the entries that nobody holds and nobody asked for since a time, the one that waits longest. */
static struct object_entry **oldest(struct object_cache *cache, uint64_t not_since_ms)
{
    struct object_entry **found = NULL;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct object_entry **at = &cache->buckets[i]; *at != NULL; at = &(*at)->next)
            if ((*at)->refs == 0 && (*at)->used_ms <= not_since_ms &&
                (found == NULL || (*at)->used_ms < (*found)->used_ms))
                found = at;
    return found;
}

/* A second entry for a key (opened by two at once), or one too many while all are in use, stays outside the
 * table and goes with its last user. */
static struct object_entry *list(struct object_cache *cache, struct object_entry *entry)
{
    struct object_entry *leaves = NULL;
    struct object_entry **bucket = bucket_of(cache, &entry->key);
    for (const struct object_entry *e = *bucket; e != NULL; e = e->next)
        if (ferry_id_equal(&e->key, &entry->key))
            return NULL;
    if (cache->count >= cache->cfg.objects_max) {
        struct object_entry **at = oldest(cache, UINT64_MAX);
        leaves = at != NULL ? unlist(cache, at) : NULL;
    }
    if (cache->count < cache->cfg.objects_max) {
        entry->next = *bucket;
        *bucket = entry;
        entry->listed = true;
        cache->count++;
    }
    return leaves;
}

ferry_err object_cache_get(struct object_cache *cache, const ferry_id *key, uint64_t size, const char *md5,
                           struct object_entry **ret_entry)
{
    pthread_mutex_lock(&cache->mutex);
    struct object_entry *entry = find(cache, key, size, md5);
    pthread_mutex_unlock(&cache->mutex);
    if (entry == NULL) {
        ferry_err err = entry_open(cache, key, size, md5, &entry);
        if (err != FERRY_OK)
            return err;
        entry->refs = 1;
        entry->used_ms = ferry_mono_ms();
        pthread_mutex_lock(&cache->mutex);
        struct object_entry *leaves = list(cache, entry);
        pthread_mutex_unlock(&cache->mutex);
        entry_free(leaves);
    }
    *ret_entry = entry;
    return FERRY_OK;
}

void object_entry_release(struct object_entry *entry)
{
    if (entry == NULL)
        return;
    struct object_cache *cache = entry->cache;
    pthread_mutex_lock(&cache->mutex);
    bool last = --entry->refs == 0 && !entry->listed;
    pthread_mutex_unlock(&cache->mutex);
    if (last)
        entry_free(entry);
}

static struct object_entry *take_idle(struct object_cache *cache, uint64_t not_since_ms)
{
    struct object_entry **at = oldest(cache, not_since_ms);
    return at != NULL ? unlist(cache, at) : NULL;
}

void object_cache_forget(struct object_cache *cache, const ferry_id *key)
{
    struct object_entry *idle = NULL;
    pthread_mutex_lock(&cache->mutex);
    for (struct object_entry **at = bucket_of(cache, key); *at != NULL; at = &(*at)->next) {
        if (!ferry_id_equal(&(*at)->key, key))
            continue;
        struct object_entry *entry = unlist(cache, at);
        idle = entry->refs == 0 ? entry : NULL; /* else it goes with its last user */
        break;
    }
    pthread_mutex_unlock(&cache->mutex);
    entry_free(idle);
}

void object_cache_tick(struct object_cache *cache)
{
    uint64_t now_ms = ferry_mono_ms();
    struct object_entry *idle;
    do {
        pthread_mutex_lock(&cache->mutex);
        idle = now_ms >= cache->cfg.idle_ms ? take_idle(cache, now_ms - cache->cfg.idle_ms) : NULL;
        pthread_mutex_unlock(&cache->mutex);
        entry_free(idle);
    } while (idle != NULL);
}

ferry_err object_cache_new(const struct object_cache_config *cfg, struct object_cache **ret_cache)
{
    struct object_cache *cache = ferry_calloc(1, sizeof *cache);
    if (cache == NULL)
        return FERRY_E_NOMEM;
    cache->cfg = *cfg;
    (void)pthread_mutex_init(&cache->mutex, NULL);
    *ret_cache = cache;
    return FERRY_OK;
}

void object_cache_free(struct object_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (cache->buckets[i] != NULL)
            entry_free(unlist(cache, &cache->buckets[i]));
    (void)pthread_mutex_destroy(&cache->mutex);
    free(cache);
}
