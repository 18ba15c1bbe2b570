#include "base/alloc.h"
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config {
    uint64_t port;
    uint64_t size;
    uint64_t life;
    bool secure;
    char *broker;
    char *optional;
};

static const struct ferry_setting table[] = {
    {"mqtt-port", FERRY_SETTING_UINT, offsetof(struct config, port), "1883", 0, 65535, "port of the broker"},
    {"object-size", FERRY_SETTING_UINT, offsetof(struct config, size), "5G", 1, UINT64_MAX, "largest object"},
    {"url-life", FERRY_SETTING_SECONDS, offsetof(struct config, life), "1h", 60, 86400, "life of an object URL"},
    {"secure", FERRY_SETTING_BOOL, offsetof(struct config, secure), "no", 0, 0, "TLS only"},
    {"broker", FERRY_SETTING_TEXT, offsetof(struct config, broker), "managed", 0, 0, "which broker"},
    {"optional", FERRY_SETTING_TEXT, offsetof(struct config, optional), NULL, 0, 0, "nothing by default"},
};

enum { COUNT = sizeof(table) / sizeof(table[0]) };

static const char ini_path[] = "/tmp/ferry-settings-test.ini";

/* Each test begins with the defaults and without a variable of ours. */
static int defaults(void **state)
{
    static struct config config;

    (void)unsetenv("FERRY_MQTT_PORT");
    (void)unsetenv("FERRY_BROKER");
    (void)unsetenv("FERRY_SECURE");
    *state = &config;
    return ferry_settings_defaults(table, COUNT, &config) == FERRY_OK ? 0 : -1;
}

static int done(void **state)
{
    ferry_alloc_fail_at(0);
    ferry_settings_done(table, COUNT, *state);
    return 0;
}

static ferry_err set(struct config *config, const char *name, const char *value)
{
    char message[FERRY_SETTING_MESSAGE_SIZE];

    return ferry_settings_set(table, COUNT, config, name, value, "test", message);
}

static ferry_err from_ini(struct config *config, const char *ini, char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char path[] = "/tmp/ferry-settings-XXXXXX";
    int fd = mkstemp(path);
    ferry_err err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, ini, strlen(ini)), (ssize_t)strlen(ini));
    (void)close(fd);
    message[0] = '\0';
    err = ferry_settings_from_file(table, COUNT, config, path, message);
    (void)unlink(path);
    if (strncmp(message, path, strlen(path)) == 0)
        memmove(message, message + strlen(path), strlen(message + strlen(path)) + 1);
    return err;
}

static void defaults_come_from_the_table(void **state)
{
    const struct config *config = *state;

    assert_int_equal(config->port, 1883);
    assert_int_equal(config->size, 5ull << 30);
    assert_int_equal(config->life, 3600);
    assert_false(config->secure);
    assert_string_equal(config->broker, "managed");
    assert_null(config->optional);
}

static void defaults_that_fail_can_still_be_freed(void **state)
{
    struct config config;

    (void)state;
    memset(&config, 0x5a, sizeof(config));
    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_settings_defaults(table, COUNT, &config), FERRY_E_NOMEM);
    assert_null(config.broker);
    assert_null(config.optional);
    ferry_settings_done(table, COUNT, &config);
}

static void numbers_are_read_with_suffix_and_range(void **state)
{
    static const struct {
        const char *name, *value;
        ferry_err err;
        uint64_t result;
    } cases[] = {
        {"mqtt-port", "0", FERRY_OK, 0},
        {"mqtt-port", "65535", FERRY_OK, 65535},
        {"mqtt-port", "65536", FERRY_E_ARG, 0},
        {"mqtt-port", "1k", FERRY_OK, 1024},
        {"mqtt-port", "1K", FERRY_OK, 1024},
        {"mqtt-port", "", FERRY_E_FORMAT, 0},
        {"mqtt-port", "-1", FERRY_E_FORMAT, 0},
        {"mqtt-port", "+1", FERRY_E_FORMAT, 0},
        {"mqtt-port", " 1", FERRY_E_FORMAT, 0},
        {"mqtt-port", "1 ", FERRY_E_FORMAT, 0},
        {"mqtt-port", "0x10", FERRY_E_FORMAT, 0},
        {"mqtt-port", "1.5", FERRY_E_FORMAT, 0},
        {"mqtt-port", "k", FERRY_E_FORMAT, 0},
        {"mqtt-port", "1kk", FERRY_E_FORMAT, 0},
        {"mqtt-port", "1h", FERRY_E_FORMAT, 0},
        {"object-size", "3M", FERRY_OK, 3ull << 20},
        {"object-size", "3g", FERRY_OK, 3ull << 30},
        {"object-size", "0", FERRY_E_ARG, 0},
        {"object-size", "18446744073709551615", FERRY_OK, UINT64_MAX},
        {"object-size", "18446744073709551616", FERRY_E_ARG, 0},
        {"object-size", "17179869183G", FERRY_OK, 17179869183ull << 30},
        {"object-size", "17179869184G", FERRY_E_ARG, 0},
        {"url-life", "60", FERRY_OK, 60},
        {"url-life", "59s", FERRY_E_ARG, 0},
        {"url-life", "90s", FERRY_OK, 90},
        {"url-life", "5m", FERRY_OK, 300},
        {"url-life", "24h", FERRY_OK, 86400},
        {"url-life", "1d", FERRY_OK, 86400},
        {"url-life", "2d", FERRY_E_ARG, 0},
        {"url-life", "1k", FERRY_E_FORMAT, 0},
    };
    struct config *config = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config->port = config->size = config->life = 4711;
        if (set(config, cases[i].name, cases[i].value) != cases[i].err)
            fail_msg("%s = %s", cases[i].name, cases[i].value);
        if (cases[i].err == FERRY_OK)
            assert_int_equal(config->port + config->size + config->life, cases[i].result + 2 * 4711);
        else
            assert_int_equal(config->port + config->size + config->life, 3 * 4711);
    }
}

static void booleans_are_read_by_their_words(void **state)
{
    static const char *const yes[] = {"true", "yes", "1"}, *const no[] = {"false", "no", "0"};
    struct config *config = *state;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(set(config, "secure", yes[i]), FERRY_OK);
        assert_true(config->secure);
        assert_int_equal(set(config, "secure", no[i]), FERRY_OK);
        assert_false(config->secure);
    }
    assert_int_equal(set(config, "secure", "on"), FERRY_E_FORMAT);
    assert_int_equal(set(config, "secure", ""), FERRY_E_FORMAT);
}

static void texts_are_owned_and_replaced(void **state)
{
    struct config *config = *state;
    char value[] = "mqtt://h";

    assert_int_equal(set(config, "broker", value), FERRY_OK);
    value[0] = 'x';
    assert_string_equal(config->broker, "mqtt://h");
    assert_int_equal(set(config, "optional", ""), FERRY_OK);
    assert_string_equal(config->optional, "");
    ferry_alloc_fail_at(1);
    assert_int_equal(set(config, "broker", "y"), FERRY_E_NOMEM);
    assert_string_equal(config->broker, "mqtt://h");
}

static void names_may_be_written_with_either_dash(void **state)
{
    struct config *config = *state;

    assert_int_equal(set(config, "mqtt_port", "7"), FERRY_OK);
    assert_int_equal(config->port, 7);
    assert_int_equal(set(config, "mqttport", "7"), FERRY_E_NOT_FOUND);
    assert_int_equal(set(config, "mqtt-port-", "7"), FERRY_E_NOT_FOUND);
    assert_int_equal(set(config, "mqtt-por", "7"), FERRY_E_NOT_FOUND);
    assert_int_equal(set(config, "MQTT-PORT", "7"), FERRY_E_NOT_FOUND);
    assert_int_equal(set(config, "", "7"), FERRY_E_NOT_FOUND);
}

static void messages_say_where_and_what_to_write(void **state)
{
    struct config *config = *state;
    char message[FERRY_SETTING_MESSAGE_SIZE], big[4000];

    assert_int_equal(ferry_settings_set(table, COUNT, config, "mqtt-port", "70000", "--mqtt-port", message),
                     FERRY_E_ARG);
    assert_string_equal(message, "--mqtt-port: write a number from 0 to 65535, not \"70000\"");
    assert_int_equal(ferry_settings_set(table, COUNT, config, "url-life", "1", "FERRY_URL_LIFE", message),
                     FERRY_E_ARG);
    assert_string_equal(message,
                        "FERRY_URL_LIFE: write a number from 60 to 86400 (seconds, or with s, m, h, d), not \"1\"");
    assert_int_equal(ferry_settings_set(table, COUNT, config, "secure", "x\ny", "--secure", message),
                     FERRY_E_FORMAT);
    assert_string_equal(message, "--secure: write true or false, not \"x\\x0ay\"");
    assert_int_equal(ferry_settings_set(table, COUNT, config, "no-such", "1", "ferry.ini:3", message),
                     FERRY_E_NOT_FOUND);
    assert_string_equal(message, "ferry.ini:3: there is no setting \"no-such\"");
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(ferry_settings_set(table, COUNT, config, "mqtt-port", big, big, message),
                     FERRY_E_FORMAT);
    assert_int_equal(strlen(message), FERRY_SETTING_MESSAGE_SIZE - 1);
}

static void message_never_shows_a_text(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE];

    ferry_alloc_fail_at(1);
    assert_int_equal(ferry_settings_set(table, COUNT, *state, "broker", "mqtt://u:secret@h", "--broker", message),
                     FERRY_E_NOMEM);
    assert_string_equal(message, "--broker: out of memory");
}

static void environment_sets_what_it_names(void **state)
{
    struct config *config = *state;
    char message[FERRY_SETTING_MESSAGE_SIZE] = "";

    assert_int_equal(setenv("FERRY_MQTT_PORT", "77", 1), 0);
    assert_int_equal(setenv("FERRY_BROKER", "b", 1), 0);
    assert_int_equal(ferry_settings_from_env(table, COUNT, config, message), FERRY_OK);
    assert_int_equal(config->port, 77);
    assert_string_equal(config->broker, "b");
    assert_int_equal(config->life, 3600);
    assert_int_equal(setenv("FERRY_SECURE", "maybe", 1), 0);
    assert_int_equal(ferry_settings_from_env(table, COUNT, config, message), FERRY_E_FORMAT);
    assert_string_equal(message, "FERRY_SECURE: write true or false, not \"maybe\"");
}

static void environment_ignores_a_name_that_is_too_long(void **state)
{
    static const char name[] = "a-name-of-a-setting-that-is-so-long-that-nobody-would-ever-want-to-type-it-into-a-terminal";
    static const char cut[] = "FERRY_A_NAME_OF_A_SETTING_THAT_IS_SO_LONG_THAT_NOBODY_WOULD_EVER_WANT_TO_TYPE_IT_INTO_A_TERMINA";
    const struct ferry_setting one = {name, FERRY_SETTING_UINT, 0, NULL, 0, 9, ""};
    char message[FERRY_SETTING_MESSAGE_SIZE];
    uint64_t value = 5;

    (void)state;
    assert_int_equal(sizeof(cut), 96);
    assert_int_equal(setenv(cut, "7", 1), 0);
    assert_int_equal(ferry_settings_from_env(&one, 1, &value, message), FERRY_OK);
    assert_int_equal(value, 5);
    (void)unsetenv(cut);
}

static void ini_file_sets_what_it_names_in_any_section(void **state)
{
    struct config *config = *state;
    char message[FERRY_SETTING_MESSAGE_SIZE];

    assert_int_equal(from_ini(config,
                              "\xef\xbb\xbf# a comment; with a mark\n\n[daemon]\nmqtt-port = 1\nobject_size=2M ; note\n"
                              "   [other]\n\t url-life : 2h\r\nbroker = mqtt://u;x:p@h/a=b\noptional =",
                              message),
                     FERRY_OK);
    assert_int_equal(config->port, 1);
    assert_int_equal(config->size, 2 << 20);
    assert_int_equal(config->life, 7200);
    assert_string_equal(config->broker, "mqtt://u;x:p@h/a=b");
    assert_string_equal(config->optional, "");
    assert_int_equal(from_ini(config, "", message), FERRY_OK);
}

static void indented_line_of_an_ini_file_is_a_line_of_its_own(void **state)
{
    struct config *config = *state;
    char message[FERRY_SETTING_MESSAGE_SIZE];

    assert_int_equal(from_ini(config, "broker = b\n  mqtt-port = 5\n", message), FERRY_OK);
    assert_string_equal(config->broker, "b");
    assert_int_equal(config->port, 5);
}

static void ini_file_names_the_line_of_its_first_error(void **state)
{
    static const struct {
        const char *ini;
        ferry_err err;
        const char *message;
    } cases[] = {
        {"# c\n\nmqtt-port = x\nsecure = x\n", FERRY_E_FORMAT, ":3: write a number from 0 to 65535, not \"x\""},
        {"mqtt-port = 1\nno-such = 1\n", FERRY_E_NOT_FOUND, ":2: there is no setting \"no-such\""},
        {"mqtt-port = 1\n\nnonsense\n", FERRY_E_FORMAT, ":3: write name = value"},
        {"[open\nmqtt-port = 1\n", FERRY_E_FORMAT, ":1: write name = value"},
        {"nonsense\nmqtt-port = x\n", FERRY_E_FORMAT, ":2: write a number from 0 to 65535, not \"x\""},
    };
    char message[FERRY_SETTING_MESSAGE_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(from_ini(*state, cases[i].ini, message), cases[i].err);
        assert_string_equal(message, cases[i].message);
    }
}

static void ini_line_that_is_too_long_is_an_error_unless_it_is_a_comment(void **state)
{
    struct config *config = *state;
    char ini[1000], message[FERRY_SETTING_MESSAGE_SIZE];

    memset(ini, 'x', sizeof(ini));
    memcpy(ini, "secure=1\nbroker=", 16);
    memcpy(ini + sizeof(ini) - 13, "\nmqtt-port=9", 13);
    assert_int_equal(from_ini(config, ini, message), FERRY_E_FORMAT);
    assert_string_equal(message, ":2: the line is too long");
    memset(ini, 'x', sizeof(ini));
    memcpy(ini, "broker=", 7);
    memcpy(ini + 198, "\nmqtt-port=8", 13);
    assert_int_equal(from_ini(config, ini, message), FERRY_OK);
    assert_int_equal(strlen(config->broker), 198 - 7);
    assert_int_equal(config->port, 8);
    memset(ini, 'x', sizeof(ini));
    memcpy(ini, "secure=1\n ; roker", 16);
    memcpy(ini + sizeof(ini) - 13, "\nmqtt-port=9", 13);
    assert_int_equal(from_ini(config, ini, message), FERRY_OK);
    assert_int_equal(config->port, 9);
}

static void ini_file_that_cannot_be_read_is_an_error(void **state)
{
    char message[FERRY_SETTING_MESSAGE_SIZE];

    assert_int_equal(ferry_settings_from_file(table, COUNT, *state, ini_path, message), FERRY_E_NOT_FOUND);
    assert_string_equal(message, "/tmp/ferry-settings-test.ini: No such file or directory");
    assert_int_equal(ferry_settings_from_file(table, COUNT, *state, "/tmp", message), FERRY_E_IO);
    ferry_alloc_fail_at(1);
    assert_int_equal(from_ini(*state, "mqtt-port = 1\n", message), FERRY_E_NOMEM);
}

static void flag_beats_environment_beats_file_beats_default(void **state)
{
    struct config *config = *state;
    char message[FERRY_SETTING_MESSAGE_SIZE];

    assert_int_equal(setenv("FERRY_MQTT_PORT", "3", 1), 0);
    assert_int_equal(from_ini(config, "mqtt-port = 2\nurl-life = 100\n", message), FERRY_OK);
    assert_int_equal(config->port, 2);
    assert_int_equal(ferry_settings_from_env(table, COUNT, config, message), FERRY_OK);
    assert_int_equal(config->port, 3);
    assert_int_equal(set(config, "mqtt-port", "4"), FERRY_OK);
    assert_int_equal(config->port, 4);
    assert_int_equal(config->life, 100);
    assert_int_equal(config->size, 5ull << 30);
}

static void done_can_be_repeated(void **state)
{
    struct config *config = *state;

    ferry_settings_done(table, COUNT, config);
    assert_null(config->broker);
    ferry_settings_done(table, COUNT, config);
}

#define WITH_DEFAULTS(test) cmocka_unit_test_setup_teardown(test, defaults, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DEFAULTS(defaults_come_from_the_table),
        WITH_DEFAULTS(defaults_that_fail_can_still_be_freed),
        WITH_DEFAULTS(numbers_are_read_with_suffix_and_range),
        WITH_DEFAULTS(booleans_are_read_by_their_words),
        WITH_DEFAULTS(texts_are_owned_and_replaced),
        WITH_DEFAULTS(names_may_be_written_with_either_dash),
        WITH_DEFAULTS(messages_say_where_and_what_to_write),
        WITH_DEFAULTS(message_never_shows_a_text),
        WITH_DEFAULTS(environment_sets_what_it_names),
        cmocka_unit_test(environment_ignores_a_name_that_is_too_long),
        WITH_DEFAULTS(ini_file_sets_what_it_names_in_any_section),
        WITH_DEFAULTS(indented_line_of_an_ini_file_is_a_line_of_its_own),
        WITH_DEFAULTS(ini_file_names_the_line_of_its_first_error),
        WITH_DEFAULTS(ini_line_that_is_too_long_is_an_error_unless_it_is_a_comment),
        WITH_DEFAULTS(ini_file_that_cannot_be_read_is_an_error),
        WITH_DEFAULTS(flag_beats_environment_beats_file_beats_default),
        WITH_DEFAULTS(done_can_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
