#include "ferryctl_args.h"

#include "base/alloc.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct ctl_option_info ctl_option_infos[] = {
    {CTL_O_API, 0, "api", "URL", "address of the operator API (FERRY_API)"},
    {CTL_O_TOKEN_FILE, 0, "token-file", "FILE", "file with the token (FERRY_TOKEN_FILE)"},
    {CTL_O_DATA, 0, "data", "DIR", "data folder of a ferryd on this machine: has both (FERRY_DATA)"},
    {CTL_O_CA_FILE, 0, "ca-file", "FILE", "certificates to trust (PEM) instead of the system's (FERRY_CA_FILE)"},
    {CTL_O_JSON, 0, "json", NULL, "print one JSON object per line and nothing else"},
    {CTL_O_HELP, 'h', "help", NULL, "this text, or that of one command"},
    {CTL_O_VERSION, 'V', "version", NULL, "the version"},
    {CTL_O_NAME, 0, "name", "NAME", "name of the resource, if not that of the file"},
    {CTL_O_DESCRIPTION, 0, "description", "TEXT", "what it is, in your words: up to 1000 bytes"},
    {CTL_O_DEVICE_INFO, 0, "device-info", "FILE", "write the vendor's device_info.json there (mode 0600)"},
    {CTL_O_SECRET_FILE, 0, "secret-file", "FILE", "file with a secret that is there already (of a device: base64); - is standard input"},
    {CTL_O_OVERLAP, 0, "overlap", "TIME", "the old secret is good that long besides: 0s to 90d, default 0s"},
    {CTL_O_OUTPUT, 'o', "output", "FILE", "where the file goes; - is standard output"},
    {CTL_O_DEVICE, 0, "device", "D", "a device; may be given more than once"},
    {CTL_O_DEVICES_FILE, 0, "devices-file", "FILE", "file with one device per line; - is standard input"},
    {CTL_O_ALL, 0, "all", NULL, "all devices of the product"},
    {CTL_O_ALL_VERSIONS, 0, "all-versions", NULL, "every version of that name"},
    {CTL_O_RESOURCE_ID, 0, "resource-id", "ID", "deliver this version of the resource, not the newest one"},
    {CTL_O_RATE, 0, "rate", "N/min", "begin with at most N devices a minute"},
    {CTL_O_LIMIT_RATE, 0, "limit-rate", "BYTES", "read at most so many bytes a second; k, M and G are taken, default 50M"},
    {CTL_O_TIMEOUT, 0, "timeout", "TIME", "time of each device: 60s to 7d, default 1d"},
    {CTL_O_RETRIES, 0, "retries", "N", "try a device that failed N times more by itself: 0 to 100, default 0"},
    {CTL_O_START, 0, "start", "TIME", "begin then: 2h (from now), or UTC: 2026-01-02T03:04:05Z"},
    {CTL_O_END, 0, "end", "TIME", "give up then what has not ended: 2d (from now), or UTC"},
    {CTL_O_FORCE, 0, "force", NULL, "also what vendor devices cannot handle (long name, 2 GiB and more)"},
    {CTL_O_WAIT, 0, "wait", NULL, "wait until it has ended and show how it goes"},
    {CTL_O_STATE, 0, "state", "STATE", "only those in that state"},
    {CTL_O_TAG, 0, "tag", "TAG", "a tag of devices; may be given more than once where devices get it"},
    {CTL_O_UNTAG, 0, "untag", "TAG", "take this tag away; may be given more than once"},
    {CTL_O_ONLINE, 0, "online", NULL, "only devices that are connected"},
    {CTL_O_OFFLINE, 0, "offline", NULL, "only devices that are not connected"},
    {CTL_O_PREFIX, 0, "prefix", "TEXT", "only those whose name begins so"},
    {CTL_O_ROLE, 0, "role", "ROLE", "viewer (looks), operator (changes) or admin (also tokens, users, audit)"},
    {CTL_O_PRODUCT, 0, "product", "P", "only for this product; may be given more than once"},
    {CTL_O_EXPIRES, 0, "expires", "TIME", "life of the token, 90d or 12h; without it, for ever"},
    {CTL_O_ACTOR, 0, "actor", "WHO", "only what this one did: user/NAME, token/NAME, system"},
    {CTL_O_OBJECT, 0, "object", "WHAT", "only what was done to this: device/P/D, user/NAME, resource/ID"},
    {CTL_O_ACTION, 0, "action", "TEXT", "only actions that begin so: device., login"},
    {CTL_O_SINCE, 0, "since", "TIME", "only since then, UTC: 2026-01-02 or 2026-01-02T03:04:05Z"},
    {CTL_O_UNTIL, 0, "until", "TIME", "only before then, UTC: 2026-01-02 or 2026-01-02T03:04:05Z"},
    {CTL_O_STEP, 0, "step", "STEP", "a row for each hour or each day: hour, day"},
    {CTL_O_ANCHOR, 0, "anchor", "FILE", "the log must still have the record named here; then holds the last one"},
    {CTL_O_TYPE, 0, "type", "TYPE", "only events of that type: download.changed, device.changed; a webhook takes more than one"},
    {CTL_O_AFTER, 0, "after", "ID", "begin behind that event; 0: with the oldest one"},
    {CTL_O_FOLLOW, 0, "follow", NULL, "go on with what happens; from now on if no --after is given"},
    {CTL_O_KEY, 0, "idempotency-key", "KEY", "the same command with this key again does nothing new and shows the same"},
    {CTL_O_URL, 0, "url", "URL", "send the events there: http:// or https://"},
    {CTL_O_EVERYTHING, 0, "everything", NULL, "leave no event out, but for what else is given here"},
    {CTL_O_ENABLE, 0, "enable", NULL, "go on at the place where it was disabled"},
    {CTL_O_DISABLE, 0, "disable", NULL, "send nothing until it is enabled"},
    {CTL_O_SKIP, 0, "skip", NULL, "go on with what happens from now on; what was not delivered never is"},
    {CTL_O_NEW_SECRET, 0, "new-secret", NULL, "sign with a new secret; it is shown this once"},
    {CTL_O_RESULT_CODE, 0, "result-code", "N", "only those that ended with that code"},
    {CTL_O_RESULT_MSG, 0, "result-msg", "TEXT", "only those that ended with that text"},
    {CTL_O_SORT, 0, "sort", "KEY", "by this, with - in front from the other end: created_at, name, size, resource, last_seen_at, ended_at, seq"},
    {CTL_O_CONFIG, 0, "config", "FILE", "settings of the ferryd that is moved"},
    {CTL_O_FROM, 0, "from", "FILE", "the SQLite file, if not that of the data folder"},
    {CTL_O_TO, 0, "to", "URL", "postgresql://user:password@host/database, an empty one; better in FERRY_STORE_TO"},
    {CTL_O_LIMIT, 'n', "limit", "N", "at most so many rows"},
};
const size_t ctl_option_count = sizeof ctl_option_infos / sizeof ctl_option_infos[0];

enum { LIFE_MIN_S = 60, LIFE_MAX_S = 10 * 366 * 86400 }; /* of a token */

/* --- values ------------------------------------------------------------------------------------------- */

/* Digits, then whatever stands behind them. */
static bool parse_number(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    *ret_number = number;
    *ret_rest = end;
    return true;
}

bool ctl_parse_amount(const char *text, uint64_t *ret_amount)
{
    static const char units[] = "kMGT";
    uint64_t number;
    const char *rest;
    unsigned shift = 0;

    if (!parse_number(text, &number, &rest))
        return false;
    if (*rest != '\0') {
        const char *unit = strchr(units, *rest);
        if (unit == NULL || rest[1] != '\0')
            return false;
        shift = 10 * (unsigned)(unit - units + 1);
    }
    if (number > (uint64_t)INT64_MAX >> shift)
        return false;
    *ret_amount = number << shift;
    return true;
}

bool ctl_parse_rate(const char *text, uint32_t *ret_per_min)
{
    uint64_t number;
    const char *rest;

    if (!parse_number(text, &number, &rest) || (*rest != '\0' && strcmp(rest, "/min") != 0) || number < 1 ||
        number > FERRY_DEPLOY_RATE_MAX)
        return false;
    *ret_per_min = (uint32_t)number;
    return true;
}

static bool parse_seconds(const char *text, uint64_t min, uint64_t max, uint32_t *ret_seconds)
{
    static const struct {
        const char *suffix;
        uint64_t factor;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    uint64_t number;
    const char *rest;

    if (!parse_number(text, &number, &rest) || number > max)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        uint64_t seconds = number * units[i].factor;
        if (strcmp(rest, units[i].suffix) != 0)
            continue;
        if (seconds < min || seconds > max)
            return false;
        *ret_seconds = (uint32_t)seconds;
        return true;
    }
    return false;
}

bool ctl_parse_timeout(const char *text, uint32_t *ret_seconds)
{
    return parse_seconds(text, FERRY_DEPLOY_TIMEOUT_MIN_S, FERRY_DEPLOY_TIMEOUT_MAX_S, ret_seconds);
}

bool ctl_parse_life(const char *text, uint32_t *ret_seconds)
{
    return parse_seconds(text, LIFE_MIN_S, LIFE_MAX_S, ret_seconds);
}

bool ctl_parse_overlap(const char *text, uint32_t *ret_seconds)
{
    return parse_seconds(text, 0, FERRY_SECRET_OVERLAP_MAX_S, ret_seconds);
}

bool ctl_parse_moment(const char *text, uint64_t now_s, uint64_t *ret_unix_s)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"};
    uint32_t from_now_s;

    if (parse_seconds(text, 1, LIFE_MAX_S, &from_now_s)) {
        *ret_unix_s = now_s + from_now_s;
        return true;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm tm = {.tm_mday = 1};
        const char *end = strptime(text, forms[i], &tm);
        time_t seconds = end != NULL && *end == '\0' ? timegm(&tm) : -1;
        if (seconds > 0) {
            *ret_unix_s = (uint64_t)seconds;
            return true;
        }
    }
    return false;
}

static bool parse_retries(const char *text, uint32_t *ret_retries)
{
    uint64_t number;
    const char *rest;

    if (!parse_number(text, &number, &rest) || *rest != '\0' || number > FERRY_DEPLOY_RETRIES_MAX)
        return false;
    *ret_retries = (uint32_t)number;
    return true;
}

static bool parse_limit(const char *text, uint64_t *ret_limit)
{
    const char *rest;

    return parse_number(text, ret_limit, &rest) && *rest == '\0' && *ret_limit > 0;
}

static bool add_name(const char ***names, size_t *count, const char *value)
{
    const char **more = value[0] != '\0' ? ferry_realloc(*names, (*count + 1) * sizeof more[0]) : NULL;

    if (more == NULL)
        return false;
    more[(*count)++] = value;
    *names = more;
    return true;
}

/* --- options ------------------------------------------------------------------------------------------ */

static bool set_text(struct ctl_options *o, uint64_t flag, const char *value)
{
    const struct {
        uint64_t flag;
        const char **text;
    } texts[] = {
        {CTL_O_API, &o->api},       {CTL_O_TOKEN_FILE, &o->token_file},   {CTL_O_DATA, &o->data},
        {CTL_O_CA_FILE, &o->ca_file},
        {CTL_O_NAME, &o->name},     {CTL_O_DEVICE_INFO, &o->device_info}, {CTL_O_OUTPUT, &o->output},
        {CTL_O_STATE, &o->state},   {CTL_O_DEVICES_FILE, &o->devices_file}, {CTL_O_PREFIX, &o->prefix},
        {CTL_O_SECRET_FILE, &o->secret_file}, {CTL_O_ROLE, &o->role},     {CTL_O_ACTOR, &o->actor},
        {CTL_O_OBJECT, &o->object}, {CTL_O_ACTION, &o->action},           {CTL_O_SINCE, &o->since},
        {CTL_O_ANCHOR, &o->anchor}, {CTL_O_RESOURCE_ID, &o->resource_id}, {CTL_O_AFTER, &o->after},
        {CTL_O_URL, &o->url},       {CTL_O_KEY, &o->idempotency_key}, {CTL_O_SORT, &o->sort},
        {CTL_O_UNTIL, &o->until},   {CTL_O_STEP, &o->step},
        {CTL_O_CONFIG, &o->config}, {CTL_O_FROM, &o->from}, {CTL_O_TO, &o->to},
        {CTL_O_RESULT_CODE, &o->result_code}, {CTL_O_RESULT_MSG, &o->result_msg},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].flag == flag) {
            *texts[i].text = value;
            return value[0] != '\0';
        }
    }
    return false;
}

static bool set_value(struct ctl_options *o, uint64_t flag, const char *value)
{
    if (flag == CTL_O_RATE)
        return ctl_parse_rate(value, &o->rate_per_min);
    if (flag == CTL_O_LIMIT_RATE)
        return ctl_parse_amount(value, &o->rate_bytes) && o->rate_bytes > 0;
    if (flag == CTL_O_TIMEOUT)
        return ctl_parse_timeout(value, &o->timeout_s);
    if (flag == CTL_O_OVERLAP)
        return ctl_parse_overlap(value, &o->overlap_s);
    if (flag == CTL_O_RETRIES)
        return parse_retries(value, &o->retries);
    if (flag == CTL_O_START)
        return ctl_parse_moment(value, (uint64_t)time(NULL), &o->start_s);
    if (flag == CTL_O_END)
        return ctl_parse_moment(value, (uint64_t)time(NULL), &o->end_s);
    if (flag == CTL_O_LIMIT)
        return parse_limit(value, &o->limit);
    if (flag == CTL_O_EXPIRES)
        return ctl_parse_life(value, &o->expires_s);
    if (flag == CTL_O_DEVICE)
        return add_name(&o->devices, &o->device_count, value);
    if (flag == CTL_O_PRODUCT)
        return add_name(&o->products, &o->product_count, value);
    if (flag == CTL_O_TYPE)
        return add_name(&o->types, &o->type_count, value);
    if (flag == CTL_O_TAG)
        return add_name(&o->tags, &o->tag_count, value);
    if (flag == CTL_O_UNTAG)
        return add_name(&o->untags, &o->untag_count, value);
    if (flag == CTL_O_DESCRIPTION) {
        o->description = value;
        return true;
    }
    return set_text(o, flag, value);
}

static void set_switch(struct ctl_options *o, uint64_t flag)
{
    const struct {
        uint64_t flag;
        bool *value;
    } switches[] = {
        {CTL_O_JSON, &o->json}, {CTL_O_HELP, &o->help},                 {CTL_O_VERSION, &o->version},
        {CTL_O_ALL, &o->all},   {CTL_O_ALL_VERSIONS, &o->all_versions}, {CTL_O_FORCE, &o->force},
        {CTL_O_WAIT, &o->wait}, {CTL_O_FOLLOW, &o->follow},             {CTL_O_ONLINE, &o->online},
        {CTL_O_OFFLINE, &o->offline}, {CTL_O_EVERYTHING, &o->everything}, {CTL_O_NEW_SECRET, &o->new_secret},
        {CTL_O_SKIP, &o->skip}, {CTL_O_ENABLE, &o->enable},             {CTL_O_DISABLE, &o->disable},
    };

    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        if (switches[i].flag == flag)
            *switches[i].value = true;
    }
}

static const struct ctl_option_info *find_long(const char *name, size_t len)
{
    for (size_t i = 0; i < ctl_option_count; i++) {
        if (strlen(ctl_option_infos[i].name) == len && memcmp(ctl_option_infos[i].name, name, len) == 0)
            return &ctl_option_infos[i];
    }
    return NULL;
}

static const struct ctl_option_info *find_letter(char letter)
{
    for (size_t i = 0; i < ctl_option_count; i++) {
        if (ctl_option_infos[i].letter == letter && letter != '\0')
            return &ctl_option_infos[i];
    }
    return NULL;
}

/* The value of an option: behind "=" or the letter, else the next word. */
static bool take_value(const struct ctl_option_info *info, const char *attached, int argc, const char *const *argv,
                       int *at, const char **ret_value, char reterr_message[CTL_MESSAGE_SIZE])
{
    *ret_value = attached;
    if (info->value == NULL && attached != NULL) {
        (void)snprintf(reterr_message, CTL_MESSAGE_SIZE, "--%s takes no value", info->name);
        return false;
    }
    if (info->value == NULL || attached != NULL)
        return true;
    if (*at + 1 >= argc) {
        (void)snprintf(reterr_message, CTL_MESSAGE_SIZE, "--%s needs a value: %s", info->name, info->value);
        return false;
    }
    *ret_value = argv[++*at];
    return true;
}

/* One option at argv[*at]; its value may be the next word. */
static bool take_option(int argc, const char *const *argv, int *at, struct ctl_args *args,
                        char reterr_message[CTL_MESSAGE_SIZE])
{
    const char *text = argv[*at], *value;
    bool is_long = text[1] == '-';
    const char *end = is_long ? text + strcspn(text, "=") : text + 2;
    const struct ctl_option_info *info = is_long ? find_long(text + 2, (size_t)(end - text) - 2) : find_letter(text[1]);
    const char *attached = *end == '\0' ? NULL : is_long ? end + 1 : end;

    if (info == NULL) {
        (void)snprintf(reterr_message, CTL_MESSAGE_SIZE, "there is no option %.60s", text);
        return false;
    }
    if (!take_value(info, attached, argc, argv, at, &value, reterr_message))
        return false;
    args->given |= info->flag;
    if (info->value == NULL) {
        set_switch(&args->options, info->flag);
    } else if (!set_value(&args->options, info->flag, value)) {
        (void)snprintf(reterr_message, CTL_MESSAGE_SIZE, "--%s cannot be \"%.60s\": it is %s, %s", info->name, value,
                       info->value, info->help);
        return false;
    }
    return true;
}

bool ctl_args_parse(int argc, const char *const *argv, struct ctl_args *args, char reterr_message[CTL_MESSAGE_SIZE])
{
    bool options = true;

    *args = (struct ctl_args){.word_count = 0};
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argc, argv, &i, args, reterr_message))
                return false;
        } else if (args->word_count == CTL_WORDS_MAX) {
            (void)snprintf(reterr_message, CTL_MESSAGE_SIZE, "too many words: \"%.60s\" and before", argv[i]);
            return false;
        } else {
            args->words[args->word_count++] = argv[i];
        }
    }
    return true;
}

void ctl_args_done(struct ctl_args *args)
{
    free(args->options.devices);
    args->options.devices = NULL;
    free(args->options.products);
    args->options.products = NULL;
    free(args->options.types);
    args->options.types = NULL;
    free(args->options.tags);
    args->options.tags = NULL;
    free(args->options.untags);
    args->options.untags = NULL;
}
