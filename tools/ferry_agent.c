#include "ferry_agent.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/system.h"
#include "ferry_exit.h"
#include "ferry_runner.h"
#include "ferry_service.h"
#include "ferry_show.h"
#include "ferry_signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STATUS_MS = 1000,      /* between two looks at how far a file is */
    STOP_GRACE_MS = 10000, /* for a hook that runs when the agent is to end */
    NAMES_SIZE = 256,
};

_Static_assert((int)FERRY_CONFIG_MESSAGE_SIZE >= (int)FERRY_MESSAGE_SIZE, "the library's words fit");

struct agent {
    const struct ferry_line *line;
    struct ferry_config config; /* as it was read last */
    char *dir, *state_dir;      /* in use; those of config are waiting while a transfer runs */
    struct ferry *ferry;
    struct ferry_show show;
    struct ferry_service service;
    struct ferry_runner runner;
    ferry_lane_status status; /* of the last progress; its name is show.name */
    bool receiving;           /* a transfer is on its way */
    bool is_new;              /* the library was just opened and has told nothing yet */
    uint64_t told_ms;
    int code; /* other than EXIT_DONE: it cannot go on */
};

/* --- what it does, in a line -------------------------------------------------------------------------- */

static void tell_status(struct agent *a)
{
    const ferry_lane_status *s = &a->status;
    char hook[FERRY_NAME_MAX + 64] = "";

    if (ferry_runner_is_running(&a->runner))
        (void)snprintf(hook, sizeof hook, "; hook for %s", a->runner.job.name);
    if (!s->linked)
        ferry_service_status(&a->service, "Connecting to %s%s", a->config.broker, hook);
    else if (a->receiving)
        ferry_service_status(&a->service, "Receiving %s, %d %%%s", a->show.name,
                             s->size == 0 ? 0 : (int)((double)s->offset * 100 / (double)s->size), hook);
    else
        ferry_service_status(&a->service, "Waiting for files from %s%s", a->config.broker, hook);
}

/* The library asks, or waits to ask again: for any file, or for another address of the one that is on its way. */
static bool is_receiving(const struct agent *a, const ferry_lane_status *status)
{
    if (status->phase == FERRY_PHASE_ASK || status->phase == FERRY_PHASE_PAUSE)
        return a->receiving || (a->is_new && status->size > 0); /* size: a snapshot has brought one back */
    return status->phase > FERRY_PHASE_KEPT;
}

static void on_progress(void *user, ferry_lane lane, const ferry_lane_status *status)
{
    struct agent *a = user;
    uint64_t now = ferry_mono_ms();

    ferry_show_progress(&a->show, lane, status);
    if (lane != FERRY_LANE_DOWN)
        return;
    bool fresh =
        status->phase != a->status.phase || status->linked != a->status.linked || now >= a->told_ms + STATUS_MS;
    a->status = *status;
    a->receiving = is_receiving(a, status);
    a->is_new = a->is_new && a->receiving;
    if (status->phase == FERRY_PHASE_MOVE || status->phase == FERRY_PHASE_COMMIT)
        ferry_runner_expect(&a->runner, a->dir, status);
    if (!fresh)
        return;
    a->told_ms = now;
    tell_status(a);
}

/* --- the library -------------------------------------------------------------------------------------- */

static struct ferry_options options_of(struct agent *a, const struct ferry_config *config, const char *state_dir)
{
    struct ferry_options options = ferry_config_options(config);

    options.state_dir = state_dir;
    options.give_up_ms = FERRY_FOR_EVER;
    options.confirm_ms = FERRY_FOR_EVER;
    options.progress = on_progress;
    options.user = a;
    return options;
}

static void close_library(struct agent *a)
{
    ferry_signals_interrupt(NULL);
    a->show.ferry = NULL;
    a->ferry = ferry_close(a->ferry);
    a->status = (ferry_lane_status){0};
    a->receiving = false;
}

static ferry_device_err open_library(struct agent *a, char message[FERRY_MESSAGE_SIZE])
{
    struct ferry_options options = options_of(a, &a->config, a->state_dir);
    ferry_device_err err = ferry_open(&options, &a->ferry, message);

    if (err != FERRY_DEVICE_OK)
        return err;
    a->is_new = true;
    a->show.ferry = a->ferry;
    a->show.linked = false;
    a->show.link_tries = 0;
    ferry_signals_interrupt(a->ferry);
    if (ferry_runner_open(&a->runner, a->state_dir, ferry_mono_ms(), message))
        return FERRY_DEVICE_OK;
    close_library(a);
    return FERRY_DEVICE_E_STORE;
}

/* --- the settings ------------------------------------------------------------------------------------- */

static bool set(char **text, const char *value)
{
    char *copy = value == NULL ? NULL : ferry_strdup(value);

    if (value != NULL && copy == NULL)
        return false;
    free(*text);
    *text = copy;
    return true;
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Could the agent work with these? Opened without a state folder, the library checks all but that. */
static bool is_usable(struct agent *a, const struct ferry_config *config, char *message)
{
    struct ferry_options options = options_of(a, config, NULL);
    struct ferry *trial = NULL;
    ferry_err err = config->state_dir == NULL ? FERRY_OK : ferry_dir_make(config->state_dir, 0700);

    if (ferry_open(&options, &trial, message) != FERRY_DEVICE_OK)
        return false;
    trial = ferry_close(trial);
    if (err != FERRY_OK)
        (void)snprintf(message, FERRY_CONFIG_MESSAGE_SIZE, "the state folder %.300s: %s", config->state_dir,
                       ferry_err_text(err));
    else if (access(config->dir, W_OK | X_OK) != 0)
        (void)snprintf(message, FERRY_CONFIG_MESSAGE_SIZE, "the folder for received files, %.300s: %s", config->dir,
                       strerror(errno));
    else
        return true;
    return false;
}

static void swap(struct ferry_config *a, struct ferry_config *b)
{
    struct ferry_config kept = *a;

    *a = *b;
    *b = kept;
}

static void show_refused(struct agent *a, const char *message)
{
    ferry_show_event(&a->show, json_pack("{s:s, s:o*}", "event", "reload_failed", "message", ferry_show_text(message)),
                     SAY_ERROR, "the new settings are not taken: %s", message);
}

/* "a, b" as an array */
static json_t *array_of(const char *names)
{
    json_t *array = json_array();

    for (size_t len; *names != '\0'; names += len + strspn(names + len, ", ")) {
        len = strcspn(names, ",");
        (void)json_array_append_new(array, json_stringn(names, len));
    }
    return array;
}

static void show_reloaded(struct agent *a, const char *names, unsigned effects)
{
    bool waits = (effects & FERRY_EFFECT_PLACE) != 0 && a->receiving;

    ferry_show_event(&a->show, json_pack("{s:s, s:o}", "event", "reloaded", "changed", array_of(names)), SAY_NOTICE,
                     "settings read again, %s%s%s", names[0] == '\0' ? "nothing has changed" : "changed: ", names,
                     waits ? " (folders when the running transfer has ended)" : "");
}

/* Closes and opens again with the settings and the state folder of now. If that fails it is the end. */
static void reopen(struct agent *a)
{
    char message[FERRY_MESSAGE_SIZE];

    close_library(a);
    ferry_device_err err = open_library(a, message);
    if (err == FERRY_DEVICE_OK)
        return;
    ferry_show_failed(&a->show, FERRY_LANE_DOWN, err, message);
    a->code = ferry_exit_code(err);
}

/* The same, but if it fails it goes on with the settings and the folder before; false then. */
static bool reconnect(struct agent *a, struct ferry_config *before, char **state_before)
{
    char message[FERRY_MESSAGE_SIZE];

    close_library(a);
    if (open_library(a, message) == FERRY_DEVICE_OK)
        return true;
    show_refused(a, message);
    swap(&a->config, before);
    if (*state_before != NULL) {
        free(a->state_dir);
        a->state_dir = FERRY_TAKE(*state_before);
    }
    reopen(a);
    return false;
}

static void adopt(struct agent *a, struct ferry_config *fresh)
{
    char names[NAMES_SIZE];
    unsigned effects = ferry_config_changes(&a->config, fresh, names, sizeof names);
    ferry_autofree char *old_state = NULL;

    swap(&a->config, fresh);
    if ((effects & FERRY_EFFECT_IDENTITY) != 0) { /* what runs stays behind in any case: nothing to wait for */
        old_state = FERRY_TAKE(a->state_dir);
        (void)set(&a->state_dir, a->config.state_dir);
    }
    if ((effects & (FERRY_EFFECT_RECONNECT | FERRY_EFFECT_IDENTITY)) == 0 || reconnect(a, fresh, &old_state))
        show_reloaded(a, names, effects);
    if (a->config.json != a->show.json)
        progress_init(&a->show.progress, stderr, a->config.json);
    a->show.json = a->config.json;
    a->show.broker = a->config.broker;
    ferry_runner_retry(&a->runner);
}

static void warn_of(struct agent *a, const char *warning)
{
    if (warning != NULL)
        ferry_show_event(&a->show, json_pack("{s:s, s:o*}", "event", "warning", "message", ferry_show_text(warning)),
                         SAY_WARNING, "warning: %s", warning);
}

static void reload(struct agent *a)
{
    struct ferry_config fresh;
    char message[FERRY_CONFIG_MESSAGE_SIZE];

    ferry_service_reloading(&a->service);
    if (ferry_config_load(&fresh, a->line, message) && is_usable(a, &fresh, message)) {
        warn_of(a, fresh.warning);
        adopt(a, &fresh);
    } else
        show_refused(a, message);
    ferry_config_done(&fresh);
    ferry_service_ready(&a->service);
    tell_status(a);
}

/* The folders of the settings come into use as soon as nothing unfinished lies in the old ones. True: it reopened. */
static bool move(struct agent *a)
{
    if (a->receiving)
        return false;
    if (!same(a->dir, a->config.dir) && ferry_listen(a->ferry, a->config.dir) != FERRY_DEVICE_E_STATE)
        (void)set(&a->dir, a->config.dir); /* without memory: the next time */
    if (same(a->state_dir, a->config.state_dir) || !set(&a->state_dir, a->config.state_dir))
        return false;
    reopen(a);
    return true;
}

/* --- the work ----------------------------------------------------------------------------------------- */

static void failed(struct agent *a, const struct ferry_outcome *outcome)
{
    char message[FERRY_MESSAGE_SIZE + 128];

    (void)snprintf(message, sizeof message, "%s%s", outcome->message, ferry_exit_advice(outcome->err, true));
    ferry_runner_failed(&a->runner, outcome);
    ferry_show_failed(&a->show, FERRY_LANE_DOWN, outcome->err, message);
    if (outcome->err == FERRY_DEVICE_E_STORE && access(a->dir, W_OK | X_OK) != 0)
        a->code = ferry_exit_code(outcome->err);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Lets the library work until something has happened, a signal came, or it is time for something else. */
static void receive(struct agent *a, uint64_t due_ms)
{
    struct ferry_outcome outcome;
    uint64_t now = ferry_mono_ms();
    uint64_t wait_ms = due_ms == UINT64_MAX ? FERRY_FOR_EVER : due_ms > now ? due_ms - now : 0;

    if (!ferry_step(a->ferry, wait_ms, &outcome))
        return;
    if (outcome.lane != FERRY_LANE_DOWN)
        return; /* an upload that `ferry upload` has finished: now the platform knows it too */
    if (outcome.err != FERRY_DEVICE_OK) {
        failed(a, &outcome);
        return;
    }
    ferry_show_received(&a->show, outcome.name, outcome.size, outcome.path, outcome.md5);
    ferry_runner_received(&a->runner, &outcome);
}

/* Takes what is offered, unless a file could not be put on the hook's list yet: then it would be one too many. */
static bool listen_or_not(struct agent *a)
{
    if (ferry_runner_is_full(&a->runner)) {
        ferry_listen_end(a->ferry);
        return true;
    }
    ferry_device_err err = ferry_listen(a->ferry, a->dir);
    if (err == FERRY_DEVICE_OK)
        return true;
    ferry_show_failed(&a->show, FERRY_LANE_DOWN, err, ferry_message(a->ferry));
    a->code = ferry_exit_code(err);
    return false;
}

/* Everything but receiving; returns when it wants to be called again. */
static uint64_t turn(struct agent *a, bool may_start)
{
    bool was_running = ferry_runner_is_running(&a->runner);

    ferry_service_alive(&a->service, ferry_mono_ms());
    ferry_runner_turn(&a->runner, ferry_mono_ms(), a->receiving, may_start);
    if (ferry_runner_is_running(&a->runner) != was_running)
        tell_status(a);
    return earlier(ferry_runner_due(&a->runner), a->service.due_ms);
}

static void work(struct agent *a)
{
    while (ferry_signals_ends() == 0 && a->code == EXIT_DONE) {
        /* after each of these once around: a signal that came while there was no library to wake must be seen */
        if (ferry_signals_take_reload()) {
            reload(a);
            continue;
        }
        if (move(a))
            continue;
        uint64_t due = turn(a, true);
        if (listen_or_not(a))
            receive(a, due);
    }
}

/* A hook in the middle of its work may bring it to an end, within reason. */
static void await_hook(struct agent *a)
{
    uint64_t patience_ms = ferry_mono_ms() + STOP_GRACE_MS;
    int ends = ferry_signals_ends() == 0 ? 0 : 1; /* one more is impatience */

    if (ferry_runner_is_running(&a->runner)) {
        ferry_show_event(&a->show, NULL, SAY_NOTICE, "waiting for the hook, at most %d s", STOP_GRACE_MS / 1000);
        ferry_service_status(&a->service, "Waiting for the hook for %s", a->runner.job.name);
    }
    while (turn(a, false), ferry_runner_is_running(&a->runner)) {
        if (ferry_mono_ms() >= patience_ms || ferry_signals_ends() > ends) {
            ferry_hook_stop(&a->runner.hook, ferry_mono_ms());
            patience_ms = UINT64_MAX; /* the hook has a deadline of its own now */
            ends = ferry_signals_ends();
        }
        ferry_signals_sleep(earlier(patience_ms, earlier(ferry_runner_due(&a->runner), a->service.due_ms)));
    }
}

static bool begin(struct agent *a)
{
    char message[FERRY_MESSAGE_SIZE] = "out of memory";
    ferry_device_err err = FERRY_DEVICE_E_SYSTEM;

    warn_of(a, a->config.warning);
    if (set(&a->dir, a->config.dir) && set(&a->state_dir, a->config.state_dir))
        err = open_library(a, message);
    if (err == FERRY_DEVICE_OK)
        return listen_or_not(a);
    ferry_show_failed(&a->show, FERRY_LANE_DOWN, err, message);
    a->code = ferry_exit_code(err);
    return false;
}

int ferry_agent(const struct ferry_line *line, struct ferry_config *config)
{
    struct agent a = {.line = line, .config = *config};

    *config = (struct ferry_config){0};
    ferry_signals_catch(true);
    ferry_service_init(&a.service, ferry_mono_ms());
    ferry_show_init(&a.show, a.config.json, true, a.config.broker);
    ferry_runner_init(&a.runner, &a.show, &a.config);
    if (begin(&a)) {
        ferry_service_ready(&a.service);
        tell_status(&a);
        work(&a);
    }
    ferry_service_stopping(&a.service);
    close_library(&a);
    await_hook(&a);
    ferry_runner_done(&a.runner);
    ferry_service_done(&a.service);
    free(a.dir);
    free(a.state_dir);
    ferry_config_done(&a.config);
    return a.code;
}
