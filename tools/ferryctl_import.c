/* ferryctl device import: many devices from a list. */
#include "ferryctl_commands.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/system.h"
#include "ferryctl_file.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET_COLUMN "secret"

enum { SECRET_BYTES = 32 };

/* --- a list gets its secrets --------------------------------------------------------------------------- */

/* The list that is read, and the one that is written. */
struct lists {
    const char *from_name, *to_name;
    FILE *from, *to;
    bool json;
    bool has_secrets; /* of CSV: its first line names the column */
};

static void make_secret(char out[FERRY_BASE64_SIZE(SECRET_BYTES)])
{
    uint8_t bytes[SECRET_BYTES];

    ferry_random_bytes(bytes, sizeof bytes);
    ferry_base64_encode(bytes, sizeof bytes, out);
    explicit_bzero(bytes, sizeof bytes);
}

static bool names_secret(const char *header)
{
    ferry_autofree char *copy = ctl_strdup(header);
    char *rest = NULL;

    for (char *name = strtok_r(copy, ",\"", &rest); name != NULL; name = strtok_r(NULL, ",\"", &rest)) {
        if (strcmp(name, SECRET_COLUMN) == 0)
            return true;
    }
    return false;
}

static void write_csv(struct lists *lists, const char *line, bool first)
{
    char secret[FERRY_BASE64_SIZE(SECRET_BYTES)];

    if (first)
        lists->has_secrets = names_secret(line);
    if (lists->has_secrets || line[0] == '\0') {
        (void)fprintf(lists->to, "%s\n", line);
        return;
    }
    make_secret(secret);
    (void)fprintf(lists->to, "%s,%s\n", line, first ? SECRET_COLUMN : secret);
    explicit_bzero(secret, sizeof secret);
}

/* What is no object stays as it is: the platform says what is wrong with it. */
static void write_json(struct lists *lists, const char *line)
{
    ctl_autojson *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    char secret[FERRY_BASE64_SIZE(SECRET_BYTES)];

    if (!json_is_object(object) || json_object_get(object, SECRET_COLUMN) != NULL) {
        (void)fprintf(lists->to, "%s\n", line);
        return;
    }
    make_secret(secret);
    if (json_object_set_new(object, SECRET_COLUMN, json_string(secret)) != 0)
        (void)ctl_check(NULL);
    explicit_bzero(secret, sizeof secret);
    ferry_autofree char *text = ctl_check(json_dumps(object, JSON_COMPACT));
    (void)fprintf(lists->to, "%s\n", text);
}

static void write_lines(struct lists *lists)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    for (bool first = true; (len = getline(&line, &size, lists->from)) >= 0; first = false) {
        while (len > 0 && strchr("\r\n", line[len - 1]) != NULL)
            line[--len] = '\0';
        if (lists->json)
            write_json(lists, line);
        else
            write_csv(lists, line, first);
    }
    free(line);
}

static enum ctl_exit close_lists(struct lists *lists)
{
    bool read = lists->from == NULL || ferror(lists->from) == 0;
    bool written = lists->to == NULL || (fflush(lists->to) == 0 && ferror(lists->to) == 0 && fsync(fileno(lists->to)) == 0);

    if (lists->from != NULL && lists->from != stdin)
        (void)fclose(lists->from);
    if (lists->to != NULL && fclose(lists->to) != 0)
        written = false;
    if (!read)
        return ctl_fail(CTL_FAILED, "cannot read %s: %s", lists->from_name, strerror(errno));
    return written ? CTL_DONE : ctl_fail(CTL_FAILED, "cannot write %s: %s", lists->to_name, strerror(errno));
}

/* A list that is there already may hold the only copy of secrets: it is not written over. */
static enum ctl_exit add_secrets(const char *from, const char *to, bool json)
{
    struct lists lists = {.from_name = from, .to_name = to, .json = json};
    int fd;

    lists.from = strcmp(from, "-") == 0 ? stdin : fopen(from, "re");
    if (lists.from == NULL)
        return ctl_fail(CTL_FAILED, "cannot open %s: %s", from, strerror(errno));
    fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    lists.to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (lists.to == NULL) {
        const char *why = errno == EEXIST ? "it is there already and may hold secrets: name another" : strerror(errno);
        if (fd >= 0)
            (void)close(fd);
        (void)ctl_fail(CTL_FAILED, "cannot write %s: %s", to, why);
        (void)close_lists(&lists);
        return CTL_FAILED;
    }
    write_lines(&lists);
    return close_lists(&lists);
}

/* --- sending ------------------------------------------------------------------------------------------- */

static bool is_json(const char *file)
{
    static const char *const endings[] = {".jsonl", ".ndjson", ".json"};
    const char *dot = strrchr(file, '.');

    for (size_t i = 0; dot != NULL && i < COUNT(endings); i++) {
        if (strcmp(dot, endings[i]) == 0)
            return true;
    }
    return false;
}

static void say_errors(const json_t *result)
{
    const json_t *errors = json_object_get(result, "errors");

    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *error = json_array_get(errors, i);
        const char *field = json_string_value(json_object_get(error, "field"));
        const char *detail = json_string_value(json_object_get(error, "detail"));
        ferry_autofree char *clean = ctl_text_clean(detail != NULL ? detail : "");
        (void)fprintf(stderr, "line %lld: %s%s%s\n", (long long)json_integer_value(json_object_get(error, "line")),
                      field != NULL ? field : "", field != NULL && field[0] != '\0' ? ": " : "", clean);
    }
}

static enum ctl_exit show_result(struct ctl *ctl, const json_t *result)
{
    static const struct ctl_field fields[] = {
        {"Product", "product", CTL_KIND_TEXT},      {"Lines", "lines", CTL_KIND_NUMBER},
        {"Added", "added", CTL_KIND_NUMBER},        {"There already", "existing", CTL_KIND_NUMBER},
        {"Wrong lines", "failed", CTL_KIND_NUMBER},
    };
    json_int_t failed = json_integer_value(json_object_get(result, "failed"));

    ctl_print_object(ctl->options->json, result, fields, COUNT(fields));
    if (!ctl->options->json)
        say_errors(result);
    return failed == 0 ? CTL_DONE : ctl_fail(CTL_REFUSED, "%lld lines are wrong: correct them and send the list again",
                                             (long long)failed);
}

enum ctl_exit ctl_device_import(struct ctl *ctl)
{
    const char *list = ctl->words[1], *output = ctl->options->output;
    bool json = is_json(list);
    ferry_autofree char *path = ctl_path("/api/v1/devices/import?product=%s", ctl->words[0]);
    ctl_autojson *result = NULL;
    enum ctl_exit status = output != NULL ? add_secrets(list, output, json) : CTL_DONE;

    if (status != CTL_DONE)
        return status;
    status = ctl_file_post(&ctl->api, path, json ? "application/x-ndjson" : "text/csv", output != NULL ? output : list,
                           ctl->options->json, &result);
    if (status == CTL_DONE)
        return show_result(ctl, result);
    if (output != NULL)
        (void)ctl_fail(status, "the secrets are in %s: send that list again", output);
    return status;
}
