#include "gathering.h"
#include "opening.h"

#include "base/alloc.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 127 * 1024 }; /* 31 pages. SQLite's own writing cuts a length to its last 17 bits */

struct gathering {
    struct opening opening; /* first: its sqlite3_vfs * is one of these */

    sqlite3_file *log; /* the real one */
    sqlite3_int64 at;  /* where in it the kept bytes belong */
    int len;
    int failed; /* SQLite's code, since what was kept was lost */
    unsigned char kept[KEPT_BYTES];
};

/* Behind it is the real file. */
struct log_file {
    sqlite3_file base; /* first: a sqlite3_file * is one of these */
    struct gathering *g;
    sqlite3_int64 real[]; /* as SQLite aligns files */
};

static struct gathering *of(sqlite3_file *file)
{
    return ((struct log_file *)file)->g;
}

/* Writes what is kept. */
static int let_go(struct gathering *g)
{
    int len = g->len;

    if (g->failed != SQLITE_OK || len == 0)
        return g->failed;
    g->len = 0;
    g->failed = g->log->pMethods->xWrite(g->log, g->kept, len, g->at);
    return g->failed;
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct gathering *g = of(file);
    int code = g->failed;

    if (g->len > 0 && (at != g->at + g->len || len > KEPT_BYTES - g->len))
        code = let_go(g);
    if (code != SQLITE_OK)
        return code;
    if (len > KEPT_BYTES)
        return g->log->pMethods->xWrite(g->log, bytes, len, at);
    if (g->len == 0)
        g->at = at;
    memcpy(g->kept + g->len, bytes, (size_t)len);
    g->len += len;
    return SQLITE_OK;
}

static int log_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    struct gathering *g = of(file);
    int code = let_go(g);

    return code == SQLITE_OK ? g->log->pMethods->xRead(g->log, out, len, at) : code;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct gathering *g = of(file);
    int code = let_go(g);

    return code == SQLITE_OK ? g->log->pMethods->xTruncate(g->log, size) : code;
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct gathering *g = of(file);
    int code = let_go(g);

    return code == SQLITE_OK ? g->log->pMethods->xSync(g->log, flags) : code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    struct gathering *g = of(file);
    int code = let_go(g);

    return code == SQLITE_OK ? g->log->pMethods->xFileSize(g->log, ret_size) : code;
}

static int log_close(sqlite3_file *file)
{
    struct gathering *g = of(file);
    int kept = let_go(g), code = g->log->pMethods->xClose(g->log);

    gathering_forget(g);
    g->log = NULL;
    return kept != SQLITE_OK ? kept : code;
}

static int log_lock(sqlite3_file *file, int lock)
{
    return of(file)->log->pMethods->xLock(of(file)->log, lock);
}

static int log_unlock(sqlite3_file *file, int lock)
{
    return of(file)->log->pMethods->xUnlock(of(file)->log, lock);
}

static int log_is_reserved(sqlite3_file *file, int *ret_reserved)
{
    return of(file)->log->pMethods->xCheckReservedLock(of(file)->log, ret_reserved);
}

static int log_control(sqlite3_file *file, int what, void *arg)
{
    return of(file)->log->pMethods->xFileControl(of(file)->log, what, arg);
}

static int log_sector(sqlite3_file *file)
{
    return of(file)->log->pMethods->xSectorSize(of(file)->log);
}

static int log_characteristics(sqlite3_file *file)
{
    return of(file)->log->pMethods->xDeviceCharacteristics(of(file)->log);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_characteristics,
};

/* A second log of the connection, of a database that somebody attached, is not gathered. */
static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct gathering *g = (struct gathering *)vfs;
    struct log_file *log = (struct log_file *)file;
    int code;

    if ((flags & SQLITE_OPEN_WAL) == 0 || g->log != NULL)
        return g->opening.real->xOpen(g->opening.real, path, file, flags, ret_flags);
    memset(log, 0, sizeof(*log));
    code = g->opening.real->xOpen(g->opening.real, path, (sqlite3_file *)log->real, flags, ret_flags);
    if (code != SQLITE_OK)
        return code;
    g->log = (sqlite3_file *)log->real;
    log->g = g;
    log->base.pMethods = &log_methods;
    return SQLITE_OK;
}

ferry_err gathering_new(struct gathering **ret_gathering)
{
    struct gathering *g = ferry_malloc(sizeof(*g));

    if (g == NULL)
        return FERRY_E_NOMEM;
    memset(g, 0, offsetof(struct gathering, kept));
    ferry_err err = opening_init(&g->opening, open_file, (int)sizeof(struct log_file));
    if (err != FERRY_OK) {
        free(g);
        return err;
    }
    *ret_gathering = g;
    return FERRY_OK;
}

void gathering_free(struct gathering *g)
{
    if (g == NULL)
        return;
    opening_done(&g->opening);
    free(g);
}

const char *gathering_vfs(const struct gathering *g)
{
    return g->opening.name;
}

void gathering_forget(struct gathering *g)
{
    if (g == NULL)
        return;
    g->len = 0;
    g->failed = SQLITE_OK;
}
