/**
 * @file opening.h
 * @brief A VFS of a connection of ours: SQLite's own in everything but opening a file.
 */
#ifndef STORE_SQLITE_OPENING_H
#define STORE_SQLITE_OPENING_H

#include "base/error.h"

#include <sqlite3.h>

typedef int opening_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags);

/** @brief The first member of who has it, so that its sqlite3_vfs leads there. */
struct opening {
    sqlite3_vfs vfs; /* first */
    sqlite3_vfs *real;
    char name[32]; /* for sqlite3_open_v2 */
};

/**
 * @brief Makes it known to SQLite under a name of its own.
 * @param file_bytes of each file, before what the real one needs
 * @retval FERRY_E_UNSUPPORTED SQLite has none itself | FERRY_E_NOMEM
 */
FERRY_MUST_CHECK ferry_err opening_init(struct opening *o, opening_open *open, int file_bytes);
/** @brief After the connections that use it. */
void opening_done(struct opening *o);

#endif
