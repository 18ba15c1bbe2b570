#include "mosquitto_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEND_HERE_MAX = 16 }; /* messages that the thread which publishes them may send itself */

static struct mosquitto_bus *bus_of(struct bus *bus)
{
    return (struct mosquitto_bus *)bus;
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

        bus_link_run(b);
        bus_thread_set_connected(&b->base, false);
        was_up = b->up;
        if (was_up) {
            (void)pthread_mutex_lock(&b->base.calling);
            bus_session_set_up(b, false);
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

/* A few answers are sent by who has them, while the thread waits for the network: to wake it for them would take longer. When it is awake,
 * it sends them itself. */
static void bus_let_go(struct bus *bus)
{
    struct mosquitto_bus *b = bus_of(bus);
    size_t waiting = bus_thread_end_hold(&b->base);
    bool sent = waiting == 0;

    if (waiting > 0 && waiting <= SEND_HERE_MAX && pthread_mutex_trylock(&b->base.calling) == 0) {
        sent = bus_link_send(b);
        (void)pthread_mutex_unlock(&b->base.calling);
    }
    if (!sent)
        bus_thread_wake(&b->base);
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
    .hold = bus_thread_hold,
    .let_go = bus_let_go,
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
