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
#include "secrets.h"

#include "core/engine.h"
#include "http/api_server.h"
#include "http/object_plane.h"
#include "mqtt/broker_url.h"

#include <pthread.h>

struct platform {
    const struct config *config;
    struct data_folder folder;
    char *store_path, *objects_path, *token_path, *broker_folder, *hash_path, *ready_path, *plugin_path;
    char *notify_socket;
    char *public_url;
    struct store *store;
    struct secrets secrets;
    struct address mqtt_at, objects_at, api_at;
    int objects_fd, api_fd;
    struct objects *objects;
    struct managed_broker *broker; /* null with --broker mqtt://... */
    struct broker_url broker_url;  /* where the bus connects to */
    struct bus *bus;
    struct engine *engine;
    struct bus_listener engine_listener;
    struct object_plane *object_plane;
    struct api_server *api_server;
    bool announced; /* the ready file is ours to remove */
    pthread_mutex_t lock;
    pthread_cond_t link_changed;
    bool linked; /* the bus has been up; guarded by lock */
};

/* Steps of the start; each logs its failure. platform_stop() undoes them. */
ferry_err platform_start_broker(struct platform *p); /**< our own, or only its address */
ferry_err platform_open_bus(struct platform *p);
ferry_err platform_start_bus(struct platform *p); /**< the engine is running */

#endif
