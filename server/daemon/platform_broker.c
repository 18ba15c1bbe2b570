/* The platform's way to its devices: the broker, and the bus that connects to it. */
#include "platform_internal.h"

#include "config_check.h"

#include "amqp/amqp_bus.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"
#include "base/wait.h"
#include "mqtt/mosquitto_bus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
    LINK_TIMEOUT_S = 30,     /* at least, for our own broker to let us in, or the one that replaces it */
    DESCRIPTORS_SPARE = 128, /* of a broker's descriptors, those that are no connections */
};

static uint64_t connections_possible(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        wanted + DESCRIPTORS_SPARE <= limit.rlim_cur)
        return wanted;
    return limit.rlim_cur > 2 * DESCRIPTORS_SPARE ? limit.rlim_cur - DESCRIPTORS_SPARE : DESCRIPTORS_SPARE;
}

/* Our own account at our own broker, with a password of this start. */
static ferry_err use_service_account(struct platform *p)
{
    char password[SECRETS_PASSWORD_SIZE];
    ferry_err err = secrets_new_password(p->hash_path, password);

    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, "broker", "cannot write %s: %s", p->hash_path, ferry_err_text(err));
        return err;
    }
    (void)snprintf(p->broker_url.username, sizeof(p->broker_url.username), "ferryd");
    (void)snprintf(p->broker_url.password, sizeof(p->broker_url.password), "%s", password);
    explicit_bzero(password, sizeof(password));
    return FERRY_OK;
}

/* What platform_open_tls() has put into the broker's folder. */
static ferry_err name_tls(struct platform *p, struct broker_tls *tls)
{
    static const char *const names[] = {"server.pem", "server.key", "device-ca.pem", "device-crl.pem"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (p->broker_files[i] == NULL)
            p->broker_files[i] = ferry_asprintf("%s/%s", p->broker_folder, names[i]);
        if (p->broker_files[i] == NULL)
            return FERRY_E_NOMEM;
    }
    *tls = (struct broker_tls){
        .cert = p->broker_files[0],
        .key = p->broker_files[1],
        .device_ca = p->tls_paths.device_ca != NULL ? p->broker_files[2] : NULL,
        .device_crl = p->tls_paths.device_crl != NULL ? p->broker_files[3] : NULL,
        .device_stamp = p->device_stamp,
        .only_1_3 = strcmp(p->config->tls_min, "1.3") == 0,
    };
    return FERRY_OK;
}

static struct address loopback_beside(const struct address *at)
{
    struct address any = *at;

    if (at->socket.any.sa_family == AF_INET)
        any.socket.v4.sin_addr.s_addr = htonl(INADDR_ANY);
    else
        any.socket.v6.sin6_addr = in6addr_any;
    return address_to_reach(&any);
}

/* The plain listener is where --listen says; with TLS only if that is allowed, else on loopback: for ferryd itself. */
static ferry_err place_listeners(struct platform *p, struct managed_broker_config *cfg)
{
    const struct config *c = p->config;
    const bool tls = (p->tls_listeners & CONFIG_MQTT) != 0;
    struct address at;
    unsigned allowed = 0;
    ferry_err err = address_parse(c->listen, (uint16_t)c->mqtt_port, &at);

    if (err != FERRY_OK || !config_listeners(c->allow_plain, &allowed)) /* the settings were checked */
        return FERRY_E_ARG;
    cfg->listeners[BROKER_PLAIN] = at;
    if (!tls)
        return platform_check_plain(p, CONFIG_MQTT, "mqtt", &at);
    if (!address_is_loopback(&at) && (allowed & CONFIG_MQTT) == 0)
        cfg->listeners[BROKER_PLAIN] = loopback_beside(&at);
    else if (!address_is_loopback(&at))
        ferry_log(FERRY_LOG_WARN, "tls", "mqtt on %s is also open without TLS: others on the network can read along "
                                         "(--allow-plain)", c->listen);
    cfg->listeners[BROKER_TLS] = address_with_port(&at, (uint16_t)c->mqtts_port);
    p->takes_certificates = p->tls_paths.device_ca != NULL;
    if (p->takes_certificates)
        cfg->listeners[BROKER_CERT] = address_with_port(&at, (uint16_t)c->device_cert_port);
    return name_tls(p, &cfg->tls);
}

ferry_err platform_listen_for_certificates(struct platform *p)
{
    struct broker_tls tls;
    struct address at;
    ferry_err err = address_parse(p->config->listen, (uint16_t)p->config->device_cert_port, &at);

    if (err == FERRY_OK)
        err = name_tls(p, &tls);
    if (err == FERRY_OK)
        err = managed_broker_listen_for_certificates(p->broker, &at, &tls);
    p->takes_certificates = p->takes_certificates || err == FERRY_OK;
    return err;
}

static ferry_err start_managed(struct platform *p)
{
    struct managed_broker_config cfg = {
        .version = FERRY_VERSION,
        .folder = p->broker_folder,
        .program = p->config->mosquitto,
        .plugin = p->plugin_path,
        .store_path = p->store_path,
        .secrets_key_path = p->secrets_key_path,
        .allow_plain_secret = p->config->allow_plain_secret,
        .queue_bytes = p->config->broker_queue_bytes,
        .connections_max = connections_possible(p->config->broker_connections_max),
        .patience_ms = 1000 * p->config->broker_patience_s,
        .limits = {p->config->device_connects_per_min, p->config->mqtt_connects_per_min, p->config->mqtt_per_address_max},
    };
    struct address plain, reach;
    ferry_err err = use_service_account(p);

    if (err == FERRY_OK)
        err = place_listeners(p, &cfg);
    if (err == FERRY_OK)
        err = managed_broker_start(&cfg, &p->broker);
    if (err != FERRY_OK)
        return err;
    p->mqtt_at = managed_broker_address(p->broker, cfg.tls.cert != NULL ? BROKER_TLS : BROKER_PLAIN);
    plain = managed_broker_address(p->broker, BROKER_PLAIN);
    reach = address_to_reach(&plain);
    address_ip(&reach, p->broker_url.host);
    p->broker_url.port = address_port(&reach);
    return FERRY_OK;
}

ferry_err platform_start_broker(struct platform *p)
{
    char problem[BROKER_URL_MESSAGE_SIZE];
    ferry_err err;

    if (config_broker_is_managed(p->config))
        return start_managed(p);
    err = broker_url_parse(p->config->broker, &p->broker_url, problem);
    if (err != FERRY_OK) /* the settings were checked */
        ferry_log(FERRY_LOG_ERROR, "broker", "%s", problem);
    return err;
}

bool platform_broker_is_ours(const struct platform *p)
{
    return p->broker != NULL || p->sharing == BUS_SHARING_PLUGIN || p->sharing == BUS_SHARING_AUTO;
}

/* Of workers that share a database none is another one's client. */
static char *client_id(const struct platform *p)
{
    uint32_t chance;

    if (p->sharing == BUS_SHARING_NONE)
        return ferry_strdup(p->secrets.client_id);
    ferry_random_bytes(&chance, sizeof(chance));
    return ferry_asprintf("%s.%08" PRIx32, p->secrets.client_id, chance);
}

static const char *given(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static ferry_err open_mqtt(struct platform *p, const struct broker_url *url)
{
    ferry_autofree char *id = client_id(p);
    struct mosquitto_bus_config cfg = {
        .host = url->host,
        .port = url->port,
        .username = given(url->username),
        .password = given(url->password),
        .client_id = id,
        .sharing = p->sharing,
        .tls = url->tls,
        .ca_file = url->tls ? p->config->broker_ca : NULL,
    };

    return id != NULL ? mosquitto_bus_open(&cfg, &p->bus) : FERRY_E_NOMEM;
}

static ferry_err open_amqp(struct platform *p, const struct broker_url *url)
{
    struct amqp_bus_node nodes[1 + BROKER_URL_MORE_MAX] = {{url->host, url->port}};
    struct amqp_bus_config cfg = {
        .nodes = nodes,
        .node_count = 1 + url->more_count,
        .username = given(url->username),
        .password = given(url->password),
        .vhost = url->vhost,
        .tls = url->tls,
        .ca_file = url->tls ? p->config->broker_ca : NULL,
    };

    for (size_t i = 0; i < url->more_count; i++)
        nodes[1 + i] = (struct amqp_bus_node){url->more[i].host, url->more[i].port};
    return amqp_bus_open(&cfg, &p->bus);
}

ferry_err platform_open_bus(struct platform *p)
{
    const struct broker_url *url = &p->broker_url;
    ferry_err err = FERRY_E_FORMAT; /* the settings were checked */

    if (config_sharing(p->config, &p->sharing))
        err = url->amqp ? open_amqp(p, url) : open_mqtt(p, url);
    explicit_bzero(p->broker_url.password, sizeof(p->broker_url.password));
    if (err == FERRY_E_ARG)
        ferry_log(FERRY_LOG_ERROR, "bus", "the certificates in %s cannot be read", p->config->broker_ca);
    else if (err != FERRY_OK)
        ferry_log(FERRY_LOG_ERROR, "bus", "%s", ferry_err_text(err));
    return err;
}

static void on_message(void *arg, const char *topic, const void *payload, size_t len)
{
    struct platform *p = arg;

    p->engine_listener.message(p->engine_listener.arg, topic, payload, len);
}

static void on_passed(void *arg)
{
    struct platform *p = arg;

    p->engine_listener.passed(p->engine_listener.arg);
}

static void on_link(void *arg, bool up)
{
    struct platform *p = arg;

    if (p->engine_listener.link != NULL)
        p->engine_listener.link(p->engine_listener.arg, up);
    if (p->broker != NULL)
        managed_broker_linked(p->broker, up);
    if (!up)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->linked = true;
    (void)pthread_cond_broadcast(&p->link_changed);
    (void)pthread_mutex_unlock(&p->lock);
}

static bool wait_linked(struct platform *p)
{
    const uint64_t both_s = 2 * p->config->broker_patience_s; /* a broker that an earlier ferryd left, and the next one */
    struct timespec deadline = ferry_deadline_in(1000 * (both_s > LINK_TIMEOUT_S ? both_s : LINK_TIMEOUT_S));
    bool linked;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->linked && pthread_cond_timedwait(&p->link_changed, &p->lock, &deadline) == 0)
        continue;
    linked = p->linked;
    (void)pthread_mutex_unlock(&p->lock);
    return linked;
}

/* Somebody else's broker may be away: then we go on without it, and the bus says so. */
ferry_err platform_start_bus(struct platform *p)
{
    struct bus_listener listener = {.message = on_message, .passed = on_passed, .link = on_link, .arg = p};
    ferry_err err;

    p->engine_listener = engine_bus_listener(p->engine);
    err = p->bus->ops->start(p->bus, &listener);
    if (err != FERRY_OK) {
        ferry_log(FERRY_LOG_ERROR, "bus", "%s", ferry_err_text(err));
        return err;
    }
    if (p->broker == NULL)
        return FERRY_OK;
    if (wait_linked(p)) {
        managed_broker_wait_saved(p->broker);
        return FERRY_OK;
    }
    ferry_log(FERRY_LOG_ERROR, "bus", "the broker of our own does not let us in, see %s/mosquitto.log",
              p->broker_folder);
    return FERRY_E_TIMEOUT;
}
