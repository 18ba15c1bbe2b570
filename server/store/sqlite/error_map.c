#include "error_map.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>

struct mapping {
    int code;
    ferry_err err;
};

/* Extended codes that mean something else than their family. */
static const struct mapping extended[] = {
    {SQLITE_IOERR_NOMEM, FERRY_E_NOMEM},
    {SQLITE_IOERR_DATA, FERRY_E_CORRUPT},
    {SQLITE_IOERR_CORRUPTFS, FERRY_E_CORRUPT},
    {SQLITE_IOERR_SHORT_READ, FERRY_E_CORRUPT},
    {SQLITE_IOERR_LOCK, FERRY_E_BUSY},
    {SQLITE_IOERR_BLOCKED, FERRY_E_BUSY},
    {SQLITE_CONSTRAINT_PRIMARYKEY, FERRY_E_EXISTS},
    {SQLITE_CONSTRAINT_UNIQUE, FERRY_E_EXISTS},
    {SQLITE_CONSTRAINT_ROWID, FERRY_E_EXISTS},
    {SQLITE_CONSTRAINT_FOREIGNKEY, FERRY_E_NOT_FOUND},
    {SQLITE_CONSTRAINT_NOTNULL, FERRY_E_NOT_FOUND}, /* only what is looked up in another table can be null: the name of a resource */
};

/* Families (the low byte). What is missing is FERRY_E_IO. */
static const struct mapping families[] = {
    {SQLITE_OK, FERRY_OK},
    {SQLITE_ROW, FERRY_OK},
    {SQLITE_DONE, FERRY_OK},
    {SQLITE_NOMEM, FERRY_E_NOMEM},
    {SQLITE_FULL, FERRY_E_FULL},
    {SQLITE_READONLY, FERRY_E_READONLY},
    {SQLITE_BUSY, FERRY_E_BUSY},
    {SQLITE_LOCKED, FERRY_E_BUSY},
    {SQLITE_PROTOCOL, FERRY_E_BUSY}, /* the race for the WAL's locks was lost too often */
    {SQLITE_CORRUPT, FERRY_E_CORRUPT},
    {SQLITE_NOTADB, FERRY_E_CORRUPT},
    {SQLITE_PERM, FERRY_E_DENIED},
    {SQLITE_AUTH, FERRY_E_DENIED},
    {SQLITE_TOOBIG, FERRY_E_LIMIT},
    {SQLITE_CONSTRAINT, FERRY_E_ARG},
    {SQLITE_MISMATCH, FERRY_E_ARG},
};

static const struct mapping *find(const struct mapping *table, size_t count, int code)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].code == code)
            return &table[i];
    return NULL;
}

ferry_err sq_error_map(int code, int system_errno)
{
    const struct mapping *found = find(extended, sizeof(extended) / sizeof(extended[0]), code);
    int family = code & 0xff;

    if (found != NULL)
        return found->err;
    /* SQLite itself turns only a failed write of the database into SQLITE_FULL; growing the -shm file, quotas
     * and failed opens are told apart by errno */
    if ((family == SQLITE_IOERR || family == SQLITE_CANTOPEN) && system_errno != 0)
        return ferry_err_from_errno(system_errno);
    found = find(families, sizeof(families) / sizeof(families[0]), family);
    return found != NULL ? found->err : FERRY_E_IO;
}
