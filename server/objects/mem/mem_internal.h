/* What the files of objects/mem share. */
#ifndef OBJECTS_MEM_INTERNAL_H
#define OBJECTS_MEM_INTERNAL_H

#include "objects/digest.h"
#include "objects/mem.h"
#include "objects/signed_url.h"

#include <pthread.h>

/* Bytes that several may hold; the count is guarded by the store's mutex. */
struct blob {
    uint32_t refs;
    uint64_t size;
    uint64_t cap;
    uint8_t *bytes;
};

struct entry {
    ferry_id key;
    struct blob *blob;
    bool writing; /* partials: a writer has it */
    struct entry *next;
};

struct objects_mem {
    struct objects base; /* first: the handle is this address */
    struct signed_url_signer signer;
    uint64_t capacity;
    pthread_mutex_t mutex; /* guards everything below, and the size of every blob */
    uint64_t used;         /* bytes of all blobs */
    struct entry *objects;
    struct entry *partials;
    struct entry *aside; /* objects that are none any more */
};

struct object_writer {
    struct objects_mem *store;
    ferry_id key;
    struct blob *blob;
    struct object_hash *hash; /* null: hashed at finish */
    bool with_sha256;
    bool partial;
};

struct object_reader {
    struct objects_mem *store;
    struct blob *blob;
};

static inline struct objects_mem *mem_of(struct objects *o)
{
    return (struct objects_mem *)(void *)o;
}

/* All with the mutex held. */
struct blob *mem_blob_new(void);
void mem_blob_unref(struct objects_mem *store, struct blob *blob);
struct entry **mem_find(struct entry **list, const ferry_id *key); /* where it is, or the end of the list */
void mem_entry_remove(struct objects_mem *store, struct entry **at);

ferry_err mem_write_begin(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                          struct object_writer **ret_writer);
ferry_err mem_write_resume(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                           struct object_writer **ret_writer, uint64_t *ret_offset);
ferry_err mem_write(struct object_writer *writer, const void *bytes, size_t len);
ferry_err mem_write_finish(struct object_writer *writer, const struct object_expect *expect,
                           struct object_digests *ret_digests);
ferry_err mem_write_suspend(struct object_writer *writer);
ferry_err mem_reopen(struct objects *o, const ferry_id *key);
void mem_write_abort(struct object_writer *writer);

#endif
