/* ferry: the device's command. */
#include "ferry/ferry.h"

#include "ferry_agent.h"
#include "ferry_config.h"
#include "ferry_exit.h"
#include "ferry_say.h"
#include "ferry_show.h"
#include "ferry_signals.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed(struct ferry_show *show, struct ferry *ferry, ferry_lane lane, ferry_device_err err)
{
    char message[FERRY_MESSAGE_SIZE + 128];

    (void)snprintf(message, sizeof message, "%s%s", ferry_message(ferry), ferry_exit_advice(err, false));
    ferry_show_failed(show, lane, err, message);
    return ferry_exit_code(err);
}

static int do_upload(struct ferry *ferry, struct ferry_show *show, const struct ferry_line *line)
{
    const char *slash = strrchr(line->file, '/');
    const char *name = line->name != NULL ? line->name : slash != NULL ? slash + 1 : line->file;
    ferry_device_err err = ferry_upload_file(ferry, line->file, name);

    if (err != FERRY_DEVICE_OK)
        return failed(show, ferry, FERRY_LANE_UP, err);
    ferry_show_sent(show, name, ferry_last_size(ferry));
    return EXIT_DONE;
}

static int do_download(struct ferry *ferry, struct ferry_show *show, const struct ferry_line *line, const char *dir)
{
    struct ferry_file file;
    ferry_device_err err;

    do /* who waits goes on waiting when the file that was under way is withdrawn */
        err = ferry_download_next(ferry, dir, line->wait ? FERRY_FOR_EVER : 0, &file);
    while (line->wait && err == FERRY_DEVICE_E_NO_TASK);
    if (err == FERRY_DEVICE_E_NO_TASK && show->name[0] == '\0') /* else one was under way, and its connection was cut: it is withdrawn */
        ferry_show_nothing(show);
    else if (err != FERRY_DEVICE_OK)
        return failed(show, ferry, FERRY_LANE_DOWN, err);
    else {
        ferry_show_received(show, file.name, file.size, file.path, file.md5);
        free(file.path);
    }
    return EXIT_DONE;
}

/* upload or download: one transfer */
static int open_and_run(const struct ferry_line *line, const struct ferry_config *config)
{
    struct ferry_show show;
    struct ferry *ferry = NULL;
    char message[FERRY_MESSAGE_SIZE];
    bool up = line->command == COMMAND_UPLOAD;
    struct ferry_options options = ferry_config_options(config);

    options.give_up_ms = config->give_up_s * 1000;
    options.progress = ferry_show_progress;
    options.user = &show;
    if (config->warning != NULL)
        ferry_say(SAY_WARNING, "warning: %s", config->warning);
    ferry_show_init(&show, config->json, false, config->broker);
    ferry_signals_catch(false);
    ferry_device_err err = ferry_open(&options, &ferry, message);
    if (err != FERRY_DEVICE_OK) {
        ferry_show_failed(&show, up ? FERRY_LANE_UP : FERRY_LANE_DOWN, err, message);
        return ferry_exit_code(err);
    }
    show.ferry = ferry;
    ferry_signals_interrupt(ferry);
    if (ferry_signals_ends() > 0)
        ferry_interrupt(ferry); /* it came while nobody listened */
    int code = up ? do_upload(ferry, &show, line) : do_download(ferry, &show, line, config->dir);
    ferry_signals_interrupt(NULL);
    ferry = ferry_close(ferry);
    return code;
}

/* Whoever starts us without them must not find our sockets there. */
static void hold_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); /* the hook inherits standard error */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    struct ferry_line line;
    struct ferry_config config;
    char message[FERRY_CONFIG_MESSAGE_SIZE];
    int code = EXIT_USAGE;

    hold_standard_descriptors();
    ferry_line_read(&line, argc, argv);
    if (!ferry_config_load(&config, &line, message))
        ferry_say(SAY_ERROR, "%s", message);
    else
        code = line.command == COMMAND_AGENT ? ferry_agent(&line, &config) : open_and_run(&line, &config);
    ferry_config_done(&config);
    return code;
}
