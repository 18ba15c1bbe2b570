/**
 * @file signal_load.c
 * @brief Devices that ask for a place to put a file as fast as they are answered.
 *
 *     signal_load PORT SERVICE PRODUCT DEVICES SECONDS [SECRET]
 *
 * SECRET: of each of them, for a broker that asks who they are. Each device is a connection of its own with one request under way. Every request has other content under
 * the same name, so that each one is a change that the platform has to keep. Prints one JSON object.
 */
#define _GNU_SOURCE /* memmem */
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DEVICES_MAX = 4000,
    SAMPLES_MAX = 4 << 20, /* 16 MiB; later rounds are counted but not in the percentiles */
    TOPIC_SIZE = 256,
    ANSWER_MAX_S = 10,     /* a device that hears nothing for so long is reported */
};

static const char granted_mark[] = "\"url\":\"http";

struct load;

struct device {
    struct load *load;
    struct mosquitto *client;
    char up[TOPIC_SIZE], down[TOPIC_SIZE];
    uint64_t number; /* of its requests */
    uint64_t asked_us;
    bool ready;
};

struct load {
    int port;
    const char *service, *product, *secret;
    int device_count;
    uint64_t end_us; /* 0: not begun */
    uint64_t rounds, refused;
    int ready;
    uint32_t *samples;
    struct device *devices;
    struct pollfd *polls;
};

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "signal_load: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void must(int err, const char *what)
{
    if (err != MOSQ_ERR_SUCCESS)
        fail(what, mosquitto_strerror(err));
}

/* --- one device --------------------------------------------------------------------------------- */

static void ask(struct device *device)
{
    char payload[256];
    uint64_t content = (uint64_t)(device - device->load->devices) << 32 | device->number++;
    int len = snprintf(payload, sizeof payload,
                       "{\"type\": \"create_upload_task\",\"size\": 1000,\"name\": \"bench\",\"md5sum\": \"%032llx\"}",
                       (unsigned long long)content);
    device->asked_us = now_us();
    must(mosquitto_publish(device->client, NULL, device->up, len, payload, 1, false), "publish");
}

static void on_connect(struct mosquitto *client, void *arg, int code)
{
    const struct device *device = arg;
    if (code != 0)
        fail("connect", mosquitto_connack_string(code));
    must(mosquitto_subscribe(client, NULL, device->down, 0), "subscribe");
}

static void on_subscribe(struct mosquitto *client, void *arg, int mid, int count, const int *granted)
{
    struct device *device = arg;
    (void)client;
    (void)mid;
    if (count != 1 || granted[0] > 2)
        fail("subscribe", "refused");
    if (!device->ready) {
        device->ready = true;
        device->load->ready++;
    }
}

static void on_message(struct mosquitto *client, void *arg, const struct mosquitto_message *message)
{
    struct device *device = arg;
    struct load *load = device->load;
    uint64_t now = now_us();
    (void)client;
    if (memmem(message->payload, (size_t)message->payloadlen, granted_mark, sizeof granted_mark - 1) == NULL)
        load->refused++;
    if (load->rounds < SAMPLES_MAX)
        load->samples[load->rounds] = (uint32_t)(now - device->asked_us);
    load->rounds++;
    if (now < load->end_us)
        ask(device);
}

static void device_connect(struct load *load, int number)
{
    struct device *device = &load->devices[number];
    device->load = load;
    (void)snprintf(device->up, TOPIC_SIZE, "$resource/up/%s/%s/d%d", load->service, load->product, number);
    (void)snprintf(device->down, TOPIC_SIZE, "$resource/down/%s/%s/d%d", load->service, load->product, number);
    char name[TOPIC_SIZE];
    (void)snprintf(name, sizeof name, "%s/d%d", load->product, number);
    device->client = mosquitto_new(load->secret != NULL ? name : NULL, true, device);
    if (device->client == NULL)
        fail("client", "out of memory");
    if (load->secret != NULL)
        must(mosquitto_username_pw_set(device->client, name, load->secret), "password");
    mosquitto_connect_callback_set(device->client, on_connect);
    mosquitto_subscribe_callback_set(device->client, on_subscribe);
    mosquitto_message_callback_set(device->client, on_message);
    must(mosquitto_int_option(device->client, MOSQ_OPT_TCP_NODELAY, 1), "option");
    must(mosquitto_connect(device->client, "127.0.0.1", load->port, 60), "connect");
}

/* --- all of them -------------------------------------------------------------------------------- */

/* Waits for the network once and lets every device work. */
static void turn(struct load *load)
{
    for (int i = 0; i < load->device_count; i++) {
        struct mosquitto *client = load->devices[i].client;
        short events = mosquitto_want_write(client) ? POLLIN | POLLOUT : POLLIN;
        load->polls[i] = (struct pollfd){.fd = mosquitto_socket(client), .events = events};
    }
    (void)poll(load->polls, (nfds_t)load->device_count, 100);
    for (int i = 0; i < load->device_count; i++) {
        struct mosquitto *client = load->devices[i].client;
        if (load->polls[i].revents & POLLOUT)
            must(mosquitto_loop_write(client, 1), "write");
        if (load->polls[i].revents & ~POLLOUT)
            must(mosquitto_loop_read(client, 1), "read");
    }
}

static void connect_all(struct load *load)
{
    uint64_t give_up = now_us() + ANSWER_MAX_S * 1000000ull;
    for (int i = 0; i < load->device_count; i++)
        device_connect(load, i);
    while (load->ready < load->device_count) {
        turn(load);
        if (now_us() > give_up)
            fail("connect", "not everybody was let in");
    }
}

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void report(const struct load *load, uint64_t took_us)
{
    size_t samples = load->rounds < SAMPLES_MAX ? (size_t)load->rounds : SAMPLES_MAX;
    if (samples == 0)
        fail("no answer", "nothing came back at all");
    qsort(load->samples, samples, sizeof load->samples[0], by_value);
    (void)printf("{\"rounds\":%llu,\"refused\":%llu,\"per_second\":%llu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
                 (unsigned long long)load->rounds, (unsigned long long)load->refused,
                 (unsigned long long)(load->rounds * 1000000u / took_us), load->samples[samples / 2],
                 load->samples[samples * 99 / 100], load->samples[samples - 1]);
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 7) {
        (void)fprintf(stderr, "usage: signal_load PORT SERVICE PRODUCT DEVICES SECONDS [SECRET]\n");
        return 2;
    }
    struct load load = {.port = (int)strtol(argv[1], NULL, 10), .service = argv[2], .product = argv[3],
                        .secret = argc == 7 ? argv[6] : NULL, .device_count = (int)strtol(argv[4], NULL, 10)};
    if (load.device_count < 1 || load.device_count > DEVICES_MAX)
        fail("DEVICES", "1 to 4000");
    load.devices = calloc((size_t)load.device_count, sizeof load.devices[0]);
    load.polls = calloc((size_t)load.device_count, sizeof load.polls[0]);
    load.samples = malloc(SAMPLES_MAX * sizeof load.samples[0]);
    if (load.devices == NULL || load.polls == NULL || load.samples == NULL)
        fail("start", "out of memory");

    (void)mosquitto_lib_init();
    connect_all(&load);
    uint64_t began = now_us();
    load.end_us = began + strtoull(argv[5], NULL, 10) * 1000000u;
    for (int i = 0; i < load.device_count; i++)
        ask(&load.devices[i]);
    while (now_us() < load.end_us)
        turn(&load);
    report(&load, now_us() - began);

    for (int i = 0; i < load.device_count; i++)
        mosquitto_destroy(load.devices[i].client);
    (void)mosquitto_lib_cleanup();
    free(load.samples);
    free(load.polls);
    free(load.devices);
    return EXIT_SUCCESS;
}
