#include "ferry_config.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/settings.h"
#include "ferry_exit.h"
#include "ferry_identity.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct ferry_config, member)

enum {
    SETTING_PRODUCT,
    SETTING_DEVICE,
    SETTING_SECRET_FILE,
    SETTING_DEVICE_INFO,
    SETTING_BROKER,
    SETTING_CA_FILE,
    SETTING_CERT_FILE,
    SETTING_KEY_FILE,
    SETTING_DIR,
    SETTING_LIMIT_RATE,
    SETTING_STALL_TIMEOUT,
    SETTING_LOW_SPEED,
    SETTING_LOW_SPEED_TIME,
    SETTING_GIVE_UP,
    SETTING_HOOK,
    SETTING_HOOK_SHELL,
    SETTING_HOOK_TIMEOUT,
    SETTING_HOOK_FAILED,
    SETTING_JSON,
    SETTING_STATE_DIR,
    SETTINGS
};
_Static_assert((int)SETTINGS <= (int)FERRY_SETTINGS_MAX, "each has its flag");

#define TEXT(member, fallback, help) FERRY_SETTING_TEXT, FIELD(member), fallback, 0, 0, help

static const struct ferry_setting settings[SETTINGS] = {
    [SETTING_PRODUCT] = {"product", TEXT(product, NULL, "Product of this device")},
    [SETTING_DEVICE] = {"device", TEXT(device, NULL, "Name of this device")},
    [SETTING_SECRET_FILE] = {"secret-file", TEXT(secret_file, NULL, "File with the device secret (base64)")},
    [SETTING_DEVICE_INFO] = {"device-info",
                             TEXT(device_info, NULL, "The vendor's device_info.json, instead of the three")},
    [SETTING_BROKER] = {"broker", TEXT(broker, "mqtt://localhost:1883",
                                       "mqtt://HOST[:PORT] or mqtts://HOST[:PORT] (default mqtt://localhost:1883)")},
    [SETTING_CA_FILE] = {"ca-file", TEXT(ca_file, NULL, "Certificates to trust instead of the system's (PEM)")},
    [SETTING_CERT_FILE] = {"cert-file", TEXT(cert_file, NULL, "Client certificate (PEM)")},
    [SETTING_KEY_FILE] = {"key-file", TEXT(key_file, NULL, "Key of the client certificate (PEM)")},
    [SETTING_DIR] = {"dir", TEXT(dir, ".", "Folder for received files (default: the current one)")},
    [SETTING_LIMIT_RATE] = {"limit-rate", FERRY_SETTING_UINT, FIELD(limit_rate), "0", 0, UINT64_MAX,
                            "At most so many bytes a second (suffix k, M or G)"},
    [SETTING_STALL_TIMEOUT] = {"stall-timeout", FERRY_SETTING_SECONDS, FIELD(stall_s), "60", 1, 4000000,
                               "Try again when nothing moves for this time (default 60s; suffix s, m, h or d)"},
    [SETTING_LOW_SPEED] = {"low-speed", FERRY_SETTING_UINT, FIELD(low_speed), "100", 0, UINT64_MAX,
                           "Try again when less bytes a second than this move (default 100; 0: never)"},
    [SETTING_LOW_SPEED_TIME] = {"low-speed-time", FERRY_SETTING_SECONDS, FIELD(low_speed_s), "60", 1, 4000000,
                                "... on average over this time (default 60s; suffix s, m, h or d)"},
    [SETTING_GIVE_UP] = {"give-up", FERRY_SETTING_SECONDS, FIELD(give_up_s), "60", 1, 4000000,
                         "Stop after this time without progress (default 60s; suffix s, m, h or d)"},
    [SETTING_HOOK] = {"hook", TEXT(hook, NULL, "Run this program for each received file")},
    [SETTING_HOOK_SHELL] = {"hook-shell", TEXT(hook_shell, NULL, "The same as a command of /bin/sh")},
    [SETTING_HOOK_TIMEOUT] = {"hook-timeout", FERRY_SETTING_SECONDS, FIELD(hook_timeout_s), "600", 1, 604800,
                              "End the hook after this time (default 10m; suffix s, m, h or d)"},
    [SETTING_HOOK_FAILED] = {"hook-failed", FERRY_SETTING_BOOL, FIELD(hook_failed), "false", 0, 0,
                             "Run the hook also for files that could not be received"},
    [SETTING_JSON] = {"json", FERRY_SETTING_BOOL, FIELD(json), "false", 0, 0,
                      "Print one JSON object per line and nothing else"},
    [SETTING_STATE_DIR] = {"state-dir",
                           TEXT(state_dir, NULL,
                                "Where unfinished transfers are remembered (default ~/.local/state/ferry)")},
};

/* How --help shows an option, which commands have it, and what its change takes. */
enum { UP = 1 << COMMAND_UPLOAD, DOWN = 1 << COMMAND_DOWNLOAD, AGENT = 1 << COMMAND_AGENT, ALL = UP | DOWN | AGENT };

static const struct {
    const char *argument; /* null: a flag alone */
    int group;
    unsigned commands;
    enum ferry_effect effect;
} faces[SETTINGS] = {
    [SETTING_PRODUCT] = {"PRODUCT", 1, ALL, FERRY_EFFECT_IDENTITY},
    [SETTING_DEVICE] = {"DEVICE", 1, ALL, FERRY_EFFECT_IDENTITY},
    [SETTING_SECRET_FILE] = {"FILE", 1, ALL, FERRY_EFFECT_NONE}, /* what it says counts */
    [SETTING_DEVICE_INFO] = {"FILE", 1, ALL, FERRY_EFFECT_NONE},
    [SETTING_BROKER] = {"URL", 2, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_CA_FILE] = {"FILE", 2, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_CERT_FILE] = {"FILE", 2, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_KEY_FILE] = {"FILE", 2, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_DIR] = {"DIR", 3, DOWN | AGENT, FERRY_EFFECT_PLACE},
    [SETTING_LIMIT_RATE] = {"BYTES", 3, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_STALL_TIMEOUT] = {"TIME", 3, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_LOW_SPEED] = {"BYTES", 3, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_LOW_SPEED_TIME] = {"TIME", 3, ALL, FERRY_EFFECT_RECONNECT},
    [SETTING_GIVE_UP] = {"TIME", 3, UP | DOWN, FERRY_EFFECT_NONE},
    [SETTING_HOOK] = {"PROGRAM", 4, AGENT, FERRY_EFFECT_NONE},
    [SETTING_HOOK_SHELL] = {"COMMAND", 4, AGENT, FERRY_EFFECT_NONE},
    [SETTING_HOOK_TIMEOUT] = {"TIME", 4, AGENT, FERRY_EFFECT_NONE},
    [SETTING_HOOK_FAILED] = {NULL, 4, AGENT, FERRY_EFFECT_NONE},
    [SETTING_JSON] = {NULL, 5, ALL, FERRY_EFFECT_NONE},
    [SETTING_STATE_DIR] = {"DIR", 5, ALL, FERRY_EFFECT_PLACE},
};

/* --- the command line --------------------------------------------------------------------------------- */

enum {
    KEY_NAME = 1000, /* above every letter */
    KEY_CONFIG,
    KEY_WAIT,
    KEY_SETTING,
    DOC_SIZE = 160,
};

static const struct argp_option other_options[] = {
    {NULL, 0, NULL, 0, "Who this device is:", 1},
    {NULL, 0, NULL, 0, "The platform:", 2},
    {NULL, 0, NULL, 0, "The transfer:", 3},
    {"name", KEY_NAME, "NAME", 0, "upload: Name on the platform (default: the file's own)", 3},
    {"wait", KEY_WAIT, NULL, 0, "download: Wait until a file is offered", 3},
    {NULL, 0, NULL, 0, "The hook:", 4},
    {NULL, 0, NULL, 0, "General:", 5},
    {"config", KEY_CONFIG, "FILE", 0,
     "INI file with these settings (default ~/.config/ferry/ferry.ini, /etc/ferry/ferry.ini)", 5},
};
enum { OTHER_OPTIONS = sizeof other_options / sizeof other_options[0] };

static const struct {
    const char *word;
    ferry_command command;
} commands[] = {{"upload", COMMAND_UPLOAD}, {"download", COMMAND_DOWNLOAD}, {"agent", COMMAND_AGENT}};

/* "upload", "download, agent"; "" for all of them */
static void commands_text(unsigned which, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && which != ALL; i++)
        if ((which & 1u << commands[i].command) != 0 && len < size)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", commands[i].word);
}

static ferry_command command_of(const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].word, word) == 0)
            return commands[i].command;
    return COMMAND_NONE;
}

static void take_argument(struct ferry_line *line, struct argp_state *state, const char *word)
{
    if (line->command == COMMAND_NONE) {
        line->command = command_of(word);
        if (line->command == COMMAND_NONE)
            argp_error(state, "no command '%s': it is upload, download or agent", word);
    } else if (line->command == COMMAND_UPLOAD && line->file == NULL)
        line->file = word;
    else
        argp_error(state, "'%s' is one argument too many", word);
}

static void check_option(struct argp_state *state, bool given, unsigned which, const char *name)
{
    const struct ferry_line *line = state->input;
    char words[64];

    if (!given || (which & 1u << line->command) != 0)
        return;
    commands_text(which, words, sizeof words);
    argp_error(state, "--%s is an option of %s", name, words);
}

static void check_line(struct argp_state *state)
{
    const struct ferry_line *line = state->input;

    if (line->command == COMMAND_NONE)
        argp_usage(state);
    if (line->command == COMMAND_UPLOAD && line->file == NULL)
        argp_error(state, "upload what? Give the FILE");
    check_option(state, line->name != NULL, UP, "name");
    check_option(state, line->wait, DOWN, "wait");
    for (int i = 0; i < SETTINGS; i++)
        check_option(state, line->flags[i] != NULL, faces[i].commands, settings[i].name);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct ferry_line *line = state->input;

    switch (key) {
    case KEY_NAME:
        line->name = value;
        return 0;
    case KEY_CONFIG:
        line->config_file = value;
        return 0;
    case KEY_WAIT:
        line->wait = true;
        return 0;
    case ARGP_KEY_ARG:
        take_argument(line, state, value);
        return 0;
    case ARGP_KEY_END:
        check_line(state);
        return 0;
    default:
        if (key < KEY_SETTING || key >= KEY_SETTING + SETTINGS)
            return ARGP_ERR_UNKNOWN;
        line->flags[key - KEY_SETTING] = value == NULL ? "true" : value;
        return 0;
    }
}

void ferry_line_read(struct ferry_line *line, int argc, char **argv)
{
    struct argp_option options[OTHER_OPTIONS + SETTINGS + 1] = {0}; /* the last one stays empty */
    char docs[SETTINGS][DOC_SIZE];
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "upload FILE\ndownload\nagent",
        .doc = "Carries files between this device and its platform.\v"
               "Every option but --name, --wait and --config is also a variable FERRY_... (--limit-rate: "
               "FERRY_LIMIT_RATE) and a key of the INI file. "
               "Exit status: 0 done, 1 failed, 2 usage, 3 refused by the platform, 4 network.",
    };

    memcpy(options, other_options, sizeof other_options);
    for (int i = 0; i < SETTINGS; i++) {
        char words[64];
        commands_text(faces[i].commands, words, sizeof words);
        (void)snprintf(docs[i], sizeof docs[i], "%s%s%s", words, words[0] == '\0' ? "" : ": ", settings[i].help);
        options[OTHER_OPTIONS + i] =
            (struct argp_option){settings[i].name, KEY_SETTING + i, faces[i].argument, 0, docs[i], faces[i].group};
    }
    *line = (struct ferry_line){0};
    argp_program_version = "ferry " FERRY_VERSION;
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, line) != 0) { /* what is wrong with the line has ended the process */
        (void)fprintf(stderr, "ferry: out of memory\n");
        exit(EXIT_FAILURE);
    }
}

/* --- the settings ------------------------------------------------------------------------------------- */

/* HOME/.config/ferry/ferry.ini and the like; null when HOME is not set or memory ran out. */
static char *home_path(const char *variable, const char *below_home, const char *rest)
{
    const char *base = getenv(variable), *home = getenv("HOME");

    if (base != NULL && base[0] == '/')
        return ferry_asprintf("%s/%s", base, rest);
    return home == NULL ? NULL : ferry_asprintf("%s/%s/%s", home, below_home, rest);
}

static ferry_err apply_file(struct ferry_config *config, const char *named, char *reterr_message)
{
    const char *path = named != NULL ? named : getenv("FERRY_CONFIG");
    ferry_autofree char *own = home_path("XDG_CONFIG_HOME", ".config", "ferry/ferry.ini");

    if (path == NULL && own != NULL && access(own, R_OK) == 0)
        path = own;
    if (path == NULL && access("/etc/ferry/ferry.ini", R_OK) == 0)
        path = "/etc/ferry/ferry.ini";
    return path == NULL ? FERRY_OK : ferry_settings_from_file(settings, SETTINGS, config, path, reterr_message);
}

static ferry_err apply_flags(struct ferry_config *config, const struct ferry_line *line, char *reterr_message)
{
    char origin[64];
    ferry_err err = FERRY_OK;

    for (size_t i = 0; i < SETTINGS && err == FERRY_OK; i++) {
        if (line->flags[i] == NULL)
            continue;
        (void)snprintf(origin, sizeof origin, "--%s", settings[i].name);
        err = ferry_settings_set(settings, SETTINGS, config, settings[i].name, line->flags[i], origin, reterr_message);
    }
    return err;
}

static bool apply_all(struct ferry_config *config, const struct ferry_line *line, char *reterr_message)
{
    char why[FERRY_SETTING_MESSAGE_SIZE] = "out of memory";
    ferry_err err = ferry_settings_defaults(settings, SETTINGS, config);

    if (err == FERRY_OK)
        err = apply_file(config, line->config_file, why);
    if (err == FERRY_OK)
        err = ferry_settings_from_env(settings, SETTINGS, config, why);
    if (err == FERRY_OK)
        err = apply_flags(config, line, why);
    if (err == FERRY_OK && config->state_dir == NULL)
        config->state_dir = home_path("XDG_STATE_HOME", ".local/state", "ferry");
    if (err != FERRY_OK)
        (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE, "%s", why);
    return err == FERRY_OK;
}

static bool check_hook(const struct ferry_config *config, char *reterr_message)
{
    struct stat st;
    const char *hook = config->hook;
    bool any = hook != NULL || config->hook_shell != NULL;

    if (hook != NULL && config->hook_shell != NULL)
        (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE, "give --hook or --hook-shell, not both");
    else if (any && config->state_dir == NULL)
        (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE,
                       "a hook needs --state-dir: which files wait for it is remembered there");
    else if (hook != NULL && (stat(hook, &st) != 0 || access(hook, X_OK) != 0))
        (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE, "the hook %.300s: %s (give the path of a program)",
                       hook, strerror(errno));
    else if (hook != NULL && !S_ISREG(st.st_mode))
        (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE, "the hook %.300s is no program", hook);
    else
        return true;
    return false;
}

/* A number that changes when one of the files is written anew. */
static uint64_t certificates_of(const struct ferry_config *config)
{
    const char *const files[] = {config->ca_file, config->cert_file, config->key_file};
    uint64_t sum = 0;
    struct stat st;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i] == NULL || stat(files[i], &st) != 0)
            continue;
        sum = sum * 31 + st.st_ino;
        sum = sum * 31 + (uint64_t)st.st_size;
        sum = sum * 31 + (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    }
    return sum;
}

/* "hook =" in a file, and --hook "", mean none. */
static void drop_empty(char **text)
{
    if (*text != NULL && **text == '\0') {
        free(*text);
        *text = NULL;
    }
}

bool ferry_config_load(struct ferry_config *config, const struct ferry_line *line,
                       char reterr_message[FERRY_CONFIG_MESSAGE_SIZE])
{
    *config = (struct ferry_config){0};
    if (!apply_all(config, line, reterr_message) || !ferry_identity_read(config, reterr_message))
        return false;
    config->certificates = certificates_of(config);
    drop_empty(&config->hook);
    drop_empty(&config->hook_shell);
    return line->command != COMMAND_AGENT || check_hook(config, reterr_message);
}

void ferry_config_done(struct ferry_config *config)
{
    if (config->secret != NULL)
        explicit_bzero(config->secret, strlen(config->secret));
    free(config->secret);
    free(config->warning);
    config->secret = config->warning = NULL;
    ferry_settings_done(settings, SETTINGS, config);
}

struct ferry_options ferry_config_options(const struct ferry_config *config)
{
    return (struct ferry_options){
        .product = config->product,
        .device = config->device,
        .secret = config->secret,
        .broker = config->broker,
        .state_dir = config->state_dir,
        .ca_file = config->ca_file,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .rate_bytes_per_s = config->limit_rate,
        .stall_ms = config->stall_s * 1000,
        .low_speed_ms = config->low_speed == 0 ? FERRY_FOR_EVER : config->low_speed_s * 1000,
        .low_speed_bytes_per_s = config->low_speed,
    };
}

/* --- what a reload changes ---------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_value(const struct ferry_setting *setting, const struct ferry_config *was,
                       const struct ferry_config *is)
{
    const char *a = (const char *)was + setting->offset, *b = (const char *)is + setting->offset;

    switch (setting->type) {
    case FERRY_SETTING_UINT:
    case FERRY_SETTING_SECONDS:
        return *(const uint64_t *)(const void *)a == *(const uint64_t *)(const void *)b;
    case FERRY_SETTING_BOOL:
        return *(const bool *)(const void *)a == *(const bool *)(const void *)b;
    case FERRY_SETTING_TEXT:
        return same_text(*(char *const *)(const void *)a, *(char *const *)(const void *)b);
    }
    return true;
}

static void add_name(char *names, size_t size, const char *name)
{
    size_t len = strlen(names);

    (void)snprintf(names + len, size - len, "%s%s", len > 0 ? ", " : "", name);
}

unsigned ferry_config_changes(const struct ferry_config *was, const struct ferry_config *is, char *ret_names,
                              size_t size)
{
    unsigned effects = FERRY_EFFECT_NONE;

    ret_names[0] = '\0';
    for (size_t i = 0; i < SETTINGS; i++) {
        if (same_value(&settings[i], was, is))
            continue;
        effects |= (unsigned)faces[i].effect;
        add_name(ret_names, size, settings[i].name);
    }
    if (!same_text(was->secret, is->secret)) {
        effects |= FERRY_EFFECT_RECONNECT;
        add_name(ret_names, size, "the secret");
    }
    if (was->certificates != is->certificates) {
        effects |= FERRY_EFFECT_RECONNECT;
        add_name(ret_names, size, "the certificates");
    }
    return effects;
}
