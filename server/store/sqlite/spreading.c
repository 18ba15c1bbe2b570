#include "spreading.h"
#include "opening.h"

#include "base/alloc.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { PIECE_PAGES = 64 }; /* 256 KB: about what a commit writes while tasks are made */

struct spreading {
    struct opening opening; /* first: its sqlite3_vfs * is one of these */

    const sqlite3_io_methods *real_methods; /* of the database's file */
    sqlite3_io_methods methods;
    spreading_wait *wait;
    void *arg;
    int pages; /* written since the last piece */
};

/* The real file has the methods of a spreading, and so leads to it. */
static struct spreading *of(const sqlite3_file *file)
{
    return (struct spreading *)((char *)(uintptr_t)file->pMethods - offsetof(struct spreading, methods));
}

/* When a sync fails, so does the copying: SQLite writes all of it again. */
static int write_database(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct spreading *s = of(file);
    int code = s->real_methods->xWrite(file, bytes, len, at);

    if (code != SQLITE_OK || ++s->pages < PIECE_PAGES)
        return code;
    s->pages = 0;
    return s->wait(s->arg) ? s->real_methods->xSync(file, SQLITE_SYNC_NORMAL) : SQLITE_OK;
}

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct spreading *s = (struct spreading *)vfs;
    int code = s->opening.real->xOpen(s->opening.real, path, file, flags, ret_flags);

    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return code;
    s->real_methods = file->pMethods;
    s->methods = *file->pMethods;
    s->methods.xWrite = write_database;
    file->pMethods = &s->methods;
    return SQLITE_OK;
}

ferry_err spreading_new(spreading_wait *wait, void *arg, struct spreading **ret_spreading)
{
    struct spreading *s = ferry_calloc(1, sizeof(*s));

    if (s == NULL)
        return FERRY_E_NOMEM;
    s->wait = wait;
    s->arg = arg;
    ferry_err err = opening_init(&s->opening, open_file, 0);
    if (err != FERRY_OK) {
        free(s);
        return err;
    }
    *ret_spreading = s;
    return FERRY_OK;
}

void spreading_free(struct spreading *s)
{
    if (s == NULL)
        return;
    opening_done(&s->opening);
    free(s);
}

const char *spreading_vfs(const struct spreading *s)
{
    return s->opening.name;
}
