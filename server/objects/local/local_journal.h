/* The journal of small objects: their bytes are durable there, all that wait with one sync, before their file is. The files are
 * written back together later (docs/decisions/0020). One file of two halves; while one is written back the other one takes what comes.
 *
 * A half is pages: its head, then records, each from the beginning of a page on: a head, then the bytes. A record belongs to
 * its half by a number drawn at random each time the half begins anew, so whatever was there before is none. */
#ifndef OBJECTS_LOCAL_JOURNAL_H
#define OBJECTS_LOCAL_JOURNAL_H

#include "api/objects.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    JOURNAL_PAGE = 4096, /* no sector of a durable record is written again */
    JOURNAL_HALF_PAGES = 1024,
    JOURNAL_HALVES = 2,
    JOURNAL_OBJECT_MAX = 16384, /* larger ones: writing them twice costs more than their sync */
    JOURNAL_WRITE_BACK_MS =
        5000, /* so old the oldest record becomes, as the kernel does with what it has not written */
    JOURNAL_WANTED_PAGES = JOURNAL_HALF_PAGES / 8 * 7, /* from here on the next half is asked for */
};

struct objects_local;
struct local_journal;

/* Where a record is. */
struct local_place {
    unsigned half;
    uint32_t page;
};

/* What a half says of itself. */
struct journal_half_head {
    uint64_t order; /* the halves by age */
    uint64_t nonce;
};

/* --- local_journal.c: while the store is open ----------------------------------------------------------- */

/* Before any writer: what a sudden end left in the journal becomes objects, durable. FERRY_OK with null: none can be had here,
 * and each object is synced by itself. */
ferry_err local_journal_open(struct objects_local *store, struct local_journal **ret_journal);
/* What is in it is written back. Accepts null. */
void local_journal_close(struct local_journal *journal);
/* Makes the first size bytes of the file durable. False: the object is to be synced by itself. Else local_journal_named must follow. */
bool local_journal_add(struct local_journal *journal, const ferry_id *key, const uint8_t md5[16], int fd, uint64_t size,
                       struct local_place *ret_place);
/* The file has the object's name, or (false) will never have it. */
void local_journal_named(struct local_journal *journal, const struct local_place *place, bool named);
/* The object was removed: it does not come back after kill -9. Not synced. */
void local_journal_forget(struct local_journal *journal, const ferry_id *key);
/* What is under the key was changed past the journal: returns when the journal has nothing older of it. @retval FERRY_E_IO */
ferry_err local_journal_settle(struct local_journal *journal, const ferry_id *key);

/* --- local_journal_file.c: what is in the file ------------------------------------------------------------ */

/* Opens the file, makes objects of what is in it, and begins both halves anew. -1: there can be none. */
ferry_err journal_file_open(struct objects_local *store, int *ret_fd, struct journal_half_head heads[JOURNAL_HALVES]);
/* Begins a half anew, durable: its records are none any more. */
ferry_err journal_file_begin(int fd, unsigned half, const struct journal_half_head *head);
uint32_t journal_record_pages(uint64_t size);
/* Reads the bytes from their file. Not synced. */
ferry_err journal_record_write(int fd, const struct local_place *place, uint64_t nonce, const ferry_id *key,
                               const uint8_t md5[16], int from_fd, uint32_t size);
/* Not synced. */
ferry_err journal_record_cancel(int fd, const struct local_place *place);

#endif
