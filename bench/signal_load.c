/**
 * @file signal_load.c
 * @brief Devices that ask as fast as they are answered, or at a pace.
 *
 *     signal_load [--ask create|report|get] [--per-second N] PORT SERVICE PRODUCT DEVICES SECONDS [SECRET]
 *
 * SECRET: of each of them, for a broker that asks who they are. Each device is a connection of its own with one request under way. create: a
 * place for a file, each time other content under the same name, so that each request is a change that the platform has to keep. report: how
 * far the upload of one file has come. get: is there a file for me? --per-second: all of them together, not more. Prints one JSON object.
 */
#define _GNU_SOURCE /* memmem */
#include <getopt.h>
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
    PACED_TURN_MS = 1,
    ANSWER_MAX_S = 10,     /* a device that hears nothing for so long is reported */
};

static const char answer_mark[] = "_rsp\"", url_mark[] = "\"url\":\"http", accepted_mark[] = "\"result_code\":0";

static const struct ask_kind {
    const char *name, *granted_mark;
} ask_kinds[] = {{"create", url_mark}, {"report", accepted_mark}, {"get", url_mark}};

enum { ASK_CREATE, ASK_REPORT, ASK_GET, ASK_KINDS };

struct load;

struct device {
    struct load *load;
    struct mosquitto *client;
    char up[TOPIC_SIZE], down[TOPIC_SIZE];
    uint64_t number; /* of its requests */
    uint64_t asked_us;
    bool ready, waits;
};

struct load {
    int port;
    const char *service, *product, *secret;
    int device_count, kind;
    uint64_t end_us;  /* 0: not begun */
    uint64_t pace_us; /* between two requests of one device; 0: the next one at once */
    uint64_t per_second, rounds, refused;
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

/* Who reports has asked for a place first. */
static int kind_of(const struct device *device)
{
    return device->load->kind == ASK_REPORT && device->number == 0 ? ASK_CREATE : device->load->kind;
}

static int write_request(const struct device *device, char *out, size_t size)
{
    uint64_t content = (uint64_t)(device - device->load->devices) << 32 | device->number;

    if (kind_of(device) == ASK_GET)
        return snprintf(out, size, "{\"type\": \"get_download_task\"}");
    if (kind_of(device) == ASK_REPORT)
        return snprintf(out, size, "{\"type\": \"report_upload_progress\",\"name\": \"bench\",\"progress\": {\"state\": \"uploading\","
                        "\"percent\": %u,\"result_code\": 0,\"result_msg\": \"\"}}", (unsigned)(device->number % 101));
    return snprintf(out, size, "{\"type\": \"create_upload_task\",\"size\": 1000,\"name\": \"bench\",\"md5sum\": \"%032llx\"}",
                    (unsigned long long)content);
}

static void ask(struct device *device)
{
    char payload[256];
    int len = write_request(device, payload, sizeof payload);

    device->waits = true;
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
    const char *granted = ask_kinds[kind_of(device)].granted_mark;
    (void)client;
    if (!device->waits || memmem(message->payload, (size_t)message->payloadlen, answer_mark, sizeof answer_mark - 1) == NULL)
        return; /* the platform pushes a file */
    device->waits = false;
    device->number++;
    if (memmem(message->payload, (size_t)message->payloadlen, granted, strlen(granted)) == NULL)
        load->refused++;
    if (load->rounds < SAMPLES_MAX)
        load->samples[load->rounds] = (uint32_t)(now - device->asked_us);
    load->rounds++;
    if (now < load->end_us && load->pace_us == 0)
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

/* At a pace: whose time has come. */
static void ask_due(struct load *load)
{
    uint64_t now = now_us();

    for (int i = 0; i < load->device_count && now < load->end_us; i++)
        if (!load->devices[i].waits && now >= load->devices[i].asked_us + load->pace_us)
            ask(&load->devices[i]);
}

/* Waits for the network once and lets every device work. */
static void turn(struct load *load)
{
    for (int i = 0; i < load->device_count; i++) {
        struct mosquitto *client = load->devices[i].client;
        short events = mosquitto_want_write(client) ? POLLIN | POLLOUT : POLLIN;
        load->polls[i] = (struct pollfd){.fd = mosquitto_socket(client), .events = events};
    }
    (void)poll(load->polls, (nfds_t)load->device_count, load->pace_us > 0 ? PACED_TURN_MS : 100);
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

/* After the end: who was asked for last is answered, too. Returns how many were not. */
static int wait_for_the_last(struct load *load)
{
    uint64_t give_up = now_us() + ANSWER_MAX_S * 1000000ull;
    int waiting;

    do {
        waiting = 0;
        for (int i = 0; i < load->device_count; i++)
            waiting += load->devices[i].waits;
        if (waiting > 0)
            turn(load);
    } while (waiting > 0 && now_us() < give_up);
    return waiting;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void report(const struct load *load, uint64_t took_us, uint64_t rounds, int stuck)
{
    size_t samples = load->rounds < SAMPLES_MAX ? (size_t)load->rounds : SAMPLES_MAX;
    if (samples == 0)
        fail("no answer", "nothing came back at all");
    qsort(load->samples, samples, sizeof load->samples[0], by_value);
    (void)printf("{\"rounds\":%llu,\"refused\":%llu,\"stuck\":%d,\"per_second\":%llu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
                 (unsigned long long)load->rounds, (unsigned long long)load->refused, stuck,
                 (unsigned long long)(rounds * 1000000u / took_us), load->samples[samples / 2],
                 load->samples[samples * 99 / 100], load->samples[samples - 1]);
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: signal_load [--ask create|report|get] [--per-second N] PORT SERVICE PRODUCT DEVICES SECONDS [SECRET]\n");
    return 2;
}

static int kind_named(const char *name)
{
    int kind = 0;

    while (kind < ASK_KINDS && strcmp(ask_kinds[kind].name, name) != 0)
        kind++;
    return kind;
}

/* The index of what is no option; below 0: it is wrong. */
static int read_options(int argc, char **argv, struct load *load)
{
    static const struct option options[] = {{"ask", required_argument, NULL, 'a'}, {"per-second", required_argument, NULL, 'p'}, {0}};

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (option == 'p')
            load->per_second = strtoull(optarg, NULL, 10);
        else if (option != 'a' || (load->kind = kind_named(optarg)) == ASK_KINDS)
            return -1;
    return argc - optind == 5 || argc - optind == 6 ? optind : -1;
}

static void measure(struct load *load, uint64_t seconds)
{
    uint64_t began = now_us(), rounds, took_us;

    load->end_us = began + seconds * 1000000u;
    load->pace_us = load->per_second > 0 ? (uint64_t)load->device_count * 1000000u / load->per_second : 0;
    for (int i = 0; i < load->device_count; i++)
        if (load->pace_us == 0)
            ask(&load->devices[i]);
        else
            load->devices[i].asked_us = began - load->pace_us + load->pace_us * (uint64_t)i / (uint64_t)load->device_count;
    while (now_us() < load->end_us) {
        if (load->pace_us > 0)
            ask_due(load);
        turn(load);
    }
    rounds = load->rounds;
    took_us = now_us() - began;
    report(load, took_us, rounds, wait_for_the_last(load));
}

int main(int argc, char **argv)
{
    struct load load = {.kind = ASK_CREATE};
    int at = read_options(argc, argv, &load);

    if (at < 0)
        return usage();
    load.port = (int)strtol(argv[at], NULL, 10);
    load.service = argv[at + 1];
    load.product = argv[at + 2];
    load.device_count = (int)strtol(argv[at + 3], NULL, 10);
    load.secret = argc - at == 6 ? argv[at + 5] : NULL;
    if (load.device_count < 1 || load.device_count > DEVICES_MAX)
        fail("DEVICES", "1 to 4000");
    load.devices = calloc((size_t)load.device_count, sizeof load.devices[0]);
    load.polls = calloc((size_t)load.device_count, sizeof load.polls[0]);
    load.samples = malloc(SAMPLES_MAX * sizeof load.samples[0]);
    if (load.devices == NULL || load.polls == NULL || load.samples == NULL)
        fail("start", "out of memory");

    (void)mosquitto_lib_init();
    connect_all(&load);
    measure(&load, strtoull(argv[at + 4], NULL, 10));
    for (int i = 0; i < load.device_count; i++)
        mosquitto_destroy(load.devices[i].client);
    (void)mosquitto_lib_cleanup();
    free(load.samples);
    free(load.polls);
    free(load.devices);
    return EXIT_SUCCESS;
}
