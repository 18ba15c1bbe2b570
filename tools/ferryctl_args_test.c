#include "ferryctl_args.h"

#include "ferryctl_commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* The words after the program's name, up to a null. */
static bool parse(struct ctl_args *args, char message[CTL_MESSAGE_SIZE], const char *const words[])
{
    const char *argv[WORDS_MAX] = {"ferryctl"};
    int argc = 1;

    for (size_t i = 0; words[i] != NULL; i++)
        argv[argc++] = words[i];
    return ctl_args_parse(argc, argv, args, message);
}

#define PARSE(args, message, ...) parse(args, message, (const char *const[]){__VA_ARGS__, NULL})

static void options_may_stand_anywhere(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE];

    (void)state;
    assert_true(PARSE(&args, message, "--json", "deploy", "--rate=100/min", "p", "--timeout", "2h", "f", "--force"));
    assert_int_equal(args.word_count, 3);
    assert_string_equal(args.words[0], "deploy");
    assert_string_equal(args.words[1], "p");
    assert_string_equal(args.words[2], "f");
    assert_true(args.options.json && args.options.force);
    assert_int_equal(args.options.rate_per_min, 100);
    assert_int_equal(args.options.timeout_s, 7200);
    assert_int_equal(args.given, CTL_O_JSON | CTL_O_RATE | CTL_O_TIMEOUT | CTL_O_FORCE);
    ctl_args_done(&args);
}

static void devices_add_up_in_their_order(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE];

    (void)state;
    assert_true(PARSE(&args, message, "--device", "a", "--device=b", "--device", "a"));
    assert_int_equal(args.options.device_count, 3);
    assert_string_equal(args.options.devices[0], "a");
    assert_string_equal(args.options.devices[1], "b");
    assert_string_equal(args.options.devices[2], "a");
    ctl_args_done(&args);
}

static void tags_add_up_and_a_description_may_be_empty(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE];

    (void)state;
    assert_true(PARSE(&args, message, "--tag", "a", "--untag=b", "--tag=c", "--description", ""));
    assert_int_equal(args.options.tag_count, 2);
    assert_string_equal(args.options.tags[0], "a");
    assert_string_equal(args.options.tags[1], "c");
    assert_int_equal(args.options.untag_count, 1);
    assert_string_equal(args.options.untags[0], "b");
    assert_string_equal(args.options.description, "");
    ctl_args_done(&args);
    assert_false(PARSE(&args, message, "--tag", ""));
    ctl_args_done(&args);
}

static void short_options_take_their_value_either_way(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE];

    (void)state;
    assert_true(PARSE(&args, message, "-o", "x", "-n5"));
    assert_string_equal(args.options.output, "x");
    assert_int_equal(args.options.limit, 5);
    assert_true(PARSE(&args, message, "-oy", "-h"));
    assert_string_equal(args.options.output, "y");
    assert_true(args.options.help);
}

static void two_dashes_end_the_options_and_one_is_a_word(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE];

    (void)state;
    assert_true(PARSE(&args, message, "-", "--", "--json", "-o"));
    assert_int_equal(args.word_count, 3);
    assert_string_equal(args.words[0], "-");
    assert_string_equal(args.words[1], "--json");
    assert_false(args.options.json);
}

static void a_value_may_begin_with_a_dash(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE];

    (void)state;
    assert_true(PARSE(&args, message, "-o", "-", "--name", "--json"));
    assert_string_equal(args.options.output, "-");
    assert_string_equal(args.options.name, "--json");
    assert_false(args.options.json);
}

static void what_cannot_be_is_refused_with_a_sentence(void **state)
{
    static const char *const bad[][3] = {
        {"--nonsense"},        {"--jso"},           {"-x"},           {"---"},          {"--json=yes"}, {"--rate"},
        {"--rate", "0"},       {"--rate", "x"},     {"--rate", "5/h"}, {"--rate", "1000001"}, {"--timeout", "59"},
        {"--timeout", "8d"},   {"--timeout", "1w"}, {"--limit", "0"}, {"--limit", "-1"}, {"--limit", "1x"},
        {"--name", ""},        {"--device", ""},    {"--api="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ctl_args args;
        char message[CTL_MESSAGE_SIZE] = "";
        assert_false(parse(&args, message, bad[i]));
        assert_true(strlen(message) > 5);
        ctl_args_done(&args);
    }
}

static void too_many_words_are_refused(void **state)
{
    struct ctl_args args;
    char message[CTL_MESSAGE_SIZE] = "";

    (void)state;
    assert_true(PARSE(&args, message, "1", "2", "3", "4", "5", "6", "7", "8"));
    assert_false(PARSE(&args, message, "1", "2", "3", "4", "5", "6", "7", "8", "9"));
    assert_non_null(strstr(message, "9"));
}

static void rates_and_times_at_their_limits(void **state)
{
    uint32_t value = 0;

    (void)state;
    assert_true(ctl_parse_rate("1", &value) && value == 1);
    assert_true(ctl_parse_rate("1000000/min", &value) && value == 1000000);
    assert_true(ctl_parse_timeout("60", &value) && value == 60);
    assert_true(ctl_parse_timeout("1min", &value) && value == 60);
    assert_true(ctl_parse_timeout("7d", &value) && value == 604800);
    assert_true(ctl_parse_timeout("168h", &value) && value == 604800);
    assert_false(ctl_parse_timeout("604801s", &value));
    assert_false(ctl_parse_timeout("18446744073709551617", &value));
    assert_true(ctl_parse_overlap("0s", &value) && value == 0);
    assert_true(ctl_parse_overlap("90d", &value) && value == 7776000);
    assert_false(ctl_parse_overlap("91d", &value));
    assert_false(ctl_parse_overlap("soon", &value));
    assert_false(ctl_parse_rate("", &value));
    assert_false(ctl_parse_rate("+5", &value));
}

static void a_moment_is_a_date_or_so_long_from_now(void **state)
{
    static const struct {
        const char *text;
        uint64_t unix_s; /* 0: refused */
    } rows[] = {
        {"90", 1090},   {"90s", 1090},         {"2h", 8200},          {"1970-01-02", 86400}, {"1970-01-01T00:00:07Z", 7},
        {"0", 0},       {"0s", 0},             {"-1h", 0},            {"tomorrow", 0},       {"1970-01-02T00:00:00", 0},
        {"", 0},        {"2026-13-01", 0},     {"1970-01-02Z", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t unix_s = 0;
        if (ctl_parse_moment(rows[i].text, 1000, &unix_s) != (rows[i].unix_s != 0) || unix_s != rows[i].unix_s)
            fail_msg("\"%s\" became %llu", rows[i].text, (unsigned long long)unix_s);
    }
}

static void every_option_has_its_own_flag_and_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ctl_option_count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ctl_option_infos[i].flag, ctl_option_infos[j].flag);
            assert_string_not_equal(ctl_option_infos[i].name, ctl_option_infos[j].name);
        }
    }
}

static void every_option_belongs_to_a_command_and_every_command_to_one_place(void **state)
{
    uint64_t used = CTL_O_COMMON;

    (void)state;
    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct ctl_command *command = &ctl_commands[i];
        used |= command->options;
        assert_true(command->words_min <= command->words_max && command->words_max < CTL_WORDS_MAX);
        assert_non_null(command->run);
        for (size_t j = 0; j < i; j++) {
            bool same_verb = command->verb == NULL || ctl_commands[j].verb == NULL ||
                             strcmp(command->verb, ctl_commands[j].verb) == 0;
            assert_false(strcmp(command->group, ctl_commands[j].group) == 0 && same_verb);
        }
    }
    for (size_t i = 0; i < ctl_option_count; i++)
        assert_true((used & ctl_option_infos[i].flag) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(devices_add_up_in_their_order),
        cmocka_unit_test(tags_add_up_and_a_description_may_be_empty),
        cmocka_unit_test(short_options_take_their_value_either_way),
        cmocka_unit_test(two_dashes_end_the_options_and_one_is_a_word),
        cmocka_unit_test(a_value_may_begin_with_a_dash),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_sentence),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(rates_and_times_at_their_limits),
        cmocka_unit_test(a_moment_is_a_date_or_so_long_from_now),
        cmocka_unit_test(every_option_has_its_own_flag_and_name),
        cmocka_unit_test(every_option_belongs_to_a_command_and_every_command_to_one_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
