#include "engine.h"

#include <string.h>

enum { URL_LEAST = 64 };

FERRY__APART static void run_down(uint32_t *left, unsigned count, uint32_t ms)
{
    for (; count > 0; count--, left++)
        if (*left != FERRY__NEVER)
            *left = *left > ms ? *left - ms : 0;
}

void ferry__tick(ferry_device *d, uint64_t now_ms)
{
    if (now_ms <= d->now_ms)
        return;
    uint64_t passed = now_ms - d->now_ms;
    uint32_t ms = passed >> 32 == 0 ? (uint32_t)passed : FERRY__NEVER;
    d->now_ms = now_ms;
    run_down(&d->link_left, 1, ms);
    for (lane_state *l = d->lane; l < d->lane + FERRY__LANES; l++)
        run_down(&l->left.due, sizeof l->left / sizeof l->left.due, ms);
}

/* One level of a topic, and nothing that JSON would escape; its alphabet is what the platform sees to. */
static bool ident_fits(const char *ident)
{
    return ident != NULL && strlen(ident) - 1 < FERRY_IDENT_MAX && ident[strcspn(ident, "/+#\"\\")] == '\0';
}

/* None of the times from answer_ms to progress_ms may be 0. */
enum { TIMES = 8 };
typedef char ferry__times_stand_together[offsetof(ferry_device_config, progress_ms) ==
                                                 offsetof(ferry_device_config, answer_ms) + 4 * (TIMES - 1)
                                             ? 1
                                             : -1];

static bool config_valid(const ferry_device_config *cfg)
{
    for (unsigned i = 0; i < TIMES; i++)
        if ((&cfg->answer_ms)[i] == 0)
            return false;
    return ident_fits(cfg->product) && ident_fits(cfg->device) && cfg->name_max >= 1 &&
           cfg->name_max <= FERRY_NAME_MAX && cfg->url_max >= URL_LEAST && cfg->tries_max >= 1;
}

ferry_device_err ferry_device_init(ferry_device *d, const ferry_device_config *cfg, void *mem, size_t mem_bytes,
                                   uint32_t seed, size_t *reterr_need)
{
    if (!config_valid(cfg))
        return FERRY_DEVICE_E_ARG;
    size_t need = FERRY_DEVICE_MEM(cfg->name_max, cfg->url_max);
    if (mem_bytes < need) {
        if (reterr_need != NULL)
            *reterr_need = need;
        return FERRY_DEVICE_E_MEMORY;
    }
    memset(d, 0, sizeof *d);
    d->cfg = cfg;
    d->random = seed != 0 ? seed : 1;
    d->work = mem;
    char *next = d->work + FERRY_DEVICE_WORK(cfg->name_max);
    for (lane_state *l = d->lane; l < d->lane + FERRY__LANES; l++) {
        l->d = d;
        l->cfg = cfg;
        l->down = l != d->lane || FERRY_WITHOUT_UPLOAD;
        l->kept.lane = (uint8_t)(FERRY__SNAPSHOT_VERSION + l->down);
        l->left.due = FERRY__NEVER;
        l->name = next;
        *next = '\0';
        next += cfg->name_max + 1;
        l->url = next;
        next += cfg->url_max + 1;
    }
    return FERRY_DEVICE_OK;
}

FERRY__APART static ferry_device_err upload_begin(lane_state *l, const ferry_upload_request *request)
{
    if (!ferry__name_fits(l, request->name) || request->size == 0)
        return FERRY_DEVICE_E_ARG;
    if (l->phase > FERRY_PHASE_KEPT)
        return FERRY_DEVICE_E_STATE;
    l->told = l->phase == FERRY_PHASE_KEPT && l->kept.size == request->size && l->kept.tag == request->tag &&
              strcmp(l->name, request->name) == 0;
    l->known = l->told || request->md5 != NULL;
    ferry__lane_rewind(l);
    ferry__lane_begin(l);
    l->kept.size = request->size;
    l->kept.tag = request->tag;
    memcpy(l->name, request->name, strlen(request->name) + 1);
    if (request->md5 != NULL)
        memcpy(l->kept.md5, request->md5, FERRY_MD5_BYTES);
    l->todo = l->known ? FERRY__TODO_SAVE : 0;
    ferry__lane_enter(l, l->known ? FERRY_PHASE_ASK : FERRY_PHASE_HASH);
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_upload(ferry_device *d, uint64_t now_ms, const ferry_upload_request *request)
{
    if (FERRY_WITHOUT_UPLOAD)
        return FERRY_DEVICE_E_ARG;
    ferry__tick(d, now_ms);
    return upload_begin(ferry__lane_at(d, FERRY_LANE_UP), request);
}

void ferry_device_fetch(ferry_device *d, uint64_t now_ms)
{
    lane_state *l = ferry__lane_at(d, FERRY_LANE_DOWN);

    if (FERRY_WITHOUT_DOWNLOAD)
        return;
    ferry__tick(d, now_ms);
    if (l->phase == FERRY_PHASE_IDLE)
        ferry__lane_timeout(l);
}

void ferry_device_listen(ferry_device *d, uint64_t now_ms, bool on)
{
    lane_state *l = ferry__lane_at(d, FERRY_LANE_DOWN);

    if (FERRY_WITHOUT_DOWNLOAD)
        return;
    if (on && !d->listening)
        ferry_device_fetch(d, now_ms);
    d->listening = on;
    if (!on && !l->known && l->phase != FERRY_PHASE_END) /* it only asked */
        ferry__lane_enter(l, FERRY_PHASE_IDLE);
}

FERRY__APART static ferry_device_err lane_stop(lane_state *l, ferry_stop how)
{
    if (l->phase == FERRY_PHASE_IDLE || l->phase == FERRY_PHASE_END ||
        (how == FERRY_STOP_FOR_GOOD ? l->phase == FERRY_PHASE_COMMIT || l->phase == FERRY_PHASE_REPORT
                                    : l->phase == FERRY_PHASE_KEPT))
        return FERRY_DEVICE_E_STATE;
    l->why = FERRY_WHY_NONE;
    if (how == FERRY_STOP_FOR_GOOD) {
        l->told &= l->known;
        ferry__lane_report(l, FERRY_DEVICE_E_STOPPED);
    } else
        ferry__lane_end(l, FERRY_DEVICE_E_STOPPED, true);
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_stop(ferry_device *d, uint64_t now_ms, ferry_lane lane, ferry_stop how)
{
    ferry__tick(d, now_ms);
    return ferry__is_built_in(lane) ? lane_stop(ferry__lane_at(d, lane), how) : FERRY_DEVICE_E_STATE;
}

/* The answer to READ, OPEN or COMMIT. */
static ferry_device_err on_file(lane_state *l, const ferry_event *event)
{
    enum { FILE_PHASES = 1 << FERRY_PHASE_HASH | 1 << FERRY_PHASE_OPEN | 1 << FERRY_PHASE_COMMIT };

    if (!l->issued || (FILE_PHASES >> l->phase & 1) == 0)
        return FERRY_DEVICE_E_STATE;
    if (event->kind == FERRY_EV_FILE_FAILED)
        ferry__lane_fault(l, event->fault == FERRY_FAULT_NONE ? FERRY_FAULT_SYSTEM : event->fault);
    else if (!FERRY_WITHOUT_DOWNLOAD && event->kind == FERRY_EV_OPENED && l->phase == FERRY_PHASE_OPEN)
        ferry__download_opened(l, event->offset);
    else if (!FERRY_WITHOUT_DOWNLOAD && event->kind == FERRY_EV_COMMITTED && l->phase == FERRY_PHASE_COMMIT)
        ferry__lane_report(l, FERRY_DEVICE_OK);
    else if (!FERRY_WITHOUT_UPLOAD && event->kind == FERRY_EV_READ && l->phase == FERRY_PHASE_HASH)
        ferry__upload_read(l, event->bytes, event->len);
    else
        return FERRY_DEVICE_E_STATE;
    return FERRY_DEVICE_OK;
}

static ferry_device_err on_message(ferry_device *d, const ferry_event *event)
{
    ferry__downlink msg;

    if (ferry__downlink_read(event->payload, event->len, &msg)) {
        d->link_tries = 0; /* the platform is alive */
        ferry__message(d, &msg);
    }
    return FERRY_DEVICE_OK;
}

FERRY__APART static ferry_device_err on_lane_event(lane_state *l, const ferry_event *event)
{
    if (event->kind <= FERRY_EV_FILE_FAILED)
        return on_file(l, event);
    if (event->kind == FERRY_EV_HTTP_HEAD)
        return ferry__lane_head(l, event->head);
    if (!FERRY_WITHOUT_DOWNLOAD && event->kind == FERRY_EV_BODY)
        return ferry__download_body(l, event->bytes, event->len);
    if (!FERRY_WITHOUT_UPLOAD && event->kind == FERRY_EV_SENT)
        return ferry__lane_sent(l, event->offset);
    if (event->kind != FERRY_EV_HTTP_END || !l->live)
        return FERRY_DEVICE_E_STATE;
    ferry__lane_http_end(l, event->fault);
    return FERRY_DEVICE_OK;
}

ferry_device_err ferry_device_event(ferry_device *d, uint64_t now_ms, const ferry_event *event)
{
    ferry__tick(d, now_ms);
    if (event->kind <= FERRY_EV_SUBSCRIBED)
        return ferry__link_event(d, event);
    if (event->kind == FERRY_EV_MESSAGE)
        return on_message(d, event);
    if (!ferry__is_built_in(event->lane))
        return FERRY_DEVICE_E_ARG;
    return on_lane_event(ferry__lane_at(d, event->lane), event);
}
