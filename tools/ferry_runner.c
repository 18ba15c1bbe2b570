#include "ferry_runner.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/log.h"
#include "ferry/md5.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ATTEMPTS_MAX = 3, /* of a hook that is cut short each time: one that reboots the device must not do so for ever */
    RETRY_MS = 30000, /* until a hook that could not be started is tried again */
    RETRY_DISK_MS = 1000, /* until a job that could not be written is */
    RECOVER_MS = 1000,    /* time for the library to say whether it goes on with what was expected */
    BLOCK_BYTES = 64 * 1024,
    MD5_HEX_SIZE = 2 * FERRY_MD5_BYTES + 1,
};

static bool has_hook(const struct ferry_runner *r)
{
    return r->config->hook != NULL || r->config->hook_shell != NULL;
}

void ferry_runner_init(struct ferry_runner *runner, struct ferry_show *show, const struct ferry_config *config)
{
    *runner = (struct ferry_runner){.show = show, .config = config, .recover_ms = UINT64_MAX};
}

void ferry_runner_done(struct ferry_runner *runner)
{
    ferry_job_done(&runner->job);
    ferry_job_done(&runner->unsaved);
    ferry_job_done(&runner->expected);
    ferry_spool_close(&runner->origin);
    ferry_spool_close(&runner->spool);
}

static void warn(struct ferry_runner *r, const char *what, ferry_err err)
{
    ferry_show_event(r->show,
                     json_pack("{s:s, s:s, s:s}", "event", "warning", "message", what, "error", ferry_err_name(err)),
                     SAY_WARNING, "%s: %s", what, ferry_err_text(err));
}

/* --- what is on its way ------------------------------------------------------------------------------- */

static void forget(struct ferry_runner *r)
{
    if (r->spool.folder != NULL)
        ferry_spool_forget(&r->spool);
    ferry_job_done(&r->expected);
    r->recovering = false;
    r->recover_ms = UINT64_MAX;
}

bool ferry_runner_open(struct ferry_runner *r, const char *state_dir, uint64_t now_ms,
                       char reterr_message[FERRY_CONFIG_MESSAGE_SIZE])
{
    ferry_job_done(&r->expected);
    r->recovering = false;
    r->recover_ms = UINT64_MAX;
    if (ferry_runner_is_running(r) && r->origin.folder == NULL) {
        r->origin = r->spool;
        r->spool = (struct ferry_spool){0};
    }
    ferry_spool_close(&r->spool);
    if (state_dir == NULL)
        return true; /* without one there is no hook */
    ferry_err err = ferry_spool_open(&r->spool, state_dir, r->config->product, r->config->device);
    if (err != FERRY_OK) {
        (void)snprintf(reterr_message, FERRY_CONFIG_MESSAGE_SIZE,
                       "the list of files that wait for the hook, in %.200s, cannot be read: %s", state_dir,
                       ferry_err_text(err));
        return false;
    }
    if (!has_hook(r) || ferry_spool_expected(&r->spool, &r->expected) != FERRY_OK) {
        forget(r);
        return true;
    }
    r->recovering = true;
    r->recover_ms = now_ms + RECOVER_MS;
    return true;
}

/* --- the queue ---------------------------------------------------------------------------------------- */

static void save(struct ferry_runner *r, uint64_t now_ms)
{
    ferry_err err = ferry_spool_add(&r->spool, &r->unsaved);

    if (err == FERRY_OK) {
        ferry_job_done(&r->unsaved);
        forget(r);
        return;
    }
    if (r->retry_ms == 0)
        warn(r, "a file cannot be put on the list for the hook; no other is received until it can", err);
    r->retry_ms = now_ms + RETRY_DISK_MS;
}

static void enqueue(struct ferry_runner *r, struct ferry_job *job)
{
    if (r->unsaved.name != NULL) /* only when a file from before a crash met a full disk */
        warn(r, "the hook of a file will not run", FERRY_E_FULL);
    ferry_job_done(&r->unsaved);
    r->unsaved = *job;
    *job = (struct ferry_job){0};
    r->retry_ms = 0;
    save(r, 0);
}

static bool md5_of(const char *path, char out[MD5_HEX_SIZE])
{
    ferry_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ferry_autofree char *block = ferry_malloc(BLOCK_BYTES);
    uint8_t digest[FERRY_MD5_BYTES];
    ferry_md5 md5;
    ssize_t n = -1;

    ferry_md5_init(&md5);
    while (fd >= 0 && block != NULL && (n = read(fd, block, BLOCK_BYTES)) > 0)
        ferry_md5_update(&md5, block, (size_t)n);
    ferry_md5_final(&md5, digest);
    ferry_hex_encode(digest, sizeof digest, out);
    return n == 0;
}

/* The agent died after a file's last report and before it was put on the list; or the file failed in that moment. Then
 * it is not there, or it is an older one of the same name and size, whose hook runs once more. */
static void recover(struct ferry_runner *r)
{
    char md5[MD5_HEX_SIZE];
    uint64_t size = r->expected.size;

    r->recovering = false;
    if (!ferry_job_mark(&r->expected) || r->expected.size != size || !md5_of(r->expected.path, md5)) {
        forget(r);
        return;
    }
    r->expected.md5 = ferry_strdup(md5);
    if (r->expected.md5 != NULL)
        enqueue(r, &r->expected);
}

/* News of a file. When it is another one than the one that an earlier run expected, that one is over. */
static void compare(struct ferry_runner *r, const char *name, uint64_t size)
{
    if (r->recovering && (strcmp(r->expected.name, name) != 0 || r->expected.size != size))
        recover(r);
}

/* DIR/NAME without links and "..", for whoever has another current folder. */
static char *absolute(const char *dir, const char *name)
{
    ferry_autofree char *real = realpath(dir, NULL);

    return ferry_asprintf("%s/%s", real != NULL ? real : dir, name);
}

void ferry_runner_expect(struct ferry_runner *r, const char *dir, const ferry_lane_status *status)
{
    struct ferry_job *job = &r->expected;

    compare(r, status->name, status->size);
    if (!has_hook(r) || r->spool.folder == NULL ||
        (job->name != NULL && strcmp(job->name, status->name) == 0 && job->size == status->size))
        return;
    ferry_job_done(job);
    *job = (struct ferry_job){
        .name = ferry_strdup(status->name), .path = absolute(dir, status->name), .size = status->size};
    if (job->name == NULL || job->path == NULL || ferry_spool_expect(&r->spool, job) != FERRY_OK)
        ferry_job_done(job); /* tried again a moment later; it counts only if the agent dies at the very end */
}

void ferry_runner_received(struct ferry_runner *r, const struct ferry_outcome *outcome)
{
    char md5[MD5_HEX_SIZE];

    compare(r, outcome->name, outcome->size);
    if (!has_hook(r)) {
        forget(r);
        return;
    }
    ferry_hex_encode(outcome->md5, FERRY_MD5_BYTES, md5);
    ferry_autofree char *real = realpath(outcome->path, NULL);
    struct ferry_job job = {.path = ferry_strdup(real != NULL ? real : outcome->path),
                            .name = ferry_strdup(outcome->name),
                            .md5 = ferry_strdup(md5)};
    job.size = outcome->size;
    (void)ferry_job_mark(&job); /* gone already: then its hook will not run */
    if (job.path != NULL && job.name != NULL && job.md5 != NULL)
        enqueue(r, &job);
    else
        warn(r, "the hook of a file will not run", FERRY_E_NOMEM);
    ferry_job_done(&job);
}

void ferry_runner_failed(struct ferry_runner *r, const struct ferry_outcome *outcome)
{
    if (outcome->name[0] == '\0')
        return; /* it failed before there was a file */
    compare(r, outcome->name, outcome->size);
    if (!has_hook(r) || !r->config->hook_failed) {
        forget(r);
        return;
    }
    struct ferry_job job = {.name = ferry_strdup(outcome->name),
                            .error = ferry_strdup(ferry_show_err_name(outcome->err)),
                            .message = ferry_strdup(outcome->message),
                            .size = outcome->size};
    if (job.name != NULL && job.error != NULL && job.message != NULL)
        enqueue(r, &job);
    else
        warn(r, "the hook of a file will not run", FERRY_E_NOMEM);
    ferry_job_done(&job);
}

/* --- the hook ----------------------------------------------------------------------------------------- */

enum fate { FATE_DONE, FATE_AGAIN };

/* One word of what became of it for scripts, and a sentence for people. */
static void show_hook(struct ferry_runner *r, ferry_say_level level, const char *ended,
                      const struct ferry_hook_end *end, const char *sentence)
{
    const struct ferry_job *job = &r->job;
    char name[FERRY_LOG_QUOTE_SIZE];
    json_t *object =
        json_pack("{s:s, s:o*, s:o*, s:s, s:I, s:s, s:o*}", "event", "hook", "name", ferry_show_text(job->name), "path",
                  ferry_show_text(job->path), "result", job->path != NULL ? "done" : "failed", "attempt",
                  (json_int_t)job->attempts, "ended", ended, "message", ferry_show_text(sentence));

    if (object != NULL && end != NULL) {
        bool killed = end->how == HOOK_SIGNALLED;
        if (end->how == HOOK_EXITED || killed)
            (void)json_object_set_new(object, killed ? "signal" : "status", json_integer(end->number));
        (void)json_object_set_new(object, "ms", json_integer((json_int_t)end->ms));
    }
    ferry_show_event(r->show, object, level, "the hook for %s %s", ferry_log_quote(job->name, strlen(job->name), name),
                     sentence);
}

static enum fate show_end(struct ferry_runner *r, const struct ferry_hook_end *end)
{
    char text[128];
    double seconds = (double)end->ms / 1000;

    switch (end->how) {
    case HOOK_EXITED:
        if (end->number == 0)
            (void)snprintf(text, sizeof text, "is done, after %.1f s", seconds);
        else
            (void)snprintf(text, sizeof text, "ended with status %d, after %.1f s", end->number, seconds);
        show_hook(r, end->number == 0 ? SAY_INFO : SAY_ERROR, "exit", end, text);
        return FATE_DONE;
    case HOOK_SIGNALLED:
        (void)snprintf(text, sizeof text, "was killed by signal %d (%s), after %.1f s", end->number,
                       strsignal(end->number), seconds);
        show_hook(r, SAY_ERROR, "signal", end, text);
        return FATE_DONE;
    case HOOK_LATE:
        (void)snprintf(text, sizeof text, "took too long and was ended, after %.1f s (see --hook-timeout)", seconds);
        show_hook(r, SAY_ERROR, "timeout", end, text);
        return FATE_DONE;
    case HOOK_STOPPED:
        show_hook(r, SAY_WARNING, "stopped", end,
                  "was cut short by the end of the agent; it runs again at its next start");
        return FATE_AGAIN;
    }
    return FATE_DONE;
}

/* The running hook's job leaves, and with it its place in the queue unless it is to run again. */
static void leave(struct ferry_runner *r, enum fate fate)
{
    struct ferry_spool *home = r->origin.folder != NULL ? &r->origin : &r->spool;

    if (fate != FATE_AGAIN)
        ferry_spool_remove(home, &r->job);
    ferry_spool_close(&r->origin);
    ferry_job_done(&r->job);
}

/* False: this job is not to be run. */
static bool is_worth_running(struct ferry_runner *r)
{
    const struct ferry_job *job = &r->job;

    if (job->attempts >= ATTEMPTS_MAX) {
        show_hook(r, SAY_ERROR, "given up", NULL, "was cut short each time it ran; it is not run any more");
        return false;
    }
    /* a second attempt may find that the first has moved the file: that one can be told from the number */
    if (job->path != NULL && job->attempts == 0 && !ferry_job_is_unchanged(job)) {
        show_hook(r, SAY_WARNING, "skipped", NULL,
                  "is not run: the file was replaced, changed or removed before its turn");
        return false;
    }
    return true;
}

static void start(struct ferry_runner *r, uint64_t now_ms)
{
    char why[FERRY_HOOK_MESSAGE_SIZE], text[FERRY_HOOK_MESSAGE_SIZE + 64];
    struct ferry_hook_command command = {
        .program = r->config->hook,
        .shell = r->config->hook_shell,
        .product = r->config->product,
        .device = r->config->device,
        .timeout_ms = r->config->hook_timeout_s * 1000,
    };
    r->job.attempts++;
    ferry_err err = ferry_spool_update(&r->spool, &r->job); /* before it begins: it may end the whole device */
    if (err != FERRY_OK)
        warn(r, "an attempt of the hook cannot be noted", err); /* it is better to run it once too often than never */
    if (ferry_hook_start(&r->hook, &command, &r->job, now_ms, why))
        return;
    r->job.attempts--; /* it was none */
    ferry_drop(ferry_spool_update(&r->spool, &r->job));
    (void)snprintf(text, sizeof text, "cannot be started (%s): trying again in %d s", why, RETRY_MS / 1000);
    show_hook(r, SAY_ERROR, "not started", NULL, text);
    r->retry_ms = now_ms + RETRY_MS;
    leave(r, FATE_AGAIN);
}

/* True: there may be another one. */
static bool start_next(struct ferry_runner *r, uint64_t now_ms)
{
    ferry_err err = ferry_spool_first(&r->spool, &r->job);

    if (err == FERRY_OK && is_worth_running(r)) {
        start(r, now_ms);
        return false;
    }
    if (err == FERRY_OK) {
        leave(r, FATE_DONE);
        return true;
    }
    ferry_job_done(&r->job);
    if (err == FERRY_E_NOT_FOUND)
        return false;
    warn(r, "the next file for the hook cannot be read from the list", err);
    r->retry_ms = err == FERRY_E_CORRUPT ? r->retry_ms : now_ms + RETRY_MS;
    return err == FERRY_E_CORRUPT;
}

void ferry_runner_turn(struct ferry_runner *r, uint64_t now_ms, bool receiving, bool may_start)
{
    struct ferry_hook_end end;

    ferry_hook_tick(&r->hook, now_ms);
    if (ferry_hook_ended(&r->hook, now_ms, &end))
        leave(r, show_end(r, &end));
    if (r->unsaved.name != NULL && now_ms >= r->retry_ms)
        save(r, now_ms);
    if (r->unsaved.name == NULL && now_ms >= r->recover_ms) {
        r->recover_ms = UINT64_MAX;
        if (r->recovering && !receiving) /* else that transfer's end will tell */
            recover(r);
    }
    while (may_start && has_hook(r) && r->spool.waiting > 0 && !ferry_runner_is_running(r) && now_ms >= r->retry_ms &&
           start_next(r, now_ms))
        continue;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t ferry_runner_due(const struct ferry_runner *r)
{
    uint64_t due = r->hook.pid != 0 ? r->hook.due_ms : UINT64_MAX;

    if (r->unsaved.name != NULL)
        return earlier(due, r->retry_ms); /* the rest waits for that */
    if (r->spool.waiting > 0 && r->hook.pid == 0 && has_hook(r))
        due = earlier(due, r->retry_ms);
    return earlier(due, r->recover_ms);
}

bool ferry_runner_is_full(const struct ferry_runner *r)
{
    return r->unsaved.name != NULL;
}

bool ferry_runner_is_running(const struct ferry_runner *r)
{
    return r->hook.pid != 0;
}

void ferry_runner_retry(struct ferry_runner *r)
{
    r->retry_ms = 0;
}
