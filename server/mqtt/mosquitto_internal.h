/**
 * @file mosquitto_internal.h
 * @brief The bus over libmosquitto: its life (mosquitto_bus.c), one connection (mosquitto_link.c), what is said to the broker and
 * comes from it (mosquitto_session.c), and what goes to and fro on most connections once they are up (mosquitto_wire.c).
 *
 * Not libmosquitto's own loop: that one uses select(2), which fails as soon as the process has more than 1024 descriptors, and keeps an
 * unbounded queue. Each connection is a fresh struct mosquitto: nothing of a broken one can live on. The bus's thread holds calling
 * unless it waits; with calling held, and answered, another thread may send as well.
 */
#ifndef MQTT_MOSQUITTO_INTERNAL_H
#define MQTT_MOSQUITTO_INTERNAL_H

#include "mqtt/bus_thread.h"
#include "mqtt/mosquitto_bus.h"
#include "mqtt/mqtt_packet.h"

#include <mosquitto.h>

enum {
    BUS_REASON_SIZE = 256,
    BUS_KEEP_ALIVE_S = 7, /* an MQTT ping after this silence; a broker that stands still is noticed within twice that */
    BUS_WORD_EVERY_MS = 500, /* signs of life for the plugin, which waits for one four times as long */
};

/** @brief A connection that libmosquitto reads and writes no more; guarded like that one. */
struct bus_wire {
    bool open;
    uint8_t *in; /* in_cap bytes, of which in_len have come and begin with a packet */
    size_t in_cap, in_len;
    struct ferry_buf out; /* packets; sent bytes of them have gone */
    size_t sent;
    uint64_t heard_ms, said_ms; /* when something came, and went */
    bool pinged;                /* an answer is due */
};

struct mosquitto_bus {
    struct bus_thread base;
    char *host, *username, *password, *client_id, *ca_file;
    uint16_t port;
    char *probe_filter, *probe_topic;
    bool tls;
    bus_sharing wanted;

    /* guarded by calling from the moment that answered is set to the end of the connection; else of the thread alone */
    struct mosquitto *client;
    bool lost;           /* this connection has ended */
    bus_sharing sharing; /* in use; never AUTO */
    bool corked;         /* the kernel gathers what is written */
    unsigned heard;      /* messages of this connection */
    char reason[BUS_REASON_SIZE]; /* why it has ended */
    struct bus_wire wire;

    bool answered; /* CONNACK has come; guarded by calling */

    /* of the thread alone */
    bool up;                      /* the subscription is confirmed; the listener knows */
    int subscribing;              /* id of the SUBSCRIBE that waits for its answer */
    uint64_t proof_ms;            /* by then something must have come by the shared subscription; 0: nothing is waited for */
    uint64_t awake_ms;            /* when that was looked at last */
    uint64_t word_ms;             /* of the next sign of life; 0: the plugin wants none */
    char said[BUS_REASON_SIZE];   /* the last reason that was logged in this outage */
};

/** @brief It speaks MQTT 5, as far as it knows. */
bool bus_link_speaks_v5(const struct mosquitto_bus *b);
/** @brief The connection has ended; the first reason counts. */
void bus_link_lose(struct mosquitto_bus *b, const char *reason);
/** @brief From the attempt to connect to the end of the connection; reason says why it ended. Without calling held. */
void bus_link_run(struct mosquitto_bus *b);
/** @brief Sends what waits, on any thread, with calling held. False: the bus's thread has to go on with it. */
FERRY_MUST_CHECK bool bus_link_send(struct mosquitto_bus *b);

/* With calling held, once there are others that know of the connection. */

/** @brief Before the attempt to connect: sets the callbacks. */
void bus_session_begin(struct mosquitto_bus *b);
/** @brief A message has come. topic: terminated. */
void bus_session_hear(struct mosquitto_bus *b, const char *topic, const void *payload, size_t len);
/** @brief A change of the link. */
void bus_session_set_up(struct mosquitto_bus *b, bool up);
/** @brief What a shared subscription needs from time to time. */
void bus_session_keep(struct mosquitto_bus *b, uint64_t now_ms);
/** @brief After stop others are to have what comes. Who is alone keeps the subscription: what comes waits for the next start. */
void bus_session_share_no_more(struct mosquitto_bus *b);

/* Likewise: a connection that is up, and is one by TCP of a bus that shares with nobody. */

/** @brief It is such a one, and still read by libmosquitto. */
bool bus_wire_is_due(const struct mosquitto_bus *b);
/** @brief libmosquitto has read whole packets and has nothing to send. */
void bus_wire_open(struct mosquitto_bus *b);
/** @brief Open or not. */
void bus_wire_close(struct mosquitto_bus *b);
/** @brief Something waits until the socket takes it. */
bool bus_wire_is_full(const struct mosquitto_bus *b);
/** @brief Sends what waits in the outbox, as much as the socket takes. */
void bus_wire_send(struct mosquitto_bus *b);
/** @brief Reads what has come, sends what had no room, and sees to it that the broker is there. */
void bus_wire_work(struct mosquitto_bus *b, bool readable);

#endif
