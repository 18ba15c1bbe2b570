#include "conn.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"
#include "checkpointer.h"
#include "driver.h"
#include "error_map.h"
#include "gathering.h"
#include "schema.h"
#include "store/sql/known.h"
#include "sums.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    WRITER_CACHE_KIB = 65536,          /* the pages that a busy fleet touches again and again */
    READER_CACHE_KIB = 4096,           /* per connection */
    WAL_KEEP_BYTES = 64 * 1024 * 1024, /* a WAL that a long reader let grow is cut to this afterwards */
};

FERRY_DEFINE_CLEANUP(struct sqlite_conn *, sq_conn_free)

ferry_err sq_conn_error(struct sqlite_conn *c, int code)
{
    return sq_error_map(code, sqlite3_system_errno(c->db));
}

/* Makes the file with the right mode. Only when it is not there: closing a second descriptor of a file would
 * take away the locks that SQLite holds on it in this process. */
static ferry_err make_file(const char *path)
{
    ferry_autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ferry_autofree char *folder = NULL;
    char *slash;

    if (fd < 0)
        return errno == EEXIST ? FERRY_OK : ferry_err_from_errno(errno);
    folder = ferry_strdup(path);
    if (folder == NULL)
        return FERRY_E_NOMEM;
    slash = strrchr(folder, '/');
    if (slash == NULL)
        return ferry_dir_sync(".");
    slash[slash == folder ? 1 : 0] = '\0';
    return ferry_dir_sync(folder);
}

static ferry_err run(struct sqlite_conn *c, const char *sql)
{
    return sq_conn_error(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
}

static ferry_err run_number(struct sqlite_conn *c, const char *pragma, long number)
{
    char sql[80];

    (void)snprintf(sql, sizeof(sql), "PRAGMA %s = %ld", pragma, number);
    return run(c, sql);
}

static int note_answer(void *arg, int columns, char **values, char **names)
{
    char *answer = arg;

    (void)names;
    if (columns == 1 && values[0] != NULL)
        (void)snprintf(answer, 16, "%s", values[0]);
    return 0;
}

/* The answer of this pragma is the mode that was reached, not an error. */
static ferry_err set_wal(struct sqlite_conn *c)
{
    char answer[16] = "";
    ferry_err err = sq_conn_error(c, sqlite3_exec(c->db, "PRAGMA journal_mode = WAL", note_answer, answer, NULL));

    if (err != FERRY_OK)
        return err;
    return strcmp(answer, "wal") == 0 ? FERRY_OK : FERRY_E_UNSUPPORTED;
}

/* A file from before the writer's first commit counts as none. */
static ferry_err set_up_reader(struct sqlite_conn *c)
{
    size_t version;
    ferry_err err = sq_schema_version(c->db, sq_schema_step_count, &version);

    if (err == FERRY_OK)
        err = run_number(c, "cache_size", -READER_CACHE_KIB);
    if (err != FERRY_OK)
        return err;
    if (version == 0)
        return FERRY_E_NOT_FOUND;
    return version < sq_schema_step_count ? FERRY_E_STATE : FERRY_OK;
}

/*
 * Temporary files lie beside the database of the process's first writer: there it may write, which nobody says of /tmp. Readers need none
 * (and who is unloaded again, as the broker's plugin, would leave the text behind).
 */
static ferry_err choose_temporary_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (sqlite3_temp_directory != NULL)
        return FERRY_OK;
    sqlite3_temp_directory = slash == NULL ? sqlite3_mprintf(".") : sqlite3_mprintf("%.*s", (int)(slash - path) + 1, path);
    return sqlite3_temp_directory != NULL ? FERRY_OK : FERRY_E_NOMEM;
}

static ferry_err set_up_writer(struct sqlite_conn *c, const char *path)
{
    static const struct {
        const char *pragma;
        long number;
    } numbers[] = {
        {"synchronous", 2 /* FULL: every commit is on disk before it returns */},
        {"recursive_triggers", 1 /* or REPLACE would not tell the triggers what it removes */},
        {"cache_size", -WRITER_CACHE_KIB},
        {"journal_size_limit", WAL_KEEP_BYTES},
    };
    size_t version;
    ferry_err err;

    if (sqlite3_db_readonly(c->db, "main") != 0)
        return FERRY_E_READONLY;
    err = sq_schema_version(c->db, sq_schema_step_count, &version); /* a file that is not ours is left as it is */
    if (err == FERRY_OK)
        err = set_wal(c);
    for (size_t i = 0; err == FERRY_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        err = run_number(c, numbers[i].pragma, numbers[i].number);
    c->base.known = sql_known_new(); /* without it each is looked up */
    if (err == FERRY_OK)
        err = sums_new(c->db, &c->sums);
    if (err == FERRY_OK)
        err = sq_schema_migrate(c->db, sq_schema_steps, sq_schema_step_count);
    if (err == FERRY_OK)
        err = sql_conn_set_up(&c->base);
    if (err == FERRY_OK)
        err = checkpointer_start(c->db, path, &c->checkpointer);
    return err;
}

static ferry_err open_file(struct sqlite_conn *c, const char *path, uint32_t busy_ms)
{
    bool writer = c->base.mode == STORE_WRITER;
    int flags = writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, code;
    ferry_err err = writer ? gathering_new(&c->gathering) : FERRY_OK;

    if (err != FERRY_OK)
        return err;
    code = sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, writer ? gathering_vfs(c->gathering) : NULL);
    if (c->db == NULL)
        return FERRY_E_NOMEM;
    if (code == SQLITE_OK)
        code = sqlite3_extended_result_codes(c->db, 1);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(c->db, busy_ms > INT32_MAX ? INT32_MAX : (int)busy_ms);
    return sq_conn_error(c, code);
}

ferry_err sq_conn_new(struct sqlite_store *store, const char *path, uint32_t busy_ms, store_mode mode,
                      struct sqlite_conn **ret_conn)
{
    ferry_cleanup(sq_conn_free) struct sqlite_conn *c = ferry_calloc(1, sizeof(*c));
    ferry_err err = FERRY_OK;

    if (c == NULL)
        return FERRY_E_NOMEM;
    c->base.driver = &sq_driver;
    c->store = store;
    c->base.mode = mode;
    if (mode == STORE_WRITER)
        err = choose_temporary_folder(path);
    if (err == FERRY_OK && mode == STORE_WRITER)
        err = make_file(path);
    if (err == FERRY_OK)
        err = open_file(c, path, busy_ms);
    if (err == FERRY_OK)
        err = mode == STORE_WRITER ? set_up_writer(c, path) : set_up_reader(c);
    if (err == FERRY_OK)
        *ret_conn = FERRY_TAKE(c);
    return err;
}

void sq_conn_free(struct sqlite_conn *c)
{
    if (c == NULL)
        return;
    if (c->base.in_tx)
        sql_conn_rollback(&c->base);
    for (int i = 0; i < STMT_COUNT; i++)
        (void)sqlite3_finalize(c->stmts[i]);
    for (int i = 0; i < TX_STEPS; i++)
        (void)sqlite3_finalize(c->tx[i]);
    (void)sqlite3_finalize(c->version);
    sql_known_free(c->base.known);
    sums_free(c->sums);
    checkpointer_stop(c->checkpointer);
    (void)sqlite3_close(c->db); /* fails only with statements left */
    gathering_free(c->gathering);
    free(c);
}
