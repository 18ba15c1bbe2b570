#define _GNU_SOURCE /* memmem */
#include "amqp/amqp_bus.h"

#include "answers.h"
#include "deliveries.h"
#include "link.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"
#include "base/wait.h"
#include "mqtt/bus_thread.h"
#include "proto/topic.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    NODES_MAX = 8,
    TURN_MS = 200,          /* librabbitmq wants to look at its heartbeats this often */
    AT_ONCE = 256,          /* messages of one direction before it is the other's turn */
    FLUSH_TIMEOUT_MS = 1000, /* what waits at close is given this time to be sent */
    END_TIMEOUT_MS = 3000,  /* then a node that takes nothing is left alone */
    STOOD_STILL_MS = 1800,  /* a little less than what RabbitMQ waits for a heartbeat */
    TYPE_LEN = 64,          /* an answer names its type before that */
};

struct node {
    char *host;
    uint16_t port;
};

struct amqp_bus {
    struct bus_thread base;
    struct node nodes[NODES_MAX];
    size_t node_count;
    char *username, *password, *vhost, *queue, *ca_file;
    bool tls;

    /* guarded by base.lock */
    pthread_cond_t changed; /* ended */
    bool ended;    /* the thread has nothing left to do */
    int socket_fd; /* of the connection; -1: none */

    /* of the thread alone */
    size_t node; /* in use, or next */
    struct link link;
    struct deliveries deliveries;
    struct answers answers;
    bool up;
    bool lost;
    bool takes_no_more;
    uint64_t awake_ms; /* when that was looked at last */
    char said[LINK_REASON_SIZE]; /* the last reason that was logged in this outage */
};

static struct amqp_bus *bus_of(struct bus *bus)
{
    return (struct amqp_bus *)bus;
}

static void set_socket(struct amqp_bus *b, int fd)
{
    (void)pthread_mutex_lock(&b->base.lock);
    b->socket_fd = fd;
    (void)pthread_mutex_unlock(&b->base.lock);
}

static void set_up(struct amqp_bus *b, bool up)
{
    bus_thread_set_connected(&b->base, up);
    b->up = up;
    (void)pthread_mutex_lock(&b->base.calling);
    bus_thread_tell_link(&b->base, up);
    (void)pthread_mutex_unlock(&b->base.calling);
}

/* --- messages --------------------------------------------------------------------------------------------- */

/* The topic that RabbitMQ's MQTT plugin made the key of. False: too long for one of a device. */
static bool topic_of(amqp_bytes_t key, char topic[FERRY_TOPIC_SIZE])
{
    if (key.len >= FERRY_TOPIC_SIZE || memchr(key.bytes, '\0', key.len) != NULL)
        return false;
    memcpy(topic, key.bytes, key.len);
    topic[key.len] = '\0';
    for (char *c = topic; *c != '\0'; c++)
        *c = *c == '.' ? '/' : *c;
    return true;
}

/* "product/device" */
static const char *name_of(const char *topic, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(topic, prefix, len) == 0 ? topic + len : NULL;
}

/* False: it was stopped, and the listener was not called. */
static bool deliver(struct amqp_bus *b, const char *topic, const amqp_bytes_t *body)
{
    const struct bus_listener *listener = &b->base.listener;
    bool stopped;

    (void)pthread_mutex_lock(&b->base.calling);
    stopped = b->base.stopped;
    if (!stopped) {
        listener->message(listener->arg, topic, body->len > 0 ? body->bytes : "", body->len);
        if (listener->passed != NULL)
            listener->passed(listener->arg);
    }
    (void)pthread_mutex_unlock(&b->base.calling);
    return !stopped;
}

/* It is noted before it is delivered: the answer may be quick. */
static bool take(struct amqp_bus *b, const amqp_envelope_t *envelope)
{
    char topic[FERRY_TOPIC_SIZE];
    const char *name = topic_of(envelope->routing_key, topic) ? name_of(topic, FERRY_TOPIC_UP_PREFIX) : NULL;

    if (bus_thread_is_stopped(&b->base))
        return link_give_back(&b->link, envelope->delivery_tag);
    if (name == NULL || deliveries_note(&b->deliveries, name, envelope->delivery_tag, ferry_mono_ms()) != FERRY_OK)
        return link_acknowledge(&b->link, envelope->delivery_tag) && (name == NULL || deliver(b, topic, &envelope->message.body));
    (void)deliver(b, topic, &envelope->message.body); /* stopped meanwhile: it goes back at the end of the connection */
    return true;
}

static bool end_request(struct amqp_bus *b, uint64_t tag, bool answered)
{
    return answered ? link_acknowledge(&b->link, tag) : link_give_back(&b->link, tag);
}

static bool take_confirm(struct amqp_bus *b, const struct link_confirm *confirm)
{
    bool works = true;
    uint64_t tag;

    if (!confirm->up_to)
        return !answers_take(&b->answers, confirm->number, &tag) || end_request(b, tag, !confirm->refused);
    while (works && answers_take_up_to(&b->answers, confirm->number, &tag))
        works = end_request(b, tag, !confirm->refused);
    return works;
}

/* False: nothing is left for now. */
static bool read_one(struct amqp_bus *b)
{
    amqp_envelope_t envelope;
    struct link_confirm confirm;

    switch (link_read(&b->link, &envelope, &confirm)) {
    case LINK_MESSAGE:
        b->lost = !take(b, &envelope);
        link_release(&envelope);
        break;
    case LINK_CONFIRM:
        b->lost = !take_confirm(b, &confirm);
        break;
    case LINK_LOST:
        b->lost = true;
        break;
    case LINK_NOTHING:
        return false;
    }
    return !b->lost;
}

static void read_some(struct amqp_bus *b)
{
    for (int i = 0; i < AT_ONCE && read_one(b); i++)
        continue;
}

/* Does it answer a request, or is it told unasked? */
static bool is_answer(const struct bus_message *message)
{
    static const char mark[] = "_rsp\"";
    size_t begins = message->len < TYPE_LEN ? message->len : TYPE_LEN;

    return memmem(message->payload, begins, mark, sizeof(mark) - 1) != NULL;
}

static bool send_one(struct amqp_bus *b, const struct bus_message *message)
{
    const char *name = name_of(message->topic, FERRY_TOPIC_DOWN_PREFIX);
    uint64_t tag;

    if (name == NULL)
        return true; /* for the plugin of another broker */
    if (!link_publish(&b->link, message->topic, message->payload, message->len))
        return false;
    return !is_answer(message) || !deliveries_settle(&b->deliveries, name, &tag) ||
           answers_note(&b->answers, b->link.published, tag) || link_acknowledge(&b->link, tag);
}

/* False: nothing is left. */
static bool write_some(struct amqp_bus *b)
{
    for (int i = 0; i < AT_ONCE && !b->lost; i++) {
        struct bus_message *message = bus_thread_take(&b->base);

        if (message == NULL)
            return false;
        b->lost = !send_one(b, message);
        free(message);
    }
    return !b->lost;
}

/* What has no answer has been committed by now, or the device has given up. */
static void settle_old(struct amqp_bus *b, uint64_t now_ms)
{
    uint64_t life_ms = b->deliveries.count > AMQP_BUS_PREFETCH / 2 ? AMQP_BUS_SETTLED_CROWDED_MS : AMQP_BUS_SETTLED_MS;
    uint64_t tag;

    while (!b->lost && now_ms > life_ms && deliveries_take_old(&b->deliveries, now_ms - life_ms, &tag))
        b->lost = !link_acknowledge(&b->link, tag);
}

/* --- one connection --------------------------------------------------------------------------------------- */

static struct link_address address_of(const struct amqp_bus *b)
{
    return (struct link_address){
        .host = b->nodes[b->node].host,
        .port = b->nodes[b->node].port,
        .username = b->username,
        .password = b->password,
        .vhost = b->vhost,
        .queue = b->queue,
        .tls = b->tls,
        .prefetch = AMQP_BUS_PREFETCH,
        .ca_file = b->ca_file,
    };
}

static bool begin(struct amqp_bus *b)
{
    const struct link_address address = address_of(b);
    int fd;

    b->lost = b->takes_no_more = false;
    b->awake_ms = UINT64_MAX - STOOD_STILL_MS;
    if (!link_connect(&b->link, &address, &fd))
        return false;
    set_socket(b, fd);
    if (!link_begin(&b->link, &address))
        return false;
    ferry_log(FERRY_LOG_INFO, "bus", "connected to the broker at %s port %u, sharing the requests with other workers", address.host,
              address.port);
    b->said[0] = '\0';
    set_up(b, true);
    return true;
}

static void end(struct amqp_bus *b)
{
    set_socket(b, -1);
    link_end(&b->link, b->up && !b->lost);
    deliveries_done(&b->deliveries); /* the broker hands them to others */
    answers_init(&b->answers);
    if (b->up)
        set_up(b, false);
}

/* Waits for the network or a wake-up. */
static void turn(struct amqp_bus *b, bool more_to_send)
{
    struct pollfd fds[2] = {{.fd = amqp_get_sockfd(b->link.conn), .events = POLLIN}, {.fd = b->base.wake_fd, .events = POLLIN}};
    bool buffered = amqp_frames_enqueued(b->link.conn) || amqp_data_in_buffer(b->link.conn);

    if (poll(fds, 2, more_to_send || buffered ? 0 : TURN_MS) > 0 && (fds[1].revents & POLLIN) != 0)
        bus_thread_hush(&b->base);
}

/* Others have by now what came meanwhile, and devices have gone on: what is read late would be done a second time, out of order. */
static void lose_if_stood_still(struct amqp_bus *b)
{
    uint64_t now_ms = ferry_mono_ms();

    if (now_ms > b->awake_ms + STOOD_STILL_MS) {
        link_give_up(&b->link, "this process stood still for a while");
        b->lost = true;
    }
    b->awake_ms = now_ms;
}

/* After stop others are to have what comes. */
static void share_no_more(struct amqp_bus *b)
{
    if (b->lost || b->takes_no_more || !bus_thread_is_stopped(&b->base))
        return;
    b->takes_no_more = true;
    b->lost = !link_take_no_more(&b->link);
}

/* Sends what waits, and hears that the broker has it. */
static void finish(struct amqp_bus *b)
{
    uint64_t deadline_ms = ferry_mono_ms() + FLUSH_TIMEOUT_MS;

    while (!b->lost && ferry_mono_ms() < deadline_ms) {
        bool more = write_some(b);

        if (b->lost || (!more && b->answers.count == 0))
            return;
        turn(b, more);
        read_some(b);
    }
}

static void serve(struct amqp_bus *b)
{
    while (!b->lost && !bus_thread_is_closing(&b->base)) {
        bool more = write_some(b);

        settle_old(b, ferry_mono_ms());
        share_no_more(b);
        if (!b->lost)
            turn(b, more);
        if (!b->lost)
            lose_if_stood_still(b);
        if (!b->lost)
            read_some(b);
    }
    finish(b);
}

/* --- the thread ------------------------------------------------------------------------------------------- */

/* Once for each reason in an outage. */
static void say_lost(struct amqp_bus *b)
{
    if (strcmp(b->said, b->link.reason) == 0)
        return;
    memcpy(b->said, b->link.reason, sizeof(b->said));
    ferry_log(FERRY_LOG_WARN, "bus", "no connection to the broker at %s port %u: %s; trying again", b->nodes[b->node].host,
              b->nodes[b->node].port, b->link.reason);
}

static void note_end(struct amqp_bus *b)
{
    (void)pthread_mutex_lock(&b->base.lock);
    b->ended = true;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->base.lock);
}

static void *run(void *arg)
{
    struct amqp_bus *b = arg;
    size_t failed = 0; /* nodes, one after the other */

    ferry_thread_name("bus");
    while (bus_thread_goes_on(&b->base)) {
        bool was_up = begin(b);

        if (was_up)
            serve(b);
        end(b);
        if (!bus_thread_goes_on(&b->base))
            break;
        say_lost(b);
        b->node = (b->node + 1) % b->node_count;
        failed = was_up ? 0 : failed + 1;
        if (was_up)
            bus_thread_forget_pauses(&b->base);
        if (failed % b->node_count != 0)
            continue; /* another node may do */
        bus_thread_pause(&b->base);
    }
    note_end(b);
    return NULL;
}

/* --- the table -------------------------------------------------------------------------------------------- */

static void free_bus(struct amqp_bus *b)
{
    char *texts[] = {b->username, b->password, b->vhost, b->queue, b->ca_file};

    if (b->password != NULL)
        explicit_bzero(b->password, strlen(b->password));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    for (size_t i = 0; i < NODES_MAX; i++)
        free(b->nodes[i].host);
    deliveries_done(&b->deliveries);
    (void)pthread_cond_destroy(&b->changed);
    bus_thread_done(&b->base);
    free(b);
}

/* A node that takes nothing would hold the thread for as long as it likes. */
static void wait_for_end(struct amqp_bus *b)
{
    struct timespec deadline = ferry_deadline_in(END_TIMEOUT_MS);

    (void)pthread_mutex_lock(&b->base.lock);
    while (!b->ended && pthread_cond_timedwait(&b->changed, &b->base.lock, &deadline) == 0)
        continue;
    if (!b->ended && b->socket_fd >= 0)
        (void)shutdown(b->socket_fd, SHUT_RDWR);
    (void)pthread_mutex_unlock(&b->base.lock);
}

static void bus_close(struct bus *bus)
{
    struct amqp_bus *b = bus_of(bus);

    if (b == NULL)
        return;
    bus_thread_close(&b->base);
    if (b->base.started) {
        wait_for_end(b);
        (void)pthread_join(b->base.thread, NULL);
    }
    free_bus(b);
}

static const struct bus_ops amqp_bus_ops = {
    .name = "amqp",
    .start = bus_thread_start,
    .publish = bus_thread_publish,
    .hold = bus_thread_hold,
    .let_go = bus_thread_let_go,
    .stop = bus_thread_stop,
    .close = bus_close,
};

/* False when memory ran out. */
static bool copy(char **to, const char *from)
{
    if (from != NULL)
        *to = ferry_strdup(from);
    return from == NULL || *to != NULL;
}

static bool copy_all(struct amqp_bus *b, const struct amqp_bus_config *cfg)
{
    b->node_count = cfg->node_count;
    b->tls = cfg->tls;
    for (size_t i = 0; i < cfg->node_count; i++) {
        b->nodes[i].port = cfg->nodes[i].port;
        if (!copy(&b->nodes[i].host, cfg->nodes[i].host))
            return false;
    }
    return copy(&b->username, cfg->username != NULL ? cfg->username : "guest") &&
           copy(&b->password, cfg->password != NULL ? cfg->password : "guest") && copy(&b->vhost, cfg->vhost) &&
           copy(&b->queue, cfg->queue != NULL ? cfg->queue : AMQP_BUS_QUEUE) && copy(&b->ca_file, cfg->ca_file);
}

static ferry_err init(struct amqp_bus *b, const struct amqp_bus_config *cfg)
{
    const struct bus_thread_config thread = {
        .ops = &amqp_bus_ops,
        .run = run,
        .queue_bytes_max = cfg->queue_bytes_max > 0 ? cfg->queue_bytes_max : AMQP_BUS_QUEUE_BYTES,
        .retry_first_ms = AMQP_BUS_RETRY_FIRST_MS,
        .retry_max_ms = AMQP_BUS_RETRY_MAX_MS,
    };
    ferry_err err = bus_thread_init(&b->base, &thread);

    b->socket_fd = -1;
    (void)pthread_cond_init(&b->changed, NULL);
    deliveries_init(&b->deliveries);
    return err == FERRY_OK && !copy_all(b, cfg) ? FERRY_E_NOMEM : err;
}

ferry_err amqp_bus_open(const struct amqp_bus_config *cfg, struct bus **ret_bus)
{
    struct amqp_bus *b;

    if (cfg->node_count == 0 || cfg->node_count > NODES_MAX || cfg->vhost == NULL ||
        (cfg->ca_file != NULL && access(cfg->ca_file, R_OK) != 0))
        return FERRY_E_ARG;
    b = ferry_calloc(1, sizeof(*b));
    if (b == NULL)
        return FERRY_E_NOMEM;
    if (init(b, cfg) != FERRY_OK) {
        free_bus(b);
        return FERRY_E_NOMEM;
    }
    *ret_bus = &b->base.bus;
    return FERRY_OK;
}
