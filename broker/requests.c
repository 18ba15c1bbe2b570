#define _GNU_SOURCE /* memmem */
#include "requests.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct asker {
    struct ferry_dict_item item;
    struct request *first;
};

static const char unanswered[] = "get_download_task"; /* has no answer when there is nothing to fetch */

void requests_init(struct requests *r, uint64_t bytes_max)
{
    *r = (struct requests){.bytes_max = bytes_max};
    ferry_dict_init(&r->askers);
}

const char *request_name(const struct request *request)
{
    return request->asker->item.name;
}

static uint64_t size_of(const struct request *request)
{
    return sizeof(*request) + request->len;
}

/* The device is forgotten with its last request. */
static void forget(struct requests *r, struct request *request)
{
    struct asker *asker = request->asker;
    struct request **at = &asker->first;

    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    *(request->older != NULL ? &request->older->newer : &r->oldest) = request->newer;
    *(request->newer != NULL ? &request->newer->older : &r->newest) = request->older;
    r->bytes -= size_of(request);
    free(request);
    if (asker->first != NULL)
        return;
    ferry_dict_remove(&r->askers, &asker->item);
    free(asker);
}

void requests_done(struct requests *r)
{
    while (r->oldest != NULL)
        forget(r, r->oldest);
    ferry_dict_done(&r->askers, NULL);
    requests_init(r, r->bytes_max);
}

static struct asker *find(const struct requests *r, const char *name)
{
    return (struct asker *)ferry_dict_find(&r->askers, name);
}

/* One that waits comes back to a worker as it was. */
static struct request *find_waiting(const struct requests *r, const char *name, const void *payload, size_t len)
{
    const struct asker *asker = find(r, name);
    struct request *request = asker != NULL ? asker->first : NULL;

    while (request != NULL && (request->worker != NULL || request->len != len ||
                               (len > 0 && memcmp(request->payload, payload, len) != 0)))
        request = request->next;
    return request;
}

/* Room for one more of this device, which may be the last one that goes. */
static void make_room(struct requests *r, const char *name, uint64_t size)
{
    const struct asker *asker = find(r, name);
    size_t count = 0;

    for (const struct request *at = asker != NULL ? asker->first : NULL; at != NULL; at = at->next)
        count++;
    if (count >= REQUESTS_PER_DEVICE)
        forget(r, asker->first);
    while (r->oldest != NULL && r->bytes + size > r->bytes_max)
        forget(r, r->oldest);
}

static void append(struct requests *r, struct asker *asker, struct request *request)
{
    struct request **at = &asker->first;

    while (*at != NULL)
        at = &(*at)->next;
    *at = request;
    request->asker = asker;
    request->older = r->newest;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = request;
    r->newest = request;
    r->bytes += size_of(request);
}

void requests_note(struct requests *r, const char *name, const void *payload, size_t len, const void *worker, uint64_t now_ms)
{
    struct request *request = find_waiting(r, name, payload, len);
    struct asker *asker;

    if (request != NULL) {
        request->worker = worker;
        return;
    }
    if (sizeof(*request) + len > r->bytes_max)
        return;
    make_room(r, name, sizeof(*request) + len);
    request = ferry_calloc(1, sizeof(*request) + len);
    asker = request != NULL ? ferry_dict_find_or_add(&r->askers, name, sizeof(struct asker)) : NULL;
    if (asker == NULL) {
        free(request);
        return;
    }
    request->worker = worker;
    request->since_ms = now_ms;
    request->len = len;
    if (len > 0)
        memcpy(request->payload, payload, len);
    append(r, asker, request);
}

void requests_settle(struct requests *r, const char *name, const void *worker)
{
    const struct asker *asker = find(r, name);
    struct request *request = asker != NULL ? asker->first : NULL;

    while (request != NULL && request->worker != worker)
        request = request->next;
    if (request != NULL)
        forget(r, request);
}

static unsigned repeats_max(const struct request *request)
{
    bool maybe_unanswered = memmem(request->payload, request->len, unanswered, sizeof(unanswered) - 1) != NULL;

    return maybe_unanswered ? 1 : REQUESTS_REPEATS_MAX;
}

void requests_take_back(struct requests *r, const void *worker)
{
    struct request *newer;

    for (struct request *request = r->oldest; request != NULL; request = newer) {
        newer = request->newer;
        if (request->worker != worker)
            continue;
        request->worker = NULL;
        if (++request->repeats > repeats_max(request))
            forget(r, request);
    }
}

const struct request *requests_waiting(const struct requests *r, const struct request *previous)
{
    const struct request *request = previous != NULL ? previous->newer : r->oldest;

    while (request != NULL && request->worker != NULL)
        request = request->newer;
    return request;
}

void requests_age(struct requests *r, uint64_t now_ms)
{
    struct request *newer;

    for (struct request *request = r->oldest; request != NULL && now_ms >= request->since_ms + REQUESTS_KEPT_MS; request = newer) {
        newer = request->newer;
        if (request->worker != NULL || now_ms >= request->since_ms + REQUESTS_WAIT_MS)
            forget(r, request);
    }
}
