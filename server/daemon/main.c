#include "config.h"
#include "least_privilege.h"
#include "platform.h"
#include "signals.h"
#include "store_command.h"
#include "tls_command.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { TICK_S = 10 };

/* The broker inherits it, and connections need descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        ferry_log(FERRY_LOG_DEBUG, "ferryd", "the limit of open files cannot be raised: %m");
}

static int run(const struct config *config)
{
    struct platform *platform;
    int got;

    if (config->new_admin_token || config->rotate_secrets_key || config->url_key != URL_KEY_KEEP)
        return platform_change_secrets(config) == FERRY_OK ? EXIT_SUCCESS : EXIT_FAILURE;
    if (platform_start(config, &platform) != FERRY_OK)
        return EXIT_FAILURE;
    while ((got = signals_wait(TICK_S)) == 0 || got == SIGHUP) {
        if (got == SIGHUP)
            platform_reload(platform);
        platform_tick(platform);
    }
    ferry_log(FERRY_LOG_INFO, "ferryd", "signal %d: ending", got);
    signals_end_at_next();
    platform_stop(platform);
    ferry_log(FERRY_LOG_INFO, "ferryd", "ended");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    char message[FERRY_SETTING_MESSAGE_SIZE];
    ferry_log_level level = FERRY_LOG_INFO;
    struct config config;
    int status = CONFIG_EXIT_USAGE;

    if (argc > 1 && strcmp(argv[1], "tls") == 0)
        return tls_command(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "store") == 0)
        return store_command(argc - 1, argv + 1);
    signals_block();
    least_privilege();
    if (config_read(argc, argv, &config, message) != FERRY_OK) {
        (void)fprintf(stderr, "ferryd: %s\n", message);
    } else {
        (void)ferry_log_level_parse(config.log_level, &level);
        ferry_log_set_level(level);
        ferry_log_set_json(strcmp(config.log_format, "json") == 0);
        raise_descriptor_limit();
        status = run(&config);
    }
    config_done(&config);
    return status;
}
