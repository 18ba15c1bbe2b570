/* /metrics: counters, gauges and histograms in Prometheus' text format. */
#include "api_handlers.h"
#include "api_status.h"
#include "base/buf.h"
#include "core/measures.h"
#include "http/traffic.h"

#include <stdio.h>
#include <string.h>

enum { METRICS_MAX = 131072 };

static ferry_err head(struct ferry_buf *out, const char *name, const char *help, const char *type)
{
    return ferry_buf_printf(out, "# HELP ferry_%s %s\n# TYPE ferry_%s %s\n", name, help, name, type);
}

static ferry_err put(struct ferry_buf *out, const char *name, const char *help, const char *type, uint64_t value)
{
    ferry_err err = head(out, name, help, type);
    return err == FERRY_OK ? ferry_buf_printf(out, "ferry_%s %llu\n", name, (unsigned long long)value) : err;
}

/* Those of the engine's numbers that end in _now are gauges, and lose that end: the text format wants names without it. */
static ferry_err put_stat(struct ferry_buf *out, const char *name, const char *help, uint64_t value)
{
    char gauge[64];
    size_t len = strlen(name);
    if (len <= 4 || strcmp(name + len - 4, "_now") != 0)
        return put(out, name, help, "counter", value);
    (void)snprintf(gauge, sizeof gauge, "%.*s", (int)(len - 4), name);
    return put(out, gauge, help, "gauge", value);
}

static ferry_err put_platform(struct api_request *r, struct ferry_buf *out)
{
    ferry_err err = head(out, "build_info", "the version of the program", "gauge");
    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "ferry_build_info{version=\"%s\"} 1\n", r->shared->version);
    if (err == FERRY_OK)
        err = put(out, "healthy", "1 while changes can be written to the store", "gauge",
                  engine_health(r->shared->engine) == FERRY_OK);
    if (err == FERRY_OK && r->shared->certificate != NULL)
        err = put(out, "certificate_expires_seconds", "Unix time at which the TLS certificate expires", "gauge",
                  http_tls_expires_s(r->shared->certificate));
    return err;
}

static ferry_err put_stats(struct api_request *r, struct ferry_buf *out)
{
    struct engine_stats stats;
    ferry_err err = FERRY_OK;
    engine_get_stats(r->shared->engine, &stats);
#define X(name, help)    \
    if (err == FERRY_OK) \
        err = put_stat(out, #name, help, stats.name);
    ENGINE_STATS_LIST(X)
#undef X
    return err;
}

static ferry_err put_totals(const struct store_totals *totals, struct ferry_buf *out)
{
    ferry_err err = FERRY_OK;
#define X(name, help)    \
    if (err == FERRY_OK) \
        err = put(out, "store_" #name, help, "gauge", totals->name);
    API_TOTALS_LIST(X)
#undef X
    return err;
}

/* --- what devices are answered ------------------------------------------------------------------------ */

static ferry_err put_answer(struct ferry_buf *out, ferry_msg_type type, int result, uint64_t count)
{
    char code[12] = "";
    if (result != ENGINE_RESULT_NONE)
        (void)snprintf(code, sizeof code, "%d", result);
    return ferry_buf_printf(out, "ferry_answers_total{type=\"%s\",result_code=\"%s\"} %llu\n",
                            ferry_msg_type_name(type), code, (unsigned long long)count);
}

/* Only what has happened, but for one row: a family without any would look like an old ferryd. */
static ferry_err put_answers(struct api_request *r, struct ferry_buf *out)
{
    ferry_err err =
        head(out, "answers_total",
             "messages to devices by type and result code, which is empty where the wire has none", "counter");
    for (unsigned type = FERRY_MSG_NONE + 1; type < ENGINE_MSG_TYPES; type++)
        for (int result = ENGINE_RESULT_MIN; err == FERRY_OK && result <= ENGINE_RESULT_NONE; result++) {
            uint64_t count = engine_answered(r->shared->engine, (ferry_msg_type)type, result);
            if (count > 0 || (type == FERRY_MSG_CREATE_UPLOAD_TASK_RSP && result == ENGINE_RESULT_NONE))
                err = put_answer(out, (ferry_msg_type)type, result, count);
        }
    return err;
}

/* --- how long, how many -------------------------------------------------------------------------------- */

static ferry_err put_histogram(struct ferry_buf *out, const char *name, double per_unit, const char *help,
                               const struct ferry_histogram_view *view)
{
    ferry_err err = head(out, name, help, "histogram");
    for (size_t i = 0; err == FERRY_OK && i < view->bound_count; i++)
        err = ferry_buf_printf(out, "ferry_%s_bucket{le=\"%g\"} %llu\n", name, (double)view->bounds[i] / per_unit,
                               (unsigned long long)view->at_most[i]);
    if (err == FERRY_OK)
        err = ferry_buf_printf(out, "ferry_%s_bucket{le=\"+Inf\"} %llu\nferry_%s_sum %.6f\nferry_%s_count %llu\n", name,
                               (unsigned long long)view->count, name, (double)view->sum / per_unit, name,
                               (unsigned long long)view->count);
    return err;
}

static ferry_err put_histograms(struct api_request *r, struct ferry_buf *out)
{
    struct ferry_histogram_view view;
    ferry_err err = FERRY_OK;
#define X(which, name, per_unit, help)                         \
    if (err == FERRY_OK) {                                     \
        engine_measured(r->shared->engine, which, &view);      \
        err = put_histogram(out, name, per_unit, help, &view); \
    }
    ENGINE_HISTOGRAM_LIST(X)
#undef X
    return err;
}

/* --- transfers ------------------------------------------------------------------------------------------ */

static ferry_err put_transfers(const struct http_traffic *traffic, struct ferry_buf *out)
{
    static const char *const directions[] = {[TRAFFIC_UP] = "up", [TRAFFIC_DOWN] = "down"};
    static const char *const results[] = {
        [TRAFFIC_COMPLETE] = "complete", [TRAFFIC_REFUSED] = "refused", [TRAFFIC_BROKEN] = "broken"};
    ferry_err err =
        head(out, "transfers_total", "requests of devices for the bytes of a file, by how they ended", "counter");
    for (size_t d = 0; d < TRAFFIC_DIRECTIONS; d++)
        for (size_t i = 0; err == FERRY_OK && i < TRAFFIC_RESULTS; i++)
            err = ferry_buf_printf(out, "ferry_transfers_total{direction=\"%s\",result=\"%s\"} %llu\n", directions[d],
                                   results[i], (unsigned long long)atomic_load(&traffic->transfers[d][i]));
    if (err == FERRY_OK)
        err = head(out, "transfer_bytes_total", "bytes of files: up, taken in; down, of answers that went out whole",
                   "counter");
    for (size_t d = 0; err == FERRY_OK && d < TRAFFIC_DIRECTIONS; d++)
        err = ferry_buf_printf(out, "ferry_transfer_bytes_total{direction=\"%s\"} %llu\n", directions[d],
                               (unsigned long long)atomic_load(&traffic->bytes[d]));
    return err == FERRY_OK ? put(out, "transfers_running", "requests for the bytes of a file under way", "gauge",
                                 atomic_load(&traffic->running_now))
                           : err;
}

static ferry_err put_all(struct api_request *r, const struct store_totals *totals, struct ferry_buf *out)
{
    ferry_err err = put_platform(r, out);
    if (err == FERRY_OK)
        err = put_stats(r, out);
    if (err == FERRY_OK)
        err = put_totals(totals, out);
    if (err == FERRY_OK)
        err = put_answers(r, out);
    if (err == FERRY_OK)
        err = put_histograms(r, out);
    return err == FERRY_OK && r->shared->traffic != NULL ? put_transfers(r->shared->traffic, out) : err;
}

void api_metrics(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    ferry_autobuf out = FERRY_BUF_INIT(METRICS_MAX);
    struct store_totals totals;

    if (conn == NULL || !api_store_ok(r, r->shared->store->ops->totals(conn, &totals), NULL))
        return;
    ferry_err err = put_all(r, &totals, &out);
    if (err == FERRY_OK)
        api_reply_bytes(r, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
    else
        api_reply_err(r, err, NULL);
}
