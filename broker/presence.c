#include "presence.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct presence_device {
    struct ferry_dict_item item;
    uint32_t clients;
    bool waiting; /* in the list of changes */
    struct presence_device *next_change;
    uint64_t since_ms; /* when it came, or went */
};

enum { LIST_FULL = PRESENCE_MESSAGE_MAX - PRESENCE_LINE_MAX };

void presence_init(struct presence *p)
{
    *p = (struct presence){.seq = 0};
    ferry_dict_init(&p->devices);
}

void presence_done(struct presence *p)
{
    ferry_dict_done(&p->devices, free);
    presence_init(p);
}

static void write_name(const struct device_key *device, char out[PRESENCE_NAME_SIZE])
{
    (void)snprintf(out, PRESENCE_NAME_SIZE, "%s/%s", device->product, device->device);
}

static void note_change(struct presence *p, struct presence_device *device, uint64_t now_ms)
{
    device->since_ms = now_ms;
    if (device->waiting)
        return;
    device->waiting = true;
    device->next_change = NULL;
    if (p->last_change != NULL)
        p->last_change->next_change = device;
    else
        p->first_change = device;
    p->last_change = device;
}

ferry_err presence_enter(struct presence *p, const struct device_key *key, uint64_t now_ms)
{
    char name[PRESENCE_NAME_SIZE];
    struct presence_device *device;

    write_name(key, name);
    device = ferry_dict_find_or_add(&p->devices, name, sizeof(*device));
    if (device == NULL)
        return FERRY_E_NOMEM;
    if (device->clients++ == 0)
        note_change(p, device, now_ms);
    return FERRY_OK;
}

void presence_leave(struct presence *p, const struct device_key *key, uint64_t now_ms)
{
    char name[PRESENCE_NAME_SIZE];
    struct presence_device *device;

    write_name(key, name);
    device = (struct presence_device *)ferry_dict_find(&p->devices, name);
    if (device != NULL && device->clients > 0 && --device->clients == 0)
        note_change(p, device, now_ms);
}

/* Takes the first change off; a device that is gone is forgotten with it. */
static void drop_change(struct presence *p)
{
    struct presence_device *device = p->first_change;

    p->first_change = device->next_change;
    if (p->first_change == NULL)
        p->last_change = NULL;
    device->waiting = false;
    if (device->clients > 0)
        return;
    ferry_dict_remove(&p->devices, &device->item);
    free(device);
}

ferry_err presence_take_changes(struct presence *p, struct ferry_buf *out)
{
    ferry_err err;

    if (p->first_change == NULL)
        return FERRY_OK;
    err = presence_write_head(out, &(struct presence_head){.kind = PRESENCE_CHANGES, .seq = ++p->seq});
    while (err == FERRY_OK && p->first_change != NULL && out->len < LIST_FULL) {
        const struct presence_device *device = p->first_change;

        err = presence_write_line(out, device->clients > 0, device->since_ms, device->item.name);
        drop_change(p);
    }
    return err;
}

static const struct presence_device *next_connected(const struct presence *p, const struct ferry_dict_item *at)
{
    do
        at = ferry_dict_next(&p->devices, at);
    while (at != NULL && ((const struct presence_device *)at)->clients == 0);
    return (const struct presence_device *)at;
}

/* The head comes before the lines and says whether they are the last: so they are written first, into what follows it. */
ferry_err presence_write_all(const struct presence *p, struct presence_walk *walk, struct ferry_buf *out)
{
    ferry_autobuf lines = FERRY_BUF_INIT(PRESENCE_MESSAGE_MAX);
    const struct presence_device *device = next_connected(p, walk->at);
    ferry_err err = FERRY_OK;

    while (err == FERRY_OK && device != NULL && lines.len < LIST_FULL - PRESENCE_LINE_MAX) {
        err = presence_write_line(&lines, true, device->since_ms, device->item.name);
        walk->at = &device->item;
        device = next_connected(p, walk->at);
    }
    walk->over = device == NULL;
    if (err == FERRY_OK)
        err = presence_write_head(out, &(struct presence_head){
                                           .kind = PRESENCE_ALL, .seq = p->seq, .part = walk->part++, .end = walk->over});
    return err == FERRY_OK && lines.len > 0 ? ferry_buf_append(out, lines.data, lines.len) : err;
}
