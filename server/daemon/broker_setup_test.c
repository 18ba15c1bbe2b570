#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker_setup.h"

#include "base/buf.h"
#include "base/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGE_LOG = 17 << 20 };

struct world {
    char folder[64];
    struct managed_broker_config config;
    struct broker_setup setup;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/ferry-setup-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    w->config = (struct managed_broker_config){
        .version = "1", .folder = w->folder, .program = "mosquitto", .plugin = "/nowhere/ferry_auth.so", .store_path = "/nowhere/ferry.db",
        .secrets_key_path = "/nowhere/secrets.key", .queue_bytes = 1 << 20, .connections_max = 10,
    };
    assert_int_equal(address_parse("127.0.0.1", 0, &w->config.listeners[BROKER_PLAIN]), FERRY_OK);
    assert_int_equal(broker_setup_init(&w->setup, &w->config), FERRY_OK);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"mosquitto.conf", "mosquitto.log", "mosquitto.log.1", "mosquitto.pid", ""};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
        (void)remove(path);
    }
    broker_setup_done(&w->setup);
    free(w);
    return 0;
}

static void write_new(struct world *w)
{
    char problem[BROKER_PROBLEM_SIZE];

    assert_int_equal(broker_setup_write_new(&w->setup, problem), FERRY_OK);
    assert_int_not_equal(address_port(&w->setup.listeners[BROKER_PLAIN]), 0);
}

/* As the next ferryd does. */
static bool is_taken(const struct world *w, uint16_t *ret_port)
{
    struct broker_setup next;
    bool taken;

    assert_int_equal(broker_setup_init(&next, &w->config), FERRY_OK);
    taken = broker_setup_take_old(&next);
    *ret_port = address_port(&next.listeners[BROKER_PLAIN]);
    broker_setup_done(&next);
    return taken;
}

static void what_was_written_is_taken_again_with_its_ports(void **state)
{
    struct world *w = *state;
    uint16_t port;

    assert_false(is_taken(w, &port)); /* there is none */
    write_new(w);
    assert_true(is_taken(w, &port));
    assert_int_equal(port, address_port(&w->setup.listeners[BROKER_PLAIN]));
}

static void what_is_not_as_we_would_write_it_is_not_taken(void **state)
{
    struct world *w = *state;
    uint16_t port;

    write_new(w);
    w->config.queue_bytes *= 2;
    assert_false(is_taken(w, &port));
    w->config.queue_bytes /= 2;
    w->config.listeners[BROKER_PLAIN] = address_with_port(&w->config.listeners[BROKER_PLAIN], 1);
    assert_false(is_taken(w, &port)); /* another port than the one that is wanted now */
    w->config.listeners[BROKER_PLAIN] = address_with_port(&w->config.listeners[BROKER_PLAIN], 0);
    w->config.listeners[BROKER_TLS] = w->config.listeners[BROKER_PLAIN];
    assert_false(is_taken(w, &port)); /* one listener more */
}

static void a_port_in_use_is_told_and_nothing_is_written(void **state)
{
    struct world *w = *state;
    char problem[BROKER_PROBLEM_SIZE] = "", in_use[ADDRESS_PROBLEM_SIZE];
    struct address taken;
    int fd;

    assert_int_equal(address_listen(&w->config.listeners[BROKER_PLAIN], "", &fd, &taken, in_use), FERRY_OK);
    w->setup.config.listeners[BROKER_PLAIN] = taken;
    assert_int_equal(broker_setup_write_new(&w->setup, problem), FERRY_E_EXISTS);
    assert_non_null(strstr(problem, "--mqtt-port"));
    assert_int_not_equal(access(w->setup.conf_path, F_OK), 0);
    (void)close(fd);
}

static void a_listener_for_certificates_is_added(void **state)
{
    struct world *w = *state;
    char problem[BROKER_PROBLEM_SIZE], stamp[] = "first";
    const struct broker_tls tls = {.cert = "/c.pem", .key = "/c.key", .device_ca = "/ca.pem", .device_stamp = stamp};
    struct address at = address_with_port(&w->config.listeners[BROKER_PLAIN], 4711);
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);

    write_new(w);
    assert_int_equal(broker_setup_add_certificates(&w->setup, &at, &tls, problem), FERRY_OK);
    stamp[0] = 'x'; /* it has a copy of that one */
    assert_string_equal(w->setup.config.tls.device_stamp, "first");
    assert_int_equal(ferry_file_read(w->setup.conf_path, &text), FERRY_OK);
    assert_non_null(strstr(text.data, "listener 4711 127.0.0.1\n"));
}

static void an_old_log_is_put_aside_when_it_is_large(void **state)
{
    struct world *w = *state;
    char aside[128];
    int fd = open(w->setup.log_path, O_CREAT | O_WRONLY, 0600);

    (void)snprintf(aside, sizeof(aside), "%s.1", w->setup.log_path);
    assert_int_equal(write(fd, "a\n", 2), 2);
    broker_setup_clear(&w->setup);
    assert_int_not_equal(access(aside, F_OK), 0);
    assert_int_equal(ftruncate(fd, LARGE_LOG), 0);
    broker_setup_clear(&w->setup);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_not_equal(access(w->setup.log_path, F_OK), 0);
    (void)close(fd);
}

static void the_last_words_are_the_last_line(void **state)
{
    static const char log[] = "first\nlast\x1b one\n\n";
    struct world *w = *state;
    char words[FERRY_LOG_QUOTE_SIZE];

    assert_string_equal(broker_setup_last_words(&w->setup, words), "\"\""); /* there is no log yet */
    assert_int_equal(ferry_file_replace(w->setup.log_path, log, sizeof(log) - 1, 0600), FERRY_OK);
    (void)broker_setup_last_words(&w->setup, words);
    assert_non_null(strstr(words, "last"));
    assert_null(strstr(words, "first"));
    assert_null(strchr(words, '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_taken_again_with_its_ports, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_as_we_would_write_it_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_told_and_nothing_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listener_for_certificates_is_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_log_is_put_aside_when_it_is_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_words_are_the_last_line, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
