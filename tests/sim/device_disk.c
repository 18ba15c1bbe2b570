/* A device's disk: what is durable survives a power cut, what is not may go, or turn into rubbish. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

enum { SLOW_MAX_MS = 200, SLOW_ONE_IN = 6 };

struct answer {
    ferry_event event;
    uint32_t life;
};

static void on_answer(struct sim *s, void *subject, uint64_t life, void *owned)
{
    struct sim_device *d = subject;
    const struct answer *answer = owned;
    (void)s;
    if (d->on && d->life == life)
        (void)device_event(d, &answer->event); /* what does not fit any more, the machine says so */
}

/* At once, or a little later: then other things happen in between. */
static void answer(struct sim_device *d, ferry_event event)
{
    struct sim *s = d->sim;
    if (!chance_once_in(&s->device_chance, SLOW_ONE_IN)) {
        (void)device_tell(d, &event);
        return;
    }
    struct answer *later = sim_alloc(sizeof *later);
    later->event = event;
    sim_after(s, chance_between(&s->device_chance, 1, SLOW_MAX_MS), on_answer, d, d->life, later);
}

static bool fails(struct sim_device *d, const ferry_action *act, ferry_fault fault)
{
    if (!sim_strikes(d->sim, FAULT_DEVICE_DISK))
        return false;
    sim_note(d->sim, "disk fails", d->no, &fault, sizeof fault);
    answer(d, (ferry_event){.kind = FERRY_EV_FILE_FAILED, .lane = act->lane, .fault = fault});
    return true;
}

void disk_read(struct sim_device *d, const ferry_action *act)
{
    struct job *job = jobs_find(d, act->name, act->tag);
    if (job == NULL) {
        sim_fail(d->sim, "device %u reads a file that it was not told to send", d->no);
        return;
    }
    if (fails(d, act, FERRY_FAULT_READ))
        return;
    ferry_event event = {.kind = FERRY_EV_READ, .lane = act->lane, .bytes = content_bytes(job->content) + act->offset};
    event.len = (size_t)(job->content.size - act->offset);
    if (chance_once_in(&d->sim->device_chance, 4))
        event.len = 1 + chance_below(&d->sim->device_chance, (uint32_t)event.len);
    answer(d, event);
}

void disk_open(struct sim_device *d, const ferry_action *act)
{
    struct flash *f = &d->flash;
    if (act->offset == 0 || !f->has_part) /* a new one */
        f->part_len = f->durable_len = 0;
    f->has_part = true;
    if (fails(d, act, chance_once_in(&d->sim->faults, 2) ? FERRY_FAULT_SPACE : FERRY_FAULT_WRITE))
        return;
    uint64_t usable = f->part_len >= act->offset ? act->offset : 0;
    f->part_len = (size_t)usable;
    if (f->durable_len > f->part_len)
        f->durable_len = f->part_len;
    answer(d, (ferry_event){.kind = FERRY_EV_OPENED, .lane = act->lane, .offset = usable});
}

bool disk_write(struct sim_device *d, uint64_t offset, const void *bytes, size_t len)
{
    struct flash *f = &d->flash;
    if (offset + len > sizeof f->part)
        return false;
    memcpy(f->part + offset, bytes, len);
    if (offset + len > f->part_len)
        f->part_len = (size_t)offset + len;
    if (f->durable_len > offset)
        f->durable_len = (size_t)offset; /* written over */
    return true;
}

static struct received *received_of(struct sim_device *d, unsigned resource)
{
    for (unsigned i = 0; i < d->received_count; i++) {
        if (d->received[i].resource == resource)
            return &d->received[i];
    }
    d->received = realloc(d->received, (d->received_count + 1) * sizeof *d->received);
    if (d->received == NULL)
        abort();
    d->received[d->received_count] = (struct received){.resource = resource};
    return &d->received[d->received_count++];
}

/* The partial file gets its name: what lies there is compared with what the operator gave, byte by byte. */
void disk_commit(struct sim_device *d, const ferry_action *act)
{
    struct sim *s = d->sim;
    char md5[FERRY_MD5_HEX + 1];
    content_hex(act->md5, md5);
    int resource = operator_resource_of(s, act->name, md5);
    if (resource < 0) {
        sim_fail(s, "device %u receives a file that nobody gave: %s", d->no, act->name);
        return;
    }
    if (fails(d, act, FERRY_FAULT_WRITE))
        return;
    struct received *received = received_of(d, (unsigned)resource);
    if (d->flash.has_part && d->flash.part_len == act->size) {
        if (!content_is(s->resources[resource].content, d->flash.part, d->flash.part_len))
            sim_fail(s, "device %u has wrong bytes in %s", d->no, act->name);
        received->commits++;
        d->flash.has_part = false;
        d->flash.part_len = d->flash.durable_len = 0;
    }
    ferry_event event = {.kind = FERRY_EV_COMMITTED, .lane = act->lane};
    if (received->commits == 0)
        event = (ferry_event){.kind = FERRY_EV_FILE_FAILED, .lane = act->lane, .fault = FERRY_FAULT_GONE};
    answer(d, event);
}

/* First the bytes of the partial file, then the snapshot that counts on them. */
void disk_save(struct sim_device *d, const ferry_action *act)
{
    struct flash *f = &d->flash;
    if (act->lane == FERRY_LANE_DOWN)
        f->durable_len = f->part_len;
    f->snapshot_len[act->lane] = act->len;
    if (act->len > 0)
        memcpy(f->snapshot[act->lane], act->bytes, act->len);
}

void disk_power_cut(struct sim_device *d)
{
    struct flash *f = &d->flash;
    struct chance *c = &d->sim->device_chance;
    size_t lost = f->part_len > f->durable_len ? f->part_len - f->durable_len : 0;
    if (lost == 0)
        return;
    uint32_t kept = chance_below(c, (uint32_t)lost + 1);
    f->part_len = f->durable_len + kept;
    if (chance_once_in(c, 2))
        memset(f->part + f->durable_len, 0, kept);
}
