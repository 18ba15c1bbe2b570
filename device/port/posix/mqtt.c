/* The connection to the broker: libmosquitto, driven by our loop. */
#include "port.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

enum {
    SUBACK_REFUSED = 0x80,
    CONNECTOR_STACK = 256 * 1024, /* for the name service and the first step of TLS */
    ROUNDING_MS = 1000,           /* libmosquitto counts whole seconds */
};

static void connector_free(struct ferry__connector *c)
{
    if (c->mosq != NULL)
        mosquitto_destroy(c->mosq);
    (void)ferry__tls_free(c->tls);
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

    if (rc == MOSQ_ERR_SUCCESS) /* programs that the application executes are not to inherit it */
        (void)fcntl(mosquitto_socket(c->mosq), F_SETFD, FD_CLOEXEC);
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
    default: /* MOSQ_ERR_TLS too: a broker that hangs up is one. What TLS itself objects to, blame_tls() finds */
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
    if (code != 0) {
        mark_lost(f, fault_of_connack(code));
        return;
    }
    f->mqtt.accepted = true;
    if (f->mqtt.tls != NULL)
        ferry__tls_let_go(f->mqtt.tls);
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
    /* Without a secret the certificate says who this is; the vendor's devices send the user name all the same. */
    bool ok = mosquitto_username_pw_set(mosq, user, f->secret_len > 0 ? password : NULL) == MOSQ_ERR_SUCCESS;
    OPENSSL_cleanse(password, sizeof password);
    return ok;
}

static bool set_tls(struct mosquitto *mosq, const struct ferry__tls *tls)
{
    return mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) == MOSQ_ERR_SUCCESS &&
           mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, tls->context) == MOSQ_ERR_SUCCESS;
}

static struct mosquitto *client_new(struct ferry *f, const struct ferry__tls *tls)
{
    char id[2 * FERRY_IDENT_MAX + 1];
    struct sigaction pipe;

    (void)snprintf(id, sizeof id, "%s%s", f->config.product, f->config.device);
    (void)sigaction(SIGPIPE, NULL, &pipe);
    struct mosquitto *mosq = mosquitto_new(id, true, f);
    (void)sigaction(SIGPIPE, &pipe, NULL); /* libmosquitto ignores it for the whole process: not ours to decide */
    if (mosq == NULL)
        return NULL;
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_disconnect_callback_set(mosq, on_disconnect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_callback_set(mosq, on_message);
    if (mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1) == MOSQ_ERR_SUCCESS && set_credential(f, mosq) &&
        (tls == NULL || set_tls(mosq, tls)))
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
    c->tls = f->mqtt.secure ? ferry__tls_new(&f->options, f->mqtt.host) : NULL;
    c->mosq = f->mqtt.secure && c->tls == NULL ? NULL : client_new(f, c->tls); /* mqtts is never anything less */
    if (c->wake_fd >= 0 && c->host != NULL && c->mosq != NULL)
        return c;
    connector_free(c);
    return NULL;
}

static bool thread_start(struct ferry__connector *c)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, old;

    if (pthread_attr_init(&attr) != 0)
        return false;
    (void)sigfillset(&all); /* signals are the application's, for its own threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_attr_setstacksize(&attr, CONNECTOR_STACK) == 0 &&
              pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
              pthread_create(&thread, &attr, connector_run, c) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    return ok;
}

static bool connector_done(struct ferry__connector *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool done = c->done;
    (void)pthread_mutex_unlock(&c->lock);
    return done;
}

/* A free place for an attempt that hangs, null when all hang. */
static struct ferry__connector **hanging_place(struct ferry__mqtt *m)
{
    struct ferry__connector **place = NULL;

    for (struct ferry__connector **h = m->hanging; h < m->hanging + FERRY__HANGING_MAX; h++) {
        if (*h != NULL && connector_done(*h)) {
            connector_free(*h);
            *h = NULL;
        }
        if (*h == NULL)
            place = h;
    }
    return place;
}

void ferry__mqtt_connect(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;

    ferry__mqtt_disconnect(f);
    m->reason = (struct ferry__reason){0};
    struct ferry__connector *c = hanging_place(m) != NULL ? connector_new(f) : NULL;
    if (c != NULL && thread_start(c)) {
        m->connector = c;
        return;
    }
    if (c != NULL)
        connector_free(c);
    mark_lost(f, FERRY_FAULT_SYSTEM); /* the engine comes back after a pause */
}

/* Takes the outcome of the connecting thread when it is there. */
static void connector_collect(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;
    struct ferry__connector *c = m->connector;

    if (!connector_done(c))
        return;
    m->connector = NULL;
    m->accepted = false;
    m->heard_ms = m->said_ms = ferry__now_ms();
    m->tls = c->tls;
    c->tls = NULL;
    if (c->rc == MOSQ_ERR_SUCCESS) {
        m->mosq = c->mosq;
        c->mosq = NULL;
    } else
        mark_lost(f, fault_of_mosquitto(c->rc));
    connector_free(c);
}

void ferry__mqtt_disconnect(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;

    if (m->connector != NULL)
        *hanging_place(m) = m->connector; /* there is one: connecting began only then */
    m->connector = NULL;
    if (m->fd >= 0)
        ferry__unwatch(f, m->fd);
    m->fd = -1;
    if (m->mosq != NULL) {
        (void)mosquitto_disconnect(m->mosq); /* best effort: the broker notices anyway */
        mosquitto_destroy(m->mosq);
    }
    m->mosq = NULL;
    m->tls = ferry__tls_free(m->tls);
    m->lost = false;
}

/* Whoever still connects must not need us any more. */
static void connector_abandon(struct ferry__connector *c)
{
    (void)pthread_mutex_lock(&c->lock);
    bool done = c->done;
    c->abandoned = true; /* unless done, the thread frees it */
    (void)pthread_mutex_unlock(&c->lock);
    if (done)
        connector_free(c);
}

void ferry__mqtt_done(struct ferry *f)
{
    ferry__mqtt_disconnect(f);
    for (int i = 0; i < FERRY__HANGING_MAX; i++)
        if (f->mqtt.hanging[i] != NULL)
            connector_abandon(f->mqtt.hanging[i]);
}

void ferry__mqtt_subscribe(struct ferry *f, const ferry_action *act)
{
    if (f->mqtt.mosq == NULL || mosquitto_subscribe(f->mqtt.mosq, NULL, act->topic, act->qos) != MOSQ_ERR_SUCCESS)
        mark_lost(f, FERRY_FAULT_LOST);
    f->mqtt.said_ms = ferry__now_ms();
}

void ferry__mqtt_publish(struct ferry *f, const ferry_action *act)
{
    if (f->mqtt.mosq == NULL || mosquitto_publish(f->mqtt.mosq, NULL, act->topic, (int)act->len, act->payload, act->qos,
                                                  false) != MOSQ_ERR_SUCCESS)
        mark_lost(f, FERRY_FAULT_LOST);
    f->mqtt.said_ms = ferry__now_ms();
}

/* libmosquitto looks at its keep-alive when we say so: not before there can be anything to see. */
static uint64_t keep_alive_due(const struct ferry__mqtt *m)
{
    return (m->heard_ms < m->said_ms ? m->heard_ms : m->said_ms) + FERRY__KEEP_ALIVE_S * 1000u + ROUNDING_MS;
}

static int socket_read(struct ferry__mqtt *m)
{
    int rc;
    SSL *ssl;

    m->heard_ms = ferry__now_ms();
    do { /* TLS may hold more than the socket shows */
        rc = mosquitto_loop_read(m->mosq, 1);
        ssl = mosquitto_ssl_get(m->mosq);
    } while (rc == MOSQ_ERR_SUCCESS && !m->lost && ssl != NULL && SSL_pending(ssl) > 0);
    return rc;
}

static void socket_io(struct ferry *f, uint32_t epoll_events)
{
    struct ferry__mqtt *m = &f->mqtt;
    int rc = MOSQ_ERR_SUCCESS;

    if ((epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        rc = socket_read(m);
    if (rc == MOSQ_ERR_SUCCESS && !m->lost && (epoll_events & EPOLLOUT) != 0) {
        m->said_ms = ferry__now_ms();
        rc = mosquitto_loop_write(m->mosq, 1);
    }
    if (rc == MOSQ_ERR_SUCCESS && !m->lost && ferry__now_ms() >= keep_alive_due(m)) {
        m->heard_ms = m->said_ms = ferry__now_ms();
        rc = mosquitto_loop_misc(m->mosq);
    }
    if (rc != MOSQ_ERR_SUCCESS)
        mark_lost(f, fault_of_mosquitto(rc));
}

/* libmosquitto tells most faults of TLS as errors of the system, and never why. */
static const char *tls_objection(struct ferry__tls *tls)
{
    return tls->verify_error != X509_V_OK ? X509_verify_cert_error_string(tls->verify_error) : ferry__tls_alert(tls);
}

/* The fault and its reason, when a connection ended over a certificate, the broker's or ours. */
static void blame_tls(struct ferry *f)
{
    struct ferry__mqtt *m = &f->mqtt;
    const char *objection = m->tls == NULL || m->accepted ? NULL : tls_objection(m->tls);

    if (objection == NULL)
        return;
    m->fault = FERRY_FAULT_TLS;
    (void)snprintf(m->reason.text, sizeof m->reason.text, "%s", objection);
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
    blame_tls(f);
    m->reason.fault = m->fault;
    ferry__mqtt_disconnect(f);
    ferry__tell(f, FERRY_EV_LINK_DOWN, FERRY_LANE_UP, m->fault);
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
    return keep_alive_due(m);
}
