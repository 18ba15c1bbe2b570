#include "conn.h"

#include "address.h"
#include "link.h"
#include "locks.h"
#include "postgres_internal.h"
#include "schema.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/system.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    VERSION_MIN = 130000,
    IDLE_IN_TX_MS = 1500,         /* a program that stands still lets go of its locks, before others give up waiting for them */
    RETRY_MS = 500,               /* between two attempts to connect */
    FIND_COMMIT_MS = 15 * 1000,
    FIND_AGAIN_MS = 100,
    LOCKS_BESIDE_BATCH = 100,     /* tables, indexes, and such */
    WORKERS_AT_LEAST = 4,
    SESSION_HEX = 2 * PGS_SESSION_BYTES + 1,
};

FERRY_DEFINE_CLEANUP(struct pgs_conn *, pgs_conn_free)

/* --- what the server must be -------------------------------------------------------------------- */

static ferry_err check_version(struct postgres_store *s, PGconn *db)
{
    int version = PQserverVersion(db);

    if (version >= VERSION_MIN)
        return FERRY_OK;
    pgs_store_note(s, "the server is PostgreSQL %d.%d, and 13 or later is needed", version / 10000, version % 10000);
    return FERRY_E_UNSUPPORTED;
}

static ferry_err check_encoding(struct postgres_store *s, PGconn *db)
{
    const char *encoding = PQparameterStatus(db, "server_encoding");

    if (encoding != NULL && strcmp(encoding, "UTF8") == 0)
        return FERRY_OK;
    pgs_store_note(s, "the database's encoding is %s: make one with UTF8 (createdb -T template0 -E UTF8)",
                   encoding != NULL ? encoding : "unknown");
    return FERRY_E_UNSUPPORTED;
}

/* Each command of a batch may lock a device; the server has one table of locks for everybody. */
static ferry_err check_locks(struct postgres_store *s, PGconn *db)
{
    int64_t per_place = 0, places = 0, needed = (int64_t)WORKERS_AT_LEAST * (s->batch_max + LOCKS_BESIDE_BATCH);
    ferry_err err = pgs_link_number(db, "SELECT current_setting('max_locks_per_transaction')", &per_place);

    if (err == FERRY_OK)
        err = pgs_link_number(db, "SELECT current_setting('max_connections')::int +"
                                  " current_setting('max_prepared_transactions')::int", &places);
    if (err != FERRY_OK || s->batch_max == 0 || per_place * places >= needed)
        return err;
    pgs_store_note(s, "the server's max_locks_per_transaction is %lld, too small for batches of %u commands: it must be at least %lld",
                   (long long)per_place, s->batch_max, (long long)((needed + places - 1) / places));
    return FERRY_E_UNSUPPORTED;
}

/* --- setting up ------------------------------------------------------------------------------- */

/* The server's words; "" when it has none. */
static ferry_err note_failure(struct pgs_conn *c, PGconn *db, ferry_err err)
{
    char words[PGS_PROBLEM_SIZE];

    pgs_link_words(PQerrorMessage(db), words);
    pgs_store_note(c->store, "%s", words[0] != '\0' ? words : ferry_err_text(err));
    return err;
}

/* libpq has no code for why a connection is refused; the words decide how it is called, not whether it is told. */
static ferry_err refused(struct pgs_conn *c, PGconn *db)
{
    const char *words = PQerrorMessage(db);
    ferry_err err = FERRY_E_NETWORK;

    if (PQconnectionNeedsPassword(db) != 0 || strstr(words, "authentication failed") != NULL || strstr(words, "pg_hba.conf") != NULL ||
        (strstr(words, "role \"") != NULL && strstr(words, "does not exist") != NULL))
        err = FERRY_E_DENIED;
    else if (strstr(words, "database \"") != NULL && strstr(words, "does not exist") != NULL)
        err = FERRY_E_NOT_FOUND;
    return note_failure(c, db, err);
}

static ferry_err set_session(struct pgs_conn *c, PGconn *db)
{
    char sql[512];
    bool writer = c->base.mode == STORE_WRITER;

    (void)snprintf(sql, sizeof(sql),
                   "SET lock_timeout = %u; SET statement_timeout = %u; SET idle_in_transaction_session_timeout = %d; SET jit = off;"
                   " SET plan_cache_mode = force_generic_plan;" /* a statement has one plan, whatever its values: plans_test */
                   " SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = %s;"
                   " SET bytea_output = hex;%s",
                   c->store->busy_ms, c->store->patience_ms / 5 * 4 /* it answers while it lives */, (int)IDLE_IN_TX_MS, writer ? "off" : "on",
                   /* what was acknowledged is on disk, whatever somebody has set for other programs */
                   writer ? " SELECT set_config('synchronous_commit', 'on', false)"
                            " WHERE current_setting('synchronous_commit') = 'off'" : "");
    return pgs_link_run(db, sql, PGS_PATIENCE_MS, NULL);
}

/* A number that no other program has, as long as this session lives, and a session by whose mark a commit is found again. Marks
 * of sessions that ended long ago go. */
static ferry_err claim_number(struct pgs_conn *c, PGconn *db)
{
    char sql[768], hex[SESSION_HEX];
    uint8_t session[PGS_SESSION_BYTES];
    int64_t number = 0;
    ferry_err err;

    ferry_random_bytes(session, sizeof(session));
    err = pgs_link_number(db, "SELECT n FROM generate_series(0, 999) AS n WHERE pg_try_advisory_lock(" PGS_LOCK_WORKERS ", n)"
                              " LIMIT 1", &number);
    if (err != FERRY_OK)
        return err == FERRY_E_NOT_FOUND ? FERRY_E_LIMIT : err;
    ferry_hex_encode(session, sizeof(session), hex);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT set_config('ferry.worker', '%lld', false), set_config('ferry.session', '\\x%s', false);"
                   " INSERT INTO total (worker) VALUES (%lld) ON CONFLICT DO NOTHING;"
                   " INSERT INTO commit_mark VALUES ('\\x%s', %lld, 0, now());"
                   " DELETE FROM commit_mark WHERE worker = %lld AND at < now() - interval '1 day'",
                   (long long)number, hex, (long long)number, hex, (long long)number, (long long)number);
    err = pgs_link_run(db, sql, PGS_PATIENCE_MS, NULL);
    if (err != FERRY_OK)
        return err;
    c->worker = (int)number;
    c->serial = 0;
    memcpy(c->session, session, sizeof(session));
    return FERRY_OK;
}

static ferry_err check_schema(struct pgs_conn *c, PGconn *db)
{
    struct pgs_version at = {0};
    ferry_err err = pgs_schema_version(db, pgs_schema_step_count, &at);

    if (err == FERRY_E_VERSION)
        pgs_store_note(c->store, "the database was made by a newer version of the program, and this one may no longer work on it");
    else if (err != FERRY_OK)
        return note_failure(c, db, err);
    if (err != FERRY_OK || at.version >= pgs_schema_step_count)
        return err;
    pgs_store_note(c->store, at.version == 0 ? "no ferryd has made the tables yet"
                                             : "the tables are of an older version: ferryd has not brought them up to date yet");
    return at.version == 0 ? FERRY_E_NOT_FOUND : FERRY_E_STATE;
}

static ferry_err migrate(struct pgs_conn *c, PGconn *db)
{
    char words[PGS_PROBLEM_SIZE];
    ferry_err err = pgs_schema_migrate(db, pgs_schema_steps, pgs_schema_step_count, words);

    if (err != FERRY_OK && words[0] != '\0')
        pgs_store_note(c->store, err == FERRY_E_CORRUPT ? "there are tables of another program: %s"
                                 : err == FERRY_E_BUSY  ? "the tables cannot be changed while others hold them for long (a backup?): %s"
                                                        : "the tables cannot be made: %s", words);
    return err == FERRY_OK || words[0] == '\0' ? check_schema(c, db) : err;
}

static ferry_err set_up(struct pgs_conn *c, PGconn *db, bool makes_tables)
{
    ferry_err err = check_version(c->store, db);

    if (err == FERRY_OK)
        err = check_encoding(c->store, db);
    if (err != FERRY_OK)
        return err;
    err = set_session(c, db);
    if (err != FERRY_OK)
        return note_failure(c, db, err);
    if (c->base.mode == STORE_WRITER)
        err = check_locks(c->store, db);
    if (err == FERRY_OK)
        err = makes_tables ? migrate(c, db) : check_schema(c, db);
    if (err != FERRY_OK || c->base.mode == STORE_READER)
        return err;
    err = claim_number(c, db);
    return err != FERRY_OK ? note_failure(c, db, err) : FERRY_OK;
}

static ferry_err connect_anew(struct pgs_conn *c, bool makes_tables)
{
    ferry_cleanup(PQfinish) PGconn *db = pgs_address_connect(c->store->uri, c->store->name);
    ferry_err err;

    if (db == NULL)
        return FERRY_E_NOMEM;
    if (PQstatus(db) != CONNECTION_OK)
        return refused(c, db);
    if (PQsetnonblocking(db, 1) != 0)
        return FERRY_E_NOMEM;
    (void)PQsetNoticeProcessor(db, pgs_link_ignore_notice, NULL);
    err = set_up(c, db, makes_tables);
    if (err == FERRY_OK && PQenterPipelineMode(db) != 1)
        err = FERRY_E_NOMEM;
    if (err != FERRY_OK)
        return err;
    pgs_store_note(c->store, "%s", "");
    c->backend = PQbackendPID(db);
    if (c->base.mode == STORE_WRITER)
        atomic_store(&c->store->writer_backend, c->backend);
    c->db = FERRY_TAKE(db);
    return FERRY_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

ferry_err pgs_conn_new(struct postgres_store *store, store_mode mode, struct pgs_conn **ret_conn)
{
    ferry_cleanup(pgs_conn_free) struct pgs_conn *c = ferry_calloc(1, sizeof(*c));
    ferry_err err;

    if (c == NULL)
        return FERRY_E_NOMEM;
    c->base.driver = &pgs_driver;
    c->base.mode = mode;
    c->store = store;
    err = connect_anew(c, mode == STORE_WRITER);
    if (err == FERRY_OK && mode == STORE_WRITER)
        err = sql_conn_set_up(&c->base);
    if (err == FERRY_OK)
        *ret_conn = FERRY_TAKE(c);
    return err;
}

static void free_stmt(struct pgs_stmt *stmt)
{
    if (stmt == NULL)
        return;
    free(stmt->text.sql);
    free(stmt);
}

void pgs_conn_free(struct pgs_conn *c)
{
    if (c == NULL)
        return;
    if (c->base.in_tx)
        sql_conn_rollback(&c->base);
    for (int i = 0; i < STMT_COUNT; i++) {
        if (c->stmts[i] != NULL)
            free_stmt(c->stmts[i]->many);
        free_stmt(c->stmts[i]);
    }
    pgs_queue_done(&c->queue);
    pgs_queue_done(&c->late);
    pgs_answers_done(&c->answers);
    PQfinish(c->db);
    free(c);
}

static void forget_prepared(struct pgs_stmt *stmt)
{
    if (stmt != NULL)
        stmt->prepared = stmt->preparing = false;
}

void pgs_conn_drop(struct pgs_conn *c)
{
    PQfinish(c->db);
    c->db = NULL;
    c->duties = 0;
    for (int i = 0; i < STMT_COUNT; i++) {
        forget_prepared(c->stmts[i]);
        forget_prepared(c->stmts[i] != NULL ? c->stmts[i]->many : NULL);
    }
}

/* A server that has ended us has said so, and nobody has read it yet. */
static bool is_alive(struct pgs_conn *c)
{
    return c->db != NULL && PQconsumeInput(c->db) == 1 && PQstatus(c->db) == CONNECTION_OK && PQtransactionStatus(c->db) != PQTRANS_UNKNOWN;
}

ferry_err pgs_conn_ensure(struct pgs_conn *c)
{
    ferry_err err;

    if (is_alive(c))
        return FERRY_OK;
    pgs_conn_drop(c);
    if (c->tried_ms != 0 && ferry_mono_ms() < c->tried_ms + RETRY_MS)
        return FERRY_E_NETWORK;
    err = connect_anew(c, false);
    c->tried_ms = err == FERRY_OK ? 0 : ferry_mono_ms();
    return err;
}

/* --- a commit whose answer was lost -------------------------------------------------------------- */

/* The row is locked by a commit that is under way: its session is of no use to anybody any more, and is ended. Without the row, one that
 * is still on its way to the server fails (driver.c). On another server, which was promoted meanwhile, there may be neither. */
static ferry_err read_mark(struct pgs_conn *c, const char *hex, int old_backend, int64_t *ret_serial)
{
    ferry_cleanup(PQclear) PGresult *result = NULL;
    char sql[512];
    ferry_err err;

    (void)snprintf(sql, sizeof(sql), "DELETE FROM commit_mark WHERE session = '\\x%s' RETURNING serial", hex);
    err = pgs_link_number(c->db, sql, ret_serial);
    if (err == FERRY_E_NOT_FOUND) {
        *ret_serial = 0;
        return FERRY_OK;
    }
    if (err == FERRY_E_BUSY) {
        (void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %d AND usename = current_user"
                                         " AND application_name = current_setting('application_name')", old_backend);
        ferry_drop(pgs_link_run(c->db, sql, PGS_PATIENCE_MS, NULL)); /* it is asked again anyway */
    }
    return err;
}

static ferry_err ask_for_mark(struct pgs_conn *c, const char *hex, int old_backend, int64_t *ret_serial)
{
    ferry_err err = connect_anew(c, false);

    if (err != FERRY_OK)
        return err;
    if (PQexitPipelineMode(c->db) != 1)
        return FERRY_E_IO;
    err = read_mark(c, hex, old_backend, ret_serial);
    if (err != FERRY_OK || PQenterPipelineMode(c->db) != 1)
        pgs_conn_drop(c);
    return err;
}

ferry_err pgs_conn_find_commit(struct pgs_conn *c)
{
    uint64_t until_ms = ferry_mono_ms() + FIND_COMMIT_MS;
    int64_t wanted = c->serial + 1, found = 0;
    int old_backend = c->backend;
    char hex[SESSION_HEX];
    ferry_err err;

    ferry_hex_encode(c->session, sizeof(c->session), hex);
    for (;;) {
        err = ask_for_mark(c, hex, old_backend, &found);
        if (err == FERRY_OK)
            return found >= wanted ? FERRY_OK : FERRY_E_AGAIN;
        if (ferry_mono_ms() >= until_ms)
            return FERRY_E_TIMEOUT;
        (void)nanosleep(&(struct timespec){.tv_nsec = FIND_AGAIN_MS * 1000000L}, NULL);
    }
}
