#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, RECEIVED_MAX = 4096 };

struct broker {
    char folder[64];
    uint16_t port;
    pid_t pid;
    struct mosquitto *client;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool subscribed;     /* guarded by lock, as what follows */
    unsigned confirmed;  /* publications the broker has acknowledged */
    size_t received, taken;
    struct peer_message inbox[RECEIVED_MAX];
};

static struct timespec in_ms(unsigned ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void sleep_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* --- the client ------------------------------------------------------------------------------------------- */

static void on_connect(struct mosquitto *client, void *arg, int code)
{
    (void)arg;
    if (code == 0)
        (void)mosquitto_subscribe(client, NULL, "$resource/down/service/+/+", 1);
}

static void on_subscribe(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
    struct broker *b = arg;

    (void)client, (void)mid, (void)count, (void)granted;
    (void)pthread_mutex_lock(&b->lock);
    b->subscribed = true;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->lock);
}

static void on_publish(struct mosquitto *client, void *arg, int mid)
{
    struct broker *b = arg;

    (void)client, (void)mid;
    (void)pthread_mutex_lock(&b->lock);
    b->confirmed++;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->lock);
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    struct broker *b = arg;
    struct peer_message *to;

    (void)client;
    (void)pthread_mutex_lock(&b->lock);
    if (b->received < RECEIVED_MAX) {
        to = &b->inbox[b->received++];
        (void)snprintf(to->topic, sizeof(to->topic), "%s", message->topic);
        to->len = (size_t)message->payloadlen;
        to->payload = malloc(to->len + 1);
        if (to->len > 0)
            memcpy(to->payload, message->payload, to->len);
        to->qos = message->qos;
    }
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->lock);
}

static void connect_client(struct broker *b)
{
    struct timespec deadline = in_ms(PATIENCE_MS);
    bool subscribed;

    b->subscribed = false;
    b->client = mosquitto_new("devices", true, b);
    assert_non_null(b->client);
    mosquitto_connect_callback_set(b->client, on_connect);
    mosquitto_subscribe_callback_set(b->client, on_subscribe);
    mosquitto_publish_callback_set(b->client, on_publish);
    mosquitto_message_callback_set(b->client, on_message);
    assert_int_equal(mosquitto_int_option(b->client, MOSQ_OPT_TCP_NODELAY, 1), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_connect(b->client, "127.0.0.1", b->port, 60), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_loop_start(b->client), MOSQ_ERR_SUCCESS);
    (void)pthread_mutex_lock(&b->lock);
    while (!b->subscribed && pthread_cond_timedwait(&b->changed, &b->lock, &deadline) == 0)
        continue;
    subscribed = b->subscribed;
    (void)pthread_mutex_unlock(&b->lock);
    assert_true(subscribed);
}

static void drop_client(struct broker *b)
{
    if (b->client == NULL)
        return;
    (void)mosquitto_disconnect(b->client);
    (void)mosquitto_loop_stop(b->client, false);
    mosquitto_destroy(b->client);
    b->client = NULL;
}

/* --- the process ------------------------------------------------------------------------------------------ */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)close(fd);
    return ntohs(at.sin_port);
}

static void wait_accepting(const struct broker *b)
{
    struct sockaddr_in at = loopback(b->port);

    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += 5) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int refused = connect(fd, (struct sockaddr *)&at, sizeof(at));

        (void)close(fd);
        if (refused == 0)
            return;
        sleep_ms(5);
    }
    fail_msg("mosquitto does not accept connections");
}

static void run_mosquitto(struct broker *b)
{
    extern char **environ;
    char path[96];
    char *args[] = {(char[]){"mosquitto"}, (char[]){"-c"}, path, NULL};

    (void)snprintf(path, sizeof(path), "%s/mosquitto.conf", b->folder);
    if (posix_spawn(&b->pid, "/usr/sbin/mosquitto", NULL, NULL, args, environ) != 0)
        fail_msg("/usr/sbin/mosquitto cannot be started: %s", strerror(errno));
    wait_accepting(b);
}

static void write_config(const struct broker *b)
{
    char path[96];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/mosquitto.conf", b->folder);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "listener %u 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 100000\n"
                  "log_type error\nlog_dest stderr\nsys_interval 0\n",
                  b->port);
    assert_int_equal(fclose(file), 0);
}

struct broker *broker_new(void)
{
    struct broker *b = calloc(1, sizeof(*b));

    (void)mosquitto_lib_init();
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->changed, NULL);
    (void)snprintf(b->folder, sizeof(b->folder), "/tmp/ferry-bus-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    b->port = free_port();
    write_config(b);
    run_mosquitto(b);
    connect_client(b);
    return b;
}

void broker_free(struct broker *b)
{
    char path[96];

    drop_client(b);
    broker_kill(b);
    (void)snprintf(path, sizeof(path), "%s/mosquitto.conf", b->folder);
    (void)unlink(path);
    (void)rmdir(b->folder);
    while (b->taken < b->received)
        free(b->inbox[b->taken++].payload);
    (void)pthread_cond_destroy(&b->changed);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
    (void)mosquitto_lib_cleanup();
}

uint16_t broker_port(const struct broker *b)
{
    return b->port;
}

void broker_send(struct broker *b, const char *topic, const void *payload, size_t len)
{
    struct timespec deadline = in_ms(PATIENCE_MS);
    unsigned before;
    bool confirmed;

    (void)pthread_mutex_lock(&b->lock);
    before = b->confirmed;
    (void)pthread_mutex_unlock(&b->lock);
    assert_int_equal(mosquitto_publish(b->client, NULL, topic, (int)len, payload, 1, false), MOSQ_ERR_SUCCESS);
    (void)pthread_mutex_lock(&b->lock);
    while (b->confirmed == before && pthread_cond_timedwait(&b->changed, &b->lock, &deadline) == 0)
        continue;
    confirmed = b->confirmed != before;
    (void)pthread_mutex_unlock(&b->lock);
    assert_true(confirmed);
}

bool broker_receive(struct broker *b, unsigned timeout_ms, struct peer_message *ret_message)
{
    struct timespec deadline = in_ms(timeout_ms);
    bool got;

    (void)pthread_mutex_lock(&b->lock);
    while (b->taken == b->received && pthread_cond_timedwait(&b->changed, &b->lock, &deadline) == 0)
        continue;
    got = b->taken < b->received;
    if (got)
        *ret_message = b->inbox[b->taken++];
    (void)pthread_mutex_unlock(&b->lock);
    return got;
}

void broker_kill(struct broker *b)
{
    if (b->pid <= 0)
        return;
    (void)kill(b->pid, SIGKILL);
    (void)waitpid(b->pid, NULL, 0);
    b->pid = 0;
}

void broker_restart(struct broker *b)
{
    drop_client(b);
    run_mosquitto(b);
    connect_client(b);
}

void broker_pause(struct broker *b)
{
    (void)kill(b->pid, SIGSTOP);
}

void broker_resume(struct broker *b)
{
    (void)kill(b->pid, SIGCONT);
}
