/**
 * @file ferryctl_args.h
 * @brief The command line of ferryctl: options may stand anywhere, the rest are words. Pure.
 */
#ifndef TOOLS_FERRYCTL_ARGS_H
#define TOOLS_FERRYCTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** @brief What the options say. Texts point into argv or the environment. */
struct ctl_options {
    const char *api, *token_file, *data, *ca_file;
    bool json, help, version;
    const char *name, *device_info, *secret_file, *output, *devices_file, *state, *prefix;
    bool all, all_versions, force, wait;
    uint32_t rate_per_min;
    uint32_t timeout_s; /**< 0: the platform's default */
    uint32_t overlap_s; /**< 0: none */
    uint64_t limit;     /**< 0: no limit */
    const char **devices; /**< of every --device, in order; freed by ctl_args_done() */
    size_t device_count;
    const char *role, *actor, *object, *action, *since, *anchor;
    const char **products; /**< of every --product, in order; freed by ctl_args_done() */
    size_t product_count;
    uint32_t expires_s; /**< 0: never */
};

/** @brief Options; a command names those that it takes. The first five are everybody's. */
enum ctl_option_flag {
    CTL_O_API = 1 << 1,
    CTL_O_TOKEN_FILE = 1 << 2,
    CTL_O_DATA = 1 << 3,
    CTL_O_JSON = 1 << 4,
    CTL_O_HELP = 1 << 5,
    CTL_O_VERSION = 1 << 6,
    CTL_O_NAME = 1 << 7,
    CTL_O_DEVICE_INFO = 1 << 8,
    CTL_O_OUTPUT = 1 << 9,
    CTL_O_DEVICE = 1 << 10,
    CTL_O_DEVICES_FILE = 1 << 11,
    CTL_O_ALL = 1 << 12,
    CTL_O_ALL_VERSIONS = 1 << 13,
    CTL_O_RATE = 1 << 14,
    CTL_O_TIMEOUT = 1 << 15,
    CTL_O_FORCE = 1 << 16,
    CTL_O_WAIT = 1 << 17,
    CTL_O_STATE = 1 << 18,
    CTL_O_PREFIX = 1 << 19,
    CTL_O_LIMIT = 1 << 20,
    CTL_O_SECRET_FILE = 1 << 21,
    CTL_O_ROLE = 1 << 22,
    CTL_O_PRODUCT = 1 << 23,
    CTL_O_EXPIRES = 1 << 24,
    CTL_O_ACTOR = 1 << 25,
    CTL_O_OBJECT = 1 << 26,
    CTL_O_ACTION = 1 << 27,
    CTL_O_SINCE = 1 << 28,
    CTL_O_ANCHOR = 1 << 29,
    CTL_O_CA_FILE = 1 << 30,
    CTL_O_OVERLAP = 1 << 0, /* the last one that was free */

    CTL_O_COMMON = CTL_O_API | CTL_O_TOKEN_FILE | CTL_O_DATA | CTL_O_CA_FILE | CTL_O_JSON | CTL_O_HELP | CTL_O_VERSION,
};

/** @brief An option as --help shows it. */
struct ctl_option_info {
    enum ctl_option_flag flag;
    char letter;       /**< 0: none */
    const char *name;  /**< without the dashes */
    const char *value; /**< "FILE"; null: takes none */
    const char *help;
};

extern const struct ctl_option_info ctl_option_infos[];
extern const size_t ctl_option_count;

enum { CTL_WORDS_MAX = 8, CTL_MESSAGE_SIZE = 256 };

struct ctl_args {
    struct ctl_options options;
    unsigned given; /**< flags of the options that were there */
    const char *words[CTL_WORDS_MAX];
    size_t word_count;
};

/**
 * @brief Takes a command line apart; argv[0] is passed over, "--" ends the options.
 * False with one sentence when an option is unknown or has a value that is not allowed. ctl_args_done() is due in
 * every case.
 */
bool ctl_args_parse(int argc, const char *const *argv, struct ctl_args *args, char reterr_message[CTL_MESSAGE_SIZE]);
void ctl_args_done(struct ctl_args *args);

/** @brief "100/min" or "100": 1 to FERRY_DEPLOY_RATE_MAX. */
bool ctl_parse_rate(const char *text, uint32_t *ret_per_min);
/** @brief "90d", "12h": 60 seconds to ten years. */
bool ctl_parse_life(const char *text, uint32_t *ret_seconds);
/** @brief "90", "90s", "15m", "2h", "7d": FERRY_DEPLOY_TIMEOUT_MIN_S to FERRY_DEPLOY_TIMEOUT_MAX_S. */
bool ctl_parse_timeout(const char *text, uint32_t *ret_seconds);
/** @brief The same, 0s to 90d. */
bool ctl_parse_overlap(const char *text, uint32_t *ret_seconds);

#endif
