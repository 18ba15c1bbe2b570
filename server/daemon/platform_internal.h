/**
 * @file platform_internal.h
 * @brief The platform's parts, for the files that start them.
 */
#ifndef DAEMON_PLATFORM_INTERNAL_H
#define DAEMON_PLATFORM_INTERNAL_H

#include "address.h"
#include "config.h"
#include "data_folder.h"
#include "managed_broker.h"
#include "sealing.h"
#include "secrets.h"
#include "tls_pem.h"
#include "url_keys.h"

#include "core/engine.h"
#include "http/api_server.h"
#include "http/object_plane.h"
#include "http/traffic.h"
#include "http/tls.h"
#include "mqtt/broker_url.h"
#include "mqtt/mosquitto_bus.h"
#include "scrub/scrub.h"
#include "webhooks/webhooks.h"

#include <pthread.h>

enum { TLS_STAMP_SIZE = 65 };

struct platform {
    const struct config *config;
    struct data_folder folder;
    char *store_path, *objects_path, *token_path, *secrets_key_path, *broker_folder, *hash_path, *ready_path, *ca_path,
        *plugin_path;
    char *notify_socket;
    char *settings; /* as the API shows them */
    char *public_url;
    struct store *store;
    struct secrets secrets;
    struct seal_keys seal_keys;
    struct url_keys url_keys;
    struct {
        char *cert, *key, *ca, *device_ca, *device_crl; /* null: there is none */
    } tls_paths;
    unsigned tls_listeners; /* CONFIG_MQTT...: those that speak TLS */
    struct http_tls *tls;   /* null: none does */
    char tls_subject[TLS_SUBJECT_SIZE];
    uint64_t tls_starts_s, tls_expires_s, tls_said_s; /* when it was last judged */
    uint64_t device_crl_next_s; /* when the revocation list is out of date; 0: never */
    char device_stamp[TLS_STAMP_SIZE];
    char *broker_files[4]; /* what the broker reads: certificate, key, device CA, revocation list */
    bool takes_certificates; /* our broker listens for devices that show one */
    struct address mqtt_at, objects_at, api_at; /* mqtt_at: where devices come in */
    int objects_fd, api_fd;
    struct objects *objects;
    struct managed_broker *broker; /* null with --broker mqtt://... */
    struct broker_url broker_url;  /* where the bus connects to */
    bus_sharing sharing;
    struct bus *bus;
    struct engine *engine;
    struct bus_listener engine_listener;
    struct http_traffic traffic;
    struct object_plane *object_plane;
    struct api_server *api_server;
    struct scrub *scrub;
    char *verify_path;        /* of its last run */
    struct webhooks *webhooks;
    bool announced; /* the ready file is ours to remove */
    pthread_mutex_t lock;
    pthread_cond_t link_changed;
    bool linked; /* the bus has been up; guarded by lock */
};

/* Of a listener (CONFIG_MQTT...) at an address: refuses, or warns. The name is that of --allow-plain. */
ferry_err platform_check_plain(const struct platform *p, unsigned listener, const char *name, const struct address *at);
void platform_publish_ca(const struct platform *p); /**< for ferryctl on this machine, which trusts it */
void platform_free_tls(struct platform *p);

/* Steps of the start; each logs its failure. platform_stop() undoes them. */
ferry_err platform_open_objects(struct platform *p); /**< the public URL is known */
ferry_err platform_decide_tls(struct platform *p);   /**< which listeners speak TLS, and with which files */
ferry_err platform_open_tls(struct platform *p);     /**< reads and judges them; the public URL is known */
ferry_err platform_start_broker(struct platform *p); /**< our own, or only its address */
/** A reload found the first CA for devices. The broker starts anew. */
ferry_err platform_listen_for_certificates(struct platform *p);
ferry_err platform_open_bus(struct platform *p);
bool platform_broker_is_ours(const struct platform *p); /**< it has our plugin, or may have it */
ferry_err platform_start_bus(struct platform *p); /**< the engine is running */

#endif
