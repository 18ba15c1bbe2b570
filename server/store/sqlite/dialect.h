/**
 * @file dialect.h
 * @brief The statements of store/sql/statements.h in SQLite's words.
 *
 * INDEXED BY makes preparing fail when the index that a query depends on is gone or cannot serve it. Rows are made as they are
 * read, so a list needs no end: who reads it stops.
 */
#ifndef STORE_SQLITE_DIALECT_H
#define STORE_SQLITE_DIALECT_H

#include "store/sql/statements.h"

#include <stdbool.h>

#define INDEXED(index) " INDEXED BY " index
#define JOIN_FROM_LEFT " CROSS JOIN "

#define LOOK(fits, key) "SELECT CAST(" fits " AS INTEGER), " key ", "
#define LOOK_SORTED(fits, key, value) LOOK(fits, key) value ", "
#define LOOK_ON(sql, order) sql " ORDER BY " order
#define PART(a, x, key, op) a " = " x " AND " key " " op " ?1 AND " key " < ?2"
#define PARTS(a, x, b, y, key, op) a " = " x " AND " PART(b, y, key, op)
#define PART_ORDER(a, way) ""
#define NO_KEY(column) column
#define NONE_IN(table) " AND NOT EXISTS (SELECT 1 FROM " table " WHERE product = ?1)"

#define DELETE_SOME(table, key, columns, rest) "DELETE FROM " table " WHERE " key " IN (SELECT " columns " FROM " table rest ")"

#define UNENDED(state) state " <= 3"

/* For one row, and without triggers that write: what could fail fails before anything is written. So SQLite keeps no copy of each page that
 * the statement changes, which it does for ABORT where there are triggers (and these may call no function but an aggregate: sums.c). */
#define ADD_ONE "INSERT OR FAIL"
#define CHANGE_ONE "UPDATE OR FAIL"

#define PUT "INSERT OR REPLACE"
#define PUT_OVER(key, columns) ""

#define LATEST_GET_TEXT "SELECT ms FROM latest WHERE one = 1"
#define LATEST_PUT_TEXT "UPDATE latest SET ms = ? WHERE one = 1"
/* From product to product: the next name is one look into the index. */
#define UPLOAD_ENDED_TEXT                                                                         \
    "WITH RECURSIVE oldest (whose) AS (SELECT '' UNION ALL SELECT (SELECT min(product) FROM upload INDEXED BY upload_by_product" \
    " WHERE product > whose) FROM oldest WHERE whose IS NOT NULL)"                                \
    " SELECT " UPLOAD_COLUMNS " FROM oldest CROSS JOIN upload INDEXED BY upload_by_ended"         \
    " WHERE product = whose AND ended_ms > 0 AND ended_ms < ? AND state > 3 LIMIT ?"
#define ABOVE_ALL_IDS "x'ffffffffffffffffffffffffffffffffff'"
/* No task that has not ended has a lower id: which one is the oldest is looked up while there are few of them. */
#define OLDEST_UNENDED                                                                            \
    "(SELECT CASE WHEN count(*) <= 1000 THEN coalesce(min(id), " ABOVE_ALL_IDS ") ELSE x'' END FROM" \
    " (SELECT id FROM upload INDEXED BY upload_open WHERE state <= 3 LIMIT 1001) AS found)"
/* A task has no entry in upload_by_ended before it ends: the others, of time 0, are looked for among all from the oldest of them on, unless a
 * state is asked for that they cannot have. The unions' parts come one after the other. */
#define UPLOADS_UNENDED(where, way)                                                               \
    "SELECT * FROM (" LOOK_SORTED(UPLOAD_SORTED_FITS " AND state <= 3", "id", "0") UPLOAD_COLUMNS \
    " FROM upload INDEXED BY upload_by_product WHERE product = ?4 AND ?8 <= 3 AND " where " ORDER BY id " way ")"
#define UPLOADS_ENDED(op, way)                                                                    \
    "SELECT * FROM (" UPLOAD_SORTED " INDEXED BY upload_by_ended"                                 \
    " WHERE product = ?4 AND state > 3 AND (?8 = 0 OR ?8 > 3) AND (ended_ms, id) " op " (?10, ?11)" \
    " ORDER BY ended_ms " way ", id " way ")"
#define UPLOAD_BY_ENDED_TEXT UPLOADS_UNENDED("?10 <= 0 AND id >= max(?11, " OLDEST_UNENDED ") AND id <> ?11", "ASC") " UNION ALL " UPLOADS_ENDED(">", "ASC")
#define UPLOAD_BY_ENDED_DESC_TEXT                                                                 \
    UPLOADS_ENDED("<", "DESC") " UNION ALL "                                                      \
    UPLOADS_UNENDED("id >= " OLDEST_UNENDED " AND id < CASE WHEN ?10 > 0 THEN " ABOVE_ALL_IDS " ELSE ?11 END", "DESC")
#define CAUSES_TEXT                                                                               \
    "SELECT (SELECT failed + timed_out + rejected FROM deployment_count WHERE deployment = ?1)," \
    " state, result_code, result_msg, n FROM deployment_cause INDEXED BY deployment_cause_by_n"   \
    " WHERE deployment = ?1 ORDER BY n DESC, state, result_code, result_msg LIMIT ?2"

extern const char *const sq_statements[STMT_COUNT];
/* What most commands write. No device and no quota is in it, nor in what its triggers write; who writes an upload notes it (sql_upload_put). */
extern const bool sq_leaves_known[STMT_COUNT];

#endif
