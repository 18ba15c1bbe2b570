#include "mqtt/mosquitto_bus.h"

#include "mqtt/bus_thread.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/system.h"
#include "proto/topic.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEEP_ALIVE_S = 30,         /* an MQTT ping after this silence; a dead broker is noticed within twice that */
    KEEP_ALIVE_SHARED_S = 5,   /* so long a broker gives a part to one that stands still; libmosquitto takes no less */
    LINK_TIMEOUT_MS = 10000,   /* from the attempt to connect to the confirmed subscription */
    FLUSH_TIMEOUT_MS = 1000,   /* what waits at close is given this time to be sent */
    HOUSE_KEEPING_MS = 1000,   /* libmosquitto wants to look at its keep-alive this often */
    PROOF_TIMEOUT_MS = 3000,   /* from the confirmed subscription to the proof that something comes by it */
    WORD_EVERY_MS = 500,       /* signs of life for the plugin, which waits for one four times as long */
    STOOD_STILL_MS = 1800,     /* a little less than what the plugin waits for a sign of life */
    REASON_SIZE = 256,
};

#define MQTT5_FILTER "$share/ferry/" FERRY_TOPIC_UP_FILTER

/*
 * Not libmosquitto's own loop: that one uses select(2), which fails as soon as the process has more than
 * 1024 descriptors, and keeps an unbounded queue. Each connection is a fresh struct mosquitto: nothing of
 * a broken one can live on. All calls of libmosquitto are made by the bus's thread.
 */
struct mosquitto_bus {
    struct bus_thread base;
    char *host, *username, *password, *client_id, *ca_file;
    uint16_t port;
    char *probe_filter, *probe_topic;
    bool tls;
    bus_sharing wanted;

    /* of the thread alone */
    struct mosquitto *client;
    bool answered;            /* CONNACK has come */
    bool up;                  /* the subscription is confirmed; the listener knows */
    bool lost;                /* this connection has ended */
    bus_sharing sharing;      /* in use; never AUTO */
    int subscribing;          /* id of the SUBSCRIBE that waits for its answer */
    uint64_t proof_ms;        /* by then something must have come by the shared subscription; 0: nothing is waited for */
    uint64_t awake_ms;        /* when that was looked at last */
    uint64_t word_ms;         /* of the next sign of life; 0: the plugin wants none */
    char reason[REASON_SIZE]; /* why */
    char said[REASON_SIZE];   /* the last reason that was logged in this outage */
};

static struct mosquitto_bus *bus_of(struct bus *bus)
{
    return (struct mosquitto_bus *)bus;
}

static bool speaks_v5(const struct mosquitto_bus *b)
{
    return b->wanted == BUS_SHARING_MQTT5 || b->wanted == BUS_SHARING_AUTO;
}

static void lose(struct mosquitto_bus *b, const char *reason)
{
    size_t len = strlen(reason);

    if (len > 0 && reason[len - 1] == '.')
        len--; /* libmosquitto's texts are whole sentences */
    if (!b->lost)
        (void)snprintf(b->reason, sizeof(b->reason), "%.*s", (int)len, reason);
    b->lost = true;
}

/* A change of the link. Called with calling held. */
static void set_up(struct mosquitto_bus *b, bool up)
{
    b->up = up;
    bus_thread_tell_link(&b->base, up);
}

/* --- what libmosquitto tells; during read_some(), so with calling held -------------------------------- */

static const char *filter_of(bus_sharing sharing)
{
    static const char *const filters[] = {[BUS_SHARING_NONE] = FERRY_TOPIC_UP_FILTER,
                                          [BUS_SHARING_PLUGIN] = BUS_SHARED_FILTER,
                                          [BUS_SHARING_MQTT5] = MQTT5_FILTER};

    return filters[sharing];
}

static void check_sent(struct mosquitto_bus *b, int rc)
{
    if (rc != MOSQ_ERR_SUCCESS)
        lose(b, mosquitto_strerror(rc));
}

static void subscribe(struct mosquitto_bus *b, bus_sharing sharing)
{
    b->sharing = sharing;
    check_sent(b, mosquitto_subscribe(b->client, &b->subscribing, filter_of(sharing), 1));
}

static void on_connect(struct mosquitto *client, void *arg, int code)
{
    struct mosquitto_bus *b = arg;

    (void)client;
    b->answered = true;
    if (code != 0) {
        lose(b, mosquitto_connack_string(code));
        return;
    }
    bus_thread_set_connected(&b->base, true); /* what waited for us comes before the SUBACK, and wants its answer */
    subscribe(b, b->wanted);
}

static void on_connect_v5(struct mosquitto *client, void *arg, int code, int flags, const mosquitto_property *properties)
{
    struct mosquitto_bus *b = arg;
    uint8_t shares = 1;

    (void)client;
    (void)flags;
    b->answered = true;
    (void)mosquitto_property_read_byte(properties, MQTT_PROP_SHARED_SUB_AVAILABLE, &shares, false); /* not there: it does */
    if (code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION) {
        lose(b, "it does not speak MQTT 5, which shared subscriptions need; RabbitMQ is reached with amqp://");
    } else if (code != 0) {
        lose(b, mosquitto_reason_string(code));
    } else if (shares == 0) {
        lose(b, "it has no shared subscriptions: switch them on there, or say --broker-sharing none for a single worker");
    } else {
        bus_thread_set_connected(&b->base, true);
        subscribe(b, BUS_SHARING_MQTT5);
    }
}

static void come_up(struct mosquitto_bus *b)
{
    b->proof_ms = 0;
    if (b->up)
        return;
    ferry_log(FERRY_LOG_INFO, "bus", "connected to the broker at %s port %u%s", b->host, b->port,
              b->sharing == BUS_SHARING_NONE ? "" : ", sharing the requests with other workers");
    b->said[0] = '\0';
    set_up(b, true);
}

/* A broker may grant a subscription by which nothing ever comes. */
static void want_proof(struct mosquitto_bus *b)
{
    b->proof_ms = ferry_mono_ms() + PROOF_TIMEOUT_MS;
    if (b->sharing == BUS_SHARING_PLUGIN)
        b->word_ms = 1; /* at once */
    else
        check_sent(b, mosquitto_subscribe(b->client, NULL, b->probe_filter, 1));
}

static void refuse_subscription(struct mosquitto_bus *b)
{
    char reason[REASON_SIZE];

    if (b->wanted == BUS_SHARING_AUTO && b->sharing == BUS_SHARING_MQTT5) {
        subscribe(b, BUS_SHARING_PLUGIN);
        return;
    }
    (void)snprintf(reason, sizeof(reason), "the broker refuses the subscription to %s%s", filter_of(b->sharing),
                   b->sharing == BUS_SHARING_PLUGIN ? ": its plugin needs plugin_opt_share true" : "");
    lose(b, reason);
}

static void on_subscribe(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
    struct mosquitto_bus *b = arg;
    bool good = count == 1 && granted[0] >= 0 && granted[0] <= 2;

    if (mid != b->subscribing) {
        if (good) /* the probe's; without a subscription none comes back, which is found then */
            check_sent(b, mosquitto_publish(client, NULL, b->probe_topic, 0, NULL, 1, false));
        return;
    }
    if (!good)
        refuse_subscription(b);
    else if (b->sharing == BUS_SHARING_NONE)
        come_up(b);
    else
        want_proof(b);
}

static void on_disconnect(struct mosquitto *client, void *arg, int code)
{
    struct mosquitto_bus *b = arg;

    (void)client;
    if (!b->answered && speaks_v5(b))
        lose(b, "it hangs up without an answer; perhaps it does not speak MQTT 5: RabbitMQ is reached with amqp://");
    else
        lose(b, code == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(code));
}

static void hear_plugin(struct mosquitto_bus *b, const struct mosquitto_message *message)
{
    const ferry_text word = {message->payload, (size_t)message->payloadlen};

    if (ferry_text_equal(word, ferry_text_of(BUS_WORKER_SHARED)))
        come_up(b);
    else
        lose(b, "its plugin does not share the requests: it needs plugin_opt_share true");
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    struct mosquitto_bus *b = arg;
    const void *payload = message->payload != NULL ? message->payload : "";
    const size_t prefix = sizeof(BUS_SHARED_UP_PREFIX) - 1;
    char up[FERRY_TOPIC_SIZE];
    const char *topic = message->topic;

    (void)client;
    if (strcmp(topic, BUS_WORKER_TOPIC) == 0)
        return hear_plugin(b, message);
    if (strcmp(topic, b->probe_topic) == 0)
        return come_up(b);
    if (strncmp(topic, BUS_SHARED_UP_PREFIX, prefix) == 0) {
        int len = snprintf(up, sizeof(up), "%s%s", FERRY_TOPIC_UP_PREFIX, topic + prefix);

        topic = len > 0 && (size_t)len < sizeof(up) ? up : topic; /* else it is nobody's, and the engine says so */
    }
    b->base.listener.message(b->base.listener.arg, topic, payload, (size_t)message->payloadlen);
}

/* --- one connection ------------------------------------------------------------------------------------- */

static int set_tls(const struct mosquitto_bus *b, struct mosquitto *client)
{
    if (!b->tls)
        return MOSQ_ERR_SUCCESS;
    if (b->ca_file != NULL)
        return mosquitto_tls_set(client, b->ca_file, NULL, NULL, NULL, NULL);
    return mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
}

/* Begins a connection; its end is told by lost. */
static void begin(struct mosquitto_bus *b)
{
    const bool v5 = speaks_v5(b);
    int rc;

    b->answered = false;
    b->lost = false;
    b->proof_ms = b->word_ms = 0;
    b->awake_ms = ferry_mono_ms();
    b->subscribing = 0;
    b->sharing = b->wanted == BUS_SHARING_AUTO ? BUS_SHARING_MQTT5 : b->wanted;
    b->client = mosquitto_new(b->client_id, b->wanted != BUS_SHARING_NONE, b);
    if (b->client == NULL) {
        lose(b, strerror(errno));
        return;
    }
    if (v5)
        mosquitto_connect_v5_callback_set(b->client, on_connect_v5);
    else
        mosquitto_connect_callback_set(b->client, on_connect);
    mosquitto_subscribe_callback_set(b->client, on_subscribe);
    mosquitto_disconnect_callback_set(b->client, on_disconnect);
    mosquitto_message_callback_set(b->client, on_message);
    rc = mosquitto_int_option(b->client, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(b->client, MOSQ_OPT_PROTOCOL_VERSION, v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_username_pw_set(b->client, b->username, b->password);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_tls(b, b->client);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_async(b->client, b->host, b->port,
                                     b->wanted == BUS_SHARING_NONE ? KEEP_ALIVE_S : KEEP_ALIVE_SHARED_S);
    if (rc != MOSQ_ERR_SUCCESS && rc != MOSQ_ERR_CONN_PENDING)
        lose(b, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
}

static void end(struct mosquitto_bus *b)
{
    mosquitto_destroy(b->client); /* accepts null */
    b->client = NULL;
}

/* Hands over what waits, as long as the socket takes it: the rest waits in the bounded outbox. */
static void write_some(struct mosquitto_bus *b)
{
    while (!b->lost && !mosquitto_want_write(b->client)) {
        struct bus_message *message = bus_thread_take(&b->base);
        int rc;

        if (message == NULL)
            return;
        if (b->sharing == BUS_SHARING_MQTT5 && strcmp(message->topic, BUS_CONTROL_TOPIC) == 0)
            rc = MOSQ_ERR_SUCCESS; /* there is no plugin of ours to be told */
        else
            rc = mosquitto_publish(b->client, NULL, message->topic, (int)message->len, message->payload, 0, false);
        if (rc != MOSQ_ERR_SUCCESS)
            ferry_log(FERRY_LOG_WARN, "bus", "a message could not be sent: %s", mosquitto_strerror(rc));
        free(message);
    }
}

static void read_some(struct mosquitto_bus *b, short events)
{
    /* before CONNACK libmosquitto may wait for either direction: a TLS handshake goes on in its read */
    bool readable = (events & (POLLIN | POLLERR | POLLHUP)) != 0 || !b->answered;

    (void)pthread_mutex_lock(&b->base.calling);
    if (readable && !b->base.stopped)
        (void)mosquitto_loop_read(b->client, 1); /* failures arrive in on_disconnect */
    if (b->base.stopped && (events & (POLLERR | POLLHUP)) != 0)
        lose(b, "the connection was closed");
    if (!b->lost && (events & POLLOUT) != 0)
        (void)mosquitto_loop_write(b->client, 1);
    if (!b->lost)
        (void)mosquitto_loop_misc(b->client);
    if (!b->lost && mosquitto_socket(b->client) < 0)
        lose(b, "the connection was closed"); /* a failed TLS handshake makes no callback */
    (void)pthread_mutex_unlock(&b->base.calling);
}

/* Others have by now what came meanwhile, and devices have gone on: what is read late would be done a second time, out of order. */
static void lose_if_stood_still(struct mosquitto_bus *b)
{
    uint64_t now_ms = ferry_mono_ms();

    if (b->sharing != BUS_SHARING_NONE && now_ms > b->awake_ms + STOOD_STILL_MS)
        lose(b, "this process stood still for a while");
    b->awake_ms = now_ms;
}

/* Waits for the network or a wake-up. Reads nothing after stop: unread messages wait in the broker. */
static void turn(struct mosquitto_bus *b, int timeout_ms)
{
    bool reading = !bus_thread_is_stopped(&b->base);
    struct pollfd fds[2] = {
        {.fd = mosquitto_socket(b->client), .events = reading ? POLLIN : 0},
        {.fd = b->base.wake_fd, .events = POLLIN},
    };

    if (mosquitto_want_write(b->client))
        fds[0].events |= POLLOUT;
    if (poll(fds, 2, timeout_ms) < 0)
        fds[0].revents = fds[1].revents = 0;
    if ((fds[1].revents & POLLIN) != 0)
        bus_thread_hush(&b->base);
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
        if (!mosquitto_want_write(b->client))
            break;
        turn(b, 10);
    }
    if (!b->lost)
        (void)mosquitto_disconnect(b->client);
}

/* What a shared subscription needs besides. */
static void share(struct mosquitto_bus *b, uint64_t now_ms)
{
    if (b->proof_ms != 0 && now_ms >= b->proof_ms)
        lose(b, b->sharing == BUS_SHARING_PLUGIN
                    ? "it has no ferry_auth.so with plugin_opt_share true, so that no requests would come"
                    : "nothing comes by a shared subscription: Mosquitto needs ferry_auth.so with plugin_opt_share true; on "
                      "other brokers the user must be allowed to use " MOSQUITTO_BUS_PROBE_PREFIX "+");
    if (b->lost || b->word_ms == 0 || now_ms < b->word_ms)
        return;
    b->word_ms = now_ms + WORD_EVERY_MS;
    check_sent(b, mosquitto_publish(b->client, NULL, BUS_CONTROL_TOPIC, sizeof(BUS_WORKER_WORD) - 1, BUS_WORKER_WORD, 0, false));
}

/* After stop others are to have what comes. Who is alone keeps the subscription: what comes waits for the next start. */
static void share_no_more(struct mosquitto_bus *b)
{
    if (b->lost || b->sharing == BUS_SHARING_NONE || b->subscribing == 0 || !bus_thread_is_stopped(&b->base))
        return;
    b->subscribing = 0;
    check_sent(b, mosquitto_unsubscribe(b->client, NULL, filter_of(b->sharing)));
}

/* From the attempt to connect to the end of the connection. */
static void serve(struct mosquitto_bus *b)
{
    uint64_t deadline_ms = ferry_mono_ms() + LINK_TIMEOUT_MS;

    while (!b->lost && !bus_thread_is_closing(&b->base)) {
        share(b, ferry_mono_ms());
        share_no_more(b);
        if (!b->up && !b->lost && ferry_mono_ms() >= deadline_ms)
            lose(b, "the broker does not answer");
        if (b->answered)
            write_some(b);
        if (!b->lost)
            turn(b, b->word_ms != 0 ? WORD_EVERY_MS : HOUSE_KEEPING_MS);
    }
    if (!b->lost)
        finish(b);
}

/* --- the thread ------------------------------------------------------------------------------------------- */

/* Once for each reason in an outage. */
static void say_lost(struct mosquitto_bus *b)
{
    if (strcmp(b->said, b->reason) == 0)
        return;
    memcpy(b->said, b->reason, sizeof(b->said));
    ferry_log(FERRY_LOG_WARN, "bus", "no connection to the broker at %s port %u: %s; trying again", b->host, b->port,
              b->reason);
}

static void *run(void *arg)
{
    struct mosquitto_bus *b = arg;

    ferry_thread_name("bus");
    while (bus_thread_goes_on(&b->base)) {
        bool was_up;

        begin(b);
        serve(b);
        end(b);
        bus_thread_set_connected(&b->base, false);
        was_up = b->up;
        if (was_up) {
            (void)pthread_mutex_lock(&b->base.calling);
            set_up(b, false);
            (void)pthread_mutex_unlock(&b->base.calling);
        }
        if (!bus_thread_goes_on(&b->base))
            break;
        say_lost(b);
        if (was_up)
            bus_thread_forget_pauses(&b->base);
        bus_thread_pause(&b->base);
    }
    return NULL;
}

/* --- the table -------------------------------------------------------------------------------------------- */

static void free_bus(struct mosquitto_bus *b)
{
    char *texts[] = {b->host, b->username, b->password, b->client_id, b->ca_file, b->probe_filter, b->probe_topic};

    if (b->password != NULL)
        explicit_bzero(b->password, strlen(b->password));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    bus_thread_done(&b->base);
    free(b);
}

static void bus_close(struct bus *bus)
{
    struct mosquitto_bus *b = bus_of(bus);

    if (b == NULL)
        return;
    bus_thread_close(&b->base);
    if (b->base.started)
        (void)pthread_join(b->base.thread, NULL);
    free_bus(b);
    (void)mosquitto_lib_cleanup();
}

static const struct bus_ops mosquitto_bus_ops = {
    .name = "mosquitto",
    .start = bus_thread_start,
    .publish = bus_thread_publish,
    .stop = bus_thread_stop,
    .close = bus_close,
};

/* False when memory ran out. */
static bool copy_texts(struct mosquitto_bus *b, const struct mosquitto_bus_config *cfg)
{
    const struct {
        char **to;
        const char *from;
    } texts[] = {{&b->host, cfg->host},           {&b->username, cfg->username}, {&b->password, cfg->password},
                 {&b->client_id, cfg->client_id}, {&b->ca_file, cfg->ca_file}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].from == NULL)
            continue;
        *texts[i].to = ferry_strdup(texts[i].from);
        if (*texts[i].to == NULL)
            return false;
    }
    b->probe_topic = ferry_asprintf("%s%s", MOSQUITTO_BUS_PROBE_PREFIX, b->client_id);
    b->probe_filter = ferry_asprintf("$share/%s/%s%s", b->client_id, MOSQUITTO_BUS_PROBE_PREFIX, b->client_id);
    return b->probe_topic != NULL && b->probe_filter != NULL;
}

static ferry_err init(struct mosquitto_bus *b, const struct mosquitto_bus_config *cfg)
{
    const struct bus_thread_config thread = {
        .ops = &mosquitto_bus_ops,
        .run = run,
        .queue_bytes_max = cfg->queue_bytes_max > 0 ? cfg->queue_bytes_max : MOSQUITTO_BUS_QUEUE_BYTES,
        .retry_first_ms = cfg->retry_first_ms > 0 ? cfg->retry_first_ms : MOSQUITTO_BUS_RETRY_FIRST_MS,
        .retry_max_ms = cfg->retry_max_ms > 0 ? cfg->retry_max_ms : MOSQUITTO_BUS_RETRY_MAX_MS,
    };
    ferry_err err = bus_thread_init(&b->base, &thread);

    b->port = cfg->port;
    b->tls = cfg->tls;
    b->wanted = cfg->sharing;
    return err == FERRY_OK && !copy_texts(b, cfg) ? FERRY_E_NOMEM : err;
}

ferry_err mosquitto_bus_open(const struct mosquitto_bus_config *cfg, struct bus **ret_bus)
{
    struct mosquitto_bus *b;

    if (cfg->host == NULL || cfg->client_id == NULL || (cfg->ca_file != NULL && access(cfg->ca_file, R_OK) != 0))
        return FERRY_E_ARG;
    b = ferry_calloc(1, sizeof(*b));
    if (b == NULL)
        return FERRY_E_NOMEM;
    if (init(b, cfg) != FERRY_OK || mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
        free_bus(b);
        return FERRY_E_NOMEM;
    }
    *ret_bus = &b->base.bus;
    return FERRY_OK;
}
