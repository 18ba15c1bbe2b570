/* How a deployment goes, until it has ended. */
#include "ferryctl_commands.h"

#include "base/system.h"
#include "ferryctl_live.h"
#include "ferryctl_memory.h"
#include "ferryctl_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_MS = 200,
    STEP_MS = 100,  /* each look is so much later than the one before ... */
    LAST_MS = 2000, /* ... up to this */
    LINE_SIZE = 256,
};

static long long count_of(const json_t *deployment, const char *state)
{
    return json_integer_value(json_object_get(json_object_get(deployment, "counts"), state));
}

/* "3 of 10 done, 2 downloading, 1 failed" */
static void describe(const json_t *deployment, char out[LINE_SIZE])
{
    static const char *const states[] = {"downloading", "offered",  "queued",   "failed",
                                         "timed_out",   "rejected", "cancelled"};
    size_t len = (size_t)snprintf(out, LINE_SIZE, "%lld of %lld done", count_of(deployment, "done"),
                                  count_of(deployment, "total"));

    for (size_t i = 0; i < sizeof states / sizeof states[0] && len < LINE_SIZE; i++) {
        if (count_of(deployment, states[i]) > 0)
            len +=
                (size_t)snprintf(out + len, LINE_SIZE - len, ", %lld %s", count_of(deployment, states[i]), states[i]);
    }
}

/* A new line for a log, an object for a script; only when something changed. */
static void report(const json_t *deployment, bool json, const char *line, char last[LINE_SIZE])
{
    if (strcmp(line, last) == 0)
        return;
    (void)snprintf(last, LINE_SIZE, "%s", line);
    if (json)
        ctl_print_json(deployment);
    else
        (void)printf("%s\n", line);
    (void)fflush(stdout);
}

void ctl_pause_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&pause, NULL);
}

static enum ctl_exit conclude(const json_t *deployment, const char *id)
{
    long long total = count_of(deployment, "total"), done = count_of(deployment, "done");

    if (done == total && total > 0)
        return CTL_DONE;
    if (total == 0)
        return ctl_fail(CTL_FAILED, "the deployment reached no device");
    return ctl_fail(CTL_FAILED, "%lld of %lld devices do not have the file. Which and why: ferryctl deployment show %s",
                    total - done, total, id);
}

static enum ctl_exit follow(struct ctl *ctl, const char *id, struct ctl_live *live)
{
    ferry_autofree char *path = ctl_path("/api/v1/deployments/%s", id);
    char line[LINE_SIZE], last[LINE_SIZE] = "";

    for (unsigned wait_ms = FIRST_MS;; wait_ms += wait_ms < LAST_MS ? STEP_MS : 0) {
        ctl_autojson *deployment = NULL;
        enum ctl_exit status = ctl_api_call(&ctl->api, "GET", path, NULL, &deployment);
        if (status != CTL_DONE)
            return status;
        describe(deployment, line);
        if (live != NULL)
            status = ctl_live_draw(ctl, live, deployment, line);
        else
            report(deployment, ctl->options->json, line, last);
        if (status != CTL_DONE)
            return status;
        const char *state = json_string_value(json_object_get(deployment, "state"));
        if (state == NULL || (strcmp(state, "active") != 0 && strcmp(state, "paused") != 0)) {
            if (live != NULL)
                (void)putchar('\n');
            return conclude(deployment, id);
        }
        ctl_pause_ms(wait_ms);
    }
}

enum ctl_exit ctl_follow(struct ctl *ctl, const char *id)
{
    struct ctl_live live = {.lines = 0};
    bool on_terminal = !ctl->options->json && isatty(STDOUT_FILENO) == 1;
    enum ctl_exit status = follow(ctl, id, on_terminal ? &live : NULL);

    ferry_buf_done(&live.shown);
    return status;
}
