/* Step 1: all tables, and triggers of rows that keep the counters (those of tasks are step 2's since). */
#include "step.h"

#include "locks.h"

#define TEXT_OF(column) column " text COLLATE \"C\" NOT NULL"
#define NUMBER(column) column " bigint NOT NULL"
#define SMALL(column) column " smallint NOT NULL"
#define BYTES(column) column " bytea NOT NULL"
#define WORKER "worker smallint NOT NULL"

/* The counters. Nobody but this worker writes its rows, so that no worker waits for another's transaction; a worker's own row
 * may well be below zero, as a task that one has begun is ended by another. Rows of zeros go. */
#define CHANGED_BY(sign, state) ONE_IF("NEW.state " state) " - " ONE_IF("OLD.state " state)

#define USE_FUNCTION \
    "CREATE FUNCTION ferry_use(p text, d text, sign int, size bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN" \
    " INSERT INTO usage VALUES (p, d, sign, sign * " HIGH("size") ", sign * " LOW("size") ", ferry_worker())" \
    " ON CONFLICT (product, device, worker) DO UPDATE SET " MORE("usage", "files") ", " MORE("usage", "high") ", " \
    MORE("usage", "low") ";" \
    " IF sign < 0 THEN DELETE FROM usage WHERE product = p AND device = d AND worker = ferry_worker()" \
    " AND files = 0 AND high = 0 AND low = 0; END IF; END $$; "

#define TOTAL_FUNCTION(name, body) FUNCTION(name) \
    "UPDATE total SET " body " WHERE worker = ferry_worker();" END_FUNCTION
#define PLUS_MINUS "CASE WHEN TG_OP = 'INSERT' THEN 1 ELSE -1 END"

#define OPEN_DEPLOYMENT(row) ONE_IF(row ".state IN (1, 4)")
#define OPEN_UPLOAD(row) ONE_IF(row ".state <= 2")
#define STORED_UPLOAD(row) ONE_IF(row ".state IN (3, 4)")

#define ADD_TOTALS_OF_UPLOAD(open, stored_high, stored_low) \
    "uploads_open = uploads_open + " open ", stored_high = stored_high + " stored_high ", stored_low = stored_low + " stored_low

/* What counts in a product, of a device, or both: states 1 to 4 */
#define FUNCTION_UPLOAD_COUNTS                                                                               \
    FUNCTION("ferry_upload_counts")                                                                          \
    "IF TG_OP <> 'INSERT' AND OLD.state <= 4 THEN "                                                          \
    " UPDATE total SET " ADD_TOTALS_OF_UPLOAD("(-" OPEN_UPLOAD("OLD") ")", "(-" STORED_UPLOAD("OLD") " * " HIGH("OLD.size") ")", \
                                              "(-" STORED_UPLOAD("OLD") " * " LOW("OLD.size") ")")           \
    "  WHERE worker = ferry_worker();"                                                                       \
    "END IF; "                                                                                               \
    "IF TG_OP <> 'DELETE' AND NEW.state <= 4 THEN "                                                          \
    " UPDATE total SET " ADD_TOTALS_OF_UPLOAD(OPEN_UPLOAD("NEW"), STORED_UPLOAD("NEW") " * " HIGH("NEW.size"), \
                                              STORED_UPLOAD("NEW") " * " LOW("NEW.size"))                    \
    "  WHERE worker = ferry_worker();"                                                                       \
    "END IF;" END_FUNCTION

#define FUNCTION_UPLOAD_USES                                                                                 \
    FUNCTION("ferry_upload_uses")                                                                            \
    "IF TG_OP <> 'INSERT' AND OLD.state <= 4 THEN"                                                           \
    " PERFORM ferry_use(OLD.product, OLD.device, -1, OLD.size), ferry_use(OLD.product, '', -1, OLD.size); END IF; " \
    "IF TG_OP <> 'DELETE' AND NEW.state <= 4 THEN"                                                           \
    " PERFORM ferry_use(NEW.product, NEW.device, 1, NEW.size), ferry_use(NEW.product, '', 1, NEW.size); END IF;" END_FUNCTION

/* A put of another task under the same id: as if the old one had gone and the new one come. */
#define OTHER_UPLOAD                                                                                         \
    "OLD.product <> NEW.product OR OLD.device <> NEW.device OR OLD.name <> NEW.name OR OLD.size <> NEW.size OR OLD.md5 <> NEW.md5"
#define OTHER_DOWNLOAD                                                                                       \
    "OLD.product <> NEW.product OR OLD.device <> NEW.device OR OLD.deployment <> NEW.deployment OR OLD.resource <> NEW.resource"

#define X_COLUMN(column, state) column " bigint NOT NULL, "
#define X_NEW(column, state) ", " ONE_IF("NEW.state " state)
#define X_OLD(column, state) ", -" ONE_IF("OLD.state " state)
#define X_MORE(column, state) ", " column " = deployment_count." column " + excluded." column
#define X_ZERO(column, state) " AND " column " = 0"
#define COUNT_ADD(row, values)                                                                               \
    "INSERT INTO deployment_count VALUES (" row ".deployment, ferry_worker()" values ")"                     \
    " ON CONFLICT (deployment, worker) DO UPDATE SET worker = excluded.worker" COUNT_COLUMNS(X_MORE) "; "
#define FUNCTION_DOWNLOAD_COUNTS                                                                             \
    FUNCTION("ferry_download_counts")                                                                        \
    "IF TG_OP <> 'INSERT' THEN " COUNT_ADD("OLD", COUNT_COLUMNS(X_OLD)) "END IF; "                           \
    "IF TG_OP <> 'DELETE' THEN " COUNT_ADD("NEW", COUNT_COLUMNS(X_NEW)) "END IF; "                           \
    "IF TG_OP <> 'INSERT' THEN DELETE FROM deployment_count WHERE deployment = OLD.deployment AND worker = ferry_worker()" \
    COUNT_COLUMNS(X_ZERO) "; END IF;" END_FUNCTION

#define OPEN_DOWNLOAD(row) "(" row ".state <= 3)"
#define FAILED_DOWNLOAD(row) "(" row ".state IN (5, 6, 8))"

#define CAUSE_ADD(row, sign)                                                                                 \
    "INSERT INTO deployment_cause VALUES (" row ".deployment, " row ".state, " row ".result_code, " row ".result_msg, " sign "," \
    " ferry_worker()) ON CONFLICT (deployment, state, result_code, result_msg, worker) DO UPDATE SET "       \
    MORE("deployment_cause", "n") "; "
#define CAUSE_OF_OLD "deployment = OLD.deployment AND state = OLD.state AND result_code = OLD.result_code AND result_msg = OLD.result_msg"
#define FUNCTION_DOWNLOAD_CAUSES                                                                             \
    FUNCTION("ferry_download_causes")                                                                        \
    "IF TG_OP <> 'INSERT' AND " FAILED_DOWNLOAD("OLD") " THEN " CAUSE_ADD("OLD", "-1")                       \
    " DELETE FROM deployment_cause WHERE " CAUSE_OF_OLD " AND worker = ferry_worker() AND n = 0; END IF; "   \
    "IF TG_OP <> 'DELETE' AND " FAILED_DOWNLOAD("NEW") " THEN " CAUSE_ADD("NEW", "1") "END IF;" END_FUNCTION

#define STEP_ADD(done, failed)                                                                               \
    "INSERT INTO deployment_step VALUES (NEW.deployment, " SPAN_OF("NEW.created_ms", "NEW.updated_ms") ", " done ", " failed "," \
    " ferry_worker()) ON CONFLICT (deployment, at_ms, worker) DO UPDATE SET " MORE("deployment_step", "done") ", " \
    MORE("deployment_step", "failed") "; "
#define FUNCTION_DOWNLOAD_STEPS                                                                              \
    FUNCTION("ferry_download_steps")                                                                         \
    "IF TG_OP = 'INSERT' OR " OTHER_DOWNLOAD " THEN " STEP_ADD(ONE_IF("NEW.state = 4"), ONE_IF("NEW.state > 4")) \
    "ELSE " STEP_ADD(CHANGED_BY(1, "= 4"), CHANGED_BY(1, "> 4")) "END IF;" END_FUNCTION

/* Tasks that ended, into the numbers of their hour, of their product and (product '') of all. way: 1 up, 2 down. */
#define FUNCTION_ENDED                                                                                       \
    "CREATE FUNCTION ferry_ended(p text, at_hour bigint, to_way int, is_done boolean, is_failed boolean, is_cancelled boolean," \
    " size bigint) RETURNS void LANGUAGE sql AS $$ INSERT INTO ended SELECT whose, at_hour, to_way, is_done::int, is_failed::int," \
    " is_cancelled::int, is_done::int * " HIGH("size") ", is_done::int * " LOW("size") ", ferry_worker()"    \
    " FROM (VALUES (p), ('')) AS v (whose) ON CONFLICT (product, hour, way, worker) DO UPDATE SET "          \
    MORE("ended", "done") ", " MORE("ended", "failed") ", " MORE("ended", "cancelled") ", " MORE("ended", "high") ", " \
    MORE("ended", "low") " $$; "
#define FUNCTION_UPLOAD_ENDS                                                                                 \
    FUNCTION("ferry_upload_ends")                                                                            \
    "PERFORM ferry_ended(NEW.product, (CASE WHEN NEW.state <= 4 THEN NEW.stored_ms ELSE NEW.ended_ms END) / 3600000, 1," \
    " NEW.state <= 4, NEW.state IN (5, 6), NEW.state = 7, NEW.size);" END_FUNCTION
#define FUNCTION_DOWNLOAD_ENDS                                                                               \
    FUNCTION("ferry_download_ends")                                                                          \
    "PERFORM ferry_ended(NEW.product, NEW.ended_ms / 3600000, 2, NEW.state = 4, NEW.state IN (5, 6, 8), NEW.state = 7, r.size)" \
    " FROM resource AS r WHERE r.id = NEW.resource;" END_FUNCTION

#define DEVICE_COUNT_ADD(row, sign)                                                                          \
    "INSERT INTO device_count VALUES (" row ".product, " sign " 1, " sign " " ONE_IF(row ".online_ms > 0") ", ferry_worker())" \
    " ON CONFLICT (product, worker) DO UPDATE SET " MORE("device_count", "devices") ", " MORE("device_count", "online") "; "
#define FUNCTION_DEVICE_COUNTS                                                                               \
    FUNCTION("ferry_device_counts")                                                                          \
    "IF TG_OP <> 'INSERT' THEN " DEVICE_COUNT_ADD("OLD", "-") "END IF; "                                     \
    "IF TG_OP <> 'DELETE' THEN " DEVICE_COUNT_ADD("NEW", "+") "END IF; "                                     \
    "IF TG_OP <> 'INSERT' THEN DELETE FROM device_count WHERE product = OLD.product AND worker = ferry_worker()" \
    " AND devices = 0 AND online = 0; END IF;" END_FUNCTION

/* The tables are those of SQLite's step 25, column by column, as the statements are common; where a worker counts, its number
 * is the last one. */
#define TABLES                                                                                               \
    "CREATE TABLE value (" TEXT_OF("key") " PRIMARY KEY, " BYTES("bytes") "); "                              \
    "CREATE TABLE latest (" WORKER " PRIMARY KEY, " NUMBER("ms") "); "                                       \
    "CREATE TABLE product (" TEXT_OF("name") " PRIMARY KEY, " NUMBER("created_ms") ", " BYTES("secret") " DEFAULT ''); " \
    "CREATE TABLE device (" TEXT_OF("product") ", " TEXT_OF("name") ", " BYTES("secret") ", " SMALL("disabled") ", " \
    NUMBER("created_ms") ", " BYTES("old_secret") " DEFAULT '', " NUMBER("old_until_ms") " DEFAULT 0, "      \
    NUMBER("secret_no") " DEFAULT 1, " SMALL("unheard") " DEFAULT 0, " NUMBER("online_ms") " DEFAULT 0, "    \
    NUMBER("seen_ms") " DEFAULT 0, PRIMARY KEY (product, name)) WITH (fillfactor = 80); "                    \
    "CREATE TABLE device_tag (" TEXT_OF("product") ", " TEXT_OF("device") ", " TEXT_OF("tag") "," \
    " PRIMARY KEY (product, device, tag)); "                                                                 \
    "CREATE TABLE token (" TEXT_OF("name") " PRIMARY KEY, " TEXT_OF("role") ", " BYTES("hash") ", " NUMBER("created_ms") ", " \
    NUMBER("expires_ms") ", " TEXT_OF("products") " DEFAULT '', " NUMBER("used_ms") " DEFAULT 0); "          \
    "CREATE TABLE account (" TEXT_OF("name") " PRIMARY KEY, " TEXT_OF("role") ", " TEXT_OF("products") ", "  \
    TEXT_OF("password") ", " NUMBER("created_ms") ", " NUMBER("changed_ms") "); "                            \
    "CREATE TABLE session (" BYTES("hash") " PRIMARY KEY, " TEXT_OF("\"user\"") ", " TEXT_OF("origin") ", "  \
    NUMBER("created_ms") ", " NUMBER("used_ms") ", " NUMBER("expires_ms") "); "                              \
    "CREATE TABLE lockout (" TEXT_OF("name") " PRIMARY KEY, " NUMBER("failures") ", " NUMBER("until_ms") ", " \
    NUMBER("updated_ms") "); "                                                                               \
    "CREATE TABLE audit (" NUMBER("seq") " PRIMARY KEY, " NUMBER("time_ms") ", " TEXT_OF("actor") ", " TEXT_OF("origin") ", " \
    TEXT_OF("action") ", " TEXT_OF("object") ", " TEXT_OF("product") ", " TEXT_OF("state_before") ", "       \
    TEXT_OF("state_after") ", " BYTES("prev") ", " BYTES("hash") "); "                                       \
    "CREATE TABLE audit_head (" SMALL("one") " PRIMARY KEY CHECK (one = 1), " NUMBER("seq") ", " BYTES("hash") ", " \
    NUMBER("cut") "); "                                                                                      \
    "INSERT INTO audit_head VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0); "                             \
    "CREATE TABLE quota (" TEXT_OF("product") " PRIMARY KEY, " NUMBER("product_bytes") ", " NUMBER("product_files") ", " \
    NUMBER("device_bytes") ", " NUMBER("device_files") "); "                                                 \
    "CREATE TABLE resource (" BYTES("id") " PRIMARY KEY, " TEXT_OF("product") ", " TEXT_OF("name") ", " NUMBER("size") ", " \
    TEXT_OF("md5") ", " TEXT_OF("sha256") ", " NUMBER("created_ms") ", " TEXT_OF("description") " DEFAULT ''); " \
    "CREATE TABLE resource_upload (" BYTES("id") " PRIMARY KEY, " TEXT_OF("product") ", " TEXT_OF("name") ", " \
    TEXT_OF("description") ", " NUMBER("size") ", " TEXT_OF("md5") ", " TEXT_OF("sha256") ", " NUMBER("created_ms") ", " \
    NUMBER("stored_ms") ", " NUMBER("expires_ms") ", " NUMBER("seen_bytes") "); "                            \
    "CREATE TABLE upload (" BYTES("id") " PRIMARY KEY, " TEXT_OF("product") ", " TEXT_OF("device") ", " TEXT_OF("name") ", " \
    NUMBER("size") ", " TEXT_OF("md5") ", " SMALL("state") ", percent integer NOT NULL, result_code integer NOT NULL, " \
    TEXT_OF("result_msg") ", " NUMBER("created_ms") ", " NUMBER("updated_ms") ", " NUMBER("stored_ms") ", "  \
    NUMBER("ended_ms") ", " NUMBER("expires_ms") ") WITH (fillfactor = 80); "                                \
    "CREATE TABLE deployment (" BYTES("id") " PRIMARY KEY, " TEXT_OF("product") ", " BYTES("resource") ", " SMALL("state") ", " \
    SMALL("target_all") ", " NUMBER("rate_per_min") ", " NUMBER("timeout_s") ", " NUMBER("expanded") ", "    \
    SMALL("expand_done") ", " TEXT_OF("expand_cursor") ", " NUMBER("created_ms") ", " NUMBER("updated_ms") ", " \
    NUMBER("retries") " DEFAULT 0, " NUMBER("start_ms") " DEFAULT 0, " NUMBER("end_ms") " DEFAULT 0, "       \
    NUMBER("paused_ms") " DEFAULT 0, " NUMBER("shift_ms") " DEFAULT 0, " SMALL("sweeping") " DEFAULT 0, "    \
    TEXT_OF("sweep_cursor") " DEFAULT '', " TEXT_OF("target_tag") " DEFAULT '', " NUMBER("sweep_ms") " DEFAULT 0, " \
    SMALL("retry_state") " DEFAULT 0, " SMALL("retry_has_code") " DEFAULT 0, retry_code integer NOT NULL DEFAULT 0, " \
    SMALL("retry_has_msg") " DEFAULT 0, " TEXT_OF("retry_msg") " DEFAULT '', " NUMBER("pace_ms") " DEFAULT 0, " \
    NUMBER("paced") " DEFAULT 0, " TEXT_OF("name") " DEFAULT ''); "                                          \
    "CREATE TABLE download (" BYTES("id") " PRIMARY KEY, " BYTES("deployment") ", " BYTES("resource") ", "   \
    TEXT_OF("product") ", " TEXT_OF("device") ", " TEXT_OF("name") ", " SMALL("state") ", percent integer NOT NULL," \
    " result_code integer NOT NULL, " TEXT_OF("result_msg") ", " NUMBER("pushes") ", " NUMBER("release_ms") ", " \
    NUMBER("wake_ms") ", " NUMBER("deadline_ms") ", " NUMBER("created_ms") ", " NUMBER("updated_ms") ", "    \
    NUMBER("ended_ms") ", due_ms bigint, " NUMBER("retries") " DEFAULT 0) WITH (fillfactor = 80); "          \
    "CREATE TABLE report (" BYTES("task") ", " NUMBER("number") ", " NUMBER("time_ms") ", " SMALL("state") "," \
    " percent integer NOT NULL, result_code integer NOT NULL, " TEXT_OF("result_msg") ", PRIMARY KEY (task, number)); " \
    "CREATE TABLE event (" NUMBER("id") " PRIMARY KEY, " NUMBER("time_ms") ", " SMALL("kind") ", " TEXT_OF("product") ", " \
    TEXT_OF("device") ", " TEXT_OF("task") ", " TEXT_OF("deployment") ", " TEXT_OF("resource") ", "          \
    TEXT_OF("state_before") ", " TEXT_OF("state") ", percent integer NOT NULL, result_code integer NOT NULL, " \
    TEXT_OF("text") "); "                                                                                    \
    "CREATE TABLE kept_answer (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, " BYTES("key") " UNIQUE, " \
    BYTES("request") ", " NUMBER("made_ms") ", status integer NOT NULL, " TEXT_OF("location") ", " TEXT_OF("body") ", " \
    TEXT_OF("secret_name") ", " BYTES("secret_1") ", " BYTES("secret_2") "); "                               \
    "CREATE TABLE webhook (" BYTES("id") " PRIMARY KEY, " TEXT_OF("url") ", " NUMBER("kinds") ", " TEXT_OF("product") ", " \
    TEXT_OF("device") ", " BYTES("secret") ", " SMALL("state") ", " NUMBER("revision") ", " NUMBER("created_ms") ", " \
    NUMBER("updated_ms") ", " NUMBER("last_event") ", " NUMBER("failures") ", " NUMBER("failing_ms") ", "    \
    NUMBER("next_attempt_ms") ", " NUMBER("last_status") ", " TEXT_OF("last_error") ", " NUMBER("last_success_ms") ", " \
    BYTES("old_secret") " DEFAULT '', " NUMBER("old_until_ms") " DEFAULT 0); "

#define COUNTERS                                                                                             \
    "CREATE TABLE usage (" TEXT_OF("product") ", " TEXT_OF("device") ", " NUMBER("files") ", " NUMBER("high") ", " \
    NUMBER("low") ", " WORKER ", PRIMARY KEY (product, device, worker)) WITH (fillfactor = 50); "            \
    "CREATE TABLE total (" WORKER " PRIMARY KEY, " NUMBER("products") " DEFAULT 0, " NUMBER("devices") " DEFAULT 0, " \
    NUMBER("resources") " DEFAULT 0, " NUMBER("resource_high") " DEFAULT 0, " NUMBER("resource_low") " DEFAULT 0, " \
    NUMBER("deployments") " DEFAULT 0, " NUMBER("deployments_open") " DEFAULT 0, " NUMBER("uploads_open") " DEFAULT 0, " \
    NUMBER("stored_high") " DEFAULT 0, " NUMBER("stored_low") " DEFAULT 0, " NUMBER("downloads_open") " DEFAULT 0)" \
    " WITH (fillfactor = 10); INSERT INTO total VALUES (-1); "                                               \
    "CREATE TABLE commit_mark (" BYTES("session") " PRIMARY KEY, " WORKER ", " NUMBER("serial") ", at timestamptz NOT NULL)" \
    " WITH (fillfactor = 10); "                                                                              \
    "CREATE TABLE deployment_count (" BYTES("deployment") ", " WORKER ", " COUNT_COLUMNS(X_COLUMN)           \
    "PRIMARY KEY (deployment, worker)) WITH (fillfactor = 50); "                                             \
    "CREATE TABLE deployment_cause (" BYTES("deployment") ", " SMALL("state") ", result_code integer NOT NULL, " \
    TEXT_OF("result_msg") ", " NUMBER("n") ", " WORKER ", PRIMARY KEY (deployment, state, result_code, result_msg, worker))" \
    " WITH (fillfactor = 50); "                                                                              \
    "CREATE TABLE deployment_step (" BYTES("deployment") ", " NUMBER("at_ms") ", " NUMBER("done") ", " NUMBER("failed") ", " \
    WORKER ", PRIMARY KEY (deployment, at_ms, worker)) WITH (fillfactor = 50); "                             \
    "CREATE TABLE ended (" TEXT_OF("product") ", " NUMBER("hour") ", " SMALL("way") ", " NUMBER("done") ", " NUMBER("failed") ", " \
    NUMBER("cancelled") ", " NUMBER("high") ", " NUMBER("low") ", " WORKER ", PRIMARY KEY (product, hour, way, worker))" \
    " WITH (fillfactor = 50); "                                                                              \
    "CREATE TABLE device_count (" TEXT_OF("product") ", " NUMBER("devices") ", " NUMBER("online") ", " WORKER "," \
    " PRIMARY KEY (product, worker)) WITH (fillfactor = 50); "

#define INDEXES                                                                                              \
    "CREATE INDEX device_joined ON device ((product || name)); "                                             \
    "CREATE INDEX device_old_secret ON device (old_until_ms) WHERE old_until_ms > 0; "                       \
    "CREATE INDEX device_by_online ON device (product, (online_ms > 0), name); "                             \
    "CREATE INDEX device_by_seen ON device (product, seen_ms, name); "                                       \
    "CREATE INDEX device_by_tag ON device_tag (product, tag, device); "                                      \
    "CREATE INDEX token_hash ON token (hash); "                                                              \
    "CREATE INDEX session_by_user ON session (\"user\", created_ms, hash); "                                 \
    "CREATE INDEX resource_by_product ON resource (product, id); "                                           \
    "CREATE INDEX resource_by_name ON resource (product, name, id); "                                        \
    "CREATE INDEX resource_by_size ON resource (product, size, id); "                                        \
    "CREATE INDEX resource_upload_by_product ON resource_upload (product, id); "                             \
    "CREATE INDEX resource_upload_due ON resource_upload (expires_ms, id); "                                 \
    "CREATE INDEX upload_by_name ON upload (device, product, name, id); "                                    \
    "CREATE INDEX upload_by_product ON upload (product, id); "                                               \
    "CREATE INDEX upload_open ON upload (device, product, id) WHERE state IN (1, 2, 3); "                    \
    "CREATE INDEX upload_due ON upload (expires_ms, id) WHERE state IN (1, 2) AND expires_ms > 0; "          \
    "CREATE INDEX upload_ended ON upload (ended_ms, id) WHERE ended_ms > 0; "                                \
    "CREATE INDEX upload_lost ON upload (state, id) WHERE state > 4; "                                       \
    "CREATE INDEX upload_lost_by_product ON upload (product, state, id) WHERE state > 4; "                   \
    "CREATE INDEX upload_by_ended ON upload (product, ended_ms, id); "                                       \
    "CREATE INDEX deployment_by_product ON deployment (product, id); "                                       \
    "CREATE INDEX deployment_by_resource ON deployment (resource); "                                         \
    "CREATE INDEX deployment_expanding ON deployment (id) WHERE expand_done = 0 AND state IN (1, 4); "       \
    "CREATE INDEX deployment_sweeping ON deployment (id) WHERE sweeping > 0; "                               \
    "CREATE INDEX deployment_ended ON deployment (updated_ms) WHERE state IN (2, 3); "                       \
    "CREATE INDEX deployment_by_name ON deployment (product, name, id); "                                    \
    "CREATE INDEX download_by_name ON download (device, product, name, id); "                                \
    "CREATE INDEX download_by_product ON download (product, id); "                                           \
    "CREATE INDEX download_by_deployment ON download (deployment, id); "                                     \
    "CREATE INDEX download_by_state ON download (deployment, state, id); "                                   \
    "CREATE INDEX download_open ON download (device, product, id) WHERE state IN (1, 2, 3); "                \
    "CREATE INDEX download_due ON download (due_ms, id) WHERE due_ms IS NOT NULL; "                          \
    "CREATE INDEX download_ended ON download (ended_ms, id) WHERE ended_ms > 0; "                            \
    "CREATE INDEX download_by_ended ON download (deployment, ended_ms, id); "                                \
    "CREATE INDEX event_presence ON event (product, device, id) WHERE kind IN (6, 7); "                      \
    "CREATE INDEX webhook_old_secret ON webhook (old_until_ms) WHERE old_until_ms > 0; "                     \
    "CREATE INDEX ended_by_hour ON ended (hour); "

/* The number of this session's worker (conn.c); what is done by hand counts as that of worker -1. */
#define WORKER_FUNCTION                                                                                      \
    "CREATE FUNCTION ferry_worker() RETURNS smallint LANGUAGE sql STABLE PARALLEL SAFE AS"                   \
    " $$ SELECT coalesce(nullif(current_setting('ferry.worker', true), ''), '-1')::smallint $$; "

/* The triggers are no lock: who owns the tables can drop them (see SQLite's). */
#define AUDIT_TRIGGERS                                                                                       \
    "CREATE FUNCTION ferry_audit_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                     \
    " IF NOT EXISTS (SELECT 1 FROM audit_head WHERE seq = NEW.seq - 1 AND hash = NEW.prev) THEN"             \
    " RAISE EXCEPTION 'the audit log grows only at its end' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$; " \
    "CREATE FUNCTION ferry_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                       \
    " IF TG_OP = 'DELETE' AND OLD.seq <= (SELECT cut FROM audit_head) THEN RETURN OLD; END IF;"              \
    " RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'check_violation'; END $$; "            \
    TRIGGER("audit_follows", "BEFORE INSERT ON audit" EACH, "ferry_audit_follows")                           \
    TRIGGER("audit_stays", "BEFORE UPDATE OR DELETE ON audit" EACH, "ferry_audit_stays")                     \
    TRIGGER("audit_is_kept", "BEFORE TRUNCATE ON audit", "ferry_audit_stays")

/* Readers follow the numbers: one that is committed after a greater one would never be seen. So who takes a number has the log
 * until its transaction ends; then the greatest one is known, and no number is left out. */
#define EVENT_TRIGGERS                                                                                       \
    "CREATE FUNCTION ferry_event_number() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"                      \
    " PERFORM pg_advisory_xact_lock(" PGS_LOCK_EVENTS ");"                                                   \
    " NEW.id := (SELECT coalesce(max(id), 0) + 1 FROM event); RETURN NEW; END $$; "                          \
    TRIGGER("event_number", "BEFORE INSERT ON event" EACH "WHEN (NEW.id IS NULL)", "ferry_event_number")

#define FOLLOWERS                                                                                            \
    FUNCTION("ferry_product_goes") "DELETE FROM quota WHERE product = OLD.name; DELETE FROM usage WHERE product = OLD.name;" \
    " DELETE FROM device_count WHERE product = OLD.name;" END_FUNCTION                                       \
    FUNCTION("ferry_device_goes") "DELETE FROM device_tag WHERE product = OLD.product AND device = OLD.name;" END_FUNCTION \
    FUNCTION("ferry_task_goes") "DELETE FROM report WHERE task = OLD.id;" END_FUNCTION                       \
    FUNCTION("ferry_deployment_goes") "DELETE FROM deployment_step WHERE deployment = OLD.id;"               \
    " DELETE FROM deployment_count WHERE deployment = OLD.id; DELETE FROM deployment_cause WHERE deployment = OLD.id;" END_FUNCTION \
    TRIGGER("product_goes", "AFTER DELETE ON product" EACH, "ferry_product_goes")                            \
    TRIGGER("device_goes", "AFTER DELETE ON device" EACH, "ferry_device_goes")                               \
    TRIGGER("upload_goes", "AFTER DELETE ON upload" EACH, "ferry_task_goes")                                 \
    TRIGGER("download_goes", "AFTER DELETE ON download" EACH, "ferry_task_goes")                             \
    TRIGGER("upload_is_another", "AFTER UPDATE ON upload" EACH "WHEN (" OTHER_UPLOAD ")", "ferry_task_goes") \
    TRIGGER("download_is_another", "AFTER UPDATE ON download" EACH "WHEN (" OTHER_DOWNLOAD ")", "ferry_task_goes") \
    TRIGGER("deployment_goes", "AFTER DELETE ON deployment" EACH, "ferry_deployment_goes")

#define USAGE_TRIGGERS                                                                                       \
    USE_FUNCTION FUNCTION_UPLOAD_USES                                                                        \
    FUNCTION("ferry_resource_uses")                                                                          \
    "IF TG_OP <> 'INSERT' THEN PERFORM ferry_use(OLD.product, '', -1, OLD.size); END IF; "                   \
    "IF TG_OP <> 'DELETE' THEN PERFORM ferry_use(NEW.product, '', 1, NEW.size); END IF;" END_FUNCTION        \
    FUNCTION("ferry_resource_upload_uses")                                                                   \
    "IF TG_OP <> 'INSERT' AND OLD.stored_ms = 0 THEN PERFORM ferry_use(OLD.product, '', -1, OLD.size); END IF; " \
    "IF TG_OP <> 'DELETE' AND NEW.stored_ms = 0 THEN PERFORM ferry_use(NEW.product, '', 1, NEW.size); END IF;" END_FUNCTION \
    TRIGGER("upload_uses", "AFTER INSERT OR DELETE ON upload" EACH, "ferry_upload_uses")                     \
    TRIGGER("upload_uses_again", "AFTER UPDATE ON upload" EACH                                               \
            "WHEN ((OLD.state <= 4) <> (NEW.state <= 4) OR " OTHER_UPLOAD ")", "ferry_upload_uses")          \
    TRIGGER("resource_uses", "AFTER INSERT OR DELETE ON resource" EACH, "ferry_resource_uses")               \
    TRIGGER("resource_upload_uses", "AFTER INSERT OR DELETE ON resource_upload" EACH, "ferry_resource_upload_uses") \
    TRIGGER("resource_upload_uses_again", "AFTER UPDATE ON resource_upload" EACH                             \
            "WHEN ((OLD.stored_ms = 0) <> (NEW.stored_ms = 0))", "ferry_resource_upload_uses")

#define TOTAL_TRIGGERS                                                                                       \
    TOTAL_FUNCTION("ferry_total_products", "products = products + " PLUS_MINUS)                              \
    TOTAL_FUNCTION("ferry_total_devices", "devices = devices + " PLUS_MINUS)                                 \
    "CREATE FUNCTION ferry_total_resource(sign int, size bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"  \
    " UPDATE total SET resources = resources + sign, resource_high = resource_high + sign * " HIGH("size") ","\
    " resource_low = resource_low + sign * " LOW("size") " WHERE worker = ferry_worker(); END $$; "          \
    FUNCTION("ferry_total_resources") "IF TG_OP = 'INSERT' THEN PERFORM ferry_total_resource(1, NEW.size);"  \
    " ELSE PERFORM ferry_total_resource(-1, OLD.size); END IF;" END_FUNCTION                                 \
    "CREATE FUNCTION ferry_total_deployment(sign int, open int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"   \
    " UPDATE total SET deployments = deployments + sign, deployments_open = deployments_open + open"         \
    " WHERE worker = ferry_worker(); END $$; "                                                               \
    FUNCTION("ferry_total_deployments")                                                                      \
    "IF TG_OP <> 'INSERT' THEN PERFORM ferry_total_deployment(-1, -" OPEN_DEPLOYMENT("OLD") "); END IF; "    \
    "IF TG_OP <> 'DELETE' THEN PERFORM ferry_total_deployment(1, " OPEN_DEPLOYMENT("NEW") "); END IF;" END_FUNCTION \
    TOTAL_FUNCTION("ferry_total_downloads", "downloads_open = downloads_open + "                             \
                   "CASE WHEN TG_OP <> 'DELETE' AND NEW.state <= 3 THEN 1 ELSE 0 END - "                     \
                   "CASE WHEN TG_OP <> 'INSERT' AND OLD.state <= 3 THEN 1 ELSE 0 END")                       \
    FUNCTION_UPLOAD_COUNTS                                                                                   \
    TRIGGER("product_total", "AFTER INSERT OR DELETE ON product" EACH, "ferry_total_products")               \
    TRIGGER("device_total", "AFTER INSERT OR DELETE ON device" EACH, "ferry_total_devices")                  \
    TRIGGER("resource_total", "AFTER INSERT OR DELETE ON resource" EACH, "ferry_total_resources")            \
    TRIGGER("deployment_total", "AFTER INSERT OR DELETE ON deployment" EACH, "ferry_total_deployments")      \
    TRIGGER("deployment_total_moves", "AFTER UPDATE ON deployment" EACH                                      \
            "WHEN ((OLD.state IN (1, 4)) <> (NEW.state IN (1, 4)))", "ferry_total_deployments")              \
    TRIGGER("upload_total", "AFTER INSERT OR DELETE ON upload" EACH, "ferry_upload_counts")                  \
    TRIGGER("upload_total_moves", "AFTER UPDATE ON upload" EACH                                              \
            "WHEN ((OLD.state <= 2) <> (NEW.state <= 2) OR (OLD.state IN (3, 4)) <> (NEW.state IN (3, 4)) OR OLD.size <> NEW.size)", \
            "ferry_upload_counts")                                                                           \
    TRIGGER("download_total_comes", "AFTER INSERT ON download" EACH "WHEN (NEW.state <= 3)", "ferry_total_downloads") \
    TRIGGER("download_total_goes", "AFTER DELETE ON download" EACH "WHEN (OLD.state <= 3)", "ferry_total_downloads") \
    TRIGGER("download_total_moves", "AFTER UPDATE ON download" EACH                                          \
            "WHEN (" OPEN_DOWNLOAD("OLD") " <> " OPEN_DOWNLOAD("NEW") ")", "ferry_total_downloads")

#define OTHER_DEPLOYMENT "OLD.deployment <> NEW.deployment"
#define OTHER_CAUSE OTHER_DEPLOYMENT " OR OLD.state <> NEW.state OR OLD.result_code <> NEW.result_code OR OLD.result_msg <> NEW.result_msg"

#define DEPLOYMENT_TRIGGERS                                                                                  \
    FUNCTION_DOWNLOAD_COUNTS FUNCTION_DOWNLOAD_CAUSES FUNCTION_DOWNLOAD_STEPS                                \
    TRIGGER("download_counts", "AFTER INSERT OR DELETE ON download" EACH, "ferry_download_counts")           \
    TRIGGER("download_counts_moves", "AFTER UPDATE ON download" EACH                                         \
            "WHEN (OLD.state <> NEW.state OR " OTHER_DEPLOYMENT ")", "ferry_download_counts")                \
    TRIGGER("download_cause_comes", "AFTER INSERT ON download" EACH "WHEN (" FAILED_DOWNLOAD("NEW") ")", "ferry_download_causes") \
    TRIGGER("download_cause_goes", "AFTER DELETE ON download" EACH "WHEN (" FAILED_DOWNLOAD("OLD") ")", "ferry_download_causes") \
    TRIGGER("download_cause_moves", "AFTER UPDATE ON download" EACH                                          \
            "WHEN ((" FAILED_DOWNLOAD("OLD") " OR " FAILED_DOWNLOAD("NEW") ") AND (" OTHER_CAUSE "))", "ferry_download_causes") \
    TRIGGER("download_step_comes", "AFTER INSERT ON download" EACH "WHEN (NEW.state >= 4)", "ferry_download_steps") \
    TRIGGER("download_step_moves", "AFTER UPDATE ON download" EACH                                           \
            "WHEN ((OLD.state = 4) <> (NEW.state = 4) OR (OLD.state > 4) <> (NEW.state > 4) OR"               \
            " (NEW.state >= 4 AND (" OTHER_DOWNLOAD ")))", "ferry_download_steps")

#define ENDED_TRIGGERS                                                                                       \
    FUNCTION_ENDED FUNCTION_UPLOAD_ENDS FUNCTION_DOWNLOAD_ENDS                                               \
    TRIGGER("upload_ends_at_once", "AFTER INSERT ON upload" EACH "WHEN (NEW.state > 2)", "ferry_upload_ends") \
    TRIGGER("upload_ends_later", "AFTER UPDATE ON upload" EACH "WHEN (NEW.state > 2 AND (OLD.state <= 2 OR " OTHER_UPLOAD "))", \
            "ferry_upload_ends") \
    TRIGGER("download_ends_at_once", "AFTER INSERT ON download" EACH "WHEN (NEW.state > 3)", "ferry_download_ends") \
    TRIGGER("download_ends_later", "AFTER UPDATE ON download" EACH "WHEN (NEW.state > 3 AND (OLD.state <= 3 OR " OTHER_DOWNLOAD "))", \
            "ferry_download_ends")

#define DEVICE_TRIGGERS                                                                                      \
    FUNCTION_DEVICE_COUNTS                                                                                   \
    TRIGGER("device_counts", "AFTER INSERT OR DELETE ON device" EACH, "ferry_device_counts")                 \
    TRIGGER("device_counts_moves", "AFTER UPDATE ON device" EACH                                             \
            "WHEN ((OLD.online_ms > 0) <> (NEW.online_ms > 0))", "ferry_device_counts")

const char pgs_step_1[] = TABLES COUNTERS INDEXES WORKER_FUNCTION AUDIT_TRIGGERS EVENT_TRIGGERS FOLLOWERS USAGE_TRIGGERS TOTAL_TRIGGERS
    DEPLOYMENT_TRIGGERS ENDED_TRIGGERS DEVICE_TRIGGERS;
