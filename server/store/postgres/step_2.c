/*
 * Step 2: what a statement does to many tasks is counted once for the statement, and not once for each task.
 *
 * The tables are what they were and the numbers in them too, so programs of step 1 go on. A counter is a sum over rows, so what changes it
 * is the sum over the new ones less the sum over the old ones; only what is counted when it happens (ends, spans) looks at both versions of
 * a row. Triggers of tables that are written one row at a time (products, devices, resources, deployments) stay what they are: for one row
 * they cost less.
 */
#include "step.h"

#include "locks.h"

/* Nobody is in the middle of anything: transactions of the engine have a share of the first lock. Others wait behind this one, so who reads for
 * long (a backup) stops the upgrade, and not the workers. */
#define ALONE                                                                                                \
    "SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(" PGS_LOCK_EVERYTHING ");"                  \
    " LOCK TABLE upload, download IN ACCESS EXCLUSIVE MODE; "

#define NO_TRIGGER(name, table) "DROP TRIGGER " name " ON " table "; "
#define OLD_TRIGGERS                                                                                         \
    NO_TRIGGER("upload_goes", "upload") NO_TRIGGER("upload_is_another", "upload")                            \
    NO_TRIGGER("upload_uses", "upload") NO_TRIGGER("upload_uses_again", "upload")                            \
    NO_TRIGGER("upload_total", "upload") NO_TRIGGER("upload_total_moves", "upload")                          \
    NO_TRIGGER("upload_ends_at_once", "upload") NO_TRIGGER("upload_ends_later", "upload")                    \
    NO_TRIGGER("download_goes", "download") NO_TRIGGER("download_is_another", "download")                    \
    NO_TRIGGER("download_total_comes", "download") NO_TRIGGER("download_total_goes", "download")             \
    NO_TRIGGER("download_total_moves", "download")                                                           \
    NO_TRIGGER("download_counts", "download") NO_TRIGGER("download_counts_moves", "download")                \
    NO_TRIGGER("download_cause_comes", "download") NO_TRIGGER("download_cause_goes", "download")             \
    NO_TRIGGER("download_cause_moves", "download")                                                           \
    NO_TRIGGER("download_step_comes", "download") NO_TRIGGER("download_step_moves", "download")              \
    NO_TRIGGER("download_ends_at_once", "download") NO_TRIGGER("download_ends_later", "download")            \
    "DROP FUNCTION ferry_task_goes, ferry_upload_uses, ferry_upload_counts, ferry_upload_ends, ferry_total_downloads," \
    " ferry_download_counts, ferry_download_causes, ferry_download_steps, ferry_download_ends, ferry_ended; "

/* --- rows of a statement ------------------------------------------------------------------------------ */

#define ADDED " FROM (SELECT 1 AS sign, n.* FROM new_rows AS n) AS r"
#define TAKEN " FROM (SELECT -1 AS sign, o.* FROM old_rows AS o) AS r"
#define CHANGED " FROM (SELECT 1 AS sign, n.* FROM new_rows AS n UNION ALL SELECT -1, o.* FROM old_rows AS o) AS r"
#define MORE_BY(what) "coalesce(sum(sign * " what "), 0)::bigint"

/* Both versions of a row. A plan is made when the first statement comes, which may have one row, and then serves those of many: so the
 * functions that say this have no nested loops (whose cost then looks as if it were worth compiling). */
#define BOTH " FROM new_rows AS n JOIN old_rows AS o ON o.id = n.id WHERE "

/* A put of another task under the same id: as if the old one had gone and the new one come. */
#define UPLOAD_IDENTITY(row) row "product, " row "device, " row "name, " row "size, " row "md5"
#define DOWNLOAD_IDENTITY(row) row "product, " row "device, " row "deployment, " row "resource"
#define OTHER_UPLOAD "(" UPLOAD_IDENTITY("o.") ") <> (" UPLOAD_IDENTITY("n.") ")"
#define OTHER_DOWNLOAD "(" DOWNLOAD_IDENTITY("o.") ") <> (" DOWNLOAD_IDENTITY("n.") ")"

/* Most changes of tasks count for nothing: how far they are, and what was said. */
#define END_UNLESS(condition) "IF NOT EXISTS (" condition ") THEN RETURN NULL; END IF; "
#define END_UNLESS_NEW(columns) END_UNLESS("SELECT " columns " FROM new_rows EXCEPT SELECT " columns " FROM old_rows")
#define ANY_OF(rows, condition) "EXISTS (SELECT FROM " rows " WHERE " condition ")"
#define IF(condition, what) "IF " condition " THEN " what "END IF; "

#define WITH_NEW " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
#define WITH_OLD " REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT"
#define WITH_BOTH " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT"

#define FUNCTION_OF_BOTH(name) \
    "CREATE FUNCTION " name "() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off SET jit = off AS $$ DECLARE kept record; BEGIN "
#define FUNCTION_OF_OLD(name) "CREATE FUNCTION " name "() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE kept record; BEGIN "

/* Rows of zeros go, where something was taken away. */
#define LOOK_FOR_ZEROS(change, is_zero, remove) "FOR kept IN " change " LOOP IF " is_zero " THEN " remove "; END IF; END LOOP; "

/* Tasks that ended, into the numbers of their hour, of their product and (product '') of all. way: 1 up, 2 down. */
#define ENDED(way, rows)                                                                                     \
    "INSERT INTO ended SELECT whose, hour, " way ", count(*) FILTER (WHERE is_done), count(*) FILTER (WHERE is_failed)," \
    " count(*) FILTER (WHERE state = 7), coalesce(sum(" HIGH("size") ") FILTER (WHERE is_done), 0),"         \
    " coalesce(sum(" LOW("size") ") FILTER (WHERE is_done), 0), ferry_worker()"                              \
    " FROM (" rows ") AS e WHERE size IS NOT NULL GROUP BY whose, hour"                                      \
    " ON CONFLICT (product, hour, way, worker) DO UPDATE SET " MORE("ended", "done") ", " MORE("ended", "failed") ", " \
    MORE("ended", "cancelled") ", " MORE("ended", "high") ", " MORE("ended", "low") "; "

#define NO_REPORTS(ids) "DELETE FROM report WHERE task = ANY (ARRAY(SELECT " ids ")); "

/* --- uploads --------------------------------------------------------------------------------------------- */

#define UPLOAD_TOTAL(rows)                                                                                   \
    "UPDATE total AS t SET uploads_open = t.uploads_open + m.opened, stored_high = t.stored_high + m.high,"  \
    " stored_low = t.stored_low + m.low FROM (SELECT " MORE_BY(ONE_IF("state <= 2")) " AS opened, "          \
    MORE_BY(ONE_IF("state IN (3, 4)") " * " HIGH("size")) " AS high, "                                       \
    MORE_BY(ONE_IF("state IN (3, 4)") " * " LOW("size")) " AS low" rows ") AS m"                             \
    " WHERE t.worker = ferry_worker() AND (m.opened <> 0 OR m.high <> 0 OR m.low <> 0); "

/* What counts in a product and of a device: states 1 to 4 */
#define UPLOAD_USES(rows)                                                                                    \
    "INSERT INTO usage SELECT product, whose, sum(sign), sum(sign * " HIGH("size") "), sum(sign * " LOW("size") "), ferry_worker()" \
    " FROM (SELECT sign, product, unnest(ARRAY[device, '']) AS whose, size" rows " WHERE state <= 4) AS u"   \
    " GROUP BY product, whose HAVING sum(sign) <> 0 OR sum(sign * size) <> 0"                                \
    " ON CONFLICT (product, device, worker) DO UPDATE SET " MORE("usage", "files") ", " MORE("usage", "high") ", " \
    MORE("usage", "low")
#define UPLOAD_USES_LESS(rows)                                                                               \
    LOOK_FOR_ZEROS(UPLOAD_USES(rows) " RETURNING *", "kept.files = 0 AND kept.high = 0 AND kept.low = 0",    \
                   "DELETE FROM usage WHERE product = kept.product AND device = kept.device AND worker = kept.worker")

#define UPLOAD_ENDS(from)                                                                                    \
    ENDED("1", "SELECT unnest(ARRAY[n.product, '']) AS whose, (CASE WHEN n.state <= 4 THEN n.stored_ms ELSE n.ended_ms END) / 3600000" \
               " AS hour, n.state <= 4 AS is_done, n.state IN (5, 6) AS is_failed, n.state, n.size" from)

#define UPLOADS                                                                                              \
    FUNCTION("ferry_uploads_come")                                                                           \
    END_UNLESS("SELECT FROM new_rows") UPLOAD_TOTAL(ADDED) UPLOAD_USES(ADDED) "; "                           \
    IF(ANY_OF("new_rows", "state > 2"), UPLOAD_ENDS(" FROM new_rows AS n WHERE n.state > 2")) END_FUNCTION       \
    FUNCTION_OF_BOTH("ferry_uploads_change")                                                                 \
    END_UNLESS_NEW("id, state, " UPLOAD_IDENTITY("")) UPLOAD_TOTAL(CHANGED) UPLOAD_USES_LESS(CHANGED)        \
    IF(ANY_OF("new_rows", "state > 2"), UPLOAD_ENDS(BOTH "n.state > 2 AND (o.state <= 2 OR " OTHER_UPLOAD ")"))  \
    NO_REPORTS("n.id" BOTH OTHER_UPLOAD) END_FUNCTION                                                        \
    FUNCTION_OF_OLD("ferry_uploads_go")                                                                      \
    END_UNLESS("SELECT FROM old_rows") UPLOAD_TOTAL(TAKEN) UPLOAD_USES_LESS(TAKEN) NO_REPORTS("id FROM old_rows") END_FUNCTION \
    TRIGGER("uploads_come", "AFTER INSERT ON upload" WITH_NEW, "ferry_uploads_come")                         \
    TRIGGER("uploads_change", "AFTER UPDATE ON upload" WITH_BOTH, "ferry_uploads_change")                    \
    TRIGGER("uploads_go", "AFTER DELETE ON upload" WITH_OLD, "ferry_uploads_go")

/* --- downloads ------------------------------------------------------------------------------------------- */

#define IS_FAILED "state IN (5, 6, 8)"

#define DOWNLOAD_TOTAL(rows)                                                                                 \
    "UPDATE total AS t SET downloads_open = t.downloads_open + m.opened FROM (SELECT " MORE_BY(ONE_IF("state <= 3")) " AS opened" \
    rows ") AS m WHERE t.worker = ferry_worker() AND m.opened <> 0; "

#define X_SUM(column, state) ", " MORE_BY(ONE_IF("state " state)) " AS " column
#define X_IS_ONE(column, state) " OR " column " <> 0"
#define X_MORE(column, state) ", " MORE("deployment_count", column)
#define X_IS_ZERO(column, state) " AND kept." column " = 0"
#define DOWNLOAD_COUNTS(rows)                                                                                \
    "INSERT INTO deployment_count SELECT * FROM (SELECT deployment, ferry_worker()" COUNT_COLUMNS(X_SUM) rows \
    " GROUP BY deployment) AS c WHERE FALSE" COUNT_COLUMNS(X_IS_ONE)                                         \
    " ON CONFLICT (deployment, worker) DO UPDATE SET worker = excluded.worker" COUNT_COLUMNS(X_MORE)
#define DOWNLOAD_COUNTS_LESS(rows)                                                                           \
    LOOK_FOR_ZEROS(DOWNLOAD_COUNTS(rows) " RETURNING *", "TRUE" COUNT_COLUMNS(X_IS_ZERO),                    \
                   "DELETE FROM deployment_count WHERE deployment = kept.deployment AND worker = kept.worker")

#define DOWNLOAD_CAUSES(rows)                                                                                \
    "INSERT INTO deployment_cause SELECT deployment, state, result_code, result_msg, sum(sign), ferry_worker()" rows \
    " WHERE " IS_FAILED " GROUP BY deployment, state, result_code, result_msg HAVING sum(sign) <> 0"         \
    " ON CONFLICT (deployment, state, result_code, result_msg, worker) DO UPDATE SET " MORE("deployment_cause", "n")
#define DOWNLOAD_CAUSES_LESS(rows)                                                                           \
    LOOK_FOR_ZEROS(DOWNLOAD_CAUSES(rows) " RETURNING *", "kept.n = 0",                                       \
                   "DELETE FROM deployment_cause WHERE deployment = kept.deployment AND state = kept.state"  \
                   " AND result_code = kept.result_code AND result_msg = kept.result_msg AND worker = kept.worker")

#define DOWNLOAD_STEPS(done, failed, from)                                                                   \
    "INSERT INTO deployment_step SELECT deployment, at_ms, sum(done), sum(failed), ferry_worker() FROM (SELECT n.deployment, " \
    SPAN_OF("n.created_ms", "n.updated_ms") " AS at_ms, " done " AS done, " failed " AS failed" from ") AS s" \
    " GROUP BY deployment, at_ms HAVING sum(done) <> 0 OR sum(failed) <> 0"                                  \
    " ON CONFLICT (deployment, at_ms, worker) DO UPDATE SET " MORE("deployment_step", "done") ", "           \
    MORE("deployment_step", "failed") "; "

#define DOWNLOAD_ENDS(from)                                                                                  \
    ENDED("2", "SELECT unnest(ARRAY[n.product, '']) AS whose, n.ended_ms / 3600000 AS hour, n.state = 4 AS is_done," \
               " n." IS_FAILED " AS is_failed, n.state, (SELECT s.size FROM resource AS s WHERE s.id = n.resource) AS size" from)

#define STEP_BY(state) ONE_IF("n.state " state) " - " ONE_IF("o.state " state " AND NOT " OTHER_DOWNLOAD)
#define DOWNLOADS_END_AT_ONCE                                                                                \
    DOWNLOAD_CAUSES(ADDED) "; "                                                                              \
    DOWNLOAD_STEPS(ONE_IF("n.state = 4"), ONE_IF("n.state > 4"), " FROM new_rows AS n WHERE n.state > 3")    \
    DOWNLOAD_ENDS(" FROM new_rows AS n WHERE n.state > 3")
#define DOWNLOADS_END_LATER                                                                                  \
    DOWNLOAD_CAUSES_LESS(CHANGED)                                                                            \
    DOWNLOAD_STEPS(STEP_BY("= 4"), STEP_BY("> 4"), BOTH "n.state > 3 OR o.state > 3")                        \
    DOWNLOAD_ENDS(BOTH "n.state > 3 AND (o.state <= 3 OR " OTHER_DOWNLOAD ")")

#define DOWNLOADS                                                                                            \
    FUNCTION("ferry_downloads_come")                                                                         \
    END_UNLESS("SELECT FROM new_rows") DOWNLOAD_TOTAL(ADDED) DOWNLOAD_COUNTS(ADDED) "; "                     \
    IF(ANY_OF("new_rows", "state > 3"), DOWNLOADS_END_AT_ONCE) END_FUNCTION                                      \
    FUNCTION_OF_BOTH("ferry_downloads_change")                                                               \
    END_UNLESS_NEW("id, state, " DOWNLOAD_IDENTITY("") ", CASE WHEN " IS_FAILED " THEN result_code END,"     \
                   " CASE WHEN " IS_FAILED " THEN result_msg END")                                           \
    DOWNLOAD_TOTAL(CHANGED) DOWNLOAD_COUNTS_LESS(CHANGED)                                                    \
    IF(ANY_OF("new_rows", "state > 3") " OR " ANY_OF("old_rows", "state > 3"), DOWNLOADS_END_LATER)    \
    NO_REPORTS("n.id" BOTH OTHER_DOWNLOAD) END_FUNCTION                                                      \
    FUNCTION_OF_OLD("ferry_downloads_go")                                                                    \
    END_UNLESS("SELECT FROM old_rows") DOWNLOAD_TOTAL(TAKEN) DOWNLOAD_COUNTS_LESS(TAKEN)                     \
    IF(ANY_OF("old_rows", IS_FAILED), DOWNLOAD_CAUSES_LESS(TAKEN)) NO_REPORTS("id FROM old_rows") END_FUNCTION   \
    TRIGGER("downloads_come", "AFTER INSERT ON download" WITH_NEW, "ferry_downloads_come")                   \
    TRIGGER("downloads_change", "AFTER UPDATE ON download" WITH_BOTH, "ferry_downloads_change")              \
    TRIGGER("downloads_go", "AFTER DELETE ON download" WITH_OLD, "ferry_downloads_go")

/* --- events ---------------------------------------------------------------------------------------------- */

/* Takes the log until the transaction ends, and looks only then: what it sees is of now. Who gives numbers asks it once for all of a
 * statement; rows without a number still get one each by step 1's trigger. */
#define EVENTS                                                                                               \
    "CREATE FUNCTION ferry_event_last() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN"                         \
    " PERFORM pg_advisory_xact_lock(" PGS_LOCK_EVENTS "); RETURN (SELECT coalesce(max(id), 0) FROM event); END $$; "

const char pgs_step_2[] = ALONE OLD_TRIGGERS UPLOADS DOWNLOADS EVENTS;
