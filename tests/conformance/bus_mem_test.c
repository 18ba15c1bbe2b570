#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus_suite.h"

#include "mqtt/mem_bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bus is its own peer; the suite closes it. */
static void *set_up(void)
{
    struct bus *bus = NULL;

    assert_int_equal(mem_bus_open(&bus), FERRY_OK);
    return bus;
}

static void tear_down(void *peer)
{
    (void)peer;
}

static struct bus *open_bus(void *peer)
{
    return peer;
}

static void send_as_device(void *peer, const char *topic, const void *payload, size_t len)
{
    ferry_err err = mem_bus_inject(peer, topic, payload, len);

    assert_true(err == FERRY_OK || err == FERRY_E_NETWORK); /* the latter: stopped */
}

static bool receive(void *peer, unsigned timeout_ms, struct peer_message *ret_message)
{
    struct bus_message *message = mem_bus_take(peer);

    (void)timeout_ms; /* nothing is under way: what is not there does not come */
    if (message == NULL)
        return false;
    (void)snprintf(ret_message->topic, sizeof(ret_message->topic), "%s", message->topic);
    ret_message->payload = malloc(message->len + 1);
    memcpy(ret_message->payload, message->payload, message->len);
    ret_message->len = message->len;
    ret_message->qos = 0;
    free(message);
    return true;
}

static void cut(void *peer)
{
    mem_bus_set_link(peer, false);
}

static void restore(void *peer)
{
    mem_bus_set_link(peer, true);
}

static void nothing(void *peer)
{
    (void)peer; /* nobody takes messages unless receive is called: it is always stalled */
}

int main(void)
{
    static const struct bus_factory factory = {
        .name = "mem",
        .set_up = set_up,
        .tear_down = tear_down,
        .open = open_bus,
        .send = send_as_device,
        .receive = receive,
        .cut = cut,
        .restore = restore,
        .stall = nothing,
        .unstall = nothing,
    };

    return bus_suite_run(&factory);
}
