#include "link.h"

#include "error_map.h"

#include "base/system.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ferry_err pgs_link_error(const PGconn *db, const PGresult *result)
{
    const char *sqlstate = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    ExecStatusType status = PQresultStatus(result); /* of null: PGRES_FATAL_ERROR */

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC)
        return FERRY_OK;
    if (status == PGRES_PIPELINE_ABORTED)
        return FERRY_E_STATE;
    if (sqlstate != NULL)
        return pgs_error_map(sqlstate);
    return PQstatus(db) == CONNECTION_BAD ? FERRY_E_NETWORK : result == NULL ? FERRY_E_NOMEM : FERRY_E_IO;
}

/* Lines that begin with a tab are advice: "Is the server running on that host ...?" */
void pgs_link_words(const char *message, char out[PGS_PROBLEM_SIZE])
{
    size_t len = 0;

    out[0] = '\0';
    while (*message != '\0') {
        size_t line = strcspn(message, "\n");

        if (line > 0 && message[0] != '\t' && len + 3 < PGS_PROBLEM_SIZE)
            len += (size_t)snprintf(out + len, PGS_PROBLEM_SIZE - len, "%s%.*s", len > 0 ? "; " : "", (int)line, message);
        if (len >= PGS_PROBLEM_SIZE)
            len = PGS_PROBLEM_SIZE - 1;
        message += line + (message[line] == '\n' ? 1 : 0);
    }
}

void pgs_link_ignore_notice(void *arg, const char *message)
{
    (void)arg, (void)message;
}

/* Waits for the socket; reads what has come. */
static ferry_err wait_once(PGconn *db, short events, uint64_t left_ms)
{
    struct pollfd at = {.fd = PQsocket(db), .events = events};
    int ready;

    if (at.fd < 0)
        return FERRY_E_NETWORK;
    ready = poll(&at, 1, (int)left_ms);
    if (ready == 0)
        return FERRY_E_NETWORK;
    if (ready < 0)
        return errno == EINTR ? FERRY_OK : FERRY_E_IO;
    return PQconsumeInput(db) == 1 ? FERRY_OK : FERRY_E_NETWORK;
}

ferry_err pgs_link_wait_input(PGconn *db, uint64_t patience_ms)
{
    uint64_t until_ms = ferry_mono_ms() + patience_ms;
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK) {
        int unsent = PQflush(db);
        uint64_t now_ms = ferry_mono_ms();

        if (unsent < 0 || now_ms >= until_ms)
            return FERRY_E_NETWORK;
        if (unsent == 0 && PQisBusy(db) == 0)
            return FERRY_OK;
        err = wait_once(db, unsent > 0 ? POLLIN | POLLOUT : POLLIN, until_ms - now_ms);
    }
    return err;
}

/* Reads all results; the first error and the last result count. */
static ferry_err take_results(PGconn *db, uint64_t patience_ms, PGresult **last)
{
    ferry_err err = FERRY_OK;

    for (;;) {
        ferry_err waited = pgs_link_wait_input(db, patience_ms);
        PGresult *result = waited == FERRY_OK ? PQgetResult(db) : NULL;

        if (waited != FERRY_OK)
            return waited;
        if (result == NULL)
            return err;
        if (err == FERRY_OK)
            err = pgs_link_error(db, result);
        PQclear(*last);
        *last = result;
    }
}

ferry_err pgs_link_run(PGconn *db, const char *sql, uint64_t patience_ms, PGresult **ret_result)
{
    ferry_cleanup(PQclear) PGresult *last = NULL;
    ferry_err err;

    if (PQsendQuery(db, sql) != 1)
        return FERRY_E_NETWORK;
    err = take_results(db, patience_ms, &last);
    if (err == FERRY_OK && ret_result != NULL)
        *ret_result = FERRY_TAKE(last);
    return err;
}

ferry_err pgs_link_number(PGconn *db, const char *sql, int64_t *ret_number)
{
    ferry_cleanup(PQclear) PGresult *result = NULL;
    ferry_err err = pgs_link_run(db, sql, PGS_PATIENCE_MS, &result);

    if (err != FERRY_OK)
        return err;
    if (PQntuples(result) < 1 || PQgetisnull(result, 0, 0) != 0)
        return FERRY_E_NOT_FOUND;
    *ret_number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    return FERRY_OK;
}
