/* A device's port: carries out what its machine wants. Its power can go before each action. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTIONS_MAX = 20000, /* one after the other without waiting: it never waits */
    OFF_MAX_MS = 30 * 1000,
    POWER_RARE = 30, /* there are many actions */
};

static uint64_t mono_ms(const struct sim_device *d)
{
    return d->sim->now_ms - d->boot_ms;
}

ferry_device_err device_tell(struct sim_device *d, const ferry_event *event)
{
    return ferry_device_event(&d->machine, mono_ms(d), event);
}

ferry_device_err device_event(struct sim_device *d, const ferry_event *event)
{
    ferry_device_err err = device_tell(d, event);
    if (!d->running)
        device_run(d);
    return err;
}

static void on_wake(struct sim *s, void *subject, uint64_t token, void *owned)
{
    struct sim_device *d = subject;
    (void)s, (void)owned;
    if (d->on && token == d->wake_token)
        device_run(d);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void power_on(struct sim *s, void *subject, uint64_t life, void *owned)
{
    struct sim_device *d = subject;
    (void)owned;
    if (d->on || life != d->life)
        return;
    sim_note(s, "power on", d->no, NULL, 0);
    d->on = true;
    d->boot_ms = s->now_ms - chance_below(&s->device_chance, 1000);
    d->job_runs = false;
    if (ferry_device_init(&d->machine, &d->cfg, d->mem, sizeof d->mem, (uint32_t)chance_draw(&s->device_chance),
                          NULL) != FERRY_DEVICE_OK)
        abort();
    for (int lane = 0; lane < FERRY_LANES; lane++) {
        if (d->flash.snapshot_len[lane] == 0)
            continue;
        ferry_device_err err =
            ferry_device_restore(&d->machine, mono_ms(d), d->flash.snapshot[lane], d->flash.snapshot_len[lane]);
        if (err != FERRY_DEVICE_OK)
            sim_fail(s, "device %u does not know its own snapshot: error %d", d->no, (int)err);
    }
    ferry_device_listen(&d->machine, mono_ms(d), true);
    device_run(d);
}

void device_power_off(struct sim_device *d)
{
    struct sim *s = d->sim;
    sim_note(s, "power off", d->no, NULL, 0);
    d->on = false;
    d->life++;
    d->wake_token++;
    broker_hang_up(d);
    for (int lane = 0; lane < FERRY_LANES; lane++)
        http_abort(d, (ferry_lane)lane);
    disk_power_cut(d);
    sim_after(s, chance_between(&s->device_chance, 500, OFF_MAX_MS), power_on, d, d->life, NULL);
}

/* --- actions -------------------------------------------------------------------------------------------- */

static void finished(struct sim_device *d, const ferry_action *act)
{
    struct sim *s = d->sim;
    sim_note(s, act->lane == FERRY_LANE_UP ? "upload ended" : "download ended", d->no, &act->err, sizeof act->err);
    if (act->lane == FERRY_LANE_UP) {
        jobs_finished(d, act);
    } else if (act->err == FERRY_DEVICE_OK) {
        char md5[FERRY_MD5_HEX + 1];
        content_hex(act->md5, md5);
        s->figures.downloads++;
        check_received(d, act->name, md5);
    }
}

static void carry_out(struct sim_device *d, const ferry_action *act)
{
    switch (act->kind) {
    case FERRY_ACT_CONNECT:
        broker_dial(d);
        break;
    case FERRY_ACT_DISCONNECT:
        broker_hang_up(d);
        break;
    case FERRY_ACT_SUBSCRIBE:
        broker_subscribe(d);
        break;
    case FERRY_ACT_PUBLISH:
        broker_publish(d, act->payload, act->len, act->qos);
        break;
    case FERRY_ACT_READ:
        disk_read(d, act);
        break;
    case FERRY_ACT_OPEN:
        disk_open(d, act);
        break;
    case FERRY_ACT_COMMIT:
        disk_commit(d, act);
        break;
    case FERRY_ACT_DISCARD:
        d->flash.has_part = false;
        d->flash.part_len = d->flash.durable_len = 0;
        break;
    case FERRY_ACT_HTTP:
        http_request(d, act);
        break;
    case FERRY_ACT_HTTP_ABORT:
        http_abort(d, act->lane);
        break;
    case FERRY_ACT_SAVE:
        disk_save(d, act);
        break;
    case FERRY_ACT_FINISHED:
        finished(d, act);
        break;
    case FERRY_ACT_WAIT:
        break;
    }
}

static void wait_until(struct sim_device *d, uint64_t deadline_ms)
{
    struct sim *s = d->sim;
    uint64_t at_ms = deadline_ms == UINT64_MAX ? UINT64_MAX : d->boot_ms + deadline_ms;
    bool has_job = d->jobs_next < d->jobs_count && !d->job_runs;
    if (has_job && d->job_after_ms < at_ms)
        at_ms = d->job_after_ms;
    d->wake_token++;
    if (at_ms != UINT64_MAX)
        schedule_add(&s->schedule, at_ms > s->now_ms ? at_ms : s->now_ms + 1, on_wake, d, d->wake_token, NULL);
}

void device_run(struct sim_device *d)
{
    ferry_action act;
    d->running = true;
    for (unsigned i = 0; d->on && i < ACTIONS_MAX; i++) {
        jobs_go_on(d);
        ferry_device_next(&d->machine, mono_ms(d), &act);
        if (act.kind == FERRY_ACT_WAIT) {
            d->running = false;
            wait_until(d, act.deadline_ms);
            return;
        }
        if (sim_strikes_rarely(d->sim, FAULT_DEVICE, POWER_RARE))
            device_power_off(d);
        else
            carry_out(d, &act);
    }
    d->running = false;
    if (d->on)
        sim_fail(d->sim, "device %u never waits", d->no);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

void device_trouble(struct sim *s)
{
    struct sim_device *d = &s->devices[chance_below(&s->faults, s->plan.devices)];
    if (d->on && sim_strikes(s, FAULT_DEVICE))
        device_power_off(d);
}

void devices_heal(struct sim *s)
{
    for (unsigned i = 0; i < s->plan.devices; i++) {
        struct sim_device *d = &s->devices[i];
        if (!d->on)
            sim_after(s, chance_below(&s->device_chance, 1000), power_on, d, d->life, NULL);
    }
}

static void draw_config(struct sim_device *d)
{
    static const uint32_t resumable[] = {1, 1024, UINT32_MAX};
    struct chance *c = &d->sim->device_chance;
    d->cfg = (ferry_device_config){.product = "P", .device = d->name, FERRY_DEVICE_DEFAULTS};
    d->cfg.name_max = DEVICE_NAME_MAX;
    d->cfg.url_max = DEVICE_URL_MAX;
    d->cfg.resumable_bytes = resumable[chance_below(c, 3)];
    if (chance_once_in(c, 2))
        d->cfg.poll_ms = 0; /* it hears of a file by a push alone, as devices of the vendor do */
    d->cfg.save_bytes = 1 + chance_below(c, 2048);
    d->cfg.save_ms = 1 + chance_below(c, 1000);
}

void devices_open(struct sim *s)
{
    s->devices = sim_alloc((s->plan.devices + 1) * sizeof *s->devices);
    for (unsigned i = 0; i < s->plan.devices; i++) {
        struct sim_device *d = &s->devices[i];
        d->sim = s;
        d->no = i;
        d->product = "P";
        (void)snprintf(d->name, sizeof d->name, "D%u", i);
        draw_config(d);
        sim_after(s, chance_below(&s->device_chance, 500), power_on, d, d->life, NULL);
    }
    liar_open(s);
}

void devices_close(struct sim *s)
{
    for (unsigned i = 0; i <= s->plan.devices; i++) {
        free(s->devices[i].jobs);
        free(s->devices[i].received);
    }
    free(s->devices);
}
