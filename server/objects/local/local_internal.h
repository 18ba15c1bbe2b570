/* What the files of objects/local share. */
#ifndef OBJECTS_LOCAL_INTERNAL_H
#define OBJECTS_LOCAL_INTERNAL_H

#include "local_journal.h"
#include "objects/digest.h"
#include "objects/hashers.h"
#include "objects/local.h"
#include "objects/signed_url.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum {
    LOCAL_PATH_MAX = 96,               /* the longest: below ready/, an id, an MD5 and 16 digits */
    LOCAL_REREAD_BYTES = 256 * 1024,   /* buffer when a resumed object is hashed again */
    LOCAL_RESERVE_MIN_BYTES = 1 << 20, /* smaller objects: asking for room costs more than it saves */
    LOCAL_PIPE_FROM_BYTES = 1 << 20,   /* up to here an object is hashed by the thread that writes it */
    LOCAL_PIPES_MAX = 16,              /* objects that hold two blocks in memory; more are hashed as small ones are */
    LOCAL_MARKS = 1 << 20,             /* bits: 128 KiB, half of them set after 700,000 partials of one run */
    LOCAL_WRITEBACK_BYTES = 8 << 20,   /* written bytes after which the disk is set to work, so that fsync is short */
};

struct objects_local {
    struct objects base; /* first: the handle is this address */
    struct signed_url_signer signer;
    int root_fd;
    pthread_mutex_t partials_mutex; /* guards busy; never held during I/O */
    struct object_writer *busy;     /* writers that have a partial */
    atomic_uchar partial_marks[LOCAL_MARKS / 8]; /* a bit that is not set: no key of that place has had a partial */
    pthread_mutex_t pipes_mutex;    /* guards pipes, and hashers until they are there */
    unsigned pipes;
    struct object_hashers *hashers; /* null: none was needed yet */
    struct local_journal *journal;  /* null: there can be none */
};

struct local_pipe;

struct object_writer {
    struct objects_local *store;
    ferry_id key;
    int fd;
    struct local_pipe *pipe;  /* null: each write is hashed and written at once, or not hashed */
    struct object_hash *hash; /* null when it does not cover all bytes: hashed again at finish */
    bool with_sha256;
    bool partial;
    bool created; /* partial: made by this writer, so its folder must be synced too */
    uint64_t size;
    uint64_t writeback_from;
    char path[LOCAL_PATH_MAX];  /* of the file being written, below root_fd */
    struct object_writer *next; /* in store->busy */
};

struct object_reader {
    int fd;
};

static inline struct objects_local *local_of(struct objects *o)
{
    return (struct objects_local *)(void *)o;
}

void local_object_path(const ferry_id *key, char out[LOCAL_PATH_MAX]);
/* Where an object is kept that was set aside. */
void local_aside_path(const ferry_id *key, char out[LOCAL_PATH_MAX]);
void local_partial_path(const ferry_id *key, char out[LOCAL_PATH_MAX]);
ferry_err local_errno(int errnum);
/* Creates a file of its own below tmp/. */
ferry_err local_temp_create(struct objects_local *store, char path[LOCAL_PATH_MAX], int *ret_fd);
/* fsync of a folder below root_fd. */
ferry_err local_folder_sync(struct objects_local *store, const char *folder);
ferry_err local_write_all(int fd, const void *bytes, size_t len, uint64_t offset);
/* Adds the first size bytes of the file. */
ferry_err local_hash_file(struct object_hash *hash, int fd, uint64_t size);
/* Renames a file to the path of an object, whose folder is made when it is missing. Not synced. */
ferry_err local_name(struct objects_local *store, const char *from, const char *object_path);

/* local_ready.c */

/* A new name below ready/ for an object with that MD5. */
void local_ready_path(const ferry_id *key, const uint8_t md5[16], char out[LOCAL_PATH_MAX]);
/* Before any writer: what a sudden end left in ready/ gets its own name, durable, when it is whole; else it is removed. */
ferry_err local_ready_settle(struct objects_local *store);

/* local_write.c */
ferry_err local_write_begin(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                            struct object_writer **ret_writer);
ferry_err local_write_resume(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                             struct object_writer **ret_writer, uint64_t *ret_offset);
ferry_err local_write(struct object_writer *writer, const void *bytes, size_t len);
ferry_err local_write_finish(struct object_writer *writer, const struct object_expect *expect,
                             struct object_digests *ret_digests);
ferry_err local_write_suspend(struct object_writer *writer);
void local_write_abort(struct object_writer *writer);
ferry_err local_partial_size(struct objects *o, const ferry_id *key, uint64_t *ret_size);
ferry_err local_reopen(struct objects *o, const ferry_id *key);
ferry_err local_partial_remove(struct objects *o, const ferry_id *key);
/** @brief A partial may be there from now on. Before its file is made. Any thread. */
void local_partial_mark(struct objects_local *store, const ferry_id *key);
/** @brief Marks those that an earlier run has left. */
ferry_err local_partials_mark_left(struct objects_local *store);

/* Appends to the file alone. */
ferry_err local_append(struct object_writer *writer, const void *bytes, size_t len);

/* local_pipe.c */

/* Null: there are too many, or no memory. */
struct local_pipe *local_pipe_new(struct objects_local *store, struct object_hash *hash);
void local_pipe_free(struct local_pipe *pipe); /* accepts null; before the hash is freed */
ferry_err local_pipe_add(struct object_writer *writer, const char *bytes, size_t len);
/* All that was added is in the file and in the hash. */
ferry_err local_pipe_end(struct object_writer *writer);

/* local_sweep.c */
/* Before any writer: removes what a sudden end left in tmp/. Counts it. */
ferry_err local_temps_sweep(struct objects_local *store, uint64_t *removed);
ferry_err local_list(struct objects *o, bool (*visit)(void *arg, const ferry_id *key, uint64_t changed_s), void *arg);
ferry_err local_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                      bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed);

#endif
