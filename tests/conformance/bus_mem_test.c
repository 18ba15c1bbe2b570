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

static void expect_taken(struct bus *bus, const char *payload)
{
    struct bus_message *message = mem_bus_take(bus);

    assert_non_null(message);
    assert_int_equal(message->len, strlen(payload));
    assert_memory_equal(message->payload, payload, message->len);
    free(message);
}

static void ignore(void *arg, const char *topic, const void *payload, size_t len)
{
    (void)arg;
    (void)topic;
    (void)payload;
    (void)len;
}

/* It is stricter than it has to be: so an engine that never lets go is found out. */
static void what_is_held_is_not_given_before_it_is_let_go(void **state)
{
    const struct bus_listener listener = {.message = ignore};
    struct bus *bus = set_up();

    (void)state;
    assert_int_equal(bus->ops->start(bus, &listener), FERRY_OK);
    assert_int_equal(bus->ops->publish(bus, "topic", "before", 6), FERRY_OK);
    bus->ops->hold(bus);
    assert_int_equal(bus->ops->publish(bus, "topic", "held", 4), FERRY_OK);
    expect_taken(bus, "before");
    assert_null(mem_bus_take(bus));
    bus->ops->let_go(bus);
    expect_taken(bus, "held");
    assert_null(mem_bus_take(bus));
    bus->ops->close(bus);
}

int main(void)
{
    const struct CMUnitTest own[] = {cmocka_unit_test(what_is_held_is_not_given_before_it_is_let_go)};
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

    return bus_suite_run(&factory) + cmocka_run_group_tests_name("mem only", own, NULL, NULL);
}
