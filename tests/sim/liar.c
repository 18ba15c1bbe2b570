/* A device that says more than it has done. Nothing is asked of the platform but that it believes none of it: its tasks are files of
 * the device like any other, of which none is ever sent. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

enum { LIE_SIZE = 256, SIZE_MAX_LIED = 600, PAUSE_MAX_MS = 10 * 1000 };

static void on_lie(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    const struct sim_device *liar = subject;
    (void)arg;
    broker_deliver(s, liar->no, owned, strlen(owned));
}

static void say(struct sim *s, struct sim_device *liar, uint64_t in_ms, const char *lie)
{
    char *owned = sim_alloc(LIE_SIZE);
    (void)snprintf(owned, LIE_SIZE, "%s", lie);
    sim_after(s, in_ms, on_lie, liar, 0, owned);
}

static void say_progress(struct sim *s, struct sim_device *liar, uint64_t in_ms, const char *state, unsigned percent)
{
    char lie[LIE_SIZE];
    (void)snprintf(lie, sizeof lie,
                   "{\"type\":\"report_upload_progress\",\"name\":\"%s\",\"progress\":{\"state\":\"%s\",\"percent\":%u,"
                   "\"result_code\":0,\"result_msg\":\"\"}}",
                   liar->jobs[liar->jobs_count - 1].name, state, percent);
    say(s, liar, in_ms, lie);
}

static void begin_lie(struct sim *s, struct sim_device *liar)
{
    char lie[LIE_SIZE], name[SIM_NAME], md5[FERRY_MD5_HEX + 1];
    struct content content = {.number = ++s->contents, .size = 1 + chance_below(&s->faults, SIZE_MAX_LIED)};
    (void)snprintf(name, sizeof name, "f%u", liar->jobs_count);
    content_md5(content, md5);
    jobs_add(liar, name, content);
    (void)snprintf(lie, sizeof lie, "{\"type\":\"create_upload_task\",\"size\":%u,\"name\":\"%s\",\"md5sum\":\"%s\"}",
                   content.size, name, md5);
    say(s, liar, 0, lie);
    uint64_t in_ms = chance_below(&s->faults, PAUSE_MAX_MS);
    if (chance_once_in(&s->faults, 2))
        say_progress(s, liar, in_ms, "uploading", 1 + chance_below(&s->faults, 100));
    say_progress(s, liar, in_ms + chance_below(&s->faults, PAUSE_MAX_MS), "done", 100);
}

void liar_trouble(struct sim *s)
{
    struct sim_device *liar = &s->devices[s->plan.devices];
    if (liar->jobs_count < DEVICE_JOBS_MAX && sim_strikes(s, FAULT_LIE))
        begin_lie(s, liar);
}

void liar_open(struct sim *s)
{
    struct sim_device *liar = &s->devices[s->plan.devices];
    liar->sim = s;
    liar->no = s->plan.devices;
    liar->product = "L";
    (void)snprintf(liar->name, sizeof liar->name, "D%u", liar->no);
}
