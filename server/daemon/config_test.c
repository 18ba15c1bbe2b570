#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"
#include "config_check.h"

#include "base/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGS_MAX = 8 };

/* Reads a command line, given as one text with spaces. */
static ferry_err read_line(const char *line, struct config *config, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char *copy = strdup(line), *rest = copy;
    char *argv[ARGS_MAX + 1] = {NULL};
    char name[] = "ferryd";
    int argc = 0;
    ferry_err err;

    argv[argc++] = name;
    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < ARGS_MAX;)
        if (word[0] != '\0')
            argv[argc++] = word;
    err = config_read(argc, argv, config, message);
    free(copy);
    return err;
}

static void every_setting_has_a_default_that_works(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";
    struct config config;

    (void)state;
    assert_int_equal(read_line("", &config, message), FERRY_OK);
    assert_int_equal(config.mqtt_port, 1883);
    assert_int_equal(config.objects_port, 8080);
    assert_int_equal(config.api_port, 8081);
    assert_string_equal(config.listen, "127.0.0.1");
    assert_string_equal(config.api_listen, "127.0.0.1");
    assert_true(config_broker_is_managed(&config));
    assert_true(config.data != NULL && config.data[0] == '/');
    assert_null(config.public_url);
    assert_null(config.trusted_proxies);
    assert_false(config.allow_plain_secret);
    config_done(&config);
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void **state)
{
    char path[] = "/tmp/ferry-config-XXXXXX", line[128], message[FERRY_SETTING_MESSAGE_SIZE] = "";
    static const char text[] = "[ferryd]\nmqtt-port = 1\nobjects_port = 2\napi-port = 3\nurl-life = 2h\n";
    int fd = mkstemp(path);
    struct config config;

    (void)state;
    (void)close(fd);
    assert_int_equal(ferry_file_replace(path, text, strlen(text), 0600), FERRY_OK);
    assert_int_equal(setenv("FERRY_MQTT_PORT", "10", 1), 0);
    assert_int_equal(setenv("FERRY_OBJECTS_PORT", "20", 1), 0);
    (void)snprintf(line, sizeof(line), "--config %s --mqtt-port 100", path);
    assert_int_equal(read_line(line, &config, message), FERRY_OK);
    assert_int_equal(config.mqtt_port, 100);
    assert_int_equal(config.objects_port, 20);
    assert_int_equal(config.api_port, 3);
    assert_int_equal(config.url_life_s, 7200);
    config_done(&config);

    assert_int_equal(setenv("FERRY_CONFIG", path, 1), 0);
    assert_int_equal(read_line("", &config, message), FERRY_OK);
    assert_int_equal(config.mqtt_port, 10);
    assert_int_equal(config.api_port, 3);
    config_done(&config);
    (void)unsetenv("FERRY_CONFIG");
    (void)unsetenv("FERRY_MQTT_PORT");
    (void)unsetenv("FERRY_OBJECTS_PORT");
    (void)unlink(path);
}

static void a_wrong_value_is_named_with_its_origin(void **state)
{
    static const struct {
        const char *line, *wanted;
    } cases[] = {
        {"--mqtt-port 65536", "--mqtt-port"},
        {"--mqtt-port x", "--mqtt-port"},
        {"--url-life 59", "--url-life"},
        {"--url-life 25h", "--url-life"},
        {"--batch-max 0", "--batch-max"},
        {"--listen localhost", "--listen"},
        {"--api-listen 1.2.3", "--api-listen"},
        {"--public-url files.example", "--public-url"},
        {"--trusted-proxies haproxy.example", "--trusted-proxies"},
        {"--trusted-proxies 10.0.0.1/8", "--trusted-proxies"},
        {"--public-url http://", "--public-url"},
        {"--public-url http://h/path", "--public-url"},
        {"--public-url http://[::1", "--public-url"},
        {"--public-url http://h12345678901234567890123456789012345678901234567890123456789012345", "63"},
        {"--broker embedded", "--broker"},
        {"--broker http://h", "--broker"},
        {"--broker mqtt://h --broker-sharing yes", "--broker-sharing"},
        {"--broker-sharing plugin", "--broker"},
        {"--broker amqp://h --broker-sharing mqtt5", "--broker-sharing"},
        {"--broker mqtt://h,i", "--broker"},
        {"--broker amqp://h,", "--broker"},
        {"--store postgresql:/h/db", "--store"},
        {"--store postgresql://u:p@[h/db", "--store"},
        {"--store postgresql://h/db?colour=blue", "colour"},
        {"--store sqlite:", "--store"},
        {"--objects s3://", "--objects"},
        {"--objects s3://key:secret@bucket", "AWS_SECRET_ACCESS_KEY"},
        {"--objects s3://bucket?endpoint=store", "endpoint"},
        {"--objects s3://bucket?bucket=2", "parameter"},
        {"--objects ftp://bucket", "--objects"},
        {"--objects s3://bucket --object-size-max 5121G", "5120G"},
        {"--objects-credentials /x/y", "--objects-credentials"},
        {"--log-level loud", "--log-level"},
        {"--log-format xml", "--log-format"},
        {"--push-retry-first 100 --push-retry-max 99", "--push-retry-max"},
        {"--allow-plain-secret=maybe", "--allow-plain-secret"},
        {"--config /nowhere/ferry.ini", "/nowhere/ferry.ini"},
        {"--tls yes", "--tls"},
        {"--tls mqtt,", "--tls"},
        {"--tls ,mqtt", "--tls"},
        {"--tls mqtt,all", "--tls"},
        {"--tls-min 1.1", "--tls-min"},
        {"--tls-cert /x/cert.pem", "--tls-key"},
        {"--tls-key /x/cert.key", "--tls-cert"},
        {"--allow-plain auto", "--allow-plain"},
        {"--allow-plain devices", "--allow-plain"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char message[FERRY_SETTING_MESSAGE_SIZE] = "";
        struct config config;

        print_message("%s\n", cases[i].line);
        assert_int_not_equal(read_line(cases[i].line, &config, message), FERRY_OK);
        assert_non_null(strstr(message, cases[i].wanted));
        assert_null(strchr(message, '\n'));
        config_done(&config);
    }
}

static void texts_of_the_right_form_are_taken(void **state)
{
    static const char *const lines[] = {
        "--trusted-proxies 10.0.0.5,10.1.0.0/16,fd00::/8",
        "--public-url http://files.example", "--public-url https://files.example:8443", "--public-url http://[::1]:80",
        "--broker mqtt://broker",            "--broker mqtts://u:p@broker:1",           "--store sqlite:/x/y.db",
        "--objects s3://bucket/prefix?region=eu-central-1",
        "--objects s3://bucket --object-size-max 5120G",
        "--objects s3://b?endpoint=http://[::1]:9000 --objects-credentials /x/y",
        "--store postgresql://u:p@a,b:1/ferry?connect_timeout=5",
        "--objects file:/x/objects",         "--listen 0.0.0.0",                        "--listen ::",
        "--tls none --allow-plain all", "--tls mqtt,api --tls-min 1.3", "--tls-cert /x/c.pem --tls-key /x/c.key",
        "--broker mqtt://h --broker-sharing plugin", "--broker mqtt://h --broker-sharing mqtt5", "--broker-sharing none",
        "--broker amqp://u:p@a,b:1,c/ferry", "--broker amqps://h --broker-sharing none",
        "--allow-plain-secret",              "--mqtt-port 0",                           "--retention-days 0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char message[FERRY_SETTING_MESSAGE_SIZE] = "";
        struct config config;

        print_message("%s\n", lines[i]);
        assert_int_equal(read_line(lines[i], &config, message), FERRY_OK);
        config_done(&config);
    }
}

static void lists_of_listeners_are_read(void **state)
{
    static const struct {
        const char *text;
        unsigned listeners;
    } cases[] = {{"none", 0},
                 {"all", CONFIG_ALL_LISTENERS},
                 {"mqtt", CONFIG_MQTT},
                 {"api,objects", CONFIG_API | CONFIG_OBJECTS},
                 {"mqtt,objects,api", CONFIG_ALL_LISTENERS}};
    static const char *const wrong[] = {"", ",", "mqtt ", "mqtt,,api", "MQTT", "mqt", "mqtts", "none,api"};
    unsigned listeners = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(config_listeners(cases[i].text, &listeners));
        assert_int_equal(listeners, cases[i].listeners);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(config_listeners(wrong[i], &listeners));
}

static void a_password_on_the_command_line_is_wiped_from_it(void **state)
{
    char name[] = "ferryd", broker[] = "--broker=mqtt://u:secret@h", store[] = "--store=postgresql://u:secret@h/db";
    char *argv[] = {name, broker, store, NULL};
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";
    struct config config;

    (void)state;
    assert_int_equal(config_read(3, argv, &config, message), FERRY_OK);
    assert_string_equal(config.broker, "mqtt://u:secret@h");
    assert_string_equal(config.store, "postgresql://u:secret@h/db");
    assert_null(strstr(broker, "secret"));
    assert_null(strstr(store, "secret"));
    config_done(&config);
}

static void settings_are_listed_without_passwords(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";
    struct config config;

    (void)state;
    assert_int_equal(read_line("--broker mqtt://u:secret@h --url-life 2h --store postgresql://v@db/x?password=secret@", &config, message), FERRY_OK);
    char *text = config_list(&config);
    assert_non_null(text);
    assert_null(strstr(text, "secret@"));
    assert_null(strstr(text, "u:"));
    assert_non_null(strstr(text, "\"value\":\"postgresql://v@db/x\""));
    assert_non_null(strstr(text, "\"name\":\"broker\",\"type\":\"text\",\"value\":\"...@h\",\"default\":\"managed\""));
    assert_non_null(strstr(text, "\"name\":\"url-life\",\"type\":\"seconds\",\"value\":7200,\"default\":3600"));
    free(text);
    config_done(&config);
}

static void a_server_whose_name_is_no_utf8_is_listed(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";
    struct config config;
    char *text;

    (void)state;
    assert_int_equal(read_line("--store postgresql://d%feb/x", &config, message), FERRY_OK);
    text = config_list(&config);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"value\":\"postgresql://...\""));
    free(text);
    config_done(&config);
}

static void texts_are_utf8_and_are_cut_between_characters(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE] = "", line[512];
    struct config config;

    (void)state;
    assert_int_equal(read_line("--data /srv/\xe6\x96", &config, message), FERRY_E_FORMAT);
    assert_string_equal(message, "--data: write it as UTF-8");
    config_done(&config);
    for (int shift = 0; shift < 3; shift++) { /* the cut falls on each byte of a character */
        char *text;
        int used = snprintf(line, sizeof(line), "--data /%.*s", shift, "abc");

        for (int i = 0; i < 60; i++)
            used += snprintf(line + used, sizeof(line) - (size_t)used, "\xe6\x96\x87");
        assert_int_equal(read_line(line, &config, message), FERRY_OK);
        text = config_describe(&config);
        assert_non_null(text);
        assert_non_null(strstr(text, "\xe6\x96\x87\""));
        free(text);
        config_done(&config);
    }
}

static void malformed_addresses_are_refused_without_their_passwords(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";
    struct config config;

    (void)state;
    assert_int_not_equal(read_line("--broker mqtt://u:secret@h:0", &config, message), FERRY_OK);
    assert_null(strstr(message, "secret"));
    config_done(&config);
    assert_int_not_equal(read_line("--store postgresql://u:secret%@h", &config, message), FERRY_OK);
    assert_null(strstr(message, "secret"));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_has_a_default_that_works),
        cmocka_unit_test(a_flag_wins_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(a_wrong_value_is_named_with_its_origin),
        cmocka_unit_test(texts_of_the_right_form_are_taken),
        cmocka_unit_test(lists_of_listeners_are_read),
        cmocka_unit_test(a_password_on_the_command_line_is_wiped_from_it),
        cmocka_unit_test(settings_are_listed_without_passwords),
        cmocka_unit_test(a_server_whose_name_is_no_utf8_is_listed),
        cmocka_unit_test(texts_are_utf8_and_are_cut_between_characters),
        cmocka_unit_test(malformed_addresses_are_refused_without_their_passwords),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
