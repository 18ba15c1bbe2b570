/**
 * @file ferry_config.h
 * @brief Settings and command line of `ferry`. The line is read once, the settings again at each reload.
 */
#ifndef FERRY_CONFIG_H
#define FERRY_CONFIG_H

#include "ferry/ferry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { COMMAND_NONE, COMMAND_UPLOAD, COMMAND_DOWNLOAD, COMMAND_AGENT } ferry_command;

enum { FERRY_SETTINGS_MAX = 24, FERRY_CONFIG_MESSAGE_SIZE = 512 };

/** @brief What the command line says; points into argv. */
struct ferry_line {
    ferry_command command;
    const char *flags[FERRY_SETTINGS_MAX]; /**< by setting; null: not given */
    const char *config_file;
    const char *file; /**< upload: what */
    const char *name; /**< upload: as what; null: as the file */
    bool wait;
};

/** @brief Every setting, and who this device is. */
struct ferry_config {
    char *product, *device, *secret_file, *device_info;
    char *broker;
    char *state_dir;
    char *dir;
    char *ca_file, *cert_file, *key_file;
    char *hook, *hook_shell;
    uint64_t hook_timeout_s;
    uint64_t limit_rate; /**< bytes a second, 0: none */
    uint64_t stall_s;
    uint64_t low_speed; /**< bytes a second, 0: never too slow */
    uint64_t low_speed_s;
    uint64_t give_up_s;
    bool hook_failed;
    bool json;
    char *secret;  /**< base64, from the secret file or device_info.json; null: a certificate says who this is */
    char *warning; /**< what is not wrong but not good; null: nothing */
    uint64_t certificates; /**< changes when a file of them does */
};

/**
 * @brief Takes the command line apart. --help, --version and a wrong line end the program.
 */
void ferry_line_read(struct ferry_line *line, int argc, char **argv);

/**
 * @brief Reads default, INI file, environment and flags, in this order, and then the identity.
 * @param[out] config  ferry_config_done() is due in any case
 * @return false: reterr_message says what is wrong and what to do
 */
bool ferry_config_load(struct ferry_config *config, const struct ferry_line *line,
                       char reterr_message[FERRY_CONFIG_MESSAGE_SIZE]);
void ferry_config_done(struct ferry_config *config);

/** @brief What every command hands to ferry_open(); the texts stay config's. Time limits and callbacks are the command's own. */
struct ferry_options ferry_config_options(const struct ferry_config *config);

/** @brief What must happen for a change to take effect. */
enum ferry_effect {
    FERRY_EFFECT_NONE = 0,           /**< nothing: it is looked at when it is needed */
    FERRY_EFFECT_RECONNECT = 1 << 1, /**< close the library and open it again; what runs goes on by its snapshot */
    FERRY_EFFECT_IDENTITY = 1 << 2,  /**< the same, as another device */
    FERRY_EFFECT_PLACE = 1 << 3,     /**< wait until nothing runs: what is unfinished lies in the old place */
};

/** @brief The effects of all that differs, and its names ("broker, limit-rate"; cut to fit, "" when nothing does). */
unsigned ferry_config_changes(const struct ferry_config *was, const struct ferry_config *is, char *ret_names,
                              size_t size);

#endif
