/* One connection, from the attempt to connect to its end. */
#include "mosquitto_internal.h"

#include "base/log.h"
#include "base/system.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    KEEP_ALIVE_SHARED_S = 5,  /* so long a broker gives a part to one that stands still; libmosquitto takes no less */
    LINK_TIMEOUT_MS = 10000,  /* from the attempt to connect to the confirmed subscription */
    FLUSH_TIMEOUT_MS = 1000,  /* what waits at close is given this time to be sent */
    HOUSE_KEEPING_MS = 1000,  /* libmosquitto wants to look at its keep-alive this often */
    STOOD_STILL_MS = 1800,    /* a little less than what the plugin waits for a sign of life */
    READ_MAX = 64,            /* messages that are handed over together; then answers have their turn */
};

bool bus_link_speaks_v5(const struct mosquitto_bus *b)
{
    return b->wanted == BUS_SHARING_MQTT5 || b->wanted == BUS_SHARING_AUTO;
}

void bus_link_lose(struct mosquitto_bus *b, const char *reason)
{
    size_t len = strlen(reason);

    if (len > 0 && reason[len - 1] == '.')
        len--; /* libmosquitto's texts are whole sentences */
    if (!b->lost)
        (void)snprintf(b->reason, sizeof(b->reason), "%.*s", (int)len, reason);
    b->lost = true;
}

/* --- its begin and end ------------------------------------------------------------------------------------ */

static int set_tls(const struct mosquitto_bus *b)
{
    if (!b->tls)
        return MOSQ_ERR_SUCCESS;
    if (b->ca_file != NULL)
        return mosquitto_tls_set(b->client, b->ca_file, NULL, NULL, NULL, NULL);
    return mosquitto_int_option(b->client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
}

static int connect_client(const struct mosquitto_bus *b)
{
    const int version = bus_link_speaks_v5(b) ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    int rc = mosquitto_int_option(b->client, MOSQ_OPT_TCP_NODELAY, 1);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(b->client, MOSQ_OPT_PROTOCOL_VERSION, version);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_username_pw_set(b->client, b->username, b->password);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_tls(b);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_async(b->client, b->host, b->port,
                                     b->wanted == BUS_SHARING_NONE ? BUS_KEEP_ALIVE_S : KEEP_ALIVE_SHARED_S);
    return rc == MOSQ_ERR_CONN_PENDING ? MOSQ_ERR_SUCCESS : rc;
}

/* Its end is told by lost. Looking up a name may take long: nobody else knows of the connection yet, and calling is not held. */
static void begin(struct mosquitto_bus *b)
{
    int rc;

    b->lost = b->corked = false;
    b->awake_ms = ferry_mono_ms();
    b->client = mosquitto_new(b->client_id, b->wanted != BUS_SHARING_NONE, b);
    if (b->client == NULL) {
        bus_link_lose(b, strerror(errno));
        return;
    }
    bus_session_begin(b);
    rc = connect_client(b);
    if (rc != MOSQ_ERR_SUCCESS)
        bus_link_lose(b, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
}

/* With calling held. */
static void end(struct mosquitto_bus *b)
{
    b->answered = false;
    bus_wire_close(b);
    mosquitto_destroy(b->client); /* accepts null */
    b->client = NULL;
}

/* --- writing ---------------------------------------------------------------------------------------------- */

/* What is small leaves in one piece with what follows, which costs the broker, and us, less. Where the system cannot, it leaves at once. */
static void cork(struct mosquitto_bus *b, bool on)
{
    const int value = on;

    if (b->corked != on)
        b->corked = setsockopt(mosquitto_socket(b->client), IPPROTO_TCP, TCP_CORK, &value, sizeof(value)) == 0 && on;
}

static void write_one(struct mosquitto_bus *b, const struct bus_message *message)
{
    int rc;

    if (b->sharing == BUS_SHARING_MQTT5 && strcmp(message->topic, BUS_CONTROL_TOPIC) == 0)
        return; /* there is no plugin of ours to be told */
    rc = mosquitto_publish(b->client, NULL, message->topic, (int)message->len, message->payload, 0, false);
    if (rc != MOSQ_ERR_SUCCESS)
        ferry_log(FERRY_LOG_WARN, "bus", "a message could not be sent: %s", mosquitto_strerror(rc));
}

/* Something waits until the socket takes it. */
static bool is_full(const struct mosquitto_bus *b)
{
    return b->wire.open ? bus_wire_is_full(b) : mosquitto_want_write(b->client);
}

/* Hands over what waits, as long as the socket takes it: the rest waits in the bounded outbox. */
static void write_some(struct mosquitto_bus *b)
{
    if (b->wire.open) {
        bus_wire_send(b);
        return;
    }
    if (bus_thread_waiting(&b->base) > 1)
        cork(b, true);
    while (!b->lost && !mosquitto_want_write(b->client)) {
        struct bus_message *message = bus_thread_take(&b->base);

        if (message == NULL)
            break;
        write_one(b, message);
        free(message);
    }
    cork(b, false);
}

bool bus_link_send(struct mosquitto_bus *b)
{
    if (!b->answered || b->lost)
        return false;
    write_some(b);
    return !b->lost && !is_full(b);
}

/* --- reading ---------------------------------------------------------------------------------------------- */

/* libmosquitto reads one message a call. What has come together is worked on together, and acknowledged in one piece. */
static void read_messages(struct mosquitto_bus *b)
{
    const struct bus_listener *listener = &b->base.listener;
    unsigned before = b->heard, count = 0;

    do {
        count = b->heard - before;
        if (count > 1)
            cork(b, true);
        (void)mosquitto_loop_read(b->client, 1); /* failures arrive in on_disconnect */
    } while (!b->lost && b->heard - before > count && count < READ_MAX);
    if (b->heard != before && listener->passed != NULL)
        listener->passed(listener->arg);
}

/* By libmosquitto. */
static void work(struct mosquitto_bus *b, bool readable, bool writable)
{
    /* before CONNACK it may wait for either direction: a TLS handshake goes on in its read */
    if (readable || (!b->answered && !b->base.stopped))
        read_messages(b);
    if (!b->lost && writable)
        (void)mosquitto_loop_write(b->client, 1);
    if (!b->lost)
        (void)mosquitto_loop_misc(b->client);
    if (!b->lost && mosquitto_socket(b->client) < 0)
        bus_link_lose(b, "the connection was closed"); /* a failed TLS handshake makes no callback */
    if (!b->lost && bus_wire_is_due(b) && !mosquitto_want_write(b->client))
        bus_wire_open(b);
}

/* Unread messages wait in the broker: after stop, and while the connection changes hands. */
static bool reads(const struct mosquitto_bus *b)
{
    return !b->base.stopped && !bus_wire_is_due(b);
}

static void read_some(struct mosquitto_bus *b, short events)
{
    bool over = (events & (POLLERR | POLLHUP)) != 0, readable = reads(b) && (over || (events & POLLIN) != 0);

    if (over && !readable)
        bus_link_lose(b, "the connection was closed");
    else if (b->wire.open)
        bus_wire_work(b, readable);
    else
        work(b, readable, (events & POLLOUT) != 0);
}

/* --- its life --------------------------------------------------------------------------------------------- */

/* Others have by now what came meanwhile, and devices have gone on: what is read late would be done a second time, out of order. */
static void lose_if_stood_still(struct mosquitto_bus *b)
{
    uint64_t now_ms = ferry_mono_ms();

    if (b->sharing != BUS_SHARING_NONE && now_ms > b->awake_ms + STOOD_STILL_MS)
        bus_link_lose(b, "this process stood still for a while");
    b->awake_ms = now_ms;
}

/* Waits for the network or a wake-up. Reads nothing after stop: unread messages wait in the broker. */
static void turn(struct mosquitto_bus *b, int timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = mosquitto_socket(b->client), .events = reads(b) ? POLLIN : 0},
        {.fd = b->base.wake_fd, .events = POLLIN},
    };

    if (is_full(b))
        fds[0].events |= POLLOUT;
    (void)pthread_mutex_unlock(&b->base.calling);
    if (poll(fds, 2, timeout_ms) < 0)
        fds[0].revents = fds[1].revents = 0;
    if ((fds[1].revents & POLLIN) != 0)
        bus_thread_hush(&b->base);
    (void)pthread_mutex_lock(&b->base.calling);
    lose_if_stood_still(b);
    if (!b->lost)
        read_some(b, fds[0].revents);
}

/* At close: what waits is sent, within reason, and the broker is told. */
static void finish(struct mosquitto_bus *b)
{
    uint64_t deadline_ms = ferry_mono_ms() + FLUSH_TIMEOUT_MS;

    while (!b->lost && ferry_mono_ms() < deadline_ms) {
        write_some(b);
        if (!is_full(b))
            break;
        turn(b, 10);
    }
    if (!b->lost)
        (void)mosquitto_disconnect(b->client);
}

static void serve(struct mosquitto_bus *b)
{
    uint64_t deadline_ms = ferry_mono_ms() + LINK_TIMEOUT_MS;

    while (!b->lost && !bus_thread_is_closing(&b->base)) {
        bus_session_keep(b, ferry_mono_ms());
        bus_session_share_no_more(b);
        if (!b->up && !b->lost && ferry_mono_ms() >= deadline_ms)
            bus_link_lose(b, "the broker does not answer");
        if (b->answered)
            write_some(b);
        if (!b->lost)
            turn(b, b->word_ms != 0 ? BUS_WORD_EVERY_MS : HOUSE_KEEPING_MS);
    }
    if (!b->lost)
        finish(b);
}

void bus_link_run(struct mosquitto_bus *b)
{
    begin(b);
    (void)pthread_mutex_lock(&b->base.calling);
    serve(b);
    end(b);
    (void)pthread_mutex_unlock(&b->base.calling);
}
