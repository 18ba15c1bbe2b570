/**
 * @file statements.h
 * @brief Every statement of the store, in one table, in two dialects.
 *
 * The texts are common; what differs has a name, which the dialect.h of a database defines before it makes the texts of this list
 * (for the enumeration below they are not needed):
 *
 *     INDEXED(index)              the index that a query depends on: where the database takes an advice
 *     JOIN_FROM_LEFT              a join that begins with the table on its left
 *     LOOK(fits, key)             the first columns of a list with a filter, see below
 *     LOOK_SORTED(fits, key, value)
 *     LOOK_ON(sql, order)         the whole of such a list
 *     PART(a, x, key, op)         the rows whose a is x, and whose key is op ?1 and below ?2
 *     PARTS(a, x, b, y, key, op)  the same of two
 *     PART_ORDER(a, way)          of such a list, what it is ordered by first, though it has one value
 *     NO_KEY(column)              the column where its index is not to be thought of
 *     NONE_IN(table)              and no row of the product ?1
 *     DELETE_SOME(table, key, columns, rest)  the rows that a query finds: key (columns in brackets, when there are more) and the query
 *                                 behind the name of the table
 *     UNENDED(state)              the states of a task that has not ended, as the indexes on such tasks say it
 *     PUT, PUT_OVER(key, columns) what replaces the row that has the key: INSERT, and its end
 *     LATEST_GET_TEXT, LATEST_PUT_TEXT, UPLOAD_ENDED_TEXT, UPLOAD_BY_ENDED_TEXT, UPLOAD_BY_ENDED_DESC_TEXT, CAUSES_TEXT
 *
 * A connection prepares each once, at its first use; statements_test of each database checks the plans. Counters are summed up, as a
 * database with many writers has a row for each of them.
 *
 * The first two columns of a list with a filter say whether the row fits it and what the page behind the row begins with:
 * who reads counts the rows that do not fit too (sql_page_read), and stops by itself.
 *
 * Of a list that is sorted by a value, the first three: who fits, the key, the value.
 *
 * Parameters of lists: ?1 and ?2 are the bounds of the key (ids: both exclusive; names: from, below), ?3 the limit, ?4 the product, ?5 the
 * device (or the tag), ?6 and ?7 the bounds of the name, ?8 the state (0: any), ?9 the deployment, ?10 and ?11 the value and the key that a sorted
 * page begins behind, ?12 and ?13 how many rows may be looked at (NULL: all) and how many may fit. Others are numbered as they come.
 */
#ifndef STORE_SQL_STATEMENTS_H
#define STORE_SQL_STATEMENTS_H

/* A list in both directions: NAME and NAME_DESC = NAME + 1. MAKE: LIMITED, or LOOK_ON for one with a filter. It is ordered by its last
 * column; those before it have one value (PART, PARTS). */
#define LIMITED(sql, order) sql " ORDER BY " order " LIMIT ?3"
#define WAYS_1(X, NAME, MAKE, sql, key)                                                           \
    X(NAME, MAKE(sql, key " ASC"))                                                                \
    X(NAME##_DESC, MAKE(sql, key " DESC"))
#define WAYS_2(X, NAME, MAKE, sql, a, key)                                                        \
    X(NAME, MAKE(sql, PART_ORDER(a, " ASC") key " ASC"))                                          \
    X(NAME##_DESC, MAKE(sql, PART_ORDER(a, " DESC") key " DESC"))
#define WAYS_3(X, NAME, MAKE, sql, a, b, key)                                                     \
    X(NAME, MAKE(sql, PART_ORDER(a, " ASC") PART_ORDER(b, " ASC") key " ASC"))                    \
    X(NAME##_DESC, MAKE(sql, PART_ORDER(a, " DESC") PART_ORDER(b, " DESC") key " DESC"))
/* One that is sorted by a value; sql ends within its WHERE. */
#define SORTED_BOTH_WAYS(X, NAME, sql, value, key)                                                \
    X(NAME, LOOK_ON(sql " AND (" value ", " key ") > (?10, ?11)", value " ASC, " key " ASC"))     \
    X(NAME##_DESC, LOOK_ON(sql " AND (" value ", " key ") < (?10, ?11)", value " DESC, " key " DESC"))
/* How many there are; counting ends at the limit. */
#define COUNT_SOME(from) "SELECT count(*) FROM (SELECT 1" from " LIMIT ?3) AS found"
#define SUM(column) "CAST(coalesce(sum(" column "), 0) AS BIGINT)"

#define ANY_PRODUCT " AND (product = ?4 OR ?4 IS NULL)"
#define NAME_RANGE " AND name >= ?6 AND name < ?7"

#define ACCOUNT_STATEMENTS(X)                                                                     \
    X(VALUE_GET, "SELECT bytes FROM value WHERE key = ?")                                         \
    X(VALUE_PUT, "INSERT INTO value (key, bytes) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes") \
    X(LATEST_GET, LATEST_GET_TEXT)                                                                \
    X(LATEST_PUT, LATEST_PUT_TEXT)                                                                \
    X(PRODUCT_ADD, "INSERT INTO product (" PRODUCT_COLUMNS ") VALUES (?, ?, ?) ON CONFLICT DO NOTHING") \
    X(PRODUCT_GET, "SELECT " PRODUCT_COLUMNS " FROM product WHERE name = ?")                      \
    X(PRODUCT_SET_SECRET, "UPDATE product SET secret = ?2 WHERE name = ?1")                       \
    X(PRODUCT_REMOVE, "DELETE FROM product WHERE name = ?1" NONE_IN("device") NONE_IN("resource") NONE_IN("resource_upload") \
                      NONE_IN("deployment") NONE_IN("upload") NONE_IN("download"))                \
    WAYS_1(X, PRODUCT_LIST, LIMITED, "SELECT " PRODUCT_COLUMNS " FROM product WHERE name >= ?1 AND name < ?2", "name") \
    X(DEVICE_ADD, "INSERT INTO device (" DEVICE_COLUMNS ") SELECT name, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0" \
                  " FROM product WHERE name = ?1 ON CONFLICT DO NOTHING")                         \
    X(DEVICE_GET, "SELECT " DEVICE_COLUMNS " FROM device WHERE product = ? AND name = ?")         \
    X(DEVICE_FIND_JOINED, "SELECT " DEVICE_COLUMNS " FROM device" INDEXED("device_joined")        \
                          " WHERE product || name = ? ORDER BY product LIMIT ?")                  \
    X(DEVICE_SET_DISABLED, "UPDATE device SET disabled = ?3 WHERE product = ?1 AND name = ?2")    \
    X(DEVICE_SET_ONLINE, "UPDATE device SET online_ms = ?3, seen_ms = CASE WHEN seen_ms > ?4 THEN seen_ms ELSE ?4 END WHERE product = ?1 AND name = ?2") \
    X(DEVICE_SET_SEEN, "UPDATE device SET seen_ms = CASE WHEN seen_ms > ?3 THEN seen_ms ELSE ?3 END WHERE product = ?1 AND name = ?2") \
    X(DEVICE_SET_SECRETS, "UPDATE device SET secret = ?3, old_secret = ?4, old_until_ms = ?5, secret_no = ?6," \
                          " unheard = ?7"                                                         \
                          " WHERE product = ?1 AND name = ?2")                                    \
    X(DEVICE_OLD_SECRETS, "SELECT " DEVICE_COLUMNS " FROM device" INDEXED("device_old_secret")    \
                          " WHERE old_until_ms > 0 AND old_until_ms <= ? ORDER BY old_until_ms LIMIT ?") \
    X(DEVICE_NEXT_OLD, "SELECT old_until_ms FROM device" INDEXED("device_old_secret")             \
                       " WHERE old_until_ms > 0 ORDER BY old_until_ms LIMIT 1")                   \
    X(DEVICE_REMOVE, "DELETE FROM device WHERE product = ? AND name = ?")                         \
    WAYS_1(X, DEVICE_LIST, LOOK_ON, LOOK("TRUE", "name") DEVICE_COLUMNS " FROM device"            \
                              " WHERE product = ?4 AND name >= ?1 AND name < ?2", "name")         \
    WAYS_3(X, DEVICE_LIST_TAG, LOOK_ON, LOOK("((online_ms > 0) = (?6 <> 0) OR ?6 IS NULL)", "name") DEVICE_COLUMNS \
           " FROM device_tag" INDEXED("device_by_tag") JOIN_FROM_LEFT "device USING (product) WHERE name = device_tag.device AND " \
           PARTS("product", "?4", "tag", "?5", "device_tag.device", ">="), "product", "tag", "device_tag.device") \
    WAYS_3(X, DEVICE_LIST_ONLINE, LOOK_ON, LOOK("TRUE", "name") DEVICE_COLUMNS " FROM device" INDEXED("device_by_online") \
           " WHERE " PARTS("product", "?4", "(online_ms > 0)", "(?5 <> 0)", "name", ">="), "product", "(online_ms > 0)", "name") \
    X(DEVICE_COUNTS, "SELECT " SUM("devices") ", " SUM("online") " FROM device_count WHERE product = ?") \
    SORTED_BOTH_WAYS(X, DEVICE_BY_SEEN,                                                           \
                     LOOK_SORTED("name >= ?1 AND name < ?2 AND ((online_ms > 0) = (?6 <> 0) OR ?6 IS NULL) AND (CAST(?5 AS TEXT) IS NULL OR" \
                                 " (SELECT 1 FROM device_tag AS g WHERE g.product = ?4 AND g.device = name AND g.tag = ?5) IS NOT NULL)", \
                                 "name", "seen_ms")                                               \
                     DEVICE_COLUMNS " FROM device" INDEXED("device_by_seen") " WHERE product = ?4", "seen_ms", "name") \
    X(DEVICE_TAG_ADD, "INSERT INTO device_tag (product, device, tag) VALUES (?, ?, ?) ON CONFLICT DO NOTHING") \
    X(DEVICE_TAGS_GET, "SELECT tag FROM device_tag WHERE product = ? AND device = ? ORDER BY tag LIMIT ?") \
    X(DEVICE_TAGS_CLEAR, "DELETE FROM device_tag WHERE product = ? AND device = ?")

#define PRODUCT_COLUMNS "name, created_ms, secret"
#define DEVICE_COLUMNS "product, name, secret, disabled, created_ms, old_secret, old_until_ms, secret_no, unheard," \
    " online_ms, seen_ms"

#define RESOURCE_COLUMNS "id, product, name, size, md5, sha256, created_ms, description"

#define RESOURCE_LOOK                                                                             \
    LOOK("(product = ?4 OR ?4 IS NULL) AND name >= ?6 AND name < ?7", "id") RESOURCE_COLUMNS " FROM resource"
#define RESOURCE_SORTED(value, index)                                                             \
    LOOK_SORTED("id > ?1 AND id < ?2" NAME_RANGE, "id", value)                                    \
    RESOURCE_COLUMNS " FROM resource" INDEXED(index) " WHERE product = ?4"
#define RESOURCE_NAMED                                                                            \
    " FROM resource" INDEXED("resource_by_name") " WHERE product = ?4 AND id > ?1 AND id < ?2" NAME_RANGE

#define RESOURCE_STATEMENTS(X)                                                                    \
    X(RESOURCE_ADD, "INSERT INTO resource (" RESOURCE_COLUMNS ") SELECT ?1, name, ?3, ?4, ?5, ?6, ?7, ?8 FROM product" \
                    " WHERE name = ?2 ON CONFLICT DO NOTHING")                                    \
    X(RESOURCE_GET, "SELECT " RESOURCE_COLUMNS " FROM resource WHERE id = ?")                     \
    X(RESOURCE_FIND, "SELECT " RESOURCE_COLUMNS " FROM resource" INDEXED("resource_by_name")      \
                     " WHERE product = ? AND name = ? ORDER BY id DESC LIMIT 1")                  \
    X(RESOURCE_DESCRIBE, "UPDATE resource SET description = ?2 WHERE id = ?1")                    \
    X(RESOURCE_REMOVE, "DELETE FROM resource WHERE id = ?1"                                       \
                       " AND NOT EXISTS (SELECT 1 FROM deployment" INDEXED("deployment_by_resource") " WHERE resource = ?1)") \
    WAYS_1(X, RESOURCE_LIST, LOOK_ON, RESOURCE_LOOK " WHERE id > ?1 AND id < ?2", "id")           \
    WAYS_2(X, RESOURCE_LIST_PRODUCT, LOOK_ON, RESOURCE_LOOK INDEXED("resource_by_product")        \
                                                " WHERE " PART("product", "?4", "id", ">"), "product", "id") \
    WAYS_1(X, RESOURCE_LIST_NAME, LOOK_ON, RESOURCE_LOOK " WHERE id IN (SELECT id" RESOURCE_NAMED ")", "id") \
    SORTED_BOTH_WAYS(X, RESOURCE_BY_NAME, RESOURCE_SORTED("name", "resource_by_name") NAME_RANGE, "name", "id") \
    SORTED_BOTH_WAYS(X, RESOURCE_BY_SIZE, RESOURCE_SORTED("size", "resource_by_size"), "size", "id") \
    X(RESOURCE_NAMED, COUNT_SOME(RESOURCE_NAMED))

#define UPLOAD_COLUMNS                                                                            \
    "id, product, device, name, size, md5, state, percent, result_code, result_msg, created_ms, updated_ms," \
    " stored_ms, ended_ms, expires_ms"
#define UPLOAD_VALUES                                                                             \
    " INTO upload (" UPLOAD_COLUMNS ")"                                                           \
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
#define UPLOAD_ALL                                                                                \
    "product = excluded.product, device = excluded.device, name = excluded.name, size = excluded.size, md5 = excluded.md5," \
    " state = excluded.state, percent = excluded.percent, result_code = excluded.result_code, result_msg = excluded.result_msg," \
    " created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, stored_ms = excluded.stored_ms," \
    " ended_ms = excluded.ended_ms, expires_ms = excluded.expires_ms"
#define UPLOAD_SET                                                                                \
    CHANGE_ONE " upload SET percent = ?8, result_code = ?9, result_msg = ?10, created_ms = ?11, updated_ms = ?12," \
    " stored_ms = ?13, expires_ms = ?15"
#define UPLOAD_SAME " WHERE id = ?1 AND device = ?3 AND product = ?2 AND name = ?4 AND size = ?5 AND md5 = ?6"

#define UPLOAD_LOOK                                                                               \
    LOOK("(product = ?4 OR ?4 IS NULL) AND (device = ?5 OR ?5 IS NULL) AND name >= ?6 AND name < ?7" \
         " AND (?8 = 0 OR state = ?8)", "id") UPLOAD_COLUMNS " FROM upload"
#define UPLOAD_SORTED_FITS                                                                        \
    "product = ?4 AND (device = ?5 OR ?5 IS NULL) AND (?8 = 0 OR state = ?8) AND id > ?1 AND id < ?2" NAME_RANGE
#define UPLOAD_SORTED LOOK_SORTED(UPLOAD_SORTED_FITS, "id", "ended_ms") UPLOAD_COLUMNS " FROM upload"
#define UPLOADS_LOST                                                                              \
    " FROM upload" INDEXED("upload_lost_by_product")                                              \
    " WHERE product = ?4 AND state > 4 AND state = ?8 AND id > ?1 AND id < ?2"
#define UPLOADS_OF_DEVICE                                                                         \
    " FROM upload" INDEXED("upload_by_name") " WHERE device = ?5 AND product = ?4 AND id > ?1 AND id < ?2" NAME_RANGE
#define UPLOADS_OPEN                                                                              \
    " FROM upload" INDEXED("upload_open")                                                         \
    " WHERE " UNENDED("state") " AND state = ?8 AND " NO_KEY("id") " > ?1 AND " NO_KEY("id") " < ?2" ANY_PRODUCT

/* Where a statement costs little, a put is the cheapest of these that fits; where it is a message, it is REPLACE at once. What an UPDATE does not name, it leaves alone, and with it the
 * indexes: TOUCH (a report) costs a third of MOVE (a new state), both much less than REPLACE (another identity). END is the one
 * MOVE that the indexes by the time of the end are for. */
#define UPLOAD_STATEMENTS(X)                                                                      \
    X(UPLOAD_ADD, ADD_ONE UPLOAD_VALUES " ON CONFLICT (id) DO NOTHING")                           \
    X(UPLOAD_PROGRESS, CHANGE_ONE " upload SET percent = ?8, result_code = ?9, result_msg = ?10, updated_ms = ?12" UPLOAD_SAME \
                       " AND state = ?7 AND created_ms = ?11 AND stored_ms = ?13 AND ended_ms = ?14 AND expires_ms = ?15") \
    X(UPLOAD_TOUCH, UPLOAD_SET UPLOAD_SAME " AND state = ?7 AND ended_ms = ?14")                  \
    X(UPLOAD_MOVE, UPLOAD_SET ", state = ?7" UPLOAD_SAME " AND ended_ms = ?14")                   \
    X(UPLOAD_END, UPLOAD_SET ", state = ?7, ended_ms = ?14" UPLOAD_SAME)                          \
    X(UPLOAD_REPLACE, PUT UPLOAD_VALUES PUT_OVER("id", UPLOAD_ALL))                               \
    X(UPLOAD_GET, "SELECT " UPLOAD_COLUMNS " FROM upload WHERE id = ?")                           \
    X(UPLOAD_OPEN, "SELECT " UPLOAD_COLUMNS " FROM upload" INDEXED("upload_open")                 \
                   " WHERE device = ? AND product = ? AND " UNENDED("state") " ORDER BY id DESC LIMIT ?") \
    X(UPLOAD_NAMED, "SELECT " UPLOAD_COLUMNS " FROM upload" INDEXED("upload_by_name")             \
                     " WHERE device = ? AND product = ? AND name = ? ORDER BY id DESC LIMIT ?")   \
    X(UPLOAD_DUE, "SELECT " UPLOAD_COLUMNS " FROM upload" INDEXED("upload_due")                   \
                  " WHERE state IN (1, 2) AND expires_ms > 0 AND expires_ms <= ?"                 \
                  " ORDER BY expires_ms, id LIMIT ?")                                             \
    X(UPLOAD_NEXT_DUE, "SELECT expires_ms FROM upload" INDEXED("upload_due")                      \
                       " WHERE state IN (1, 2) AND expires_ms > 0 ORDER BY expires_ms LIMIT 1")   \
    X(UPLOAD_REMOVE, "DELETE FROM upload WHERE id = ?")                                           \
    X(UPLOAD_ENDED, UPLOAD_ENDED_TEXT)                                                            \
    WAYS_1(X, UPLOAD_LIST, LOOK_ON, UPLOAD_LOOK " WHERE id > ?1 AND id < ?2", "id")               \
    WAYS_2(X, UPLOAD_LIST_PRODUCT, LOOK_ON, UPLOAD_LOOK INDEXED("upload_by_product") " WHERE " PART("product", "?4", "id", ">"), \
           "product", "id")                                                                       \
    WAYS_1(X, UPLOAD_LIST_DEVICE, LOOK_ON, UPLOAD_LOOK " WHERE id IN (SELECT id" UPLOADS_OF_DEVICE ")", "id") \
    WAYS_1(X, UPLOAD_LIST_OPEN, LOOK_ON, UPLOAD_LOOK " WHERE id IN (SELECT id" UPLOADS_OPEN ")", "id") \
    WAYS_2(X, UPLOAD_LIST_LOST, LOOK_ON, UPLOAD_LOOK INDEXED("upload_lost") " WHERE state > 4 AND " PART("state", "?8", "id", ">"), \
           "state", "id")                                                                         \
    WAYS_3(X, UPLOAD_LIST_LOST_PRODUCT, LOOK_ON, UPLOAD_LOOK INDEXED("upload_lost_by_product")    \
           " WHERE state > 4 AND " PARTS("product", "?4", "state", "?8", "id", ">"), "product", "state", "id") \
    X(UPLOAD_BY_ENDED, UPLOAD_BY_ENDED_TEXT)                                                      \
    X(UPLOAD_BY_ENDED_DESC, UPLOAD_BY_ENDED_DESC_TEXT)                                            \
    SORTED_BOTH_WAYS(X, UPLOAD_BY_ENDED_DEVICE, UPLOAD_SORTED " WHERE id IN (SELECT id" UPLOADS_OF_DEVICE ")", "ended_ms", "id") \
    SORTED_BOTH_WAYS(X, UPLOAD_BY_ENDED_OPEN, UPLOAD_SORTED " WHERE id IN (SELECT id" UPLOADS_OPEN ")", "ended_ms", "id") \
    SORTED_BOTH_WAYS(X, UPLOAD_BY_ENDED_LOST, UPLOAD_SORTED " WHERE id IN (SELECT id" UPLOADS_LOST ")", "ended_ms", "id") \
    X(UPLOADS_LOST, COUNT_SOME(UPLOADS_LOST))                                                     \
    X(UPLOADS_OF_DEVICE, COUNT_SOME(UPLOADS_OF_DEVICE))                                           \
    X(UPLOADS_OPEN, COUNT_SOME(UPLOADS_OPEN))

#define DEPLOYMENT_COLUMNS                                                                        \
    "d.id, d.product, d.resource, r.name, d.state, d.target_all, d.rate_per_min, d.timeout_s, d.expanded," \
    " d.expand_done, d.expand_cursor, d.created_ms, d.updated_ms, d.retries, d.start_ms, d.end_ms," \
    " d.paused_ms, d.shift_ms, d.sweeping, d.sweep_cursor, d.target_tag, d.sweep_ms, d.retry_state, d.retry_has_code," \
    " d.retry_code, d.retry_has_msg, d.retry_msg, d.pace_ms, d.paced"
#define DEPLOYMENT_OWN                                                                            \
    "id, product, resource, state, target_all, rate_per_min, timeout_s, expanded, expand_done, expand_cursor, created_ms," \
    " updated_ms, retries, start_ms, end_ms, paused_ms, shift_ms, sweeping, sweep_cursor, target_tag, sweep_ms, retry_state," \
    " retry_has_code, retry_code, retry_has_msg, retry_msg, pace_ms, paced, name"
#define DEPLOYMENT_JOIN(index)                                                                    \
    DEPLOYMENT_COLUMNS " FROM deployment AS d" index " LEFT JOIN resource AS r ON r.id = d.resource"
#define DEPLOYMENT_FROM(index) "SELECT " DEPLOYMENT_JOIN(index)
#define DEPLOYMENT_LOOK(index)                                                                    \
    LOOK("(d.product = ?4 OR ?4 IS NULL) AND (?8 = 0 OR d.state = ?8)", "d.id") DEPLOYMENT_JOIN(index)

#define DEPLOYMENT_STATEMENTS(X)                                                                  \
    X(DEPLOYMENT_PUT, "INSERT INTO deployment (" DEPLOYMENT_OWN ") SELECT ?1, ?2, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12," \
                      " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, name FROM resource WHERE id = ?3 ON CONFLICT (id) DO UPDATE SET" \
                      " product = excluded.product, resource = excluded.resource, state = excluded.state," \
                      " target_all = excluded.target_all, rate_per_min = excluded.rate_per_min,"  \
                      " timeout_s = excluded.timeout_s, expanded = excluded.expanded,"            \
                      " expand_done = excluded.expand_done, expand_cursor = excluded.expand_cursor," \
                      " created_ms = excluded.created_ms, updated_ms = excluded.updated_ms,"      \
                      " retries = excluded.retries, start_ms = excluded.start_ms, end_ms = excluded.end_ms," \
                      " paused_ms = excluded.paused_ms, shift_ms = excluded.shift_ms,"            \
                      " sweeping = excluded.sweeping, sweep_cursor = excluded.sweep_cursor,"      \
                      " target_tag = excluded.target_tag, sweep_ms = excluded.sweep_ms,"          \
                      " retry_state = excluded.retry_state, retry_has_code = excluded.retry_has_code," \
                      " retry_code = excluded.retry_code, retry_has_msg = excluded.retry_has_msg," \
                      " retry_msg = excluded.retry_msg, pace_ms = excluded.pace_ms, paced = excluded.paced, name = excluded.name") \
    X(DEPLOYMENT_GET, DEPLOYMENT_FROM("") " WHERE d.id = ?")                                      \
    WAYS_1(X, DEPLOYMENT_LIST, LOOK_ON, DEPLOYMENT_LOOK("") " WHERE d.id > ?1 AND d.id < ?2", "d.id") \
    WAYS_2(X, DEPLOYMENT_LIST_PRODUCT, LOOK_ON, DEPLOYMENT_LOOK(INDEXED("deployment_by_product")) \
           " WHERE " PART("d.product", "?4", "d.id", ">"), "d.product", "d.id")                   \
    SORTED_BOTH_WAYS(X, DEPLOYMENT_BY_NAME,                                                       \
                     LOOK_SORTED("d.id > ?1 AND d.id < ?2 AND (?8 = 0 OR d.state = ?8)", "d.id", "d.name") \
                     DEPLOYMENT_JOIN(INDEXED("deployment_by_name")) " WHERE d.product = ?4", "d.name", "d.id") \
    X(DEPLOYMENT_EXPANDING, DEPLOYMENT_FROM(INDEXED("deployment_expanding"))                      \
                            " WHERE d.expand_done = 0 AND d.state IN (1, 4) ORDER BY d.id LIMIT ?") \
    X(DEPLOYMENT_SWEEPING, DEPLOYMENT_FROM(INDEXED("deployment_sweeping"))                        \
                           " WHERE d.sweeping > 0 ORDER BY d.id LIMIT ?")                         \
    X(DEPLOYMENT_COUNTS, "SELECT " SUM("queued") ", " SUM("offered") ", " SUM("downloading") ", " SUM("done") ", " SUM("failed") ", " \
                         SUM("timed_out") ", " SUM("cancelled") ", " SUM("rejected") " FROM deployment_count WHERE deployment = ?") \
    X(DEPLOYMENT_FAILED, "SELECT " SUM("CASE WHEN ?2 IN (0, 5) THEN failed ELSE 0 END + CASE WHEN ?2 IN (0, 6) THEN timed_out ELSE 0 END" \
                                      " + CASE WHEN ?2 IN (0, 8) THEN rejected ELSE 0 END")       \
                         " FROM deployment_count WHERE deployment = ?1")                          \
    X(DEPLOYMENT_CAUSE, "SELECT " SUM("n") " FROM deployment_cause WHERE deployment = ?1 AND state = ?2 AND result_code = ?3" \
                        " AND result_msg = ?4")                                                   \
    X(DEPLOYMENT_CAUSES_SUM, "SELECT " SUM("n") " FROM deployment_cause WHERE deployment = ?1"    \
                             " AND (?2 = 0 OR state = ?2) AND (result_code = ?3 OR ?3 IS NULL)"   \
                             " AND (result_msg = ?4 OR ?4 IS NULL)")                              \
    X(DEPLOYMENT_CAUSES, CAUSES_TEXT)                                                             \
    X(DEPLOYMENT_STEPS, "SELECT at_ms, " SUM("done") ", " SUM("failed") " FROM deployment_step"   \
                        " WHERE deployment = ? AND at_ms >= ? GROUP BY at_ms ORDER BY at_ms LIMIT ?") \
    X(DEPLOYMENT_PRUNE, DELETE_SOME("deployment", "id", "id", " AS d" INDEXED("deployment_ended") \
                        " WHERE state IN (2, 3) AND updated_ms < ?"                               \
                        " AND NOT EXISTS (SELECT 1 FROM download" INDEXED("download_by_deployment") \
                        " WHERE deployment = d.id) ORDER BY updated_ms LIMIT ?"))

#define DOWNLOAD_COLUMNS                                                                          \
    "t.id, t.deployment, t.resource, t.product, t.device, t.state, t.percent, t.result_code, t.result_msg, t.pushes," \
    " t.release_ms, t.wake_ms, t.deadline_ms, t.created_ms, t.updated_ms, t.ended_ms, t.retries, t.name, r.size, r.md5, r.sha256"
#define DOWNLOAD_JOIN(index)                                                                      \
    DOWNLOAD_COLUMNS " FROM download AS t" index " LEFT JOIN resource AS r ON r.id = t.resource"
#define DOWNLOAD_FROM(index) "SELECT " DOWNLOAD_JOIN(index)
#define DOWNLOAD_LOOK(index)                                                                      \
    LOOK("(t.product = ?4 OR ?4 IS NULL) AND (t.device = ?5 OR ?5 IS NULL) AND (?8 = 0 OR t.state = ?8)" \
         " AND (t.deployment = ?9 OR ?9 IS NULL)", "t.id") DOWNLOAD_JOIN(index)
#define DOWNLOAD_OWN                                                                              \
    "id, deployment, resource, product, device, state, percent, result_code, result_msg, pushes, release_ms, wake_ms," \
    " deadline_ms, created_ms, updated_ms, ended_ms, due_ms, retries"
/* Fails when there is no such resource: the name must not be null. As a query of the resource it would be a table of its own in SQLite. */
#define DOWNLOAD_VALUES                                                                           \
    " INTO download (" DOWNLOAD_OWN ", name)"                                                     \
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"   \
    " (SELECT name FROM resource WHERE id = ?3))"
#define DOWNLOAD_ALL                                                                              \
    "deployment = excluded.deployment, resource = excluded.resource, product = excluded.product, device = excluded.device," \
    " state = excluded.state, percent = excluded.percent, result_code = excluded.result_code, result_msg = excluded.result_msg," \
    " pushes = excluded.pushes, release_ms = excluded.release_ms, wake_ms = excluded.wake_ms, deadline_ms = excluded.deadline_ms," \
    " created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, ended_ms = excluded.ended_ms," \
    " due_ms = excluded.due_ms, retries = excluded.retries, name = excluded.name"
#define DOWNLOAD_SET                                                                              \
    "UPDATE download SET percent = ?7, result_code = ?8, result_msg = ?9, pushes = ?10, release_ms = ?11," \
    " wake_ms = ?12, deadline_ms = ?13, created_ms = ?14, updated_ms = ?15, due_ms = ?17, retries = ?18"
#define DOWNLOAD_SAME " WHERE id = ?1 AND device = ?5 AND product = ?4 AND deployment = ?2 AND resource = ?3"
#define T_BOUNDS " t.id > ?1 AND t.id < ?2"
#define DOWNLOADS_OF_DEVICE                                                                       \
    " FROM download" INDEXED("download_by_name") " WHERE device = ?5 AND product = ?4 AND id > ?1 AND id < ?2"

#define DOWNLOADS_IN_STATE                                                                        \
    " FROM download" INDEXED("download_by_state") " WHERE deployment = ?9 AND state = ?8 AND id > ?1 AND id < ?2"
#define DOWNLOAD_SORTED(index)                                                                    \
    LOOK_SORTED("t.deployment = ?9 AND (t.product = ?4 OR ?4 IS NULL) AND (t.device = ?5 OR ?5 IS NULL)" \
                " AND (?8 = 0 OR t.state = ?8) AND" T_BOUNDS, "t.id", "t.ended_ms") DOWNLOAD_JOIN(index)

#define DOWNLOAD_STATEMENTS(X)                                                                    \
    X(DOWNLOAD_ADD, "INSERT" DOWNLOAD_VALUES " ON CONFLICT (id) DO NOTHING")                      \
    X(DOWNLOAD_TOUCH, DOWNLOAD_SET DOWNLOAD_SAME " AND state = ?6 AND state <= 4 AND ended_ms = ?16") \
    X(DOWNLOAD_MOVE, DOWNLOAD_SET ", state = ?6" DOWNLOAD_SAME " AND ended_ms = ?16")             \
    X(DOWNLOAD_END, DOWNLOAD_SET ", state = ?6, ended_ms = ?16" DOWNLOAD_SAME)                    \
    X(DOWNLOAD_REPLACE, PUT DOWNLOAD_VALUES PUT_OVER("id", DOWNLOAD_ALL))                         \
    X(DOWNLOAD_GET, DOWNLOAD_FROM("") " WHERE t.id = ?")                                          \
    X(DOWNLOAD_OPEN, DOWNLOAD_FROM(INDEXED("download_open"))                                      \
                     " WHERE t.device = ? AND t.product = ? AND t.id > ? AND " UNENDED("t.state") " ORDER BY t.id LIMIT ?") \
    X(DOWNLOAD_RUNNING, DOWNLOAD_FROM(INDEXED("download_open"))                                   \
                        " WHERE t.device = ? AND t.product = ? AND " UNENDED("t.state") " AND t.state > 1 ORDER BY t.id LIMIT ?") \
    X(DOWNLOAD_NAMED, DOWNLOAD_FROM(INDEXED("download_by_name"))                                  \
                       " WHERE t.device = ? AND t.product = ? AND t.name = ? ORDER BY t.id DESC LIMIT ?") \
    X(DOWNLOAD_DUE, DOWNLOAD_FROM(INDEXED("download_due"))                                        \
                    " WHERE t.due_ms IS NOT NULL AND t.due_ms <= ? ORDER BY t.due_ms, t.id LIMIT ?") \
    X(DOWNLOAD_NEXT_DUE, "SELECT due_ms FROM download" INDEXED("download_due")                    \
                         " WHERE due_ms IS NOT NULL ORDER BY due_ms LIMIT 1")                     \
    WAYS_1(X, DOWNLOAD_LIST, LOOK_ON, DOWNLOAD_LOOK("") " WHERE" T_BOUNDS, "t.id")                \
    WAYS_2(X, DOWNLOAD_LIST_PRODUCT, LOOK_ON, DOWNLOAD_LOOK(INDEXED("download_by_product"))       \
           " WHERE " PART("t.product", "?4", "t.id", ">"), "t.product", "t.id")                   \
    WAYS_1(X, DOWNLOAD_LIST_DEVICE, LOOK_ON, DOWNLOAD_LOOK("")                                    \
                      " WHERE t.id IN (SELECT id" DOWNLOADS_OF_DEVICE ")", "t.id")                \
    WAYS_2(X, DOWNLOAD_LIST_DEPLOYMENT, LOOK_ON, DOWNLOAD_LOOK(INDEXED("download_by_deployment")) \
           " WHERE " PART("t.deployment", "?9", "t.id", ">"), "t.deployment", "t.id")             \
    WAYS_3(X, DOWNLOAD_LIST_STATE, LOOK_ON, DOWNLOAD_LOOK(INDEXED("download_by_state"))           \
           " WHERE " PARTS("t.deployment", "?9", "t.state", "?8", "t.id", ">"), "t.deployment", "t.state", "t.id") \
    SORTED_BOTH_WAYS(X, DOWNLOAD_BY_ENDED, DOWNLOAD_SORTED(INDEXED("download_by_ended")) " WHERE t.deployment = ?9", \
                     "t.ended_ms", "t.id")                                                        \
    SORTED_BOTH_WAYS(X, DOWNLOAD_BY_ENDED_DEVICE, DOWNLOAD_SORTED("") " WHERE t.id IN (SELECT id" DOWNLOADS_OF_DEVICE ")", \
                     "t.ended_ms", "t.id")                                                        \
    SORTED_BOTH_WAYS(X, DOWNLOAD_BY_ENDED_STATE, DOWNLOAD_SORTED("") " WHERE t.id IN (SELECT id" DOWNLOADS_IN_STATE ")", \
                     "t.ended_ms", "t.id")                                                        \
    X(DOWNLOADS_IN_STATE, COUNT_SOME(DOWNLOADS_IN_STATE))                                         \
    X(DOWNLOADS_OF_DEVICE, COUNT_SOME(DOWNLOADS_OF_DEVICE))                                       \
    X(DOWNLOAD_PRUNE, DELETE_SOME("download", "id", "id", INDEXED("download_ended")               \
                      " WHERE ended_ms > 0 AND ended_ms < ? AND state > 3 ORDER BY ended_ms LIMIT ?"))

#define REPORT_COLUMNS "task, number, time_ms, state, percent, result_code, result_msg"

#define REPORT_STATEMENTS(X)                                                                      \
    X(REPORT_LAST, "SELECT coalesce(max(number), 0) FROM report WHERE task = ?")                  \
    X(REPORT_ADD, "INSERT INTO report (" REPORT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)") \
    X(REPORT_DROP, "DELETE FROM report WHERE task = ? AND number = ?")                            \
    WAYS_1(X, REPORT_LIST, LIMITED, "SELECT number, time_ms, state, percent, result_code, result_msg FROM report" \
                              " WHERE task = ?4 AND number > ?1 AND number < ?2", "number")

#define TOTALS_STATEMENTS(X)                                                                      \
    X(TOTALS, "SELECT " SUM("products") ", " SUM("devices") ", " SUM("resources") ", "            \
              SUM("deployments") ", " SUM("deployments_open") ", " SUM("uploads_open") ", "       \
              SUM("downloads_open") ", " SUM("stored_high") ", " SUM("stored_low") ", "           \
              SUM("resource_high") ", " SUM("resource_low") ", "                                  \
              "(SELECT count(*) FROM webhook), (SELECT count(*) FROM webhook WHERE state = 3) FROM total") \
    X(STATISTICS, "SELECT hour, way, " SUM("done") ", " SUM("failed") ", " SUM("cancelled") ", " SUM("high") ", " SUM("low") " FROM ended" \
                  " WHERE product = ? AND hour >= ? AND hour < ? GROUP BY hour, way")             \
    X(STATISTICS_PRUNE, DELETE_SOME("ended", "(product, hour, way)", "product, hour, way", INDEXED("ended_by_hour") \
                                    " WHERE hour < ? ORDER BY hour LIMIT ?"))

#define TOKEN_COLUMNS "name, role, hash, created_ms, expires_ms, products, used_ms"
#define USER_COLUMNS "name, role, products, password, created_ms, changed_ms"
#define SESSION_COLUMNS "hash, \"user\", origin, created_ms, used_ms, expires_ms"

#define OPERATOR_STATEMENTS(X)                                                                    \
    X(TOKEN_PUT, "INSERT INTO token (" TOKEN_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET" \
                 " role = excluded.role, hash = excluded.hash, created_ms = excluded.created_ms," \
                 " expires_ms = excluded.expires_ms, products = excluded.products, used_ms = excluded.used_ms") \
    X(TOKEN_FIND, "SELECT " TOKEN_COLUMNS " FROM token" INDEXED("token_hash") " WHERE hash = ? ORDER BY name LIMIT 1") \
    X(TOKEN_GET, "SELECT " TOKEN_COLUMNS " FROM token WHERE name = ?")                            \
    X(TOKEN_REMOVE, "DELETE FROM token WHERE name = ?")                                           \
    X(TOKEN_TOUCH, "UPDATE token SET used_ms = ?2 WHERE name = ?1")                               \
    WAYS_1(X, TOKEN_LIST, LIMITED, "SELECT " TOKEN_COLUMNS " FROM token WHERE name >= ?1 AND name < ?2", "name") \
    X(USER_PUT, "INSERT INTO account (" USER_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET" \
                " role = excluded.role, products = excluded.products, password = excluded.password," \
                " created_ms = excluded.created_ms, changed_ms = excluded.changed_ms")            \
    X(USER_GET, "SELECT " USER_COLUMNS " FROM account WHERE name = ?")                            \
    X(USER_REMOVE, "DELETE FROM account WHERE name = ?")                                          \
    WAYS_1(X, USER_LIST, LIMITED, "SELECT " USER_COLUMNS " FROM account WHERE name >= ?1 AND name < ?2", "name") \
    X(SESSION_PUT, "INSERT INTO session (" SESSION_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET" \
                   " \"user\" = excluded.\"user\", origin = excluded.origin, created_ms = excluded.created_ms," \
                   " used_ms = excluded.used_ms, expires_ms = excluded.expires_ms")               \
    X(SESSION_FIND, "SELECT " SESSION_COLUMNS " FROM session WHERE hash = ?")                     \
    X(SESSION_REMOVE, "DELETE FROM session WHERE hash = ?")                                       \
    X(SESSION_TOUCH, "UPDATE session SET used_ms = ?2 WHERE hash = ?1")                           \
    X(SESSION_TRIM, DELETE_SOME("session", "hash", "hash", INDEXED("session_by_user") " WHERE \"user\" = ?" \
                                " ORDER BY created_ms DESC, hash DESC LIMIT 9223372036854775807 OFFSET ?")) \
    X(SESSION_PRUNE, "DELETE FROM session WHERE used_ms < ? OR expires_ms <= ?")                  \
    X(LOCKOUT_GET, "SELECT name, failures, until_ms, updated_ms FROM lockout WHERE name = ?")     \
    X(LOCKOUT_PUT, "INSERT INTO lockout (name, failures, until_ms, updated_ms) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET" \
                   " failures = excluded.failures, until_ms = excluded.until_ms, updated_ms = excluded.updated_ms") \
    X(LOCKOUT_REMOVE, "DELETE FROM lockout WHERE name = ?")                                       \
    X(LOCKOUT_TRIM, "DELETE FROM lockout WHERE name IN (SELECT name FROM lockout WHERE name NOT IN (SELECT name FROM account)" \
                    " ORDER BY updated_ms, name LIMIT (SELECT CASE WHEN count(*) > ?1 THEN count(*) - ?1 ELSE 0 END FROM lockout))")

#define AUDIT_COLUMNS                                                                             \
    "seq, time_ms, actor, origin, action, object, product, state_before, state_after, prev, hash"
#define AUDIT_LOOK                                                                                \
    LOOK("(product = ?4 OR ?4 IS NULL) AND (actor = ?5 OR ?5 IS NULL) AND action >= ?6 AND action < ?7" \
         " AND (object = ?8 OR ?8 IS NULL) AND time_ms >= ?9 AND time_ms < ?10", "seq")           \
    AUDIT_COLUMNS " FROM audit WHERE seq > ?1 AND seq < ?2"

#define AUDIT_STATEMENTS(X)                                                                       \
    X(AUDIT_HEAD, "SELECT seq, hash, cut FROM audit_head WHERE one = 1")                          \
    X(AUDIT_APPEND, "INSERT INTO audit (" AUDIT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
    X(AUDIT_SET_HEAD, "UPDATE audit_head SET seq = ?, hash = ? WHERE one = 1")                    \
    WAYS_1(X, AUDIT_LIST, LOOK_ON, AUDIT_LOOK, "seq")                                             \
    X(AUDIT_SET_CUT, "UPDATE audit_head SET cut = ?1 WHERE one = 1 AND seq >= ?1")                \
    X(AUDIT_CUT, "DELETE FROM audit WHERE seq <= ?")

#define EVENT_COLUMNS                                                                             \
    "time_ms, kind, product, device, task, deployment, resource, state_before, state, percent, result_code, text"

#define EVENT_STATEMENTS(X)                                                                       \
    X(EVENT_APPEND, "INSERT INTO event (" EVENT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
    X(EVENT_FIRST, "SELECT id FROM event WHERE id > 0 ORDER BY id LIMIT 1")                       \
    X(EVENT_LAST, "SELECT id FROM event WHERE id > 0 ORDER BY id DESC LIMIT 1")                   \
    X(EVENT_LIST, "SELECT id, " EVENT_COLUMNS " FROM event WHERE id > ? ORDER BY id LIMIT ?")     \
    WAYS_3(X, EVENT_PRESENCE, LIMITED, "SELECT id, " EVENT_COLUMNS " FROM event" INDEXED("event_presence") \
           " WHERE kind IN (6, 7) AND " PARTS("product", "?4", "device", "?5", "id", ">"), "product", "device", "id") \
    X(EVENT_CUT, "DELETE FROM event WHERE id <= ?")

#define KEPT_COLUMNS "key, request, made_ms, status, location, body, secret_name, secret_1, secret_2"

/* A put makes the answer the newest. ?3 rows are looked at, the oldest; those to be removed are the first of them. */
#define KEPT_STATEMENTS(X)                                                                        \
    X(KEPT_PUT, PUT " INTO kept_answer (" KEPT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"     \
                PUT_OVER("key", "id = excluded.id, request = excluded.request, made_ms = excluded.made_ms, status = excluded.status," \
                         " location = excluded.location, body = excluded.body, secret_name = excluded.secret_name," \
                         " secret_1 = excluded.secret_1, secret_2 = excluded.secret_2"))          \
    X(KEPT_GET, "SELECT " KEPT_COLUMNS " FROM kept_answer WHERE key = ?")                         \
    X(KEPT_PRUNE, "DELETE FROM kept_answer WHERE id <= (SELECT max(id) FROM"                      \
                  " (SELECT id, made_ms FROM kept_answer WHERE id > 0 ORDER BY id LIMIT ?3) AS oldest" \
                  " WHERE made_ms < ?1 OR id <= (SELECT max(id) FROM kept_answer) - ?2)")

#define WEBHOOK_COLUMNS                                                                           \
    "id, url, kinds, product, device, secret, state, revision, created_ms, updated_ms, last_event, failures, failing_ms," \
    " next_attempt_ms, last_status, last_error, last_success_ms, old_secret, old_until_ms"

#define WEBHOOK_STATEMENTS(X)                                                                     \
    X(WEBHOOK_PUT, "INSERT INTO webhook (" WEBHOOK_COLUMNS ")"                                    \
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET" \
                   " url = excluded.url, kinds = excluded.kinds, product = excluded.product, device = excluded.device," \
                   " secret = excluded.secret, state = excluded.state, revision = excluded.revision, created_ms = excluded.created_ms," \
                   " updated_ms = excluded.updated_ms, last_event = excluded.last_event, failures = excluded.failures, failing_ms = excluded.failing_ms," \
                   " next_attempt_ms = excluded.next_attempt_ms, last_status = excluded.last_status, last_error = excluded.last_error, last_success_ms = excluded.last_success_ms," \
                   " old_secret = excluded.old_secret, old_until_ms = excluded.old_until_ms")     \
    X(WEBHOOK_GET, "SELECT " WEBHOOK_COLUMNS " FROM webhook WHERE id = ?")                        \
    X(WEBHOOK_REMOVE, "DELETE FROM webhook WHERE id = ?")                                         \
    X(WEBHOOK_OLD_SECRETS, "SELECT " WEBHOOK_COLUMNS " FROM webhook" INDEXED("webhook_old_secret") \
                           " WHERE old_until_ms > 0 AND old_until_ms <= ? ORDER BY old_until_ms LIMIT ?") \
    X(WEBHOOK_NEXT_OLD, "SELECT old_until_ms FROM webhook" INDEXED("webhook_old_secret")          \
                        " WHERE old_until_ms > 0 ORDER BY old_until_ms LIMIT 1")                  \
    WAYS_1(X, WEBHOOK_LIST, LIMITED, "SELECT " WEBHOOK_COLUMNS " FROM webhook WHERE id > ?1 AND id < ?2", "id")

#define RESOURCE_UPLOAD_COLUMNS                                                                   \
    "id, product, name, description, size, md5, sha256, created_ms, stored_ms, expires_ms, seen_bytes"

#define RESOURCE_UPLOAD_STATEMENTS(X)                                                             \
    X(RESOURCE_UPLOAD_PUT, "INSERT INTO resource_upload (" RESOURCE_UPLOAD_COLUMNS ")"            \
                           " SELECT ?1, name, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM product WHERE name = ?2" \
                           " ON CONFLICT (id) DO UPDATE SET stored_ms = excluded.stored_ms,"      \
                           " expires_ms = excluded.expires_ms, seen_bytes = excluded.seen_bytes") \
    X(RESOURCE_UPLOAD_GET, "SELECT " RESOURCE_UPLOAD_COLUMNS " FROM resource_upload WHERE id = ?") \
    X(RESOURCE_UPLOAD_SAME, "SELECT " RESOURCE_UPLOAD_COLUMNS " FROM resource_upload" INDEXED("resource_upload_by_product") \
                            " WHERE product = ? AND name = ? AND size = ? AND md5 = ? AND sha256 = ?" \
                            " ORDER BY id DESC LIMIT 1")                                          \
    X(RESOURCE_UPLOAD_REMOVE, "DELETE FROM resource_upload WHERE id = ?")                         \
    WAYS_1(X, RESOURCE_UPLOAD_LIST, LIMITED, "SELECT " RESOURCE_UPLOAD_COLUMNS " FROM resource_upload WHERE id > ?1 AND id < ?2", \
              "id")                                                                               \
    WAYS_2(X, RESOURCE_UPLOAD_LIST_PRODUCT, LIMITED,                                              \
           "SELECT " RESOURCE_UPLOAD_COLUMNS " FROM resource_upload" INDEXED("resource_upload_by_product") \
           " WHERE " PART("product", "?4", "id", ">"), "product", "id")                           \
    X(RESOURCE_UPLOAD_DUE, "SELECT " RESOURCE_UPLOAD_COLUMNS " FROM resource_upload" INDEXED("resource_upload_due") \
                           " WHERE expires_ms <= ? ORDER BY expires_ms, id LIMIT ?")              \
    X(RESOURCE_UPLOAD_NEXT_DUE, "SELECT expires_ms FROM resource_upload" INDEXED("resource_upload_due") \
                                " WHERE expires_ms > 0 ORDER BY expires_ms LIMIT 1")

#define QUOTA_STATEMENTS(X)                                                                       \
    X(QUOTA_PUT, "INSERT INTO quota (product, product_bytes, product_files, device_bytes, device_files)" \
                 " SELECT name, ?2, ?3, ?4, ?5 FROM product WHERE name = ?1 ON CONFLICT (product) DO UPDATE SET" \
                 " product_bytes = excluded.product_bytes, product_files = excluded.product_files," \
                 " device_bytes = excluded.device_bytes, device_files = excluded.device_files")   \
    X(QUOTA_GET, "SELECT product, product_bytes, product_files, device_bytes, device_files FROM quota" \
                 " WHERE product = ?")                                                            \
    X(QUOTA_REMOVE, "DELETE FROM quota WHERE product = ?")                                        \
    X(USAGE_GET, "SELECT " SUM("files") ", " SUM("high") ", " SUM("low") " FROM usage WHERE product = ? AND device = ?")

#define STATEMENT_LIST(X)                                                                         \
    ACCOUNT_STATEMENTS(X)                                                                         \
    RESOURCE_STATEMENTS(X)                                                                        \
    UPLOAD_STATEMENTS(X)                                                                          \
    DEPLOYMENT_STATEMENTS(X)                                                                      \
    DOWNLOAD_STATEMENTS(X)                                                                        \
    REPORT_STATEMENTS(X)                                                                          \
    TOTALS_STATEMENTS(X)                                                                          \
    OPERATOR_STATEMENTS(X)                                                                        \
    AUDIT_STATEMENTS(X)                                                                           \
    QUOTA_STATEMENTS(X)                                                                           \
    EVENT_STATEMENTS(X)                                                                           \
    KEPT_STATEMENTS(X)                                                                            \
    WEBHOOK_STATEMENTS(X)                                                                         \
    RESOURCE_UPLOAD_STATEMENTS(X)

typedef enum {
#define X(name, sql) STMT_##name,
    STATEMENT_LIST(X)
#undef X
        STMT_COUNT
} statement;

/** @brief The name of a statement, "UPLOAD_PUT", for messages. */
const char *sql_statement_name(statement which);

#endif
