/* A list of devices on its way in: line by line as it comes, some devices in one command, so that nobody waits for all. */
#include "api_handlers.h"

#include "api_import_line.h"
#include "api_intake.h"
#include "api_secret.h"
#include "base/alloc.h"
#include "base/system.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    STEP = 100,         /* devices in one command: what others wait for is a step */
    ERRORS_MAX = 100,   /* said of each line; more are counted */
    BODY_MAX = 256 << 20,
    BUSY_TRIES = 50,
    BUSY_WAIT_MS = 20,
};

struct api_import {
    bool csv;
    struct api_import_columns columns;
    uint64_t bytes, line, added, existing, failed;
    json_t *errors;
    size_t count; /* devices that wait for the step */
    struct device_import devices[STEP];
    char rest[API_IMPORT_LINE_MAX + 1]; /* a line that is not whole yet */
    size_t rest_len;
    bool overlong;
    struct command command;
};

void api_import_free(struct api_request *r)
{
    if (r->import == NULL)
        return;
    json_decref(r->import->errors);
    explicit_bzero(r->import, sizeof *r->import); /* lines hold secrets */
    free(r->import);
    r->import = NULL;
}

/* --- beginning ------------------------------------------------------------------------------------------- */

static bool is_type(const char *type, const char *wanted)
{
    size_t len = strlen(wanted);

    return strncasecmp(type, wanted, len) == 0 && strchr("; \t", type[len]) != NULL;
}

static bool read_type(struct api_request *r, bool *ret_csv)
{
    const char *type = api_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);

    *ret_csv = type != NULL && is_type(type, "text/csv");
    if (*ret_csv || (type != NULL && is_type(type, "application/x-ndjson")))
        return true;
    api_reply_problem(r, API_UNSUPPORTED_MEDIA_TYPE, "Send the list as text/csv or application/x-ndjson.");
    return false;
}

static void begin_import(struct api_request *r)
{
    struct store_conn *conn = api_reader(r);
    struct product product;
    bool csv;

    if (conn == NULL || !api_must_see(r, r->query.product, "such product") ||
        !api_store_ok(r, r->shared->store->ops->product_get(conn, r->query.product, &product), "such product") ||
        !read_type(r, &csv) || !api_intake_open(r))
        return;
    r->import = ferry_calloc(1, sizeof *r->import);
    if (r->import != NULL)
        r->import->errors = json_array();
    if (r->import == NULL || r->import->errors == NULL) {
        api_reply_err(r, FERRY_E_NOMEM, NULL);
        return;
    }
    r->import->csv = csv;
    memcpy(r->import->command.origin.actor, r->caller.actor, sizeof r->import->command.origin.actor);
    memcpy(r->import->command.origin.from, r->from, sizeof r->import->command.origin.from);
}

/* --- a step ------------------------------------------------------------------------------------------------ */

/* With a full inbox it waits a little: the list cannot be sent from its middle on. */
static ferry_err call_engine(struct api_request *r, struct command *command)
{
    const struct timespec pause = {.tv_nsec = BUSY_WAIT_MS * 1000000L};
    ferry_err err = FERRY_E_BUSY;

    for (int i = 0; err == FERRY_E_BUSY && i < BUSY_TRIES; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        err = engine_call(r->shared->engine, command);
    }
    return err;
}

static bool add_devices(struct api_request *r)
{
    struct api_import *in = r->import;
    struct api_fault fault;

    if (in->count == 0)
        return true;
    in->command.kind = CMD_DEVICE_IMPORT;
    in->command.imports = in->devices;
    in->command.import_count = in->count;
    ferry_err err = call_engine(r, &in->command);
    if (err != FERRY_OK) {
        (void)api_fault_set(&fault, api_problem_of(err), "", "%s", in->command.detail);
        api_reply_fault(r, &fault);
        return false;
    }
    in->added += in->command.count;
    in->existing += in->count - in->command.count;
    in->count = 0;
    return true;
}

/* --- lines ------------------------------------------------------------------------------------------------- */

static void note_error(struct api_import *in, const struct api_fault *fault)
{
    in->failed++;
    if (json_array_size(in->errors) < ERRORS_MAX)
        (void)json_array_append_new(in->errors, json_pack("{s:I, s:s, s:s, s:s}", "line", (json_int_t)in->line, "code",
                                                          api_problem_info(fault->problem)->code, "field", fault->field,
                                                          "detail", fault->detail));
}

static bool take_row(struct api_request *r, struct api_import_row *row)
{
    struct api_import *in = r->import;
    struct device_import *device = &in->devices[in->count];
    char context[SEAL_CONTEXT_SIZE];

    *device = (struct device_import){.tags = row->tags};
    memcpy(device->device.key.product, r->query.product, sizeof device->device.key.product);
    memcpy(device->device.key.device, row->name, sizeof device->device.key.device);
    if (!api_secret_seal(r, seal_context_device(&device->device.key, context), &row->secret, &device->device.secret))
        return false;
    in->count++;
    return in->count < STEP || add_devices(r);
}

/* The first line of CSV names its columns: without it nothing can be taken. False with a reply. */
static bool take_header(struct api_request *r, char *line)
{
    struct api_fault fault;

    if (api_import_header(line, &r->import->columns, &fault))
        return true;
    api_reply_fault(r, &fault);
    return false;
}

static bool take_line(struct api_request *r, char *line)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some programs begin UTF-8 with it */
    struct api_import *in = r->import;
    struct api_import_row row;
    struct api_fault fault;
    size_t len = strlen(line);

    in->line++;
    if (in->line == 1 && strncmp(line, mark, sizeof mark - 1) == 0)
        line += sizeof mark - 1;
    if (len > 0 && line[strlen(line) - 1] == '\r')
        line[strlen(line) - 1] = '\0';
    if (line[0] == '\0')
        return true;
    if (in->csv && in->columns.count == 0)
        return take_header(r, line);
    bool good = in->csv ? api_import_csv(line, &in->columns, &row, &fault) : api_import_json(line, &row, &fault);
    if (!good)
        note_error(in, &fault);
    return !good || take_row(r, &row);
}

static bool end_line(struct api_request *r)
{
    struct api_import *in = r->import;
    struct api_fault fault;
    bool whole = !in->overlong && strlen(in->rest) == in->rest_len;

    in->rest_len = 0;
    in->overlong = false;
    if (whole)
        return take_line(r, in->rest);
    in->line++;
    (void)api_fault_set(&fault, API_INVALID_FIELD, "", "The line has more than %d bytes, or a NUL.", API_IMPORT_LINE_MAX);
    note_error(in, &fault);
    return true;
}

static void add_to_line(struct api_import *in, const char *bytes, size_t len)
{
    in->overlong = in->overlong || len > API_IMPORT_LINE_MAX - in->rest_len;
    if (in->overlong)
        return;
    memcpy(in->rest + in->rest_len, bytes, len);
    in->rest_len += len;
    in->rest[in->rest_len] = '\0';
}

static void write_import(struct api_request *r)
{
    struct api_import *in = r->import;
    const char *at = r->intake->block, *end = at + r->intake->block_len;

    in->bytes += r->intake->block_len;
    if (in->bytes > BODY_MAX)
        api_reply_problem(r, API_TOO_LARGE, "The list is longer than 256 MiB: send it in parts.");
    while (at < end && !api_replied(r)) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline != NULL ? newline : end) - at);
        add_to_line(in, at, len);
        at += len + (newline != NULL);
        if (newline != NULL && !end_line(r))
            break;
    }
    explicit_bzero(r->intake->block, r->intake->block_len);
    r->intake->block_len = 0;
}

const struct api_stream_ops api_import_stream = {.begin = begin_import, .write = write_import};

/* The end of the list. */
void api_device_import(struct api_request *r)
{
    struct api_import *in = r->import;

    write_import(r);
    if (api_replied(r) || ((in->rest_len > 0 || in->overlong) && !end_line(r)) || !add_devices(r))
        return;
    api_reply_json(r, MHD_HTTP_OK, json_pack("{s:s, s:I, s:I, s:I, s:I, s:O}", "product", r->query.product, "lines",
                                             (json_int_t)in->line, "added", (json_int_t)in->added, "existing",
                                             (json_int_t)in->existing, "failed", (json_int_t)in->failed, "errors",
                                             in->errors));
}
