/* Life: open and close. */
#include "port.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE = 4096,
    GIVE_UP_MS = 60000,
    CONFIRM_MS = 30000,
    BACKOFF_MAX_MS = 15000,
    LOW_SPEED_MS = 60000,
    LOW_SPEED_BYTES_PER_S = 100,
};

static pthread_once_t libraries_once = PTHREAD_ONCE_INIT;

static void libraries_init(void)
{
    (void)mosquitto_lib_init();
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* The texts of the options, which a ferry owns. */
static bool options_copy(struct ferry *f, const struct ferry_options *options)
{
    const char **const texts[] = {&f->options.product,   &f->options.device,  &f->options.broker,
                                  &f->options.state_dir, &f->options.ca_file, &f->options.cert_file,
                                  &f->options.key_file};
    _Static_assert(sizeof texts / sizeof texts[0] == FERRY__TEXTS, "each has its place in f->texts");

    f->options = *options;
    f->options.secret = NULL;
    for (size_t i = 0; i < FERRY__TEXTS; i++) {
        if (*texts[i] != NULL && (f->texts[i] = strdup(*texts[i])) == NULL)
            return false;
        *texts[i] = f->texts[i];
    }
    if (f->options.low_speed_ms == 0)
        f->options.low_speed_ms = LOW_SPEED_MS;
    if (f->options.low_speed_bytes_per_s == 0)
        f->options.low_speed_bytes_per_s = LOW_SPEED_BYTES_PER_S;
    return true;
}

static uint32_t ms_or(uint64_t given, uint32_t fallback)
{
    if (given == 0)
        return fallback;
    return given < UINT32_MAX ? (uint32_t)given : UINT32_MAX;
}

static ferry_device_err engine_init(struct ferry *f)
{
    size_t mem_bytes = FERRY_DEVICE_MEM(FERRY_NAME_MAX, FERRY_URL_MAX);

    f->config =
        (ferry_device_config){.product = f->options.product, .device = f->options.device, FERRY_DEVICE_DEFAULTS};
    f->config.give_up_ms = ms_or(f->options.give_up_ms, GIVE_UP_MS);
    f->config.confirm_ms = ms_or(f->options.confirm_ms, CONFIRM_MS);
    f->config.stall_ms = ms_or(f->options.stall_ms, f->config.stall_ms);
    f->config.backoff_max_ms = f->config.give_up_ms > 4 * BACKOFF_MAX_MS ? f->config.backoff_max_ms : BACKOFF_MAX_MS;
    f->mem = malloc(mem_bytes);
    f->files.block = aligned_alloc(PAGE, FERRY__BLOCK_BYTES); /* the kernel copies a sixth faster into whole pages */
    if (f->mem == NULL || f->files.block == NULL)
        return FERRY_DEVICE_E_SYSTEM;
    return ferry_device_init(&f->device, &f->config, f->mem, mem_bytes, ferry__seed(), NULL);
}

/* Everything of a new ferry that can fail for the caller's reasons. */
static ferry_device_err check_identity(struct ferry *f, const struct ferry_options *options,
                                       char reterr_message[FERRY_MESSAGE_SIZE])
{
    const char *wrong = NULL;

    if (!ferry_ident_valid(ferry_text_of(options->product)) || !ferry_ident_valid(ferry_text_of(options->device)))
        wrong = "product and device are needed, each of 1 to 64 of A-Z a-z 0-9 _ : -";
    else if (options->secret == NULL
                 ? options->cert_file == NULL
                 : ferry__secret_decode(options->secret, f->secret, &f->secret_len) != FERRY_DEVICE_OK)
        wrong = "the device secret is missing or is not base64: take it from where the device was registered";
    else if (options->broker == NULL ||
             ferry__broker_parse(options->broker, &f->mqtt.host, &f->mqtt.port, &f->mqtt.secure) != FERRY_DEVICE_OK)
        wrong = "the broker must be given as mqtt://host[:port] or mqtts://host[:port]";
    else if (options->secret == NULL && !f->mqtt.secure)
        wrong = "a client certificate works over TLS only: give the broker as mqtts://host[:port]";
    if (wrong == NULL)
        return FERRY_DEVICE_OK;
    (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "%s", wrong);
    return FERRY_DEVICE_E_ARG;
}

/* A certificate that cannot be used would look like a network that fails again and again. */
static ferry_device_err check_certificates(const struct ferry_options *o, char reterr_message[FERRY_MESSAGE_SIZE])
{
    bool none = o->ca_file == NULL && o->cert_file == NULL && o->key_file == NULL;

    return none ? FERRY_DEVICE_OK : ferry__tls_check(o, reterr_message);
}

static ferry_device_err open_parts(struct ferry *f)
{
    ferry_device_err err = engine_init(f);

    if (err == FERRY_DEVICE_OK)
        err = ferry__loop_init(f);
    if (err == FERRY_DEVICE_OK)
        err = ferry__http_init(f);
    return err;
}

ferry_device_err ferry_open(const struct ferry_options *options, struct ferry **ret_ferry,
                            char reterr_message[FERRY_MESSAGE_SIZE])
{
    struct ferry *f = calloc(1, sizeof *f);

    (void)pthread_once(&libraries_once, libraries_init);
    if (f == NULL) {
        (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "out of memory");
        return FERRY_DEVICE_E_SYSTEM;
    }
    f->epoll_fd = f->timer_fd = f->wake_fd = f->mqtt.fd = -1;
    f->state = FERRY__STATE_NONE;
    f->files.source_fd = f->files.dir_fd = f->files.part_fd = -1;
    ferry_device_err err = check_identity(f, options, reterr_message);
    if (err == FERRY_DEVICE_OK)
        err = check_certificates(options, reterr_message);
    if (err == FERRY_DEVICE_OK) {
        err = options_copy(f, options) ? open_parts(f) : FERRY_DEVICE_E_SYSTEM;
        if (err != FERRY_DEVICE_OK)
            (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "%s: %s", ferry_device_err_text(err), strerror(errno));
        else
            err = ferry__state_open(f, reterr_message);
    }
    if (err != FERRY_DEVICE_OK) {
        (void)ferry_close(f);
        return err;
    }
    ferry__part_name(f);
    ferry__state_restore(f, FERRY_LANE_UP); /* a download waits until its folder is known */
    ferry__wake(f);
    *ret_ferry = f;
    return FERRY_DEVICE_OK;
}

struct ferry *ferry_close(struct ferry *f)
{
    struct ferry__pipe_guard guard;

    if (f == NULL)
        return NULL;
    ferry__pipe_guard_begin(&guard);
    ferry__http_done(f);
    ferry__mqtt_done(f);
    ferry__pipe_guard_end(&guard);
    ferry__state_close(f);
    ferry__files_done(f);
    ferry__loop_done(f);
    OPENSSL_cleanse(f->secret, sizeof f->secret);
    for (size_t i = 0; i < FERRY__TEXTS; i++)
        free(f->texts[i]);
    free(f->mqtt.host);
    free(f->mem);
    free(f);
    return NULL;
}

const char *ferry_version(void)
{
    return FERRY_VERSION;
}

const char *ferry_message(const struct ferry *f)
{
    return f->message;
}

const char *ferry_link_reason(const struct ferry *f)
{
    return f->mqtt.reason.text; /* forgotten at each attempt */
}

uint64_t ferry_last_size(const struct ferry *f)
{
    return f->last_size;
}

void ferry_detail(const struct ferry *f, ferry_why *ret_why, int *ret_detail)
{
    *ret_why = f->why;
    *ret_detail = f->detail;
}
