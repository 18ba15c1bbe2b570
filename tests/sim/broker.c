/* The broker and the network of the devices: what MQTT lets happen to a message, and no more. In one connection nothing overtakes;
 * what was on its way when a connection broke may arrive after what the next one brings. */
#include "sim.h"

#include "proto/topic.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOP_MAX_MS = 20,
    LATE_MAX_MS = 30 * 1000,
    AGAIN_MAX_MS = 60 * 1000, /* in which a message may come a second time */
    KEEP_ALIVE_MS = 90 * 1000,
    BROKER_DOWN_MAX_MS = 20 * 1000,
    QUEUE_TRY_MS = 500, /* for a worker, while there is none */
    QUEUE_TRIES = 20,
};

/* A message to or from a device. */
struct packet {
    unsigned device;
    int qos;
    unsigned tries;
    size_t len;
    char payload[];
};

static struct packet *packet_new(unsigned device, int qos, const void *payload, size_t len)
{
    struct packet *p = sim_alloc(sizeof *p + len + 1);
    p->device = device;
    p->qos = qos;
    p->len = len;
    memcpy(p->payload, payload, len);
    return p;
}

/* Of one connection of one life of a device. */
static uint64_t connection_of(const struct sim_device *d)
{
    return (uint64_t)d->life << 32 | d->link_no;
}

static uint64_t hop_ms(struct sim *s)
{
    uint64_t ms = 1 + chance_below(&s->net, HOP_MAX_MS);
    return sim_strikes(s, FAULT_DELAY) ? ms + chance_below(&s->faults, LATE_MAX_MS) : ms;
}

/* When a message that leaves now arrives; *inout_last is when the one before it does. */
static uint64_t arrival_ms(struct sim *s, uint64_t *inout_last)
{
    uint64_t at_ms = s->now_ms + hop_ms(s);
    *inout_last = at_ms > *inout_last ? at_ms : *inout_last;
    return *inout_last;
}

/* --- the connection ------------------------------------------------------------------------------------- */

static void link_event(struct sim_device *d, ferry_event_kind kind, ferry_fault fault)
{
    ferry_event event = {.kind = kind, .fault = fault};
    (void)device_event(d, &event);
}

static void drop(struct sim_device *d)
{
    d->link = LINK_NONE;
    d->subscribed = false;
    d->link_no++;
}

static void lose(struct sim_device *d, ferry_fault fault)
{
    sim_note(d->sim, "link lost", d->no, &fault, sizeof fault);
    drop(d);
    link_event(d, FERRY_EV_LINK_DOWN, fault);
}

static void on_dialled(struct sim *s, void *subject, uint64_t connection, void *owned)
{
    struct sim_device *d = subject;
    (void)owned;
    if (!d->on || connection != connection_of(d) || d->link != LINK_DIALS)
        return;
    if (!s->broker_up || d->disabled) {
        lose(d, FERRY_FAULT_CONNECT);
        return;
    }
    sim_note(s, "link up", d->no, NULL, 0);
    d->link = LINK_UP;
    d->up_ms = d->down_ms = s->now_ms;
    link_event(d, FERRY_EV_LINK_UP, FERRY_FAULT_NONE);
}

void broker_dial(struct sim_device *d)
{
    drop(d);
    d->link = LINK_DIALS;
    sim_after(d->sim, hop_ms(d->sim), on_dialled, d, connection_of(d), NULL);
}

static void on_subscribed(struct sim *s, void *subject, uint64_t connection, void *owned)
{
    struct sim_device *d = subject;
    (void)owned;
    if (!d->on || connection != connection_of(d) || d->link != LINK_UP)
        return;
    sim_note(s, "subscribed", d->no, NULL, 0);
    d->subscribed = true;
    link_event(d, FERRY_EV_SUBSCRIBED, FERRY_FAULT_NONE);
}

void broker_subscribe(struct sim_device *d)
{
    struct sim *s = d->sim;
    if (d->link == LINK_UP)
        schedule_add(&s->schedule, arrival_ms(s, &d->up_ms), on_subscribed, d, connection_of(d), NULL);
}

void broker_hang_up(struct sim_device *d)
{
    drop(d);
}

/* --- up ------------------------------------------------------------------------------------------------- */

static struct worker *find_worker(struct sim *s)
{
    struct worker *w = platform_any(s);
    return w != NULL && w->linked ? w : NULL;
}

/* With several workers the broker keeps what nobody takes for a while; with one its subscription ends with its connection. */
static void on_up(struct sim *s, void *subject, uint64_t connection, void *owned)
{
    struct packet *p = owned;
    struct worker *w = s->broker_up ? find_worker(s) : NULL;
    (void)subject, (void)connection;
    sim_note(s, "up", p->device, p->payload, p->len);
    if (w != NULL) {
        worker_message(w, p->device, p->payload, p->len);
    } else if (s->plan.workers > 1 && s->broker_up && p->qos > 0 && p->tries < QUEUE_TRIES) {
        struct packet *again = packet_new(p->device, p->qos, p->payload, p->len);
        again->tries = p->tries + 1;
        sim_after(s, QUEUE_TRY_MS, on_up, NULL, 0, again);
    }
}

void broker_publish(struct sim_device *d, const char *payload, size_t len, int qos)
{
    struct sim *s = d->sim;
    if (d->link != LINK_UP || sim_strikes(s, FAULT_LOSS))
        return;
    uint64_t at_ms = arrival_ms(s, &d->up_ms);
    schedule_add(&s->schedule, at_ms, on_up, NULL, 0, packet_new(d->no, qos, payload, len));
    if (qos > 0 && sim_strikes(s, FAULT_DUPLICATE))
        schedule_add(&s->schedule, at_ms + chance_below(&s->faults, AGAIN_MAX_MS), on_up, NULL, 0,
                     packet_new(d->no, qos, payload, len));
}

void broker_deliver(struct sim *s, unsigned device, const void *payload, size_t len)
{
    sim_after(s, hop_ms(s), on_up, NULL, 0, packet_new(device, 1, payload, len));
}

/* --- down ----------------------------------------------------------------------------------------------- */

static void on_down(struct sim *s, void *subject, uint64_t connection, void *owned)
{
    struct sim_device *d = subject;
    struct packet *p = owned;
    if (!d->on || connection != connection_of(d) || d->link != LINK_UP)
        return;
    sim_note(s, "down", d->no, p->payload, p->len);
    ferry_event event = {.kind = FERRY_EV_MESSAGE, .payload = p->payload, .len = p->len};
    (void)device_event(d, &event);
}

static bool find_device(struct sim *s, const char *topic, unsigned *ret_device)
{
    char expected[FERRY_TOPIC_SIZE];
    const char *number = strrchr(topic, 'D');
    *ret_device = number != NULL ? (unsigned)strtoul(number + 1, NULL, 10) : UINT_MAX;
    if (*ret_device > s->plan.devices)
        return false;
    const struct sim_device *d = &s->devices[*ret_device];
    return ferry_topic_write(FERRY_TOPIC_DOWN, ferry_text_of(d->product), ferry_text_of(d->name), expected) &&
           strcmp(topic, expected) == 0;
}

void broker_from_platform(struct sim *s, const char *topic, const void *payload, size_t len)
{
    unsigned device;
    if (!find_device(s, topic, &device)) {
        sim_fail(s, "the platform publishes to %s", topic);
        return;
    }
    struct sim_device *d = &s->devices[device];
    check_published(s, device, payload, len);
    if (!s->broker_up || d->link != LINK_UP || !d->subscribed || sim_strikes(s, FAULT_LOSS))
        return;
    schedule_add(&s->schedule, arrival_ms(s, &d->down_ms), on_down, d, connection_of(d),
                 packet_new(device, 0, payload, len));
}

/* --- what befalls it ------------------------------------------------------------------------------------ */

static void on_keep_alive(struct sim *s, void *subject, uint64_t connection, void *owned)
{
    struct sim_device *d = subject;
    (void)s, (void)owned;
    if (d->on && connection == connection_of(d) && d->link == LINK_HALF_OPEN)
        lose(d, FERRY_FAULT_TIMEOUT);
}

static void on_broker_back(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    (void)subject, (void)arg, (void)owned;
    s->broker_up = true;
    sim_note(s, "broker up", 0, NULL, 0);
    for (unsigned i = 0; i < s->plan.workers; i++)
        worker_link(&s->workers[i], true);
}

static void restart_broker(struct sim *s)
{
    sim_note(s, "broker down", 0, NULL, 0);
    s->broker_up = false;
    for (unsigned i = 0; i < s->plan.workers; i++)
        worker_link(&s->workers[i], false);
    for (unsigned i = 0; i < s->plan.devices; i++) {
        if (s->devices[i].on && s->devices[i].link != LINK_NONE)
            lose(&s->devices[i], FERRY_FAULT_LOST);
    }
    sim_after(s, chance_between(&s->faults, 100, BROKER_DOWN_MAX_MS), on_broker_back, NULL, 0, NULL);
}

void broker_trouble(struct sim *s)
{
    struct sim_device *d = &s->devices[chance_below(&s->faults, s->plan.devices)];
    if (d->on && d->link == LINK_UP && sim_strikes(s, FAULT_CUT))
        lose(d, FERRY_FAULT_LOST);
    if (d->on && d->link == LINK_UP && sim_strikes(s, FAULT_HALF_OPEN)) {
        d->link = LINK_HALF_OPEN;
        sim_note(s, "half-open", d->no, NULL, 0);
        sim_after(s, chance_between(&s->faults, 1000, KEEP_ALIVE_MS), on_keep_alive, d, connection_of(d), NULL);
    }
    if (s->broker_up && sim_strikes_rarely(s, FAULT_BROKER, 4))
        restart_broker(s);
}
