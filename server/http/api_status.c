#include "api_status.h"

#include "api_handlers.h"
#include "api_json.h"
#include "base/alloc.h"
#include "base/system.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { PROBE_LIFE_MS = 1000 };

struct api_ready {
    pthread_mutex_t lock; /* guards all below */
    uint64_t probed_ms;
    bool known;
    ferry_err objects;
};

ferry_err api_ready_new(struct api_ready **ret_ready)
{
    struct api_ready *ready = ferry_calloc(1, sizeof *ready);

    if (ready == NULL)
        return FERRY_E_NOMEM;
    pthread_mutex_init(&ready->lock, NULL);
    *ret_ready = ready;
    return FERRY_OK;
}

void api_ready_free(struct api_ready *ready)
{
    if (ready == NULL)
        return;
    pthread_mutex_destroy(&ready->lock);
    free(ready);
}

/* Only one caller looks at the disk; those that come meanwhile take what was found before. */
static ferry_err probe_objects(struct api_request *r)
{
    struct api_ready *ready = r->shared->ready;
    uint64_t now_ms = ferry_mono_ms();

    pthread_mutex_lock(&ready->lock);
    bool fresh = ready->known && now_ms - ready->probed_ms < PROBE_LIFE_MS;
    ready->probed_ms = fresh ? ready->probed_ms : now_ms;
    ferry_err err = ready->objects;
    pthread_mutex_unlock(&ready->lock);
    if (fresh)
        return err;
    err = r->shared->objects->ops->probe(r->shared->objects);
    pthread_mutex_lock(&ready->lock);
    ready->objects = err;
    ready->known = true;
    pthread_mutex_unlock(&ready->lock);
    return err;
}

static ferry_err probe_store(struct api_request *r)
{
    const struct store_page first = {.after = "", .limit = 1};
    struct store_conn *conn;
    struct product product;
    size_t count;
    ferry_err err = api_reader_try(r, &conn);

    if (err == FERRY_OK)
        err = r->shared->store->ops->product_list(conn, &first, &product, &count);
    r->conn_broken = err != FERRY_OK;
    return err;
}

/* --- /healthz and /readyz ------------------------------------------------------------------------------ */

void api_healthz(struct api_request *r)
{
    api_reply_json(r, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"));
}

static const char *word(ferry_err err)
{
    return err == FERRY_OK ? "ok" : ferry_err_text(err);
}

void api_readyz(struct api_request *r)
{
    struct engine_stats stats;
    ferry_err engine = engine_health(r->shared->engine);
    ferry_err store = probe_store(r);
    ferry_err objects = probe_objects(r);

    engine_get_stats(r->shared->engine, &stats);
    bool ready = engine == FERRY_OK && store == FERRY_OK && objects == FERRY_OK && stats.link_up_now != 0;
    api_reply_json(r, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                   json_pack("{s:b, s:{s:s, s:s, s:s, s:s}}", "ready", (int)ready, "checks", "engine", word(engine),
                             "store", word(store), "objects", word(objects), "broker",
                             stats.link_up_now != 0 ? "ok" : "not connected"));
}

/* --- /api/v1/status ------------------------------------------------------------------------------------ */

static json_t *totals_json(const struct store_totals *totals)
{
    json_t *object = json_object();

#define X(name, help) (void)json_object_set_new(object, #name, json_integer((json_int_t)totals->name));
    API_TOTALS_LIST(X)
#undef X
    return object;
}

/* Null when nothing speaks TLS. */
static json_t *certificate_json(struct http_tls *certificate)
{
    return api_json_time(certificate != NULL ? http_tls_expires_s(certificate) * 1000 : 0);
}

static json_t *engine_json(const struct engine_stats *stats)
{
    json_t *object = json_object();

#define X(name, help) (void)json_object_set_new(object, #name, json_integer((json_int_t)stats->name));
    ENGINE_STATS_LIST(X)
#undef X
    return object;
}

/* Null while it is not known. */
static json_t *connected_json(struct engine *engine)
{
    return engine_presence_known(engine) ? json_integer((json_int_t)engine_devices_connected(engine)) : json_null();
}

void api_status_get(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct store_totals totals;
    struct engine_stats stats;

    if (conn == NULL || !api_store_ok(r, r->shared->store->ops->totals(conn, &totals), NULL))
        return;
    engine_get_stats(r->shared->engine, &stats);
    ferry_err health = engine_health(r->shared->engine);
    api_reply_json(r, MHD_HTTP_OK,
                   json_pack("{s:s, s:I, s:o, s:b, s:s, s:b, s:o, s:o, s:o, s:o}", "version", r->shared->version, "uptime_s",
                             (json_int_t)((ferry_mono_ms() - r->shared->started_ms) / 1000), "now",
                             api_json_time(engine_now_ms(r->shared->engine)), "healthy", (int)(health == FERRY_OK),
                             "health", word(health), "broker_connected", (int)(stats.link_up_now != 0), "devices_connected",
                             connected_json(r->shared->engine), "totals", totals_json(&totals), "engine", engine_json(&stats), "certificate_expires",
                             certificate_json(r->shared->certificate)));
}

/* --- /api/v1/settings ---------------------------------------------------------------------------------- */

void api_settings_get(struct api_request *r)
{
    const char *text = r->shared->settings != NULL ? r->shared->settings : "{\"items\":[]}";

    api_reply_bytes(r, MHD_HTTP_OK, "application/json", text, strlen(text));
}

/* --- /api/v1/openapi.yaml ------------------------------------------------------------------------------ */

extern const unsigned char api_openapi_yaml[]; /* made from docs/api/openapi.yaml by the build */
extern const size_t api_openapi_yaml_len;

void api_openapi(struct api_request *r)
{
    api_reply_bytes(r, MHD_HTTP_OK, "application/yaml", api_openapi_yaml, api_openapi_yaml_len);
}
