/**
 * @file ferry_config.h
 * @brief Settings and command line of `ferry`.
 */
#ifndef FERRY_CONFIG_H
#define FERRY_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/** Exit codes, as in the manual page; scripts depend on them. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3, EXIT_NETWORK = 4 };

typedef enum { COMMAND_NONE, COMMAND_UPLOAD, COMMAND_DOWNLOAD, COMMAND_AGENT } ferry_command;

/** @brief Everything that was asked for. */
struct ferry_config {
    char *product, *device, *secret_file, *device_info;
    char *broker;
    char *state_dir;
    char *dir;
    char *ca_file, *cert_file, *key_file;
    uint64_t limit_rate; /**< bytes a second, 0: none */
    uint64_t give_up_s;
    bool json;
    /* the command line only */
    ferry_command command;
    char *file; /**< upload: what */
    char *name; /**< upload: as what */
    bool wait;
    char *secret; /**< base64, from the secret file or device_info.json */
};

/**
 * @brief Reads flags, environment and INI file and then the identity. Prints what is wrong, with what to do.
 * @return EXIT_DONE, or what to exit with. ferry_config_done() is due in any case.
 */
int ferry_config_read(struct ferry_config *config, int argc, char **argv);
void ferry_config_done(struct ferry_config *config);

#endif
