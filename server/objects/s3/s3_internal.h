/* What the files of objects/s3 share. */
#ifndef OBJECTS_S3_INTERNAL_H
#define OBJECTS_S3_INTERNAL_H

#include "objects/s3.h"
#include "s3_hash.h"
#include "s3_http.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>

/* AWS, "Amazon S3 multipart upload limits" (others take the same or more): bytes of one PUT, and so of one part; bytes of an object */
#define S3_PUT_MAX (5ull << 30)
#define S3_OBJECT_MAX (5ull << 40)

enum {
    S3_PART_BYTES = 8 << 20,           /* the first parts */
    S3_PART_LEAST_BYTES = 5 << 20,     /* stores take no smaller one, but the last */
    S3_PART_STEP = 1 << 20,
    S3_PARTS_PER_SIZE = 1000,          /* when the size is not known: after so many parts, they are twice as large */
    S3_PARTS_RESERVE = 10,             /* one part in so many is kept */
    S3_PARTS_MAX = 10000,
    S3_READ_BYTES = 256 << 10,         /* fetched at once */
    S3_UPLOAD_ID_SIZE = 1025,
    S3_PATIENCE_MS = 4000,             /* for a word without a body: devices wait 5 s for an answer */
    S3_READ_PATIENCE_MS = 5000,        /* for S3_READ_BYTES */
    S3_BODY_PATIENCE_MS = 20000,       /* ... with a body, and */
    S3_BODY_BYTES_PER_MS = 128,        /* ... one that moves that fast at least */
    S3_COMPLETE_PATIENCE_MS = 120000,  /* stores put large objects together while we wait */
};

struct object_writer {
    struct objects_s3 *store;
    ferry_id key;
    uint64_t size;           /* that it will have; 0: unknown */
    bool with_sha256;
    bool partial;
    bool noted;              /* partial: there is an object that tells of it */
    bool lost;               /* the store has forgotten the parts */
    _Atomic uint64_t written; /* as hash.size, for other threads */
    struct s3_hash hash;     /* of all bytes */
    struct ferry_buf part;   /* bytes that are not with the store yet */
    char upload_id[S3_UPLOAD_ID_SIZE]; /* empty: no part is with the store */
    unsigned parts;
    struct ferry_buf etags;  /* of the parts, each with a NUL */
    struct object_writer *next; /* in store->busy */
};

static inline struct objects_s3 *s3_of(struct objects *o)
{
    return (struct objects_s3 *)(void *)o;
}

/* Names below the prefix. */
enum { S3_NAME_SIZE = 64 };
void s3_object_name(const ferry_id *key, char out[S3_NAME_SIZE]);
void s3_partial_name(const ferry_id *key, char out[S3_NAME_SIZE]);
void s3_aside_name(const ferry_id *key, char out[S3_NAME_SIZE]);

/* s3.c: small requests that several files make */
uint32_t s3_patience_ms(size_t body_len);
/** With the MD5 of the bytes, if it is known (null: it is computed). */
ferry_err s3_put(struct objects_s3 *store, const char *name, const void *bytes, size_t len, const uint8_t *md5);
ferry_err s3_delete(struct objects_s3 *store, const char *name);

/* s3_aside.c */
ferry_err s3_set_aside(struct objects *o, const ferry_id *key);
/** Of an object that is not there. @retval FERRY_E_CORRUPT it was set aside | FERRY_E_NOT_FOUND | others: the store was not asked */
ferry_err s3_why_not_there(struct objects_s3 *store, const ferry_id *key);

/* s3_read.c */
ferry_err s3_head(struct objects_s3 *store, const char *name, struct s3_answer *answer);
ferry_err s3_stat(struct objects *o, const ferry_id *key, uint64_t *ret_size);
ferry_err s3_match(struct objects *o, const ferry_id *key, const struct object_expect *expect);
ferry_err s3_read_open(struct objects *o, const ferry_id *key, struct object_reader **ret_reader, uint64_t *ret_size);
ferry_err s3_read_at(struct object_reader *reader, uint64_t offset, void *out, size_t len, size_t *ret_len);
int s3_read_fd(struct object_reader *reader);
void s3_read_close(struct object_reader *reader);

/* s3_parts.c: the multipart upload of a writer */
/** For s3_xml_read: an answer that begins with 200 long before its end is known may hold an error. arg: a bool, which becomes true. */
void s3_note_error(void *arg, const char *name, const char *text);
size_t s3_part_bytes(uint64_t left, unsigned parts); /* of the next part, when so many bytes are left (0: unknown) and parts there */
ferry_err s3_part_send(struct object_writer *writer);
/** Makes the object of the parts. */
ferry_err s3_parts_complete(struct object_writer *writer);
ferry_err s3_parts_abort(struct objects_s3 *store, const char *name, const char *upload_id);

/* s3_partial.c: what is written down of a partial object */
ferry_err s3_note(struct object_writer *writer);              /* with the bytes that make no part */
ferry_err s3_recall(struct object_writer *writer);            /* NOT_FOUND: there is none */
/** Of a writer that has just been made. Takes the text to pieces. @retval FERRY_E_CORRUPT | FERRY_E_NOMEM | FERRY_E_LIMIT */
ferry_err s3_note_read(struct object_writer *writer, struct ferry_buf *text);
ferry_err s3_note_write(const struct object_writer *writer, struct ferry_buf *out);
ferry_err s3_partial_bytes(struct objects_s3 *store, const ferry_id *key, uint64_t *ret_size); /* 0: none */

/* s3_write.c */
ferry_err s3_write_begin(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                         struct object_writer **ret_writer);
ferry_err s3_write_resume(struct objects *o, const ferry_id *key, uint64_t size, bool with_sha256,
                          struct object_writer **ret_writer, uint64_t *ret_offset);
ferry_err s3_write(struct object_writer *writer, const void *bytes, size_t len);
ferry_err s3_write_finish(struct object_writer *writer, const struct object_expect *expect,
                          struct object_digests *ret_digests);
ferry_err s3_write_suspend(struct object_writer *writer);
void s3_write_abort(struct object_writer *writer);
ferry_err s3_partial_size(struct objects *o, const ferry_id *key, uint64_t *ret_size);
ferry_err s3_reopen(struct objects *o, const ferry_id *key);
ferry_err s3_partial_remove(struct objects *o, const ferry_id *key);

/* s3_url.c */
ferry_err s3_url_sign(struct objects *o, const struct object_url *url, char *out, size_t cap);
ferry_err s3_url_check(struct objects *o, const struct object_url *url, const char *signature, size_t len);
ferry_err s3_direct_sign(struct objects *o, const ferry_id *key, const struct object_expect *expect, uint64_t expires_s,
                         struct object_direct *ret_direct);

/* s3_sweep.c */
ferry_err s3_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                   bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed);

#endif
