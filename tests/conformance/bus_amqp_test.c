/* Against a RabbitMQ that tests/integration/test_rabbitmq_cluster.py starts: FERRY_TEST_AMQP="AMQP-PORT MQTT-PORT USER PASSWORD".
 * The link is cut and stalled by a proxy before it: a node takes half a minute to come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_suite.h"

#include "amqp/amqp_bus.h"
#include "base/system.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAIRS_MAX = 16, PATIENCE_S = 20, CHUNK = 65536 };

struct rabbit {
    unsigned amqp_port, mqtt_port;
    char user[32], password[64];
};

static struct rabbit rabbit;

struct peer {
    /* the proxy */
    pthread_t thread;
    pthread_mutex_t lock;
    int listen_fd;
    uint16_t port;
    int pairs[PAIRS_MAX][2];
    size_t pair_count;
    bool open, flowing, ending;

    /* the devices */
    struct mosquitto *devices;
    sem_t subscribed, sent, received;
    struct peer_message *inbox;
    size_t first, count;
    char queue[64];
};

static bool wait_for(sem_t *sem, unsigned timeout_ms)
{
    struct timespec deadline;

    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return sem_timedwait(sem, &deadline) == 0;
}

/* --- the proxy ---------------------------------------------------------------------------------------------- */

static void drop_pairs(struct peer *p)
{
    for (size_t i = 0; i < p->pair_count; i++) {
        (void)close(p->pairs[i][0]);
        (void)close(p->pairs[i][1]);
    }
    p->pair_count = 0;
}

static void take_pair(struct peer *p)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)rabbit.amqp_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int from = accept(p->listen_fd, NULL, NULL), to;

    if (from < 0)
        return;
    to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!p->open || p->pair_count == PAIRS_MAX || connect(to, (struct sockaddr *)&at, sizeof(at)) != 0) {
        (void)close(from);
        (void)close(to);
        return;
    }
    p->pairs[p->pair_count][0] = from;
    p->pairs[p->pair_count++][1] = to;
}

static bool pass_on(int from, int to)
{
    static char bytes[CHUNK];
    ssize_t len = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);

    for (ssize_t done = 0, n; done < len; done += n)
        if ((n = send(to, bytes + done, (size_t)(len - done), MSG_NOSIGNAL)) < 0)
            return false;
    return len > 0;
}

/* Called with the lock held. */
static void turn(struct peer *p)
{
    struct pollfd fds[1 + 2 * PAIRS_MAX] = {{.fd = p->listen_fd, .events = POLLIN}};
    size_t count = 1;

    for (size_t i = 0; p->flowing && i < p->pair_count; i++)
        for (int side = 0; side < 2; side++)
            fds[count++] = (struct pollfd){.fd = p->pairs[i][side], .events = POLLIN};
    (void)pthread_mutex_unlock(&p->lock);
    int ready = poll(fds, count, 5);
    (void)pthread_mutex_lock(&p->lock);
    if (ready <= 0 || p->ending)
        return;
    if (fds[0].revents != 0)
        take_pair(p);
    for (size_t i = 1; i < count && p->flowing && (count - 1) / 2 <= p->pair_count; i++) {
        int *pair = p->pairs[(i - 1) / 2];
        int side = (int)((i - 1) % 2);

        if (fds[i].revents != 0 && fds[i].fd == pair[side] && !pass_on(pair[side], pair[1 - side])) {
            (void)shutdown(pair[0], SHUT_RDWR);
            (void)shutdown(pair[1], SHUT_RDWR);
        }
    }
}

static void *run_proxy(void *arg)
{
    struct peer *p = arg;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->ending)
        turn(p);
    drop_pairs(p);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void start_proxy(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(p->listen_fd, 16), 0);
    assert_int_equal(getsockname(p->listen_fd, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
    p->open = p->flowing = true;
    (void)pthread_mutex_init(&p->lock, NULL);
    assert_int_equal(pthread_create(&p->thread, NULL, run_proxy, p), 0);
}

static void set_flow(struct peer *p, bool open, bool flowing)
{
    (void)pthread_mutex_lock(&p->lock);
    p->open = open;
    p->flowing = flowing;
    if (!open)
        drop_pairs(p);
    (void)pthread_mutex_unlock(&p->lock);
}

/* --- the devices -------------------------------------------------------------------------------------------- */

static void on_connect(struct mosquitto *client, void *arg, int code)
{
    (void)arg;
    if (code == 0)
        (void)mosquitto_subscribe(client, NULL, "$resource/down/service/+/+", 1);
}

static void on_subscribe(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
    (void)client;
    (void)mid;
    (void)count;
    (void)granted;
    (void)sem_post(&((struct peer *)arg)->subscribed);
}

static void on_publish(struct mosquitto *client, void *arg, int mid)
{
    (void)client;
    (void)mid;
    (void)sem_post(&((struct peer *)arg)->sent);
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    struct peer *p = arg;
    struct peer_message *got;

    (void)client;
    (void)pthread_mutex_lock(&p->lock);
    p->inbox = realloc(p->inbox, (p->count + 1) * sizeof(*p->inbox));
    got = &p->inbox[p->count++];
    (void)snprintf(got->topic, sizeof(got->topic), "%s", message->topic);
    got->payload = malloc((size_t)message->payloadlen + 1);
    if (message->payloadlen > 0)
        memcpy(got->payload, message->payload, (size_t)message->payloadlen);
    got->len = (size_t)message->payloadlen;
    got->qos = message->qos;
    (void)pthread_mutex_unlock(&p->lock);
    (void)sem_post(&p->received);
}

static void connect_devices(struct peer *p)
{
    p->devices = mosquitto_new(NULL, true, p);
    assert_non_null(p->devices);
    mosquitto_connect_callback_set(p->devices, on_connect);
    mosquitto_subscribe_callback_set(p->devices, on_subscribe);
    mosquitto_publish_callback_set(p->devices, on_publish);
    mosquitto_message_callback_set(p->devices, on_message);
    assert_int_equal(mosquitto_username_pw_set(p->devices, rabbit.user, rabbit.password), 0);
    assert_int_equal(mosquitto_connect(p->devices, "127.0.0.1", (int)rabbit.mqtt_port, 60), 0);
    assert_int_equal(mosquitto_loop_start(p->devices), 0);
    assert_true(wait_for(&p->subscribed, 1000 * PATIENCE_S));
}

/* --- the factory -------------------------------------------------------------------------------------------- */

static void *set_up(void)
{
    struct peer *p = calloc(1, sizeof(*p));
    uint64_t chance;

    ferry_random_bytes(&chance, sizeof(chance));
    (void)snprintf(p->queue, sizeof(p->queue), "test.%016llx", (unsigned long long)chance);
    (void)sem_init(&p->subscribed, 0, 0);
    (void)sem_init(&p->sent, 0, 0);
    (void)sem_init(&p->received, 0, 0);
    start_proxy(p);
    connect_devices(p);
    return p;
}

static void tear_down(void *peer)
{
    struct peer *p = peer;

    (void)mosquitto_disconnect(p->devices);
    (void)mosquitto_loop_stop(p->devices, false);
    mosquitto_destroy(p->devices);
    (void)pthread_mutex_lock(&p->lock);
    p->ending = true;
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listen_fd);
    for (size_t i = p->first; i < p->count; i++)
        free(p->inbox[i].payload);
    free(p->inbox);
    free(p);
}

static struct bus *open_bus(void *peer)
{
    struct peer *p = peer;
    struct amqp_bus_node node = {"127.0.0.1", p->port};
    struct amqp_bus_config cfg = {.nodes = &node, .node_count = 1, .username = rabbit.user, .password = rabbit.password, .vhost = "/",
                                  .queue = p->queue, .queue_bytes_max = 8u << 20};
    struct bus *bus = NULL;

    assert_int_equal(amqp_bus_open(&cfg, &bus), FERRY_OK);
    return bus;
}

static void send_as_device(void *peer, const char *topic, const void *payload, size_t len)
{
    struct peer *p = peer;

    assert_int_equal(mosquitto_publish(p->devices, NULL, topic, (int)len, payload, 1, false), 0);
    assert_true(wait_for(&p->sent, 1000 * PATIENCE_S));
}

static bool receive(void *peer, unsigned timeout_ms, struct peer_message *ret_message)
{
    struct peer *p = peer;

    if (!wait_for(&p->received, timeout_ms))
        return false;
    (void)pthread_mutex_lock(&p->lock);
    *ret_message = p->inbox[p->first++];
    (void)pthread_mutex_unlock(&p->lock);
    return true;
}

static void cut(void *peer)
{
    set_flow(peer, false, false);
}

static void restore(void *peer)
{
    set_flow(peer, true, true);
}

static void stall(void *peer)
{
    set_flow(peer, true, false);
}

static void unstall(void *peer)
{
    set_flow(peer, true, true);
}

/* --- what only this implementation promises ----------------------------------------------------------------- */

static void a_bus_needs_a_node_a_vhost_and_readable_certificates(void **state)
{
    static const struct amqp_bus_node node = {"h", 5672};
    static const struct amqp_bus_config wrong[] = {
        {.nodes = &node, .node_count = 0, .vhost = "/"},
        {.nodes = &node, .node_count = 1},
        {.nodes = &node, .node_count = 1, .vhost = "/", .tls = true, .ca_file = "/nowhere/ca.pem"},
    };
    struct bus *bus = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(amqp_bus_open(&wrong[i], &bus), FERRY_E_ARG);
    assert_null(bus);
}

static void ignore_message(void *arg, const char *topic, const void *payload, size_t len)
{
    (void)arg;
    (void)topic;
    (void)payload;
    (void)len;
}

static void a_broker_that_never_answers_does_not_delay_the_close(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;
    struct amqp_bus_node node = {.host = "127.0.0.1"};
    struct amqp_bus_config cfg = {.nodes = &node, .node_count = 1, .vhost = "/"};
    struct bus_listener listener = {.message = ignore_message};
    struct bus *bus = NULL;
    uint64_t before_ms;

    (void)state;
    assert_int_equal(bind(silent, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(silent, 1), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&at, &len), 0);
    node.port = ntohs(at.sin_port);
    assert_int_equal(amqp_bus_open(&cfg, &bus), FERRY_OK);
    assert_int_equal(bus->ops->start(bus, &listener), FERRY_OK);
    accepted = accept(silent, NULL, NULL);
    assert_true(accepted >= 0);
    before_ms = ferry_mono_ms();
    bus->ops->close(bus);
    assert_in_range(ferry_mono_ms() - before_ms, 0, 10000);
    (void)close(accepted);
    (void)close(silent);
}

int main(void)
{
    static const struct bus_factory factory = {
        .name = "amqp",
        .set_up = set_up,
        .tear_down = tear_down,
        .open = open_bus,
        .send = send_as_device,
        .receive = receive,
        .cut = cut,
        .restore = restore,
        .stall = stall,
        .unstall = unstall,
    };
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_bus_needs_a_node_a_vhost_and_readable_certificates),
        cmocka_unit_test(a_broker_that_never_answers_does_not_delay_the_close),
    };
    const char *where = getenv("FERRY_TEST_AMQP");
    int failed = cmocka_run_group_tests(own, NULL, NULL);

    if (where == NULL) {
        print_message("the suite is run by tests/integration/test_rabbitmq_cluster.py\n");
        return failed;
    }
    if (sscanf(where, "%u %u %31s %63s", &rabbit.amqp_port, &rabbit.mqtt_port, rabbit.user, rabbit.password) != 4)
        return EXIT_FAILURE;
    (void)mosquitto_lib_init();
    failed += bus_suite_run(&factory);
    (void)mosquitto_lib_cleanup();
    return failed;
}
