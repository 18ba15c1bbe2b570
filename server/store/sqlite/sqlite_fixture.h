/**
 * @file sqlite_fixture.h
 * @brief For the tests of this folder: a store in a folder of its own, rows to put in.
 */
#ifndef STORE_SQLITE_SQLITE_FIXTURE_H
#define STORE_SQLITE_SQLITE_FIXTURE_H

#include "conn.h"
#include "store/sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TEST_BUSY_MS = 150 };

struct sqlite_fixture {
    char folder[64], path[96];
    struct store *store;
    const struct store_ops *ops;
    struct store_conn *writer, *reader;
};

/** @brief cmocka set-up and tear-down: a folder and an open store, nothing connected. */
int sqlite_fixture_setup(void **state);
int sqlite_fixture_teardown(void **state);

/** @brief Connects or disconnects both. */
void sqlite_fixture_connect(struct sqlite_fixture *t);
void sqlite_fixture_disconnect(struct sqlite_fixture *t);

/** @brief The handle of a connection. */
sqlite3 *sqlite_fixture_db(struct store_conn *c);

/** @brief What happens to a file of the database: "", "-wal" or "-shm". */
void sqlite_fixture_file(const struct sqlite_fixture *t, const char *suffix, char path[128]);

ferry_id test_id(unsigned n);
struct upload_task test_upload(unsigned n);
/** @brief Puts uploads first .. first + count - 1 in one transaction; rolls back on failure. */
ferry_err test_put_batch(struct sqlite_fixture *t, unsigned first, unsigned count);
/** @brief What the database, as the reader sees it, answers to a question for one number. */
int64_t test_number(struct sqlite_fixture *t, const char *sql);
/** @brief Fails unless usage and total are what the rows come to when they are counted. */
void test_expect_counted(struct sqlite_fixture *t);
/** @brief Fails unless uploads 0 .. count - 1 can be read, what is kept of them is right, and nothing is wrong with the file. */
void test_expect_intact(struct sqlite_fixture *t, unsigned count);

/** @brief Statements over any connection; what they change of uploads is counted. */
void test_sql(sqlite3 *db, const char *sql);
/** @brief The same over one of its own, as another program would. */
void test_raw_sql(const struct sqlite_fixture *t, const char *sql);

#define expect(want, call) assert_string_equal(ferry_err_name(call), ferry_err_name(want))
#define ok(call) expect(FERRY_OK, call)

#endif
