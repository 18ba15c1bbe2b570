/* The blocking API. */
#include "port.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { GIVE_UP_MS = 60000, CONFIRM_MS = 30000, BACKOFF_MAX_MS = 15000 };

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
    f->config.backoff_max_ms = f->config.give_up_ms > 4 * BACKOFF_MAX_MS ? f->config.backoff_max_ms : BACKOFF_MAX_MS;
    f->mem = malloc(mem_bytes);
    f->files.block = malloc(FERRY__BLOCK_BYTES);
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
    else if (options->secret == NULL ||
             ferry__secret_decode(options->secret, f->secret, &f->secret_len) != FERRY_DEVICE_OK)
        wrong = "the device secret is missing or is not base64: take it from where the device was registered";
    else if (options->broker == NULL ||
             ferry__broker_parse(options->broker, &f->mqtt.host, &f->mqtt.port, &f->mqtt.tls) != FERRY_DEVICE_OK)
        wrong = "the broker must be given as mqtt://host[:port] or mqtts://host[:port]";
    if (wrong == NULL)
        return FERRY_DEVICE_OK;
    (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "%s", wrong);
    return FERRY_DEVICE_E_ARG;
}

/* A certificate that cannot be read would look like a network that fails again and again. */
static ferry_device_err check_certificates(const struct ferry_options *o, char reterr_message[FERRY_MESSAGE_SIZE])
{
    const char *const files[] = {o->ca_file, o->cert_file, o->key_file};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i] == NULL || access(files[i], R_OK) == 0)
            continue;
        (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE, "%.300s: %s", files[i], strerror(errno));
        return FERRY_DEVICE_E_ARG;
    }
    if ((o->cert_file == NULL) == (o->key_file == NULL))
        return FERRY_DEVICE_OK;
    (void)snprintf(reterr_message, FERRY_MESSAGE_SIZE,
                   "a client certificate needs its key, and the key its certificate");
    return FERRY_DEVICE_E_ARG;
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
    f->wait_end_ms = UINT64_MAX;
    f->epoll_fd = f->timer_fd = f->wake_fd = f->mqtt.fd = f->state.dir_fd = f->state.lock_fd = -1;
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
    *ret_ferry = f;
    return FERRY_DEVICE_OK;
}

struct ferry *ferry_close(struct ferry *f)
{
    if (f == NULL)
        return NULL;
    ferry__http_done(f);
    ferry__mqtt_disconnect(f);
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

static ferry_device_err fail(struct ferry *f, ferry_device_err err, const char *what, const char *about)
{
    f->why = FERRY_WHY_NONE;
    f->detail = 0;
    (void)snprintf(f->message, sizeof f->message, "%.300s: %s", about, what);
    return err;
}

static ferry_device_err stopped(struct ferry *f)
{
    f->interrupted = 0;
    ferry__explain(f, FERRY_DEVICE_E_STOPPED, FERRY_WHY_NONE, 0);
    return FERRY_DEVICE_E_STOPPED;
}

static ferry_device_err outcome(struct ferry *f, ferry_lane lane)
{
    const ferry_action *act = &f->outcome[lane];

    ferry__explain(f, act->err, act->why, act->detail);
    f->last_size = act->size;
    return act->err;
}

/* Runs until the lane's transfer has ended. False: interrupted. */
static bool run(struct ferry *f, ferry_lane lane)
{
    f->finished[lane] = false;
    ferry__step(f, false);
    while (!f->finished[lane] && f->interrupted == 0)
        ferry__step(f, true);
    return f->finished[lane];
}

static ferry_phase phase_of(const struct ferry *f, ferry_lane lane)
{
    ferry_lane_status status;

    ferry_device_status(&f->device, lane, &status);
    return status.phase;
}

/* A result of an earlier run that the platform has not confirmed goes first. */
static bool settle_earlier(struct ferry *f, const ferry_upload_request *request, bool *ret_same)
{
    const ferry_action *act = &f->outcome[FERRY_LANE_UP];

    *ret_same = false;
    if (phase_of(f, FERRY_LANE_UP) == FERRY_PHASE_IDLE)
        ferry__state_restore(f, FERRY_LANE_UP);
    if (phase_of(f, FERRY_LANE_UP) == FERRY_PHASE_IDLE || phase_of(f, FERRY_LANE_UP) == FERRY_PHASE_KEPT)
        return true;
    if (!run(f, FERRY_LANE_UP))
        return false;
    *ret_same = act->size == request->size && act->tag == request->tag && strcmp(act->name, request->name) == 0 &&
                (act->err == FERRY_DEVICE_OK || act->err == FERRY_DEVICE_E_UNCONFIRMED);
    return true;
}

static ferry_device_err upload(struct ferry *f, const ferry_upload_request *request)
{
    bool same;

    if (!settle_earlier(f, request, &same))
        return stopped(f);
    if (same)
        return outcome(f, FERRY_LANE_UP);
    if (ferry_device_upload(&f->device, ferry__now_ms(), request) != FERRY_DEVICE_OK)
        return fail(f, FERRY_DEVICE_E_ARG,
                    "a name on the platform is 1 to 255 bytes of UTF-8 without control characters", request->name);
    return run(f, FERRY_LANE_UP) ? outcome(f, FERRY_LANE_UP) : stopped(f);
}

ferry_device_err ferry_upload_file(struct ferry *f, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    ferry_upload_request request = {.name = name != NULL ? name : slash != NULL ? slash + 1 : path};
    ferry_device_err err = ferry__source_open(f, path, &request.size, &request.tag);

    if (err == FERRY_DEVICE_E_ARG)
        err = fail(f, FERRY_DEVICE_E_SOURCE,
                   errno == EISDIR ? "is a folder: only files can be sent" : "is empty or no regular file", path);
    else if (err != FERRY_DEVICE_OK)
        err = fail(f, err, strerror(errno), path);
    else
        err = upload(f, &request);
    ferry__source_close(f);
    return err;
}

/* Nothing has been offered yet: waiting may end. */
static bool still_waiting(const struct ferry *f)
{
    ferry_lane_status status;

    ferry_device_status(&f->device, FERRY_LANE_DOWN, &status);
    return status.phase == FERRY_PHASE_IDLE || (status.phase == FERRY_PHASE_ASK && status.size == 0);
}

/* As run(), but at most wait_ms for an offer. */
static bool run_until(struct ferry *f, uint64_t wait_ms, bool *ret_timeout)
{
    uint64_t start = ferry__now_ms(), end = wait_ms < UINT64_MAX - start ? start + wait_ms : UINT64_MAX;

    *ret_timeout = false;
    f->finished[FERRY_LANE_DOWN] = false;
    f->wait_end_ms = end;
    ferry__step(f, false);
    while (!f->finished[FERRY_LANE_DOWN] && f->interrupted == 0) {
        if (ferry__now_ms() >= end && still_waiting(f)) {
            *ret_timeout = true;
            break;
        }
        ferry__step(f, true);
    }
    f->wait_end_ms = UINT64_MAX;
    return f->finished[FERRY_LANE_DOWN];
}

static ferry_device_err received(struct ferry *f, struct ferry_file *ret_file)
{
    const ferry_action *act = &f->outcome[FERRY_LANE_DOWN];
    size_t size = strlen(f->files.dir) + strlen(act->name) + 2;
    char *path = malloc(size);

    if (path == NULL)
        return fail(f, FERRY_DEVICE_E_SYSTEM, "out of memory", act->name);
    (void)snprintf(path, size, "%s/%s", f->files.dir, act->name);
    (void)snprintf(ret_file->name, sizeof ret_file->name, "%s", act->name);
    ret_file->path = path;
    ret_file->size = act->size;
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_download_next(struct ferry *f, const char *dir, uint64_t wait_ms, struct ferry_file *ret_file)
{
    bool timeout = false;

    if (ferry__folder_open(f, dir) != FERRY_DEVICE_OK)
        return fail(f, FERRY_DEVICE_E_STORE, strerror(errno), dir);
    if (phase_of(f, FERRY_LANE_DOWN) == FERRY_PHASE_IDLE && !f->device.listening)
        ferry__state_restore(f, FERRY_LANE_DOWN);
    if (wait_ms == 0)
        ferry_device_fetch(&f->device, ferry__now_ms());
    else
        ferry_device_listen(&f->device, ferry__now_ms(), true);
    bool ended = wait_ms == 0 ? run(f, FERRY_LANE_DOWN) : run_until(f, wait_ms, &timeout);
    if (timeout) {
        ferry_device_listen(&f->device, ferry__now_ms(), false);
        ferry__explain(f, FERRY_DEVICE_E_NO_TASK, FERRY_WHY_NONE, 0);
        return FERRY_DEVICE_E_NO_TASK;
    }
    if (!ended)
        return stopped(f);
    ferry_device_err err = outcome(f, FERRY_LANE_DOWN);
    return err == FERRY_DEVICE_OK ? received(f, ret_file) : err;
}

void ferry_cancel(struct ferry *f, ferry_lane lane)
{
    (void)ferry_device_cancel(&f->device, ferry__now_ms(), lane); /* nothing to cancel: nothing to do */
}

void ferry_interrupt(struct ferry *f)
{
    uint64_t one = 1;
    int saved = errno;

    f->interrupted = 1;
    (void)!write(f->wake_fd, &one, sizeof one); /* full: the loop is awake anyway */
    errno = saved;
}

const char *ferry_message(const struct ferry *f)
{
    return f->message;
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
