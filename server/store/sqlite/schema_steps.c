/* The steps of the schema. */
#include "schema.h"
#include "sums.h"

#define USAGE_TRIGGER(name, when, what) "CREATE TRIGGER usage_" name " " when " BEGIN " what "END;"
#define USAGE_MORE(device)                                                                                 \
    "INSERT INTO usage VALUES (NEW.product, " device ", 1, NEW.size >> 32, NEW.size & 4294967295)"         \
    " ON CONFLICT (product, device) DO UPDATE SET files = files + 1, high = high + excluded.high,"         \
    " low = low + excluded.low; "
#define USAGE_LESS(device)                                                                                 \
    "UPDATE usage SET files = files - 1, high = high - (OLD.size >> 32), low = low - (OLD.size & 4294967295)" \
    " WHERE product = OLD.product AND device = " device ";"                                                \
    " DELETE FROM usage WHERE product = OLD.product AND device = " device " AND files = 0; "

#define TOTAL_TRIGGER(name, when, what) \
    "CREATE TRIGGER total_" name " AFTER " when " BEGIN UPDATE total SET " what " WHERE one = 1; END;"
#define OPEN_DEPLOYMENT(row) "(" row ".state IN (1, 4))"
#define OPEN_UPLOAD(row) "(" row ".state <= 2)"
#define STORED_UPLOAD(row) "(" row ".state IN (3, 4))"
#define OPEN_DOWNLOAD(row) "(" row ".state <= 3)"
#define TOTAL_RESOURCE(op, row) \
    "resources = resources " op " 1, resource_high = resource_high " op " (" row ".size >> 32)," \
    " resource_low = resource_low " op " (" row ".size & 4294967295)"
#define TOTAL_UPLOAD(op, row) \
    "uploads_open = uploads_open " op " " OPEN_UPLOAD(row) "," \
    " stored_high = stored_high " op " " STORED_UPLOAD(row) " * (" row ".size >> 32)," \
    " stored_low = stored_low " op " " STORED_UPLOAD(row) " * (" row ".size & 4294967295)"
#define TOTAL_UPLOAD_MOVES \
    "uploads_open = uploads_open + " OPEN_UPLOAD("NEW") " - " OPEN_UPLOAD("OLD") "," \
    " stored_high = stored_high + (" STORED_UPLOAD("NEW") " - " STORED_UPLOAD("OLD") ") * (NEW.size >> 32)," \
    " stored_low = stored_low + (" STORED_UPLOAD("NEW") " - " STORED_UPLOAD("OLD") ") * (NEW.size & 4294967295)"

#define FAILED_DOWNLOAD_LISTED(row) "(" row ".state IN (5, 6, 8))"
#define FAILED_DOWNLOAD(row) "(" row ".state > 4 AND " row ".state <> 7)"
#define ONE_MORE_CAUSE "ON CONFLICT (deployment, state, result_code, result_msg) DO UPDATE SET n = n + 1"
#define CAUSE_MORE                                                                                         \
    "INSERT INTO deployment_cause VALUES (NEW.deployment, NEW.state, NEW.result_code, NEW.result_msg, 1) " \
    ONE_MORE_CAUSE "; "
#define OLD_CAUSE                                                                                          \
    "deployment = OLD.deployment AND state = OLD.state AND result_code = OLD.result_code AND result_msg = OLD.result_msg"
#define CAUSE_LESS                                                                                         \
    "UPDATE deployment_cause SET n = n - 1 WHERE " OLD_CAUSE "; DELETE FROM deployment_cause WHERE " OLD_CAUSE " AND n = 0; "

#define CAUSES_OF_DOWNLOADS(failed)                                                                        \
    "CREATE TRIGGER cause_download_comes AFTER INSERT ON download WHEN " failed("NEW") " BEGIN " CAUSE_MORE "END;" \
    "CREATE TRIGGER cause_download_leaves AFTER UPDATE OF state ON download WHEN " failed("OLD") " BEGIN " CAUSE_LESS "END;" \
    "CREATE TRIGGER cause_download_fails AFTER UPDATE OF state ON download WHEN " failed("NEW") " BEGIN " CAUSE_MORE "END;" \
    "CREATE TRIGGER cause_download_goes AFTER DELETE ON download WHEN " failed("OLD") " BEGIN " CAUSE_LESS "END;"

#define MORE(column) column " = " column " + excluded." column
#define COUNT_MOVES(state, column) column " = " column " + (NEW.state = " #state ") - (OLD.state = " #state ")"
#define COUNT_LESS(state, column) column " = " column " - (OLD.state = " #state ")"

#define SPAN_OF(created, at) \
    "(" at " - " at " % CASE WHEN " at " < " created " + 600000 THEN 2000 WHEN " at " < " created " + 86400000 THEN 60000" \
    " ELSE 3600000 END)"
#define ONE_MORE_STEP " ON CONFLICT (deployment, at_ms) DO UPDATE SET " MORE("done") ", " MORE("failed")

/* Tasks that ended, into the numbers of their hour. way: 1 up, 2 down. product: a column, or "''" for all. */
#define ENDED_MORE                                                                                         \
    " ON CONFLICT (product, hour, way) DO UPDATE SET " MORE("done") ", " MORE("failed") ", " MORE("cancelled") ", " \
    MORE("high") ", " MORE("low") "; "
#define ENDED_UPLOAD(product, row, from)                                                                   \
    "INSERT INTO ended SELECT " product ", iif(" row ".state <= 4, " row ".stored_ms, " row ".ended_ms) / 3600000, 1, " \
    row ".state <= 4, " row ".state IN (5, 6), " row ".state = 7, (" row ".state <= 4) * (" row ".size >> 32), " \
    "(" row ".state <= 4) * (" row ".size & 4294967295) " from ENDED_MORE
#define ENDED_DOWNLOAD(product, row, from, failed)                                                         \
    "INSERT INTO ended SELECT " product ", " row ".ended_ms / 3600000, 2, " row ".state = 4, " failed(row) ", " \
    row ".state = 7, (" row ".state = 4) * (r.size >> 32), (" row ".state = 4) * (r.size & 4294967295) " from ENDED_MORE
#define UPLOAD_ENDS(name, when)                                                                            \
    "CREATE TRIGGER upload_ends_" name " AFTER " when " BEGIN " ENDED_UPLOAD("NEW.product", "NEW", "WHERE true") \
    ENDED_UPLOAD("''", "NEW", "WHERE true") "END;"
#define DOWNLOAD_ENDS(name, when, failed)                                                                  \
    "CREATE TRIGGER download_ends_" name " AFTER " when " BEGIN "                                          \
    ENDED_DOWNLOAD("NEW.product", "NEW", "FROM resource AS r WHERE r.id = NEW.resource", failed)           \
    ENDED_DOWNLOAD("''", "NEW", "FROM resource AS r WHERE r.id = NEW.resource", failed) "END;"
#define DOWNLOADS_END(failed)                                                                              \
    DOWNLOAD_ENDS("at_once", "INSERT ON download WHEN NEW.state > 3", failed)                              \
    DOWNLOAD_ENDS("later", "UPDATE OF state ON download WHEN NEW.state > 3 AND OLD.state <= 3", failed)
#define UPLOADS_ENDED(product) ENDED_UPLOAD(product, "u", "FROM upload AS u WHERE u.state > 2")
#define DOWNLOADS_ENDED(product) \
    ENDED_DOWNLOAD(product, "d", "FROM download AS d CROSS JOIN resource AS r WHERE r.id = d.resource AND d.state > 3", \
                   FAILED_DOWNLOAD_LISTED)

/* Which of its states a row leaves and which it enters (0: none); sums.h adds up what comes of it. */
#define UPLOAD_MOVES(name, when, row, before, after)                                                       \
    "CREATE TRIGGER upload_" name " AFTER " when " BEGIN SELECT " SUMS_FUNCTION "(" row ".product, " row ".device, " row ".size, " \
    before ", " after ", " row ".stored_ms, " row ".ended_ms); END;"

/*
 * Tables are WITHOUT ROWID: rows lie in the order of their key, and a lookup is one descent, not two. Identifiers
 * are 16-byte blobs (id_bytes.h) and begin with the time, so that new rows go to the end of the trees.
 *
 * What costs most in a large database is a new entry at a random place of a large index: each is a page of its
 * own in the WAL (measured at 10^6 upload tasks: 30 microseconds; a row at the end of a tree: 3). So each task has exactly
 * one such entry, ..._by_name. It finds the newest task of a name, and it is what a list of one device's tasks
 * is sorted from. Everything else is small (partial indexes on open tasks) or grows at its end.
 */
const char *const sq_schema_steps[] = {
    "CREATE TABLE value (key TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;"

    /* one row, so that the greatest time is known without an index that every change would touch */
    "CREATE TABLE latest (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO latest VALUES (1, 0);"

    "CREATE TABLE product (name TEXT NOT NULL PRIMARY KEY, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE device ("
    "  product TEXT NOT NULL, name TEXT NOT NULL, secret BLOB NOT NULL, disabled INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, PRIMARY KEY (product, name)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX device_joined ON device (product || name);"

    "CREATE TABLE token ("
    "  name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, hash BLOB NOT NULL, created_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX token_hash ON token (hash);"

    "CREATE TABLE resource ("
    "  id BLOB NOT NULL PRIMARY KEY, product TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,"
    "  md5 TEXT NOT NULL, sha256 TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX resource_by_product ON resource (product, id);"
    "CREATE INDEX resource_by_name ON resource (product, name, id);"

    "CREATE TABLE upload ("
    "  id BLOB NOT NULL PRIMARY KEY, product TEXT NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL,"
    "  size INTEGER NOT NULL, md5 TEXT NOT NULL, state INTEGER NOT NULL, percent INTEGER NOT NULL,"
    "  result_code INTEGER NOT NULL, result_msg TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL, stored_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX upload_by_name ON upload (device, product, name, id);"
    "CREATE INDEX upload_by_product ON upload (product, id);"
    "CREATE INDEX upload_open ON upload (device, product, id, state, size) WHERE state IN (1, 2, 3);"
    "CREATE INDEX upload_due ON upload (expires_ms, id) WHERE state IN (1, 2) AND expires_ms > 0;"
    "CREATE INDEX upload_ended ON upload (ended_ms, id, state, size) WHERE ended_ms > 0;"

    "CREATE TABLE deployment ("
    "  id BLOB NOT NULL PRIMARY KEY, product TEXT NOT NULL, resource BLOB NOT NULL, state INTEGER NOT NULL,"
    "  target_all INTEGER NOT NULL, rate_per_min INTEGER NOT NULL, timeout_s INTEGER NOT NULL,"
    "  expanded INTEGER NOT NULL, expand_done INTEGER NOT NULL, expand_cursor TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX deployment_by_product ON deployment (product, id);"
    "CREATE INDEX deployment_by_resource ON deployment (resource);"
    "CREATE INDEX deployment_expanding ON deployment (id) WHERE state = 1 AND expand_done = 0;"
    "CREATE INDEX deployment_ended ON deployment (updated_ms) WHERE state IN (2, 3);"

    /* name is the resource's, kept here for download_by_name; due_ms is the earlier one of wake_ms and
     * deadline_ms, null when nothing is waited for: one small index instead of two */
    "CREATE TABLE download ("
    "  id BLOB NOT NULL PRIMARY KEY, deployment BLOB NOT NULL, resource BLOB NOT NULL, product TEXT NOT NULL,"
    "  device TEXT NOT NULL, name TEXT NOT NULL, state INTEGER NOT NULL, percent INTEGER NOT NULL,"
    "  result_code INTEGER NOT NULL, result_msg TEXT NOT NULL, pushes INTEGER NOT NULL,"
    "  release_ms INTEGER NOT NULL, wake_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, due_ms INTEGER)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE INDEX download_by_name ON download (device, product, name, id);"
    "CREATE INDEX download_by_product ON download (product, id);"
    "CREATE INDEX download_by_deployment ON download (deployment, id);"
    "CREATE INDEX download_by_state ON download (deployment, state, id);"
    "CREATE INDEX download_open ON download (device, product, id, state) WHERE state IN (1, 2, 3);"
    "CREATE INDEX download_due ON download (due_ms, id) WHERE due_ms IS NOT NULL;"
    "CREATE INDEX download_ended ON download (ended_ms, id) WHERE ended_ms > 0;",

    /* operators, and the log of what they do */
    "ALTER TABLE token ADD COLUMN products TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE token ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;"

    "CREATE TABLE account ("
    "  name TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, products TEXT NOT NULL, password TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE session ("
    "  hash BLOB NOT NULL PRIMARY KEY, user TEXT NOT NULL, origin TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    "  used_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX session_by_user ON session (user, created_ms, hash);"

    "CREATE TABLE lockout ("
    "  name TEXT NOT NULL PRIMARY KEY, failures INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    /* The triggers are no lock: who can write to the file can drop them. They keep our own mistakes out, and make
     * what is done by hand show (docs/operation.md). audit_head says where the log ends, also when its last
     * records are taken away. */
    "CREATE TABLE audit ("
    "  seq INTEGER NOT NULL PRIMARY KEY, time_ms INTEGER NOT NULL, actor TEXT NOT NULL, origin TEXT NOT NULL,"
    "  action TEXT NOT NULL, object TEXT NOT NULL, product TEXT NOT NULL, state_before TEXT NOT NULL,"
    "  state_after TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE TABLE audit_head ("
    "  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL,"
    "  cut INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO audit_head VALUES (1, 0, zeroblob(32), 0);"
    "CREATE TRIGGER audit_follows BEFORE INSERT ON audit"
    "  WHEN NOT EXISTS (SELECT 1 FROM audit_head WHERE seq = NEW.seq - 1 AND hash = NEW.prev)"
    "  BEGIN SELECT RAISE(ABORT, 'the audit log grows only at its end'); END;"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit"
    "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;"
    "CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit WHEN OLD.seq > (SELECT cut FROM audit_head)"
    "  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;",

    /* Quotas. usage has a row for each device and one for each product (device ''). Triggers keep it, so that no
     * statement can forget to; sizes are summed in halves because their sum may pass 2^63. States 1 to 4 count. */
    "CREATE TABLE quota ("
    "  product TEXT NOT NULL PRIMARY KEY, product_bytes INTEGER NOT NULL, product_files INTEGER NOT NULL,"
    "  device_bytes INTEGER NOT NULL, device_files INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE usage ("
    "  product TEXT NOT NULL, device TEXT NOT NULL, files INTEGER NOT NULL, high INTEGER NOT NULL,"
    "  low INTEGER NOT NULL, PRIMARY KEY (product, device)) STRICT, WITHOUT ROWID;"
    "INSERT INTO usage SELECT product, device, count(*), sum(size >> 32), sum(size & 4294967295)"
    "  FROM upload WHERE state <= 4 GROUP BY product, device;"
    "INSERT INTO usage SELECT product, '', count(*), sum(size >> 32), sum(size & 4294967295) FROM"
    "  (SELECT product, size FROM upload WHERE state <= 4 UNION ALL SELECT product, size FROM resource)"
    "  GROUP BY product;"
    USAGE_TRIGGER("upload_begins", "AFTER INSERT ON upload WHEN NEW.state <= 4", USAGE_MORE("NEW.device") USAGE_MORE("''"))
    USAGE_TRIGGER("upload_counts", "AFTER UPDATE OF state ON upload WHEN NEW.state <= 4 AND OLD.state > 4",
                  USAGE_MORE("NEW.device") USAGE_MORE("''"))
    USAGE_TRIGGER("upload_ends", "AFTER UPDATE OF state ON upload WHEN NEW.state > 4 AND OLD.state <= 4",
                  USAGE_LESS("OLD.device") USAGE_LESS("''"))
    USAGE_TRIGGER("upload_goes", "AFTER DELETE ON upload WHEN OLD.state <= 4", USAGE_LESS("OLD.device") USAGE_LESS("''"))
    USAGE_TRIGGER("resource_comes", "AFTER INSERT ON resource", USAGE_MORE("''"))
    USAGE_TRIGGER("resource_goes", "AFTER DELETE ON resource", USAGE_LESS("''"))
    "CREATE TRIGGER quota_goes AFTER DELETE ON product BEGIN DELETE FROM quota WHERE product = OLD.name; END;",

    /* secrets are sealed from here on: ferryd seals those that are there (daemon/sealing) */
    "ALTER TABLE device ADD COLUMN old_secret BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE device ADD COLUMN old_until_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE device ADD COLUMN secret_no INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE device ADD COLUMN unheard INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE product ADD COLUMN secret BLOB NOT NULL DEFAULT x'';",

    /* the few devices that have two secrets: the engine takes the old one away when its time is over */
    "UPDATE device SET old_until_ms = 0 WHERE old_secret = x'';"
    "CREATE INDEX device_old_secret ON device (old_until_ms) WHERE old_until_ms > 0;",

    /* deployments that try again, that have a beginning and an end, and that can be paused */
    "ALTER TABLE deployment ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN start_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN end_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE deployment SET start_ms = created_ms;"
    "ALTER TABLE deployment ADD COLUMN paused_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN shift_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN sweeping INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN sweep_cursor TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX deployment_sweeping ON deployment (id) WHERE sweeping = 1;"
    "DROP INDEX deployment_expanding;"
    "CREATE INDEX deployment_expanding ON deployment (id) WHERE expand_done = 0 AND state IN (1, 4);"
    "ALTER TABLE download ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;",

    /* tags of devices, and deployments to those that have one; descriptions of resources */
    "CREATE TABLE device_tag ("
    "  product TEXT NOT NULL, device TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (product, device, tag))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE INDEX device_by_tag ON device_tag (product, tag, device);"
    "CREATE TRIGGER device_tags_go AFTER DELETE ON device"
    "  BEGIN DELETE FROM device_tag WHERE product = OLD.product AND device = OLD.name; END;"
    "ALTER TABLE deployment ADD COLUMN target_tag TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE resource ADD COLUMN description TEXT NOT NULL DEFAULT '';",

    /* the event log; the newest event stays, so that no number comes twice */
    "CREATE TABLE event (id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind INTEGER NOT NULL, product TEXT NOT NULL,"
    " device TEXT NOT NULL, task TEXT NOT NULL, deployment TEXT NOT NULL, resource TEXT NOT NULL,"
    " state_before TEXT NOT NULL, state TEXT NOT NULL, percent INTEGER NOT NULL, result_code INTEGER NOT NULL,"
    " text TEXT NOT NULL) STRICT;",

    /* what devices reported, beside their tasks; those of one task lie together */
    "CREATE TABLE report ("
    "  task BLOB NOT NULL, number INTEGER NOT NULL, time_ms INTEGER NOT NULL, state INTEGER NOT NULL,"
    "  percent INTEGER NOT NULL, result_code INTEGER NOT NULL, result_msg TEXT NOT NULL,"
    "  PRIMARY KEY (task, number)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER upload_reports_go AFTER DELETE ON upload BEGIN DELETE FROM report WHERE task = OLD.id; END;"
    "CREATE TRIGGER download_reports_go AFTER DELETE ON download BEGIN DELETE FROM report WHERE task = OLD.id; END;",

    /* what requests with an Idempotency-Key were answered; the oldest go first */
    "CREATE TABLE kept_answer ("
    "  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, request BLOB NOT NULL, made_ms INTEGER NOT NULL,"
    "  status INTEGER NOT NULL, location TEXT NOT NULL, body TEXT NOT NULL, secret_name TEXT NOT NULL,"
    "  secret_1 BLOB NOT NULL, secret_2 BLOB NOT NULL) STRICT;",

    /* who is connected: one index serves the lists of those that are and of those that are not */
    "ALTER TABLE device ADD COLUMN online_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE device ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX device_by_online ON device (product, online_ms > 0, name);",

    /* who is told of events by HTTP, and how far that has come */
    "CREATE TABLE webhook ("
    "  id BLOB NOT NULL PRIMARY KEY, url TEXT NOT NULL, kinds INTEGER NOT NULL, product TEXT NOT NULL,"
    "  device TEXT NOT NULL, secret BLOB NOT NULL, state INTEGER NOT NULL, revision INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, last_event INTEGER NOT NULL, failures INTEGER NOT NULL,"
    "  failing_ms INTEGER NOT NULL, next_attempt_ms INTEGER NOT NULL, last_status INTEGER NOT NULL,"
    "  last_error TEXT NOT NULL, last_success_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;",

    /* what came to no good end is rare and often asked for: these grow at the ends of few states, only then */
    "CREATE INDEX upload_lost ON upload (state, id) WHERE state > 4;"
    "CREATE INDEX upload_lost_by_product ON upload (product, state, id) WHERE state > 4;",

    /* resources whose bytes are still coming: what they will need counts as used */
    "CREATE TABLE resource_upload ("
    "  id BLOB NOT NULL PRIMARY KEY, product TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,"
    "  size INTEGER NOT NULL, md5 TEXT NOT NULL, sha256 TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    "  stored_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, seen_bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX resource_upload_by_product ON resource_upload (product, id);"
    "CREATE INDEX resource_upload_due ON resource_upload (expires_ms, id);"
    USAGE_TRIGGER("resource_upload_begins", "AFTER INSERT ON resource_upload WHEN NEW.stored_ms = 0", USAGE_MORE("''"))
    USAGE_TRIGGER("resource_upload_ends",
                  "AFTER UPDATE OF stored_ms ON resource_upload WHEN NEW.stored_ms > 0 AND OLD.stored_ms = 0",
                  USAGE_LESS("''"))
    USAGE_TRIGGER("resource_upload_goes", "AFTER DELETE ON resource_upload WHEN OLD.stored_ms = 0", USAGE_LESS("''")),

    /* What would cost a walk over all rows to count is kept, by triggers, so that no statement can forget to (see usage).
     * total has one row; only what crosses a border (open, ended) touches it. deployment_count: the download tasks of a
     * deployment by state. The walk over an older database's tasks sorts nothing, so that its memory is bounded. */
    "CREATE TABLE total ("
    "  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), products INTEGER NOT NULL, devices INTEGER NOT NULL,"
    "  resources INTEGER NOT NULL, resource_high INTEGER NOT NULL, resource_low INTEGER NOT NULL,"
    "  deployments INTEGER NOT NULL, deployments_open INTEGER NOT NULL, uploads_open INTEGER NOT NULL,"
    "  stored_high INTEGER NOT NULL, stored_low INTEGER NOT NULL, downloads_open INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO total SELECT 1, (SELECT count(*) FROM product), (SELECT count(*) FROM device), r.n, r.high, r.low, d.n, d.open,"
    "  (SELECT count(*) FROM upload WHERE state <= 2), u.high, u.low, (SELECT count(*) FROM download WHERE state <= 3) FROM"
    "  (SELECT count(*) AS n, coalesce(sum(size >> 32), 0) AS high, coalesce(sum(size & 4294967295), 0) AS low FROM resource) AS r,"
    "  (SELECT count(*) AS n, coalesce(sum(state IN (1, 4)), 0) AS open FROM deployment) AS d,"
    "  (SELECT coalesce(sum(size >> 32), 0) AS high, coalesce(sum(size & 4294967295), 0) AS low FROM upload"
    "    WHERE state IN (3, 4)) AS u;"
    TOTAL_TRIGGER("product_comes", "INSERT ON product", "products = products + 1")
    TOTAL_TRIGGER("product_goes", "DELETE ON product", "products = products - 1")
    TOTAL_TRIGGER("device_comes", "INSERT ON device", "devices = devices + 1")
    TOTAL_TRIGGER("device_goes", "DELETE ON device", "devices = devices - 1")
    TOTAL_TRIGGER("resource_comes", "INSERT ON resource", TOTAL_RESOURCE("+", "NEW"))
    TOTAL_TRIGGER("resource_goes", "DELETE ON resource", TOTAL_RESOURCE("-", "OLD"))
    TOTAL_TRIGGER("deployment_comes", "INSERT ON deployment",
                  "deployments = deployments + 1, deployments_open = deployments_open + " OPEN_DEPLOYMENT("NEW"))
    TOTAL_TRIGGER("deployment_moves",
                  "UPDATE OF state ON deployment WHEN " OPEN_DEPLOYMENT("OLD") " <> " OPEN_DEPLOYMENT("NEW"),
                  "deployments_open = deployments_open + " OPEN_DEPLOYMENT("NEW") " - " OPEN_DEPLOYMENT("OLD"))
    TOTAL_TRIGGER("deployment_goes", "DELETE ON deployment",
                  "deployments = deployments - 1, deployments_open = deployments_open - " OPEN_DEPLOYMENT("OLD"))
    TOTAL_TRIGGER("upload_comes", "INSERT ON upload WHEN NEW.state <= 4", TOTAL_UPLOAD("+", "NEW"))
    TOTAL_TRIGGER("upload_moves",
                  "UPDATE OF state ON upload WHEN " OPEN_UPLOAD("OLD") " <> " OPEN_UPLOAD("NEW")
                  " OR " STORED_UPLOAD("OLD") " <> " STORED_UPLOAD("NEW"), TOTAL_UPLOAD_MOVES)
    TOTAL_TRIGGER("upload_goes", "DELETE ON upload WHEN OLD.state <= 4", TOTAL_UPLOAD("-", "OLD"))
    TOTAL_TRIGGER("download_comes", "INSERT ON download WHEN " OPEN_DOWNLOAD("NEW"), "downloads_open = downloads_open + 1")
    TOTAL_TRIGGER("download_moves", "UPDATE OF state ON download WHEN " OPEN_DOWNLOAD("OLD") " <> " OPEN_DOWNLOAD("NEW"),
                  "downloads_open = downloads_open + " OPEN_DOWNLOAD("NEW") " - " OPEN_DOWNLOAD("OLD"))
    TOTAL_TRIGGER("download_goes", "DELETE ON download WHEN " OPEN_DOWNLOAD("OLD"), "downloads_open = downloads_open - 1")

    "CREATE TABLE deployment_count ("
    "  deployment BLOB NOT NULL PRIMARY KEY, queued INTEGER NOT NULL, offered INTEGER NOT NULL, downloading INTEGER NOT NULL,"
    "  done INTEGER NOT NULL, failed INTEGER NOT NULL, timed_out INTEGER NOT NULL, cancelled INTEGER NOT NULL,"
    "  rejected INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO deployment_count SELECT deployment, sum(state = 1), sum(state = 2), sum(state = 3), sum(state = 4),"
    "  sum(state = 5), sum(state = 6), sum(state = 7), sum(state = 8)"
    "  FROM download INDEXED BY download_by_state GROUP BY deployment;"
    "CREATE TRIGGER count_download_comes AFTER INSERT ON download BEGIN INSERT INTO deployment_count VALUES (NEW.deployment,"
    "  NEW.state = 1, NEW.state = 2, NEW.state = 3, NEW.state = 4, NEW.state = 5, NEW.state = 6, NEW.state = 7, NEW.state = 8)"
    "  ON CONFLICT (deployment) DO UPDATE SET " MORE("queued") ", " MORE("offered") ", " MORE("downloading") ", " MORE("done") ", "
    MORE("failed") ", " MORE("timed_out") ", " MORE("cancelled") ", " MORE("rejected") "; END;"
    "CREATE TRIGGER count_download_moves AFTER UPDATE OF state ON download WHEN OLD.state <> NEW.state BEGIN"
    "  UPDATE deployment_count SET " COUNT_MOVES(1, "queued") ", " COUNT_MOVES(2, "offered") ", " COUNT_MOVES(3, "downloading") ", "
    COUNT_MOVES(4, "done") ", " COUNT_MOVES(5, "failed") ", " COUNT_MOVES(6, "timed_out") ", " COUNT_MOVES(7, "cancelled") ", "
    COUNT_MOVES(8, "rejected") " WHERE deployment = NEW.deployment; END;"
    "CREATE TRIGGER count_download_goes AFTER DELETE ON download BEGIN"
    "  UPDATE deployment_count SET " COUNT_LESS(1, "queued") ", " COUNT_LESS(2, "offered") ", " COUNT_LESS(3, "downloading") ", "
    COUNT_LESS(4, "done") ", " COUNT_LESS(5, "failed") ", " COUNT_LESS(6, "timed_out") ", " COUNT_LESS(7, "cancelled") ", "
    COUNT_LESS(8, "rejected") " WHERE deployment = OLD.deployment;"
    "  DELETE FROM deployment_count WHERE deployment = OLD.deployment AND queued + offered + downloading + done + failed + timed_out"
    "  + cancelled + rejected = 0; END;",

    /* Failed tasks of a deployment by cause, kept likewise. Each has the row of its cause, however many causes a hostile device
     * thinks of: they are never more than those tasks, and a change is one step at one key. A common row for the rare ones would
     * not stay exact: whether a task that goes was counted there or not, its columns do not say. Readers take the first of _by_n.
     * The result of a task that has failed only changes with the statement that sets its state too. */
    "CREATE TABLE deployment_cause ("
    "  deployment BLOB NOT NULL, state INTEGER NOT NULL, result_code INTEGER NOT NULL, result_msg TEXT NOT NULL,"
    "  n INTEGER NOT NULL, PRIMARY KEY (deployment, state, result_code, result_msg)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX deployment_cause_by_n ON deployment_cause (deployment, n DESC, state, result_code, result_msg);"
    "INSERT INTO deployment_cause SELECT deployment, state, result_code, result_msg, 1 FROM download"
    "  WHERE " FAILED_DOWNLOAD_LISTED("download") " " ONE_MORE_CAUSE ";"
    CAUSES_OF_DOWNLOADS(FAILED_DOWNLOAD_LISTED),

    /* How a deployment went over time (deployment_span_ms()): a task that ends, or is tried again, is one look-up and one
     * small row that the next ones share. An older database's tasks are walked once, without sorting. */
    "CREATE TABLE deployment_step ("
    "  deployment BLOB NOT NULL, at_ms INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL,"
    "  PRIMARY KEY (deployment, at_ms)) STRICT, WITHOUT ROWID;"
    "INSERT INTO deployment_step SELECT deployment, " SPAN_OF("created_ms", "ended_ms") ", state = 4, state > 4"
    "  FROM download WHERE state >= 4" ONE_MORE_STEP ";"
    "CREATE TRIGGER step_download_comes AFTER INSERT ON download WHEN NEW.state >= 4 BEGIN"
    "  INSERT INTO deployment_step VALUES (NEW.deployment, " SPAN_OF("NEW.created_ms", "NEW.updated_ms") ","
    "  NEW.state = 4, NEW.state > 4)" ONE_MORE_STEP "; END;"
    "CREATE TRIGGER step_download_moves AFTER UPDATE OF state ON download"
    "  WHEN (OLD.state = 4) <> (NEW.state = 4) OR (OLD.state > 4) <> (NEW.state > 4) BEGIN"
    "  INSERT INTO deployment_step VALUES (NEW.deployment, " SPAN_OF("NEW.created_ms", "NEW.updated_ms") ","
    "  (NEW.state = 4) - (OLD.state = 4), (NEW.state > 4) - (OLD.state > 4))" ONE_MORE_STEP "; END;"
    "CREATE TRIGGER step_deployment_goes AFTER DELETE ON deployment BEGIN"
    "  DELETE FROM deployment_step WHERE deployment = OLD.id; END;",

    /* a webhook's secret of before, for a while */
    "ALTER TABLE webhook ADD COLUMN old_secret BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE webhook ADD COLUMN old_until_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX webhook_old_secret ON webhook (old_until_ms) WHERE old_until_ms > 0;",

    /* What ended, by the hour (api/statistics.h), of each product and (product '') of all: it stays when the tasks go. Rows of an
     * older database's tasks are added one by one, so that nothing is sorted. */
    "CREATE TABLE ended ("
    "  product TEXT NOT NULL, hour INTEGER NOT NULL, way INTEGER NOT NULL, done INTEGER NOT NULL, failed INTEGER NOT NULL,"
    "  cancelled INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, PRIMARY KEY (product, hour, way))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE INDEX ended_by_hour ON ended (hour);"
    UPLOADS_ENDED("u.product") UPLOADS_ENDED("''") DOWNLOADS_ENDED("d.product") DOWNLOADS_ENDED("''")
    UPLOAD_ENDS("at_once", "INSERT ON upload WHEN NEW.state > 2")
    UPLOAD_ENDS("later", "UPDATE OF state ON upload WHEN NEW.state > 2 AND OLD.state <= 2")
    DOWNLOADS_END(FAILED_DOWNLOAD_LISTED),

    /* retrying in steps too: sweeping says what is done (model.h), no longer only that something is */
    "ALTER TABLE deployment ADD COLUMN sweep_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN retry_state INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN retry_has_code INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN retry_code INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN retry_has_msg INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN retry_msg TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE deployment ADD COLUMN pace_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE deployment ADD COLUMN paced INTEGER NOT NULL DEFAULT 0;"
    "UPDATE deployment SET sweeping = 2 WHERE sweeping = 1 AND state = 3;"
    "DROP INDEX deployment_sweeping;"
    "CREATE INDEX deployment_sweeping ON deployment (id) WHERE sweeping > 0;",

    /* when a device came and went: of the other events, which are many more, it holds none */
    "CREATE INDEX event_presence ON event (product, device) WHERE kind IN (6, 7);",

    /* the devices of each product, and how many of them are connected */
    "CREATE TABLE device_count ("
    "  product TEXT NOT NULL PRIMARY KEY, devices INTEGER NOT NULL, online INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO device_count SELECT product, count(*), sum(online_ms > 0) FROM device GROUP BY product;"
    "CREATE TRIGGER count_device_comes AFTER INSERT ON device BEGIN"
    "  INSERT INTO device_count VALUES (NEW.product, 1, NEW.online_ms > 0)"
    "  ON CONFLICT (product) DO UPDATE SET " MORE("devices") ", " MORE("online") "; END;"
    "CREATE TRIGGER count_device_moves AFTER UPDATE OF online_ms ON device WHEN (OLD.online_ms > 0) <> (NEW.online_ms > 0) BEGIN"
    "  UPDATE device_count SET online = online + (NEW.online_ms > 0) - (OLD.online_ms > 0) WHERE product = NEW.product; END;"
    "CREATE TRIGGER count_device_goes AFTER DELETE ON device BEGIN"
    "  UPDATE device_count SET devices = devices - 1, online = online - (OLD.online_ms > 0) WHERE product = OLD.product;"
    "  DELETE FROM device_count WHERE product = OLD.product AND devices = 0; END;",

    /* What else lists are sorted by, within what they are looked at by: a product, a deployment. An entry is moved when its task
     * ends, and not before (END in statements.h): within what has not ended it stands by its id. name is the resource's. */
    "CREATE INDEX resource_by_size ON resource (product, size, id);"
    "CREATE INDEX device_by_seen ON device (product, seen_ms, name);"
    "ALTER TABLE deployment ADD COLUMN name TEXT NOT NULL DEFAULT '';"
    "UPDATE deployment SET name = coalesce((SELECT r.name FROM resource AS r WHERE r.id = deployment.resource), '');"
    "CREATE INDEX deployment_by_name ON deployment (product, name, id);"
    "CREATE INDEX upload_by_ended ON upload (product, ended_ms, id);"
    "CREATE INDEX download_by_ended ON download (deployment, ended_ms, id);",

    /* What upload tasks add up to is added up outside of the database, and written once for all commands of a commit: see sums.h. */
    "DROP TRIGGER usage_upload_begins; DROP TRIGGER usage_upload_counts; DROP TRIGGER usage_upload_ends; DROP TRIGGER usage_upload_goes;"
    "DROP TRIGGER total_upload_comes; DROP TRIGGER total_upload_moves; DROP TRIGGER total_upload_goes;"
    "DROP TRIGGER upload_ends_at_once; DROP TRIGGER upload_ends_later;"
    UPLOAD_MOVES("comes", "INSERT ON upload", "NEW", "0", "NEW.state")
    UPLOAD_MOVES("moves", "UPDATE OF state ON upload WHEN OLD.state <> NEW.state", "NEW", "OLD.state", "NEW.state")
    UPLOAD_MOVES("goes", "DELETE ON upload", "OLD", "OLD.state", "0"),

    /* A list of three is a table that SQLite makes for each row that it compares with it, in a database of its own: a comparison is not. */
    "DROP INDEX upload_open;"
    "CREATE INDEX upload_open ON upload (device, product, id, state, size) WHERE state <= 3;"
    "DROP INDEX download_open;"
    "CREATE INDEX download_open ON download (device, product, id, state) WHERE state <= 3;",

    /* The same of the triggers that ask whether a download has failed: each ran its list for every task that was made or changed its state. */
    "DROP TRIGGER cause_download_comes; DROP TRIGGER cause_download_leaves; DROP TRIGGER cause_download_fails;"
    "DROP TRIGGER cause_download_goes; DROP TRIGGER download_ends_at_once; DROP TRIGGER download_ends_later;"
    CAUSES_OF_DOWNLOADS(FAILED_DOWNLOAD) DOWNLOADS_END(FAILED_DOWNLOAD),

    /* A task has no entry by the time of its end before it ends, and one behind that: retention goes product by product, along the index
     * that sorted lists need anyway. */
    "DROP INDEX upload_ended;"
    "DROP INDEX upload_by_ended;"
    "CREATE INDEX upload_by_ended ON upload (product, ended_ms, id) WHERE state > 3;",
};
const size_t sq_schema_step_count = sizeof(sq_schema_steps) / sizeof(sq_schema_steps[0]);
