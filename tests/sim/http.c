/* HTTP between a device and a worker: heads and bodies as packets, each with its time, and what can become of them. */
#include "http.h"

#include "ferry/http.h"
#include "ferry/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOP_MAX_MS = 20,
    LATE_MAX_MS = 30 * 1000,
    SILENT_MAX_MS = 120 * 1000, /* after which the platform closes a connection in which nothing comes */
    PIECE_MAX = 4096,
};

/* --- its life ------------------------------------------------------------------------------------------- */

void exchange_ref(struct exchange *x)
{
    x->refs++;
}

void exchange_unref(struct exchange *x)
{
    if (--x->refs > 0)
        return;
    if (x->writer != NULL)
        server_drop(x, false);
    *x->prev = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    free(x);
}

static struct exchange *exchange_new(struct sim_device *d, ferry_lane lane)
{
    struct exchange *x = sim_alloc(sizeof *x);
    struct sim *s = d->sim;
    x->sim = s;
    x->refs = 1; /* the device's */
    x->number = ++s->figures.requests;
    x->device = d;
    x->lane = lane;
    x->next = s->exchanges;
    x->prev = &s->exchanges;
    if (x->next != NULL)
        x->next->prev = &x->next;
    s->exchanges = x;
    d->http[lane] = x;
    return x;
}

struct step {
    sim_action *run;
};

static void on_step(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    const struct step *step = owned;
    step->run(s, x, arg, NULL);
    exchange_unref(x);
}

void exchange_after(struct exchange *x, uint64_t ms, sim_action *run)
{
    struct step *step = sim_alloc(sizeof *step);
    step->run = run;
    exchange_ref(x);
    sim_after(x->sim, ms, on_step, x, 0, step);
}

bool exchange_wanted(const struct exchange *x)
{
    return x->device->http[x->lane] == x;
}

bool exchange_served(const struct exchange *x)
{
    return x->worker != NULL && worker_runs(x->worker) && x->worker->life == x->worker_life;
}

uint64_t exchange_hop_ms(struct exchange *x)
{
    struct sim *s = x->sim;
    uint64_t ms = 1 + chance_below(&s->net, HOP_MAX_MS);
    return sim_strikes(s, FAULT_DELAY) ? ms + chance_below(&s->faults, LATE_MAX_MS) : ms;
}

/* The request is over for the device; its machine may begin another one at once. */
static void release(struct exchange *x)
{
    if (!exchange_wanted(x))
        return;
    x->device->http[x->lane] = NULL;
    exchange_unref(x);
}

static void end(struct exchange *x, ferry_fault fault)
{
    struct sim_device *d = x->device;
    ferry_event event = {.kind = FERRY_EV_HTTP_END, .lane = x->lane, .fault = fault};
    sim_note(x->sim, "http end", d->no, &fault, sizeof fault);
    release(x);
    (void)device_tell(d, &event);
    check_bytes(d, event.lane);
    if (!d->running)
        device_run(d);
}

void http_abort(struct sim_device *d, ferry_lane lane)
{
    if (d->http[lane] != NULL)
        release(d->http[lane]);
}

/* --- what breaks it ------------------------------------------------------------------------------------- */

static void on_lost(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    (void)s, (void)arg, (void)owned;
    if (exchange_wanted(x))
        end(x, FERRY_FAULT_LOST);
}

static void on_server_silent(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    (void)s, (void)arg, (void)owned;
    if (x->writer != NULL && exchange_served(x))
        server_drop(x, false);
}

/* Either side may be the first to notice; a half-open one is noticed by time alone. */
void exchange_break(struct exchange *x)
{
    struct sim *s = x->sim;
    bool half_open = chance_once_in(&s->faults, 3);
    sim_note(s, "http breaks", x->device->no, &half_open, sizeof half_open);
    if (!half_open)
        exchange_after(x, chance_below(&s->faults, 100), on_lost);
    if (x->writer != NULL)
        exchange_after(x, chance_below(&s->faults, half_open ? SILENT_MAX_MS : 100), on_server_silent);
}

void http_worker_gone(struct worker *w)
{
    struct exchange *next;
    for (struct exchange *x = w->sim->exchanges; x != NULL; x = next) {
        next = x->next;
        if (x->worker != w || x->worker_life != w->life)
            continue;
        if (x->writer != NULL)
            server_drop(x, true);
        if (exchange_wanted(x))
            exchange_after(x, chance_below(&w->sim->net, 50), on_lost);
    }
}

void http_close(struct sim *s)
{
    for (unsigned i = 0; i < s->plan.devices; i++) {
        for (int lane = 0; lane < FERRY_LANES; lane++)
            http_abort(&s->devices[i], (ferry_lane)lane);
    }
    /* what is planned will not come */
    while (s->exchanges != NULL) {
        s->exchanges->refs = 1;
        exchange_unref(s->exchanges);
    }
}

/* --- the answer ----------------------------------------------------------------------------------------- */

static const uint8_t *as_it_arrives(struct sim *s, const uint8_t *bytes, size_t len, uint8_t copy[CONTENT_MAX])
{
    if (!sim_strikes(s, FAULT_FLIP))
        return bytes;
    memcpy(copy, bytes, len);
    copy[chance_below(&s->faults, (uint32_t)len)] ^= (uint8_t)(1u << chance_below(&s->faults, 8));
    return copy;
}

static void on_body_down(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    struct sim_device *d = x->device;
    ferry_lane_status lane;
    uint8_t copy[CONTENT_MAX];
    (void)arg, (void)owned;
    if (!exchange_wanted(x))
        return;
    if (!exchange_served(x) || !server_may_go_on(x)) {
        end(x, FERRY_FAULT_LOST);
        return;
    }
    if (sim_strikes(s, FAULT_HTTP)) {
        exchange_break(x);
        return;
    }
    if (x->body_at == x->body_len) {
        end(x, FERRY_FAULT_NONE);
        return;
    }
    size_t len = x->body_len - x->body_at;
    if (len > 1 && chance_once_in(&s->net, 2))
        len = 1 + chance_below(&s->net, (uint32_t)len);
    ferry_device_status(&d->machine, FERRY_LANE_DOWN, &lane);
    const uint8_t *bytes = as_it_arrives(s, x->body + x->body_at, len, copy);
    ferry_event event = {.kind = FERRY_EV_BODY, .lane = x->lane, .bytes = bytes, .len = len};
    x->body_at += len;
    exchange_after(x, exchange_hop_ms(x), on_body_down);
    if (!disk_write(d, lane.offset, event.bytes, len))
        sim_fail(s, "device %u takes bytes behind the end of its file", d->no);
    if (device_tell(d, &event) == FERRY_DEVICE_E_UNWANTED)
        release(x);
    check_bytes(d, event.lane);
    device_run(d);
}

static void on_head_down(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    struct sim_device *d = x->device;
    ferry_http_head head = {.status = 0};
    char etag[FERRY_HTTP_ETAG_SIZE];
    (void)arg, (void)owned;
    if (!exchange_wanted(x))
        return;
    if (sim_strikes(s, FAULT_HTTP)) { /* it is done, and the device does not hear so */
        exchange_break(x);
        return;
    }
    sim_note(s, "http answer", d->no, x->head, strlen(x->head));
    for (const char *line = x->head; *line != '\0'; line = strchr(line, '\n') + 1)
        ferry_http_head_line(&head, etag, line, (size_t)(strchr(line, '\n') + 1 - line));
    ferry_event event = {.kind = FERRY_EV_HTTP_HEAD, .lane = x->lane, .head = &head};
    bool unwanted = device_tell(d, &event) == FERRY_DEVICE_E_UNWANTED;
    check_bytes(d, event.lane);
    if (unwanted)
        release(x);
    else if (x->body_len > 0)
        exchange_after(x, exchange_hop_ms(x), on_body_down);
    else
        end(x, FERRY_FAULT_NONE);
    if (d->on)
        device_run(d);
}

void exchange_answer(struct exchange *x)
{
    exchange_after(x, exchange_hop_ms(x), on_head_down);
}

/* --- the request ---------------------------------------------------------------------------------------- */

static void on_body_up(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    uint8_t copy[CONTENT_MAX];
    (void)arg, (void)owned;
    if (!exchange_served(x))
        return;
    if (!exchange_wanted(x)) {
        server_drop(x, false);
        return;
    }
    if (x->writer == NULL) /* the platform has cut it off */
        return;
    if (sim_strikes(s, FAULT_HTTP)) {
        exchange_break(x);
        return;
    }
    size_t len = (size_t)(x->until - x->at);
    if (len > PIECE_MAX || (len > 1 && chance_once_in(&s->net, 3)))
        len = 1 + chance_below(&s->net, (uint32_t)(len > PIECE_MAX ? PIECE_MAX : len));
    ferry_event sent = {.kind = FERRY_EV_SENT, .lane = x->lane, .offset = x->at + len};
    if (len > 0) {
        if (!server_take(x, as_it_arrives(s, content_bytes(x->content) + x->at, len, copy), len))
            return;
        (void)device_event(x->device, &sent);
    }
    if (x->at == x->until)
        server_take_end(x);
    else
        exchange_after(x, exchange_hop_ms(x), on_body_up);
}

void exchange_send_body(struct exchange *x)
{
    exchange_after(x, exchange_hop_ms(x), on_body_up);
}

static void on_no_connection(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    (void)s, (void)arg, (void)owned;
    if (exchange_wanted(x))
        end(x, FERRY_FAULT_CONNECT);
}

static void on_arrived(struct sim *s, void *subject, uint64_t arg, void *owned)
{
    struct exchange *x = subject;
    (void)arg, (void)owned;
    if (!exchange_wanted(x))
        return;
    x->worker = platform_any(s);
    if (x->worker == NULL || sim_strikes(s, FAULT_HTTP)) {
        x->worker = NULL;
        on_no_connection(s, x, 0, NULL);
        return;
    }
    x->worker_life = x->worker->life;
    server_serve(x);
}

void http_request(struct sim_device *d, const ferry_action *act)
{
    struct exchange *x = exchange_new(d, act->lane);
    size_t len = 0;
    if (ferry_http_request(act, x->request.text, sizeof x->request.text - 1, &len) != FERRY_DEVICE_OK) {
        exchange_after(x, 0, on_no_connection);
        return;
    }
    sim_note(d->sim, "http request", d->no, x->request.text, len);
    if (act->lane == FERRY_LANE_UP) {
        struct job *job = jobs_find(d, act->name, act->tag);
        if (job == NULL)
            sim_fail(d->sim, "device %u sends %s, which it was not told to", d->no, act->name);
        else
            x->content = job->content;
    }
    if (!http_request_read(&x->request, len))
        sim_fail(d->sim, "device %u writes no head of HTTP", d->no);
    exchange_after(x, exchange_hop_ms(x), on_arrived);
}
