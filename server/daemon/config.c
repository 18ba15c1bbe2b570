#include "config.h"

#include "config_check.h"

#include "base/alloc.h"
#include "base/rate.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "store/any.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* (setting, type, field, default, least, most, help). The order is that of --help. */
#define TEXT(name, field, fallback, help)                                                                       \
    {name, FERRY_SETTING_TEXT, offsetof(struct config, field), fallback, 0, 0, help}
#define UINT(name, field, fallback, min, max, help)                                                             \
    {name, FERRY_SETTING_UINT, offsetof(struct config, field), fallback, min, max, help}
#define TIME(name, field, fallback, min, max, help)                                                             \
    {name, FERRY_SETTING_SECONDS, offsetof(struct config, field), fallback, min, max, help}
#define FLAG(name, field, help) {name, FERRY_SETTING_BOOL, offsetof(struct config, field), "false", 0, 1, help}

enum { PORT_MAX = 65535 };

static const struct ferry_setting table[] = {
    TEXT("data", data, NULL, "folder for everything that the platform keeps (/var/lib/ferry for root, else "
                             "~/.local/share/ferry)"),
    TEXT("listen", listen, "127.0.0.1", "address where devices come in: MQTT and objects"),
    TEXT("api-listen", api_listen, "127.0.0.1", "address of the operator API"),
    UINT("mqtt-port", mqtt_port, "1883", 0, PORT_MAX, "port of the managed broker; 0: any free one"),
    UINT("objects-port", objects_port, "8080", 0, PORT_MAX, "port of the object URLs; 0: any free one"),
    UINT("api-port", api_port, "8081", 0, PORT_MAX, "port of the operator API; 0: any free one"),
    TEXT("public-url", public_url, NULL, "how devices reach the objects listener, http://host[:port], when it is not "
                                         "by its own address"),
    TEXT("trusted-proxies", trusted_proxies, NULL, "addresses and networks of proxies, joined by commas, whose X-Forwarded-For says who "
                                                   "a client is: for limits of one address, lock-outs and the audit log"),
    TEXT("store", store, "sqlite", "what the platform knows: sqlite (in the data folder) or sqlite:PATH; or postgresql://user:password@host/database "
                           "(better as FERRY_STORE or in the file: it holds a password)"),
    TEXT("objects", objects, "file", "the files: file (in the data folder), file:FOLDER, or s3://BUCKET[/PREFIX] with parameters: "
                                     "?endpoint=URL&region=NAME&style=path|host&public-endpoint=URL&signature=v4|cos&urls=presigned|own&ca=FILE"),
    TEXT("objects-credentials", objects_credentials, NULL, "file (mode 0600) with aws_access_key_id and aws_secret_access_key for s3; "
                                                           "else the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    TEXT("log-level", log_level, "info", "error, warn, info or debug"),
    TEXT("log-format", log_format, "text", "text, or json: one object a line"),

    TEXT("broker", broker, "managed", "managed: a Mosquitto of ferryd's own; or mqtt[s]://user:password@host:port; or "
                                      "RabbitMQ by AMQP, amqp[s]://user:password@host:port,host:port/vhost "
                                      "(better as FERRY_BROKER or in the file: it holds a password)"),
    TEXT("broker-ca", broker_ca, NULL, "certificates (PEM) to trust for mqtts and amqps; else those of the system"),
    TEXT("broker-sharing", broker_sharing, "auto", "how several workers share what devices ask: none (this is the only "
                                                   "one), plugin (Mosquitto with ferry_auth.so), mqtt5 (shared "
                                                   "subscriptions), or auto: as store and broker need it"),
    TEXT("mosquitto", mosquitto, "mosquitto", "program of the managed broker"),
    TEXT("broker-plugin", broker_plugin, NULL, "path of ferry_auth.so, when it is not where it was installed"),
    FLAG("allow-plain-secret", allow_plain_secret, "accept a device's secret itself as password also without TLS, "
                                                   "where it can be read on the network"),
    FLAG("mqtt-http", mqtt_http, "answer other brokers, on the API listener at /mqtt/auth and /mqtt/acl, who may "
                                 "connect and use which topic"),
    TEXT("tls", tls, "auto", "which listeners speak TLS: all, none, or of mqtt,objects,api; auto: all when there is a "
                             "certificate"),
    TEXT("tls-cert", tls_cert, NULL, "certificate with its chain (PEM); else tls/server.pem in the data folder, which "
                                     "`ferryd tls init` makes"),
    TEXT("tls-key", tls_key, NULL, "its key (PEM), mode 0600; else tls/server.key"),
    TEXT("tls-ca", tls_ca, NULL, "what ferryctl on this machine trusts (PEM); else tls/ca.pem if it is there"),
    TEXT("tls-min", tls_min, "1.2", "oldest version of TLS: 1.2 or 1.3"),
    UINT("mqtts-port", mqtts_port, "8883", 0, PORT_MAX, "port of the managed broker with TLS; 0: any free one"),
    TEXT("device-ca", device_ca, NULL, "who signs the certificates of devices (PEM); else tls/device-ca.pem if it is "
                                       "there"),
    TEXT("device-crl", device_crl, NULL, "those that are revoked (PEM); else tls/device-crl.pem if it is there"),
    UINT("device-cert-port", device_cert_port, "8884", 0, PORT_MAX,
         "port of the managed broker for devices with a certificate, when there is a device-ca; 0: any free one"),
    TEXT("allow-plain", allow_plain, "none", "which listeners may be on the network without TLS: none, all, or of "
                                             "mqtt,objects,api"),
    UINT("broker-queue-bytes", broker_queue_bytes, "256M", 1u << 20, 2047u << 20,
         "managed broker: bytes of requests that may wait for ferryd"),
    TIME("broker-patience", broker_patience_s, "15s", 1, 86400,
         "a managed broker that has not let ferryd in for so long is ended and started again"),
    UINT("broker-connections-max", broker_connections_max, "20000", 2, 1000000, "managed broker: connections"),
    UINT("mqtt-per-address-max", mqtt_per_address_max, "0", 0, 1000000,
         "... of devices from one address; 0: no limit (a proxy has one address)"),
    UINT("mqtt-connects-per-minute", mqtt_connects_per_min, "0", 0, FERRY_RATE_PER_MINUTE_MAX,
         "managed broker: attempts to connect from one address, evenly or at once; 0: no limit"),

    UINT("objects-connections-max", objects_connections_max, "2048", 1, 1000000,
         "open connections to the objects listener"),
    UINT("objects-per-address-max", objects_per_address_max, "0", 0, 1000000,
         "... of one address, or requests through a trusted proxy; 0: no limit"),
    UINT("objects-requests-per-minute", objects_requests_per_min, "0", 0, FERRY_RATE_PER_MINUTE_MAX,
         "requests of one address to it, evenly or at once; 0: no limit"),
    UINT("objects-bytes-in-flight-per-address", objects_bytes_in_flight_max, "0", 0, UINT64_MAX / 2,
         "bytes of the files that go to and from one address at a time; one file may always; 0: no limit"),
    UINT("objects-uploads-max", objects_uploads_max, "1024", 1, 1000000, "uploads whose bytes are arriving at a time"),

    UINT("api-connections-max", api_connections_max, "1200", 1, 1000000, "open connections to the operator API"),
    UINT("api-per-address-max", api_per_address_max, "0", 0, 1000000, "... of one address, or requests through a trusted proxy; 0: no limit"),
    UINT("api-requests-per-minute", api_requests_per_min, "0", 0, FERRY_RATE_PER_MINUTE_MAX,
         "requests of one address to it, evenly or at once; 0: no limit"),

    UINT("api-streams-per-caller", api_streams_per_caller, "128", 1, 1024, "event streams of one token or user at a time, of 1024 for all"),

    UINT("device-connects-per-minute", device_connects_per_min, "120", 0, FERRY_RATE_PER_MINUTE_MAX,
         "managed broker: connects of one device, evenly or at once; 0: no limit"),
    UINT("device-requests-per-minute", device_requests_per_min, "6000", 0, FERRY_RATE_PER_MINUTE_MAX,
         "MQTT requests of one device, evenly or at once; more are answered with busy; 0: no limit"),
    UINT("device-transfers-per-minute", device_transfers_per_min, "6000", 0, FERRY_RATE_PER_MINUTE_MAX,
         "HTTP requests with URLs of one device; 0: no limit"),
    UINT("device-transfers-max", device_transfers_max, "32", 0, 1000000,
         "... of these at a time; 0: no limit"),
    UINT("device-bytes-in-flight-max", device_bytes_max, "10G", 0, UINT64_MAX / 2,
         "bytes of the files that these carry; one file may always; 0: no limit"),

    UINT("quota-product-bytes", quota.product_bytes, "0", 0, INT64_MAX,
         "bytes that a product may keep: resources and uploads of all its devices; 0: no limit. A product may have "
         "limits of its own (ferryctl quota set)"),
    UINT("quota-product-files", quota.product_files, "0", 0, INT64_MAX, "... files; 0: no limit"),
    UINT("quota-device-bytes", quota.device_bytes, "0", 0, INT64_MAX,
         "bytes that the uploads of one device may take; 0: no limit"),
    UINT("quota-device-files", quota.device_files, "0", 0, INT64_MAX, "... files; 0: no limit"),

    UINT("object-size-max", object_size_max, "5G", 1, UINT64_MAX / 2, "bytes of one file"),
    TIME("url-life", url_life_s, "1h", FERRY_URL_LIFE_MIN_S, FERRY_URL_LIFE_MAX_S, "life of an object URL"),
    UINT("uploads-open-max", uploads_open_max, "16", 1, 63, "unfinished uploads of one device"),
    UINT("inbox-max", inbox_max, "65536", 1, 1u << 24, "commands that may wait; more are answered with busy"),
    UINT("batch-max", batch_max, "512", 1, 1u << 16, "commands in one transaction"),
    TIME("push-retry-first", push_retry_first_s, "15s", 1, 86400, "a push without a sign of life is repeated after "
                                                                  "this, then doubling"),
    TIME("push-retry-max", push_retry_max_s, "15m", 1, 86400, "... up to this"),
    TIME("deploy-retry-first", deploy_retry_first_s, "1m", 1, 86400, "a device that failed is tried again after this, "
                                                                     "when its deployment has retries, then doubling"),
    TIME("deploy-retry-max", deploy_retry_max_s, "1h", 1, 86400, "... up to this"),
    UINT("retention-days", retention_days, "90", 0, 36500, "finished tasks are kept that long; 0: for ever"),
    UINT("audit-retention-days", audit_retention_days, "0", 0, 36500, "the audit log is kept that long; 0: for ever"),
    UINT("events-days", events_days, "30", 0, 36500, "events are kept that long; 0: for any time"),
    UINT("events-max", events_max, "1000000", 1, 1u << 30, "... but no more of them than this"),
    UINT("statistics-days", statistics_days, "400", 0, 36500, "the numbers by the hour are kept that long; 0: for ever"),
    FLAG("no-presence-events", no_presence_events, "that devices come and go is not in the event log"),
    TIME("resource-upload-life", resource_upload_life_s, "7d", 60, 365 * 86400,
         "a resource that is sent in parts is given up when nothing came for that long"),
    TIME("answers-kept", answers_kept_s, "24h", 60, 30 * 86400,
         "the answer to a request with an Idempotency-Key is given again for that long"),
    UINT("answers-max", answers_max, "100000", 1, 1u << 24, "... but no more of them than this are kept"),
    UINT("webhooks-max", webhooks_max, "100", 0, 1000, "webhooks, each of which may hold a connection"),
    TIME("webhook-timeout", webhook_timeout_s, "10s", 1, 300, "time of a webhook's receiver to answer"),
    TIME("webhook-retry-first", webhook_retry_first_s, "5s", 1, 86400, "what it did not take is sent again after this, "
                                                                       "then doubling"),
    TIME("webhook-retry-max", webhook_retry_max_s, "1h", 1, 86400, "... up to this"),
    UINT("webhook-failures-max", webhook_failures_max, "0", 0, 1000000,
         "a webhook is parked after so many failures in a row; 0: after its time only"),
    TIME("webhook-park-after", webhook_park_after_s, "3d", 1, 365 * 86400, "... and when it has failed for that long"),
    FLAG("webhook-public-only", webhook_public_only, "webhooks may not reach private networks and this machine"),
    TEXT("webhook-ca", webhook_ca, NULL, "certificates (PEM) to trust for https receivers; else those of the system"),
    TIME("session-idle", session_idle_s, "30m", 60, 86400, "a console session that nobody uses ends after this"),
    TIME("session-life", session_life_s, "12h", 60, 30 * 86400, "... and at this age in any case"),
};
enum { SETTINGS = sizeof(table) / sizeof(table[0]) };

/* Keys of argp: settings by their index, behind every character; then what is no setting. */
enum {
    KEY_SETTING = 1000,
    KEY_CONFIG = KEY_SETTING + SETTINGS,
    KEY_NEW_ADMIN_TOKEN,
    KEY_NEW_URL_KEY,
    KEY_ROTATE_SECRETS_KEY,
    KEY_VERSION
};

struct flags {
    const char *config_path;
    bool new_admin_token, rotate_secrets_key;
    url_key_wish url_key;
    char *values[SETTINGS]; /* as given, null when not; they outlive argp */
};

static void version(FILE *stream, struct argp_state *state)
{
    (void)state;
    (void)fprintf(stream, "ferryd %s\n", FERRY_VERSION);
}

/* Better in the file or the environment than as a flag. */
static bool holds_password(const char *setting)
{
    return strcmp(setting, "broker") == 0 || strcmp(setting, "store") == 0;
}

static error_t take_flag(int key, char *arg, struct argp_state *state)
{
    struct flags *flags = state->input;

    if (key >= KEY_SETTING && key < KEY_SETTING + SETTINGS) {
        char **value = &flags->values[key - KEY_SETTING];

        free(*value);
        *value = ferry_strdup(arg != NULL ? arg : "true");
        if (*value == NULL)
            argp_failure(state, EXIT_FAILURE, 0, "out of memory");
        if (arg != NULL && holds_password(table[key - KEY_SETTING].name))
            memset(arg, 'x', strlen(arg)); /* the process list shows argv to everybody */
        return 0;
    }
    switch (key) {
    case KEY_CONFIG:
        flags->config_path = arg;
        return 0;
    case KEY_NEW_ADMIN_TOKEN:
        flags->new_admin_token = true;
        return 0;
    case KEY_NEW_URL_KEY:
        if (url_key_wish_parse(arg, &flags->url_key) != FERRY_OK)
            argp_error(state, "--new-url-key: write overlap or at-once, not '%s'", arg);
        return 0;
    case KEY_ROTATE_SECRETS_KEY:
        flags->rotate_secrets_key = true;
        return 0;
    case KEY_VERSION:
        version(stdout, state);
        exit(EXIT_SUCCESS);
    case ARGP_KEY_ARG:
        argp_error(state, "what is '%s'? All settings are flags", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What --help shows behind the name. */
static const char *argument_name(const struct ferry_setting *setting)
{
    static const char *const by_type[] = {
        [FERRY_SETTING_UINT] = "N",
        [FERRY_SETTING_SECONDS] = "TIME",
        [FERRY_SETTING_BOOL] = "BOOL",
        [FERRY_SETTING_TEXT] = "TEXT",
    };
    static const char *const by_name[][2] = {
        {"data", "DIR"},       {"listen", "ADDR"},        {"api-listen", "ADDR"}, {"public-url", "URL"},  {"trusted-proxies", "NETWORKS"},
        {"store", "URL"},      {"objects", "URL"},        {"objects-credentials", "FILE"}, {"broker", "URL"},      {"broker-ca", "FILE"},   {"broker-sharing", "HOW"},
        {"mosquitto", "FILE"}, {"broker-plugin", "FILE"}, {"log-level", "LEVEL"}, {"log-format", "FORMAT"},
        {"tls", "LISTENERS"},  {"allow-plain", "LISTENERS"},
        {"tls-cert", "FILE"},  {"tls-key", "FILE"},       {"tls-ca", "FILE"},
        {"tls-min", "VERSION"}, {"device-ca", "FILE"},    {"device-crl", "FILE"},
        {"webhook-ca", "FILE"},
    };

    for (size_t i = 0; i < sizeof(by_name) / sizeof(by_name[0]); i++)
        if (strcmp(setting->name, by_name[i][0]) == 0)
            return by_name[i][1];
    return by_type[setting->type];
}

/* Fills options from the table; docs holds the help texts with their defaults. */
static bool make_options(struct argp_option *options, char *docs[SETTINGS])
{
    for (size_t i = 0; i < SETTINGS; i++) {
        docs[i] = table[i].fallback == NULL ? ferry_strdup(table[i].help)
                                            : ferry_asprintf("%s [%s]", table[i].help, table[i].fallback);
        if (docs[i] == NULL)
            return false;
        options[i] = (struct argp_option){
            .name = table[i].name,
            .key = KEY_SETTING + (int)i,
            .arg = argument_name(&table[i]),
            .flags = table[i].type == FERRY_SETTING_BOOL ? OPTION_ARG_OPTIONAL : 0,
            .doc = docs[i],
        };
    }
    return true;
}

/* What is no setting, and the end of the list. */
static const struct argp_option actions[] = {
    {.name = "config", .key = KEY_CONFIG, .arg = "FILE", .doc = "settings, one name = value on each line"},
    {.name = "new-admin-token", .key = KEY_NEW_ADMIN_TOKEN, .group = -1,
     .doc = "replace the operator's first token, write it to admin.token, and end"},
    {.name = "new-url-key", .key = KEY_NEW_URL_KEY, .arg = "WHEN", .group = -1,
     .doc = "make a new key that signs object URLs, and end. WHEN: overlap (URLs that were given out stay good until "
            "they expire) or at-once (they are refused)"},
    {.name = "rotate-secrets-key", .key = KEY_ROTATE_SECRETS_KEY, .group = -1,
     .doc = "seal all secrets with a new key, write it to secrets.key, and end"},
    {.name = "version", .key = KEY_VERSION, .doc = "print the version", .group = -1},
    {0},
};

/* A line that lacks memory is never taken for a shorter one, with another data folder. */
void config_take_line(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = CONFIG_EXIT_USAGE;
    if (argp_parse(argp, argc, argv, 0, NULL, input) != 0) {
        (void)fprintf(stderr, "ferryd: out of memory\n");
        exit(EXIT_FAILURE);
    }
}

static void parse_flags(int argc, char **argv, struct flags *flags)
{
    struct argp_option options[SETTINGS + sizeof(actions) / sizeof(actions[0])];
    char *docs[SETTINGS] = {NULL};
    const struct argp argp = {
        .options = options,
        .parser = take_flag,
        .doc = "Ferry's platform: moves files between devices and this machine.\v"
               "Every setting is a flag, an environment variable (FERRY_MQTT_PORT for --mqtt-port) and a line of the "
               "file (mqtt-port = 1883); a flag wins over the environment, that over the file. Numbers take k, M, G; "
               "times take s, m, h, d.",
    };

    memcpy(options + SETTINGS, actions, sizeof(actions));
    if (!make_options(options, docs)) {
        (void)fprintf(stderr, "ferryd: out of memory\n");
        exit(EXIT_FAILURE);
    }
    config_take_line(&argp, argc, argv, flags);
    for (size_t i = 0; i < SETTINGS; i++)
        free(docs[i]);
}

static ferry_err apply_flags(const struct flags *flags, struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    for (size_t i = 0; i < SETTINGS; i++) {
        char origin[64];
        ferry_err err;

        if (flags->values[i] == NULL)
            continue;
        (void)snprintf(origin, sizeof(origin), "--%s", table[i].name);
        err = ferry_settings_set(table, SETTINGS, config, table[i].name, flags->values[i], origin, message);
        if (err != FERRY_OK)
            return err;
    }
    return FERRY_OK;
}

/* Where data goes when nobody says. */
static ferry_err default_data(struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    const char *home = getenv("HOME");

    if (config->data != NULL)
        return FERRY_OK;
    if (geteuid() == 0)
        config->data = ferry_strdup("/var/lib/ferry");
    else if (home != NULL && home[0] == '/')
        config->data = ferry_asprintf("%s/.local/share/ferry", home);
    else {
        (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE, "say with --data where the platform keeps its data");
        return FERRY_E_ARG;
    }
    if (config->data != NULL)
        return FERRY_OK;
    (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE, "%s", ferry_err_text(FERRY_E_NOMEM));
    return FERRY_E_NOMEM;
}

/* What is told as JSON, and goes into the log. */
static ferry_err check_texts(const struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *text = table[i].type == FERRY_SETTING_TEXT ? *(char *const *)((const char *)config + table[i].offset) : NULL;

        if (text != NULL && !ferry_utf8_valid(ferry_text_of(text))) {
            (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE, "--%s: write it as UTF-8", table[i].name);
            return FERRY_E_FORMAT;
        }
    }
    return FERRY_OK;
}

static ferry_err apply_all(const struct flags *flags, struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    const char *path = flags->config_path != NULL ? flags->config_path : getenv("FERRY_CONFIG");
    ferry_err err = FERRY_OK;

    if (path != NULL && path[0] != '\0')
        err = ferry_settings_from_file(table, SETTINGS, config, path, message);
    if (err == FERRY_OK)
        err = ferry_settings_from_env(table, SETTINGS, config, message);
    if (err == FERRY_OK)
        err = apply_flags(flags, config, message);
    if (err == FERRY_OK)
        err = default_data(config, message);
    if (err == FERRY_OK)
        err = check_texts(config, message);
    if (err == FERRY_OK)
        err = config_check(config, message);
    return err;
}

ferry_err config_read(int argc, char **argv, struct config *config, char reterr_message[FERRY_SETTING_MESSAGE_SIZE])
{
    struct flags flags = {.config_path = NULL};
    ferry_err err;

    *config = (struct config){.data = NULL};
    parse_flags(argc, argv, &flags);
    err = ferry_settings_defaults(table, SETTINGS, config);
    if (err != FERRY_OK)
        (void)snprintf(reterr_message, FERRY_SETTING_MESSAGE_SIZE, "%s", ferry_err_text(err));
    else
        err = apply_all(&flags, config, reterr_message);
    config->new_admin_token = flags.new_admin_token;
    config->url_key = flags.url_key;
    config->rotate_secrets_key = flags.rotate_secrets_key;
    for (size_t i = 0; i < SETTINGS; i++)
        free(flags.values[i]);
    return err;
}

void config_done(struct config *config)
{
    ferry_settings_done(table, SETTINGS, config);
}

/* --- for the audit log and the API ---------------------------------------------------------------------------- */

enum {
    DESCRIBED_TEXT_MAX = 120, /* characters of one value: the whole must fit into a record */
    LISTED_TEXT_MAX = 4096,
    UTF8_MAX = 4, /* bytes of a character */
};

/* Cut where a character ends. */
static json_t *cut_json(const char *text, size_t max)
{
    ferry_text cut = ferry_utf8_cut(ferry_text_of(text), max);

    return json_stringn(cut.ptr, cut.len);
}

/* The addresses of the broker and of the store may hold a password. */
static json_t *text_json(const char *text, size_t max)
{
    const char *at = strrchr(text, '@');
    char shown[LISTED_TEXT_MAX + UTF8_MAX], store[STORE_ANY_TEXT_SIZE];

    if (store_any_is_server(text)) {
        store_any_show(text, store);
        if (!ferry_utf8_valid(ferry_text_of(store))) /* "%fe" in it */
            return json_string("postgresql://...");
        return cut_json(store, max < sizeof(store) - UTF8_MAX ? max : sizeof(store) - UTF8_MAX);
    }
    (void)snprintf(shown, sizeof(shown), "%s%s", at != NULL ? "...@" : "", at != NULL ? at + 1 : text);
    return cut_json(shown, max);
}

static json_t *value_json(const struct ferry_setting *setting, const struct config *config, size_t text_max)
{
    const void *field = (const char *)config + setting->offset;

    switch (setting->type) {
    case FERRY_SETTING_UINT:
    case FERRY_SETTING_SECONDS:
        return json_integer((json_int_t) * (const uint64_t *)field);
    case FERRY_SETTING_BOOL:
        return json_boolean(*(const bool *)field);
    case FERRY_SETTING_TEXT:
        break;
    }
    const char *text = *(char *const *)field;
    return text != NULL ? text_json(text, text_max) : json_null();
}

char *config_describe(const struct config *config)
{
    struct config fallback = {0};
    json_t *object = json_object();
    bool good = object != NULL && ferry_settings_defaults(table, SETTINGS, &fallback) == FERRY_OK;

    for (size_t i = 0; good && i < SETTINGS; i++) {
        json_t *now = value_json(&table[i], config, DESCRIBED_TEXT_MAX);
        json_t *unset = value_json(&table[i], &fallback, DESCRIBED_TEXT_MAX);
        good = now != NULL && unset != NULL;
        if (good && !json_equal(now, unset))
            good = json_object_set(object, table[i].name, now) == 0;
        json_decref(now);
        json_decref(unset);
    }
    char *text = good ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    ferry_settings_done(table, SETTINGS, &fallback);
    return text;
}

static json_t *setting_json(const struct ferry_setting *setting, const struct config *config, const struct config *fallback)
{
    static const char *const types[] = {
        [FERRY_SETTING_UINT] = "number",
        [FERRY_SETTING_SECONDS] = "seconds",
        [FERRY_SETTING_BOOL] = "yes_no",
        [FERRY_SETTING_TEXT] = "text",
    };

    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "name", setting->name, "type", types[setting->type], "value",
                     value_json(setting, config, LISTED_TEXT_MAX), "default", value_json(setting, fallback, LISTED_TEXT_MAX),
                     "help", setting->help);
}

char *config_list(const struct config *config)
{
    struct config fallback = {0};
    json_t *items = json_array();
    bool good = items != NULL && ferry_settings_defaults(table, SETTINGS, &fallback) == FERRY_OK;

    for (size_t i = 0; good && i < SETTINGS; i++)
        good = json_array_append_new(items, setting_json(&table[i], config, &fallback)) == 0;
    ferry_settings_done(table, SETTINGS, &fallback);
    json_t *object = good ? json_pack("{s:O}", "items", items) : NULL;
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    json_decref(items);
    return text;
}
