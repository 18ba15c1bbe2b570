/* ferry: the device's command. */
#include "ferry/ferry.h"

#include "ferry_config.h"
#include "ferry_show.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ferry *volatile running; /* for the signal handler only */
static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    struct ferry *ferry = running;

    (void)number;
    signalled = 1;
    if (ferry != NULL)
        ferry_interrupt(ferry);
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static int exit_code(ferry_device_err err)
{
    switch (err) {
    case FERRY_DEVICE_OK:
        return EXIT_DONE;
    case FERRY_DEVICE_E_ARG:
        return EXIT_USAGE;
    case FERRY_DEVICE_E_REFUSED:
    case FERRY_DEVICE_E_CREDENTIAL:
    case FERRY_DEVICE_E_URL:
    case FERRY_DEVICE_E_CANCELLED:
    case FERRY_DEVICE_E_NO_TASK:
        return EXIT_REFUSED;
    case FERRY_DEVICE_E_NETWORK:
    case FERRY_DEVICE_E_SILENT:
    case FERRY_DEVICE_E_TLS:
    case FERRY_DEVICE_E_HTTP:
    case FERRY_DEVICE_E_UNCONFIRMED:
    case FERRY_DEVICE_E_TIMEOUT:
        return EXIT_NETWORK;
    case FERRY_DEVICE_E_MEMORY:
    case FERRY_DEVICE_E_STATE:
    case FERRY_DEVICE_E_SNAPSHOT:
    case FERRY_DEVICE_E_UNWANTED:
    case FERRY_DEVICE_E_DIGEST:
    case FERRY_DEVICE_E_SOURCE:
    case FERRY_DEVICE_E_STORE:
    case FERRY_DEVICE_E_SPACE:
    case FERRY_DEVICE_E_NAME:
    case FERRY_DEVICE_E_STOPPED:
    case FERRY_DEVICE_E_SYSTEM:
    case FERRY_DEVICE_E_BUSY:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

/* What to do about it, where that is not plain. */
static const char *advice(ferry_device_err err)
{
    if (err == FERRY_DEVICE_E_CREDENTIAL)
        return "; check product, device and secret, and that the device is registered and enabled";
    if (err == FERRY_DEVICE_E_NETWORK || err == FERRY_DEVICE_E_UNCONFIRMED || err == FERRY_DEVICE_E_STOPPED)
        return "; run the same command again to go on where it stopped";
    if (err == FERRY_DEVICE_E_SILENT)
        return "; is the platform running behind this broker? Run the same command again to go on";
    if (err == FERRY_DEVICE_E_NAME)
        return "; move the file that is in the way, or choose another --dir";
    return "";
}

static int failed(struct ferry_show *show, struct ferry *ferry, ferry_lane lane, ferry_device_err err)
{
    char message[FERRY_MESSAGE_SIZE + 128];

    (void)snprintf(message, sizeof message, "%s%s", ferry_message(ferry), advice(err));
    ferry_show_failed(show, lane, err, message, exit_code(err));
    return exit_code(err);
}

static int do_upload(struct ferry *ferry, struct ferry_show *show, const struct ferry_config *config)
{
    const char *slash = strrchr(config->file, '/');
    const char *name = config->name != NULL ? config->name : slash != NULL ? slash + 1 : config->file;
    ferry_device_err err = ferry_upload_file(ferry, config->file, name);

    if (err != FERRY_DEVICE_OK)
        return failed(show, ferry, FERRY_LANE_UP, err);
    ferry_show_done(show, FERRY_LANE_UP, name, ferry_last_size(ferry), NULL);
    return EXIT_DONE;
}

/* One file. */
static ferry_device_err fetch(struct ferry *ferry, struct ferry_show *show, const struct ferry_config *config,
                              uint64_t wait_ms)
{
    struct ferry_file file;
    ferry_device_err err = ferry_download_next(ferry, config->dir, wait_ms, &file);

    if (err != FERRY_DEVICE_OK)
        return err;
    ferry_show_done(show, FERRY_LANE_DOWN, file.name, file.size, file.path);
    free(file.path);
    return FERRY_DEVICE_OK;
}

static int do_download(struct ferry *ferry, struct ferry_show *show, const struct ferry_config *config)
{
    ferry_device_err err;

    do /* who waits goes on waiting when the file that was under way is withdrawn */
        err = fetch(ferry, show, config, config->wait ? FERRY_FOR_EVER : 0);
    while (config->wait && err == FERRY_DEVICE_E_NO_TASK);
    if (err == FERRY_DEVICE_OK)
        return EXIT_DONE;
    if (err != FERRY_DEVICE_E_NO_TASK)
        return failed(show, ferry, FERRY_LANE_DOWN, err);
    ferry_show_nothing(show);
    return EXIT_DONE;
}

static int do_agent(struct ferry *ferry, struct ferry_show *show, const struct ferry_config *config)
{
    while (signalled == 0) {
        ferry_device_err err = fetch(ferry, show, config, FERRY_FOR_EVER);
        if (err == FERRY_DEVICE_E_STORE && access(config->dir, W_OK | X_OK) != 0)
            return failed(show, ferry, FERRY_LANE_DOWN, err);
        if (err == FERRY_DEVICE_OK || err == FERRY_DEVICE_E_STOPPED)
            continue;
        (void)failed(show, ferry, FERRY_LANE_DOWN, err);
        (void)sleep(1); /* whatever it was, it does not become a busy loop; a signal ends the sleep */
    }
    return EXIT_DONE;
}

static int run(struct ferry *ferry, struct ferry_show *show, const struct ferry_config *config)
{
    switch (config->command) {
    case COMMAND_UPLOAD:
        return do_upload(ferry, show, config);
    case COMMAND_DOWNLOAD:
        return do_download(ferry, show, config);
    case COMMAND_AGENT:
        return do_agent(ferry, show, config);
    case COMMAND_NONE:
        break;
    }
    return EXIT_USAGE;
}

static int open_and_run(const struct ferry_config *config)
{
    struct ferry_show show;
    struct ferry *ferry = NULL;
    char message[FERRY_MESSAGE_SIZE];
    bool patient = config->command == COMMAND_AGENT;
    struct ferry_options options = {
        .product = config->product,
        .device = config->device,
        .secret = config->secret,
        .broker = config->broker,
        .state_dir = config->state_dir,
        .ca_file = config->ca_file,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .rate_bytes_per_s = config->limit_rate,
        .give_up_ms = patient ? FERRY_FOR_EVER : config->give_up_s * 1000,
        .confirm_ms = patient ? FERRY_FOR_EVER : 0,
        .progress = ferry_show_progress,
        .user = &show,
    };

    ferry_show_init(&show, config->json, patient, config->broker);
    ferry_device_err err = ferry_open(&options, &ferry, message);
    if (err != FERRY_DEVICE_OK) {
        ferry_show_failed(&show, config->command == COMMAND_UPLOAD ? FERRY_LANE_UP : FERRY_LANE_DOWN, err, message,
                          exit_code(err));
        return exit_code(err);
    }
    running = ferry;
    catch_signals();
    int code = run(ferry, &show, config);
    running = NULL;
    ferry = ferry_close(ferry);
    return code;
}

int main(int argc, char **argv)
{
    struct ferry_config config;
    int code = ferry_config_read(&config, argc, argv);

    if (code == EXIT_DONE)
        code = open_and_run(&config);
    ferry_config_done(&config);
    return code;
}
