#include "error_map.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_result_has_its_meaning(void **state)
{
    static const struct {
        int code, system_errno;
        ferry_err want;
    } rows[] = {
        {SQLITE_OK, 0, FERRY_OK},
        {SQLITE_ROW, 0, FERRY_OK},
        {SQLITE_DONE, 0, FERRY_OK},
        {SQLITE_FULL, 0, FERRY_E_FULL},
        {SQLITE_FULL, EIO, FERRY_E_FULL},
        {SQLITE_IOERR_WRITE, ENOSPC, FERRY_E_FULL},
        {SQLITE_IOERR_WRITE, EDQUOT, FERRY_E_FULL},
        {SQLITE_IOERR_SHMSIZE, ENOSPC, FERRY_E_FULL},
        {SQLITE_IOERR_WRITE, EIO, FERRY_E_IO},
        {SQLITE_IOERR_WRITE, 0, FERRY_E_IO},
        {SQLITE_IOERR_FSYNC, EIO, FERRY_E_IO},
        {SQLITE_IOERR_FSYNC, EROFS, FERRY_E_READONLY},
        {SQLITE_IOERR_READ, 0, FERRY_E_IO},
        {SQLITE_IOERR_NOMEM, 0, FERRY_E_NOMEM},
        {SQLITE_IOERR_LOCK, EIO, FERRY_E_BUSY},
        {SQLITE_IOERR_DATA, 0, FERRY_E_CORRUPT},
        {SQLITE_IOERR_CORRUPTFS, 0, FERRY_E_CORRUPT},
        {SQLITE_NOMEM, 0, FERRY_E_NOMEM},
        {SQLITE_READONLY, 0, FERRY_E_READONLY},
        {SQLITE_READONLY_DBMOVED, 0, FERRY_E_READONLY},
        {SQLITE_READONLY_CANTINIT, 0, FERRY_E_READONLY},
        {SQLITE_BUSY, 0, FERRY_E_BUSY},
        {SQLITE_BUSY_SNAPSHOT, 0, FERRY_E_BUSY},
        {SQLITE_BUSY_RECOVERY, 0, FERRY_E_BUSY},
        {SQLITE_BUSY_TIMEOUT, 0, FERRY_E_BUSY},
        {SQLITE_LOCKED, 0, FERRY_E_BUSY},
        {SQLITE_PROTOCOL, 0, FERRY_E_BUSY},
        {SQLITE_CORRUPT, 0, FERRY_E_CORRUPT},
        {SQLITE_CORRUPT_INDEX, 0, FERRY_E_CORRUPT},
        {SQLITE_NOTADB, 0, FERRY_E_CORRUPT},
        {SQLITE_CANTOPEN, ENOENT, FERRY_E_NOT_FOUND},
        {SQLITE_CANTOPEN, EACCES, FERRY_E_DENIED},
        {SQLITE_CANTOPEN, 0, FERRY_E_IO},
        {SQLITE_PERM, 0, FERRY_E_DENIED},
        {SQLITE_CONSTRAINT_PRIMARYKEY, 0, FERRY_E_EXISTS},
        {SQLITE_CONSTRAINT_UNIQUE, 0, FERRY_E_EXISTS},
        {SQLITE_CONSTRAINT_NOTNULL, 0, FERRY_E_NOT_FOUND},
        {SQLITE_CONSTRAINT_DATATYPE, 0, FERRY_E_ARG},
        {SQLITE_TOOBIG, 0, FERRY_E_LIMIT},
        {SQLITE_ERROR, 0, FERRY_E_IO},
        {SQLITE_MISUSE, 0, FERRY_E_IO},
        {SQLITE_SCHEMA, 0, FERRY_E_IO},
        {12345, 0, FERRY_E_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (sq_error_map(rows[i].code, rows[i].system_errno) != rows[i].want)
            fail_msg("%d with errno %d gives %s", rows[i].code, rows[i].system_errno,
                     ferry_err_name(sq_error_map(rows[i].code, rows[i].system_errno)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_result_has_its_meaning)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
