/* Settings from everywhere, who the device is, and what a reload changes. */
#include "ferry_config.h"

#include "base/system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { PATH_SIZE = 128 };

struct world {
    char folder[64];
    char ini[PATH_SIZE], info[PATH_SIZE], secret[PATH_SIZE];
    struct ferry_line line;
    struct ferry_config config;
    char why[FERRY_CONFIG_MESSAGE_SIZE];
};

static void put(const char *path, const char *text)
{
    assert_int_equal(ferry_file_replace(path, text, strlen(text), 0600), FERRY_OK);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/ferry-config-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->ini, sizeof w->ini, "%s/ferry.ini", w->folder);
    (void)snprintf(w->info, sizeof w->info, "%s/device_info.json", w->folder);
    (void)snprintf(w->secret, sizeof w->secret, "%s/secret", w->folder);
    put(w->secret, "\n c2VjcmV0 \n");
    w->line = (struct ferry_line){.command = COMMAND_AGENT, .config_file = w->ini};
    assert_int_equal(setenv("HOME", w->folder, 1), 0);
    (void)unsetenv("XDG_STATE_HOME");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char command[128];

    ferry_config_done(&w->config);
    (void)snprintf(command, sizeof command, "rm -r %s", w->folder);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static bool load(struct world *w)
{
    ferry_config_done(&w->config);
    w->why[0] = '\0';
    return ferry_config_load(&w->config, &w->line, w->why);
}

/* An INI file with a good identity, and more. */
static void put_ini(const struct world *w, const char *more)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "product = p\ndevice = d\nsecret-file = %s\n%s", w->secret, more);
    put(w->ini, text);
}

static void expect_refused(struct world *w, const char *word)
{
    assert_false(load(w));
    if (strstr(w->why, word) == NULL)
        fail_msg("\"%s\" does not speak of %s", w->why, word);
}

/* --- settings --- */

static void everything_has_a_default_but_the_identity(void **state)
{
    struct world *w = *state;

    put_ini(w, "");
    assert_true(load(w));
    assert_string_equal(w->config.broker, "mqtt://localhost:1883");
    assert_string_equal(w->config.dir, ".");
    assert_string_equal(w->config.secret, "c2VjcmV0");
    assert_non_null(strstr(w->config.state_dir, "/.local/state/ferry"));
    assert_true(w->config.limit_rate == 0 && w->config.give_up_s == 60 && w->config.hook_timeout_s == 600);
    assert_true(w->config.stall_s == 60 && w->config.low_speed == 100 && w->config.low_speed_s == 60);
    assert_false(w->config.json || w->config.hook_failed);
    assert_null(w->config.warning);
    put(w->ini, "");
    expect_refused(w, "who am I?");
}

static void a_rate_has_suffixes_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        uint64_t rate;
    } cases[] = {
        {"0", 0},        {"1", 1},           {"512", 512},
        {"1k", 1024},    {"1K", 1024},       {"3M", 3 << 20},
        {"3m", 3 << 20}, {"2G", 2ull << 30}, {"18446744073709551615", UINT64_MAX},
    };
    static const char *const wrong[] = {
        "", "k", "1.5M", "-1", "1 k", "1kk", "1KB", "fast", "18446744073709551616", "99999999999999999999G"};
    struct world *w = *state;
    char text[64];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(text, sizeof text, "limit-rate = %s\n", cases[i].text);
        put_ini(w, text);
        assert_true(load(w));
        assert_true(w->config.limit_rate == cases[i].rate);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "limit-rate = %s\n", wrong[i]);
        put_ini(w, text);
        expect_refused(w, "ferry.ini:4");
    }
}

static void a_secret_that_others_can_read_is_warned_of(void **state)
{
    struct world *w = *state;

    put_ini(w, "");
    assert_int_equal(chmod(w->secret, 0644), 0);
    assert_true(load(w));
    assert_non_null(strstr(w->config.warning, "chmod 600"));
}

/* --- the hook --- */

static void a_hook_is_a_program_and_is_looked_at_before(void **state)
{
    struct world *w = *state;
    char program[PATH_SIZE], text[2 * PATH_SIZE];

    (void)snprintf(program, sizeof program, "%s/hook", w->folder);
    (void)snprintf(text, sizeof text, "hook = %s\n", program);
    put_ini(w, text);
    expect_refused(w, "No such file");
    put(program, "#!/bin/sh\n");
    if (geteuid() != 0)
        expect_refused(w, "Permission denied");
    assert_int_equal(chmod(program, 0700), 0);
    assert_true(load(w));
    assert_string_equal(w->config.hook, program);
    (void)snprintf(text, sizeof text, "hook = %s\nhook-shell = true\n", program);
    put_ini(w, text);
    expect_refused(w, "not both");
    (void)snprintf(text, sizeof text, "hook = %s\n", w->folder);
    put_ini(w, text);
    expect_refused(w, "no program");
    put_ini(w, "hook =\nhook-shell = mv \"$1\" /x; echo a=b\n");
    assert_true(load(w));
    assert_null(w->config.hook);
    assert_string_equal(w->config.hook_shell, "mv \"$1\" /x; echo a=b");
    w->line.command = COMMAND_UPLOAD; /* which has none */
    put_ini(w, "hook = /nowhere\n");
    assert_true(load(w));
}

static void a_hook_needs_a_place_for_its_list(void **state)
{
    struct world *w = *state;

    put_ini(w, "hook-shell = true\n");
    (void)unsetenv("HOME");
    expect_refused(w, "--state-dir");
}

/* --- device_info.json --- */

static void use_info(struct world *w, const char *text)
{
    char ini[2 * PATH_SIZE];

    put(w->info, text);
    (void)snprintf(ini, sizeof ini, "device-info = %s\nbroker = mqtts://h\n", w->info);
    put(w->ini, ini);
}

static void a_vendor_file_with_a_key_says_who_this_is(void **state)
{
    struct world *w = *state;

    /* as the vendor's SDK has it, with the other section beside */
    use_info(w, "{\"auth_mode\":\"KEY\",\"productId\":\"P1\",\"productSecret\":\"x\",\"deviceName\":\"D1\","
                "\"key_deviceinfo\":{\"deviceSecret\":\"c2VjcmV0\"},"
                "\"cert_deviceinfo\":{\"devCertFile\":\"a.crt\",\"devPrivateKeyFile\":\"a.key\"},"
                "\"subDev\":{\"subdev_num\":0,\"subdev_list\":[]}}");
    assert_true(load(w));
    assert_string_equal(w->config.product, "P1");
    assert_string_equal(w->config.device, "D1");
    assert_string_equal(w->config.secret, "c2VjcmV0");
    assert_null(w->config.cert_file);
    assert_null(w->config.key_file);
}

static void flags_win_over_the_vendor_file(void **state)
{
    struct world *w = *state;
    char ini[3 * PATH_SIZE];

    put(w->info, "{\"productId\":\"P1\",\"deviceName\":\"D1\",\"key_deviceinfo\":{\"deviceSecret\":\"eHh4\"}}");
    (void)snprintf(ini, sizeof ini, "device-info = %s\nsecret-file = %s\nproduct = mine\n", w->info, w->secret);
    put(w->ini, ini);
    assert_true(load(w));
    assert_string_equal(w->config.product, "mine");
    assert_string_equal(w->config.device, "D1");
    assert_string_equal(w->config.secret, "c2VjcmV0");
}

static void a_vendor_file_with_certificates_names_them_in_certs_or_beside_it(void **state)
{
    static const char text[] = "{\"auth_mode\":\"CERT\",\"productId\":\"P1\",\"deviceName\":\"D1\","
                               "\"key_deviceinfo\":{\"deviceSecret\":\"YOUR_IOT_PSK\"},"
                               "\"cert_deviceinfo\":{\"devCertFile\":\"a.crt\",\"devPrivateKeyFile\":\"/k/a.key\"}}";
    struct world *w = *state;
    char path[PATH_SIZE];

    use_info(w, text);
    assert_true(load(w));
    (void)snprintf(path, sizeof path, "%s/a.crt", w->folder);
    assert_string_equal(w->config.cert_file, path);
    assert_string_equal(w->config.key_file, "/k/a.key");
    assert_null(w->config.secret);
    (void)snprintf(path, sizeof path, "%s/certs", w->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/certs/a.crt", w->folder);
    put(path, "x");
    assert_true(load(w));
    assert_string_equal(w->config.cert_file, path);
}

static void a_vendor_file_that_says_too_little_is_refused_with_what_is_missing(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "no JSON"},
        {"{\"productId\":", "no JSON"},
        {"[]", "productId"},
        {"{}", "productId"},
        {"{\"productId\":1,\"deviceName\":\"d\"}", "productId"},
        {"{\"productId\":\"p\",\"deviceName\":\"d\"}", "deviceSecret"},
        {"{\"productId\":\"p\",\"deviceName\":\"d\",\"key_deviceinfo\":\"x\"}", "deviceSecret"},
        {"{\"productId\":\"p\",\"deviceName\":\"d\",\"auth_mode\":\"PSK\"}", "\"CERT\""},
        {"{\"productId\":\"p\",\"deviceName\":\"d\",\"auth_mode\":\"CERT\"}", "devCertFile"},
        {"{\"productId\":\"p\",\"deviceName\":\"d\",\"auth_mode\":\"CERT\",\"cert_deviceinfo\":"
         "{\"devCertFile\":\"\",\"devPrivateKeyFile\":\"k\"}}",
         "devCertFile"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        use_info(w, cases[i].text);
        expect_refused(w, cases[i].word);
        assert_non_null(strstr(w->why, "device_info.json"));
    }
}

static void a_secret_never_gets_into_a_message(void **state)
{
    struct world *w = *state;

    use_info(
        w, "{\"productId\":\"p\",\"deviceName\":\"d\",\"key_deviceinfo\":{\"deviceSecret\":\"TOPSECRET\" TOPSECRET}}");
    expect_refused(w, "column");
    assert_null(strstr(w->why, "TOPSECRET"));
}

static void an_unreadable_or_empty_file_is_named(void **state)
{
    struct world *w = *state;

    put_ini(w, "");
    put(w->secret, " \n");
    expect_refused(w, "is empty");
    assert_int_equal(unlink(w->secret), 0);
    expect_refused(w, w->secret);
    put(w->ini, "nonsense = 1\n");
    expect_refused(w, "nonsense");
    assert_int_equal(unlink(w->ini), 0);
    expect_refused(w, w->ini);
}

/* --- a reload --- */

static void a_change_is_named_and_says_what_it_takes(void **state)
{
    static const struct {
        const char *ini, *names;
        unsigned effects;
    } cases[] = {
        {"", "", FERRY_EFFECT_NONE},
        {"broker = mqtt://h\n", "broker", FERRY_EFFECT_RECONNECT},
        {"limit-rate = 1k\n", "limit-rate", FERRY_EFFECT_RECONNECT},
        {"stall-timeout = 5s\nlow-speed = 1k\nlow-speed-time = 2m\n", "stall-timeout, low-speed, low-speed-time",
         FERRY_EFFECT_RECONNECT},
        {"dir = /tmp\n", "dir", FERRY_EFFECT_PLACE},
        {"state-dir = /tmp\n", "state-dir", FERRY_EFFECT_PLACE},
        {"device = e\n", "device", FERRY_EFFECT_IDENTITY},
        {"hook-shell = true\nhook-timeout = 1m\nhook-failed = yes\njson = yes\n",
         "hook-shell, hook-timeout, hook-failed, json", FERRY_EFFECT_NONE},
        {"limit-rate = 2k\ndir = /\nbroker = mqtt://x\n", "broker, dir, limit-rate",
         FERRY_EFFECT_RECONNECT | FERRY_EFFECT_PLACE},
    };
    struct world *w = *state;
    struct ferry_config was;
    char names[128];

    put_ini(w, "");
    assert_true(ferry_config_load(&was, &w->line, w->why));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_ini(w, cases[i].ini);
        assert_true(load(w));
        assert_int_equal(ferry_config_changes(&was, &w->config, names, sizeof names), cases[i].effects);
        assert_string_equal(names, cases[i].names);
    }
    ferry_config_done(&was);
}

static void new_words_in_the_same_files_are_changes_too(void **state)
{
    struct world *w = *state;
    struct ferry_config was;
    char names[128], ca[PATH_SIZE], ini[2 * PATH_SIZE];

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", w->folder);
    (void)snprintf(ini, sizeof ini, "ca-file = %s\n", ca);
    put(ca, "a");
    put_ini(w, ini);
    assert_true(ferry_config_load(&was, &w->line, w->why));
    put(w->secret, "bmV1");
    assert_true(load(w));
    assert_int_equal(ferry_config_changes(&was, &w->config, names, sizeof names), FERRY_EFFECT_RECONNECT);
    assert_string_equal(names, "the secret");
    ferry_config_done(&was);
    assert_true(ferry_config_load(&was, &w->line, w->why));
    put(ca, "b");
    assert_true(load(w));
    assert_int_equal(ferry_config_changes(&was, &w->config, names, sizeof names), FERRY_EFFECT_RECONNECT);
    assert_string_equal(names, "the certificates");
    ferry_config_done(&was);
}

static void many_names_are_cut_and_nothing_breaks(void **state)
{
    struct world *w = *state;
    struct ferry_config was;
    char names[12];

    put_ini(w, "");
    assert_true(ferry_config_load(&was, &w->line, w->why));
    put_ini(w, "broker = mqtt://h\ndir = /\nlimit-rate = 1\n");
    assert_true(load(w));
    (void)ferry_config_changes(&was, &w->config, names, sizeof names);
    assert_string_equal(names, "broker, dir");
    ferry_config_done(&was);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RULE(everything_has_a_default_but_the_identity),
        RULE(a_rate_has_suffixes_and_nothing_else),
        RULE(a_secret_that_others_can_read_is_warned_of),
        RULE(a_hook_is_a_program_and_is_looked_at_before),
        RULE(a_hook_needs_a_place_for_its_list),
        RULE(a_vendor_file_with_a_key_says_who_this_is),
        RULE(flags_win_over_the_vendor_file),
        RULE(a_vendor_file_with_certificates_names_them_in_certs_or_beside_it),
        RULE(a_vendor_file_that_says_too_little_is_refused_with_what_is_missing),
        RULE(a_secret_never_gets_into_a_message),
        RULE(an_unreadable_or_empty_file_is_named),
        RULE(a_change_is_named_and_says_what_it_takes),
        RULE(new_words_in_the_same_files_are_changes_too),
        RULE(many_names_are_cut_and_nothing_breaks),
    };
#undef RULE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
