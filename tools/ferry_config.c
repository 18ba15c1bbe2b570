#include "ferry_config.h"

#include "base/alloc.h"
#include "base/settings.h"
#include "ferry_identity.h"

#include <argp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIELD(member) offsetof(struct ferry_config, member)

static const struct ferry_setting settings[] = {
    {"product", FERRY_SETTING_TEXT, FIELD(product), NULL, 0, 0, "product of this device"},
    {"device", FERRY_SETTING_TEXT, FIELD(device), NULL, 0, 0, "name of this device"},
    {"secret-file", FERRY_SETTING_TEXT, FIELD(secret_file), NULL, 0, 0, "file with the device secret (base64)"},
    {"device-info", FERRY_SETTING_TEXT, FIELD(device_info), NULL, 0, 0, "the vendor's device_info.json instead"},
    {"broker", FERRY_SETTING_TEXT, FIELD(broker), "mqtt://localhost:1883", 0, 0, "mqtt[s]://host[:port]"},
    {"state-dir", FERRY_SETTING_TEXT, FIELD(state_dir), NULL, 0, 0, "where unfinished transfers are remembered"},
    {"dir", FERRY_SETTING_TEXT, FIELD(dir), ".", 0, 0, "folder for received files"},
    {"ca-file", FERRY_SETTING_TEXT, FIELD(ca_file), NULL, 0, 0, "certificates to trust (PEM)"},
    {"cert-file", FERRY_SETTING_TEXT, FIELD(cert_file), NULL, 0, 0, "client certificate (PEM)"},
    {"key-file", FERRY_SETTING_TEXT, FIELD(key_file), NULL, 0, 0, "key of the client certificate (PEM)"},
    {"limit-rate", FERRY_SETTING_UINT, FIELD(limit_rate), "0", 0, UINT64_MAX, "bytes a second"},
    {"give-up", FERRY_SETTING_SECONDS, FIELD(give_up_s), "60", 1, 4000000, "time without progress"},
    {"json", FERRY_SETTING_BOOL, FIELD(json), "false", 0, 0, "one JSON object per line, nothing else"},
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

enum { KEY_NAME = 1000, KEY_CONFIG, KEY_WAIT, KEY_JSON, KEY_SETTING }; /* above every letter */

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Who this device is:", 1},
    {"product", KEY_SETTING + 0, "PRODUCT", 0, "Product of this device", 1},
    {"device", KEY_SETTING + 1, "DEVICE", 0, "Name of this device", 1},
    {"secret-file", KEY_SETTING + 2, "FILE", 0, "File with the device secret (base64)", 1},
    {"device-info", KEY_SETTING + 3, "FILE", 0, "The vendor's device_info.json, instead of the three", 1},
    {NULL, 0, NULL, 0, "The platform:", 2},
    {"broker", KEY_SETTING + 4, "URL", 0, "mqtt://HOST[:PORT] or mqtts://HOST[:PORT] (default mqtt://localhost:1883)",
     2},
    {"ca-file", KEY_SETTING + 7, "FILE", 0, "Certificates to trust instead of the system's", 2},
    {"cert-file", KEY_SETTING + 8, "FILE", 0, "Client certificate", 2},
    {"key-file", KEY_SETTING + 9, "FILE", 0, "Key of the client certificate", 2},
    {NULL, 0, NULL, 0, "The transfer:", 3},
    {"name", KEY_NAME, "NAME", 0, "upload: name on the platform (default: the file's own)", 3},
    {"dir", KEY_SETTING + 6, "DIR", 0, "download, agent: folder for received files (default: .)", 3},
    {"wait", KEY_WAIT, NULL, 0, "download: wait until a file is offered", 3},
    {"limit-rate", KEY_SETTING + 10, "BYTES", 0, "At most so many bytes a second (suffix k, M or G)", 3},
    {"give-up", KEY_SETTING + 11, "TIME", 0, "Stop after this time without progress (default 60s; suffix s, m, h or d)",
     3},
    {NULL, 0, NULL, 0, "General:", 4},
    {"json", KEY_JSON, NULL, 0, "Print one JSON object per line and nothing else", 4},
    {"state-dir", KEY_SETTING + 5, "DIR", 0, "Where unfinished transfers are remembered (default ~/.local/state/ferry)",
     4},
    {"config", KEY_CONFIG, "FILE", 0,
     "INI file with these settings (default ~/.config/ferry/ferry.ini, /etc/ferry/ferry.ini)", 4},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct {
    const char *word;
    ferry_command command;
} commands[] = {{"upload", COMMAND_UPLOAD}, {"download", COMMAND_DOWNLOAD}, {"agent", COMMAND_AGENT}};

/* What the command line said; flags win, so they are applied last. */
struct line {
    struct ferry_config *config;
    const char *flags[SETTINGS];
    const char *config_file;
    const char *name;
    const char *file;
};

static ferry_command command_of(const char *word)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].word, word) == 0)
            return commands[i].command;
    return COMMAND_NONE;
}

static void take_argument(struct line *line, struct argp_state *state, const char *word)
{
    if (line->config->command == COMMAND_NONE) {
        line->config->command = command_of(word);
        if (line->config->command == COMMAND_NONE)
            argp_error(state, "no command '%s': it is upload, download or agent", word);
    } else if (line->config->command == COMMAND_UPLOAD && line->file == NULL)
        line->file = word;
    else
        argp_error(state, "'%s' is one argument too many", word);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct line *line = state->input;

    switch (key) {
    case KEY_NAME:
        line->name = value;
        return 0;
    case KEY_CONFIG:
        line->config_file = value;
        return 0;
    case KEY_WAIT:
        line->config->wait = true;
        return 0;
    case KEY_JSON:
        line->flags[SETTINGS - 1] = "true";
        return 0;
    case ARGP_KEY_ARG:
        take_argument(line, state, value);
        return 0;
    case ARGP_KEY_END:
        if (line->config->command == COMMAND_NONE)
            argp_usage(state);
        if (line->config->command == COMMAND_UPLOAD && line->file == NULL)
            argp_error(state, "upload what? Give the FILE");
        return 0;
    default:
        if (key < KEY_SETTING || key >= KEY_SETTING + SETTINGS)
            return ARGP_ERR_UNKNOWN;
        line->flags[key - KEY_SETTING] = value;
        return 0;
    }
}

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
    char *own = home_path("XDG_CONFIG_HOME", ".config", "ferry/ferry.ini");
    ferry_err err = FERRY_OK;

    if (path == NULL && own != NULL && access(own, R_OK) == 0)
        path = own;
    if (path == NULL && access("/etc/ferry/ferry.ini", R_OK) == 0)
        path = "/etc/ferry/ferry.ini";
    if (path != NULL)
        err = ferry_settings_from_file(settings, SETTINGS, config, path, reterr_message);
    free(own);
    return err;
}

static ferry_err apply_flags(struct ferry_config *config, const struct line *line, char *reterr_message)
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

static ferry_err apply_all(struct ferry_config *config, const struct line *line, char *reterr_message)
{
    ferry_err err = ferry_settings_defaults(settings, SETTINGS, config);

    if (err == FERRY_OK)
        err = apply_file(config, line->config_file, reterr_message);
    if (err == FERRY_OK)
        err = ferry_settings_from_env(settings, SETTINGS, config, reterr_message);
    if (err == FERRY_OK)
        err = apply_flags(config, line, reterr_message);
    if (err == FERRY_OK && config->state_dir == NULL)
        config->state_dir = home_path("XDG_STATE_HOME", ".local/state", "ferry");
    return err;
}

int ferry_config_read(struct ferry_config *config, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "upload FILE\ndownload\nagent",
        .doc = "Carries files between this device and its platform.\v"
               "Every option is also a variable FERRY_... (--limit-rate: FERRY_LIMIT_RATE) and a key of the INI file. "
               "Exit status: 0 done, 1 failed, 2 usage, 3 refused by the platform, 4 network.",
    };
    struct line line = {.config = config};
    char message[FERRY_SETTING_MESSAGE_SIZE] = "out of memory";

    *config = (struct ferry_config){0};
    argp_program_version = "ferry " FERRY_VERSION;
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &line) != 0)
        return EXIT_USAGE;
    if (apply_all(config, &line, message) != FERRY_OK) {
        fprintf(stderr, "ferry: %s\n", message);
        return EXIT_USAGE;
    }
    config->file = line.file == NULL ? NULL : ferry_strdup(line.file);
    config->name = line.name == NULL ? NULL : ferry_strdup(line.name);
    return ferry_identity_read(config) ? EXIT_DONE : EXIT_USAGE;
}

void ferry_config_done(struct ferry_config *config)
{
    if (config->secret != NULL)
        explicit_bzero(config->secret, strlen(config->secret));
    free(config->secret);
    free(config->file);
    free(config->name);
    ferry_settings_done(settings, SETTINGS, config);
}
