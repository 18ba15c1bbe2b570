/**
 * @file dialect.h
 * @brief The statements of store/sql/statements.h in PostgreSQL's words.
 *
 * The rows of a result come all at once, so a list with a filter ends here: at most ?12 rows are looked at (NULL: all), and of those the
 * ones come that fit, at most ?13, and the last one. look_at is the row's number, below zero when it does not fit; the outer query keeps the
 * order of the inner one, and page.c sees to it that it did. Each part is made as the next one asks for it: a page costs what it looks at.
 */
#ifndef STORE_POSTGRES_DIALECT_H
#define STORE_POSTGRES_DIALECT_H

#include "store/sql/statements.h"

#define INDEXED(index) ""
#define JOIN_FROM_LEFT " JOIN "

#define LOOK(fits, key) "SELECT CASE WHEN " fits " THEN 1 ELSE -1 END * row_number() OVER look AS look_at, " key " AS look_key, "
#define LOOK_SORTED(fits, key, value) LOOK(fits, key) value " AS look_value, "
#define LOOK_ON(sql, order)                                                                       \
    "SELECT * FROM (" sql " WINDOW look AS (ORDER BY " order ") ORDER BY " order " LIMIT ?12) AS page" \
    " WHERE look_at > 0 OR look_at + ?12 = 0 LIMIT ?13"

/* Compared and ordered as a whole, so that no other index than the one over all of it will do. */
#define PART(a, x, key, op) "(" a ", " key ") " op " (" x ", ?1) AND (" a ", " key ") < (" x ", ?2)"
#define PARTS(a, x, b, y, key, op) PART(a ", " b, x ", " y, key, op)
#define PART_ORDER(a, way) a way ", "
#define NO_KEY(column) "(" column " || '')"
/* by the order of an index: who expects a row would rather look for it anywhere */
#define NONE_IN(table) " AND (SELECT product FROM " table " WHERE product >= ?1 ORDER BY product LIMIT 1) IS DISTINCT FROM ?1"

/* An array, as the planner takes what it does not know the number of for a tenth of the table. */
#define DELETE_SOME(table, key, columns, rest)                                                    \
    "DELETE FROM " table " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " table rest "))"

#define UNENDED(state) state " IN (1, 2, 3)"

#define ADD_ONE "INSERT"
#define CHANGE_ONE "UPDATE"
#define PUT "INSERT"
#define PUT_OVER(key, columns) " ON CONFLICT (" key ") DO UPDATE SET " columns

/* a row for each worker, so that none waits for another */
#define LATEST_GET_TEXT "SELECT coalesce(max(ms), 0) FROM latest"
#define LATEST_PUT_TEXT                                                                           \
    "INSERT INTO latest (worker, ms) VALUES (ferry_worker(), ?) ON CONFLICT (worker)"             \
    " DO UPDATE SET ms = greatest(latest.ms, excluded.ms)"
#define UPLOAD_ENDED_TEXT                                                                         \
    "SELECT " UPLOAD_COLUMNS " FROM upload WHERE ended_ms > 0 AND ended_ms < ? AND state > 3 ORDER BY ended_ms, id LIMIT ?"
#define UPLOAD_BY_ENDED_TEXT                                                                      \
    LOOK_ON(UPLOAD_SORTED " WHERE product = ?4 AND (ended_ms, id) > (?10, ?11)", "ended_ms ASC, id ASC")
#define UPLOAD_BY_ENDED_DESC_TEXT                                                                 \
    LOOK_ON(UPLOAD_SORTED " WHERE product = ?4 AND (ended_ms, id) < (?10, ?11)", "ended_ms DESC, id DESC")
#define CAUSES_TEXT                                                                               \
    "SELECT (SELECT " SUM("failed + timed_out + rejected") " FROM deployment_count WHERE deployment = ?1)," \
    " state, result_code, result_msg, " SUM("n") " FROM deployment_cause WHERE deployment = ?1"   \
    " GROUP BY state, result_code, result_msg HAVING sum(n) > 0"                                  \
    " ORDER BY sum(n) DESC, state, result_code, result_msg LIMIT ?2"

extern const char *const pgs_statements[STMT_COUNT];

#endif
