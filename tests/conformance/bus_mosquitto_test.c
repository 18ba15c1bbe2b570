#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_broker.h"
#include "bus_suite.h"

#include "mqtt/mosquitto_bus.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UP "$resource/up/service/p1/d1"
#define DOWN "$resource/down/service/p1/d1"

enum { PATIENCE_S = 20, PATIENCE_MS = 20000 };

static void *set_up(void)
{
    return broker_new();
}

static void tear_down(void *peer)
{
    broker_free(peer);
}

static struct bus *open_bus(void *peer)
{
    struct mosquitto_bus_config cfg = {
        .host = "127.0.0.1", .port = broker_port(peer), .client_id = "ferryd@test", .queue_bytes_max = 8u << 20};
    struct bus *bus = NULL;

    assert_int_equal(mosquitto_bus_open(&cfg, &bus), FERRY_OK);
    return bus;
}

static void send_as_device(void *peer, const char *topic, const void *payload, size_t len)
{
    broker_send(peer, topic, payload, len);
}

static bool receive(void *peer, unsigned timeout_ms, struct peer_message *ret_message)
{
    return broker_receive(peer, timeout_ms, ret_message);
}

static void cut(void *peer)
{
    broker_kill(peer);
}

static void restore(void *peer)
{
    broker_restart(peer);
}

static void stall(void *peer)
{
    broker_pause(peer);
}

static void unstall(void *peer)
{
    broker_resume(peer);
}

/* --- what only this implementation promises ---------------------------------------------------------------- */

struct listener_state {
    struct bus *bus;
    sem_t up, messages;
    char last[64];
    bool answer; /* each message, at once */
    unsigned refused; /* of the answers; the bus's thread counts them: read when the bus is closed */
};

static void note_link(void *arg, bool up)
{
    if (up)
        (void)sem_post(&((struct listener_state *)arg)->up);
}

static void note_message(void *arg, const char *topic, const void *payload, size_t len)
{
    struct listener_state *s = arg;

    (void)topic;
    memcpy(s->last, payload, len < sizeof(s->last) ? len : sizeof(s->last));
    if (s->answer && s->bus->ops->publish(s->bus, DOWN, payload, len) != FERRY_OK)
        s->refused++;
    (void)sem_post(&s->messages);
}

static bool wait_for(sem_t *sem)
{
    struct timespec deadline;

    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    return sem_timedwait(sem, &deadline) == 0;
}

static struct bus *start_bus(void *peer, struct listener_state *s, bool answer)
{
    struct bus *bus = open_bus(peer);
    struct bus_listener listener = {.message = note_message, .link = note_link, .arg = s};

    memset(s, 0, sizeof(*s));
    s->bus = bus;
    s->answer = answer;
    assert_int_equal(sem_init(&s->up, 0, 0), 0);
    assert_int_equal(sem_init(&s->messages, 0, 0), 0);
    assert_int_equal(bus->ops->start(bus, &listener), FERRY_OK);
    return bus;
}

static void requests_wait_in_the_broker_while_nobody_is_connected(void **state)
{
    void *peer = set_up();
    struct listener_state s;
    struct bus *bus = start_bus(peer, &s, false);

    (void)state;
    assert_true(wait_for(&s.up));
    bus->ops->close(bus);
    send_as_device(peer, UP, "request", 7);
    bus = start_bus(peer, &s, false);
    assert_true(wait_for(&s.messages));
    assert_string_equal(s.last, "request");
    bus->ops->close(bus);
    tear_down(peer);
}

static void requests_that_waited_can_be_answered_as_soon_as_they_come(void **state)
{
    enum { WAITING = 50 };
    void *peer = set_up();
    struct listener_state s;
    struct bus *bus = start_bus(peer, &s, false);

    (void)state;
    assert_true(wait_for(&s.up));
    bus->ops->close(bus);
    for (int i = 0; i < WAITING; i++)
        send_as_device(peer, UP, "request", 7);
    bus = start_bus(peer, &s, true);
    for (int i = 0; i < WAITING; i++) {
        struct peer_message message;

        assert_true(wait_for(&s.messages));
        assert_true(receive(peer, PATIENCE_MS, &message));
        free(message.payload);
    }
    bus->ops->close(bus);
    assert_int_equal(s.refused, 0);
    tear_down(peer);
}

static void close_sends_what_waits(void **state)
{
    void *peer = set_up();
    struct listener_state s;
    struct bus *bus = start_bus(peer, &s, false);

    (void)state;
    assert_true(wait_for(&s.up));
    for (int i = 0; i < 100; i++)
        assert_int_equal(bus->ops->publish(bus, DOWN, "goodbye", 7), FERRY_OK);
    bus->ops->stop(bus);
    bus->ops->close(bus);
    for (int i = 0; i < 100; i++) {
        struct peer_message message;

        assert_true(receive(peer, PATIENCE_MS, &message));
        free(message.payload);
    }
    tear_down(peer);
}

static void a_process_with_more_than_1024_descriptors_can_connect(void **state)
{
    struct rlimit limit = {0};
    void *peer = set_up();
    struct listener_state s;
    struct bus *bus;
    int fds[1100];

    (void)state;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        fds[i] = dup(STDIN_FILENO);
        assert_true(fds[i] >= 0);
    }
    bus = start_bus(peer, &s, false);
    assert_true(wait_for(&s.up));
    send_as_device(peer, UP, "request", 7);
    assert_true(wait_for(&s.messages));
    bus->ops->close(bus);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        (void)close(fds[i]);
    tear_down(peer);
}

static void a_broker_that_never_answers_does_not_delay_the_close(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct mosquitto_bus_config cfg = {.host = "127.0.0.1", .client_id = "ferryd@test"};
    struct bus_listener listener = {.message = note_message};
    struct bus *bus = NULL;
    struct timespec before, after;
    int accepted;

    (void)state;
    assert_int_equal(bind(silent, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(silent, 1), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&at, &len), 0);
    cfg.port = ntohs(at.sin_port);
    assert_int_equal(mosquitto_bus_open(&cfg, &bus), FERRY_OK);
    assert_int_equal(bus->ops->start(bus, &listener), FERRY_OK);
    accepted = accept(silent, NULL, NULL);
    assert_true(accepted >= 0);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    bus->ops->close(bus);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 5);
    (void)close(accepted);
    (void)close(silent);
}

/* --- a broker of which each byte is ours ---------------------------------------------------------------------- */

struct scripted {
    int listening, fd;
};

static struct scripted scripted_new(struct mosquitto_bus_config *cfg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct scripted peer = {.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .fd = -1};
    socklen_t len = sizeof(at);

    assert_int_equal(bind(peer.listening, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(peer.listening, 1), 0);
    assert_int_equal(getsockname(peer.listening, (struct sockaddr *)&at, &len), 0);
    *cfg = (struct mosquitto_bus_config){.host = "127.0.0.1", .port = ntohs(at.sin_port), .client_id = "ferryd@test"};
    return peer;
}

static void scripted_free(struct scripted *peer)
{
    (void)close(peer->fd);
    (void)close(peer->listening);
}

static void say(const struct scripted *peer, const void *bytes, size_t len)
{
    assert_int_equal(send(peer->fd, bytes, len, MSG_NOSIGNAL), len);
}

/* One packet of less than 128 bytes behind its header. */
static void hear(const struct scripted *peer, uint8_t packet[130])
{
    assert_int_equal(recv(peer->fd, packet, 2, MSG_WAITALL), 2);
    assert_true(packet[1] < 128);
    if (packet[1] > 0)
        assert_int_equal(recv(peer->fd, packet + 2, packet[1], MSG_WAITALL), packet[1]);
}

/* The bus connects, and its subscription is confirmed. */
static void welcome(struct scripted *peer)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    uint8_t packet[130], suback[] = {0x90, 3, 0, 0, 1};

    if (peer->fd >= 0)
        (void)close(peer->fd);
    peer->fd = accept(peer->listening, NULL, NULL);
    assert_true(peer->fd >= 0);
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    hear(peer, packet);
    assert_int_equal(packet[0], 0x10);
    say(peer, "\x20\x02\0\0", 4);
    hear(peer, packet);
    assert_int_equal(packet[0], 0x82);
    memcpy(suback + 2, packet + 2, 2);
    say(peer, suback, sizeof(suback));
}

static struct bus *start_scripted(struct scripted *peer, struct listener_state *s)
{
    struct bus_listener listener = {.message = note_message, .link = note_link, .arg = s};
    struct mosquitto_bus_config cfg;

    *peer = scripted_new(&cfg);
    memset(s, 0, sizeof(*s));
    assert_int_equal(sem_init(&s->up, 0, 0), 0);
    assert_int_equal(sem_init(&s->messages, 0, 0), 0);
    assert_int_equal(mosquitto_bus_open(&cfg, &s->bus), FERRY_OK);
    assert_int_equal(s->bus->ops->start(s->bus, &listener), FERRY_OK);
    welcome(peer);
    assert_true(wait_for(&s->up));
    return s->bus;
}

static void messages_may_come_in_pieces_and_are_acknowledged(void **state)
{
    static const char first[] = "\x32\x24\x00\x1a" UP "\x00\x07" "firstx", second[] = "\x32\x24\x00\x1a" UP "\x00\x08" "second";
    const struct timespec moment = {.tv_nsec = 2000000};
    struct scripted peer;
    struct listener_state s;
    struct bus *bus = start_scripted(&peer, &s);
    uint8_t packet[130];

    (void)state;
    for (size_t i = 0; i < sizeof(first) - 1; i++) {
        say(&peer, first + i, 1);
        (void)nanosleep(&moment, NULL);
    }
    assert_true(wait_for(&s.messages));
    hear(&peer, packet);
    assert_memory_equal(packet, "\x40\x02\x00\x07", 4);
    say(&peer, second, sizeof(second) - 1);
    assert_true(wait_for(&s.messages));
    assert_memory_equal(s.last, "second", 6);
    hear(&peer, packet);
    assert_memory_equal(packet, "\x40\x02\x00\x08", 4);
    bus->ops->close(bus);
    scripted_free(&peer);
}

static void a_broker_that_says_nonsense_is_left(void **state)
{
    static const char *const nonsense[] = {"\x32\x01\x01", "\x3f\xff\xff\xff\xff", "\x20\x01\x01"};
    struct scripted peer;
    struct listener_state s;
    struct bus *bus = start_scripted(&peer, &s);
    uint8_t byte;

    (void)state;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        say(&peer, nonsense[i], strlen(nonsense[i]));
        assert_true(recv(peer.fd, &byte, 1, 0) <= 0);
        welcome(&peer);
        assert_true(wait_for(&s.up));
    }
    bus->ops->close(bus);
    scripted_free(&peer);
}

static void a_broker_in_silence_is_pinged_and_left_when_it_does_not_answer(void **state)
{
    struct scripted peer;
    struct listener_state s;
    struct bus *bus = start_scripted(&peer, &s);
    uint8_t packet[130];

    (void)state;
    for (int i = 0; i < 2; i++) {
        hear(&peer, packet);
        assert_memory_equal(packet, "\xc0\x00", 2);
        if (i == 0)
            say(&peer, "\xd0\x00", 2);
    }
    assert_int_equal(recv(peer.fd, packet, 1, 0), 0);
    bus->ops->close(bus);
    scripted_free(&peer);
}

static void a_bus_needs_a_host_a_client_id_and_readable_certificates(void **state)
{
    static const struct mosquitto_bus_config wrong[] = {
        {.client_id = "c"},
        {.host = "h"},
        {.host = "h", .client_id = "c", .tls = true, .ca_file = "/nowhere/ca.pem"},
    };
    struct bus *bus = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(mosquitto_bus_open(&wrong[i], &bus), FERRY_E_ARG);
    assert_null(bus);
}

int main(void)
{
    static const struct bus_factory factory = {
        .name = "mosquitto",
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
        cmocka_unit_test(requests_wait_in_the_broker_while_nobody_is_connected),
        cmocka_unit_test(requests_that_waited_can_be_answered_as_soon_as_they_come),
        cmocka_unit_test(close_sends_what_waits),
        cmocka_unit_test(a_process_with_more_than_1024_descriptors_can_connect),
        cmocka_unit_test(a_broker_that_never_answers_does_not_delay_the_close),
        cmocka_unit_test(messages_may_come_in_pieces_and_are_acknowledged),
        cmocka_unit_test(a_broker_that_says_nonsense_is_left),
        cmocka_unit_test(a_broker_in_silence_is_pinged_and_left_when_it_does_not_answer),
        cmocka_unit_test(a_bus_needs_a_host_a_client_id_and_readable_certificates),
    };
    int failed = bus_suite_run(&factory);

    return failed + cmocka_run_group_tests(own, NULL, NULL);
}
