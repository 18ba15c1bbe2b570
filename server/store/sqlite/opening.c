#include "opening.h"

#include <stdio.h>

ferry_err opening_init(struct opening *o, opening_open *open, int file_bytes)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);

    if (real == NULL)
        return FERRY_E_UNSUPPORTED;
    (void)snprintf(o->name, sizeof(o->name), "ferry-%p", (void *)o);
    o->real = real;
    o->vfs = *real; /* but for opening, whatever it does */
    o->vfs.pNext = NULL;
    o->vfs.zName = o->name;
    o->vfs.xOpen = open;
    o->vfs.szOsFile += file_bytes;
    return sqlite3_vfs_register(&o->vfs, 0) == SQLITE_OK ? FERRY_OK : FERRY_E_NOMEM;
}

void opening_done(struct opening *o)
{
    (void)sqlite3_vfs_unregister(&o->vfs);
}
