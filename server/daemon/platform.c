#include "platform.h"

#include "config_check.h"
#include "platform_internal.h"
#include "plugin_path.h"
#include "ready.h"
#include "settings_log.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/system.h"
#include "base/wait.h"
#include "clock/system.h"
#include "core/audit.h"
#include "http/event_json.h"
#include "proto/limits.h"
#include "store/any.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORE_BUSY_MS = 2000 }; /* patience with another process that holds the database: devices wait 5 s for an answer */

/* --- folder, paths, store --------------------------------------------------------------------------------- */

static ferry_err open_folder(struct platform *p)
{
    char problem[DATA_FOLDER_PROBLEM_SIZE];
    ferry_err err = data_folder_open(p->config->data, &p->folder, problem);

    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "data", "%s", problem);
    return err;
}

/* The path in a setting such as "sqlite:/x/y" (made absolute: the broker reads it too), or name in the data folder. */
static char *path_of(const struct platform *p, const char *url, const char *name)
{
    const char *path = config_url_path(url);
    ferry_autofree char *here = NULL;

    if (path == NULL)
        return data_folder_file(&p->folder, name);
    if (path[0] == '/')
        return ferry_strdup(path);
    here = getcwd(NULL, 0);
    return here != NULL ? ferry_asprintf("%s/%s", here, path) : NULL;
}

static ferry_err name_paths(struct platform *p)
{
    p->store_path = store_any_is_server(p->config->store) ? ferry_strdup(p->config->store)
                                                          : path_of(p, p->config->store, "ferry.db");
    p->objects_path = path_of(p, config_objects_in_bucket(p->config) ? "file" : p->config->objects, "objects");
    p->token_path = data_folder_file(&p->folder, "admin.token");
    p->secrets_key_path = data_folder_file(&p->folder, "secrets.key");
    p->broker_folder = data_folder_file(&p->folder, "broker");
    p->hash_path = data_folder_file(&p->folder, "broker/service.hash");
    p->ready_path = data_folder_file(&p->folder, "run/ferryd.json");
    p->ca_path = data_folder_file(&p->folder, "run/ca.pem");
    p->plugin_path = plugin_path_find(p->config->broker_plugin);
    if (p->store_path != NULL && p->objects_path != NULL && p->token_path != NULL && p->secrets_key_path != NULL &&
        p->broker_folder != NULL && p->hash_path != NULL && p->ready_path != NULL && p->ca_path != NULL &&
        p->plugin_path != NULL) {
        (void)unlink(p->ready_path); /* of a ferryd that died */
        return FERRY_OK;
    }
    ferry_log(FERRY_LOG_ERROR, "data", "%s", ferry_err_text(FERRY_E_NOMEM));
    return FERRY_E_NOMEM;
}

static ferry_err cannot_use_store(const struct platform *p, ferry_err err)
{
    char shown[STORE_ANY_TEXT_SIZE], why[STORE_ANY_TEXT_SIZE];

    store_any_show(p->store_path, shown);
    store_any_explain(p->store, err, why);
    ferry_log(FERRY_LOG_ERROR, "store", "cannot use the database %s: %s", shown, why);
    return err;
}

static ferry_err open_store(struct platform *p)
{
    const struct store_any_config cfg = {
        .address = p->store_path, .busy_ms = STORE_BUSY_MS, .batch_max = (uint32_t)p->config->batch_max};
    char problem[SEALING_PROBLEM_SIZE] = "";
    struct store_conn *conn = NULL;
    ferry_err err = store_any_open(&cfg, &p->store);

    if (err == FERRY_OK)
        err = p->store->ops->connect(p->store, STORE_WRITER, &conn);
    if (err == FERRY_OK)
        (void)audit_check_end(p->store->ops, conn);
    if (err == FERRY_OK)
        err = sealing_open(p->store, conn, p->secrets_key_path, p->config->rotate_secrets_key, &p->seal_keys, problem);
    if (err == FERRY_OK)
        err = secrets_open(p->store, conn, p->token_path, p->config->new_admin_token, ferry_wall_ms(), &p->secrets);
    if (err == FERRY_OK && !p->config->new_admin_token && !p->config->rotate_secrets_key)
        err = settings_log(p->config, p->store, conn, ferry_wall_ms());
    if (err == FERRY_OK)
        err = url_keys_open(p->store, conn, &p->seal_keys, p->config->url_key, ferry_wall_ms(), p->config->url_life_s,
                            &p->url_keys);
    if (p->store != NULL)
        p->store->ops->disconnect(conn);
    if (err != FERRY_OK && problem[0] != '\0')
        ferry_log(FERRY_LOG_ERROR, "data", "%s", problem);
    else if (err != FERRY_OK)
        return cannot_use_store(p, err);
    return err;
}

/* --- listeners and objects -------------------------------------------------------------------------------- */

static ferry_err bind_one(const char *ip, uint64_t port, const char *flag, int *fd, struct address *at)
{
    char problem[ADDRESS_PROBLEM_SIZE];
    struct address wanted;
    ferry_err err = address_parse(ip, (uint16_t)port, &wanted);

    if (err != FERRY_OK) /* the settings were checked */
        return err;
    err = address_listen(&wanted, flag, fd, at, problem);
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "http", "%s", problem);
    return err;
}

static ferry_err bind_listeners(struct platform *p)
{
    const struct config *c = p->config;
    ferry_err err = bind_one(c->listen, c->objects_port, "--objects-port", &p->objects_fd, &p->objects_at);

    if (err == FERRY_OK)
        err = bind_one(c->api_listen, c->api_port, "--api-port", &p->api_fd, &p->api_at);
    if (err == FERRY_OK)
        err = platform_check_plain(p, CONFIG_OBJECTS, "objects", &p->objects_at);
    if (err == FERRY_OK)
        err = platform_check_plain(p, CONFIG_API, "api", &p->api_at);
    return err;
}

static const char *http_scheme(const struct platform *p, unsigned listener)
{
    return (p->tls_listeners & listener) != 0 ? "https" : "http";
}

/* What object URLs begin with when nobody says. "All addresses" is none: then the machine's name must do. */
static char *default_public_url(const struct platform *p)
{
    char url[ADDRESS_URL_SIZE], name[FERRY_URL_HOST_VENDOR_MAX + 1] = "localhost";
    const char *scheme = http_scheme(p, CONFIG_OBJECTS);

    if (!address_is_any(&p->objects_at)) {
        address_url(&p->objects_at, scheme, url);
        return ferry_strdup(url);
    }
    if (gethostname(name, sizeof(name)) != 0 || memchr(name, '\0', sizeof(name)) == NULL)
        (void)snprintf(name, sizeof(name), "localhost");
    ferry_log(FERRY_LOG_WARN, "http",
              "devices are told to reach their files at %s://%s:%u: say with --public-url if they cannot", scheme, name,
              address_port(&p->objects_at));
    return ferry_asprintf("%s://%s:%u", scheme, name, address_port(&p->objects_at));
}

static ferry_err name_public_url(struct platform *p)
{
    p->public_url = p->config->public_url != NULL ? ferry_strdup(p->config->public_url) : default_public_url(p);
    return p->public_url != NULL ? FERRY_OK : FERRY_E_NOMEM;
}

static ferry_err list_settings(struct platform *p)
{
    p->settings = config_list(p->config);
    return p->settings != NULL ? FERRY_OK : FERRY_E_NOMEM;
}

/* --- engine and planes ------------------------------------------------------------------------------------ */

static ferry_err start_engine(struct platform *p)
{
    const struct config *c = p->config;
    struct engine_parts parts = {.store = p->store, .objects = p->objects, .bus = p->bus, .clock = clock_system()};
    struct engine_settings settings = {0};
    ferry_err err;

    engine_settings_defaults(&settings);
    settings.inbox_max = (uint32_t)c->inbox_max;
    settings.batch_max = (uint32_t)c->batch_max;
    settings.object_size_max = c->object_size_max;
    settings.url_life_s = (uint32_t)c->url_life_s;
    settings.uploads_open_max = (uint32_t)c->uploads_open_max;
    settings.push_retry_first_s = (uint32_t)c->push_retry_first_s;
    settings.push_retry_max_s = (uint32_t)c->push_retry_max_s;
    settings.deploy_retry_first_s = (uint32_t)c->deploy_retry_first_s;
    settings.deploy_retry_max_s = (uint32_t)c->deploy_retry_max_s;
    settings.retention_days = (uint32_t)c->retention_days;
    settings.audit_retention_days = (uint32_t)c->audit_retention_days;
    settings.events_days = (uint32_t)c->events_days;
    settings.events_max = c->events_max;
    settings.statistics_days = (uint32_t)c->statistics_days;
    settings.no_presence_events = c->no_presence_events;
    settings.resource_upload_life_s = (uint32_t)c->resource_upload_life_s;
    settings.answers_kept_s = (uint32_t)c->answers_kept_s;
    settings.answers_max = (uint32_t)c->answers_max;
    settings.session_idle_s = (uint32_t)c->session_idle_s;
    settings.session_life_s = (uint32_t)c->session_life_s;
    settings.quota = c->quota;
    settings.webhooks_max = (uint32_t)c->webhooks_max;
    settings.device_requests_per_min = (uint32_t)c->device_requests_per_min;
    settings.broker_is_ours = platform_broker_is_ours(p);
    err = engine_new(&parts, &settings, &p->engine);
    if (err == FERRY_OK)
        err = engine_start(p->engine);
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "engine", "cannot start: %s", ferry_err_text(err));
    return err;
}

static void limit_objects(const struct config *c, struct object_plane_config *objects)
{
    object_plane_limits_defaults(&objects->limits);
    objects->limits.connections_max = (uint32_t)c->objects_connections_max;
    objects->limits.per_address_max = (uint32_t)c->objects_per_address_max;
    objects->limits.address_requests_per_min = (uint32_t)c->objects_requests_per_min;
    objects->limits.device_requests_per_min = (uint32_t)c->device_transfers_per_min;
    objects->limits.device_transfers_max = (uint32_t)c->device_transfers_max;
    objects->limits.uploads_max = (uint32_t)c->objects_uploads_max;
    objects->device_bytes_max = c->device_bytes_max;
    objects->address_bytes_max = c->objects_bytes_in_flight_max;
}

static void limit_api(const struct config *c, struct api_server_limits *limits)
{
    api_server_limits_defaults(limits);
    limits->connections_max = (uint32_t)c->api_connections_max;
    limits->per_address_max = (uint32_t)c->api_per_address_max;
    limits->address_requests_per_min = (uint32_t)c->api_requests_per_min;
    limits->streams_per_caller = (uint32_t)c->api_streams_per_caller;
}

static ferry_err start_planes(struct platform *p)
{
    struct object_plane_config objects = {
        .listen_fd = p->objects_fd,
        .engine = p->engine,
        .store = p->store,
        .objects = p->objects,
        .seal_keys = &p->seal_keys,
        .traffic = &p->traffic,
        .tls = (p->tls_listeners & CONFIG_OBJECTS) != 0 ? p->tls : NULL,
    };
    struct api_server_config api = {
        .listen_fd = p->api_fd,
        .engine = p->engine,
        .store = p->store,
        .objects = p->objects,
        .scrub = p->scrub,
        .object_size_max = p->config->object_size_max,
        .quota = p->config->quota,
        .seal_keys = &p->seal_keys,
        .traffic = &p->traffic,
        .mqtt_http = p->config->mqtt_http,
        .allow_plain_secret = p->config->allow_plain_secret,
        .version = FERRY_VERSION,
        .settings = p->settings,
        .speaks_tls = (p->tls_listeners & CONFIG_API) != 0,
        .certificate = p->tls,
        .url_life_s = (uint32_t)p->config->url_life_s,
        .session_idle_s = (uint32_t)p->config->session_idle_s,
        .answers_kept_s = (uint32_t)p->config->answers_kept_s,
    };
    ferry_err err;

    limit_objects(p->config, &objects);
    limit_api(p->config, &api.limits);
    err = ferry_subnets_parse(p->config->trusted_proxies, &api.proxies);
    objects.proxies = api.proxies;
    if (err == FERRY_OK)
        err = object_plane_start(&objects, &p->object_plane);
    if (err == FERRY_OK) {
        p->objects_fd = -1; /* the plane's now */
        err = api_server_start(&api, &p->api_server);
    }
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "http", "cannot start: %s", ferry_err_text(err));
    return err;
}

static void forget_object(void *arg, const ferry_id *key)
{
    struct platform *p = arg;

    object_plane_forget(p->object_plane, key);
}

static ferry_err make_scrub(struct platform *p)
{
    p->verify_path = data_folder_file(&p->folder, "verify.json");
    const struct scrub_config cfg = {.engine = p->engine,
                                     .store = p->store,
                                     .objects = p->objects,
                                     .path = p->verify_path,
                                     .forget = forget_object,
                                     .forget_arg = p};
    ferry_err err = p->verify_path != NULL ? scrub_new(&cfg, &p->scrub) : FERRY_E_NOMEM;

    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "scrub", "cannot start: %s", ferry_err_text(err));
    return err;
}

static ferry_err start_webhooks(struct platform *p)
{
    const struct config *c = p->config;
    struct webhooks_config cfg = {
        .engine = p->engine,
        .store = p->store,
        .seal_keys = &p->seal_keys,
        .limits = {.retry_first_s = (uint32_t)c->webhook_retry_first_s,
                   .retry_max_s = (uint32_t)c->webhook_retry_max_s,
                   .failures_max = (uint32_t)c->webhook_failures_max,
                   .park_after_s = (uint32_t)c->webhook_park_after_s},
        .timeout_s = (uint32_t)c->webhook_timeout_s,
        .public_only = c->webhook_public_only,
        .ca_file = c->webhook_ca,
        .version = FERRY_VERSION,
        .event_json = http_event_json,
        .cut_json = http_event_cut_json,
    };
    ferry_err err = webhooks_start(&cfg, &p->webhooks);

    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "webhooks", "cannot start: %s", ferry_err_text(err));
    return err;
}

/* --- ready ------------------------------------------------------------------------------------------------ */

static void mqtt_url(const struct platform *p, char *out, size_t size)
{
    const struct broker_url *url = &p->broker_url;
    const bool v6 = strchr(url->host, ':') != NULL;
    char own[ADDRESS_URL_SIZE];

    if (p->broker != NULL) {
        address_url(&p->mqtt_at, (p->tls_listeners & CONFIG_MQTT) != 0 ? "mqtts" : "mqtt", own);
        (void)snprintf(out, size, "%s", own);
    } else {
        (void)snprintf(out, size, "%s%s://%s%s%s:%u", url->amqp ? "amqp" : "mqtt", url->tls ? "s" : "", v6 ? "[" : "", url->host,
                       v6 ? "]" : "", url->port);
    }
}

static ferry_err announce(struct platform *p)
{
    char mqtt[BROKER_URL_HOST_SIZE + 32], objects[ADDRESS_URL_SIZE], api[ADDRESS_URL_SIZE];
    struct ready_addresses at = {.mqtt = mqtt, .objects = objects, .api = api};
    ferry_err err;

    mqtt_url(p, mqtt, sizeof(mqtt));
    address_url(&p->objects_at, http_scheme(p, CONFIG_OBJECTS), objects);
    address_url(&p->api_at, http_scheme(p, CONFIG_API), api);
    platform_publish_ca(p);
    err = ready_write(p->ready_path, &at, FERRY_VERSION);
    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, "data", "cannot write %s: %s", p->ready_path, ferry_err_text(err));
        return err;
    }
    p->announced = true;
    ferry_log(FERRY_LOG_INFO, "ferryd", "ready: devices at %s and %s, operators at %s, data in %s", mqtt, objects, api,
              p->folder.path);
    ferry_notify(p->notify_socket, "READY=1");
    return FERRY_OK;
}

/* --- life ------------------------------------------------------------------------------------------------- */

static ferry_err (*const start_steps[])(struct platform *p) = {
    open_folder,       name_paths,   open_store,   platform_decide_tls,   bind_listeners,
    name_public_url,   platform_open_tls, platform_open_objects, platform_start_broker, platform_open_bus,
    start_engine,      list_settings, make_scrub, start_planes, platform_start_bus, start_webhooks, announce,
};

static struct platform *platform_new(const struct config *config)
{
    struct platform *p = ferry_calloc(1, sizeof(*p));
    const char *notify_socket = getenv("NOTIFY_SOCKET");

    if (p == NULL) {
        ferry_log(FERRY_LOG_ERROR, "ferryd", "%s", ferry_err_text(FERRY_E_NOMEM));
        return NULL;
    }
    p->config = config;
    p->folder.lock_fd = p->objects_fd = p->api_fd = -1;
    (void)pthread_mutex_init(&p->lock, NULL); /* cannot fail without attributes */
    ferry_cond_init(&p->link_changed);
    if (notify_socket != NULL) {
        p->notify_socket = ferry_strdup(notify_socket);
        (void)unsetenv("NOTIFY_SOCKET"); /* the broker would speak for us */
    }
    return p;
}

static ferry_err run_steps(const struct config *config, size_t count, struct platform **ret_platform)
{
    struct platform *p = platform_new(config);
    ferry_err err = p != NULL ? FERRY_OK : FERRY_E_NOMEM;

    for (size_t i = 0; err == FERRY_OK && i < count; i++)
        err = start_steps[i](p);
    if (err != FERRY_OK) {
        platform_stop(p);
        return err;
    }
    *ret_platform = p;
    return FERRY_OK;
}

ferry_err platform_start(const struct config *config, struct platform **ret_platform)
{
    return run_steps(config, sizeof(start_steps) / sizeof(start_steps[0]), ret_platform);
}

ferry_err platform_change_secrets(const struct config *config)
{
    enum { AS_FAR_AS_THE_STORE = 3 };
    struct platform *p = NULL;
    ferry_err err = run_steps(config, AS_FAR_AS_THE_STORE, &p);

    if (err == FERRY_OK)
        platform_stop(p);
    return err;
}

static void free_parts(struct platform *p)
{
    char *texts[] = {p->store_path, p->objects_path, p->token_path,  p->secrets_key_path, p->broker_folder, p->hash_path,
                     p->ready_path, p->ca_path,      p->plugin_path, p->notify_socket,    p->public_url,
                     p->settings,    p->verify_path};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    if (p->objects_fd >= 0)
        (void)close(p->objects_fd);
    if (p->api_fd >= 0)
        (void)close(p->api_fd);
    for (size_t i = 0; i < sizeof(p->broker_files) / sizeof(p->broker_files[0]); i++)
        free(p->broker_files[i]);
    platform_free_tls(p);
    data_folder_close(&p->folder);
    (void)pthread_cond_destroy(&p->link_changed);
    (void)pthread_mutex_destroy(&p->lock);
    explicit_bzero(p, sizeof(*p));
    free(p);
}

void platform_stop(struct platform *p)
{
    if (p == NULL)
        return;
    if (p->announced)
        ferry_notify(p->notify_socket, "STOPPING=1");
    /* first nothing new comes in, then what is in is finished and answered, then the answers are sent */
    if (p->bus != NULL)
        p->bus->ops->stop(p->bus);
    scrub_stop(p->scrub); /* it calls the object plane and the engine */
    object_plane_stop(p->object_plane);
    api_server_stop(p->api_server);
    scrub_free(p->scrub);
    webhooks_stop(p->webhooks);
    if (p->engine != NULL)
        engine_stop(p->engine);
    engine_free(p->engine);
    if (p->bus != NULL)
        p->bus->ops->close(p->bus);
    managed_broker_stop(p->broker);
    if (p->objects != NULL)
        p->objects->ops->close(p->objects);
    if (p->store != NULL)
        p->store->ops->close(p->store);
    if (p->announced) {
        (void)unlink(p->ready_path);
        (void)unlink(p->ca_path);
    }
    free_parts(p);
}
