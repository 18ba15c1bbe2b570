#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker_conf.h"

#include <stdlib.h>
#include <string.h>

static const struct broker_conf sample = {
    .version = "1.2.3",
    .folder = "/data/with space/broker",
    .listeners = {[BROKER_PLAIN] = {.ip = "127.0.0.1", .port = 1884}},
    .plugin = "/lib/ferry_auth.so",
    .plugin_stamp = "stamp",
    .store = "/data/ferry.db",
    .secrets_key = "/data/secrets.key",
    .queue_bytes = 1000,
    .connections_max = 77,
};

static void the_configuration_has_what_devices_need(void **state)
{
    static const char *const lines[] = {
        "allow_anonymous false",
        "plugin /lib/ferry_auth.so",
        "plugin_opt_store /data/ferry.db",
        "plugin_opt_secrets_key /data/secrets.key",
        "plugin_opt_service_hash /data/with space/broker/service.hash",
        "plugin_opt_allow_plain_secret false",
        "set_tcp_nodelay true",
        "max_queued_messages 100000",
        "max_queued_bytes 1000",
        "memory_limit 4000",
        "pid_file /data/with space/broker/mosquitto.pid",
        "listener 1884 127.0.0.1",
        "max_connections 77",
    };
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);

    (void)state;
    assert_int_equal(broker_conf_write(&sample, &text), FERRY_OK);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *at = strstr(text.data, lines[i]);

        print_message("%s\n", lines[i]);
        assert_non_null(at);
        assert_true(at == text.data || at[-1] == '\n');
        assert_int_equal(at[strlen(lines[i])], '\n');
    }
    assert_null(strstr(text.data, "\nuser "));
    assert_null(strstr(text.data, "max_queued_messages 0\n")); /* 2.0.11 would drop every publisher */
}

static void root_stays_root_so_that_the_plugin_can_read_the_database(void **state)
{
    struct broker_conf conf = sample;
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);

    (void)state;
    conf.user = "root";
    assert_int_equal(broker_conf_write(&conf, &text), FERRY_OK);
    assert_non_null(strstr(text.data, "\nuser root\n"));
}

static const struct broker_tls tls_sample = {
    .cert = "/data/broker/server.pem",
    .key = "/data/broker/server.key",
    .device_ca = "/data/broker/device-ca.pem",
    .device_crl = "/data/broker/device-crl.pem",
    .device_stamp = "abc",
};

static struct broker_conf with_tls(void)
{
    struct broker_conf conf = sample;

    conf.tls = tls_sample;
    conf.listeners[BROKER_TLS] = (struct broker_listener){.ip = "10.0.0.1", .port = 8883};
    conf.listeners[BROKER_CERT] = (struct broker_listener){.ip = "10.0.0.1", .port = 8884};
    return conf;
}

static void each_listener_has_what_is_its_own(void **state)
{
    const struct broker_conf conf = with_tls();
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);

    (void)state;
    assert_int_equal(broker_conf_write(&conf, &text), FERRY_OK);
    const char *plain = strstr(text.data, "\nlistener 1884 127.0.0.1\n");
    const char *tls = strstr(text.data, "\nlistener 8883 10.0.0.1\n");
    const char *cert = strstr(text.data, "\nlistener 8884 10.0.0.1\n");
    assert_true(plain != NULL && tls != NULL && cert != NULL && plain < tls && tls < cert);
    assert_true(strstr(plain, "certfile") > tls);
    assert_non_null(strstr(tls, "\ntls_version tlsv1.2\n"));
    assert_true(strstr(tls, "require_certificate") > cert);
    assert_non_null(strstr(cert, "\ncafile /data/broker/device-ca.pem\n"));
    assert_non_null(strstr(cert, "\ncrlfile /data/broker/device-crl.pem\n"));
}

static void another_root_of_the_devices_makes_another_configuration(void **state)
{
    struct broker_conf conf = with_tls();
    ferry_autobuf one = FERRY_BUF_INIT(BROKER_CONF_MAX), other = FERRY_BUF_INIT(BROKER_CONF_MAX);

    (void)state;
    assert_int_equal(broker_conf_write(&conf, &one), FERRY_OK);
    conf.tls.device_stamp = "abd";
    assert_int_equal(broker_conf_write(&conf, &other), FERRY_OK);
    assert_string_not_equal(one.data, other.data);
}

static void the_ports_are_read_back(void **state)
{
    static const char *const without[] = {"", "listener 1883\n", "\nlistener x 127.0.0.1\n", "\nlistener 0 ::1\n",
                                          "\nlistener 65536 ::1\n", "\nlistener 1883", "port 1883\n"};
    const struct broker_conf conf = with_tls();
    ferry_autobuf text = FERRY_BUF_INIT(BROKER_CONF_MAX);
    uint16_t ports[BROKER_LISTENERS] = {0};

    (void)state;
    assert_int_equal(broker_conf_write(&sample, &text), FERRY_OK);
    assert_int_equal(broker_conf_ports(text.data, ports), 1);
    assert_int_equal(ports[0], 1884);
    ferry_buf_reset(&text);
    assert_int_equal(broker_conf_write(&conf, &text), FERRY_OK);
    assert_int_equal(broker_conf_ports(text.data, ports), 3);
    assert_int_equal(ports[0], 1884);
    assert_int_equal(ports[1], 8883);
    assert_int_equal(ports[2], 8884);
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
        assert_int_equal(broker_conf_ports(without[i], ports), 0);
}

static void any_difference_shows(void **state)
{
    struct broker_conf conf = sample;
    ferry_autobuf one = FERRY_BUF_INIT(BROKER_CONF_MAX), other = FERRY_BUF_INIT(BROKER_CONF_MAX);

    (void)state;
    conf.plugin_stamp = "newer";
    assert_int_equal(broker_conf_write(&sample, &one), FERRY_OK);
    assert_int_equal(broker_conf_write(&conf, &other), FERRY_OK);
    assert_string_not_equal(one.data, other.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_configuration_has_what_devices_need),
        cmocka_unit_test(root_stays_root_so_that_the_plugin_can_read_the_database),
        cmocka_unit_test(each_listener_has_what_is_its_own),
        cmocka_unit_test(another_root_of_the_devices_makes_another_configuration),
        cmocka_unit_test(the_ports_are_read_back),
        cmocka_unit_test(any_difference_shows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
