/* ferryctl events: what changes, from the platform's stream of server-sent events. */
#include "ferryctl_commands.h"

#include "ferryctl_devices.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_BYTES_MAX = 64 << 10,
    AGAIN_S = 2, /* a stream that broke off is asked for again */
    ID_SIZE = 24,
};

static const struct ctl_field fields[] = {
    {"ID", "id", CTL_KIND_TEXT},           {"TIME (UTC)", "time", CTL_KIND_TIME},  {"TYPE", "type", CTL_KIND_TEXT},
    {"PRODUCT", "product", CTL_KIND_TEXT}, {"DEVICE", "device", CTL_KIND_TEXT},    {"BEFORE", "before", CTL_KIND_TEXT},
    {"STATE", "state", CTL_KIND_TEXT},     {"%", "percent", CTL_KIND_NUMBER},  {"RESULT", NULL, CTL_KIND_RESULT},
    {"TASK", "task", CTL_KIND_TEXT},       {"DEPLOYMENT", "deployment", CTL_KIND_TEXT},
    {"RESOURCE", "resource", CTL_KIND_TEXT},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

struct reader {
    bool json;
    bool begun; /* something has come */
    char last[ID_SIZE]; /* where the stream is to go on; "": nowhere yet */
    struct ferry_buf line;
    struct ctl_table table;
};

static void show(struct reader *r, const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    char cell[CTL_CELL_SIZE];

    if (r->json) {
        ctl_print_json(event);
        return;
    }
    if (type != NULL && strcmp(type, "log.cut") == 0) {
        (void)ctl_fail(CTL_DONE, "older events are gone: what changed before may be missing here");
        return;
    }
    for (size_t i = 0; i < FIELDS; i++)
        ctl_table_add(&r->table, ctl_field_text(&fields[i], event, cell));
    ctl_table_flush(&r->table, stdout);
    (void)fflush(stdout);
}

/* A line of the stream, terminated. What is neither an id nor data is of no use here: the data says its type. */
static bool take_line(struct reader *r, const char *line)
{
    if (strncmp(line, "id: ", 4) == 0)
        (void)snprintf(r->last, sizeof r->last, "%s", line + 4);
    if (strncmp(line, "data: ", 6) != 0)
        return true;
    ctl_autojson *event = json_loads(line + 6, 0, NULL);
    if (event == NULL) {
        (void)ctl_fail(CTL_NETWORK, "an event of the platform is no JSON");
        return false;
    }
    if (json_object_get(event, "id") != NULL) /* the others are hints for pages: the log does not have them */
        show(r, event);
    return true;
}

static bool write_some(void *arg, const char *bytes, size_t len)
{
    struct reader *r = arg;

    r->begun = true;
    for (const char *end; (end = memchr(bytes, '\n', len)) != NULL;) {
        size_t part = (size_t)(end - bytes);
        if (ferry_buf_append(&r->line, bytes, part) != FERRY_OK || ferry_buf_append(&r->line, "", 1) != FERRY_OK)
            return false;
        if (!take_line(r, r->line.data))
            return false;
        ferry_buf_reset(&r->line);
        bytes += part + 1;
        len -= part + 1;
    }
    return ferry_buf_append(&r->line, bytes, len) == FERRY_OK;
}

static enum ctl_exit read_once(struct ctl *ctl, struct reader *r, const struct ctl_device_name *name)
{
    const struct ctl_options *options = ctl->options;
    const char *after = r->last[0] != '\0' ? r->last : options->after;
    struct ctl_stream stream = {.write = write_some, .arg = r};
    char *path = ctl_path("/api/v1/events");

    ctl_query(&path, "product", name->product[0] != '\0' ? name->product : NULL);
    ctl_query(&path, "device", name->device[0] != '\0' ? name->device : NULL);
    ctl_query(&path, "type", options->type_count > 0 ? options->types[options->type_count - 1] : NULL);
    ctl_query(&path, "after", after != NULL || options->follow ? after : "0");
    ctl_query(&path, "follow", options->follow ? NULL : "false");
    ferry_buf_reset(&r->line);
    enum ctl_exit status = ctl_api_receive(&ctl->api, path, &stream);
    free(path);
    return status;
}

static enum ctl_exit read_on(struct ctl *ctl, struct reader *r, const struct ctl_device_name *name)
{
    for (;;) {
        enum ctl_exit status = read_once(ctl, r, name);
        if (!ctl->options->follow || !r->begun || status == CTL_REFUSED || status == CTL_FAILED)
            return status;
        (void)sleep(AGAIN_S);
    }
}

/* P, or P/D. */
static bool split_word(const char *word, struct ctl_device_name *ret_name)
{
    if (strchr(word, '/') != NULL)
        return ctl_device_name(word, ret_name);
    return (size_t)snprintf(ret_name->product, sizeof ret_name->product, "%s", word) < sizeof ret_name->product ||
           ctl_fail(CTL_USAGE, "%s is no name of a product", word) == CTL_DONE;
}

enum ctl_exit ctl_events(struct ctl *ctl)
{
    struct reader r = {.json = ctl->options->json, .line = FERRY_BUF_INIT(LINE_BYTES_MAX)};
    struct ctl_device_name name = {.device = ""};

    if (ctl->word_count > 0 && !split_word(ctl->words[0], &name))
        return CTL_USAGE;
    ctl_table_init(&r.table, FIELDS);
    for (size_t i = 0; i < FIELDS; i++)
        ctl_table_column(&r.table, i, fields[i].title, fields[i].kind == CTL_KIND_NUMBER);
    enum ctl_exit status = read_on(ctl, &r, &name);
    ctl_table_done(&r.table);
    ferry_buf_done(&r.line);
    return status;
}
