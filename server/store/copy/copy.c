#include "store/copy.h"

#include "store/any.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <libpq-fe.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TABLES_MAX = 100,
    NAME_SIZE = 64,
    SQL_MAX = 8192,
    ROW_MAX = 1024 * 1024, /* of one row as text */
};

#define NO_WORKER "-1" /* whose counters are everybody's */

FERRY_DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize)
FERRY_DEFINE_CLEANUP(PGresult *, PQclear)
FERRY_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

struct copy {
    const struct store_copy_config *cfg;
    sqlite3 *from;
    PGconn *to;
    char *problem;
    char tables[TABLES_MAX][NAME_SIZE];
    size_t count;
};

/* What a table has on both sides. */
struct shape {
    const char *table;
    struct ferry_buf columns, key; /* lists of names; the key in its order */
    int width;
    bool counts; /* has a row for each worker over there */
};

static __attribute__((format(printf, 3, 4))) ferry_err problem(struct copy *c, ferry_err err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(c->problem, STORE_COPY_PROBLEM_SIZE, format, args);
    va_end(args);
    return err;
}

static ferry_err from_failed(struct copy *c)
{
    int code = sqlite3_errcode(c->from) & 0xff;

    return problem(c, code == SQLITE_BUSY ? FERRY_E_BUSY : FERRY_E_IO, "%s: %s", c->cfg->from, sqlite3_errmsg(c->from));
}

/* The first line; the others may show rows. */
static ferry_err to_failed(struct copy *c, const char *what)
{
    const char *message = PQerrorMessage(c->to);

    return problem(c, FERRY_E_IO, "%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

/* --- the two sides ------------------------------------------------------------------------------ */

static ferry_err run(struct copy *c, const char *sql)
{
    ferry_cleanup(PQclear) PGresult *result = PQexec(c->to, sql);
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN ? FERRY_OK : to_failed(c, "PostgreSQL");
}

/* "ALTER TABLE …" with what is to be altered, of each. */
static ferry_err alter_each(struct copy *c, const char *what)
{
    char sql[256];
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < c->count; i++) {
        (void)snprintf(sql, sizeof(sql), "ALTER TABLE \"%s\" %s", c->tables[i], what);
        err = run(c, sql);
    }
    return err;
}

static ferry_err ask_number(struct copy *c, const char *sql, long long *ret_number)
{
    ferry_cleanup(PQclear) PGresult *result = PQexec(c->to, sql);

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return to_failed(c, "PostgreSQL");
    *ret_number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    return FERRY_OK;
}

/* To the newest schema, by the store itself. */
static ferry_err bring_up(struct copy *c, const char *address)
{
    const struct store_any_config cfg = {.address = address, .name = "ferryd store copy", .busy_ms = c->cfg->busy_ms};
    char shown[STORE_ANY_TEXT_SIZE], why[STORE_ANY_TEXT_SIZE];
    struct store_conn *conn = NULL;
    struct store *store = NULL;
    ferry_err err = store_any_open(&cfg, &store);

    if (err == FERRY_OK)
        err = store->ops->connect(store, STORE_WRITER, &conn);
    if (err != FERRY_OK) {
        store_any_show(address, shown);
        store_any_explain(store, err, why);
        (void)problem(c, err, "%.250s: %.250s", shown, why);
    }
    if (conn != NULL)
        store->ops->disconnect(conn);
    if (store != NULL)
        store->ops->close(store);
    return err;
}

static ferry_err open_from(struct copy *c)
{
    int code = sqlite3_open_v2(c->cfg->from, &c->from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (c->from == NULL)
        return FERRY_E_NOMEM;
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(c->from, (int)c->cfg->busy_ms);
    if (code == SQLITE_OK)
        code = sqlite3_exec(c->from, "BEGIN IMMEDIATE", NULL, NULL, NULL); /* nobody writes meanwhile */
    return code == SQLITE_OK ? FERRY_OK : from_failed(c);
}

static ferry_err open_to(struct copy *c)
{
    c->to = PQconnectdb(c->cfg->to);
    if (c->to == NULL)
        return FERRY_E_NOMEM;
    if (PQstatus(c->to) != CONNECTION_OK)
        return to_failed(c, "PostgreSQL");
    return run(c, "SET bytea_output = hex; SET client_encoding = 'UTF8'; SET statement_timeout = 0; BEGIN");
}

static ferry_err list_tables(struct copy *c)
{
    ferry_cleanup(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    static const char sql[] = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";

    if (sqlite3_prepare_v2(c->from, sql, -1, &stmt, NULL) != SQLITE_OK)
        return from_failed(c);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        if (c->count == TABLES_MAX)
            return FERRY_E_LIMIT;
        (void)snprintf(c->tables[c->count++], NAME_SIZE, "%s", (const char *)sqlite3_column_text(stmt, 0));
    }
    return FERRY_OK;
}

/* One row for the whole installation, which every schema begins with. */
static bool is_born_full(const char *table)
{
    return strcmp(table, "audit_head") == 0 || strcmp(table, "latest") == 0 || strcmp(table, "total") == 0;
}

static ferry_err expect_empty(struct copy *c)
{
    char sql[256];
    long long rows = 0;
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < c->count; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM (SELECT 1 FROM \"%s\" LIMIT 1) AS some_row", c->tables[i]);
        if (!is_born_full(c->tables[i]))
            err = ask_number(c, sql, &rows);
        if (err == FERRY_OK && rows > 0)
            return problem(c, FERRY_E_EXISTS, "the database is not empty (table %s): copy into a new one, before any ferryd uses it",
                           c->tables[i]);
    }
    return err;
}

static void shape_done(struct shape *s)
{
    ferry_buf_done(&s->columns);
    ferry_buf_done(&s->key);
}
#define auto_shape __attribute__((cleanup(shape_done))) struct shape

/* --- columns ------------------------------------------------------------------------------------ */

static ferry_err has_column(struct copy *c, const char *table, const char *column, bool *ret_has)
{
    char sql[512];
    long long count = 0;
    ferry_err err;

    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('\"%s\"') AND attname = '%s' AND attnum > 0"
                   " AND NOT attisdropped", table, column);
    err = ask_number(c, sql, &count);
    *ret_has = count > 0;
    return err;
}

static ferry_err add_name(struct ferry_buf *list, const char *name)
{
    return ferry_buf_printf(list, "%s\"%s\"", list->len > 0 ? ", " : "", name);
}

static ferry_err add_columns(struct copy *c, sqlite3_stmt *stmt, struct shape *s, bool to_key)
{
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(stmt, 0);
        bool there = false;

        err = has_column(c, s->table, name, &there);
        if (err == FERRY_OK && there) {
            err = add_name(to_key ? &s->key : &s->columns, name);
            s->width += !to_key;
        } else if (err == FERRY_OK && strcmp(name, "one") != 0) { /* of a row of its own, which each worker has over there */
            err = problem(c, FERRY_E_CORRUPT, "the database has no column %s in a table %s", name, s->table);
        }
    }
    return err;
}

static ferry_err find_columns(struct copy *c, struct shape *s, const char *sql, bool to_key)
{
    ferry_cleanup(sqlite3_finalize) sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(c->from, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_bind_text(stmt, 1, s->table, -1, SQLITE_STATIC) != SQLITE_OK)
        return from_failed(c);
    return add_columns(c, stmt, s, to_key);
}

static ferry_err find_shape(struct copy *c, struct shape *s)
{
    ferry_err err = find_columns(c, s, "SELECT name FROM pragma_table_info(?1) ORDER BY cid", false);

    if (err == FERRY_OK)
        err = find_columns(c, s, "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk", true);
    return err == FERRY_OK ? has_column(c, s->table, "worker", &s->counts) : err;
}

static ferry_err select_text(const struct shape *s, struct ferry_buf *sql)
{
    ferry_err err = ferry_buf_printf(sql, "SELECT %s FROM \"%s\"", s->columns.data, s->table);

    return err == FERRY_OK && s->key.len > 0 ? ferry_buf_printf(sql, " ORDER BY %s", s->key.data) : err;
}

/* --- rows --------------------------------------------------------------------------------------- */

/* Values are hashed as the texts that PostgreSQL shows; each with its length, so that none runs into the next. */
static ferry_err hash_value(EVP_MD_CTX *hash, const char *text, size_t len)
{
    uint64_t size = text != NULL ? len : UINT64_MAX;

    return EVP_DigestUpdate(hash, &size, sizeof(size)) == 1 && EVP_DigestUpdate(hash, text != NULL ? text : "", text != NULL ? len : 0) == 1
               ? FERRY_OK
               : FERRY_E_NOMEM;
}

static ferry_err show_bytes(const unsigned char *bytes, size_t len, struct ferry_buf *out)
{
    ferry_err err = ferry_buf_append_str(out, "\\x");

    for (size_t i = 0; err == FERRY_OK && i < len; i++)
        err = ferry_buf_printf(out, "%02x", bytes[i]);
    return err;
}

/* A value of COPY's text format: what would end it or the row is written otherwise. */
static ferry_err add_escaped(struct ferry_buf *line, const char *text, size_t len)
{
    static const char plain[] = "\\\n\r\t", letters[] = "\\nrt";
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < len; i++) {
        const char *special = text[i] != '\0' ? strchr(plain, text[i]) : NULL;
        const char pair[] = {'\\', special != NULL ? letters[special - plain] : '\0'};

        err = special != NULL ? ferry_buf_append(line, pair, 2) : ferry_buf_append(line, &text[i], 1);
    }
    return err;
}

static ferry_err add_value(sqlite3_stmt *stmt, int column, EVP_MD_CTX *hash, struct ferry_buf *value, struct ferry_buf *line)
{
    int type = sqlite3_column_type(stmt, column);
    ferry_err err;

    ferry_buf_reset(value);
    if (type == SQLITE_NULL) {
        err = hash_value(hash, NULL, 0);
        return err == FERRY_OK ? ferry_buf_append_str(line, "\\N") : err;
    }
    if (type == SQLITE_BLOB)
        err = show_bytes(sqlite3_column_blob(stmt, column), (size_t)sqlite3_column_bytes(stmt, column), value);
    else
        err = ferry_buf_printf(value, "%s", (const char *)sqlite3_column_text(stmt, column));
    if (err == FERRY_OK)
        err = hash_value(hash, value->data, value->len);
    return err == FERRY_OK ? add_escaped(line, value->data, value->len) : err;
}

static ferry_err send_row(struct copy *c, const struct shape *s, sqlite3_stmt *stmt, EVP_MD_CTX *hash, struct ferry_buf *value,
                          struct ferry_buf *line)
{
    ferry_err err = FERRY_OK;

    ferry_buf_reset(line);
    for (int i = 0; err == FERRY_OK && i < s->width; i++) {
        if (i > 0)
            err = ferry_buf_append_str(line, "\t");
        if (err == FERRY_OK)
            err = add_value(stmt, i, hash, value, line);
    }
    if (err == FERRY_OK)
        err = ferry_buf_append_str(line, s->counts ? "\t" NO_WORKER "\n" : "\n");
    if (err == FERRY_OK && PQputCopyData(c->to, line->data, (int)line->len) != 1)
        err = to_failed(c, s->table);
    return err;
}

static ferry_err send_rows(struct copy *c, const struct shape *s, EVP_MD_CTX *hash, uint64_t *ret_rows)
{
    ferry_autobuf sql = FERRY_BUF_INIT(SQL_MAX), value = FERRY_BUF_INIT(ROW_MAX), line = FERRY_BUF_INIT(ROW_MAX);
    ferry_cleanup(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    ferry_err err = select_text(s, &sql);
    int code = SQLITE_ROW;

    *ret_rows = 0;
    if (err == FERRY_OK && sqlite3_prepare_v2(c->from, sql.data, -1, &stmt, NULL) != SQLITE_OK)
        err = from_failed(c);
    while (err == FERRY_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        err = send_row(c, s, stmt, hash, &value, &line);
        ++*ret_rows;
    }
    return err == FERRY_OK && code != SQLITE_DONE ? from_failed(c) : err;
}

static ferry_err end_copy(struct copy *c, const struct shape *s)
{
    ferry_cleanup(PQclear) PGresult *result = NULL, *behind = NULL;

    if (PQputCopyEnd(c->to, NULL) != 1)
        return to_failed(c, s->table);
    result = PQgetResult(c->to);
    behind = PQgetResult(c->to);
    return PQresultStatus(result) == PGRES_COMMAND_OK && behind == NULL ? FERRY_OK : to_failed(c, s->table);
}

static ferry_err write_table(struct copy *c, const struct shape *s, EVP_MD_CTX *hash, uint64_t *ret_rows)
{
    ferry_autobuf sql = FERRY_BUF_INIT(SQL_MAX);
    ferry_err err = ferry_buf_printf(&sql, "DELETE FROM \"%s\"", s->table);

    if (err == FERRY_OK)
        err = run(c, sql.data);
    ferry_buf_reset(&sql);
    if (err == FERRY_OK)
        err = ferry_buf_printf(&sql, "COPY \"%s\" (%s%s) FROM STDIN", s->table, s->columns.data, s->counts ? ", worker" : "");
    if (err == FERRY_OK)
        err = run(c, sql.data);
    if (err == FERRY_OK)
        err = send_rows(c, s, hash, ret_rows);
    return err == FERRY_OK ? end_copy(c, s) : err;
}

static ferry_err hash_row(const PGresult *result, EVP_MD_CTX *hash)
{
    ferry_err err = FERRY_OK;

    for (int i = 0; err == FERRY_OK && i < PQnfields(result); i++)
        err = hash_value(hash, PQgetisnull(result, 0, i) != 0 ? NULL : PQgetvalue(result, 0, i), (size_t)PQgetlength(result, 0, i));
    return err;
}

/* Row by row, so that no table needs to fit into memory. All results are taken, also behind an error. */
static ferry_err read_back(struct copy *c, const struct shape *s, EVP_MD_CTX *hash, uint64_t *ret_rows)
{
    ferry_autobuf sql = FERRY_BUF_INIT(SQL_MAX);
    ferry_err err = select_text(s, &sql);
    PGresult *result;

    *ret_rows = 0;
    if (err != FERRY_OK)
        return err;
    if (PQsendQuery(c->to, sql.data) != 1 || PQsetSingleRowMode(c->to) != 1)
        return to_failed(c, s->table);
    while ((result = PQgetResult(c->to)) != NULL) {
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
            err = err == FERRY_OK ? hash_row(result, hash) : err;
            ++*ret_rows;
        } else if (PQresultStatus(result) != PGRES_TUPLES_OK && err == FERRY_OK) {
            err = to_failed(c, s->table);
        }
        PQclear(result);
    }
    return err;
}

static ferry_err hash_text(EVP_MD_CTX *hash, char out[STORE_COPY_HASH_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(hash, bytes, &len) != 1 || 2 * len + 1 != STORE_COPY_HASH_SIZE)
        return FERRY_E_NOMEM;
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return FERRY_OK;
}

typedef ferry_err walk(struct copy *c, const struct shape *s, EVP_MD_CTX *hash, uint64_t *ret_rows);

static ferry_err walk_table(struct copy *c, const struct shape *s, walk *over, struct store_copied *ret)
{
    ferry_cleanup(EVP_MD_CTX_free) EVP_MD_CTX *hash = EVP_MD_CTX_new();
    ferry_err err;

    ret->table = s->table;
    if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        return FERRY_E_NOMEM;
    err = over(c, s, hash, &ret->rows);
    return err == FERRY_OK ? hash_text(hash, ret->hash) : err;
}

static ferry_err copy_table(struct copy *c, const char *table)
{
    auto_shape s = {.table = table, .columns = FERRY_BUF_INIT(SQL_MAX), .key = FERRY_BUF_INIT(SQL_MAX)};
    struct store_copied written, read;
    ferry_err err = find_shape(c, &s);

    if (err == FERRY_OK)
        err = walk_table(c, &s, write_table, &written);
    if (err == FERRY_OK)
        err = walk_table(c, &s, read_back, &read);
    if (err == FERRY_OK && (written.rows != read.rows || strcmp(written.hash, read.hash) != 0))
        err = problem(c, FERRY_E_CORRUPT, "table %s reads back otherwise than it was written: %llu rows for %llu", table,
                      (unsigned long long)read.rows, (unsigned long long)written.rows);
    if (err == FERRY_OK && c->cfg->copied != NULL)
        c->cfg->copied(c->cfg->arg, &read);
    return err;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static ferry_err copy_all(struct copy *c)
{
    ferry_err err = list_tables(c);

    if (err == FERRY_OK)
        err = alter_each(c, "DISABLE TRIGGER USER"); /* what they would count is copied; and nobody writes meanwhile */
    if (err == FERRY_OK)
        err = expect_empty(c);
    for (size_t i = 0; err == FERRY_OK && i < c->count; i++)
        err = copy_table(c, c->tables[i]);
    if (err == FERRY_OK)
        err = alter_each(c, "ENABLE TRIGGER USER");
    if (err == FERRY_OK)
        err = run(c, "SELECT setval(pg_get_serial_sequence('kept_answer', 'id'), coalesce(max(id), 0) + 1, false) FROM kept_answer");
    if (err == FERRY_OK)
        err = run(c, "COMMIT");
    return err == FERRY_OK ? run(c, "ANALYZE") : err;
}

ferry_err store_copy(const struct store_copy_config *cfg, char reterr_problem[STORE_COPY_PROBLEM_SIZE])
{
    struct copy *c = ferry_calloc(1, sizeof(*c));
    ferry_err err;

    if (c == NULL)
        return FERRY_E_NOMEM;
    c->cfg = cfg;
    c->problem = reterr_problem;
    reterr_problem[0] = '\0';
    err = access(cfg->from, R_OK | W_OK) == 0 ? FERRY_OK : problem(c, FERRY_E_NOT_FOUND, "%s: there is no such file, or it cannot be written", cfg->from);
    if (err == FERRY_OK)
        err = bring_up(c, cfg->from);
    if (err == FERRY_OK)
        err = bring_up(c, cfg->to);
    if (err == FERRY_OK)
        err = open_from(c);
    if (err == FERRY_OK)
        err = open_to(c);
    if (err == FERRY_OK)
        err = copy_all(c);
    PQfinish(c->to); /* undoes what was not committed */
    (void)sqlite3_close(c->from);
    free(c);
    if (err != FERRY_OK && reterr_problem[0] == '\0')
        (void)snprintf(reterr_problem, STORE_COPY_PROBLEM_SIZE, "%s", ferry_err_text(err));
    return err;
}
