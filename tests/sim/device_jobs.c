/* What a device's application wants: its files to be sent, one after the other, again and again until each is there. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MAX_MS = 20 * 1000 };

void jobs_add(struct sim_device *d, const char *name, struct content content)
{
    if (d->jobs_count == DEVICE_JOBS_MAX)
        return;
    if ((d->jobs_count & (d->jobs_count - 1)) == 0) {
        d->jobs = realloc(d->jobs, (d->jobs_count == 0 ? 1 : 2 * d->jobs_count) * sizeof *d->jobs);
        if (d->jobs == NULL)
            abort();
    }
    struct job *job = &d->jobs[d->jobs_count++];
    *job = (struct job){.content = content, .tag = d->jobs_count};
    (void)snprintf(job->name, sizeof job->name, "%s", name);
    if (d->on && !d->running && !d->job_runs)
        device_run(d);
}

struct job *jobs_find(struct sim_device *d, const char *name, uint64_t tag)
{
    struct job *job = tag >= 1 && tag <= d->jobs_count ? &d->jobs[tag - 1] : NULL;
    return job != NULL && strcmp(job->name, name) == 0 ? job : NULL;
}

void jobs_go_on(struct sim_device *d)
{
    while (d->jobs_next < d->jobs_count && d->jobs[d->jobs_next].finished)
        d->jobs_next++;
    if (d->job_runs || d->jobs_next == d->jobs_count || d->sim->now_ms < d->job_after_ms)
        return;
    struct job *job = &d->jobs[d->jobs_next];
    ferry_upload_request request = {.name = job->name, .size = job->content.size, .tag = job->tag};
    ferry_device_err err = ferry_device_upload(&d->machine, d->sim->now_ms - d->boot_ms, &request);
    if (err != FERRY_DEVICE_OK &&
        err != FERRY_DEVICE_E_STATE) /* STATE: a result from before a power cut is being confirmed */
        sim_fail(d->sim, "device %u refuses to send %s: error %d", d->no, job->name, (int)err);
    d->job_runs = true;
    job->attempts++;
}

void jobs_finished(struct sim_device *d, const ferry_action *act)
{
    struct sim *s = d->sim;
    struct job *job = jobs_find(d, act->name, act->tag);
    d->job_runs = false;
    if (job == NULL) {
        sim_fail(s, "device %u has sent %s, which it was not told to", d->no, act->name);
    } else if (act->err == FERRY_DEVICE_OK) {
        if (job->finished)
            sim_fail(s, "device %u is told twice that %s was sent", d->no, act->name);
        job->finished = true;
        s->figures.uploads++;
        check_job(d, job);
    } else {
        d->job_after_ms = s->now_ms + chance_between(&s->device_chance, 100, RETRY_MAX_MS);
    }
}
