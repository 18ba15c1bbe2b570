#include "tls_command.h"

#include "config.h"
#include "tls_devices.h"
#include "tls_store.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_DATA = 1000, KEY_CONFIG, KEY_NAME, KEY_DAYS, KEY_RENEW, KEY_OUT, KEY_CRL };
enum { HOST_SIZE = 256, OWN_NAMES = 4 /* of the machine itself */ };

struct request {
    const char *data, *config, *crl;
    const char *names[TLS_NAMES_MAX];
    size_t name_count;
    unsigned days; /* 0: the default */
    bool renew;
    const char *out;
    const char *word; /* what is no option */
    bool takes_word;
};

/* Once each. */
static void add_name(struct request *request, const char *name)
{
    for (size_t i = 0; i < request->name_count; i++)
        if (strcmp(request->names[i], name) == 0)
            return;
    if (request->name_count < TLS_NAMES_MAX)
        request->names[request->name_count++] = name;
}

static void take_name(struct request *request, const char *name, struct argp_state *state)
{
    if (!tls_name_ok(name))
        argp_error(state, "'%s' is no host name and no address: write it without scheme, port and path", name);
    if (request->name_count == TLS_NAMES_MAX - OWN_NAMES)
        argp_error(state, "at most %d names", TLS_NAMES_MAX - OWN_NAMES);
    add_name(request, name);
}

static unsigned parse_days(const char *text, struct argp_state *state)
{
    char *end;
    unsigned long days = strtoul(text, &end, 10);

    if (*end != '\0' || days < 1 || days > TLS_DAYS_MAX || text[0] == '-')
        argp_error(state, "--days cannot be '%s': write 1 to %d", text, TLS_DAYS_MAX);
    return (unsigned)days;
}

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
    case KEY_NAME:
        take_name(request, arg, state);
        return 0;
    case KEY_DAYS:
        request->days = parse_days(arg, state);
        return 0;
    case KEY_RENEW:
        request->renew = true;
        return 0;
    case KEY_CRL:
        request->crl = arg;
        return 0;
    case KEY_OUT:
        request->out = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (!request->takes_word || request->word != NULL)
            argp_error(state, "what is '%s'?", arg);
        request->word = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* By the same rules as ferryd itself: flag, environment, file, default. */
static ferry_err read_settings(const struct request *request, struct config *config)
{
    char name[] = "ferryd", message[FERRY_SETTING_MESSAGE_SIZE];
    const struct {
        const char *option, *value;
    } given[] = {{"data", request->data}, {"config", request->config}, {"device-crl", request->crl}};
    enum { GIVEN = sizeof(given) / sizeof(given[0]) };
    char *argv[GIVEN + 2] = {name};
    int argc = 1;
    ferry_err err = FERRY_OK;

    for (size_t i = 0; err == FERRY_OK && i < GIVEN; i++)
        if (given[i].value != NULL && (argv[argc++] = ferry_asprintf("--%s=%s", given[i].option, given[i].value)) == NULL)
            err = FERRY_E_NOMEM;
    if (err == FERRY_OK && (err = config_read(argc, argv, config, message)) != FERRY_OK)
        (void)fprintf(stderr, "ferryd: %s\n", message);
    while (argc-- > 1)
        free(argv[argc]);
    return err;
}

static char *data_folder(const struct request *request)
{
    struct config config = {.data = NULL};
    char *folder = read_settings(request, &config) == FERRY_OK ? ferry_strdup(config.data) : NULL;

    config_done(&config);
    return folder;
}

static int failed(const char *problem)
{
    (void)fprintf(stderr, "ferryd: %s\n", problem);
    return EXIT_FAILURE;
}

/* --- init ------------------------------------------------------------------------------------------------- */

static const struct argp_option init_options[] = {
    {.name = "data", .key = KEY_DATA, .arg = "DIR", .doc = "the data folder of ferryd; the files go into DIR/tls"},
    {.name = "config", .key = KEY_CONFIG, .arg = "FILE", .doc = "the settings of ferryd, for the data folder"},
    {.name = "name", .key = KEY_NAME, .arg = "HOST", .doc = "a name or address by which devices or operators reach this "
                                                            "machine; may be given more than once. The machine's own "
                                                            "name and loopback are added"},
    {.name = "days", .key = KEY_DAYS, .arg = "N", .doc = "life of the server's certificate [397]"},
    {.name = "renew", .key = KEY_RENEW, .doc = "a new certificate and key of the server, by the same CA, with the names "
                                               "of the old one and those given"},
    {NULL}};

static const char init_doc[] =
    "Makes a private CA and a certificate for this platform.\v"
    "All listeners of a ferryd with this data folder speak TLS from the next start on. What trusts ca.pem trusts the "
    "platform. Keys are ECDSA P-256; the CA is good for ten years.";

static void say_made(const char *data, bool renewed)
{
    if (renewed) {
        (void)printf("%s/" TLS_SERVER_CERT " is new; the CA is the same, devices need nothing.\n"
                     "A running ferryd takes it at: kill -HUP $(cat %s/lock)\n", data, data);
        return;
    }
    (void)printf("made %s/" TLS_CA_CERT "        copy it to devices and operators: they trust what it signs\n"
                 "     %s/" TLS_CA_KEY "        keep it secret; best on another machine, it is only needed to renew\n"
                 "     %s/" TLS_SERVER_CERT ", " "server.key   for this platform\n\n"
                 "Next: ferryd --data %s\n"
                 "      ferry upload FILE --ca-file ca.pem --broker mqtts://HOST ...\n"
                 "      ferryctl --data %s status          (elsewhere: --api https://HOST:8081 --ca-file ca.pem)\n"
                 "Renew within a year: ferryd tls init --renew --data %s\n",
                 data, data, data, data, data, data);
}

static void add_own_names(struct request *request, const char *host)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "::1"};

    add_name(request, host);
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
        add_name(request, loopback[i]);
}

static int run_init(int argc, char **argv)
{
    static const struct argp argp = {.options = init_options, .parser = take, .doc = init_doc};
    struct request request = {.data = NULL};
    char host[HOST_SIZE] = "", problem[TLS_PROBLEM_SIZE];
    ferry_autofree char *data = NULL;
    struct tls_wish wish = {.days = TLS_SERVER_DAYS};
    ferry_err err;

    config_take_line(&argp, argc, argv, &request);
    data = data_folder(&request);
    if (data == NULL)
        return CONFIG_EXIT_USAGE;
    if (gethostname(host, sizeof(host) - 1) != 0 || !tls_name_ok(host))
        (void)snprintf(host, sizeof(host), "localhost");
    add_own_names(&request, host);
    wish.common_name = request.names[0];
    wish.names = request.names;
    wish.name_count = request.name_count;
    wish.days = request.days != 0 ? request.days : TLS_SERVER_DAYS;
    err = request.renew ? tls_store_renew(data, &wish, problem) : tls_store_init(data, &wish, problem);
    if (err != FERRY_OK)
        return failed(problem);
    say_made(data, request.renew);
    return EXIT_SUCCESS;
}

/* --- device ----------------------------------------------------------------------------------------------- */

static const struct argp_option device_options[] = {
    {.name = "data", .key = KEY_DATA, .arg = "DIR", .doc = "the data folder of ferryd, with the CA for devices in DIR/tls"},
    {.name = "config", .key = KEY_CONFIG, .arg = "FILE", .doc = "the settings of ferryd, for the data folder"},
    {.name = "out", .key = KEY_OUT, .arg = "FOLDER", .doc = "where the two files go [.]"},
    {.name = "days", .key = KEY_DAYS, .arg = "N", .doc = "life of the certificate [3653]"},
    {NULL}};

static const char device_doc[] =
    "Makes a certificate and key with which a device proves who it is.\v"
    "The CA for devices is made with the first one, and taken by a running ferryd at SIGHUP.";

/* "product/device", both of the characters that a topic's part may have. */
static bool split_ok(const char *word, const char **ret_slash)
{
    const char *slash = word != NULL ? strchr(word, '/') : NULL;

    if (slash == NULL)
        return false;
    *ret_slash = slash;
    return ferry_ident_valid((ferry_text){.ptr = word, .len = (size_t)(slash - word)}) &&
           ferry_ident_valid((ferry_text){.ptr = slash + 1, .len = strlen(slash + 1)});
}

static int run_device(int argc, char **argv)
{
    static const struct argp argp = {
        .options = device_options, .parser = take, .args_doc = "PRODUCT/DEVICE", .doc = device_doc};
    struct request request = {.takes_word = true, .out = "."};
    char problem[TLS_PROBLEM_SIZE];
    ferry_autofree char *data = NULL, *base = NULL;
    struct tls_wish wish = {.device = true};
    const char *slash;
    bool made_ca = false;

    config_take_line(&argp, argc, argv, &request);
    if (!split_ok(request.word, &slash)) {
        (void)fprintf(stderr, "ferryd: say which device: ferryd tls device PRODUCT/DEVICE\n");
        return CONFIG_EXIT_USAGE;
    }
    data = data_folder(&request);
    base = ferry_asprintf("%.*s-%s", (int)(slash - request.word), request.word, slash + 1);
    if (data == NULL || base == NULL)
        return CONFIG_EXIT_USAGE;
    wish.common_name = request.word;
    wish.days = request.days != 0 ? request.days : TLS_DEVICE_DAYS;
    if (tls_devices_make(data, request.out, base, &wish, &made_ca, problem) != FERRY_OK)
        return failed(problem);
    (void)printf("made %s/%s.pem, %s/%s.key for the device\n", request.out, base, request.out, base);
    if (made_ca)
        (void)printf("made %s/" TLS_DEVICE_CA_CERT ", the CA for devices. A running ferryd takes it at: kill -HUP $(cat %s/lock)\n", data, data);
    return EXIT_SUCCESS;
}

/* --- revoke ----------------------------------------------------------------------------------------------- */

static const struct argp_option revoke_options[] = {
    {.name = "data", .key = KEY_DATA, .arg = "DIR", .doc = "the data folder of ferryd, with the CA for devices in DIR/tls"},
    {.name = "config", .key = KEY_CONFIG, .arg = "FILE", .doc = "the settings of ferryd, for the data folder and the list"},
    {.name = "device-crl", .key = KEY_CRL, .arg = "LIST", .doc = "the list, when ferryd is given another one with its "
                                                                 "setting of this name [DIR/" TLS_DEVICE_CRL "]"},
    {NULL}};

static const char revoke_doc[] =
    "Takes the right to come in away from certificates of devices: those made for PRODUCT/DEVICE, or the one in FILE.\v"
    "They are put on the list of those that are revoked, which is made when missing. A running ferryd takes it at SIGHUP: then they are refused, and who is "
    "connected with one is disconnected.";

static int revoke_named(const struct config *config, const char *word)
{
    char problem[TLS_PROBLEM_SIZE] = "out of memory";
    ferry_autofree char *list = config->device_crl != NULL ? ferry_strdup(config->device_crl)
                                                           : ferry_asprintf("%s/" TLS_DEVICE_CRL, config->data);
    size_t count = 0;

    if (list == NULL || tls_devices_revoke(config->data, list, word, &count, problem) != FERRY_OK)
        return failed(problem);
    (void)printf("%zu certificate%s on the list %s\n"
                 "A running ferryd takes it at: kill -HUP $(cat %s/lock)\n",
                 count, count == 1 ? " is" : "s are", list, config->data);
    return EXIT_SUCCESS;
}

static int run_revoke(int argc, char **argv)
{
    static const struct argp argp = {
        .options = revoke_options, .parser = take, .args_doc = "PRODUCT/DEVICE|FILE", .doc = revoke_doc};
    struct request request = {.takes_word = true};
    struct config config = {.data = NULL};
    int status;

    config_take_line(&argp, argc, argv, &request);
    if (request.word == NULL) {
        (void)fprintf(stderr, "ferryd: say whose certificates: ferryd tls revoke PRODUCT/DEVICE, or a certificate's file\n");
        return CONFIG_EXIT_USAGE;
    }
    status = read_settings(&request, &config) == FERRY_OK ? revoke_named(&config, request.word) : CONFIG_EXIT_USAGE;
    config_done(&config);
    return status;
}

/* --- the word behind tls ---------------------------------------------------------------------------------- */

int tls_command(int argc, char **argv)
{
    char init_title[] = "ferryd tls init", device_title[] = "ferryd tls device",
         revoke_title[] = "ferryd tls revoke";
    const struct {
        const char *name;
        char *title; /* what usage messages begin with */
        int (*run)(int argc, char **argv);
    } commands[] = {{"init", init_title, run_init},
                    {"device", device_title, run_device},
                    {"revoke", revoke_title, run_revoke}};

    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            argv[1] = commands[i].title;
            return commands[i].run(argc - 1, argv + 1);
        }
    (void)fprintf(stderr, "ferryd: say what to do:\n"
                          "  ferryd tls init [--data DIR] [--name HOST]... [--renew]   certificates for this platform\n"
                          "  ferryd tls device PRODUCT/DEVICE [--data DIR] [--out DIR] a certificate for a device\n"
                          "  ferryd tls revoke PRODUCT/DEVICE [--data DIR]             its certificates are refused from then on\n");
    return CONFIG_EXIT_USAGE;
}
