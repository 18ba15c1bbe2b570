/* A reader of the event log: no number is missing or comes twice, each change begins where the last one ended, and all of them
 * together lead to what the store has. */
#include "sim.h"

#include "api/event.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 200, FIRST_ROOM = 1024 };

struct known {
    char id[FERRY_ID_LEN + 1];
    char state[EVENT_STATE_SIZE];
};

struct reader {
    uint64_t last, last_ms;
    struct known *known; /* a table of open addresses */
    size_t room, count;
    struct event events[AT_ONCE];
};

void events_reader_open(struct sim *s)
{
    s->reader = sim_alloc(sizeof *s->reader);
    s->reader->room = FIRST_ROOM;
    s->reader->known = sim_alloc(FIRST_ROOM * sizeof(struct known));
}

void events_reader_close(struct sim *s)
{
    free(s->reader->known);
    free(s->reader);
}

static struct known *find(struct reader *r, const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *p = id; *p != '\0'; p++)
        hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
    size_t at = hash & (r->room - 1);
    while (r->known[at].id[0] != '\0' && strcmp(r->known[at].id, id) != 0)
        at = (at + 1) & (r->room - 1);
    return &r->known[at];
}

static void grow(struct reader *r)
{
    struct known *old = r->known;
    size_t room = r->room;
    r->room = 2 * room;
    r->known = sim_alloc(r->room * sizeof *old);
    for (size_t i = 0; i < room; i++) {
        if (old[i].id[0] != '\0')
            *find(r, old[i].id) = old[i];
    }
    free(old);
}

static const char *subject_of(const struct event *e)
{
    switch (e->kind) {
    case EVENT_DOWNLOAD:
    case EVENT_UPLOAD:
        return e->task;
    case EVENT_DEPLOYMENT:
        return e->deployment;
    case EVENT_RESOURCE:
        return e->resource;
    case EVENT_DEVICE:
    case EVENT_ONLINE:
    case EVENT_OFFLINE:
        return NULL;
    }
    return NULL;
}

static void take(struct sim *s, const struct event *e)
{
    struct reader *r = s->reader;
    const char *id = subject_of(e);
    if (e->id != r->last + 1)
        sim_fail(s, "event %" PRIu64 " follows event %" PRIu64, e->id, r->last);
    if (s->plan.workers == 1 && e->time_ms < r->last_ms)
        sim_fail(s, "event %" PRIu64 " is older than the one before", e->id);
    r->last = e->id;
    r->last_ms = e->time_ms;
    if (id == NULL)
        return;
    if (2 * r->count >= r->room)
        grow(r);
    struct known *known = find(r, id);
    if (strcmp(known->state, e->before) != 0)
        sim_fail(s, "event %" PRIu64 ": %s was \"%s\", and is said to have been \"%s\"", e->id, id, known->state,
                 e->before);
    if (known->id[0] == '\0') {
        r->count++;
        memcpy(known->id, id, sizeof known->id);
    }
    memcpy(known->state, e->state, sizeof known->state);
}

void events_read(struct sim *s)
{
    struct reader *r = s->reader;
    size_t count = AT_ONCE;
    while (count == AT_ONCE && !s->failed) {
        if (s->store->ops->event_list(s->conn, r->last, r->events, AT_ONCE, &count) != FERRY_OK)
            sim_fail(s, "events cannot be read");
        for (size_t i = 0; i < count && !s->failed; i++)
            take(s, &r->events[i]);
    }
}

void events_check_tasks(struct sim *s)
{
    struct reader *r = s->reader;
    for (size_t i = 0; i < r->room && !s->failed; i++) {
        const struct known *known = &r->known[i];
        const char *state = "deleted";
        ferry_id id;
        union {
            struct upload_task upload;
            struct download_task download;
            struct deployment deployment;
            struct resource resource;
        } now;
        if (known->id[0] == '\0' || !ferry_id_parse(known->id, FERRY_ID_LEN, &id))
            continue;
        if (s->store->ops->upload_get(s->conn, &id, &now.upload) == FERRY_OK)
            state = upload_state_name(now.upload.state);
        else if (s->store->ops->download_get(s->conn, &id, &now.download) == FERRY_OK)
            state = download_state_name(now.download.state);
        else if (s->store->ops->deployment_get(s->conn, &id, &now.deployment) == FERRY_OK)
            state = deployment_state_name(now.deployment.state);
        else if (s->store->ops->resource_get(s->conn, &id, &now.resource) == FERRY_OK)
            continue;
        if (strcmp(state, known->state) != 0)
            sim_fail(s, "events say that %s is \"%s\", and it is \"%s\"", known->id, known->state, state);
    }
}
