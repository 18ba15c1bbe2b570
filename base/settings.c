#include "base/settings.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suffix {
    char letter;
    uint64_t factor;
};

static const struct suffix size_suffixes[] = {
    {'k', 1ull << 10}, {'K', 1ull << 10}, {'m', 1ull << 20}, {'M', 1ull << 20},
    {'g', 1ull << 30}, {'G', 1ull << 30}, {'\0', 1},
};
static const struct suffix time_suffixes[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'\0', 1}};

static const struct {
    const char *text;
    bool value;
} booleans[] = {{"true", true}, {"yes", true}, {"1", true}, {"false", false}, {"no", false}, {"0", false}};

FERRY_DEFINE_CLEANUP(FILE *, fclose)

static void *field(const struct ferry_setting *setting, void *target)
{
    return (char *)target + setting->offset;
}

/* Names are the same whether written with '-' or '_'. */
static bool same_name(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++)
        if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
            return false;
    return *a == *b;
}

static const struct ferry_setting *find(const struct ferry_setting *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (same_name(table[i].name, name))
            return &table[i];
    return NULL;
}

/* Digits and one suffix letter. FERRY_E_ARG: the number does not fit 64 bits. */
static ferry_err parse_number(const char *text, const struct suffix *suffixes, uint64_t *ret_value)
{
    unsigned long long number;
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return FERRY_E_FORMAT;
    errno = 0;
    number = strtoull(text, &end, 10);
    for (; suffixes->letter != '\0' && suffixes->letter != *end; suffixes++)
        continue;
    if (*end != '\0' && (suffixes->letter == '\0' || end[1] != '\0'))
        return FERRY_E_FORMAT;
    if (errno == ERANGE || number > UINT64_MAX / suffixes->factor)
        return FERRY_E_ARG;
    *ret_value = number * suffixes->factor;
    return FERRY_OK;
}

static ferry_err set_number(const struct ferry_setting *setting, void *target, const char *value)
{
    uint64_t number;
    ferry_err err =
        parse_number(value, setting->type == FERRY_SETTING_SECONDS ? time_suffixes : size_suffixes, &number);

    if (err == FERRY_OK && (number < setting->min || number > setting->max))
        err = FERRY_E_ARG;
    if (err == FERRY_OK)
        *(uint64_t *)field(setting, target) = number;
    return err;
}

static ferry_err set_bool(const struct ferry_setting *setting, void *target, const char *value)
{
    for (size_t i = 0; i < sizeof(booleans) / sizeof(booleans[0]); i++)
        if (strcmp(value, booleans[i].text) == 0) {
            *(bool *)field(setting, target) = booleans[i].value;
            return FERRY_OK;
        }
    return FERRY_E_FORMAT;
}

static ferry_err set_text(const struct ferry_setting *setting, void *target, const char *value)
{
    char **text = field(setting, target);
    char *copy = ferry_strdup(value);

    if (copy == NULL)
        return FERRY_E_NOMEM;
    free(*text);
    *text = copy;
    return FERRY_OK;
}

static ferry_err set_value(const struct ferry_setting *setting, void *target, const char *value)
{
    switch (setting->type) {
    case FERRY_SETTING_UINT:
    case FERRY_SETTING_SECONDS:
        return set_number(setting, target, value);
    case FERRY_SETTING_BOOL:
        return set_bool(setting, target, value);
    case FERRY_SETTING_TEXT:
        return set_text(setting, target, value);
    }
    return FERRY_E_ARG;
}

/* The value of a text may hold a password and is never shown; texts fail for want of memory only. */
static void explain(const struct ferry_setting *setting, ferry_err err, const char *value, const char *origin,
                    char message[FERRY_SETTING_MESSAGE_SIZE])
{
    char quoted[FERRY_LOG_QUOTE_SIZE];

    if (err == FERRY_E_NOMEM)
        (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE, "%s: %s", origin, ferry_err_text(err));
    else if (setting->type == FERRY_SETTING_BOOL)
        (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE, "%s: write true or false, not %s", origin,
                       ferry_log_quote(value, strlen(value), quoted));
    else
        (void)snprintf(message, FERRY_SETTING_MESSAGE_SIZE,
                       "%s: write a number from %" PRIu64 " to %" PRIu64 "%s, not %s", origin, setting->min,
                       setting->max, setting->type == FERRY_SETTING_SECONDS ? " (seconds, or with s, m, h, d)" : "",
                       ferry_log_quote(value, strlen(value), quoted));
}

ferry_err ferry_settings_defaults(const struct ferry_setting *table, size_t count, void *target)
{
    static const size_t sizes[] = {
        [FERRY_SETTING_UINT] = sizeof(uint64_t),
        [FERRY_SETTING_SECONDS] = sizeof(uint64_t),
        [FERRY_SETTING_BOOL] = sizeof(bool),
        [FERRY_SETTING_TEXT] = sizeof(char *),
    };

    /* all of them first: after a failure below, every text can be freed */
    for (size_t i = 0; i < count; i++)
        memset(field(&table[i], target), 0, sizes[table[i].type]);
    for (size_t i = 0; i < count; i++) {
        ferry_err err = table[i].fallback != NULL ? set_value(&table[i], target, table[i].fallback) : FERRY_OK;

        if (err != FERRY_OK)
            return err;
    }
    return FERRY_OK;
}

ferry_err ferry_settings_set(const struct ferry_setting *table, size_t count, void *target, const char *name,
                             const char *value, const char *origin,
                             char reterr_message[FERRY_SETTING_MESSAGE_SIZE])
{
    const struct ferry_setting *setting = find(table, count, name);
    ferry_err err;

    if (setting == NULL) {
        char quoted[FERRY_LOG_QUOTE_SIZE];

        (void)snprintf(reterr_message, FERRY_SETTING_MESSAGE_SIZE, "%s: there is no setting %s", origin,
                       ferry_log_quote(name, strlen(name), quoted));
        return FERRY_E_NOT_FOUND;
    }
    err = set_value(setting, target, value);
    if (err != FERRY_OK)
        explain(setting, err, value, origin, reterr_message);
    return err;
}

/* FERRY_MQTT_PORT for mqtt-port; false when the name does not fit. */
static bool variable_name(const char *name, char *out, size_t cap)
{
    int len = snprintf(out, cap, "FERRY_%s", name);

    if (len < 0 || (size_t)len >= cap)
        return false;
    for (; *out != '\0'; out++)
        *out = *out == '-' ? '_' : (char)toupper((unsigned char)*out);
    return true;
}

ferry_err ferry_settings_from_env(const struct ferry_setting *table, size_t count, void *target,
                                  char reterr_message[FERRY_SETTING_MESSAGE_SIZE])
{
    for (size_t i = 0; i < count; i++) {
        char variable[96];
        const char *value = variable_name(table[i].name, variable, sizeof(variable)) ? getenv(variable) : NULL;
        ferry_err err = FERRY_OK;

        if (value != NULL)
            err = ferry_settings_set(table, count, target, table[i].name, value, variable, reterr_message);
        if (err != FERRY_OK)
            return err;
    }
    return FERRY_OK;
}

/* One INI file being read. The first error counts; what follows it is read and ignored. */
struct ini_run {
    const struct ferry_setting *table;
    size_t count;
    void *target;
    const char *path;
    FILE *file;
    unsigned line;
    ferry_err err;
    char *message;
};

static void fail_line(struct ini_run *run, ferry_err err, const char *why)
{
    if (run->err != FERRY_OK)
        return;
    run->err = err;
    (void)snprintf(run->message, FERRY_SETTING_MESSAGE_SIZE, "%s:%u: %s", run->path, run->line, why);
}

static void skip_rest_of_line(FILE *file)
{
    int c;

    do
        c = getc(file);
    while (c != '\n' && c != EOF);
}

/* libinih's source of lines. Counts them, and drops indentation: libinih would take an indented
 * line for more of the value before it. */
static char *read_line(char *line, int size, void *stream)
{
    struct ini_run *run = stream;
    size_t len, indent;

    if (fgets(line, size, run->file) == NULL)
        return NULL;
    run->line++;
    len = strlen(line);
    indent = strspn(line, " \t");
    memmove(line, line + indent, len - indent + 1);
    if (len + 1 == (size_t)size && line[len - indent - 1] != '\n') {
        skip_rest_of_line(run->file);
        if (line[0] != '#' && line[0] != ';')
            fail_line(run, FERRY_E_FORMAT, "the line is too long");
    }
    return line;
}

static int take_key(void *user, const char *section, const char *name, const char *value)
{
    struct ini_run *run = user;
    ferry_autofree char *origin = NULL;

    (void)section;
    if (run->err != FERRY_OK)
        return 1;
    origin = ferry_asprintf("%s:%u", run->path, run->line);
    if (origin == NULL)
        fail_line(run, FERRY_E_NOMEM, ferry_err_text(FERRY_E_NOMEM));
    else
        run->err = ferry_settings_set(run->table, run->count, run->target, name, value, origin, run->message);
    return 1;
}

ferry_err ferry_settings_from_file(const struct ferry_setting *table, size_t count, void *target, const char *path,
                                   char reterr_message[FERRY_SETTING_MESSAGE_SIZE])
{
    ferry_cleanup(fclose) FILE *file = fopen(path, "re");
    struct ini_run run = {.table = table, .count = count, .target = target, .path = path, .file = file,
                          .err = FERRY_OK, .message = reterr_message};
    int bad_line;

    if (file == NULL) {
        run.err = ferry_err_from_errno(errno);
        (void)snprintf(reterr_message, FERRY_SETTING_MESSAGE_SIZE, "%s: %m", path);
        return run.err;
    }
    bad_line = ini_parse_stream(read_line, &run, take_key, &run);
    if (run.err == FERRY_OK && ferror(file))
        fail_line(&run, FERRY_E_IO, ferry_err_text(FERRY_E_IO));
    if (run.err == FERRY_OK && bad_line != 0) {
        run.line = bad_line > 0 ? (unsigned)bad_line : run.line;
        fail_line(&run, bad_line > 0 ? FERRY_E_FORMAT : FERRY_E_NOMEM, "write name = value");
    }
    return run.err;
}

void ferry_settings_done(const struct ferry_setting *table, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].type != FERRY_SETTING_TEXT)
            continue;
        free(*(char **)field(&table[i], target));
        *(char **)field(&table[i], target) = NULL;
    }
}
