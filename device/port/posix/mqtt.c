/* The connection to the broker: libmosquitto, driven by our loop. */
#include "port.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

enum { ABANDONED_MAX = 4, SUBACK_REFUSED = 0x80, TLS_READS = 8 };

static void connector_free(struct ferry__connector *c)
{
    if (c->mosq != NULL)
        mosquitto_destroy(c->mosq);
    (void)pthread_mutex_destroy(&c->lock);
    if (c->wake_fd >= 0)
        (void)close(c->wake_fd);
    free(c->host);
    free(c);
}

static void *connector_run(void *arg)
{
    struct ferry__connector *c = arg;
    uint64_t one = 1;
    int rc = mosquitto_connect(c->mosq, c->host, c->port, FERRY__KEEP_ALIVE_S);

    (void)pthread_mutex_lock(&c->lock);
    c->rc = rc;
    c->done = true;
    bool abandoned = c->abandoned;
    if (!abandoned && write(c->wake_fd, &one, sizeof one) < 0)
        c->rc = MOSQ_ERR_ERRNO; /* cannot happen with an eventfd; the time-out of the engine would help */
    (void)pthread_mutex_unlock(&c->lock);
    if (abandoned)
        connector_free(c);
    return NULL;
}

static ferry_fault fault_of_connack(int code)
{
    switch (code) {
    case 0:
        return FERRY_FAULT_NONE;
    case 2: /* identifier rejected */
    case 4: /* bad user name or password */
    case 5: /* not authorised */
        return FERRY_FAULT_REFUSED;
    case 3:
        return FERRY_FAULT_UNAVAILABLE;
    default:
        return FERRY_FAULT_GARBLED;
    }
}

static ferry_fault fault_of_mosquitto(int rc)
{
    switch (rc) {
    case MOSQ_ERR_EAI:
        return FERRY_FAULT_DNS;
    case MOSQ_ERR_ERRNO:
    case MOSQ_ERR_NO_CONN:
        return FERRY_FAULT_CONNECT;
    case MOSQ_ERR_TLS:
    case MOSQ_ERR_TLS_HANDSHAKE:
        return FERRY_FAULT_TLS;
    case MOSQ_ERR_NOMEM:
        return FERRY_FAULT_SYSTEM;
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        return FERRY_FAULT_GARBLED;
    case MOSQ_ERR_CONN_REFUSED:
    case MOSQ_ERR_AUTH:
        return FERRY_FAULT_REFUSED;
    case MOSQ_ERR_KEEPALIVE:
        return FERRY_FAULT_TIMEOUT;
    default:
        return FERRY_FAULT_LOST;
    }
}

/* libmosquitto must not be destroyed inside its callbacks: note it, ferry__mqtt_io() acts on it. */
static void mark_lost(struct ferry *f, ferry_fault fault)
{
    if (f->mqtt.lost)
        return;
    f->mqtt.lost = true;
    f->mqtt.fault = fault;
}

static void on_connect(struct mosquitto *mosq, void *user, int code)
{
    struct ferry *f = user;

    (void)mosq;
    if (code != 0)
        mark_lost(f, fault_of_connack(code));
    else
        ferry__tell(f, FERRY_EV_LINK_UP, FERRY_LANE_UP, FERRY_FAULT_NONE);
}

static void on_disconnect(struct mosquitto *mosq, void *user, int rc)
{
    (void)mosq;
    mark_lost(user, fault_of_mosquitto(rc));
}

static void on_subscribe(struct mosquitto *mosq, void *user, int id, int count, const int *granted)
{
    struct ferry *f = user;

    (void)mosq;
    (void)id;
    if (count < 1 || granted[0] >= SUBACK_REFUSED)
        mark_lost(f, FERRY_FAULT_REFUSED);
    else
        ferry__tell(f, FERRY_EV_SUBSCRIBED, FERRY_LANE_UP, FERRY_FAULT_NONE);
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message)
{
    struct ferry *f = user;

    (void)mosq;
    if (message->payloadlen <= 0 || message->payloadlen > FERRY_PAYLOAD_MAX)
        return;
    ferry_event event = {.kind = FERRY_EV_MESSAGE, .payload = message->payload, .len = (size_t)message->payloadlen};
    (void)ferry_device_event(&f->device, ferry__now_ms(), &event);
}

static void random_text(char out[6])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (int i = 0; i < 5; i++)
        out[i] = letters[ferry__seed() % (sizeof letters - 1)];
    out[5] = '\0';
}

static bool set_credential(struct ferry *f, struct mosquitto *mosq)
{
    char user[FERRY__CREDENTIAL_SIZE], password[FERRY__CREDENTIAL_SIZE], random[6];

    random_text(random);
    if (ferry__credential(f->config.product, f->config.device, random, f->secret, f->secret_len, user, password) !=
        FERRY_DEVICE_OK)
        return false;
    bool ok = mosquitto_username_pw_set(mosq, user, password) == MOSQ_ERR_SUCCESS;
    OPENSSL_cleanse(password, sizeof password);
    return ok;
}

static bool set_tls(const struct ferry *f, struct mosquitto *mosq)
{
    const struct ferry_options *o = &f->options;

    if (!f->mqtt.tls)
        return true;
    if (o->ca_file == NULL && o->cert_file == NULL)
        return mosquitto_int_option(mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1) == MOSQ_ERR_SUCCESS;
    return mosquitto_tls_set(mosq, o->ca_file, o->ca_file == NULL ? "/etc/ssl/certs" : NULL, o->cert_file, o->key_file,
                             NULL) == MOSQ_ERR_SUCCESS;
}

static struct mosquitto *client_new(struct ferry *f)
{
    char id[2 * FERRY_IDENT_MAX + 1];

    (void)snprintf(id, sizeof id, "%s%s", f->config.product, f->config.device);
    struct mosquitto *mosq = mosquitto_new(id, true, f);
    if (mosq == NULL)
        return NULL;
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_disconnect_callback_set(mosq, on_disconnect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    if (mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1) == MOSQ_ERR_SUCCESS && set_credential(f, mosq) &&
        set_tls(f, mosq))
        return mosq;
    mosquitto_destroy(mosq);
    return NULL;
}

static struct ferry__connector *connector_new(struct ferry *f)
{
    struct ferry__connector *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    (void)pthread_mutex_init(&c->lock, NULL);
    c->wake_fd = dup(f->wake_fd);
    c->host = strdup(f->mqtt.host);
    c->port = f->mqtt.port;
    c->mosq = client_new(f);
    if (c->wake_fd >= 0 && c->host != NULL && c->mosq != NULL)
        return c;
    connector_free(c);
    return NULL;
}

static bool thread_start(struct ferry__connector *c)
{
    pthread_t thread;
    sigset_t all, old;

    (void)sigfillset(&all); /* signals are the application's, for its own threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&thread, NULL, connector_run, c) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ok)
        (void)pthread_detach(thread);
    return ok;
}

void ferry__mqtt_connect(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;

    ferry__mqtt_disconnect(f);
    struct ferry__connector *c = m->abandoned < ABANDONED_MAX ? connector_new(f) : NULL;
    if (c != NULL && thread_start(c)) {
        m->connector = c;
        return;
    }
    if (c != NULL)
        connector_free(c);
    m->abandoned = 0; /* let the next attempt through: the engine comes back after a pause */
    mark_lost(f, FERRY_FAULT_SYSTEM);
}

/* Takes the outcome of the connecting thread when it is there. */
static void connector_collect(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;
    struct ferry__connector *c = m->connector;

    (void)pthread_mutex_lock(&c->lock);
    bool done = c->done;
    (void)pthread_mutex_unlock(&c->lock);
    if (!done)
        return;
    m->connector = NULL;
    m->abandoned = 0;
    int rc = c->rc;
    if (rc == MOSQ_ERR_SUCCESS) {
        m->mosq = c->mosq;
        c->mosq = NULL;
    } else
        mark_lost(f, fault_of_mosquitto(rc));
    connector_free(c);
}

static void connector_abandon(struct ferry__mqtt *m)
{
    struct ferry__connector *c = m->connector;

    (void)pthread_mutex_lock(&c->lock);
    bool done = c->done;
    c->abandoned = true; /* unless done, the thread frees it */
    (void)pthread_mutex_unlock(&c->lock);
    m->connector = NULL;
    if (done)
        connector_free(c);
    else
        m->abandoned++;
}

void ferry__mqtt_disconnect(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;

    if (m->connector != NULL)
        connector_abandon(m);
    if (m->fd >= 0)
        ferry__unwatch(f, m->fd);
    m->fd = -1;
    if (m->mosq != NULL) {
        (void)mosquitto_disconnect(m->mosq); /* best effort: the broker notices anyway */
        mosquitto_destroy(m->mosq);
    }
    m->mosq = NULL;
    m->lost = false;
}

void ferry__mqtt_subscribe(struct ferry *f, const ferry_action *act)
{
    if (f->mqtt.mosq == NULL || mosquitto_subscribe(f->mqtt.mosq, NULL, act->topic, act->qos) != MOSQ_ERR_SUCCESS)
        mark_lost(f, FERRY_FAULT_LOST);
}

void ferry__mqtt_publish(struct ferry *f, const ferry_action *act)
{
    if (f->mqtt.mosq == NULL || mosquitto_publish(f->mqtt.mosq, NULL, act->topic, (int)act->len, act->payload, act->qos,
                                                  false) != MOSQ_ERR_SUCCESS)
        mark_lost(f, FERRY_FAULT_LOST);
}

static void socket_io(struct ferry *f, uint32_t epoll_events)
{
    struct ferry__mqtt *m = &f->mqtt;
    int rc = MOSQ_ERR_SUCCESS;
    int reads = m->tls ? TLS_READS : 1; /* TLS may hold more than the socket shows */

    if ((epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        for (int i = 0; i < reads && rc == MOSQ_ERR_SUCCESS && !m->lost; i++)
            rc = mosquitto_loop_read(m->mosq, 1);
    if (rc == MOSQ_ERR_SUCCESS && !m->lost && (epoll_events & EPOLLOUT) != 0)
        rc = mosquitto_loop_write(m->mosq, 1);
    if (rc == MOSQ_ERR_SUCCESS && !m->lost && ferry__now_ms() >= m->misc_ms) {
        rc = mosquitto_loop_misc(m->mosq);
        m->misc_ms = ferry__now_ms() + FERRY__MISC_MS;
    }
    if (rc != MOSQ_ERR_SUCCESS)
        mark_lost(f, fault_of_mosquitto(rc));
}

void ferry__mqtt_io(struct ferry *f, uint32_t epoll_events)
{
    struct ferry__mqtt *m = &f->mqtt;

    if (m->connector != NULL)
        connector_collect(f);
    if (m->mosq != NULL && !m->lost)
        socket_io(f, epoll_events);
    if (!m->lost)
        return;
    ferry_fault fault = m->fault;
    ferry__mqtt_disconnect(f);
    ferry__tell(f, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, fault);
}

uint64_t ferry__mqtt_arm(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;

    if (m->lost)
        return 0;
    if (m->mosq == NULL)
        return UINT64_MAX;
    int fd = mosquitto_socket(m->mosq);
    uint32_t events = EPOLLIN | (mosquitto_want_write(m->mosq) ? EPOLLOUT : 0u);
    if (fd >= 0 && (fd != m->fd || events != m->events)) {
        ferry__watch(f, fd, events);
        m->fd = fd;
        m->events = events;
    }
    return m->misc_ms;
}
