/**
 * @file config.h
 * @brief The settings of ferryd: one table, read from flags, environment, file and defaults.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "url_keys.h"

#include "api/quota.h"
#include "base/error.h"
#include "base/settings.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

struct config {
    /* where */
    char *data;
    char *listen;
    char *api_listen;
    uint64_t mqtt_port, objects_port, api_port;
    char *trusted_proxies; /* null: none; see ferry_subnets_parse() */
    char *public_url; /* null: the objects listener's own address */
    char *store, *objects;
    char *objects_credentials; /* null: those of the environment */
    char *log_level, *log_format;
    /* the broker */
    char *broker;
    char *broker_ca;
    char *broker_sharing; /* "auto" or a name, see config_sharing() */
    char *mosquitto;
    char *broker_plugin;
    bool allow_plain_secret;
    bool mqtt_http;
    /* TLS */
    char *tls; /* "auto", or listeners: see config_listeners() */
    char *tls_cert, *tls_key, *tls_ca;
    char *tls_min; /* "1.2" or "1.3" */
    char *device_ca, *device_crl;
    uint64_t mqtts_port, device_cert_port;
    char *allow_plain; /* listeners */
    uint64_t broker_queue_bytes, broker_connections_max, broker_patience_s;
    /* limits */
    uint64_t objects_connections_max, objects_per_address_max, objects_requests_per_min, objects_uploads_max;
    uint64_t api_connections_max, api_per_address_max, api_requests_per_min, api_streams_per_caller;
    uint64_t device_requests_per_min, device_transfers_per_min, device_transfers_max, device_bytes_max;
    uint64_t objects_bytes_in_flight_max;
    uint64_t device_connects_per_min, mqtt_connects_per_min, mqtt_per_address_max;
    struct quota_limits quota;
    uint64_t object_size_max, url_life_s, uploads_open_max;
    uint64_t inbox_max, batch_max;
    uint64_t push_retry_first_s, push_retry_max_s;
    uint64_t deploy_retry_first_s, deploy_retry_max_s;
    uint64_t retention_days, audit_retention_days, events_days, events_max;
    uint64_t statistics_days;
    uint64_t resource_upload_life_s;
    uint64_t answers_kept_s, answers_max;
    uint64_t session_idle_s, session_life_s;
    uint64_t webhooks_max, webhook_timeout_s, webhook_retry_first_s, webhook_retry_max_s, webhook_failures_max,
        webhook_park_after_s;
    bool webhook_public_only;
    bool no_presence_events;
    char *webhook_ca;
    /* one-time actions, not settings */
    bool rotate_secrets_key;
    bool new_admin_token;
    url_key_wish url_key;
};

/** What a broken command line ends with. */
enum { CONFIG_EXIT_USAGE = 2 };

/**
 * @brief Reads everything: flags win over FERRY_... variables, these over the file, this over the defaults.
 *
 * --help, --version and wrong flags end the process (argp). A value that may hold a password is wiped from argv,
 * where the process list would show it.
 * @retval FERRY_OK | others: reterr_message says what is wrong in one line
 * Ownership: config is the caller's and ends with config_done(), also after a failure.
 */
FERRY_MUST_CHECK ferry_err config_read(int argc, char **argv, struct config *config,
                                       char reterr_message[FERRY_SETTING_MESSAGE_SIZE]);

void config_done(struct config *config);

/** @brief Gives a command line to argp. What is wrong with it ends the process with CONFIG_EXIT_USAGE; no memory, with 1. */
void config_take_line(const struct argp *argp, int argc, char **argv, void *input);

/**
 * @brief The settings that are not the defaults, as one JSON object without secrets.
 * Returns a new string, or null without memory.
 */
char *config_describe(const struct config *config);

/** @brief Every setting with its value, default and help, as GET /settings answers: JSON without secrets.
 *  Returns a new string, or null without memory. */
char *config_list(const struct config *config);

#endif
