#define _GNU_SOURCE /* syncfs */

#include "local_journal.h"
#include "local_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

FERRY_DEFINE_CLEANUP(struct object_hash *, object_hash_free)

#define JOURNAL_NAME "journal"

enum {
    HALF_BYTES = JOURNAL_HALF_PAGES * JOURNAL_PAGE,
    FILE_BYTES = JOURNAL_HALVES * HALF_BYTES,
    FILL_BYTES = 64 * JOURNAL_PAGE,
    ROOM_BYTES = 16 * FILE_BYTES, /* free where a journal is made */
    HALF_MAGIC = 0x4a797246,      /* FryJ */
    RECORD_MAGIC = 0x6f797246,    /* Fryo */
    CANCELLED_MAGIC = 0x78797246, /* Fryx */
};

/* Numbers as this machine has them: a journal does not travel. */
struct half_page {
    uint32_t magic, unused;
    struct journal_half_head head;
    uint8_t check[16]; /* MD5 of head */
};

struct record {
    uint32_t magic; /* alone not covered by check, so that it can be changed */
    uint32_t unused;
    struct {
        uint64_t nonce; /* of the half */
        uint64_t size;
        char key[FERRY_ID_LEN + 6];
        uint8_t md5[16];
    } says;
    uint8_t check[16]; /* MD5 of says */
};

static ferry_err md5_of(const void *bytes, size_t len, uint8_t out[16])
{
    ferry_cleanup(object_hash_free) struct object_hash *hash = NULL;
    struct object_digests digests;
    ferry_err err = object_hash_new(false, &hash);
    if (err == FERRY_OK)
        err = object_hash_update(hash, bytes, len);
    if (err == FERRY_OK)
        err = object_hash_finish(hash, &digests);
    if (err == FERRY_OK)
        memcpy(out, digests.md5, sizeof digests.md5);
    return err;
}

static bool has_md5(const void *bytes, size_t len, const uint8_t md5[16])
{
    uint8_t have[16];
    return md5_of(bytes, len, have) == FERRY_OK && memcmp(have, md5, sizeof have) == 0;
}

static uint64_t offset_of(unsigned half, uint32_t page)
{
    return (uint64_t)half * HALF_BYTES + (uint64_t)page * JOURNAL_PAGE;
}

static ferry_err read_all(int fd, void *out, size_t len, uint64_t offset)
{
    for (char *at = out; len > 0;) {
        ssize_t got = pread(fd, at, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FERRY_E_IO;
        at += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return FERRY_OK;
}

/* --- records ------------------------------------------------------------------------------------------ */

uint32_t journal_record_pages(uint64_t size)
{
    return (uint32_t)((sizeof(struct record) + size + JOURNAL_PAGE - 1) / JOURNAL_PAGE);
}

ferry_err journal_record_write(int fd, const struct local_place *place, uint64_t nonce, const ferry_id *key,
                               const uint8_t md5[16], int from_fd, uint32_t size)
{
    size_t len = (size_t)journal_record_pages(size) * JOURNAL_PAGE;
    ferry_autofree struct record *record = ferry_calloc(1, len);
    if (record == NULL)
        return FERRY_E_NOMEM;
    record->magic = RECORD_MAGIC;
    record->says.nonce = nonce;
    record->says.size = size;
    memcpy(record->says.key, key->text, FERRY_ID_LEN);
    memcpy(record->says.md5, md5, sizeof record->says.md5);
    ferry_err err = md5_of(&record->says, sizeof record->says, record->check);
    if (err == FERRY_OK)
        err = read_all(from_fd, record + 1, size, 0);
    return err == FERRY_OK ? local_write_all(fd, record, len, offset_of(place->half, place->page)) : err;
}

ferry_err journal_record_cancel(int fd, const struct local_place *place)
{
    static const uint32_t magic = CANCELLED_MAGIC;
    return local_write_all(fd, &magic, sizeof magic, offset_of(place->half, place->page));
}

/* --- halves ------------------------------------------------------------------------------------------- */

ferry_err journal_file_begin(int fd, unsigned half, const struct journal_half_head *head)
{
    struct half_page page = {.magic = HALF_MAGIC, .head = *head};
    ferry_err err = md5_of(&page.head, sizeof page.head, page.check);
    if (err == FERRY_OK)
        err = local_write_all(fd, &page, sizeof page, offset_of(half, 0));
    if (err != FERRY_OK)
        return err;
    return fdatasync(fd) == 0 ? FERRY_OK : local_errno(errno);
}

static ferry_err begin_both(int fd, uint64_t order, struct journal_half_head heads[JOURNAL_HALVES])
{
    ferry_err err = FERRY_OK;
    for (unsigned half = 0; err == FERRY_OK && half < JOURNAL_HALVES; half++) {
        heads[half].order = order + half;
        ferry_random_bytes(&heads[half].nonce, sizeof heads[half].nonce);
        err = journal_file_begin(fd, half, &heads[half]);
    }
    return err;
}

/* --- after a sudden end --------------------------------------------------------------------------------- */

static ferry_err write_anew(struct objects_local *store, const char *object, const void *bytes, size_t len)
{
    char temp[LOCAL_PATH_MAX];
    ferry_autoclose int fd = -1;
    ferry_err err = local_temp_create(store, temp, &fd);
    if (err != FERRY_OK)
        return err;
    err = local_write_all(fd, bytes, len, 0);
    if (err == FERRY_OK)
        err = local_name(store, temp, object);
    if (err != FERRY_OK)
        (void)unlinkat(store->root_fd, temp, 0);
    return err;
}

static bool is_there(struct objects_local *store, const char *object, const uint8_t md5[16], size_t len)
{
    char bytes[JOURNAL_OBJECT_MAX];
    struct stat info;
    ferry_autoclose int fd = openat(store->root_fd, object, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && fstat(fd, &info) == 0 && info.st_size == (off_t)len && read_all(fd, bytes, len, 0) == FERRY_OK &&
           has_md5(bytes, len, md5);
}

/* Anew whatever is there: what the kernel shows may never have come to the disk. On a full disk it is all there is. */
static ferry_err restore(struct objects_local *store, const struct record *record, const ferry_id *key,
                         const void *bytes)
{
    char object[LOCAL_PATH_MAX];
    local_object_path(key, object);
    ferry_err err = write_anew(store, object, bytes, record->says.size);
    return err == FERRY_E_FULL && is_there(store, object, record->says.md5, record->says.size) ? FERRY_OK : err;
}

struct replay {
    struct objects_local *store;
    int fd;
    char *bytes; /* room for JOURNAL_OBJECT_MAX */
    uint64_t restored;
};

/* A record of the half that begins on that page; its bytes may be wrong. */
static ferry_err find_record(const struct replay *r, const struct local_place *place, uint64_t nonce,
                             struct record *ret_record, bool *ret_found)
{
    struct record record;
    ferry_err err = read_all(r->fd, &record, sizeof record, offset_of(place->half, place->page));
    *ret_found = err == FERRY_OK && record.says.nonce == nonce &&
                 has_md5(&record.says, sizeof record.says, record.check) && record.says.size <= JOURNAL_OBJECT_MAX &&
                 place->page + journal_record_pages(record.says.size) <= JOURNAL_HALF_PAGES;
    *ret_record = record;
    return err;
}

/* One that was removed, and one that nobody was told of because it did not come to the disk, are left out. */
static ferry_err replay_record(struct replay *r, const struct local_place *place, const struct record *record)
{
    ferry_id key;
    if (record->magic != RECORD_MAGIC || !ferry_id_parse(record->says.key, FERRY_ID_LEN, &key))
        return FERRY_OK;
    ferry_err err = read_all(r->fd, r->bytes, record->says.size, offset_of(place->half, place->page) + sizeof *record);
    if (err != FERRY_OK || !has_md5(r->bytes, record->says.size, record->says.md5))
        return err;
    r->restored++;
    return restore(r->store, record, &key, r->bytes);
}

/* Behind a page that a sudden end kept from being written there may be more. */
static ferry_err replay_half(struct replay *r, unsigned half, uint64_t nonce)
{
    struct local_place place = {.half = half, .page = 1};
    ferry_err err = FERRY_OK;
    while (err == FERRY_OK && place.page < JOURNAL_HALF_PAGES) {
        struct record record;
        bool found = false;
        err = find_record(r, &place, nonce, &record, &found);
        if (err == FERRY_OK && found)
            err = replay_record(r, &place, &record);
        place.page += found ? journal_record_pages(record.says.size) : 1;
    }
    return err;
}

/* A half without a head: a sudden end came while it began anew, so it had been written back. */
static ferry_err replay_both(struct replay *r, uint64_t *ret_order)
{
    struct half_page pages[JOURNAL_HALVES];
    bool sound[JOURNAL_HALVES];
    ferry_err err = FERRY_OK;
    *ret_order = 1;
    for (unsigned half = 0; err == FERRY_OK && half < JOURNAL_HALVES; half++) {
        err = read_all(r->fd, &pages[half], sizeof pages[half], offset_of(half, 0));
        sound[half] = err == FERRY_OK && pages[half].magic == HALF_MAGIC &&
                      has_md5(&pages[half].head, sizeof pages[half].head, pages[half].check);
        if (sound[half] && pages[half].head.order >= *ret_order)
            *ret_order = pages[half].head.order + 1;
    }
    unsigned first = err == FERRY_OK && pages[0].head.order > pages[1].head.order ? 1 : 0;
    for (unsigned i = 0; err == FERRY_OK && i < JOURNAL_HALVES; i++) {
        unsigned half = (first + i) % JOURNAL_HALVES;
        if (sound[half])
            err = replay_half(r, half, pages[half].head.nonce);
    }
    return err;
}

static ferry_err replay(struct objects_local *store, int fd, uint64_t *ret_order)
{
    ferry_autofree char *bytes = ferry_malloc(JOURNAL_OBJECT_MAX);
    struct replay r = {.store = store, .fd = fd, .bytes = bytes};
    uint64_t removed = 0;
    if (bytes == NULL)
        return FERRY_E_NOMEM;
    ferry_drop(local_temps_sweep(store, &removed)); /* on a full disk theirs may be all the room there is; the sweep tells of errors */
    ferry_err err = replay_both(&r, ret_order);
    if (err != FERRY_OK || r.restored == 0)
        return err;
    ferry_log(FERRY_LOG_INFO, "objects", "small objects that a sudden end left in the journal: %llu",
              (unsigned long long)r.restored);
    return syncfs(store->root_fd) == 0 ? FERRY_OK : local_errno(errno);
}

/* --- the file ------------------------------------------------------------------------------------------ */

/* Written, not only reserved: then a record changes nothing but its pages, and its sync writes nothing else. */
static ferry_err fill(struct objects_local *store, int fd)
{
    ferry_autofree char *zeros = ferry_calloc(1, FILL_BYTES);
    ferry_err err = zeros != NULL ? FERRY_OK : FERRY_E_NOMEM;
    for (uint64_t at = 0; err == FERRY_OK && at < FILE_BYTES; at += FILL_BYTES)
        err = local_write_all(fd, zeros, FILL_BYTES, at);
    if (err == FERRY_OK && (fsync(fd) != 0 || fsync(store->root_fd) != 0))
        err = local_errno(errno);
    return err;
}

/* A small disk is for the objects. */
static bool has_room(int fd)
{
    struct statvfs disk;
    return fstatvfs(fd, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize >= ROOM_BYTES;
}

/* Before Linux 5.8 syncfs does not say what could not be written. */
static bool syncfs_tells(void)
{
    struct utsname system;
    unsigned major = 0, minor = 0;
    return uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 8));
}

/* -1: there is none, and none can be made. Of a disk that became read-only what is in it is read again when it can be written. */
static ferry_err open_or_make(struct objects_local *store, int *ret_fd)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
    *ret_fd = openat(store->root_fd, JOURNAL_NAME, flags);
    if (*ret_fd < 0 && errno == ENOENT)
        *ret_fd = openat(store->root_fd, JOURNAL_NAME, flags | O_CREAT | O_EXCL, 0600);
    else if (*ret_fd < 0 && errno != EROFS)
        return local_errno(errno);
    return FERRY_OK;
}

static ferry_err none(struct objects_local *store)
{
    ferry_log(FERRY_LOG_INFO, "objects", "there can be no journal of small objects here: each is synced by itself");
    if (unlinkat(store->root_fd, JOURNAL_NAME, 0) != 0 || fsync(store->root_fd) != 0)
        return local_errno(errno);
    return FERRY_OK;
}

ferry_err journal_file_open(struct objects_local *store, int *ret_fd, struct journal_half_head heads[JOURNAL_HALVES])
{
    struct stat info;
    uint64_t order = 1;
    ferry_autoclose int fd = -1;
    *ret_fd = -1;
    ferry_err err = open_or_make(store, &fd);
    if (err != FERRY_OK || fd < 0)
        return err;
    if (fstat(fd, &info) != 0)
        return local_errno(errno);
    bool whole = info.st_size == FILE_BYTES;
    err = whole ? replay(store, fd, &order) : FERRY_OK;
    if (err != FERRY_OK)
        return err;
    if (!syncfs_tells() || (!whole && (!has_room(fd) || fill(store, fd) != FERRY_OK)))
        return none(store);
    err = begin_both(fd, order, heads);
    if (err == FERRY_OK)
        *ret_fd = FERRY_TAKE_FD(fd);
    return err;
}
