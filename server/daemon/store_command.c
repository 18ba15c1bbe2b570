#include "store_command.h"

#include "config.h"
#include "config_check.h"
#include "data_folder.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "store/any.h"
#include "store/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_DATA = 1000, KEY_CONFIG, KEY_FROM, KEY_TO, BUSY_MS = 2000, SHOWN_OF_HASH = 16 };

#define TO_VARIABLE "FERRY_STORE_TO"

struct request {
    const char *data, *config, *from;
    char *to; /* a copy */
    unsigned tables;
    uint64_t rows;
};

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct request *request = state->input;

    switch (key) {
    case KEY_DATA:
        request->data = arg;
        return 0;
    case KEY_CONFIG:
        request->config = arg;
        return 0;
    case KEY_FROM:
        request->from = arg;
        return 0;
    case KEY_TO:
        free(request->to);
        request->to = ferry_strdup(arg);
        if (request->to == NULL)
            argp_failure(state, EXIT_FAILURE, 0, "out of memory");
        memset(arg, 'x', strlen(arg)); /* the process list shows argv to everybody */
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option copy_options[] = {
    {.name = "data", .key = KEY_DATA, .arg = "DIR", .doc = "the data folder of the ferryd that is moved; it must not run"},
    {.name = "config", .key = KEY_CONFIG, .arg = "FILE", .doc = "the settings of that ferryd, for the data folder and the store"},
    {.name = "from", .key = KEY_FROM, .arg = "FILE", .doc = "the SQLite file [ferry.db in the data folder]"},
    {.name = "to", .key = KEY_TO, .arg = "URL", .doc = "postgresql://user:password@host/database, an empty one; better in " TO_VARIABLE
                                                       " than here"},
    {NULL}};

static const char copy_doc[] =
    "Moves all that a ferryd keeps in SQLite into an empty PostgreSQL database.\v"
    "Every table is read back and compared. On failure the database stays empty; the SQLite file is never changed but for its "
    "schema, which is brought up to date. Files (objects/) and secrets.key are not part of it: every ferryd on the new store "
    "needs them.";

static int failed(const char *problem)
{
    (void)fprintf(stderr, "ferryd: %s\n", problem);
    return EXIT_FAILURE;
}

/* Settings as ferryd itself would have them. */
static ferry_err read_settings(const struct request *request, struct config *config)
{
    char message[FERRY_SETTING_MESSAGE_SIZE], name[] = "ferryd";
    ferry_autofree char *data = request->data != NULL ? ferry_asprintf("--data=%s", request->data) : NULL;
    ferry_autofree char *file = request->config != NULL ? ferry_asprintf("--config=%s", request->config) : NULL;
    char *argv[4] = {name};
    int argc = 1;
    ferry_err err;

    if ((request->data != NULL && data == NULL) || (request->config != NULL && file == NULL))
        return FERRY_E_NOMEM;
    if (data != NULL)
        argv[argc++] = data;
    if (file != NULL)
        argv[argc++] = file;
    err = config_read(argc, argv, config, message);
    if (err != FERRY_OK)
        (void)failed(message);
    return err;
}

/* The file that the settings name; null with a message when it is none. */
static char *source_of(const struct request *request, const struct config *config)
{
    if (request->from != NULL)
        return ferry_strdup(request->from);
    if (store_any_is_server(config->store)) {
        (void)failed("the settings name a server as the store: say with --from which SQLite file is meant");
        return NULL;
    }
    if (config_url_path(config->store) != NULL)
        return ferry_strdup(config_url_path(config->store));
    return ferry_asprintf("%s/ferry.db", config->data);
}

static void tell(void *arg, const struct store_copied *table)
{
    struct request *request = arg;

    request->tables++;
    request->rows += table->rows;
    (void)printf("%-20s %10" PRIu64 "  %.*s\n", table->table, table->rows, (int)SHOWN_OF_HASH, table->hash);
}

static int copy(struct request *request, const char *from)
{
    const struct store_copy_config cfg = {.from = from, .to = request->to, .busy_ms = BUSY_MS, .copied = tell, .arg = request};
    char problem[STORE_COPY_PROBLEM_SIZE];

    if (store_copy(&cfg, problem) != FERRY_OK)
        return failed(problem);
    (void)printf("%u tables with %" PRIu64 " rows are in the database, each read back and the same.\n"
                 "Next: ferryd --store with that address, the same secrets.key, and objects that every ferryd reaches.\n",
                 request->tables, request->rows);
    return EXIT_SUCCESS;
}

/* With the lock of the data folder, when it is one: no ferryd may run on it. */
static int copy_locked(struct request *request, const struct config *config, const char *from)
{
    char problem[DATA_FOLDER_PROBLEM_SIZE];
    struct data_folder folder;
    int status;

    if (request->from != NULL)
        return copy(request, from);
    if (access(from, F_OK) != 0) {
        (void)fprintf(stderr, "ferryd: %s: there is no such file\n", from);
        return EXIT_FAILURE;
    }
    if (data_folder_open(config->data, &folder, problem) != FERRY_OK)
        return failed(problem);
    status = copy(request, from);
    data_folder_close(&folder);
    return status;
}

static int run_copy(int argc, char **argv)
{
    static const struct argp argp = {.options = copy_options, .parser = take, .doc = copy_doc};
    struct request request = {.to = NULL};
    struct config config = {.data = NULL};
    char problem[STORE_ANY_TEXT_SIZE];
    ferry_autofree char *from = NULL;
    int status = CONFIG_EXIT_USAGE;

    config_take_line(&argp, argc, argv, &request);
    if (request.to == NULL && getenv(TO_VARIABLE) != NULL)
        request.to = ferry_strdup(getenv(TO_VARIABLE));
    if (request.to == NULL || !store_any_is_server(request.to))
        (void)failed("say where to: --to postgresql://user:password@host/database, or " TO_VARIABLE);
    else if (store_any_check_server(request.to, problem) != FERRY_OK)
        (void)failed(problem);
    else if (read_settings(&request, &config) == FERRY_OK && (from = source_of(&request, &config)) != NULL)
        status = copy_locked(&request, &config, from);
    config_done(&config);
    free(request.to);
    return status;
}

int store_command(int argc, char **argv)
{
    char title[] = "ferryd store copy";

    if (argc > 1 && strcmp(argv[1], "copy") == 0) {
        argv[1] = title;
        return run_copy(argc - 1, argv + 1);
    }
    (void)fprintf(stderr, "ferryd: say what to do:\n"
                          "  ferryd store copy [--data DIR] --to URL    from SQLite into an empty PostgreSQL database\n");
    return CONFIG_EXIT_USAGE;
}
