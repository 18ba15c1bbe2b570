#include "broker_conf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_FACTOR = 4 }; /* the queue of ferryd is that part of all the memory that the broker may take */

/*
 * Numbers that are no settings:
 *   max_inflight_messages  requests under way to ferryd without an acknowledgement; 20 would slow it down
 *   max_queued_messages    for ferryd a hundred times the default, which lost requests; a device that never reads its
 *                          answers is cut off there, at some 30 MB. 0 for "no limit" makes 2.0.11 drop every publisher
 *   memory_limit           of the whole broker: at worst connections are closed, and it lives on
 *   max_packet_size        the largest request has 16 KiB; more is read, so that ferryd can judge it
 *   allow_duplicate_messages  true saves remembering who got each message; there is one subscription that overlaps none
 *   persistence            the session of ferryd with what waits in it survives the broker. So a request that comes
 *                          between the broker's start and ferryd's return waits instead of being acknowledged and lost
 */
static const char head[] =
    "# Written by ferryd %s at each start; changes are lost. The settings are those of ferryd.\n"
    "# plugin: %s\n"
    "per_listener_settings true\n"
    "set_tcp_nodelay true\n"
    "max_inflight_messages 1000\n"
    "max_queued_messages 100000\n"
    "max_queued_bytes %" PRIu64 "\n"
    "memory_limit %" PRIu64 "\n"
    "max_packet_size 131072\n"
    "allow_duplicate_messages true\n"
    "queue_qos0_messages false\n"
    "persistence true\n"
    "persistence_location %s/\n"
    "persistence_file mosquitto.db\n"
    "autosave_interval 60\n"
    "persistent_client_expiration 7d\n"
    "sys_interval 0\n"
    "pid_file %s/mosquitto.pid\n"
    "log_dest file %s/mosquitto.log\n"
    "log_type error\n"
    "log_type warning\n"
    "log_type notice\n"
    "log_timestamp_format %%Y-%%m-%%dT%%H:%%M:%%S\n"
    "connection_messages false\n";

/*
 * Each listener has a plugin of its own, which so knows whether its clients come over TLS. The plugin judges everybody.
 * But when it reloads, 2.0.11 drops who has no user name before it asks the plugin, unless they may be anonymous: so that
 * is allowed where a certificate is required, and only there.
 */
static const char listener_head[] =
    "listener %u %s\n"
    "max_connections %" PRIu64 "\n"
    "allow_anonymous %s\n"
    "allow_zero_length_clientid false\n"
    "plugin %s\n"
    "plugin_opt_store %s\n"
    "plugin_opt_secrets_key %s\n"
    "plugin_opt_service_hash %s/service.hash\n"
    "plugin_opt_allow_plain_secret %s\n"
    "plugin_opt_device_connects_per_minute %" PRIu64 "\n"
    "plugin_opt_address_connects_per_minute %" PRIu64 "\n"
    "plugin_opt_address_connections_max %" PRIu64 "\n";

/*
 * tls_version names the oldest one. Forward secrecy and authenticated encryption, as on the other listeners
 * (server/http/http_tls.c). A listener asks for the certificate of a client only when it requires one.
 */
static ferry_err write_tls(const struct broker_conf *conf, bool devices_prove, struct ferry_buf *out)
{
    const struct broker_tls *tls = &conf->tls;
    ferry_err err = ferry_buf_printf(
        out,
        "certfile %s\n"
        "keyfile %s\n"
        "tls_version %s\n"
        "ciphers ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM:!AESCCM8\n"
        "ciphers_tls1.3 TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256\n",
        tls->cert, tls->key, tls->only_1_3 ? "tlsv1.3" : "tlsv1.2");

    if (err == FERRY_OK && devices_prove)
        err = ferry_buf_printf(
            out, "plugin_opt_device_crl %s/device-crl.pem\n# devices: %s\nrequire_certificate true\ncafile %s\n",
            conf->folder, tls->device_stamp, tls->device_ca);
    if (err == FERRY_OK && devices_prove && tls->device_crl != NULL)
        err = ferry_buf_printf(out, "crlfile %s\n", tls->device_crl);
    return err;
}

static ferry_err write_listener(const struct broker_conf *conf, int which, struct ferry_buf *out)
{
    const struct broker_listener *listener = &conf->listeners[which];
    bool plain_secret_ok = which != BROKER_PLAIN || conf->allow_plain_secret;
    ferry_err err =
        ferry_buf_printf(out, listener_head, listener->port, listener->ip, conf->connections_max,
                         which == BROKER_CERT ? "true" : "false", conf->plugin, conf->store, conf->secrets_key,
                         conf->folder, plain_secret_ok ? "true" : "false", conf->limits.device_connects_per_min,
                         conf->limits.address_connects_per_min, conf->limits.address_connections_max);

    return err == FERRY_OK && which != BROKER_PLAIN ? write_tls(conf, which == BROKER_CERT, out) : err;
}

ferry_err broker_conf_write(const struct broker_conf *conf, struct ferry_buf *out)
{
    ferry_err err =
        ferry_buf_printf(out, head, conf->version, conf->plugin_stamp, conf->queue_bytes,
                         MEMORY_FACTOR * conf->queue_bytes, conf->folder, conf->folder, conf->folder);

    if (err == FERRY_OK && conf->user != NULL)
        err = ferry_buf_printf(out, "user %s\n", conf->user);
    for (int i = 0; err == FERRY_OK && i < BROKER_LISTENERS; i++)
        if (conf->listeners[i].ip != NULL)
            err = write_listener(conf, i, out);
    return err;
}

size_t broker_conf_ports(const char *text, uint16_t ret_ports[BROKER_LISTENERS])
{
    static const char key[] = "\nlistener ";
    size_t count = 0;

    for (const char *at = strstr(text, key); at != NULL && count < BROKER_LISTENERS; at = strstr(at + 1, key)) {
        char *end;
        unsigned long port = strtoul(at + sizeof(key) - 1, &end, 10);

        if (*end != ' ' || port == 0 || port > UINT16_MAX)
            return count;
        ret_ports[count++] = (uint16_t)port;
    }
    return count;
}
