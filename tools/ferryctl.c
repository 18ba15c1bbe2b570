/* ferryctl: the operator's command. Finds the command, explains, runs. */
#include "ferryctl_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- help --------------------------------------------------------------------------------------------- */

static void print_usage(const struct ctl_command *command)
{
    char usage[64];

    (void)snprintf(usage, sizeof usage, "%s%s%s %s", command->group, command->verb != NULL ? " " : "",
                   command->verb != NULL ? command->verb : "", command->words);
    (void)printf("  %-32s %s\n", usage, command->help);
}

static void print_options(uint64_t flags)
{
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option_info *info = &ctl_option_infos[i];
        char usage[48];
        if ((flags & info->flag) == 0)
            continue;
        (void)snprintf(usage, sizeof usage, "%c%c%c --%s%s%s", info->letter != 0 ? '-' : ' ',
                       info->letter != 0 ? info->letter : ' ', info->letter != 0 ? ',' : ' ', info->name,
                       info->value != NULL ? " " : "", info->value != NULL ? info->value : "");
        (void)printf("  %-32s %s\n", usage, info->help);
    }
}

static bool in_group(const struct ctl_command *command, const struct ctl_args *args)
{
    return args->word_count == 0 || strcmp(command->group, args->words[0]) == 0;
}

static bool is_named(const struct ctl_command *command, const struct ctl_args *args)
{
    return in_group(command, args) && args->word_count > 0 &&
           (command->verb == NULL || (args->word_count > 1 && strcmp(command->verb, args->words[1]) == 0));
}

static void print_help(const struct ctl_args *args)
{
    uint64_t flags = 0;
    bool one = false;

    for (size_t i = 0; i < ctl_command_count; i++)
        one = one || is_named(&ctl_commands[i], args);
    (void)printf("Usage: ferryctl [OPTIONS] COMMAND ...\n\n");
    for (size_t i = 0; i < ctl_command_count; i++) {
        if (one ? is_named(&ctl_commands[i], args) : in_group(&ctl_commands[i], args)) {
            print_usage(&ctl_commands[i]);
            flags |= ctl_commands[i].options;
        }
    }
    if (args->word_count > 0 && flags != 0) {
        (void)printf("\nOptions of %s:\n", one ? "this command" : "these commands");
        print_options(flags);
    }
    (void)printf("\nOptions of every command:\n");
    print_options(CTL_O_COMMON);
    (void)printf("\nExit status: 0 done, 1 failed, 2 wrong usage, 3 refused by the platform, 4 network.\n");
}

/* --- running ------------------------------------------------------------------------------------------ */

static const struct ctl_command *find_command(const struct ctl_args *args)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        if (is_named(&ctl_commands[i], args))
            return &ctl_commands[i];
    }
    return NULL;
}

static enum ctl_exit no_command(const struct ctl_args *args)
{
    if (args->word_count == 0)
        return ctl_fail(CTL_USAGE, "say what to do; ferryctl --help lists the commands");
    for (size_t i = 0; i < ctl_command_count; i++) {
        if (in_group(&ctl_commands[i], args))
            return ctl_fail(CTL_USAGE, "there is no command \"%s %s\"; see ferryctl %s --help", args->words[0],
                            args->word_count > 1 ? args->words[1] : "", args->words[0]);
    }
    return ctl_fail(CTL_USAGE, "there is no command \"%s\"; ferryctl --help lists them", args->words[0]);
}

static enum ctl_exit check_usage(const struct ctl_command *command, const struct ctl_args *args, size_t word_count)
{
    uint64_t wrong = args->given & ~(command->options | CTL_O_COMMON);
    const char *verb = command->verb != NULL ? command->verb : "";
    const char *space = command->verb != NULL ? " " : "";

    for (size_t i = 0; i < ctl_option_count; i++) {
        if ((wrong & ctl_option_infos[i].flag) != 0)
            return ctl_fail(CTL_USAGE, "\"%s%s%s\" has no option --%s", command->group, space, verb,
                            ctl_option_infos[i].name);
    }
    if (word_count < command->words_min || word_count > command->words_max)
        return ctl_fail(CTL_USAGE, "usage: ferryctl %s%s%s %s", command->group, space, verb, command->words);
    return CTL_DONE;
}

static enum ctl_exit run(const struct ctl_args *args)
{
    const struct ctl_command *command = find_command(args);
    size_t names = command != NULL && command->verb != NULL ? 2 : 1;

    if (command == NULL)
        return no_command(args);
    struct ctl ctl = {.options = &args->options, .words = args->words + names, .word_count = args->word_count - names};
    enum ctl_exit status = check_usage(command, args, ctl.word_count);
    if (status != CTL_DONE)
        return status;
    if ((command->options & CTL_HERE) == 0)
        status = ctl_api_init(&ctl.api, &args->options);
    if (status == CTL_DONE)
        status = command->run(&ctl);
    ctl_api_done(&ctl.api);
    if (fflush(stdout) != 0 && status == CTL_DONE)
        return ctl_fail(CTL_FAILED, "cannot write to standard output");
    return status;
}

int main(int argc, char **argv)
{
    char message[CTL_MESSAGE_SIZE];
    struct ctl_args args;
    enum ctl_exit status = CTL_DONE;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ctl_fail(CTL_FAILED, "libcurl cannot be used");
    if (!ctl_args_parse(argc, (const char *const *)argv, &args, message))
        status = ctl_fail(CTL_USAGE, "%s", message);
    else if (args.options.version)
        (void)printf("ferryctl %s\n", FERRY_VERSION);
    else if (args.options.help)
        print_help(&args);
    else
        status = run(&args);
    ctl_args_done(&args);
    curl_global_cleanup();
    return (int)status;
}
