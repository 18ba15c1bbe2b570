/* A connection that is up and not encrypted, without libmosquitto: that one makes four system calls for a message that comes and two for each
 * that goes, which cost more than the rest of a request outside of the store. It has made the connection, and ends it. */
#include "mosquitto_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    IN_BYTES = 16 << 10,  /* read at once: some 64 messages, which are handed over together; then answers have their turn */
    OUT_BYTES = 64 << 10, /* written at once */
    OUT_MAX = MQTT_PACKET_MAX + (1 << 20), /* one large message, and acknowledgements: no more than there are ids */
};

static void lose(struct mosquitto_bus *b, int error)
{
    bool gone = error == 0 || error == ECONNRESET || error == EPIPE;

    bus_link_lose(b, gone ? mosquitto_strerror(MOSQ_ERR_CONN_LOST) : strerror(error));
}

/* --- its begin and end ------------------------------------------------------------------------------------ */

bool bus_wire_is_due(const struct mosquitto_bus *b)
{
    return b->up && b->wanted == BUS_SHARING_NONE && !b->tls && !b->wire.open;
}

/* Between two packets, and nothing waits to be sent: from here on libmosquitto has no part in it. */
void bus_wire_open(struct mosquitto_bus *b)
{
    struct bus_wire *w = &b->wire;

    *w = (struct bus_wire){.open = true, .in_cap = IN_BYTES, .out = FERRY_BUF_INIT(OUT_MAX)};
    w->heard_ms = w->said_ms = ferry_mono_ms();
    w->in = ferry_malloc(w->in_cap);
    if (w->in == NULL)
        bus_link_lose(b, "out of memory");
}

void bus_wire_close(struct mosquitto_bus *b)
{
    free(b->wire.in);
    ferry_buf_done(&b->wire.out);
    b->wire = (struct bus_wire){.open = false};
}

/* --- writing ---------------------------------------------------------------------------------------------- */

bool bus_wire_is_full(const struct mosquitto_bus *b)
{
    return b->wire.sent < b->wire.out.len;
}

static void flush(struct mosquitto_bus *b)
{
    struct bus_wire *w = &b->wire;
    ssize_t sent = send(mosquitto_socket(b->client), w->out.data + w->sent, w->out.len - w->sent, MSG_NOSIGNAL);

    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR)
            lose(b, errno);
        return;
    }
    w->said_ms = ferry_mono_ms();
    w->sent += (size_t)sent;
    if (w->sent < w->out.len)
        return;
    w->sent = 0;
    ferry_buf_reset(&w->out);
    if (w->out.cap > 2 * OUT_BYTES)
        ferry_buf_done(&w->out); /* something large has gone */
}

/* False: nothing waits any more. */
static bool gather_one(struct mosquitto_bus *b)
{
    struct bus_message *message = bus_thread_take(&b->base);
    ferry_err err;

    if (message == NULL)
        return false;
    err = mqtt_packet_write_publish(&b->wire.out, message->topic, message->payload, message->len);
    if (err != FERRY_OK)
        ferry_log(FERRY_LOG_WARN, "bus", "a message could not be sent: %s", ferry_err_text(err));
    free(message);
    return true;
}

void bus_wire_send(struct mosquitto_bus *b)
{
    bool more = true;

    while (more && !b->lost && !bus_wire_is_full(b)) {
        while (more && b->wire.out.len < OUT_BYTES)
            more = gather_one(b);
        if (b->wire.out.len > 0)
            flush(b);
    }
}

/* --- reading ---------------------------------------------------------------------------------------------- */

static void hear(struct mosquitto_bus *b, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_PUBLISH:
        bus_session_hear(b, packet->topic, packet->payload, packet->len);
        if (packet->id != 0 && mqtt_packet_write_ack(&b->wire.out, packet->id) != FERRY_OK)
            bus_link_lose(b, "out of memory"); /* it comes again */
        return;
    case MQTT_PINGRESP:
        b->wire.pinged = false;
        return;
    default:
        bus_link_lose(b, mosquitto_strerror(MOSQ_ERR_PROTOCOL));
    }
}

/* Room for a packet of that size from the beginning on; what a large one took is given back behind it. */
static bool make_room(struct bus_wire *w, size_t size)
{
    size_t cap = size > IN_BYTES ? size : w->in_len > IN_BYTES ? w->in_cap : IN_BYTES;
    uint8_t *in = cap != w->in_cap ? ferry_realloc(w->in, cap) : w->in;

    if (in == NULL)
        return false;
    w->in = in;
    w->in_cap = cap;
    return true;
}

static void hear_all(struct mosquitto_bus *b)
{
    struct bus_wire *w = &b->wire;
    struct mqtt_packet packet = {.size = 0};
    mqtt_bytes got = MQTT_WHOLE;
    size_t at = 0;

    while (!b->lost && (got = mqtt_packet_read(w->in + at, w->in_len - at, &packet)) == MQTT_WHOLE) {
        hear(b, &packet);
        at += packet.size;
    }
    memmove(w->in, w->in + at, w->in_len - at);
    w->in_len -= at;
    if (got == MQTT_BROKEN)
        bus_link_lose(b, mosquitto_strerror(MOSQ_ERR_PROTOCOL));
    else if (!b->lost && !make_room(w, packet.size))
        bus_link_lose(b, "out of memory");
}

static void receive(struct mosquitto_bus *b)
{
    const struct bus_listener *listener = &b->base.listener;
    struct bus_wire *w = &b->wire;
    unsigned before = b->heard;
    ssize_t got = recv(mosquitto_socket(b->client), w->in + w->in_len, w->in_cap - w->in_len, 0);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose(b, got < 0 ? errno : 0);
        return;
    }
    w->in_len += (size_t)got;
    w->heard_ms = ferry_mono_ms();
    hear_all(b);
    if (b->heard != before && listener->passed != NULL)
        listener->passed(listener->arg);
}

/* --- its life --------------------------------------------------------------------------------------------- */

/* A ping after a silence of either side; when it is not answered, the broker stands still. */
static void keep_alive(struct mosquitto_bus *b)
{
    struct bus_wire *w = &b->wire;
    uint64_t now_ms = ferry_mono_ms(), since_ms = w->heard_ms < w->said_ms ? w->heard_ms : w->said_ms;

    if (now_ms < since_ms + 1000 * BUS_KEEP_ALIVE_S)
        return;
    if (w->pinged) {
        bus_link_lose(b, "the broker does not answer a ping");
        return;
    }
    w->pinged = true;
    w->heard_ms = w->said_ms = now_ms;
    if (mqtt_packet_write_ping(&w->out) != FERRY_OK)
        bus_link_lose(b, "out of memory");
}

void bus_wire_work(struct mosquitto_bus *b, bool readable)
{
    if (readable)
        receive(b);
    if (!b->lost)
        keep_alive(b);
    if (!b->lost && bus_wire_is_full(b))
        flush(b);
}
