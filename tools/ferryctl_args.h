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
    bool all, all_versions, force, wait, follow, online, offline;
    uint32_t rate_per_min;
    uint64_t rate_bytes; /**< a second; 0: the platform's default */
    uint32_t timeout_s; /**< 0: the platform's default */
    uint32_t overlap_s; /**< 0: none */
    uint32_t retries;
    uint64_t start_s, end_s; /**< Unix time; 0: not given */
    uint64_t limit;     /**< 0: no limit */
    const char **devices; /**< of every --device, in order; freed by ctl_args_done() */
    size_t device_count;
    const char *resource_id;
    const char *description; /**< may be "" */
    const char *role, *actor, *object, *action, *since, *until, *step, *anchor, *after, *url, *sort, *result_code, *result_msg, *config, *from, *to;
    const char *idempotency_key; /**< null: one of chance */
    bool everything, enable, disable, skip, new_secret;
    const char **types; /**< of every --type; freed by ctl_args_done() */
    size_t type_count;
    const char **products; /**< of every --product, in order; freed by ctl_args_done() */
    size_t product_count;
    const char **tags, **untags; /**< of every --tag and --untag; freed by ctl_args_done() */
    size_t tag_count, untag_count;
    uint32_t expires_s; /**< 0: never */
};

/** @brief Options; a command names those that it takes. The first five are everybody's. */
#define CTL_O_API (UINT64_C(1) << 1)
#define CTL_O_TOKEN_FILE (UINT64_C(1) << 2)
#define CTL_O_DATA (UINT64_C(1) << 3)
#define CTL_O_JSON (UINT64_C(1) << 4)
#define CTL_O_HELP (UINT64_C(1) << 5)
#define CTL_O_VERSION (UINT64_C(1) << 6)
#define CTL_O_NAME (UINT64_C(1) << 7)
#define CTL_O_DEVICE_INFO (UINT64_C(1) << 8)
#define CTL_O_OUTPUT (UINT64_C(1) << 9)
#define CTL_O_DEVICE (UINT64_C(1) << 10)
#define CTL_O_DEVICES_FILE (UINT64_C(1) << 11)
#define CTL_O_ALL (UINT64_C(1) << 12)
#define CTL_O_ALL_VERSIONS (UINT64_C(1) << 13)
#define CTL_O_RATE (UINT64_C(1) << 14)
#define CTL_O_TIMEOUT (UINT64_C(1) << 15)
#define CTL_O_FORCE (UINT64_C(1) << 16)
#define CTL_O_WAIT (UINT64_C(1) << 17)
#define CTL_O_STATE (UINT64_C(1) << 18)
#define CTL_O_PREFIX (UINT64_C(1) << 19)
#define CTL_O_LIMIT (UINT64_C(1) << 20)
#define CTL_O_SECRET_FILE (UINT64_C(1) << 21)
#define CTL_O_ROLE (UINT64_C(1) << 22)
#define CTL_O_PRODUCT (UINT64_C(1) << 23)
#define CTL_O_EXPIRES (UINT64_C(1) << 24)
#define CTL_O_ACTOR (UINT64_C(1) << 25)
#define CTL_O_OBJECT (UINT64_C(1) << 26)
#define CTL_O_ACTION (UINT64_C(1) << 27)
#define CTL_O_SINCE (UINT64_C(1) << 28)
#define CTL_O_ANCHOR (UINT64_C(1) << 29)
#define CTL_O_CA_FILE (UINT64_C(1) << 30)
#define CTL_O_OVERLAP (UINT64_C(1) << 0)
#define CTL_O_RETRIES (UINT64_C(1) << 31)
#define CTL_O_START (UINT64_C(1) << 32)
#define CTL_O_END (UINT64_C(1) << 33)
#define CTL_O_RESOURCE_ID (UINT64_C(1) << 34)
#define CTL_O_TAG (UINT64_C(1) << 35)
#define CTL_O_UNTAG (UINT64_C(1) << 36)
#define CTL_O_DESCRIPTION (UINT64_C(1) << 37)
#define CTL_O_FOLLOW (UINT64_C(1) << 38)
#define CTL_O_AFTER (UINT64_C(1) << 39)
#define CTL_O_TYPE (UINT64_C(1) << 40)
#define CTL_O_KEY (UINT64_C(1) << 41)
#define CTL_O_ONLINE (UINT64_C(1) << 42)
#define CTL_O_OFFLINE (UINT64_C(1) << 43)
#define CTL_O_URL (UINT64_C(1) << 44)
#define CTL_O_EVERYTHING (UINT64_C(1) << 45)
#define CTL_O_ENABLE (UINT64_C(1) << 46)
#define CTL_O_DISABLE (UINT64_C(1) << 47)
#define CTL_O_SKIP (UINT64_C(1) << 48)
#define CTL_O_NEW_SECRET (UINT64_C(1) << 49)
#define CTL_O_SORT (UINT64_C(1) << 50)
#define CTL_O_RESULT_CODE (UINT64_C(1) << 51)
#define CTL_O_RESULT_MSG (UINT64_C(1) << 52)
#define CTL_O_UNTIL (UINT64_C(1) << 53)
#define CTL_O_STEP (UINT64_C(1) << 54)
#define CTL_O_CONFIG (UINT64_C(1) << 55)
#define CTL_O_FROM (UINT64_C(1) << 56)
#define CTL_O_TO (UINT64_C(1) << 57)
#define CTL_O_LIMIT_RATE (UINT64_C(1) << 58)

#define CTL_O_COMMON \
    (CTL_O_API | CTL_O_TOKEN_FILE | CTL_O_DATA | CTL_O_CA_FILE | CTL_O_JSON | CTL_O_HELP | CTL_O_VERSION)

/** @brief An option as --help shows it. */
struct ctl_option_info {
    uint64_t flag;
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
    uint64_t given; /**< flags of the options that were there */
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

/** @brief "500", "20G": bytes, or a number; k, M, G, T, at most 2^63-1. */
bool ctl_parse_amount(const char *text, uint64_t *ret_amount);
/** @brief "100/min" or "100": 1 to FERRY_DEPLOY_RATE_MAX. */
bool ctl_parse_rate(const char *text, uint32_t *ret_per_min);
/** @brief "90d", "12h": 60 seconds to ten years. */
bool ctl_parse_life(const char *text, uint32_t *ret_seconds);
/** @brief "90", "90s", "15m", "2h", "7d": FERRY_DEPLOY_TIMEOUT_MIN_S to FERRY_DEPLOY_TIMEOUT_MAX_S. */
bool ctl_parse_timeout(const char *text, uint32_t *ret_seconds);
/** @brief A time in UTC (2026-01-02T03:04:05Z, 2026-01-02), or one from now (90s, 2h, 7d): Unix seconds. */
bool ctl_parse_moment(const char *text, uint64_t now_s, uint64_t *ret_unix_s);
/** @brief The same, 0s to 90d. */
bool ctl_parse_overlap(const char *text, uint32_t *ret_seconds);

#endif
