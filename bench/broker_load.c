/* What the plugin costs the broker: broker_load PORT USER PASSWORD CLIENT_ID TOPIC connects|publish SECONDS
 *
 * connects: one client after the other connects and goes, over raw sockets: CONNECT, CONNACK, close.
 * publish: one client publishes at QoS 1, a hundred under way.
 * Prints {"per_second": N}. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_MAX = 1024, UNDER_WAY = 100 };

struct packet {
    uint8_t bytes[PACKET_MAX];
    size_t len;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "broker_load: %s\n", what);
    exit(1);
}

static void put(struct packet *p, const void *bytes, size_t len)
{
    if (p->len + len > PACKET_MAX)
        fail("a text is too long");
    memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
}

static void put_text(struct packet *p, const char *text)
{
    size_t len = strlen(text);
    uint8_t size[2] = {(uint8_t)(len >> 8), (uint8_t)len};

    put(p, size, 2);
    put(p, text, len);
}

static struct packet with_head(uint8_t type, const struct packet *body)
{
    struct packet p = {.len = 0};
    size_t len = body->len;

    put(&p, &type, 1);
    do {
        uint8_t digit = (uint8_t)((len & 127) | (len > 127 ? 128 : 0));

        put(&p, &digit, 1);
        len >>= 7;
    } while (len > 0);
    put(&p, body->bytes, body->len);
    return p;
}

static struct packet connect_packet(char *const *words)
{
    struct packet body = {.len = 0};

    put_text(&body, "MQTT");
    put(&body, "\4\302\0\74", 4);
    put_text(&body, words[2]);
    put_text(&body, words[0]);
    put_text(&body, words[1]);
    return with_head(0x10, &body);
}

static void read_all(int fd, void *out, size_t len)
{
    uint8_t *at = out;

    while (len > 0) {
        ssize_t got = read(fd, at, len);

        if (got <= 0)
            fail("the broker has closed");
        at += got;
        len -= (size_t)got;
    }
}

static int open_client(uint16_t port, const struct packet *hello)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t answer[4];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        write(fd, hello->bytes, hello->len) != (ssize_t)hello->len)
        fail("no connection");
    read_all(fd, answer, sizeof(answer));
    if (answer[0] != 0x20 || answer[3] != 0)
        fail("refused");
    return fd;
}

static uint64_t count_connects(uint16_t port, const struct packet *hello, uint64_t until_ms)
{
    const struct linger at_once = {.l_onoff = 1}; /* no port of ours waits after its use */
    uint64_t count = 0;

    for (; now_ms() < until_ms; count++) {
        int fd = open_client(port, hello);

        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        (void)close(fd);
    }
    return count;
}

static void send_one(int fd, const char *topic, uint16_t number)
{
    const uint8_t id[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    struct packet body = {.len = 0}, p;

    put_text(&body, topic);
    put(&body, id, 2);
    put(&body, "{\"type\":\"bench\"}", 16);
    p = with_head(0x32, &body);
    if (write(fd, p.bytes, p.len) != (ssize_t)p.len)
        fail("cannot send");
}

static uint64_t count_publishes(uint16_t port, const struct packet *hello, const char *topic, uint64_t until_ms)
{
    int fd = open_client(port, hello);
    uint64_t count = 0;
    uint8_t ack[4];

    for (uint16_t i = 1; i <= UNDER_WAY; i++)
        send_one(fd, topic, i);
    for (; now_ms() < until_ms; count++) {
        read_all(fd, ack, sizeof(ack));
        send_one(fd, topic, (uint16_t)(ack[2] << 8 | ack[3]));
    }
    (void)close(fd);
    return count;
}

int main(int argc, char **argv)
{
    struct packet hello;
    unsigned long seconds;
    uint64_t began, count;
    uint16_t port;

    if (argc != 8)
        fail("usage: PORT USER PASSWORD CLIENT_ID TOPIC connects|publish SECONDS");
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    seconds = strtoul(argv[7], NULL, 10);
    hello = connect_packet(argv + 2);
    began = now_ms();
    count = strcmp(argv[6], "connects") == 0 ? count_connects(port, &hello, began + seconds * 1000)
                                             : count_publishes(port, &hello, argv[5], began + seconds * 1000);
    (void)printf("{\"per_second\": %llu}\n", (unsigned long long)(count * 1000 / (now_ms() - began)));
    return 0;
}
